//! The one verdict on passwords, at every door that takes a new one (NIST SP 800-63B §3.1.1; promises P4-P6).
use crate::browser::PASSWORD;
use serde_json::json;

both! {
    async fn every_rule_has_its_code_at_sign_up(world: World) {
        let ada = world.browser();
        ada.post("/v1/client", &[]).await.ok();
        let long = "p".repeat(257);
        let huge = "\u{1f642}".repeat(1025);
        let cases = [
            ("Sh0rt!7", "form_password_length_too_short"),
            ("\u{1f642}\u{1f642}\u{1f642}\u{1f642}\u{1f642}\u{1f642}\u{1f642}", "form_password_length_too_short"),
            (long.as_str(), "form_password_length_too_long"),
            (huge.as_str(), "form_password_size_in_bytes_exceeded"),
            ("password1", "form_password_pwned"),
            ("PASSWORD1", "form_password_pwned"),
            ("ada@example.com", "form_password_matches_identifier"),
            ("ADA@example.COM", "form_password_matches_identifier"),
        ];
        for (password, code) in cases {
            let answer = world.unchanged(ada.post("/v1/client/sign_ups", &[("email_address", "ada@example.com"), ("password", password)])).await;
            answer.refused(422, &format!("{code} password"));
            assert!(!answer.body.contains(password), "a refusal never repeats a password");
        }
    }

    async fn composition_rules_are_off_unless_the_operator_wants_them(world: World) {
        let ada = world.browser();
        ada.post("/v1/client/sign_ups", &[("password", "a horse of letters")]).await.ok();
        world.settings(|s| { let p = &mut s.password; p.require_numbers = true; p.require_uppercase = true; p.require_special_char = true; p.min_length = 20; }).await;
        let answer = world.unchanged(ada.post("/v1/client/sign_ups", &[("password", "horseofletters")])).await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.codes(), ["form_password_length_too_short password", "form_password_no_uppercase password", "form_password_no_number password", "form_password_no_special_char password"]);
        world.settings(|s| s.password.require_lowercase = true).await;
        world.unchanged(ada.post("/v1/client/sign_ups", &[("password", "HORSE OF LETTERS 12 !")])).await.refused(422, "form_password_no_lowercase password");
    }

    async fn every_door_gives_the_same_verdict(world: World) {
        let ada = world.user("ada@example.com").await;
        let (browser, server) = (world.browser(), world.server());
        browser.sign_in("ada@example.com").await;
        for (password, code) in [("Sh0rt!7", "form_password_length_too_short"), ("password1", "form_password_pwned"), ("ada@example.com", "form_password_matches_identifier")] {
            let by_operator = world.unchanged(server.patch(&format!("/v1/users/{}", ada.id), json!({ "password": password }))).await;
            by_operator.refused(422, &format!("{code} password"));
            let by_user = world.unchanged(browser.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", password)])).await;
            by_user.refused(422, &format!("{code} new_password"));
        }
        for (password, code) in [("Sh0rt!7", "form_password_length_too_short"), ("password1", "form_password_pwned"), ("bob@example.com", "form_password_matches_identifier")] {
            let made = server.post("/v1/users", json!({ "email_address": ["bob@example.com"], "password": password }));
            world.unchanged(made).await.refused(422, &format!("{code} password"));
        }
        server.post("/v1/users", json!({ "email_address": ["bob@example.com"], "password": "password1", "skip_password_checks": true })).await.ok();
    }

    async fn one_password_is_one_however_its_accents_are_composed(world: World) {
        let composed = "caf\u{e9} \u{c5}ngstr\u{f6}m";
        let decomposed = "cafe\u{301} A\u{30a}ngstro\u{308}m";
        world.user_with("ada@example.com", json!({ "password": composed })).await;
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", decomposed).await.response()["status"], "complete");
        world.browser().sign_in_with_password("ada@example.com", "cafe Angstrom").await.refused(422, "form_password_incorrect password");
    }

    async fn nothing_of_a_password_is_cut_off_or_folded(world: World) {
        let long = format!("{}x", "correct horse battery staple ".repeat(4));
        world.user_with("ada@example.com", json!({ "password": long })).await;
        let browser = world.browser();
        let shorter = &long[..72];
        let other_end = format!("{}y", &long[..long.len() - 1]);
        for wrong in [shorter, &other_end, &long.to_uppercase(), &format!("{long} "), long.trim_end_matches('x')] {
            browser.sign_in_with_password("ada@example.com", wrong).await.refused(422, "form_password_incorrect password");
        }
        assert_eq!(browser.sign_in_with_password("ada@example.com", &long).await.response()["status"], "complete");
    }

    async fn sixty_four_characters_of_four_bytes_are_taken_and_verified_in_full(world: World) {
        let password = "\u{1f642}\u{1f680}".repeat(32);
        world.user_with("ada@example.com", json!({ "password": password })).await;
        let wrong = format!("{}\u{1f681}", &password[..password.len() - 4]);
        world.browser().sign_in_with_password("ada@example.com", &wrong).await.refused(422, "form_password_incorrect password");
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", &password).await.response()["status"], "complete");
    }

    async fn no_answer_and_no_row_holds_a_password_in_clear(world: World) {
        let ada = world.browser();
        let done = ada.sign_up("ada@example.com").await;
        assert!(!done.to_string().contains(PASSWORD));
        let stored = world.rows("SELECT password_stored FROM users", &[]).await;
        let all = format!("{:?}", world.snapshot().await);
        assert!(!all.contains(PASSWORD) && stored[0].len() > 50);
        assert!(!world.server().get("/v1/users").await.body.contains(&stored[0]));
        assert!(!ada.get("/v1/me").await.body.contains(&stored[0]));
        let left = world.rows("SELECT password_stored FROM sign_ups", &[]).await;
        assert!(left.iter().all(|p| p.is_empty()), "a completed sign-up keeps no second copy of the hash");
    }

    async fn p3_password_change_dead(world: World) {
        // Where proofs are asked for again, a recent one stands for the present password (`reverification.rs`).
        world.settings(|s| s.reverification = false).await;
        world.user("ada@example.com").await;
        let (here, there) = (world.browser(), world.browser());
        let session = here.sign_in("ada@example.com").await;
        world.advance_secs(31);
        let other = there.sign_in("ada@example.com").await;
        let thief = here.thief();
        let path = "/v1/me/change_password";
        world.changes_only(&["users"], here.post(path, &[("current_password", "wrong horse 9"), ("new_password", "a new password 7")])).await.refused(422, "form_password_incorrect current_password");
        world.unchanged(here.post(path, &[("new_password", "a new password 7")])).await.refused(422, "form_param_missing current_password");
        world.unchanged(here.post(path, &[("current_password", PASSWORD), ("new_password", PASSWORD)])).await.refused(422, "form_new_password_matches_current new_password");
        here.post(path, &[("current_password", PASSWORD), ("new_password", "a new password 7"), ("sign_out_of_other_sessions", "true")]).await.ok();
        here.mint(&session).await.ok();
        there.mint(&other).await.refused(401, "authentication_invalid");
        thief.mint(&session).await.refused(401, "authentication_invalid");
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.refused(422, "form_password_incorrect password");
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", "a new password 7").await.response()["status"], "complete");
    }

    async fn a_password_is_reset_by_a_code_that_signs_nobody_in_by_itself(world: World) {
        world.user("ada@example.com").await;
        let ada = world.browser();
        let started = ada.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "reset_password_email_code")]).await.response();
        let id = started["id"].as_str().unwrap();
        let path = format!("/v1/client/sign_ins/{id}");
        let code = world.code("ada@example.com").await;
        world.unchanged(ada.post(&format!("{path}/reset_password"), &[("password", "a new password 7")])).await.refused(400, "invalid_action_for_session");
        world.unchanged(ada.attempt_code(id, &code)).await.refused(400, "verification_missing");
        let proved = ada.post(&format!("{path}/attempt_first_factor"), &[("strategy", "reset_password_email_code"), ("code", &code)]).await.response();
        assert_eq!((&proved["status"], &proved["created_session_id"]), (&json!("needs_new_password"), &json!(null)));
        assert_eq!(world.count("sessions").await, 0);
        world.unchanged(ada.post(&format!("{path}/reset_password"), &[("password", "password1")])).await.refused(422, "form_password_pwned password");
        world.unchanged(world.browser().post(&format!("{path}/reset_password"), &[("password", "a new password 7")])).await.refused(404, "resource_not_found");
        let done = ada.post(&format!("{path}/reset_password"), &[("password", "a new password 7")]).await.response();
        assert_eq!(done["status"], "complete");
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.refused(422, "form_password_incorrect password");
    }

    async fn a_compromised_password_signs_nobody_in_until_it_is_reset(world: World) {
        let ada = world.user("ada@example.com").await;
        let server = world.server();
        server.post(&format!("/v1/users/{}/password/set_compromised", ada.id), json!({})).await.ok();
        let browser = world.browser();
        let refused = browser.sign_in_with_password("ada@example.com", PASSWORD).await;
        refused.refused(422, "form_password_compromised password");
        browser.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        assert_eq!(world.count("sessions").await, 0);
        server.post(&format!("/v1/users/{}/password/unset_compromised", ada.id), json!({})).await.ok();
        assert_eq!(browser.sign_in_with_password("ada@example.com", PASSWORD).await.response()["status"], "complete");
    }

    async fn digests_of_other_systems_are_taken_over_and_forgotten_in_their_weak_form(world: World) {
        let md5 = "5f4dcc3b5aa765d61d8327deb882cf99";
        let made = world.server().post("/v1/users", json!({ "email_address": ["ada@example.com"], "password_digest": md5, "password_hasher": "md5" })).await.ok();
        assert_eq!(made["password_enabled"], true);
        assert!(!format!("{:?}", world.snapshot().await).contains(md5));
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", "password").await.response()["status"], "complete");
        let bad = json!({ "email_address": ["bob@example.com"], "password_digest": "zz", "password_hasher": "md5" });
        world.unchanged(world.server().post("/v1/users", bad)).await.refused(422, "form_password_digest_invalid_code password_digest");
        let unknown = json!({ "email_address": ["bob@example.com"], "password_digest": md5, "password_hasher": "rot13" });
        world.unchanged(world.server().post("/v1/users", unknown)).await.refused(422, "form_param_value_invalid password_hasher");
    }
}
