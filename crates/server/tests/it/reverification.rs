//! Proving again who one is, within a session (contract fapi §8.7, bapi §6.7; T38, T40, T48; ASVS 7.5.1, 7.5.3).
use crate::answer::Answer;
use crate::authenticator::Ceremony;
use crate::authenticator::{Authenticator, UP};
use crate::browser::{Browser, PASSWORD};
use crate::passkeys::{ask, attempt, by_the_book};
use crate::phones;
use crate::tickets::redeem;
use crate::world::World;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use usher_crypto::digest;

impl Browser {
    pub(crate) async fn verify(&self, session: &str, level: &str) -> Answer {
        self.post(
            &format!("/v1/client/sessions/{session}/verify"),
            &[("level", level)],
        )
        .await
    }
    pub(crate) async fn verify_step(
        &self,
        session: &str,
        step: &str,
        form: &[(&str, &str)],
    ) -> Answer {
        self.post(
            &format!("/v1/client/sessions/{session}/verify/{step}"),
            form,
        )
        .await
    }
    async fn verify_by_password(&self, session: &str, password: &str) -> Answer {
        self.verify_step(
            session,
            "attempt_first_factor",
            &[("strategy", "password"), ("password", password)],
        )
        .await
    }
    async fn verify_second(&self, session: &str, strategy: &str, code: &str) -> Answer {
        self.verify_step(
            session,
            "attempt_second_factor",
            &[("strategy", strategy), ("code", code)],
        )
        .await
    }
}

/// Ada with a password, signed in an hour ago.
async fn ada_of_an_hour_ago(world: &World) -> (Browser, crate::world::User, String) {
    let ada = world.user("ada@example.com").await;
    let browser = world.browser();
    let session = browser.sign_in("ada@example.com").await;
    world.advance_minutes(61);
    (browser, ada, session)
}

/// What changes ways to sign in, signs others out or ends the account.
async fn sensitive(browser: &Browser, email_id: &str, other: &str) -> Vec<Answer> {
    vec![
        browser
            .post(
                "/v1/me/change_password",
                &[("new_password", "a new password 7")],
            )
            .await,
        browser
            .post(
                "/v1/me/change_password",
                &[
                    ("current_password", PASSWORD),
                    ("new_password", "a new password 7"),
                ],
            )
            .await,
        browser
            .post(
                "/v1/me/email_addresses",
                &[("email_address", "more@example.com")],
            )
            .await,
        browser
            .delete(&format!("/v1/me/email_addresses/{email_id}"))
            .await,
        browser
            .post("/v1/me/phone_numbers", &[("phone_number", phones::ADA)])
            .await,
        browser
            .patch(
                "/v1/me/phone_numbers/idn_x",
                &[("reserved_for_second_factor", "true")],
            )
            .await,
        browser.delete("/v1/me/phone_numbers/idn_x").await,
        browser
            .post(
                "/v1/me/external_accounts",
                &[
                    ("strategy", "oauth_google"),
                    ("redirect_url", "https://app.example.com/"),
                ],
            )
            .await,
        browser.delete("/v1/me/external_accounts/idn_x").await,
        browser.delete("/v1/me/trusted_devices/td_x").await,
        browser.patch("/v1/me", &[("username", "ada_l")]).await,
        browser
            .patch("/v1/me", &[("primary_email_address_id", email_id)])
            .await,
        browser.post("/v1/me/passkeys", &[]).await,
        browser.delete("/v1/me/passkeys/idn_x").await,
        browser.post("/v1/me/totp", &[]).await,
        browser.delete("/v1/me/totp").await,
        browser.post("/v1/me/backup_codes", &[]).await,
        browser
            .post(&format!("/v1/me/sessions/{other}/revoke"), &[])
            .await,
        browser
            .post(
                "/v1/me/web3_wallets",
                &[("web3_wallet", "0x0000000000000000000000000000000000000001")],
            )
            .await,
        browser.delete("/v1/me/web3_wallets/idn_x").await,
        browser.delete("/v1/me").await,
    ]
}

