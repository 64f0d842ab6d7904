//! Parsers of tokens, keys and digests.
use super::{owned, text};
use crate::Target;
use std::sync::LazyLock;
use usher_crypto::digest::{b64url, b64url_decode};
use usher_crypto::jwt::{self, Category, Signer};
use usher_crypto::password;
use usher_crypto::rng::Rng;
use usher_crypto::seal::Master;
use usher_crypto::signing::SigningKey;
use usher_server::instances::keys;

/// Every byte string has one accepted text.
pub(super) const BASE64URL: Target = Target {
    name: "base64url",
    seeds: || owned(&["-_8", "AAAA", "", "eyJhbGciOiJSUzI1NiJ9"]),
    words: &["=", "==", "+", "/", "-", "_", "A"],
    run: |input| {
        let text = text(input);
        let Some(bytes) = b64url_decode(&text) else {
            return false;
        };
        assert_eq!(b64url(&bytes), text);
        true
    },
};

/// A signer and the one token that it made.
static SIGNED: LazyLock<(Signer, String)> = LazyLock::new(|| {
    let (key, _) = SigningKey::generate().expect("a key");
    let signer = Signer::new(key, "ins_1");
    let token = signer.sign(Category::Session, 1, r#"{"sid":"sess_1","exp":9999999999}"#);
    let token = token.expect("a token");
    (signer, token)
});

/// Nothing but the token that was signed is accepted, to its last bit.
pub(super) const JWT: Target = Target {
    name: "jwt",
    seeds: || {
        let token = &SIGNED.1;
        let parts: Vec<&str> = token.split('.').collect();
        let none = b64url(br#"{"alg":"none","kid":"ins_1","typ":"JWT"}"#);
        vec![
            token.clone().into_bytes(),
            format!("{none}.{}.", parts[1]).into_bytes(),
            format!("{}.{}.", parts[0], parts[1]).into_bytes(),
        ]
    },
    words: &[".", "=", "eyJhbGciOiJub25lIn0", "eyJ", "AAAA", "-", "_"],
    run: |input| {
        let (signer, token) = &*SIGNED;
        let text = text(input);
        let find = |kid: &str| (kid == "ins_1").then(|| signer.key().public());
        let accepted = jwt::verify(&text, find).is_ok();
        assert_eq!(accepted, text == *token, "{text}");
        accepted
    },
};

static SEALED: LazyLock<(Master, String)> = LazyLock::new(|| {
    let rng = Rng::seeded(1);
    let master = Master::generate(&rng);
    let sealed = master.seal(&rng, "fuzz", b"a secret of some length");
    (master, sealed)
});

/// Nothing but what was sealed is opened, and only for its purpose.
pub(super) const SEAL: Target = Target {
    name: "seal",
    seeds: || vec![SEALED.1.clone().into_bytes()],
    words: &["$", ".", ":", "=", "A", "1", "_"],
    run: |input| {
        let (master, sealed) = &*SEALED;
        let text = text(input);
        let opened = master.open("fuzz", &text);
        assert_eq!(opened.is_ok(), text == *sealed, "{text}");
        assert!(master.open("another", &text).is_err());
        opened.is_ok()
    },
};

const HASHERS: &[&str] = &[
    "bcrypt",
    "bcrypt_sha256_django",
    "bcrypt_peppered",
    "argon2i",
    "argon2id",
    "pbkdf2_sha256",
    "pbkdf2_sha256_django",
    "pbkdf2_sha512",
    "pbkdf2_sha512_hex",
    "scrypt_firebase",
    "scrypt_werkzeug",
    "pbkdf2_sha1",
    "phpass",
    "md5_phpass",
    "ldap_ssha",
    "md5",
    "md5_salted",
    "sha256",
    "sha256_salted",
    "sha512_symfony",
];

/// Digests of other systems are taken or refused at once, whatever costs they claim.
pub(super) const DIGEST: Target = Target {
    name: "digest",
    seeds: || {
        owned(&[
            "bcrypt\n$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
            "md5\n5f4dcc3b5aa765d61d8327deb882cf99",
            "argon2id\n$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A",
            "pbkdf2_sha256_django\npbkdf2_sha256$260000$c2FsdA$ckxkqHbBGVGFDKvXN8hYD+KJXWUAoYGqKaVSmdlPRnk=",
            "scrypt_werkzeug\nscrypt:32768:8:1$salt$00",
            "phpass\n$P$B12345678L6Lpt4BxNotVIMILOa9u81",
            "ldap_ssha\n{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "sha512_symfony\n5000$salt$00",
        ])
    },
    words: &[
        "$",
        "$2b$31$",
        "m=4294967295",
        "t=4294967295",
        "p=255",
        "4294967296$",
        "{SSHA}",
        "=",
        ":",
        "bcrypt\n",
        "argon2i\n",
        "scrypt_firebase\n",
    ],
    run: |input| {
        let text = text(input);
        let (hasher, digest) = text.split_once('\n').unwrap_or(("bcrypt", &text));
        match password::import(hasher, digest, 4, b"pepper", &Rng::seeded(1)) {
            Ok(stored) => {
                assert!(HASHERS.contains(&hasher));
                assert!(stored.starts_with(&format!("i1${hasher}$$")));
                assert!(password::needs_rehash(&stored, 10));
                true
            }
            Err(password::ImportError::UnknownHasher) => {
                assert!(!HASHERS.contains(&hasher));
                false
            }
            Err(password::ImportError::BadDigest) => false,
        }
    },
};

/// A publishable key carries its host and nothing else; the cookies' suffix fits into a cookie's name.
pub(super) const PUBLISHABLE: Target = Target {
    name: "publishable",
    seeds: || owned(&["127.0.0.1:8787", "clerk.example.com", "a.b"]),
    words: &[".", ":", "-", "example", "$"],
    run: |input| {
        let host = text(input);
        let key = keys::publishable(&host);
        let body = key.strip_prefix("pk_live_").expect("a prefix");
        // The alphabets differ in two letters only.
        let decoded = b64url_decode(&body.replace('+', "-").replace('/', "_"));
        assert_eq!(decoded, Some(format!("{host}$").into_bytes()));
        let suffix = keys::cookie_suffix(&key);
        assert_eq!(suffix.len(), 8);
        assert!(
            suffix
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
        true
    },
};

/// A master key is 64 hexadecimal digits.
pub(super) const MASTER: Target = Target {
    name: "master",
    seeds: || vec![b"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF".to_vec()],
    words: &["0x", "0", "f", "F", " "],
    run: |input| {
        let text = text(input);
        let Ok(master) = Master::from_hex(&text) else {
            return false;
        };
        assert!(text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(*master.to_hex(), text.to_ascii_lowercase());
        true
    },
};
