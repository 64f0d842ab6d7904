use super::*;
use crate::password::{needs_rehash, verify};

const PEPPER: &[u8] = b"pepper";
const PASSWORD: &str = "pässword 1";

/// Of Python's hashlib, bcrypt, argon2-cffi, passlib, Django and Werkzeug, for [`PASSWORD`].
const VECTORS: &[(&str, &str)] = &[
    (
        "bcrypt",
        "$2a$04$nIj.nwbzBMwbI3nZicNzE.EvChnJPfGAy3.1HvZD5UTi6bdCVOGBq",
    ),
    (
        "bcrypt",
        "$2b$04$1QYUj6twxzGHrTOkX4cYv.r4uBGQJ0FTUFeH50vGW50mIthytX5dG",
    ),
    (
        "bcrypt",
        "$2y$05$JAz7rhaONA5yxCiBe/UBeelW5tOj/V4Ef.oX2b1/eG5aS1BqTIbxu",
    ),
    (
        "bcrypt_sha256_django",
        "bcrypt_sha256$$2b$04$jfcnAwRIPcl80Y.RMruEveldNtfAPc8NLpc2QsrxUjtLXYwaDX2ZO",
    ),
    (
        "bcrypt_peppered",
        "$2b$04$IY/Q14wDbn827og6130auOOTATkh9dnzv4z.U4UYnfQPsSjFhQnf2$pep$per",
    ),
    (
        "argon2i",
        "$argon2i$v=19$m=64,t=2,p=2$EVSMijPZa3VWPj7mTyMYzQ$+QhhMVqy+fy3hwfzkG/HbTMemabMm75HVEQ65KfrpDs",
    ),
    (
        "argon2id",
        "$argon2id$v=19$m=64,t=2,p=2$kgza58NYGxq0viSjrProaw$qq8Q15XKXQyFYy6g9iumjydoV44KC/T6DD6QRWwrOSg",
    ),
    (
        "pbkdf2_sha1",
        "pbkdf2_sha1$1000$saltysalt$43982cd2eef3ebc9343af530f88b53cdd370e1e65777ca9d5509c7e4198c8597",
    ),
    (
        "pbkdf2_sha1",
        "pbkdf2_sha1$1000$00ff10Ab$df6f3781d076dc0c7666891baf7b27c4df188d19$20",
    ),
    (
        "pbkdf2_sha256",
        "pbkdf2_sha256$1000$c2FsdHlzYWx0MQ==$j04Wg6fIDhz7CsZtXU31IC8O5JWzzg4xyxAH3g0UJBg=",
    ),
    (
        "pbkdf2_sha256_django",
        "pbkdf2_sha256$1000$saltysalt1$j04Wg6fIDhz7CsZtXU31IC8O5JWzzg4xyxAH3g0UJBg=",
    ),
    (
        "pbkdf2_sha512",
        "pbkdf2_sha512$1000$saltysalt1$391059e42afbb67435cdb4f0895ede0a1df367036fd990e0493edd0baaf62dee2bc9284e634d22c6bbbd1249d4e607a619f5a2ce4cff9fa5652fb00654a7c605",
    ),
    (
        "pbkdf2_sha512_hex",
        "pbkdf2_sha512_hex$1000$73616c747973616c7431$391059e42afbb67435cdb4f0895ede0a1df367036fd990e0493edd0baaf62dee2bc9284e634d22c6bbbd1249d4e607a619f5a2ce4cff9fa5652fb00654a7c605",
    ),
    ("phpass", "$P$5BE.PneUhB.AhffCS7/XD1a8A8p10C."),
    ("phpass", "$H$61SJVwE6VQDCKp0dfmyQGuBDzFJiK5."),
    ("md5_phpass", "$P$5XARtzmS/kfJ31ytSN2gBS9gdql5aq."),
    (
        "scrypt_firebase",
        "Hr6bbWqt9yS0+qBE9nDSTZatL64oR4y00Kr/rrZFzx16qbtB8qmXwOAgkAgaE6UgVlSfPWlGMWvf9hMAXmyA/w==$ZmJzYWx0MQ==$Y4Rm1IrOwHkNbGRbpYKDwwIwGfdYnuH064sQpr/VEsQPvNO81wCGlZ4JUpRPVqG8jyO2V7RXu9594m+irfIR/A==$Bw==$8$10",
    ),
    (
        "scrypt_werkzeug",
        "scrypt:1024:8:1$1ZbFww8btcOyTGrn$55979e3dd24c6d89bd75d9f319f969d59467e830bcdc88ba79632b2cea95a854e9e1dcc3742872e3434615120b39079d4ab58da56011f5b4739a373f273aa4e7",
    ),
    (
        "scrypt_werkzeug",
        "$scrypt:1024:8:1$1ZbFww8btcOyTGrn$55979e3dd24c6d89bd75d9f319f969d59467e830bcdc88ba79632b2cea95a854e9e1dcc3742872e3434615120b39079d4ab58da56011f5b4739a373f273aa4e7",
    ),
    (
        "scrypt_werkzeug",
        "scrypt:1024:8:1$1ZbFww8btcOyTGrn$VZeePdJMbYm9ddnzGflp1ZRn6DC83Ii6eWMrLOqVqFTp4dzDdChy40NGFRILOQedSrWNpWAR9bRzmjc/Jzqk5w==",
    ),
    ("ldap_ssha", "{SSHA}0RZcw3fQb3Ft5vZrKqu+JM43r7rPubfW"),
    ("md5", "ee0a0fa09df7c1e10c13c2792a1c5fba"),
    ("md5", "EE0A0FA09DF7C1E10C13C2792A1C5FBA"),
    (
        "sha256",
        "7fb44446e5a139b3b7a07722161b693429c6843d053412fb0b21370242b8bdb0",
    ),
    ("md5_salted", "sa$lt$5709ec76afaf660500cc8e329d96a761"),
    ("md5_salted", "salt$b9fdf3d151fbe1d4e6ce2cf288f01cf7"),
    (
        "sha256_salted",
        "salt$22c06c39c0894be019f2d7be46f7160747990838d6a4855981df373b884d3a30",
    ),
    (
        "sha256_salted",
        "salt$13e9b21cdd5452a66e00174721bae5df22958e4f74cb582bc6551b78771e2535",
    ),
    (
        "sha512_symfony",
        "sha512_symfony$50$salt$nL2KfMlepgZPMRoTf3IUFfNIsgM4HSrL6g4T9lmux53Yxy+N85eFqQIpCSZNo6QqPQ1Pmh4TQxbomMwKFH/jPw==",
    ),
    (
        "sha512_symfony",
        "sha512_symfony$1$$CKWQ1bFe+6HuV0fkV78KrhRH5bOjFVbkHBnd8vTWw2lc3YVFx8X2I6wtGQoVpZVuVsftC++RLO5GPIvd7H4Lyg==",
    ),
];

