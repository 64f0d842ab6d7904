//! The parsers and what must hold of them.
#![expect(
    clippy::expect_used,
    reason = "a property that is broken is a panic, which the runner reports"
)]
mod secrets;
mod texts;
mod values;

use crate::Target;

/// Every target.
pub const ALL: &[Target] = &[
    texts::COOKIE,
    texts::PERCENT,
    texts::FORM,
    texts::URL,
    texts::HOST,
    texts::AGENT,
    texts::EMAIL,
    texts::DATE,
    texts::WALLET,
    texts::ID,
    texts::MESSAGE,
    texts::MULTIPART,
    values::IMAGE,
    values::JSON,
    values::BODY,
    values::METADATA,
    values::CONFIG,
    values::SETTINGS,
    values::TEMPLATE,
    secrets::BASE64URL,
    secrets::JWT,
    secrets::SEAL,
    secrets::DIGEST,
    secrets::PUBLISHABLE,
    secrets::MASTER,
];

fn text(input: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(input)
}

fn owned(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|s| s.as_bytes().to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use crate::{Until, run};
    use std::io::Write as _;

    /// A moment of one target; the inputs are counted for the evidence.
    fn brief(name: &str) {
        let target = ALL.iter().find(|t| t.name == name).expect("a target");
        let until = Until::Inputs(if matches!(name, "digest" | "image") {
            2_000
        } else {
            20_000
        });
        match run(target, 1, until) {
            Ok(outcome) => {
                assert!(outcome.accepted > 0, "no input of {name} was accepted");
                if let Some(path) = std::env::var_os("USHER_FIGURES") {
                    let line = format!("{{\"fuzz_executions\":{}}}\n", outcome.executions);
                    let mut file = std::fs::OpenOptions::new();
                    let mut file = file.create(true).append(true).open(path).expect("a file");
                    file.write_all(line.as_bytes()).expect("a line");
                }
            }
            Err(input) => panic!("{name}: broken by {:?}", String::from_utf8_lossy(&input)),
        }
    }

    #[test]
    fn fuzz_cookie() {
        brief("cookie");
    }
    #[test]
    fn fuzz_percent() {
        brief("percent");
    }
    #[test]
    fn fuzz_form() {
        brief("form");
    }
    #[test]
    fn fuzz_url() {
        brief("url");
    }
    #[test]
    fn fuzz_host() {
        brief("host");
    }
    #[test]
    fn fuzz_agent() {
        brief("agent");
    }
    #[test]
    fn fuzz_email() {
        brief("email");
    }
    #[test]
    fn fuzz_date() {
        brief("date");
    }
    #[test]
    fn fuzz_wallet() {
        brief("wallet");
    }
    #[test]
    fn fuzz_id() {
        brief("id");
    }
    #[test]
    fn fuzz_message() {
        brief("message");
    }
    #[test]
    fn fuzz_multipart() {
        brief("multipart");
    }
    #[test]
    fn fuzz_image() {
        brief("image");
    }
    #[test]
    fn fuzz_json() {
        brief("json");
    }
    #[test]
    fn fuzz_body() {
        brief("body");
    }
    #[test]
    fn fuzz_metadata() {
        brief("metadata");
    }
    #[test]
    fn fuzz_config() {
        brief("config");
    }
    #[test]
    fn fuzz_settings() {
        brief("settings");
    }
    #[test]
    fn fuzz_jwt_template() {
        brief("jwt_template");
    }
    #[test]
    fn fuzz_base64url() {
        brief("base64url");
    }
    #[test]
    fn fuzz_jwt() {
        brief("jwt");
    }
    #[test]
    fn fuzz_seal() {
        brief("seal");
    }
    #[test]
    fn fuzz_digest() {
        brief("digest");
    }
    #[test]
    fn fuzz_publishable() {
        brief("publishable");
    }
    #[test]
    fn fuzz_master() {
        brief("master");
    }

    #[test]
    fn a_broken_property_is_found() {
        let mut target = ALL[0];
        target.run = |input| {
            assert!(!input.contains(&b'%'), "on purpose");
            true
        };
        assert!(run(&target, 1, Until::Inputs(5_000)).is_err());
    }
}
