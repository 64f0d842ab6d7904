//! Words that do not belong into the project: paths of the machine it is written on, names of tools that it does not
//! depend on, hosts of package registries (clients know theirs).
use crate::{Report, files};
use std::path::Path;

/// Hashes of forbidden words and host names, so that this file holds none of them. `cargo xtask words --hash WORD` makes one.
const FORBIDDEN: &[u64] = &[
    0x04dc_2554_6038_2976,
    0x0702_bf46_1365_8751,
    0x125b_6919_1db9_4ab8,
    0x1f62_1cab_7c0f_866e,
    0x2391_9480_3edf_98f7,
    0x2524_b426_1996_11b3,
    0x2bc2_2df0_3884_078d,
    0x2ffb_778d_fae5_4384,
    0x4280_e234_33e5_37a4,
    0x4622_376f_a414_0cb3,
    0x4a12_c294_d30d_3947,
    0x74c1_c6a6_88ab_3cce,
    0x7a3c_735f_7f6d_b37f,
    0x7f7a_7547_86a6_64b8,
    0x8a1b_8f4a_0a91_3503,
    0x9df7_a5ab_25e1_25d9,
    0xa113_d274_5d70_6ce3,
    0xa233_cd01_de1d_da83,
    0xac2c_9ab2_5e21_3f6f,
    0xc550_f37d_20f6_ca83,
    0xd4c8_0b5a_1bd0_7e8e,
    0xde35_e608_c3c2_ca95,
    0xea9e_60ad_81da_16f1,
    0xf5f1_1019_0cf0_efce,
];

/// Files of other programs, which name registries by themselves.
const SKIPPED: &[&str] = &["Cargo.lock"];

/// Looks through every text file that git tracks or would track.
pub(crate) fn run(root: &Path) -> Result<Report, String> {
    let listed = files::output(
        root,
        "git",
        &[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
    )
    .ok_or("git does not list the files")?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let mut machine = vec![format!("{}/", root.display())];
    machine.extend(
        std::env::var("HOME")
            .ok()
            .filter(|h| h.len() > 1)
            .map(|h| format!("{}/", h.trim_end_matches('/'))),
    );
    let mut findings = Vec::new();
    let mut count = 0;
    for path in listed
        .split('\0')
        .filter(|p| !p.is_empty() && !SKIPPED.contains(p))
    {
        let Ok(bytes) = std::fs::read(root.join(path)) else {
            continue;
        };
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        count += 1;
        for (number, line) in text.lines().enumerate() {
            if let Some(what) = found(line, &machine, FORBIDDEN) {
                findings.push(format!("{path}:{}: {what}", number + 1));
            }
        }
    }
    Ok(Report {
        summary: format!("{count} text files"),
        findings,
    })
}

/// FNV-1a of 64 bits.
pub(crate) fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What is wrong with a line.
fn found(line: &str, machine: &[String], forbidden: &[u64]) -> Option<String> {
    let path = |p: &str| {
        line.match_indices(p).any(|(at, _)| {
            !line[..at]
                .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))
        })
    };
    if machine.iter().any(|p| path(p)) || home(line) {
        return Some("an absolute path of a machine".to_owned());
    }
    let lower = line.to_lowercase();
    let hosts = lower
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-')))
        .map(|h| h.trim_matches('.'));
    let words = lower.split(|c: char| !c.is_alphanumeric());
    hosts
        .chain(words)
        .find(|w| !w.is_empty() && forbidden.contains(&hash(w)))
        .map(|w| {
            format!(
                "a word that does not belong here ({} letters, from {:?})",
                w.chars().count(),
                w.chars().next().unwrap_or(' ')
            )
        })
}

/// A path in somebody's home: `/home/<name>/`, `/Users/<name>/`.
fn home(line: &str) -> bool {
    ["/home/", "/Users/"].iter().any(|start| {
        line.match_indices(start).any(|(at, _)| {
            let alone = !line[..at].ends_with(|c: char| {
                c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '}')
            });
            let name = line[at + start.len()..]
                .split('/')
                .next()
                .unwrap_or_default();
            alone
                && !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                && line[at + start.len() + name.len()..].starts_with('/')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_machine_are_found() {
        let machine = vec!["/srv/usher/".to_owned()];
        // Put together here, so that this file passes its own check.
        let homes = ["home", "Users"].map(|folder| format!("\"/{folder}/ada/x\""));
        for bad in ["see /srv/usher/a.rs", &homes[0], &homes[1]] {
            assert!(found(bad, &machine, &[]).is_some(), "{bad}");
        }
        for good in [
            "https://example.com/srv/usher/",
            "/srv/usher2/",
            "/v1/home/page",
            "GET /home/ x",
        ] {
            assert_eq!(found(good, &machine, &[]), None, "{good}");
        }
    }

    #[test]
    fn forbidden_words_are_found_in_any_case_and_only_whole() {
        let forbidden = [hash("frobnicator"), hash("registry.example")];
        for bad in [
            "The Frobnicator.",
            "a_frobnicator",
            "https://registry.example/x",
            "registry.example.",
        ] {
            assert!(found(bad, &[], &forbidden).is_some(), "{bad}");
        }
        for good in [
            "frobnicators",
            "my-registry.example.org",
            "registry example",
        ] {
            assert_eq!(found(good, &[], &forbidden), None, "{good}");
        }
    }
}
