//! Passkeys (contract fapi §8.8; W3C Web Authentication Level 3 §7.1, §7.2; promise P7).
use crate::answer::Answer;
use crate::authenticator::{Authenticator, BE, BS, Ceremony, UP, UV};
use crate::browser::{Browser, PASSWORD};
use crate::world::World;
use serde_json::{Value, json};
use usher_server::instances::settings::Presence;

async fn world_with_passkeys(world: &World) {
    world.settings(|s| s.attributes.passkey = true).await;
}

pub(crate) fn by_the_book(browser: &Browser) -> Ceremony {
    let host = browser.origin.split_once("://").unwrap().1;
    let host = host.split(':').next().unwrap();
    Ceremony::at(
        &browser.origin,
        if host == "localhost" {
            host
        } else {
            "example.com"
        },
    )
}

/// Asks for a new passkey: its id, and the options that the browser gets.
pub(crate) async fn ask(browser: &Browser) -> (String, Value) {
    let made = browser.post("/v1/me/passkeys", &[]).await.response();
    let options = made["verification"]["nonce"].as_str().unwrap();
    (
        made["id"].as_str().unwrap().to_owned(),
        serde_json::from_str(options).unwrap(),
    )
}

pub(crate) async fn attempt(browser: &Browser, id: &str, credential: &str) -> Answer {
    let path = format!("/v1/me/passkeys/{id}/attempt_verification");
    browser
        .post(
            &path,
            &[
                ("strategy", "passkey"),
                ("public_key_credential", credential),
            ],
        )
        .await
}

/// A signed-in browser, and a passkey of its user.
async fn with_passkey(world: &World) -> (Browser, Authenticator, String) {
    world_with_passkeys(world).await;
    let (browser, user, _) = world.signed_in("ada@example.com").await;
    let (id, options) = ask(&browser).await;
    let mut authenticator = Authenticator::new(b"a credential of ada");
    let credential = authenticator.create(&options, &by_the_book(&browser));
    assert_eq!(
        attempt(&browser, &id, &credential).await.response()["verification"]["status"],
        "verified"
    );
    (browser, authenticator, user.id)
}

/// Begins a sign-in by passkey without an identifier: its id and the options.
pub(crate) async fn begin(browser: &Browser) -> (String, Value) {
    let begun = browser
        .post("/v1/client/sign_ins", &[("strategy", "passkey")])
        .await
        .response();
    let options = begun["first_factor_verification"]["nonce"]
        .as_str()
        .unwrap();
    (
        begun["id"].as_str().unwrap().to_owned(),
        serde_json::from_str(options).unwrap(),
    )
}

pub(crate) async fn finish(browser: &Browser, id: &str, credential: &str) -> Answer {
    let path = format!("/v1/client/sign_ins/{id}/attempt_first_factor");
    browser
        .post(
            &path,
            &[
                ("strategy", "passkey"),
                ("public_key_credential", credential),
            ],
        )
        .await
}

