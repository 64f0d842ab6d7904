//! Promise P6: bcrypt under a pepper, whole passwords, digests of other systems, and no telling by time.
use crate::browser::PASSWORD as USUAL;
use crate::world::World;
use serde_json::json;
use std::sync::atomic::Ordering;

/// Digests of this password by the tools that are named; the others are published examples with their own.
const PASSWORD: &str = "Gr\u{fc}\u{df}e an 7 Zwerge";
const IMPORTS: &[(&str, &str, &str)] = &[
    // bcrypt 5.0
    (
        "bcrypt",
        "$2b$04$Kis9OpFpTRu5UG7hUfiryeFT9OB4lcNns68v6SZr7bsosEAFJy6O.",
        PASSWORD,
    ),
    // Django 5.2
    (
        "bcrypt_sha256_django",
        "bcrypt_sha256$$2b$04$Q36NmGWnY3kNZXMyB9mRk.53zOKyttJoxenQRLzkj7RQB5vNMEzTW",
        PASSWORD,
    ),
    // bcrypt 5.0, as Devise puts it together
    (
        "bcrypt_peppered",
        "$2a$04$JfUTeTQwbTEUs.UFAhrBbOqLq5m5zi7dOfsHTmWyPhNlO19/HqQF6$devise-pepper",
        PASSWORD,
    ),
    // argon2-cffi 25.1
    (
        "argon2i",
        "$argon2i$v=19$m=256,t=2,p=2$1sVBMfBlR2vVftowFsEMGQ$L2opB5sGvXOf0g3hgvZDY9UcQy26AAxzEXAuTBkDCvg",
        PASSWORD,
    ),
    // argon2-cffi 25.1
    (
        "argon2id",
        "$argon2id$v=19$m=256,t=2,p=2$Km7mt5RoCvMt0trVLg5gUw$gOk7SWYJbkvks3qMiwZg1z7LaUPvOdXlaI/B1nNd444",
        PASSWORD,
    ),
    // Werkzeug 3.1
    (
        "pbkdf2_sha1",
        "pbkdf2_sha1$1000$oz76Zj8D7hyESw5F$06eef34303b0a8b654695ef2b06febf63c6506e7",
        PASSWORD,
    ),
    // hashlib
    (
        "pbkdf2_sha256",
        "pbkdf2_sha256$1000$tmvr7VSMqOL9sDEy$AB69IZnunZdx4ouTTppAEMHVqAiGkdIa9uregS5xDuA=",
        PASSWORD,
    ),
    // Django 5.2
    (
        "pbkdf2_sha256_django",
        "pbkdf2_sha256$1000$Zwergensalz$pzF9cmlWOExvM+/APSTTRiYCsehJk38RMuKygG/hDbw=",
        PASSWORD,
    ),
    // Werkzeug 3.1
    (
        "pbkdf2_sha512",
        "pbkdf2_sha512$1000$gBZmT1ar7qcMIlhj$d86df74903ae2485ec146ec5cb967bde718ac5b376acea2c512b76ec15edcd808aea5dfd2e29f986aee5e98228bc5be84da4ea26320757cb1d164c221738d3cc",
        PASSWORD,
    ),
    // hashlib
    (
        "pbkdf2_sha512_hex",
        "pbkdf2_sha512_hex$1000$d8631853f2b6785fb3b6a706$8a8484cd1ac244af65c395179b290880825fc58cbd3e37c8a4a2aa3f8170ccbb7d04d696b7b0ee773d7235f4d6281c650459b30c5b0be7ad87b42b8e2ef4f09f",
        PASSWORD,
    ),
    // passlib 1.7
    ("phpass", "$P$6WoRie7UaAo9a74ohpcFVmIzicGtl1/", PASSWORD),
    // phpass's own test
    ("phpass", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12345"),
    // passlib 1.7 over hashlib
    ("md5_phpass", "$P$63nVSfpydLps0gD4A8.aOtIC0SeIlq.", PASSWORD),
    // Firebase's published example
    (
        "scrypt_firebase",
        "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$Bw==$8$14",
        "user1password",
    ),
    // Werkzeug 3.1
    (
        "scrypt_werkzeug",
        "scrypt:1024:8:1$aMAb4vIewXT41HYM$5fa0b6a7bd08b9bd3559825246dc23187b09688b97b5d3eaebc6f78fc26527a7d57c12da95a6d00a68b99900691e962523bf07d2c5f89427697a32e7a40781b5",
        PASSWORD,
    ),
    // passlib 1.7
    (
        "ldap_ssha",
        "{SSHA}zD3Idji5K4GrhzXbYHTV4HmFVt3LOYfQ",
        PASSWORD,
    ),
    // hashlib
    ("md5", "29159841aba4df3dd0f1e63cc35e3aa3", PASSWORD),
    // Django 5.2
    (
        "md5_salted",
        "Zwergensalz$4e56753a7a549067d7e254d686dd57c7",
        PASSWORD,
    ),
    // hashlib
    (
        "sha256",
        "8c11212a6968a850c371411c2e01b2ef804a600283e8a55d486abc0e7f250273",
        PASSWORD,
    ),
    // hashlib
    (
        "sha256_salted",
        "Zwergensalz$04105274315fd81731c7339a2399d0747e0131448be584cdc53391b43dec02f8",
        PASSWORD,
    ),
    // hashlib, after MessageDigestPasswordHasher
    (
        "sha512_symfony",
        "sha512_symfony$500$Zwergensalz$CJQz0+KnW03Ng012FMp7I5Nb8zqN7K0PyZRzOi5AzB0nnFt/17IdrLczzwMszECgQ4d8ek1lTvTTc8PBG2aTpA==",
        PASSWORD,
    ),
];
/// Those that are too fast to be at rest.
const WEAK: &[&str] = &[
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

/// The bytes of the database's files; of PostgreSQL, the rows.
async fn at_rest(world: &World) -> Vec<u8> {
    if world.app.db.engine() != "sqlite" {
        return format!("{:?}", world.snapshot().await).into_bytes();
    }
    let file = world
        .rows(
            "SELECT file FROM pragma_database_list WHERE name = 'main'",
            &[],
        )
        .await;
    let mut all = std::fs::read(&file[0]).unwrap();
    all.extend(std::fs::read(format!("{}-wal", file[0])).unwrap_or_default());
    assert!(all.len() > 10_000);
    all
}

fn holds(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|w| w == part)
}

async fn stored(world: &World) -> Vec<String> {
    world
        .rows(
            "SELECT password_stored FROM users ORDER BY created_at, id",
            &[],
        )
        .await
}

both! {
    async fn p6_format_is_tagged_bcrypt_with_a_salt_of_its_own(world: World) {
        for address in ["ada@example.com", "bob@example.com"] {
            world.user(address).await;
        }
        let stored = stored(&world).await;
        for text in &stored {
            let parts: Vec<&str> = text.strip_prefix("u1$").unwrap().split('$').collect();
            assert_eq!((parts.len(), parts[1]), (4, "2b"), "{text}");
            assert!(parts[2].parse::<u32>().unwrap() >= 10 && parts[3].len() == 53, "{text}");
        }
        assert_ne!(stored[0][10..32], stored[1][10..32], "one salt for two");
        let mut settings = world.instance().settings.clone();
        for (cost, fits) in [(9, false), (10, true), (15, true), (16, false)] {
            settings.password.bcrypt_cost = cost;
            assert_eq!(settings.check().is_ok(), fits, "{cost}");
        }
    }

    async fn p6_the_pepper_is_not_in_the_database(world: World) {
        world.user("ada@example.com").await;
        let stored = stored(&world).await.remove(0);
        let instance = world.instance();
        assert!(usher_crypto::password::verify(&stored, USUAL, &instance.pepper));
        assert!(!usher_crypto::password::verify(&stored, USUAL, &[0; 32]));
        assert!(!usher_crypto::password::verify(&stored, USUAL, &[]));
        assert!(!holds(&at_rest(&world).await, &instance.pepper));
    }

    async fn p6_no_truncation_and_p6_case_matter(world: World) {
        let long = format!("{}end", "tundra heron 4 ".repeat(6));
        world.user_with("ada@example.com", json!({ "password": long })).await;
        let browser = world.browser();
        let (mut end, upper) = (long.clone(), long.to_uppercase());
        end.pop();
        for wrong in [&long[..72], &end, &format!("{end}e"), &upper] {
            browser.sign_in_with_password("ada@example.com", wrong).await.refused(422, "form_password_incorrect password");
        }
        assert_eq!(browser.sign_in_with_password("ada@example.com", &long).await.response()["status"], "complete");
    }

    async fn p6_nul_byte_ends_no_password(world: World) {
        world.user("ada@example.com").await;
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        // No form field takes one, so that none can be set; that a hash would count what follows it, its own tests show.
        for nul in [format!("{USUAL}\0"), format!("{USUAL}\0more")] {
            let answer = world.unchanged(browser.sign_in_with_password("ada@example.com", &nul)).await;
            answer.refused(422, "form_param_format_invalid password");
            let server = world.server();
            let body = json!({ "email_address": ["bob@example.com"], "password": nul });
            world.unchanged(server.post("/v1/users", body)).await.refused(422, "form_param_format_invalid password");
        }
    }

    async fn p6_import_verifies_every_hasher_and_upgrades_at_the_first_sign_in(world: World) {
        for (number, (hasher, digest, password)) in IMPORTS.iter().enumerate() {
            let address = format!("user{number}@example.com");
            let body = json!({ "password_digest": digest, "password_hasher": hasher });
            let user = world.user_with(&address, body).await;
            let of = [usher_db::Value::Text(user.id.clone())];
            let sql = "SELECT password_stored FROM users WHERE id = ?";
            let before = world.rows(sql, &of).await.remove(0);
            assert!(before.starts_with(&format!("i1${hasher}$$")), "{before}");
            let browser = world.browser();
            browser.sign_in_with_password(&address, "not the password").await.refused(422, "form_password_incorrect password");
            assert_eq!(world.rows(sql, &of).await[0], before, "{hasher}: a wrong password upgrades nothing");
            assert_eq!(browser.sign_in_with_password(&address, password).await.response()["status"], "complete", "{hasher}");
            let after = world.rows(sql, &of).await.remove(0);
            assert!(after.starts_with("u1$$2b$10$"), "{hasher}: {after}");
            assert_eq!(world.browser().sign_in_with_password(&address, password).await.response()["status"], "complete", "{hasher}");
        }
    }

    async fn p6_import_leaves_no_weak_digest_at_rest(world: World) {
        let mut count = 0;
        for (number, (hasher, digest, _)) in IMPORTS.iter().enumerate().filter(|(_, (hasher, ..))| WEAK.contains(hasher)) {
            count += 1;
            world.user_with(&format!("user{number}@example.com"), json!({ "password_digest": digest, "password_hasher": hasher })).await;
            let all = at_rest(&world).await;
            // The digest itself is at the end, in hexadecimal or base64.
            let tail = &digest[digest.len() - 20..];
            assert!(!holds(&all, digest.as_bytes()) && !holds(&all, tail.as_bytes()), "{hasher}");
            let hex: Option<Vec<u8>> = (0..10).map(|i| u8::from_str_radix(&tail[i * 2..i * 2 + 2], 16).ok()).collect();
            assert!(hex.is_none_or(|raw| !holds(&all, &raw)), "{hasher}: raw bytes");
        }
        assert_eq!(count, WEAK.len() + 1);
        // The look is a true one: what is stored is found.
        let stored = stored(&world).await;
        let all = at_rest(&world).await;
        assert!(stored.iter().all(|text| holds(&all, text.as_bytes())));
    }

    async fn p6_import_refuses_parameters_that_would_stall_the_server(world: World) {
        for (hasher, digest) in [
            ("bcrypt", "$2b$17$L6E1Ir8KTuDJpMYLaOZwR.RjprgFX8gFtbmJBpSdHlIyzlBO1soBi"),
            ("argon2id", "$argon2id$v=19$m=1048576,t=2,p=2$zVbJTMDjzM2sXA+hVigImQ$asQviOJyLu/Y/Car6dMaFkR5oepp1RV5FXYtuhoKiYg"),
            ("pbkdf2_sha256_django", "pbkdf2_sha256$999999999$Zwergensalz$pzF9cmlWOExvM+/APSTTRiYCsehJk38RMuKygG/hDbw="),
            ("scrypt_werkzeug", "scrypt:1073741824:8:1$BGq9bq2wnSJfCHeb$188bbc65019c15e6c1f3c1b74b2fbc5047c15beea56fac50d89183aeb92c122fa4c10213ea32a79338afae332315a517d8aa1ed52520946fbf33d9388ad45c7c"),
            ("sha512_symfony", "sha512_symfony$99999999$Zwergensalz$CJQz0+KnW03Ng012FMp7I5Nb8zqN7K0PyZRzOi5AzB0nnFt/17IdrLczzwMszECgQ4d8ek1lTvTTc8PBG2aTpA=="),
        ] {
            let body = json!({ "email_address": ["ada@example.com"], "password_digest": digest, "password_hasher": hasher });
            world.unchanged(world.server().post("/v1/users", body)).await.refused(422, "form_password_digest_invalid_code password_digest");
        }
    }

    async fn p6_cost_upgrade_happens_at_the_next_sign_in_and_ends_no_session(world: World) {
        world.user("ada@example.com").await;
        let browser = world.browser();
        let first = browser.sign_in_with_password("ada@example.com", USUAL).await.response();
        let before = stored(&world).await.remove(0);
        world.settings(|s| s.password.bcrypt_cost = 11).await;
        world.browser().sign_in_with_password("ada@example.com", "a wrong heron 4").await.refused(422, "form_password_incorrect password");
        assert_eq!(stored(&world).await[0], before);
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", USUAL).await.response()["status"], "complete");
        let after = stored(&world).await.remove(0);
        assert!(before.starts_with("u1$$2b$10$") && after.starts_with("u1$$2b$11$"), "{after}");
        browser.mint(first["created_session_id"].as_str().unwrap()).await.ok();
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", USUAL).await.response()["status"], "complete");
        assert_eq!(stored(&world).await[0], after, "and once only");
    }

    async fn p6_dummy_work_is_done_for_whoever_is_not_there(world: World) {
        world.user("ada@example.com").await;
        world.user_without_password("bob@example.com").await;
        world.settings(|s| { s.enumeration_protection = true; s.password.bcrypt_cost = 11; }).await;
        let hashed = || world.app.metrics.passwords_hashed.load(Ordering::Relaxed);
        for address in ["ada@example.com", "bob@example.com", "nobody@example.com"] {
            let before = hashed();
            world.browser().sign_in_with_password(address, "a wrong heron 4").await.refused(422, "form_password_or_identifier_incorrect password");
            assert_eq!(hashed() - before, 1, "{address}");
        }
        // The same scheme and the same cost as everybody's, as it is now.
        assert!(!usher_crypto::password::needs_rehash(&usher_crypto::password::dummy(11), 11));
    }
}