const WEAK: &[&str] = &[
    "md5",
    "md5_salted",
    "sha256",
    "sha256_salted",
    "sha512_symfony",
    "phpass",
    "md5_phpass",
    "ldap_ssha",
    "pbkdf2_sha1",
];

fn imported(hasher: &str, digest: &str) -> Result<String, ImportError> {
    import(hasher, digest, 4, PEPPER, &Rng::seeded(1))
}

#[test]
fn digests_of_every_hasher_verify() {
    for (hasher, digest) in VECTORS {
        let stored = imported(hasher, digest).unwrap();
        assert!(stored.starts_with(&format!("i1${hasher}$$")), "{stored}");
        assert!(verify(&stored, PASSWORD, PEPPER), "{stored}");
        assert!(!verify(&stored, "password 1", PEPPER), "{stored}");
        assert!(!verify(&stored, "", PEPPER), "{stored}");
        assert!(needs_rehash(&stored, 4));
    }
}

#[test]
fn every_hasher_has_a_vector_and_is_strong_or_weak() {
    assert_eq!(HASHERS.len(), 20);
    for hasher in HASHERS {
        assert!(VECTORS.iter().any(|(name, _)| *name == hasher.name));
        let weak = matches!(hasher.kind, Kind::Weak(_));
        assert_eq!(weak, WEAK.contains(&hasher.name), "{}", hasher.name);
    }
}

#[test]
fn the_published_vector_of_firebase_verifies() {
    let stored = imported(
        "scrypt_firebase",
        "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==\
         $42xEC+ixf3L2lw==\
         $jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==\
         $Bw==$8$14",
    )
    .unwrap();
    assert!(verify(&stored, "user1password", PEPPER));
    assert!(!verify(&stored, "user1passwore", PEPPER));
}

