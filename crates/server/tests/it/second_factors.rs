//! Authenticator apps and backup codes of an account: setting up, renewing, taking away, by the user and by the operator
//! (contract fapi §8.3, bapi §2.1; NIST SP 800-63B §3.1.2, §3.1.4; ASVS 6.5).
use crate::authenticator_app::{AuthenticatorApp, texts};
use serde_json::json;
use usher_crypto::totp;

both! {
    async fn an_app_is_set_up_and_asked_for_from_then_on(world: World) {
        world.second_factors_on().await;
        let (ada, user, session) = world.signed_in("ada@example.com").await;
        let before = ada.thief();
        assert_eq!(ada.claims(&session).await["fva"], json!([0, -1]));
        let begun = ada.post("/v1/me/totp", &[]).await.response();
        let secret = begun["secret"].as_str().unwrap();
        assert_eq!((&begun["object"], &begun["verified"], &begun["backup_codes"]), (&json!("totp"), &json!(false), &json!(null)));
        assert_eq!(secret.len(), 32, "160 bits");
        assert_eq!(begun["uri"], format!("otpauth://totp/My%20application:ada%40example.com?algorithm=SHA1&digits=6&issuer=My%20application&period=30&secret={secret}"));
        let me = ada.get("/v1/me").await.response();
        assert_eq!((&me["totp_enabled"], &me["two_factor_enabled"]), (&json!(false), &json!(false)), "nothing is proved yet");
        let app = AuthenticatorApp::new(&world, secret);
        world.unchanged(ada.verify_app(&app.wrong())).await.refused(422, "form_code_incorrect code");
        let done = ada.verify_app(&app.code()).await.response();
        assert_eq!((&done["verified"], &done["secret"], &done["uri"]), (&json!(true), &json!(null), &json!(null)));
        let codes = texts(&done["backup_codes"]);
        assert!(codes.len() == 10 && codes.iter().all(|c| c.len() == 10), "{codes:?}");
        let me = ada.get("/v1/me").await.response();
        for on in ["totp_enabled", "backup_code_enabled", "two_factor_enabled"] {
            assert_eq!(me[on], true, "{on}");
        }
        assert_eq!((&me["mfa_enabled_at"], &me["mfa_disabled_at"]), (&json!(world.now().0), &json!(null)));
        assert_eq!(world.server().get(&format!("/v1/users/{}", user.id)).await.ok()["totp_enabled"], true);
        assert_eq!(ada.claims(&session).await["fva"], json!([0, 0]), "this session has proved both");
        before.mint(&session).await.refused(401, "authentication_invalid");
        ada.post("/v1/me/totp", &[]).await.refused(400, "totp_already_enabled");
        ada.verify_app(&app.code_at(1)).await.refused(400, "totp_already_enabled");
        assert_eq!(world.unchanged(ada.get("/v1/me")).await.body.matches(secret).count(), 0);
    }

    async fn a_secret_is_sealed_and_codes_are_not_kept(world: World) {
        world.second_factors_on().await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let secret = ada.post("/v1/me/totp", &[]).await.response()["secret"].as_str().unwrap().to_owned();
        let app = AuthenticatorApp::new(&world, &secret);
        let codes = texts(&ada.verify_app(&app.code()).await.response()["backup_codes"]);
        let rows = format!("{:?}", world.snapshot().await);
        let bytes = totp::base32_decode(&secret).unwrap();
        for hidden in codes.iter().chain([&secret, &secret.to_lowercase(), &usher_crypto::digest::b64url(&bytes)]) {
            assert!(!rows.contains(hidden.as_str()), "{hidden} is in the database");
        }
        for path in ["/v1/me", "/v1/client", "/v1/environment"] {
            let answer = ada.get(path).await;
            assert!(!codes.iter().chain([&secret]).any(|c| answer.body.contains(c.as_str())), "{path}");
        }
    }

    async fn what_was_started_anew_replaces_what_waited(world: World) {
        world.second_factors_on().await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        ada.verify_app("000000").await.refused(404, "resource_not_found");
        let secret = async || ada.post("/v1/me/totp", &[]).await.response()["secret"].as_str().unwrap().to_owned();
        let (first, second) = (AuthenticatorApp::new(&world, &secret().await), AuthenticatorApp::new(&world, &secret().await));
        world.unchanged(ada.verify_app(&first.code())).await.refused(422, "form_code_incorrect code");
        assert_eq!(ada.verify_app(&second.code_at(-1)).await.response()["verified"], true);
        assert_eq!(world.count("totps").await, 1);
    }

    async fn what_the_instance_does_not_offer_is_refused(world: World) {
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        world.unchanged(ada.post("/v1/me/totp", &[])).await.refused(400, "totp_disabled");
        world.unchanged(ada.post("/v1/me/backup_codes", &[])).await.refused(400, "backup_codes_not_available");
        world.unchanged(ada.delete("/v1/me/totp")).await.refused(404, "resource_not_found");
        world.settings(|s| s.attributes.authenticator_app = true).await;
        let environment = ada.get("/v1/environment").await.ok();
        let attributes = &environment["user_settings"]["attributes"];
        assert_eq!((&attributes["authenticator_app"]["enabled"], &attributes["authenticator_app"]["second_factors"]), (&json!(true), &json!(["totp"])));
        assert_eq!((&attributes["backup_code"]["enabled"], &attributes["backup_code"]["used_for_second_factor"]), (&json!(false), &json!(false)));
        assert_eq!(environment["auth_config"]["second_factors"], json!(["totp"]));
        let app = ada.enrol().await;
        assert!(app.backup_codes.is_empty(), "they are off");
        world.second_factors_on().await;
        assert_eq!(texts(&ada.post("/v1/me/backup_codes", &[]).await.response()["codes"]).len(), 10);
    }

    async fn backup_codes_stand_in_for_another_factor(world: World) {
        world.second_factors_on().await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        world.unchanged(ada.post("/v1/me/backup_codes", &[])).await.refused(400, "backup_codes_not_available");
        assert_eq!(ada.get("/v1/me").await.response()["backup_code_enabled"], false);
    }

    // AT-19.
    async fn a_new_set_of_backup_codes_kills_the_old_one(world: World) {
        let (ada, _, _, app) = world.enrolled("ada@example.com").await;
        let made = ada.post("/v1/me/backup_codes", &[]).await.response();
        let codes = texts(&made["codes"]);
        assert_eq!((&made["object"], codes.len(), made["id"].as_str().unwrap().starts_with("bkpc_")), (&json!("backup_code"), 10, true));
        assert!(codes.iter().all(|c| !app.backup_codes.contains(c)));
        assert_eq!(world.count("backup_codes").await, 10);
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        browser.attempt_second(&id, "backup_code", &app.backup_codes[0]).await.refused(422, "form_code_incorrect code");
        assert_eq!(browser.attempt_second(&id, "backup_code", &codes[0]).await.response()["status"], "complete");
    }

    // CVE-2026-3429 of another server (T38): a session of the first factor alone took the second away.
    async fn a_factor_is_not_taken_away_by_a_session_that_never_proved_it(world: World) {
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let elsewhere = world.browser();
        world.advance_secs(31);
        let old = elsewhere.sign_in("ada@example.com").await;
        world.second_factors_on().await;
        let app = ada.enrol().await;
        assert!(elsewhere.claims(&old).await["fva"][1].as_i64().unwrap() > 1_000_000, "to the others it is a factor that they never proved");
        for request in [elsewhere.request("DELETE", "/v1/me/totp"), elsewhere.request("POST", "/v1/me/backup_codes"), elsewhere.request("POST", "/v1/me/passkeys")] {
            world.unchanged(request.send()).await.refused(403, "session_reverification_required");
        }
        // A session that a server made has proved nothing either.
        let made = world.server().post("/v1/sessions", json!({ "user_id": user.id })).await.ok();
        let token = world.server().post(&format!("/v1/sessions/{}/tokens", made["id"].as_str().unwrap()), json!({})).await.ok();
        assert!(crate::answer::decode(token["jwt"].as_str().unwrap()).1["fva"][1].as_i64().unwrap() > 1_000_000);
        let gone = ada.delete("/v1/me/totp").await.response();
        assert_eq!((&gone["object"], &gone["deleted"]), (&json!("totp"), &json!(true)));
        assert_eq!((world.count("totps").await, world.count("backup_codes").await), (0, 0), "backup codes go with the last factor");
        let me = ada.get("/v1/me").await.response();
        assert_eq!((&me["two_factor_enabled"], &me["backup_code_enabled"], &me["mfa_disabled_at"]), (&json!(false), &json!(false), &json!(world.now().0)));
        assert!(me["mfa_enabled_at"].is_i64());
        assert_eq!(elsewhere.claims(&old).await["fva"][1], -1);
        world.advance_secs(31);
        world.browser().sign_in("ada@example.com").await;
        drop(app);
    }

    async fn taking_the_app_away_kills_the_client_token(world: World) {
        let (ada, _, session, _) = world.enrolled("ada@example.com").await;
        let thief = ada.thief();
        ada.delete("/v1/me/totp").await.ok();
        thief.mint(&session).await.refused(401, "authentication_invalid");
        ada.mint(&session).await.ok();
        world.unchanged(ada.delete("/v1/me/totp")).await.refused(404, "resource_not_found");
    }

    async fn a_server_checks_codes_and_uses_them_up(world: World) {
        let (ada, user, _, app) = world.enrolled("ada@example.com").await;
        let (server, path) = (world.server(), format!("/v1/users/{}/verify_totp", user.id));
        let code = app.code();
        assert_eq!(server.post(&path, json!({ "code": code })).await.ok(), json!({ "verified": true, "code_type": "totp" }));
        world.changes_only(&["users"], server.post(&path, json!({ "code": code }))).await.refused(422, "totp_incorrect_code code");
        let backup = &app.backup_codes[3];
        assert_eq!(server.post(&path, json!({ "code": backup })).await.ok(), json!({ "verified": true, "code_type": "backup_code" }));
        world.changes_only(&["users"], server.post(&path, json!({ "code": backup }))).await.refused(422, "totp_incorrect_code code");
        // The same step and the same code are used up at every other door.
        world.advance_secs(61);
        let code = app.code();
        server.post(&path, json!({ "code": code })).await.ok();
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        browser.attempt_second(&id, "totp", &code).await.refused(422, "form_code_incorrect code");
        browser.attempt_second(&id, "backup_code", backup).await.refused(422, "form_code_incorrect code");
        world.unchanged(server.post("/v1/users/user_x/verify_totp", json!({ "code": "1" }))).await.refused(404, "resource_not_found");
        let bob = world.user_without_password("bob@example.com").await;
        world.unchanged(server.post(&format!("/v1/users/{}/verify_totp", bob.id), json!({ "code": "123456" }))).await.refused(400, "totp_disabled");
        drop(ada);
    }

    async fn guesses_of_a_server_count_as_all_others(world: World) {
        let (_, user, _, app) = world.enrolled("ada@example.com").await;
        let (server, path) = (world.server(), format!("/v1/users/{}/verify_totp", user.id));
        for _ in 0..10 {
            server.post(&path, json!({ "code": app.wrong() })).await.refused(422, "totp_incorrect_code code");
        }
        let locked = world.unchanged(server.post(&path, json!({ "code": app.code() }))).await;
        locked.refused(403, "user_locked");
    }

    async fn an_operator_takes_factors_away(world: World) {
        let (ada, user, session, app) = world.enrolled("ada@example.com").await;
        let server = world.server();
        let at = |tail: &str| format!("/v1/users/{}/{tail}", user.id);
        assert_eq!(server.delete(&at("backup_code")).await.ok(), json!({ "user_id": user.id }));
        let me = ada.get("/v1/me").await.response();
        assert_eq!((&me["backup_code_enabled"], &me["totp_enabled"]), (&json!(false), &json!(true)));
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        browser.attempt_second(&id, "backup_code", &app.backup_codes[0]).await.refused(400, "strategy_for_user_invalid");
        assert_eq!(server.delete(&at("totp")).await.ok(), json!({ "user_id": user.id }));
        assert_eq!(ada.get("/v1/me").await.response()["two_factor_enabled"], false);
        assert_eq!(ada.claims(&session).await["fva"][1], -1);
        ada.enrol().await;
        assert_eq!(server.delete(&at("mfa")).await.ok(), json!({ "user_id": user.id }));
        assert_eq!((world.count("totps").await, world.count("backup_codes").await), (0, 0));
        assert_eq!(server.delete(&at("mfa")).await.ok(), json!({ "user_id": user.id }), "there is nothing left, and that is no mistake");
        for tail in ["totp", "backup_code", "mfa"] {
            world.unchanged(server.delete(&format!("/v1/users/user_x/{tail}"))).await.refused(404, "resource_not_found");
        }
    }

    async fn factors_of_another_system_are_brought_along(world: World) {
        world.second_factors_on().await;
        let secret = "MZXW6YTBOJRGC6RRGIZTINJWG4";
        let digest = "$2b$10$abcdefghijklmnopqrstuuB.FDPUxvIuLzfpu8jNPojpaXaDVnEjy";
        let app = AuthenticatorApp::new(&world, secret);
        let user = world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "totp_secret": secret, "backup_codes": ["plain-CODE-1", digest] })).await;
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        assert_eq!(browser.attempt_second(&id, "totp", &app.code()).await.response()["status"], "complete");
        for code in ["Plain-code-1", IMPORTED] {
            world.advance_minutes(11);
            let browser = world.browser();
            let id = browser.half_signed_in("ada@example.com").await;
            browser.attempt_second(&id, "backup_code", "neither of them").await.refused(422, "form_code_incorrect code");
            assert_eq!(browser.attempt_second(&id, "backup_code", code).await.response()["status"], "complete", "{code}");
        }
        let me = browser.get("/v1/me").await.response();
        assert_eq!(me["backup_code_enabled"], false, "the last one is used up");
        let path = format!("/v1/users/{}", user.id);
        let changed = world.server().patch(&path, json!({ "backup_codes": ["another-1"], "totp_secret": "gezd gnbv gy3t qojq gezd gnbv gy3t qojq" })).await.ok();
        assert_eq!((&changed["backup_code_enabled"], &changed["totp_enabled"]), (&json!(true), &json!(true)));
        let rows = format!("{:?}", world.snapshot().await);
        assert!(!rows.contains("another-1") && !rows.contains(secret));
    }

    // N33.
    async fn weak_factors_of_another_system_are_refused(world: World) {
        world.second_factors_on().await;
        let server = world.server();
        let bob = |more: serde_json::Value| {
            let mut body = json!({ "email_address": ["bob@example.com"], "skip_password_requirement": true });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let short = totp::base32(&[7; 13]);
        for secret in ["x", "not base32 at all!", "AAAAAAAAAAAAAAAAAAAAAA", short.as_str(), &totp::base32(&[7; 65]), "0189"] {
            world.unchanged(server.post("/v1/users", bob(json!({ "totp_secret": secret })))).await.refused(422, "invalid_totp_secret_code totp_secret");
        }
        for codes in [json!(["12345"]), json!(["$2b$10$nonsense"]), json!(["$2b$31$abcdefghijklmnopqrstuuB.FDPUxvIuLzfpu8jNPojpaXaDVnEjy"])] {
            world.unchanged(server.post("/v1/users", bob(json!({ "backup_codes": codes })))).await.refused(422, "form_param_value_invalid backup_codes");
        }
        world.unchanged(server.post("/v1/users", bob(json!({ "backup_codes": vec!["code-1"; 21] })))).await.refused(422, "form_param_array_size_exceeded backup_codes");
        world.user_with("carol@example.com", json!({ "skip_password_requirement": true, "totp_secret": totp::base32(&[7; 14]) })).await;
        world.settings(|s| { s.attributes.authenticator_app = false; s.attributes.backup_code = false; }).await;
        world.unchanged(server.post("/v1/users", bob(json!({ "totp_secret": totp::base32(&[7; 20]) })))).await.refused(400, "totp_disabled totp_secret");
        world.unchanged(server.post("/v1/users", bob(json!({ "backup_codes": ["code-1"] })))).await.refused(400, "backup_codes_not_available backup_codes");
    }
}

/// What the digest above was made of.
const IMPORTED: &str = "imported-code";
