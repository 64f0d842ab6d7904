//! Attacks on accounts (requirements AT-*, EN-*, RL-03, RL-05, RL-10; past flaws T30, T34, T35, T36, T41, T66, T71, T86).
//! Promise P7, as far as there are ways without a password.
use crate::browser::PASSWORD;
use serde_json::{Value, json};
use usher_server::instances::settings::{Presence, SignUpMode};

both! {
    async fn an_address_that_nobody_proved_takes_nothing_from_its_owner(world: World) {
        // AT-01, AT-06: Eve writes the victim's address down first, in every place that takes one.
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        eve.post("/v1/me/email_addresses", &[("email_address", "victim@example.com")]).await.ok();
        let early = world.browser();
        early.pending_sign_up("victim@example.com").await;
        world.advance_secs(31);
        let victim = world.browser();
        let done = victim.sign_up("victim@example.com").await;
        assert_eq!(done["status"], "complete");
        // Nothing that Eve left opens the account.
        world.browser().sign_in_with_password("victim@example.com", "another horse 9 battery").await.refused(422, "form_password_incorrect password");
        let claimed = world.rows("SELECT user_id FROM email_addresses WHERE email_normal = 'victim@example.com' AND claimed", &[]).await;
        assert_eq!(claimed, [done["created_user_id"].as_str().unwrap()]);
        let hers = eve.get("/v1/me").await.response()["email_addresses"].as_array().unwrap().iter().find(|e| e["email_address"] == "victim@example.com").map(|e| e["id"].as_str().unwrap().to_owned());
        if let Some(id) = hers {
            eve.patch("/v1/me", &[("primary_email_address_id", &id)]).await.well_formed_refusal();
        }
    }

    async fn a_browser_cannot_call_an_address_verified(world: World) {
        // T30: only a code verifies.
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let more = [("email_address", "second@example.com"), ("verified", "true"), ("verification[status]", "verified"), ("status", "verified"), ("reserved", "true"), ("primary", "true"), ("user_id", "user_x")];
        let added = browser.post("/v1/me/email_addresses", &more).await.response();
        assert_eq!((&added["verification"], &added["reserved"]), (&Value::Null, &json!(false)));
        let id = added["id"].as_str().unwrap().to_owned();
        for (method, tail) in [("PATCH", ""), ("PUT", ""), ("POST", "")] {
            let answer = world.unchanged(browser.request(method, &format!("/v1/me/email_addresses/{id}{tail}")).form(&[("verified", "true")]).send()).await;
            assert!(answer.status >= 400, "{}", answer.body);
        }
        let fresh = world.browser();
        let sign_up = fresh.post("/v1/client/sign_ups", &[("email_address", "new@example.com"), ("password", PASSWORD), ("status", "complete"), ("verified", "true"), ("unverified_fields", ""), ("missing_fields", ""), ("created_user_id", "user_x")]).await.response();
        assert_eq!((&sign_up["status"], &sign_up["unverified_fields"]), (&json!("missing_requirements"), &json!(["email_address"])));
        assert_eq!(world.count("users").await, 1);
    }

    async fn an_attempt_keeps_the_account_that_it_was_started_for(world: World) {
        // T35, AT-10: a proof is of the one who was asked for it.
        world.user("eve@example.com").await;
        let victim = world.user("victim@example.com").await;
        let eve = world.browser();
        let reset = eve.post("/v1/client/sign_ins", &[("identifier", "eve@example.com"), ("strategy", "reset_password_email_code")]).await.response()["id"].as_str().unwrap().to_owned();
        let code = world.code("eve@example.com").await;
        let path = format!("/v1/client/sign_ins/{reset}");
        let more = [("strategy", "reset_password_email_code"), ("code", code.as_str()), ("identifier", "victim@example.com"), ("user_id", victim.id.as_str()), ("email_address_id", victim.email_id.as_str())];
        eve.post(&format!("{path}/attempt_first_factor"), &more).await.ok();
        let done = eve.post(&format!("{path}/reset_password"), &[("password", "a new password 7"), ("identifier", "victim@example.com"), ("user_id", &victim.id)]).await.response();
        assert_eq!(done["identifier"], "eve@example.com");
        world.browser().sign_in_with_password("victim@example.com", "a new password 7").await.refused(422, "form_password_incorrect password");
        assert_eq!(world.browser().sign_in_with_password("victim@example.com", PASSWORD).await.response()["status"], "complete");
        world.browser().sign_in_with_password("eve@example.com", PASSWORD).await.refused(422, "form_password_incorrect password");
    }

    async fn a_reset_ends_other_sessions_where_asked_and_old_codes_are_dead(world: World) {
        // AT-07, AT-08.
        world.user("ada@example.com").await;
        let (thief, forgot) = (world.browser(), world.browser());
        let stolen = thief.sign_in("ada@example.com").await;
        world.advance_secs(31);
        let old = forgot.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "reset_password_email_code")]).await.response()["id"].as_str().unwrap().to_owned();
        let old_code = world.code("ada@example.com").await;
        world.advance_secs(31);
        let reset = forgot.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "reset_password_email_code")]).await.response()["id"].as_str().unwrap().to_owned();
        let form = |code: &str| vec![("strategy".to_owned(), "reset_password_email_code".to_owned()), ("code".to_owned(), code.to_owned())];
        let attempt = async |id: &str, code: &str| {
            let pairs = form(code);
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            forgot.post(&format!("/v1/client/sign_ins/{id}/attempt_first_factor"), &pairs).await
        };
        attempt(&old, &old_code).await.well_formed_refusal();
        attempt(&reset, &world.code("ada@example.com").await).await.ok();
        forgot.post(&format!("/v1/client/sign_ins/{reset}/reset_password"), &[("password", "a new password 7"), ("sign_out_of_other_sessions", "true")]).await.ok();
        thief.mint(&stolen).await.refused(401, "authentication_invalid");
    }

    production async fn no_header_gets_into_a_mail(world: World) {
        // AT-09, T86: the mail is made of settings and a code.
        world.user("ada@example.com").await;
        let browser = world.browser();
        let evil = "evil.example";
        let request = browser.request("POST", "/v1/client/sign_ins").header("x-forwarded-host", evil).header("x-forwarded-proto", "http").header("forwarded", "host=evil.example").header("x-original-host", evil).header("clerk-proxy-url", "https://evil.example/").header("referer", "https://app.example.com/evil.example").header("user-agent", "evil.example <script>");
        request.form(&[("identifier", "ada@example.com"), ("strategy", "reset_password_email_code"), ("redirect_url", "https://evil.example/")]).send().await.ok();
        let mail = world.rows("SELECT text_body || COALESCE(html_body, '') || COALESCE(subject, '') || sender || recipient FROM messages", &[]).await;
        assert_eq!(mail.len(), 1);
        assert!(!mail[0].contains("evil") && !mail[0].contains("script"), "{}", mail[0]);
    }

    async fn guesses_are_counted_over_attempts_browsers_and_spellings(world: World) {
        // AT-11, RL-03, RL-05, RL-10, T40, T41, T43: one account, one budget.
        world.settings(|s| s.attributes.username = Presence::On).await;
        world.user_with("ada@example.com", json!({ "password": PASSWORD, "username": "ada_l" })).await;
        let spellings = ["ada@example.com", "ADA@EXAMPLE.COM", " Ada@Example.com ", "ada_l", "ADA_L", "Ada_L"];
        for index in 0..10 {
            // A new browser each time.
            world.browser().sign_in_with_password(spellings[index % spellings.len()], "wrong horse 9").await.refused(422, "form_password_incorrect password");
        }
        for spelling in spellings {
            world.browser().sign_in_with_password(spelling, PASSWORD).await.refused(403, "user_locked");
        }
        world.browser().post("/v1/client/sign_ins", &[("identifier", "ada_l"), ("strategy", "email_code")]).await.refused(403, "user_locked");
    }

    async fn wrong_codes_and_wrong_passwords_share_the_budget(world: World) {
        // T37, T40: no factor is a way around the count of another.
        world.user("ada@example.com").await;
        for _ in 0..5 {
            world.browser().sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        }
        let browser = world.browser();
        let id = browser.pending_sign_in("ada@example.com").await;
        for _ in 0..5 {
            browser.attempt_code(&id, "x").await.refused(422, "form_code_incorrect code");
        }
        browser.attempt_code(&id, &world.code("ada@example.com").await).await.well_formed_refusal();
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.refused(403, "user_locked");
        assert_eq!(world.count("sessions").await, 0);
    }

    async fn one_account_is_locked_and_the_others_are_not(world: World) {
        // ASVS 6.3.1.
        for address in ["ada@example.com", "bob@example.com"] {
            world.user(address).await;
        }
        for _ in 0..10 {
            world.browser().sign_in_with_password("ada@example.com", "wrong horse 9").await.well_formed_refusal();
        }
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.refused(403, "user_locked");
        assert_eq!(world.browser().sign_in_with_password("bob@example.com", PASSWORD).await.response()["status"], "complete");
    }

    async fn before_the_last_step_there_is_no_session_of_any_kind(world: World) {
        // T36: an attempt that is not complete leaves no row, no cookie and no token.
        world.user("ada@example.com").await;
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        let id = started["id"].as_str().unwrap().to_owned();
        browser.prepare_sign_in(&started).await.ok();
        browser.attempt_code(&id, "x").await.well_formed_refusal();
        browser.attempt_password(&id, "wrong horse 9").await.well_formed_refusal();
        let pending = world.browser();
        pending.pending_sign_up("bob@example.com").await;
        for visitor in [&browser, &pending] {
            let client = visitor.client().await;
            assert_eq!((&client["sessions"], &client["last_active_session_id"]), (&json!([]), &Value::Null));
            assert!(visitor.cookie("__client_uat").is_none_or(|stamp| stamp == "0"));
            visitor.get("/v1/me").await.refused(401, "authentication_invalid");
            let answer = visitor.get("/v1/client/handshake?redirect_url=http%3A%2F%2Flocalhost%3A3000%2F&format=nonce").await;
            let nonce = answer.cookie_value("__clerk_handshake_nonce").unwrap();
            assert!(nonce.starts_with("nobody."), "{nonce}");
        }
        assert_eq!((world.count("sessions").await, world.count("users").await), (0, 1));
    }

    async fn steps_out_of_order_are_refused(world: World) {
        // ASVS 2.3.1.
        world.user("ada@example.com").await;
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        let empty = browser.post("/v1/client/sign_ins", &[]).await.response()["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/client/sign_ins/{empty}");
        world.unchanged(browser.attempt_password(&empty, PASSWORD)).await.well_formed_refusal();
        world.unchanged(browser.attempt_code(&empty, "424242")).await.well_formed_refusal();
        world.unchanged(browser.post(&format!("{path}/reset_password"), &[("password", "a new password 7")])).await.well_formed_refusal();
        world.unchanged(browser.post(&format!("{path}/prepare_first_factor"), &[("strategy", "email_code"), ("email_address_id", "idn_x")])).await.well_formed_refusal();
        let started = browser.start_sign_in("ada@example.com").await;
        let id = started["id"].as_str().unwrap().to_owned();
        world.unchanged(browser.attempt_code(&id, "424242")).await.refused(400, "verification_missing");
        world.unchanged(browser.post(&format!("/v1/client/sign_ins/{id}/reset_password"), &[("password", "a new password 7")])).await.refused(400, "invalid_action_for_session");
        let fresh = world.browser();
        let sign_up = fresh.start_sign_up(&[("password", PASSWORD)]).await;
        world.unchanged(fresh.attempt_sign_up(&sign_up, "424242")).await.well_formed_refusal();
        world.unchanged(fresh.prepare_sign_up(&sign_up)).await.well_formed_refusal();
        assert_eq!((world.count("sessions").await, world.count("users").await), (0, 1));
    }

    async fn an_address_that_is_free_again_brings_nothing_of_its_former_owner(world: World) {
        // AT-25, T34.
        let old = world.user_with("ada@example.com", json!({ "password": PASSWORD, "first_name": "Ada", "public_metadata": { "plan": "pro" }, "private_metadata": { "note": "old" } })).await;
        let browser = world.browser();
        let session = browser.sign_in("ada@example.com").await;
        world.server().delete(&format!("/v1/users/{}", old.id)).await.ok();
        world.advance_secs(31);
        let again = world.browser();
        let done = again.sign_up("ada@example.com").await;
        assert_ne!(done["created_user_id"], old.id.as_str());
        let user = world.server().get(&format!("/v1/users/{}", done["created_user_id"].as_str().unwrap())).await.ok();
        assert_eq!((&user["first_name"], &user["public_metadata"], &user["private_metadata"]), (&Value::Null, &json!({}), &json!({})));
        browser.mint(&session).await.refused(401, "authentication_invalid");
        assert_eq!(again.session_ids().await.len(), 1);
        world.server().get(&format!("/v1/users/{}", old.id)).await.refused(404, "resource_not_found");
    }

    async fn the_last_ways_to_sign_in_do_not_vanish_at_once(world: World) {
        // AT-12: two browsers of one person remove the two addresses at the same time.
        let ada = world.user_without_password("ada@example.com").await;
        let second = world.server().post("/v1/email_addresses", json!({ "user_id": ada.id, "email_address": "second@example.com", "verified": true })).await.ok()["id"].as_str().unwrap().to_owned();
        let (here, there) = (world.browser(), world.browser());
        here.sign_in("ada@example.com").await;
        there.sign_in("second@example.com").await;
        let (one, two) = (format!("/v1/me/email_addresses/{}", ada.email_id), format!("/v1/me/email_addresses/{second}"));
        let (a, b) = tokio::join!(here.delete(&one), there.delete(&two));
        assert!(a.status < 500 && b.status < 500, "{} {}", a.body, b.body);
        assert_eq!(world.count("email_addresses").await, 1, "{} {}", a.body, b.body);
    }

    async fn closed_doors_are_closed_for_every_way_to_come_in(world: World) {
        // T66: what the settings close is closed on the server.
        let address = "new@example.com";
        let waiting = world.browser();
        let started = waiting.post("/v1/client/sign_ins", &[("identifier", address), ("strategy", "email_code"), ("sign_up_if_missing", "true")]).await.response();
        let code = world.code(address).await;
        world.settings(|s| s.sign_up_mode = SignUpMode::Restricted).await;
        let attempt = waiting.attempt_code(started["id"].as_str().unwrap(), &code).await;
        if attempt.status == 404 {
            waiting.post("/v1/client/sign_ups", &[("transfer", "true"), ("password", PASSWORD)]).await.refused(403, "sign_up_mode_restricted");
        }
        world.browser().post("/v1/client/sign_ups", &[("email_address", address)]).await.refused(403, "sign_up_mode_restricted");
        assert_eq!((world.count("users").await, world.count("sessions").await), (0, 0));
        world.user_without_password("invited@example.com").await;
        assert_eq!(world.count("users").await, 1, "the operator still can");
    }

    async fn p7_no_password_needed(world: World) {
        world.settings(|s| s.attributes.password = Presence::Off).await;
        let browser = world.browser();
        let id = browser.start_sign_up(&[("email_address", "ada@example.com")]).await;
        browser.prepare_sign_up(&id).await.ok();
        let done = browser.attempt_sign_up(&id, &world.code("ada@example.com").await).await.response();
        assert_eq!(done["status"], "complete");
        let me = browser.get("/v1/me").await.response();
        assert_eq!(me["password_enabled"], false);
        browser.delete("/v1/client/sessions").await.ok();
        world.advance_secs(31);
        browser.sign_in("ada@example.com").await;
        // Nowhere is a password asked for, offered or taken.
        let environment = world.browser().get("/v1/environment").await.ok();
        assert_eq!(environment["user_settings"]["attributes"]["password"]["enabled"], false);
        assert_eq!(environment["user_settings"]["attributes"]["password"]["required"], false);
        let other = world.browser();
        let started = other.start_sign_in("ada@example.com").await;
        assert!(!started["supported_first_factors"].to_string().contains("\"password\""), "{started}");
        other.attempt_password(started["id"].as_str().unwrap(), PASSWORD).await.well_formed_refusal();
        other.sign_in_with_password("ada@example.com", PASSWORD).await.well_formed_refusal();
        world.browser().post("/v1/client/sign_ups", &[("email_address", "b@example.com"), ("password", PASSWORD)]).await.refused(422, "form_param_unknown password");
        browser.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.well_formed_refusal();
    }

    async fn p7_code_rules(world: World) {
        world.user_without_password("ada@example.com").await;
        // Six digits, each time others.
        let mut codes = Vec::new();
        for index in 0..8 {
            let address = format!("u{index}@example.com");
            world.browser().pending_sign_up(&address).await;
            codes.push(world.code(&address).await);
        }
        assert!(codes.iter().all(|c| c.len() == 6 && c.bytes().all(|b| b.is_ascii_digit())), "{codes:?}");
        codes.sort();
        codes.dedup();
        assert!(codes.len() >= 7, "{codes:?}");
        // Of its own attempt, until the tenth minute.
        let (browser, other) = (world.browser(), world.browser());
        let id = browser.pending_sign_in("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        world.unchanged(other.attempt_code(&id, &code)).await.well_formed_refusal();
        world.advance_minutes(10);
        browser.attempt_code(&id, &code).await.refused(400, "verification_expired");
        // Sent again: the older one is worth nothing, and the tries are not given back.
        let started = browser.start_sign_in("ada@example.com").await;
        let id = started["id"].as_str().unwrap().to_owned();
        browser.prepare_sign_in(&started).await.ok();
        let first = world.code("ada@example.com").await;
        for _ in 0..3 {
            browser.attempt_code(&id, "x").await.refused(422, "form_code_incorrect code");
        }
        world.advance_secs(31);
        browser.prepare_sign_in(&started).await.ok();
        let second = world.code("ada@example.com").await;
        if first != second {
            browser.attempt_code(&id, &first).await.refused(422, "form_code_incorrect code");
        }
        assert!(world.rows("SELECT failed_attempts FROM users", &[]).await.iter().any(|n| n.parse::<i64>().unwrap() >= 3), "a new code gives no tries back");
        for _ in 0..5 {
            let answer = browser.attempt_code(&id, "x").await;
            assert!(matches!(answer.status, 400 | 403 | 422), "{}", answer.body);
        }
        let spent = browser.attempt_code(&id, &second).await;
        assert!(matches!(spent.status, 400 | 403), "five tries are all: {}", spent.body);
        assert_eq!(world.count("sessions").await, 0);
    }
}