both! {
    async fn a_passkey_is_made_named_used_and_removed(world: World) {
        world_with_passkeys(&world).await;
        let (browser, user, _) = world.signed_in("ada@example.com").await;
        let (id, options) = ask(&browser).await;
        assert_eq!((&options["rp"]["id"], &options["attestation"]), (&json!("localhost"), &json!("none")));
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(options["user"]["name"], "ada@example.com");
        let algorithms: Vec<i64> = options["pubKeyCredParams"].as_array().unwrap().iter().map(|p| p["alg"].as_i64().unwrap()).collect();
        assert_eq!(algorithms, [-7, -257]);
        assert_eq!(browser.client().await["sessions"][0]["user"]["passkeys"], json!([]), "an unfinished one is none");
        let mut authenticator = Authenticator::new(b"one");
        let credential = authenticator.create(&options, &by_the_book(&browser));
        let made = attempt(&browser, &id, &credential).await.response();
        assert_eq!((&made["object"], &made["verification"]["status"], &made["verification"]["nonce"]), (&json!("passkey"), &json!("verified"), &json!(null)));
        assert_eq!(browser.patch(&format!("/v1/me/passkeys/{id}"), &[("name", "My key")]).await.response()["name"], "My key");
        assert_eq!(browser.get(&format!("/v1/me/passkeys/{id}")).await.response()["name"], "My key");
        let shown = world.server().get(&format!("/v1/users/{}", user.id)).await.ok();
        assert_eq!((&shown["passkeys"][0]["id"], &shown["passkeys"][0]["name"]), (&json!(id), &json!("My key")));
        assert!(shown["passkeys"][0]["last_used_at"].is_i64() && shown["passkeys"][0].get("created_at").is_none(), "SDKs take no null and nothing else");
        let (_, again) = ask(&browser).await;
        assert_eq!(again["excludeCredentials"][0]["id"], serde_json::from_str::<Value>(&credential).unwrap()["rawId"]);

        let other = world.browser();
        let (attempt_id, options) = begin(&other).await;
        assert_eq!((&options["rpId"], &options["allowCredentials"]), (&json!("localhost"), &json!([])));
        let before = other.cookie("__client");
        let done = finish(&other, &attempt_id, &authenticator.prove(&options, &by_the_book(&other))).await.ok();
        assert_eq!((&done["response"]["status"], &done["response"]["identifier"]), (&json!("complete"), &json!("ada@example.com")));
        assert_eq!(done["client"]["sessions"][0]["user"]["id"], user.id.as_str());
        assert_eq!(done["client"]["last_authentication_strategy"], "passkey");
        assert_ne!(other.cookie("__client"), before, "the client token rotates");
        assert!(done["client"]["sessions"][0]["user"]["passkeys"][0]["last_used_at"].is_i64());

        let gone = browser.delete(&format!("/v1/me/passkeys/{id}")).await.response();
        assert_eq!((&gone["deleted"], &gone["id"]), (&json!(true), &json!(id)));
        let (attempt_id, options) = begin(&world.browser()).await;
        let stranger = world.browser();
        let (own, mine) = begin(&stranger).await;
        world.changes_only(&["verifications"], finish(&stranger, &own, &authenticator.prove(&mine, &by_the_book(&stranger)))).await.refused(404, "passkey_not_registered");
        finish(&stranger, &attempt_id, &authenticator.prove(&options, &by_the_book(&stranger))).await.refused(404, "resource_not_found");
    }

    async fn a_named_user_is_offered_the_own_passkeys(world: World) {
        let (_, mut authenticator, _) = with_passkey(&world).await;
        let browser = world.browser();
        let begun = browser.start_sign_in("ada@example.com").await;
        assert!(begun["supported_first_factors"].as_array().unwrap().iter().any(|f| f["strategy"] == "passkey"), "{begun}");
        let id = begun["id"].as_str().unwrap();
        let prepared = browser.post(&format!("/v1/client/sign_ins/{id}/prepare_first_factor"), &[("strategy", "passkey")]).await.response();
        assert_eq!(prepared["first_factor_verification"]["object"], "verification_passkey");
        let options: Value = serde_json::from_str(prepared["first_factor_verification"]["nonce"].as_str().unwrap()).unwrap();
        assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
        assert_eq!(finish(&browser, id, &authenticator.prove(&options, &by_the_book(&browser))).await.response()["status"], "complete");
        // Nobody else's passkey answers for her.
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        let (key, options) = ask(&eve).await;
        let mut hers = Authenticator::new(b"a credential of eve");
        let credential = hers.create(&options, &by_the_book(&eve));
        attempt(&eve, &key, &credential).await.ok();
        let browser = world.browser();
        let begun = browser.start_sign_in("ada@example.com").await;
        let id = begun["id"].as_str().unwrap();
        let prepared = browser.post(&format!("/v1/client/sign_ins/{id}/prepare_first_factor"), &[("strategy", "passkey")]).await.response();
        let options: Value = serde_json::from_str(prepared["first_factor_verification"]["nonce"].as_str().unwrap()).unwrap();
        finish(&browser, id, &hers.prove(&options, &by_the_book(&browser))).await.refused(404, "passkey_not_registered");
        assert_eq!(browser.client().await["sessions"], json!([]));
    }

    // Each step of a registration, done wrongly once (WebAuthn §7.1).
    async fn p7_passkey_rules_registration(world: World) {
        world_with_passkeys(&world).await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let right = by_the_book(&browser);
        let wrong: Vec<(&str, Ceremony)> = vec![
            ("step 7: the type", Ceremony { kind: Some("webauthn.get"), ..right.clone() }),
            ("step 8: the challenge", Ceremony { challenge: Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()), ..right.clone() }),
            ("step 9: the origin", Ceremony { origin: "https://evil.example".to_owned(), ..right.clone() }),
            ("step 9: the port", Ceremony { origin: "http://localhost:9".to_owned(), ..right.clone() }),
            ("step 9: a longer host", Ceremony { origin: "http://evil-localhost:3000".to_owned(), ..right.clone() }),
            ("step 10: a frame of another site", Ceremony { cross_origin: true, ..right.clone() }),
            ("step 13: the relying party", Ceremony { rp_id: "evil.example".to_owned(), ..right.clone() }),
            ("step 14: nobody was there", Ceremony { flags: UV, ..right.clone() }),
            ("step 16: backed up but not eligible", Ceremony { flags: UP | UV | BS, ..right.clone() }),
            ("step 20: an algorithm that was not offered", Ceremony { algorithm: -8, ..right.clone() }),
        ];
        for (step, how) in wrong {
            let (id, options) = ask(&browser).await;
            let credential = Authenticator::new(b"wrong").create(&options, &how);
            world.changes_only(&["verifications"], attempt(&browser, &id, &credential)).await.refused(400, "passkey_registration_failure");
            assert_eq!(browser.client().await["sessions"][0]["user"]["passkeys"], json!([]), "{step}");
        }
        // Step 25: an id that is too long; one that is not the credential's; what is no credential at all.
        let (id, options) = ask(&browser).await;
        let long = Authenticator::new(&[7; 1024]).create(&options, &right);
        attempt(&browser, &id, &long).await.refused(422, "passkey_invalid_public_key_credential public_key_credential");
        let mut other: Value = serde_json::from_str(&Authenticator::new(b"right").create(&options, &right)).unwrap();
        other["rawId"] = json!("b3RoZXI");
        attempt(&browser, &id, &other.to_string()).await.refused(422, "passkey_invalid_public_key_credential public_key_credential");
        for nonsense in ["{}", "[]", "null", "\"x\"", "{\"type\":\"public-key\"}", "\u{0}"] {
            let answer = attempt(&browser, &id, nonsense).await;
            assert!(answer.status == 422 || answer.status == 400, "{}", answer.body);
        }
        browser.post(&format!("/v1/me/passkeys/{id}/attempt_verification"), &[("strategy", "passkey")]).await.refused(422, "form_param_missing public_key_credential");
        // Five tries are all there are: now even the right one is late.
        let credential = Authenticator::new(b"right").create(&options, &right);
        attempt(&browser, &id, &credential).await.refused(400, "passkey_invalid_verification");
        // A challenge ends by itself, is spent once, and belongs to its user.
        let (id, options) = ask(&browser).await;
        let credential = Authenticator::new(b"right").create(&options, &right);
        world.advance_secs(300);
        attempt(&browser, &id, &credential).await.refused(400, "passkey_invalid_verification");
        let (id, options) = ask(&browser).await;
        let credential = Authenticator::new(b"right").create(&options, &right);
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        world.unchanged(attempt(&eve, &id, &credential)).await.refused(404, "resource_not_found");
        attempt(&browser, &id, &credential).await.ok();
        world.unchanged(attempt(&browser, &id, &credential)).await.refused(400, "passkey_invalid_verification");
        // Step 26: somebody has this credential already.
        let (id, options) = ask(&eve).await;
        let twin = Authenticator::new(b"right").create(&options, &right);
        attempt(&eve, &id, &twin).await.refused(400, "passkey_registration_failure");
    }

    // Each step of an assertion, done wrongly once (WebAuthn §7.2).
    async fn p7_passkey_rules_assertion(world: World) {
        let (_, mut key, user) = with_passkey(&world).await;
        let browser = world.browser();
        let right = by_the_book(&browser);
        let wrong: Vec<(&str, Ceremony)> = vec![
            ("step 10: the type", Ceremony { kind: Some("webauthn.create"), ..right.clone() }),
            ("step 11: the challenge", Ceremony { challenge: Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()), ..right.clone() }),
            ("step 12: the origin", Ceremony { origin: "https://evil.example".to_owned(), ..right.clone() }),
            ("step 13: a frame of another site", Ceremony { cross_origin: true, ..right.clone() }),
            ("step 15: the relying party", Ceremony { rp_id: "evil.example".to_owned(), ..right.clone() }),
            ("step 16: nobody was there", Ceremony { flags: UV, ..right.clone() }),
            ("step 17: verified when it was made, not now", Ceremony { flags: UP, ..right.clone() }),
            ("step 18: backed up but not eligible", Ceremony { flags: UP | UV | BS, ..right.clone() }),
            ("step 21: the signature", Ceremony { broken: true, ..right.clone() }),
        ];
        for (step, how) in wrong {
            let (id, options) = begin(&browser).await;
            let proof = key.prove(&options, &how);
            world.changes_only(&["verifications"], finish(&browser, &id, &proof)).await.refused(400, "passkey_authentication_failure");
            assert_eq!(browser.client().await["sessions"], json!([]), "{step}");
        }
        // Step 6: another user's handle, none where nobody was named.
        let eve = world.user("eve@example.com").await;
        for handle in [Some(eve.id), None] {
            let (id, options) = begin(&browser).await;
            key.handle = handle;
            finish(&browser, &id, &key.prove(&options, &right)).await.refused(400, "passkey_authentication_failure");
        }
        key.handle = Some(user);
        // Step 22: the counter went back.
        let (id, options) = begin(&browser).await;
        key.counter = 50;
        finish(&browser, &id, &key.prove(&options, &right)).await.ok();
        let browser = world.browser();
        let (id, options) = begin(&browser).await;
        key.counter = 40;
        finish(&browser, &id, &key.prove(&options, &right)).await.refused(400, "passkey_authentication_failure");
        key.counter = 60;
        // A challenge is the attempt's own, ends by itself, and is spent once.
        let (id, _) = begin(&browser).await;
        let (_, others) = begin(&world.browser()).await;
        finish(&browser, &id, &key.prove(&others, &right)).await.refused(400, "passkey_authentication_failure");
        let (id, options) = begin(&browser).await;
        world.advance_secs(300);
        finish(&browser, &id, &key.prove(&options, &right)).await.refused(400, "passkey_invalid_verification");
        let (id, options) = begin(&browser).await;
        let proof = key.prove(&options, &right);
        finish(&browser, &id, &proof).await.ok();
        browser.post("/v1/client/sessions?_method=DELETE", &[]).await.ok();
        let (id, _) = begin(&browser).await;
        finish(&browser, &id, &proof).await.refused(400, "passkey_authentication_failure");
        // A key that came to be synchronized is as good.
        for flags in [UP | UV, UP | UV | BE, UP | UV | BE | BS] {
            let browser = world.browser();
            let (id, options) = begin(&browser).await;
            finish(&browser, &id, &key.prove(&options, &Ceremony { flags, ..right.clone() })).await.ok();
        }
    }

    async fn sixty_four_answers_to_one_challenge_make_one_session(world: World) {
        let (_, mut key, _) = with_passkey(&world).await;
        let browser = world.browser();
        let (id, options) = begin(&browser).await;
        let proof = key.prove(&options, &by_the_book(&browser));
        let before = world.count("sessions").await;
        let mut all = Vec::new();
        for _ in 0..64 {
            let (browser, id, proof) = (browser.thief(), id.clone(), proof.clone());
            all.push(tokio::spawn(async move { finish(&browser, &id, &proof).await.status }));
        }
        let mut won = 0;
        for one in all {
            won += usize::from(one.await.unwrap() == 200);
        }
        assert_eq!((won, world.count("sessions").await - before), (1, 1));
    }

    async fn banned_and_locked_users_get_nothing_for_a_passkey(world: World) {
        let (_, mut key, user) = with_passkey(&world).await;
        for (state, code) in [("ban", "user_banned"), ("lock", "user_locked")] {
            world.server().post(&format!("/v1/users/{user}/{state}"), json!({})).await.ok();
            let browser = world.browser();
            let (id, options) = begin(&browser).await;
            finish(&browser, &id, &key.prove(&options, &by_the_book(&browser))).await.refused(403, code);
            world.server().post(&format!("/v1/users/{user}/un{state}"), json!({})).await.ok();
        }
    }

    async fn the_last_way_in_stays_and_ten_passkeys_are_enough(world: World) {
        world.settings(|s| { s.attributes.passkey = true; s.attributes.password = Presence::On; }).await;
        let user = world.user_with("ada@example.com", json!({ "password": PASSWORD })).await;
        let browser = world.browser();
        browser.sign_in_with_password("ada@example.com", PASSWORD).await.ok();
        world.settings(|s| s.attributes.email_code = false).await;
        let right = by_the_book(&browser);
        let mut ids = Vec::new();
        for n in 0..10_u8 {
            let (id, options) = ask(&browser).await;
            let credential = Authenticator::new(&[n; 16]).create(&options, &right);
            attempt(&browser, &id, &credential).await.ok();
            ids.push(id);
        }
        world.unchanged(browser.post("/v1/me/passkeys", &[])).await.refused(403, "passkey_quota_exceeded");
        browser.post("/v1/me/remove_password", &[("current_password", PASSWORD)]).await.ok();
        for id in &ids[1..] {
            world.server().delete(&format!("/v1/users/{}/passkeys/{id}", user.id)).await.ok();
        }
        world.unchanged(browser.delete(&format!("/v1/me/passkeys/{}", ids[0]))).await.refused(400, "last_required_identification_deletion_failed");
        let other = world.user("eve@example.com").await;
        world.unchanged(world.server().delete(&format!("/v1/users/{}/passkeys/{}", other.id, ids[0]))).await.refused(404, "resource_not_found");
    }

    async fn where_passkeys_are_off_nothing_offers_or_takes_them(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        world.unchanged(browser.post("/v1/me/passkeys", &[])).await.refused(400, "verification_strategy_invalid strategy");
        let stranger = world.browser();
        world.unchanged(stranger.post("/v1/client/sign_ins", &[("strategy", "passkey")])).await.refused(400, "verification_strategy_invalid strategy");
        let environment = stranger.get("/v1/environment").await.ok();
        assert_eq!(environment["user_settings"]["attributes"]["passkey"]["enabled"], false);
        world_with_passkeys(&world).await;
        let environment = stranger.get("/v1/environment").await.ok();
        assert_eq!(environment["user_settings"]["attributes"]["passkey"]["used_for_first_factor"], true);
        assert_eq!(environment["user_settings"]["passkey_settings"]["show_sign_in_button"], true);
        // With protection on, everybody is offered a passkey and gets a challenge of the same shape.
        world.settings(|s| s.enumeration_protection = true).await;
        for name in ["ada@example.com", "nobody@example.com"] {
            let browser = world.browser();
            let id = browser.start_sign_in(name).await["id"].as_str().unwrap().to_owned();
            let prepared = browser.post(&format!("/v1/client/sign_ins/{id}/prepare_first_factor"), &[("strategy", "passkey")]).await.response();
            let options: Value = serde_json::from_str(prepared["first_factor_verification"]["nonce"].as_str().unwrap()).unwrap();
            assert_eq!(options["allowCredentials"], json!([]), "{name}");
        }
    }

    production async fn passkeys_are_bound_to_the_root_domain_and_work_on_all_of_its_hosts(world: World) {
        world_with_passkeys(&world).await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let (id, options) = ask(&browser).await;
        assert_eq!(options["rp"]["id"], "example.com");
        let mut key = Authenticator::new(b"production");
        let credential = key.create(&options, &by_the_book(&browser));
        attempt(&browser, &id, &credential).await.ok();
        let other = world.browser().at("https://app.example.com");
        let (id, options) = begin(&other).await;
        assert_eq!(options["rpId"], "example.com");
        assert_eq!(finish(&other, &id, &key.prove(&options, &by_the_book(&other))).await.response()["status"], "complete");
    }
}