#[test]
fn weak_digests_are_not_at_rest_and_need_the_pepper() {
    for (hasher, digest) in VECTORS.iter().filter(|(name, _)| WEAK.contains(name)) {
        let stored = imported(hasher, digest).unwrap();
        let tail = &digest[digest.len().saturating_sub(20)..];
        assert!(
            !stored.contains(digest) && !stored.contains(tail),
            "{stored}"
        );
        assert!(stored.contains("$2b$04$"));
        assert!(!verify(&stored, PASSWORD, b"another"));
    }
}

#[test]
fn a_wrapped_digest_of_one_hasher_is_not_one_of_another() {
    let stored = imported(
        "md5",
        VECTORS.iter().find(|(name, _)| *name == "md5").unwrap().1,
    );
    let relabelled = stored.unwrap().replace("i1$md5$$", "i1$md5_salted$$");
    assert!(!verify(&relabelled, PASSWORD, PEPPER));
}

#[test]
fn bcrypt_imports_ignore_what_is_beyond_72_bytes() {
    let long = "y".repeat(72);
    // python: bcrypt.hashpw(b"y" * 72, bcrypt.gensalt(4))
    let stored = imported(
        "bcrypt",
        "$2b$04$MTB2txKQeEtKvr7AZomskeLZfzXxu15pHLmFxdz5ZpFOnVmjy.2iq",
    )
    .unwrap();
    assert!(verify(&stored, &long, PEPPER));
    assert!(verify(&stored, &format!("{long}z"), PEPPER));
    assert!(!verify(&stored, &long[1..], PEPPER));
}

#[test]
fn unknown_hashers_are_told_from_bad_digests() {
    for hasher in [
        "",
        "MD5",
        "awscognito",
        "hmac_sha256_utf16_b64",
        "argon2d",
        "bcrypt$",
    ] {
        assert_eq!(imported(hasher, "x"), Err(ImportError::UnknownHasher));
    }
    for hasher in HASHERS {
        for digest in ["", "x", "$", "$$$$$", "é", &"0".repeat(2049), "u1$x"] {
            let refusal = imported(hasher.name, digest);
            assert_eq!(
                refusal,
                Err(ImportError::BadDigest),
                "{} {digest}",
                hasher.name
            );
        }
    }
}

#[test]
fn no_prefix_and_no_extension_of_a_digest_is_taken_for_it() {
    for (hasher, digest) in VECTORS {
        // Base64 is as good without its padding.
        for end in 0..digest.trim_end_matches('=').len() {
            let Ok(stored) = imported(hasher, &digest[..end]) else {
                continue;
            };
            // The shorter outputs of PBKDF2, and so of scrypt, are prefixes of the longer ones.
            let varies = ["pbkdf2", "scrypt_werkzeug", "bcrypt_peppered"]
                .iter()
                .any(|prefix| hasher.starts_with(prefix));
            assert!(varies || !verify(&stored, PASSWORD, PEPPER), "{stored}");
        }
        let extended = imported(hasher, &format!("{digest}!"));
        assert!(
            *hasher == "bcrypt_peppered" || extended == Err(ImportError::BadDigest),
            "{hasher}"
        );
    }
}

#[test]
fn digests_of_one_hasher_are_bad_for_those_of_another_tag() {
    for (hasher, digest) in [
        ("argon2i", VECTORS[6].1),
        ("argon2id", VECTORS[5].1),
        ("pbkdf2_sha512", VECTORS[12].1),
        ("pbkdf2_sha512_hex", VECTORS[11].1),
        ("bcrypt", VECTORS[3].1),
        ("bcrypt_sha256_django", VECTORS[0].1),
    ] {
        assert_eq!(imported(hasher, digest), Err(ImportError::BadDigest));
    }
}

