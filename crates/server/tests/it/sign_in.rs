//! Sign-ins over the wire (contract fapi §8.5).
use crate::browser::PASSWORD;
use serde_json::{Value, json};
use usher_server::instances::settings::Presence;

/// What may differ between two sign-ins that must look alike.
fn without_ids(mut sign_in: Value) -> Value {
    for field in ["id", "identifier", "abandon_at"] {
        sign_in[field] = json!("*");
    }
    for factor in sign_in["supported_first_factors"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        for field in ["email_address_id", "safe_identifier"] {
            if factor[field].is_string() {
                factor[field] = json!(factor[field].as_str().unwrap().len() > 5);
            }
        }
    }
    sign_in
}

both! {
    async fn a_password_signs_in_at_once(world: World) {
        let ada = world.user("ada@example.com").await;
        let browser = world.browser();
        let done = browser.sign_in_with_password(" ADA@example.com ", PASSWORD).await.ok();
        assert_eq!((&done["response"]["status"], &done["response"]["identifier"]), (&json!("complete"), &json!("ada@example.com")));
        assert_eq!(done["response"]["first_factor_verification"]["strategy"], "password");
        assert_eq!(done["client"]["sign_in"], json!(null));
        assert_eq!(done["client"]["sessions"][0]["user"]["id"], ada.id.as_str());
        assert_eq!(done["client"]["last_authentication_strategy"], "password");
        browser.mint(done["response"]["created_session_id"].as_str().unwrap()).await.ok();
    }

    async fn a_password_signs_in_in_a_second_step_and_the_finished_attempt_still_answers(world: World) {
        world.user("ada@example.com").await;
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        let id = started["id"].as_str().unwrap();
        assert_eq!((&started["status"], &started["first_factor_verification"], &started["created_session_id"]), (&json!("needs_first_factor"), &json!(null), &json!(null)));
        let offered: Vec<&str> = started["supported_first_factors"].as_array().unwrap().iter().map(|f| f["strategy"].as_str().unwrap()).collect();
        assert!(offered.contains(&"password") && offered.contains(&"email_code"), "{offered:?}");
        assert_eq!(world.count("sessions").await, 0);
        assert_eq!(browser.attempt_password(id, PASSWORD).await.response()["status"], "complete");
        assert_eq!(browser.get(&format!("/v1/client/sign_ins/{id}")).await.response()["status"], "complete");
        world.unchanged(browser.attempt_password(id, PASSWORD)).await.refused(400, "invalid_action_for_session");
    }

    async fn a_username_signs_in_and_does_not_tell_the_address(world: World) {
        world.settings(|s| s.attributes.username = Presence::On).await;
        world.user_with("ada@example.com", json!({ "password": PASSWORD, "username": "Ada_L" })).await;
        let started = world.browser().start_sign_in("aDA_l").await;
        assert!(!started.to_string().contains("ada@example.com"), "{started}");
        assert!(started.to_string().contains("a***@example.com"), "{started}");
        assert_eq!(world.browser().sign_in_with_password("ADA_L", PASSWORD).await.response()["status"], "complete");
    }

    async fn a_code_signs_in_once(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        let id = started["id"].as_str().unwrap();
        assert_eq!(world.codes("ada@example.com").await.len(), 0, "nothing is sent before it is asked for");
        let prepared = browser.prepare_sign_in(&started).await.response();
        assert_eq!(prepared["first_factor_verification"]["status"], "unverified");
        let code = world.code("ada@example.com").await;
        let done = browser.attempt_code(id, &code).await.ok();
        assert_eq!(done["client"]["sessions"][0]["user"]["id"], ada.id.as_str());
        world.unchanged(browser.attempt_code(id, &code)).await.refused(400, "invalid_action_for_session");
        assert_eq!(world.count("sessions").await, 1);
    }

    async fn a_code_goes_to_the_address_that_was_given_and_for_a_username_to_the_primary_one(world: World) {
        world.settings(|s| s.attributes.username = Presence::On).await;
        let ada = world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "username": "ada_l" })).await;
        let more = json!({ "user_id": ada.id, "email_address": "second@example.com", "verified": true });
        let second = world.server().post("/v1/email_addresses", more).await.ok();
        world.browser().pending_sign_in("second@example.com").await;
        assert_eq!((world.codes("second@example.com").await.len(), world.codes("ada@example.com").await.len()), (1, 0));
        world.browser().pending_sign_in("ada@example.com").await;
        assert_eq!((world.codes("second@example.com").await.len(), world.codes("ada@example.com").await.len()), (1, 1));
        world.server().patch(&format!("/v1/email_addresses/{}", second["id"].as_str().unwrap()), json!({ "primary": true })).await.ok();
        world.browser().pending_sign_in("ada_l").await;
        assert_eq!((world.codes("second@example.com").await.len(), world.codes("ada@example.com").await.len()), (2, 1));
    }

    async fn a_wrong_password_is_counted_and_changes_nothing_else(world: World) {
        world.user("ada@example.com").await;
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        let before = browser.cookie("__client");
        world.changes_only(&["users"], browser.sign_in_with_password("ada@example.com", "wrong horse 9")).await.refused(422, "form_password_incorrect password");
        assert_eq!(browser.cookie("__client"), before);
        assert_eq!(world.rows("SELECT failed_attempts FROM users", &[]).await, ["1"]);
        browser.sign_in_with_password("ada@example.com", PASSWORD).await.ok();
        assert_eq!(world.rows("SELECT failed_attempts FROM users", &[]).await, ["0"]);
    }

    async fn an_unknown_identifier_is_told_where_nobody_minds(world: World) {
        world.settings(|s| s.attributes.username = Presence::On).await;
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        for unknown in ["nobody@example.com", "nobody", "'; DROP TABLE users --", "%"] {
            world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", unknown)])).await.refused(422, "form_identifier_not_found identifier");
            world.unchanged(browser.sign_in_with_password(unknown, PASSWORD)).await.refused(422, "form_identifier_not_found identifier");
        }
    }

    async fn with_enumeration_protection_nobody_and_somebody_look_alike(world: World) {
        world.settings(|s| s.enumeration_protection = true).await;
        world.user("ada@example.com").await;
        world.user_without_password("bob@example.com").await;
        let mut seen = Vec::new();
        for address in ["ada@example.com", "bob@example.com", "nobody@example.com"] {
            let browser = world.browser();
            let started = browser.start_sign_in(address).await;
            assert_eq!(started["user_data"], json!(null));
            let id = started["id"].as_str().unwrap();
            let prepared = browser.prepare_sign_in(&started).await;
            let again = browser.prepare_sign_in(&started).await;
            let wrong_code = browser.attempt_code(id, "x").await;
            let wrong_password = browser.attempt_password(id, "wrong horse 9").await;
            let at_once = browser.sign_in_with_password(address, "wrong horse 9").await;
            wrong_password.refused(422, "form_password_or_identifier_incorrect password");
            at_once.refused(422, "form_password_or_identifier_incorrect password");
            seen.push((without_ids(started), without_ids(prepared.response()), again.status, again.codes(), wrong_code.codes(), wrong_password.json()["errors"].clone(), at_once.json()["errors"].clone()));
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0], seen[2]);
        assert_eq!(world.codes("nobody@example.com").await.len(), 0);
        assert_eq!(world.codes("ada@example.com").await.len(), 1);
    }

    async fn with_enumeration_protection_a_pretended_address_id_is_always_the_same(world: World) {
        world.settings(|s| s.enumeration_protection = true).await;
        let id = async || world.browser().start_sign_in("nobody@example.com").await["supported_first_factors"].to_string();
        let first = id().await;
        world.advance_days(1);
        assert_eq!(first, id().await);
    }

    async fn with_enumeration_protection_the_fifth_wrong_code_of_nobody_ends_like_anybodys(world: World) {
        world.settings(|s| s.enumeration_protection = true).await;
        world.user_without_password("ada@example.com").await;
        let mut seen = Vec::new();
        for address in ["ada@example.com", "nobody@example.com"] {
            let browser = world.browser();
            let id = browser.pending_sign_in(address).await;
            let mut answers = Vec::new();
            for _ in 0..7 {
                let answer = browser.attempt_code(&id, "x").await;
                answers.push((answer.status, answer.codes()));
            }
            seen.push(answers);
        }
        assert_eq!(seen[0], seen[1]);
    }

    async fn with_enumeration_protection_a_locked_account_looks_like_any_other(world: World) {
        world.settings(|s| s.enumeration_protection = true).await;
        let ada = world.user("ada@example.com").await;
        world.server().post(&format!("/v1/users/{}/lock", ada.id), json!({})).await.ok();
        let browser = world.browser();
        browser.sign_in_with_password("ada@example.com", PASSWORD).await.refused(422, "form_password_or_identifier_incorrect password");
        browser.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_or_identifier_incorrect password");
        assert_eq!(world.count("sessions").await, 0);
    }

    async fn ten_wrong_passwords_lock_the_account_and_the_right_one_does_not_help(world: World) {
        world.user("ada@example.com").await;
        let browser = world.browser();
        for _ in 0..10 {
            browser.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        }
        let locked = world.unchanged(browser.sign_in_with_password("ada@example.com", PASSWORD)).await;
        locked.refused(403, "user_locked");
        assert_eq!(locked.json()["errors"][0]["meta"]["lockout_expires_in_seconds"], 3600);
        let started = browser.start_sign_in("ada@example.com").await;
        browser.attempt_password(started["id"].as_str().unwrap(), PASSWORD).await.refused(403, "user_locked");
        browser.prepare_sign_in(&started).await.refused(403, "user_locked");
        assert_eq!((world.count("sessions").await, world.codes("ada@example.com").await.len()), (0, 0));
        world.advance_minutes(59);
        browser.sign_in_with_password("ada@example.com", PASSWORD).await.refused(403, "user_locked");
        world.advance_minutes(1);
        assert_eq!(browser.sign_in_with_password("ada@example.com", PASSWORD).await.response()["status"], "complete");
    }

    async fn after_a_lock_has_ended_one_mistake_does_not_lock_again(world: World) {
        world.settings(|s| s.lockout_max_attempts = 5).await;
        world.user("ada@example.com").await;
        let browser = world.browser();
        for _ in 0..5 {
            browser.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        }
        world.advance_minutes(61);
        browser.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        assert_eq!(browser.sign_in_with_password("ada@example.com", PASSWORD).await.response()["status"], "complete");
    }

    async fn wrong_codes_lock_the_account_too(world: World) {
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        for _ in 0..2 {
            let id = browser.pending_sign_in("ada@example.com").await;
            for _ in 0..5 {
                browser.attempt_code(&id, "x").await.refused(422, "form_code_incorrect code");
            }
            world.advance_secs(31);
        }
        browser.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "email_code")]).await.refused(403, "user_locked");
    }

    async fn the_right_code_does_not_open_an_account_that_was_locked_or_banned_meanwhile(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let id = browser.pending_sign_in("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        let server = world.server();
        for (decision, code_word) in [("lock", "user_locked"), ("ban", "user_banned")] {
            server.post(&format!("/v1/users/{}/{decision}", ada.id), json!({})).await.ok();
            browser.attempt_code(&id, &code).await.refused(403, code_word);
        }
        assert_eq!(world.count("sessions").await, 0);
    }

    async fn a_banned_user_cannot_sign_in_and_a_stranger_does_not_learn_of_the_ban(world: World) {
        let ada = world.user("ada@example.com").await;
        world.server().post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        let browser = world.browser();
        browser.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        world.unchanged(browser.sign_in_with_password("ada@example.com", PASSWORD)).await.refused(403, "user_banned");
        assert_eq!(world.count("sessions").await, 0);
    }

    async fn a_second_sign_in_is_refused_in_single_session_mode_before_anything_is_looked_at(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        world.user("bob@example.com").await;
        for form in [[("identifier", "bob@example.com"), ("password", PASSWORD)], [("identifier", "bob@example.com"), ("password", "wrong horse 9")], [("identifier", "nobody@example.com"), ("password", "x")]] {
            world.unchanged(browser.post("/v1/client/sign_ins", &form)).await.refused(400, "session_exists");
        }
        assert_eq!(browser.session_ids().await, [session]);
    }

    async fn attempts_of_other_browsers_are_not_found(world: World) {
        world.user("ada@example.com").await;
        let (ada, eve) = (world.browser(), world.browser());
        eve.post("/v1/client", &[]).await.ok();
        let id = ada.pending_sign_in("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        for thief in [&eve, &world.browser()] {
            world.unchanged(thief.get(&format!("/v1/client/sign_ins/{id}"))).await.refused(404, "resource_not_found");
            world.unchanged(thief.attempt_code(&id, &code)).await.refused(404, "resource_not_found");
            world.unchanged(thief.attempt_password(&id, PASSWORD)).await.refused(404, "resource_not_found");
        }
        ada.attempt_code(&id, &code).await.ok();
    }

    async fn codes_of_other_attempts_are_worth_nothing(world: World) {
        world.user_without_password("ada@example.com").await;
        let (ada, eve) = (world.browser(), world.browser());
        ada.pending_sign_in("ada@example.com").await;
        let hers = world.code("ada@example.com").await;
        world.advance_secs(1);
        let id = eve.pending_sign_in("ada@example.com").await;
        if hers != world.code("ada@example.com").await {
            eve.attempt_code(&id, &hers).await.refused(422, "form_code_incorrect code");
        }
        assert_eq!(world.count("sessions").await, 0);
    }

    async fn a_new_attempt_replaces_the_old_one(world: World) {
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let old = browser.pending_sign_in("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        let reset = browser.post("/v1/client/sign_ins", &[]).await.response();
        assert_eq!((&reset["status"], &reset["identifier"], &reset["supported_first_factors"]), (&json!("needs_identifier"), &json!(null), &json!(null)));
        world.unchanged(browser.attempt_code(&old, &code)).await.refused(400, "invalid_action_for_session");
        assert_eq!(world.count("sessions").await, 0);
    }

    async fn an_attempt_ends_after_a_day(world: World) {
        world.user("ada@example.com").await;
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        let id = started["id"].as_str().unwrap();
        world.advance_days(1);
        assert_eq!(browser.get(&format!("/v1/client/sign_ins/{id}")).await.response()["status"], "abandoned");
        assert_eq!(browser.client().await["sign_in"], json!(null));
        world.unchanged(browser.attempt_password(id, PASSWORD)).await.refused(400, "invalid_action_for_session");
    }

    async fn an_address_that_was_not_offered_is_not_found(world: World) {
        world.user_without_password("ada@example.com").await;
        let eve = world.user_without_password("eve@example.com").await;
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        let path = format!("/v1/client/sign_ins/{}/prepare_first_factor", started["id"].as_str().unwrap());
        for id in [eve.email_id.as_str(), "idn_0", "x"] {
            world.unchanged(browser.post(&path, &[("strategy", "email_code"), ("email_address_id", id)])).await.refused(404, "resource_not_found");
        }
        world.unchanged(browser.post(&path, &[("strategy", "email_code")])).await.refused(422, "form_param_missing email_address_id");
        world.unchanged(browser.post(&path, &[("strategy", "password"), ("email_address_id", "x")])).await.refused(400, "verification_strategy_invalid strategy");
        world.unchanged(browser.post(&path, &[("strategy", "trusted_device"), ("email_address_id", "x")])).await.refused(422, "form_param_missing trusted_device_id");
        for strategy in ["totp", "trusted_devices", "oauth_github", ""] {
            let expected = if strategy.is_empty() { "form_param_nil strategy" } else { "form_param_value_invalid strategy" };
            world.unchanged(browser.post(&path, &[("strategy", strategy), ("email_address_id", "x")])).await.refused(422, expected);
        }
    }

    async fn an_unverified_address_signs_nobody_in(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        world.server().post("/v1/email_addresses", json!({ "user_id": ada.id, "email_address": "second@example.com" })).await.ok();
        let browser = world.browser();
        browser.post("/v1/client/sign_ins", &[("identifier", "second@example.com")]).await.refused(422, "form_identifier_not_found identifier");
        let started = browser.start_sign_in("ada@example.com").await;
        assert!(!started.to_string().contains("second@"), "{started}");
    }

    async fn a_password_is_asked_for_by_name_and_needs_somebody(world: World) {
        world.user("ada@example.com").await;
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        world.unchanged(browser.post("/v1/client/sign_ins", &[("password", PASSWORD)])).await.refused(422, "form_param_missing identifier");
        world.unchanged(browser.post("/v1/client/sign_ins", &[("strategy", "email_code")])).await.refused(422, "form_param_missing identifier");
        world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "password")])).await.refused(422, "form_param_missing password");
        let id = browser.pending_sign_in("ada@example.com").await;
        let path = format!("/v1/client/sign_ins/{id}/attempt_first_factor");
        world.unchanged(browser.post(&path, &[("strategy", "password")])).await.refused(422, "form_param_missing password");
        world.unchanged(browser.post(&path, &[("strategy", "email_code")])).await.refused(422, "form_param_missing code");
        world.unchanged(browser.post(&path, &[("code", "1")])).await.refused(422, "form_param_missing strategy");
    }

    async fn a_user_without_a_password_is_led_to_codes(world: World) {
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        browser.sign_in_with_password("ada@example.com", PASSWORD).await.refused(400, "strategy_for_user_invalid");
        let started = browser.start_sign_in("ada@example.com").await;
        assert!(!started["supported_first_factors"].to_string().contains("password"), "{started}");
    }

    async fn with_passwords_off_no_password_opens_anything(world: World) {
        world.user("ada@example.com").await;
        world.settings(|s| s.attributes.password = Presence::Off).await;
        let browser = world.browser();
        let answer = browser.sign_in_with_password("ada@example.com", PASSWORD).await;
        answer.well_formed_refusal();
        let started = browser.start_sign_in("ada@example.com").await;
        assert!(!started["supported_first_factors"].to_string().contains("\"password\""), "{started}");
        browser.attempt_password(started["id"].as_str().unwrap(), PASSWORD).await.well_formed_refusal();
        assert_eq!(world.count("sessions").await, 0);
    }

    async fn with_codes_off_no_code_is_offered_or_sent(world: World) {
        world.settings(|s| s.attributes.email_code = false).await;
        world.user("ada@example.com").await;
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        assert!(!started["supported_first_factors"].to_string().contains("\"email_code\""), "{started}");
        browser.post("/v1/client", &[]).await.ok();
        let answer = world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "email_code")])).await;
        answer.refused(400, "strategy_for_user_invalid");
        assert_eq!(world.codes("ada@example.com").await.len(), 0);
    }
}
