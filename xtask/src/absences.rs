//! What is not in the program, as tests: the claims of `docs/security/asvs.tsv` that say "there is none".
use crate::files::{self, File};
use crate::source::Source;

/// The program's own sources, without their tests.
fn program() -> Vec<File> {
    let mut all = files::rust(&files::root(), &["crates"]).unwrap();
    all.retain(|f| f.path.contains("/src/") && !f.path.ends_with("tests.rs"));
    assert!(all.len() > 80, "{}", all.len());
    all
}

/// Where one of the words stands in the code (texts and comments do not count).
fn code_with(words: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    for file in program() {
        let source = Source::parse(&file.text);
        for word in words {
            if source.code.contains(word) {
                out.push(format!("{}: {word}", file.path));
            }
        }
    }
    out
}

/// Names of the packages that everything is built from.
fn packages() -> Vec<String> {
    let lock = files::read(&files::root(), "Cargo.lock").unwrap();
    let names = lock.lines().filter_map(|l| l.strip_prefix("name = "));
    let names: Vec<String> = names.map(|n| n.trim_matches('"').to_owned()).collect();
    assert!(names.len() > 100, "{}", names.len());
    names
}

/// The packages that need this one by themselves.
fn needed_by(name: &str) -> Vec<String> {
    let lock = files::read(&files::root(), "Cargo.lock").unwrap();
    let entry = format!("\n \"{name}\"");
    lock.split("[[package]]")
        .filter(|package| package.contains(&entry))
        .filter_map(|package| package.split('"').nth(1))
        .map(str::to_owned)
        .collect()
}

fn none_called(words: &[&str]) {
    let found: Vec<String> = packages()
        .into_iter()
        .filter(|name| {
            words
                .iter()
                .any(|w| name.split(['-', '_']).any(|p| p == *w))
        })
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_program_starts_no_other_program() {
    assert_eq!(
        code_with(&[
            "process::Command",
            "Command::new",
            "libc::exec",
            "posix_spawn"
        ]),
        Vec::<String>::new()
    );
}

#[test]
fn no_code_of_ours_is_unsafe() {
    let root = files::read(&files::root(), "Cargo.toml").unwrap();
    assert!(root.contains("unsafe_code = \"forbid\""));
    let members = root.split("members = [").nth(1).unwrap();
    let members = members.split(']').next().unwrap();
    for member in members.split(',').map(|m| m.trim().trim_matches('"')) {
        let manifest = files::read(&files::root(), &format!("{member}/Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member}");
    }
    assert_eq!(
        code_with(&["unsafe {", "unsafe fn", "unsafe impl"]),
        Vec::<String>::new()
    );
}

#[test]
fn no_parser_is_built_in_for_what_is_not_spoken() {
    none_called(&[
        "ldap",
        "ldap3",
        "xpath",
        "latex",
        "tex",
        "memcache",
        "memcached",
        "jndi",
        "graphql",
        "juniper",
        "xml",
        "libxml",
        "xmlsec",
        "samael",
        "yaml",
        "pickle",
        "bincode",
        "zip",
        "tar",
        "tungstenite",
        "websocket",
    ]);
}

#[test]
fn nothing_that_callers_send_is_unpacked() {
    // The scripts inside the binary are packed at build time, and unpacked for browsers that ask for them plain.
    let found = code_with(&[
        "GzDecoder",
        "ZlibDecoder",
        "DeflateDecoder",
        "Decompress",
        "BrotliDecompress",
        "ZipArchive",
    ]);
    let found = found
        .into_iter()
        .filter(|p| !p.starts_with("crates/assets/"));
    assert_eq!(found.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn cryptography_is_of_one_library() {
    none_called(&[
        "openssl",
        "rust-crypto",
        "sodiumoxide",
        "native-tls",
        "libsodium",
        "curve25519",
        "ed25519",
    ]);
    // A second RSA comes with the library of passkeys only, which has no private key to leak (decision 26).
    assert_eq!(needed_by("rsa"), ["crypto-glue"]);
    assert_eq!(
        needed_by("crypto-glue"),
        ["webauthn-attestation-ca", "webauthn-rs-core"]
    );
    assert_eq!(code_with(&["crypto_glue"]), Vec::<String>::new());
    // The curve of wallets and its hash, which AWS-LC does not have, are named in one place (decision 30).
    let wallets = code_with(&["k256::", "sha3::"]);
    assert!(
        !wallets.is_empty()
            && wallets
                .iter()
                .all(|place| place.starts_with("crates/crypto/src/web3")),
        "{wallets:?}"
    );
    // Broken ciphers and modes are named nowhere, and MD5 only where digests of others are taken over.
    let weak = code_with(&[
        "Ecb",
        "ECB",
        "Cbc<",
        "CBC",
        "Rc4",
        "RC4",
        "Des<",
        "TripleDes",
        "Blowfish::",
        "AES_128",
    ]);
    assert_eq!(weak, Vec::<String>::new());
    let md5: Vec<String> = code_with(&["md5::", "Md5::", "use md5"])
        .into_iter()
        .filter(|place| !place.starts_with("crates/crypto/src/password/imported"))
        .collect();
    assert_eq!(md5, Vec::<String>::new());
}

#[test]
fn no_certificate_goes_unchecked() {
    assert_eq!(
        code_with(&[
            "danger",
            "accept_invalid",
            "NoVerifier",
            "dangerous()",
            "ServerCertVerifier",
            "verify_none",
            "SslMode::Disable"
        ]),
        Vec::<String>::new()
    );
}

#[test]
fn nothing_that_callers_send_becomes_a_pattern_or_a_program() {
    assert_eq!(
        code_with(&[
            "Regex::new",
            "RegexBuilder",
            "regex::",
            "rhai::",
            "mlua::",
            "boa_engine",
            "wasmtime",
            "handlebars",
            "tera::",
            "minijinja"
        ]),
        Vec::<String>::new()
    );
    for folder in ["portal", "inbox", "shared"] {
        for entry in std::fs::read_dir(files::root().join("web").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            for word in [
                "eval(",
                "new Function",
                "document.write",
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "setTimeout(\"",
                "postMessage(",
                "localStorage",
                "document.domain",
            ] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

#[test]
fn no_hint_and_no_question_is_kept() {
    for entry in std::fs::read_dir(files::root().join("crates/db/migrations")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let columns = text.lines().filter(|l| !l.trim_start().starts_with("--"));
        for line in columns.map(str::to_lowercase) {
            for word in ["password_hint", "question", "mothers", "security_answer"] {
                assert!(!line.contains(word), "{line}");
            }
        }
    }
}

#[test]
fn every_package_comes_from_the_one_registry() {
    let lock = files::read(&files::root(), "Cargo.lock").unwrap();
    let sources: std::collections::BTreeSet<&str> = lock
        .lines()
        .filter_map(|l| l.strip_prefix("source = "))
        .collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources.iter().all(|s| s.starts_with("\"registry+")));
    let with_checksum = lock.matches("checksum = ").count();
    assert_eq!(with_checksum, lock.matches("source = ").count());
    let deny = files::read(&files::root(), "deny.toml").unwrap();
    assert!(
        deny.contains("unknown-registry = \"deny\"") && deny.contains("unknown-git = \"deny\"")
    );
}