#[test]
fn costs_are_bounded() {
    let bcrypt = VECTORS[0].1;
    let argon2 = VECTORS[6].1;
    let pbkdf2 = VECTORS[10].1;
    let symfony = VECTORS[VECTORS.len() - 2].1;
    let werkzeug = VECTORS[17].1;
    let firebase = VECTORS[16].1;
    let (r33, firebase_n) = (
        firebase.replace("$8$10", "$33$10"),
        firebase.replace("$8$10", "$8$21"),
    );
    for (hasher, digest) in [
        ("bcrypt", bcrypt.replace("$04$", "$17$")),
        (
            "bcrypt_peppered",
            format!("{}$x", bcrypt.replace("$04$", "$17$")),
        ),
        ("argon2id", argon2.replace("m=64", "m=262145")),
        ("argon2id", argon2.replace("m=64", "m=15")),
        ("argon2id", argon2.replace("t=2", "t=17")),
        ("argon2id", argon2.replace("p=2", "p=17")),
        ("argon2id", argon2.replace("p=2", "p=0")),
        ("argon2id", argon2.replace("v=19", "v=16")),
        ("argon2id", argon2.replace("m=64,t=2", "t=2,m=64")),
        (
            "pbkdf2_sha256_django",
            pbkdf2.replace("$1000$", "$2000001$"),
        ),
        ("pbkdf2_sha256_django", pbkdf2.replace("$1000$", "$0$")),
        ("pbkdf2_sha256_django", pbkdf2.replace("$1000$", "$-1$")),
        ("pbkdf2_sha1", VECTORS[7].1.replace("$1000$", "$2000001$")),
        ("pbkdf2_sha1", format!("{}$31", VECTORS[7].1)),
        ("pbkdf2_sha1", "pbkdf2_sha1$1$salt$0011$2".to_owned()),
        ("sha512_symfony", symfony.replace("$50$", "$2000001$")),
        ("phpass", VECTORS[13].1.replace("$P$5", "$P$J")),
        ("phpass", VECTORS[13].1.replace("$P$5", "$P$4")),
        ("phpass", VECTORS[13].1.replace("10C.", "10Cz")),
        ("scrypt_werkzeug", werkzeug.replace(":1024:", ":2097152:")),
        ("scrypt_werkzeug", werkzeug.replace(":1024:", ":1000:")),
        ("scrypt_werkzeug", werkzeug.replace(":1024:", ":524288:")),
        ("scrypt_werkzeug", werkzeug.replace(":8:", ":33:")),
        ("scrypt_werkzeug", werkzeug.replace(":1$", ":17$")),
        ("scrypt_firebase", r33),
        ("scrypt_firebase", firebase_n),
        ("ldap_ssha", "{SSHA}AAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
    ] {
        let refusal = imported(hasher, &digest);
        assert_eq!(refusal, Err(ImportError::BadDigest), "{hasher} {digest}");
    }
    for (hasher, digest) in [
        ("bcrypt", bcrypt.replace("$04$", "$16$")),
        ("argon2id", argon2.replace("m=64", "m=262144")),
        (
            "pbkdf2_sha256_django",
            pbkdf2.replace("$1000$", "$2000000$"),
        ),
        ("scrypt_werkzeug", werkzeug.replace(":1024:", ":262144:")),
    ] {
        assert!(imported(hasher, &digest).is_ok(), "{hasher} {digest}");
    }
}

#[test]
fn damaged_stored_texts_never_verify() {
    let wrapped = imported("md5", VECTORS[21].1).unwrap();
    for stored in [
        wrapped.replace("$$1.16.", "$$0.16."),
        wrapped.replace("$$1.16.", "$$1.16"),
        wrapped.replace("$$1.16.", "$$1.9999."),
        wrapped.replace("$$1.16.", "$$1.16.="),
        wrapped.replace("i1$md5$$", "i1$md6$$"),
        wrapped.replace("i1$md5$$", "i1$md5$"),
        wrapped.replace("i1$md5$$", "i1$bcrypt$$"),
        wrapped[..wrapped.len() - 1].to_owned(),
    ] {
        assert_ne!(stored, wrapped);
        assert!(!verify(&stored, PASSWORD, PEPPER), "{stored}");
    }
}

#[test]
fn an_endless_password_is_refused() {
    let long = "z".repeat(MAX_PASSWORD_LEN + 1);
    let digest = crate::digest::sha256_hex(&long);
    let stored = imported("sha256", &digest).unwrap();
    assert!(!verify(&stored, &long, PEPPER));
    let fits = &long[1..];
    let stored = imported("sha256", &crate::digest::sha256_hex(fits)).unwrap();
    assert!(verify(&stored, fits, PEPPER));
}