both! {
    async fn what_cannot_be_undone_needs_a_proof_of_the_last_ten_minutes(world: World) {
        world.settings(|s| { s.attributes.passkey = true; s.attributes.username = usher_server::instances::settings::Presence::On; }).await;
        world.second_factors_on().await;
        let (browser, ada, session) = ada_of_an_hour_ago(&world).await;
        let elsewhere = world.browser();
        let other = elsewhere.sign_in("ada@example.com").await;
        let before = world.snapshot().await;
        for answer in sensitive(&browser, &ada.email_id, &other).await {
            answer.refused(403, "session_reverification_required");
        }
        assert_eq!(before, world.snapshot().await, "a refused request changed something");
        // What is no way in needs none.
        browser.patch("/v1/me", &[("first_name", "Ada")]).await.ok();
        browser.get("/v1/me/sessions/active").await.ok();
        assert_eq!(browser.verify(&session, "second_factor").await.response()["status"], "needs_first_factor");
        assert_eq!(browser.verify_by_password(&session, PASSWORD).await.response()["status"], "complete");
        world.advance_ms(10 * 60 * 1000 - 1);
        for answer in sensitive(&browser, &ada.email_id, &other).await {
            assert!(!answer.body.contains("session_reverification_required"), "{}: {}", answer.asked, answer.body);
        }
        assert_eq!(world.count("users").await, 0, "the last one was the end of the account");
    }

    async fn where_the_instance_asks_for_none_none_is_needed(world: World) {
        world.settings(|s| s.reverification = false).await;
        let (browser, _, _) = ada_of_an_hour_ago(&world).await;
        assert_eq!(browser.get("/v1/environment").await.ok()["auth_config"]["reverification"], false);
        browser.post("/v1/me/email_addresses", &[("email_address", "more@example.com")]).await.ok();
        world.unchanged(browser.post("/v1/me/change_password", &[("new_password", "a new password 7")])).await.refused(422, "form_param_missing current_password");
        browser.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", "a new password 7")]).await.ok();
        world.settings(|s| s.reverification = true).await;
        assert_eq!(browser.get("/v1/environment").await.ok()["auth_config"]["reverification"], true);
    }

    async fn passwords_may_be_kept_apart_from_it(world: World) {
        world.settings(|s| s.password.disable_password_reverification = true).await;
        let (browser, _, _) = ada_of_an_hour_ago(&world).await;
        assert_eq!(browser.get("/v1/environment").await.ok()["user_settings"]["password_settings"]["disable_password_reverification"], true);
        let fresh = world.browser();
        fresh.sign_in("ada@example.com").await;
        for browser in [&fresh, &browser] {
            world.unchanged(browser.post("/v1/me/change_password", &[("new_password", "a new password 7")])).await.refused(422, "form_param_missing current_password");
        }
        browser.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", "a new password 7")]).await.ok();
        // A password where there was none is a new way in.
        let (bob, _, _) = world.signed_in("bob@example.com").await;
        world.advance_minutes(10);
        world.unchanged(bob.post("/v1/me/change_password", &[("new_password", "a new password 7")])).await.refused(403, "session_reverification_required");
    }

    async fn a_recent_proof_stands_for_the_present_password_and_a_wrong_one_still_counts(world: World) {
        let (browser, ada, session) = ada_of_an_hour_ago(&world).await;
        browser.verify(&session, "first_factor").await.ok();
        browser.verify_by_password(&session, PASSWORD).await.ok();
        browser.post("/v1/me/change_password", &[("current_password", "wrong horse 9"), ("new_password", "a new password 7")]).await.refused(422, "form_password_incorrect current_password");
        assert_eq!(world.rows("SELECT failed_attempts FROM users", &[]).await, ["1"]);
        world.unchanged(browser.post("/v1/me/change_password", &[("new_password", PASSWORD)])).await.refused(422, "form_new_password_matches_current new_password");
        browser.post("/v1/me/change_password", &[("new_password", "a new password 7")]).await.ok();
        world.server().post(&format!("/v1/users/{}/verify_password", ada.id), json!({ "password": "a new password 7" })).await.ok();
    }

    async fn a_password_proves_again_and_the_token_is_a_new_one(world: World) {
        let (browser, _, session) = ada_of_an_hour_ago(&world).await;
        assert_eq!(browser.claims(&session).await["fva"], json!([61, -1]));
        let begun = browser.verify(&session, "multi_factor").await.response();
        assert_eq!((&begun["object"], &begun["status"], &begun["level"]), (&json!("session_reverification"), &json!("needs_first_factor"), &json!("first_factor")), "there is no second factor");
        let factors = begun["supported_first_factors"].as_array().unwrap();
        let words: Vec<&str> = factors.iter().map(|f| f["strategy"].as_str().unwrap()).collect();
        assert_eq!(words, ["password", "email_code"]);
        assert_eq!((&begun["supported_second_factors"], &begun["first_factor_verification"], &begun["session"]["id"]), (&json!(null), &json!(null), &json!(session)));
        let thief = browser.thief();
        let done = browser.verify_by_password(&session, PASSWORD).await.ok();
        let proved = &done["response"];
        assert_eq!((&proved["status"], &proved["first_factor_verification"]["object"], &proved["session"]["factor_verification_age"]), (&json!("complete"), &json!("verification_password"), &json!([0, -1])));
        let fresh = crate::answer::decode(done["client"]["sessions"][0]["last_active_token"]["jwt"].as_str().unwrap()).1;
        assert_eq!(fresh["fva"], json!([0, -1]), "the new token comes with the answer");
        assert_eq!(browser.claims(&session).await["fva"], json!([0, -1]));
        // T48: the token of before is dead.
        thief.mint(&session).await.refused(401, "authentication_invalid");
        world.unchanged(browser.verify_by_password(&session, PASSWORD)).await.refused(400, "session_reverification_missing");
        assert_eq!(world.count("reverifications").await, 0);
    }

    async fn a_mailed_code_proves_again_once_and_only_where_it_was_asked_for(world: World) {
        let (browser, ada, session) = ada_of_an_hour_ago(&world).await;
        let prepare = async || browser.verify_step(&session, "prepare_first_factor", &[("strategy", "email_code"), ("email_address_id", &ada.email_id)]).await;
        world.unchanged(prepare()).await.refused(400, "session_reverification_missing");
        browser.verify(&session, "first_factor").await.ok();
        world.unchanged(browser.verify_step(&session, "attempt_first_factor", &[("strategy", "email_code"), ("code", "123456")])).await.refused(400, "verification_missing");
        world.unchanged(browser.verify_step(&session, "prepare_first_factor", &[("strategy", "email_code"), ("email_address_id", "idn_x")])).await.refused(404, "resource_not_found");
        world.unchanged(browser.verify_step(&session, "prepare_first_factor", &[("strategy", "email_code")])).await.refused(422, "form_param_missing email_address_id");
        let prepared = prepare().await.response();
        assert_eq!((&prepared["status"], &prepared["first_factor_verification"]["status"]), (&json!("needs_first_factor"), &json!("unverified")));
        world.unchanged(prepare()).await.refused(429, "verification_code_too_many_requests");
        // Starting anew is no way around the wait, and the code of before is dead.
        let code = world.code("ada@example.com").await;
        browser.verify(&session, "first_factor").await.ok();
        world.unchanged(prepare()).await.refused(429, "verification_code_too_many_requests");
        world.unchanged(browser.verify_step(&session, "attempt_first_factor", &[("strategy", "email_code"), ("code", &code)])).await.refused(400, "verification_missing");
        world.advance_secs(31);
        prepare().await.ok();
        let code = world.code("ada@example.com").await;
        let wrong = if code == "000000" { "000001" } else { "000000" };
        browser.verify_step(&session, "attempt_first_factor", &[("strategy", "email_code"), ("code", wrong)]).await.refused(422, "form_code_incorrect code");
        assert_eq!(world.rows("SELECT failed_attempts FROM users", &[]).await, ["1"]);
        // The code of one door opens no other.
        let sign_in = world.browser();
        let id = sign_in.start_sign_in("ada@example.com").await["id"].as_str().unwrap().to_owned();
        sign_in.attempt_code(&id, &code).await.refused(400, "verification_missing");
        assert_eq!(browser.verify_step(&session, "attempt_first_factor", &[("strategy", "email_code"), ("code", &code)]).await.response()["status"], "complete");
        assert_eq!(world.rows("SELECT failed_attempts FROM users", &[]).await, ["0"], "as after a sign-in");
        browser.verify(&session, "first_factor").await.ok();
        world.unchanged(browser.verify_step(&session, "attempt_first_factor", &[("strategy", "email_code"), ("code", &code)])).await.refused(400, "verification_missing");
    }

    async fn a_code_to_a_number_proves_again_while_it_is_a_first_factor(world: World) {
        world.phones_on().await;
        world.settings(|s| s.attributes.phone_second_factor = true).await;
        let (browser, ada, session) = ada_of_an_hour_ago(&world).await;
        let number = world.number_of(&ada.id, phones::ADA).await;
        let prepare = async |strategy: &str, field: &str, id: &str| browser.verify_step(&session, "prepare_first_factor", &[("strategy", strategy), (field, id)]).await;
        let attempt = async |strategy: &str, code: &str| browser.verify_step(&session, "attempt_first_factor", &[("strategy", strategy), ("code", code)]).await;
        let begun = browser.verify(&session, "first_factor").await.response();
        let words: Vec<&str> = begun["supported_first_factors"].as_array().unwrap().iter().map(|f| f["strategy"].as_str().unwrap()).collect();
        assert_eq!(words, ["password", "email_code", "phone_code"]);
        let way = &begun["supported_first_factors"][2];
        assert_eq!((&way["phone_number_id"], &way["safe_identifier"], &way["primary"]), (&json!(number), &json!(phones::ADA), &json!(true)));
        world.unchanged(attempt("phone_code", "123456")).await.refused(400, "verification_missing");
        world.unchanged(prepare("phone_code", "email_address_id", &ada.email_id)).await.refused(422, "form_param_missing phone_number_id");
        for id in ["idn_x", &ada.email_id] {
            world.unchanged(prepare("phone_code", "phone_number_id", id)).await.refused(404, "resource_not_found");
        }
        world.unchanged(prepare("email_code", "email_address_id", &number)).await.refused(404, "resource_not_found");
        let by_app = [("strategy", "phone_code"), ("phone_number_id", number.as_str()), ("channel", "whatsapp")];
        world.unchanged(browser.verify_step(&session, "prepare_first_factor", &by_app)).await.refused(422, "form_param_value_invalid channel");
        prepare("phone_code", "phone_number_id", &number).await.ok();
        world.unchanged(prepare("phone_code", "phone_number_id", &number)).await.refused(429, "verification_code_too_many_requests");
        let code = world.code(phones::ADA).await;
        world.unchanged(attempt("email_code", &code)).await.refused(400, "verification_missing");
        attempt("phone_code", if code == "000000" { "000001" } else { "000000" }).await.refused(422, "form_code_incorrect code");
        assert_eq!(world.rows("SELECT failed_attempts FROM users", &[]).await, ["1"]);
        // Meanwhile it becomes the second factor, which is no first one.
        let path = format!("/v1/phone_numbers/{number}");
        world.server().patch(&path, json!({ "reserved_for_second_factor": true })).await.ok();
        world.unchanged(attempt("phone_code", &code)).await.refused(400, "verification_missing");
        world.unchanged(prepare("phone_code", "phone_number_id", &number)).await.refused(404, "resource_not_found");
        world.server().patch(&path, json!({ "reserved_for_second_factor": false })).await.ok();
        assert_eq!(attempt("phone_code", &code).await.response()["status"], "complete");
        assert_eq!(browser.claims(&session).await["fva"], json!([0, -1]));
        browser.delete(&format!("/v1/me/phone_numbers/{number}")).await.ok();
    }

    async fn an_address_that_is_gone_proves_nothing(world: World) {
        let (browser, ada, session) = ada_of_an_hour_ago(&world).await;
        let server = world.server();
        let more = server.post("/v1/email_addresses", json!({ "user_id": ada.id, "email_address": "more@example.com", "verified": true })).await.ok();
        browser.verify(&session, "first_factor").await.ok();
        let form = [("strategy", "email_code"), ("email_address_id", more["id"].as_str().unwrap())];
        browser.verify_step(&session, "prepare_first_factor", &form).await.ok();
        let code = world.code("more@example.com").await;
        server.delete(&format!("/v1/email_addresses/{}", more["id"].as_str().unwrap())).await.ok();
        world.unchanged(browser.verify_step(&session, "attempt_first_factor", &[("strategy", "email_code"), ("code", &code)])).await.refused(400, "verification_missing");
    }

    async fn who_has_a_second_factor_proves_that_one(world: World) {
        let (browser, _, session, app) = world.enrolled("ada@example.com").await;
        world.advance_minutes(15);
        world.unchanged(browser.post("/v1/me/email_addresses", &[("email_address", "more@example.com")])).await.refused(403, "session_reverification_required");
        // The first factor alone is not the strongest that there is.
        browser.verify(&session, "first_factor").await.ok();
        let code = async || {
            browser.verify_step(&session, "prepare_first_factor", &[("strategy", "email_code"), ("email_address_id", browser.client().await["sessions"][0]["user"]["primary_email_address_id"].as_str().unwrap())]).await.ok();
            world.code("ada@example.com").await
        };
        let mailed = code().await;
        assert_eq!(browser.verify_step(&session, "attempt_first_factor", &[("strategy", "email_code"), ("code", &mailed)]).await.response()["status"], "complete");
        assert_eq!(browser.claims(&session).await["fva"], json!([0, 16]));
        world.unchanged(browser.delete("/v1/me")).await.refused(403, "session_reverification_required");
        let begun = browser.verify(&session, "second_factor").await.response();
        assert_eq!((&begun["status"], &begun["level"]), (&json!("needs_second_factor"), &json!("second_factor")));
        assert_eq!(begun["supported_second_factors"], json!([{ "strategy": "totp" }, { "strategy": "backup_code" }]));
        world.unchanged(browser.verify_step(&session, "attempt_first_factor", &[("strategy", "email_code"), ("code", "1")])).await.refused(400, "invalid_action_for_session_reverification");
        browser.verify_second(&session, "totp", &app.wrong()).await.refused(422, "form_code_incorrect code");
        let done = browser.verify_second(&session, "totp", &app.code()).await.response();
        assert_eq!((&done["status"], &done["second_factor_verification"]["object"], &done["session"]["factor_verification_age"]), (&json!("complete"), &json!("verification_totp"), &json!([0, 0])));
        browser.post("/v1/me/email_addresses", &[("email_address", "more@example.com")]).await.ok();
        // T44: a step that was used here is used everywhere.
        world.advance_secs(1);
        browser.verify(&session, "second_factor").await.ok();
        browser.verify_second(&session, "totp", &app.code()).await.refused(422, "form_code_incorrect code");
        assert_eq!(browser.verify_second(&session, "backup_code", &app.backup_codes[0]).await.response()["second_factor_verification"]["object"], "verification_backup_code");
        assert_eq!(world.count("backup_codes").await, 9);
    }

    async fn both_factors_are_proved_one_after_the_other_and_count_together(world: World) {
        let (browser, _, session, app) = world.enrolled("ada@example.com").await;
        browser.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        world.advance_minutes(30);
        let begun = browser.verify(&session, "multi_factor").await.response();
        assert_eq!((&begun["status"], &begun["level"]), (&json!("needs_first_factor"), &json!("multi_factor")));
        world.unchanged(browser.verify_second(&session, "totp", &app.code())).await.refused(400, "invalid_action_for_session_reverification");
        let token = browser.cookie("__client");
        let half = browser.verify_by_password(&session, PASSWORD).await.response();
        assert_eq!((&half["status"], &half["session"]["factor_verification_age"]), (&json!("needs_second_factor"), &json!([31, 31])), "nothing counts before everything is proved");
        assert_eq!(token, browser.cookie("__client"));
        world.advance_minutes(3);
        let done = browser.verify_second(&session, "totp", &app.code()).await.response();
        assert_eq!((&done["status"], &done["session"]["factor_verification_age"]), (&json!("complete"), &json!([3, 0])), "with the time of each proof");
        assert_ne!(token, browser.cookie("__client"));
    }

    async fn a_passkey_proves_again_and_both_where_its_user_was_verified(world: World) {
        world.settings(|s| s.attributes.passkey = true).await;
        let (browser, _, session, _) = world.enrolled("ada@example.com").await;
        let (id, options) = ask(&browser).await;
        let mut key = Authenticator::new(b"of ada");
        let only_present = Ceremony { flags: UP, ..by_the_book(&browser) };
        attempt(&browser, &id, &key.create(&options, &only_present)).await.ok();
        world.advance_minutes(30);
        let challenge = async |browser: &Browser| {
            browser.verify(&session, "multi_factor").await.ok();
            let asked = browser.verify_step(&session, "prepare_first_factor", &[("strategy", "passkey")]).await.response();
            serde_json::from_str::<Value>(asked["first_factor_verification"]["nonce"].as_str().unwrap()).unwrap()
        };
        let prove = async |credential: &str| browser.verify_step(&session, "attempt_first_factor", &[("strategy", "passkey"), ("public_key_credential", credential)]).await;
        let options = challenge(&browser).await;
        assert_eq!(options["allowCredentials"][0]["id"], digest::b64url(b"of ada"));
        assert_eq!(prove(&key.prove(&options, &only_present)).await.response()["status"], "needs_second_factor");
        let options = challenge(&browser).await;
        let broken = Ceremony { broken: true, ..by_the_book(&browser) };
        prove(&key.prove(&options, &broken)).await.refused(400, "passkey_authentication_failure");
        let credential = key.prove(&options, &by_the_book(&browser));
        let done = prove(&credential).await.response();
        assert_eq!((&done["status"], &done["session"]["factor_verification_age"]), (&json!("complete"), &json!([0, 0])));
        browser.verify(&session, "multi_factor").await.ok();
        world.unchanged(prove(&credential)).await.refused(400, "passkey_invalid_verification");
        // Another user's passkey proves nothing here.
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        let (id, options) = ask(&eve).await;
        let mut foreign = Authenticator::new(b"of eve");
        attempt(&eve, &id, &foreign.create(&options, &by_the_book(&eve))).await.ok();
        let options = challenge(&browser).await;
        prove(&foreign.prove(&options, &by_the_book(&browser))).await.refused(404, "passkey_not_registered");
    }

    async fn nobody_verifies_the_session_of_another_browser(world: World) {
        let (browser, ada, session) = ada_of_an_hour_ago(&world).await;
        browser.verify(&session, "first_factor").await.ok();
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        let elsewhere = world.browser();
        elsewhere.sign_in("ada@example.com").await;
        let ended = browser.thief();
        for stranger in [&eve, &elsewhere] {
            for answer in [
                world.unchanged(stranger.verify(&session, "first_factor")).await,
                world.unchanged(stranger.verify_by_password(&session, PASSWORD)).await,
                world.unchanged(stranger.verify_second(&session, "totp", "123456")).await,
                world.unchanged(stranger.verify_step(&session, "prepare_first_factor", &[("strategy", "email_code"), ("email_address_id", &ada.email_id)])).await,
            ] {
                answer.refused(401, "authentication_invalid");
            }
        }
        browser.post(&format!("/v1/client/sessions/{session}/end"), &[]).await.ok();
        for gone in [&browser, &ended] {
            world.unchanged(gone.verify_by_password(&session, PASSWORD)).await.refused(401, "authentication_invalid");
        }
    }

    async fn who_acts_as_a_user_proves_nothing_for_them(world: World) {
        let ada = world.user("ada@example.com").await;
        let made = world.server().post("/v1/actor_tokens", json!({ "user_id": ada.id, "actor": { "sub": "user_support" } })).await.ok();
        let support = world.browser();
        let session = redeem(&support, made["token"].as_str().unwrap()).await.response()["created_session_id"].as_str().unwrap().to_owned();
        for answer in [
            world.unchanged(support.verify(&session, "first_factor")).await,
            world.unchanged(support.verify_by_password(&session, PASSWORD)).await,
            world.unchanged(support.verify_second(&session, "totp", "123456")).await,
            world.unchanged(support.verify_step(&session, "prepare_first_factor", &[("strategy", "email_code"), ("email_address_id", &ada.email_id)])).await,
        ] {
            answer.refused(403, "authorization_invalid");
        }
        // Nor does such a session sign the user out elsewhere.
        let own = world.browser();
        let owned = own.sign_in("ada@example.com").await;
        world.unchanged(support.post(&format!("/v1/me/sessions/{owned}/revoke"), &[])).await.refused(403, "session_reverification_required");
        support.post(&format!("/v1/me/sessions/{session}/revoke"), &[]).await.ok();
    }

    // T40: no door has a budget of its own.
    async fn wrong_proofs_lock_the_account_as_at_sign_ins(world: World) {
        let (browser, ada, session) = ada_of_an_hour_ago(&world).await;
        browser.verify(&session, "first_factor").await.ok();
        for _ in 0..5 {
            browser.verify_by_password(&session, "wrong horse 9").await.refused(422, "form_password_incorrect password");
        }
        let other = world.browser();
        for _ in 0..5 {
            other.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        }
        world.unchanged(browser.verify_by_password(&session, PASSWORD)).await.refused(403, "user_locked");
        world.unchanged(browser.verify(&session, "first_factor")).await.refused(403, "user_locked");
        browser.mint(&session).await.ok();
        world.advance_minutes(61);
        world.unchanged(browser.verify_by_password(&session, PASSWORD)).await.refused(400, "session_reverification_missing");
        browser.verify(&session, "first_factor").await.ok();
        world.server().post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        world.unchanged(browser.verify_by_password(&session, PASSWORD)).await.refused(401, "authentication_invalid");
    }

    async fn a_right_first_factor_forgives_no_guess_at_the_second(world: World) {
        let (browser, _, session, app) = world.enrolled("ada@example.com").await;
        browser.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        for _ in 0..2 {
            browser.verify(&session, "multi_factor").await.ok();
            browser.verify_by_password(&session, PASSWORD).await.ok();
            for _ in 0..5 {
                browser.verify_second(&session, "totp", &app.wrong()).await.refused(422, "form_code_incorrect code");
            }
        }
        world.unchanged(browser.verify_second(&session, "totp", &app.code())).await.refused(403, "user_locked");
    }

    async fn of_many_answers_one_completes(world: World) {
        let (browser, _, session, app) = world.enrolled("ada@example.com").await;
        browser.verify(&session, "second_factor").await.ok();
        let mut set = JoinSet::new();
        for n in 0..16 {
            let (browser, session) = (browser.thief(), session.clone());
            let code = if n % 2 == 0 { app.code() } else { app.backup_codes[0].clone() };
            set.spawn(async move { browser.verify_second(&session, if n % 2 == 0 { "totp" } else { "backup_code" }, &code).await.status });
        }
        let mut completed = 0;
        while let Some(status) = set.join_next().await {
            let status = status.unwrap();
            assert!([200, 400, 401, 422].contains(&status), "{status}");
            completed += usize::from(status == 200);
        }
        assert_eq!(completed, 1);
        assert_eq!(world.count("reverifications").await, 0);
    }

    async fn an_attempt_ends_with_its_time_its_session_and_a_changed_password(world: World) {
        let (browser, ada, session) = ada_of_an_hour_ago(&world).await;
        browser.verify(&session, "first_factor").await.ok();
        world.advance_minutes(10);
        world.unchanged(browser.verify_by_password(&session, PASSWORD)).await.refused(400, "session_reverification_missing");
        browser.verify(&session, "first_factor").await.ok();
        world.server().patch(&format!("/v1/users/{}", ada.id), json!({ "password": "another good phrase 7" })).await.ok();
        browser.verify_by_password(&session, PASSWORD).await.refused(422, "form_password_incorrect password");
        world.server().post(&format!("/v1/users/{}/password/set_compromised", ada.id), json!({})).await.ok();
        world.unchanged(browser.verify_by_password(&session, "another good phrase 7")).await.refused(422, "form_password_compromised password");
        assert_eq!(browser.verify(&session, "first_factor").await.response()["supported_first_factors"].as_array().unwrap().len(), 1, "the address is left");
        world.advance_days(2);
        usher_server::serve::housekeeping(&world.app).await.unwrap();
        assert_eq!(world.count("reverifications").await, 0);
    }

    async fn what_is_no_strategy_of_the_step_is_refused_by_name(world: World) {
        let (browser, _, session) = ada_of_an_hour_ago(&world).await;
        world.unchanged(browser.verify(&session, "strict")).await.refused(422, "form_param_value_invalid level");
        browser.verify(&session, "first_factor").await.ok();
        for (step, strategy, status, code) in [
            ("prepare_first_factor", "password", 400, "verification_strategy_invalid strategy"),
            ("prepare_first_factor", "reset_password_email_code", 400, "verification_strategy_invalid strategy"),
            ("prepare_first_factor", "totp", 422, "form_param_value_invalid strategy"),
            ("prepare_first_factor", "nonsense", 422, "form_param_value_invalid strategy"),
            ("attempt_first_factor", "ticket", 400, "verification_strategy_invalid strategy"),
            ("attempt_first_factor", "reset_password_email_code", 400, "verification_strategy_invalid strategy"),
            ("attempt_first_factor", "totp", 422, "form_param_value_invalid strategy"),
            ("attempt_first_factor", "password", 422, "form_param_missing password"),
            ("attempt_first_factor", "email_code", 422, "form_param_missing code"),
            ("attempt_second_factor", "password", 422, "form_param_value_invalid strategy"),
            ("attempt_second_factor", "totp", 400, "invalid_action_for_session_reverification"),
        ] {
            let form = if step == "attempt_second_factor" { vec![("strategy", strategy), ("code", "123456")] } else { vec![("strategy", strategy)] };
            world.unchanged(browser.verify_step(&session, step, &form)).await.refused(status, code);
        }
        // No passkey, no challenge.
        world.unchanged(browser.verify_step(&session, "prepare_first_factor", &[("strategy", "passkey")])).await.refused(400, "strategy_for_user_invalid");
    }
}
