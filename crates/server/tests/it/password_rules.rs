//! Promise P4: password rules by NIST SP 800-63B-4, with the same verdict at all five doors.
use crate::browser::PASSWORD;
use crate::doors::Doors;
use crate::world::World;
use serde_json::{Value, json};
use usher_server::instances::settings::{Profile, Settings};

fn nist(settings: &mut Settings) {
    settings.password.profile = Profile::Nist63b4;
}

/// `count` characters of four bytes each, all different.
fn emoji(count: u32) -> String {
    (0..count)
        .map(|i| char::from_u32(0x1f400 + i).unwrap())
        .collect()
}

/// `count` letters without a pattern.
fn letters(count: usize) -> String {
    let mut state: u32 = 12345;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + u8::try_from((state >> 24) % 26).unwrap())
    };
    (0..count).map(|_| next()).collect()
}

async fn password_settings(world: &World) -> Value {
    world.browser().get("/v1/environment").await.ok()["user_settings"]["password_settings"].clone()
}

both! {
    async fn p4_min_counts_characters_at_every_door(world: World) {
        let mut doors = Doors::new(&world, "ada@example.com").await;
        // Seven and eight accented letters, each written as two code points.
        let accents = ["e\u{301}", "a\u{300}", "u\u{308}", "o\u{308}", "n\u{303}", "c\u{327}", "a\u{30a}", "e\u{302}"];
        for short in [letters(7), emoji(7), accents[..7].concat()] {
            doors.refuse(&short, "form_password_length_too_short").await;
        }
        for enough in [letters(8), emoji(8), accents.concat()] {
            doors.take(&enough).await;
        }
    }

    async fn p4_min_is_fifteen_by_nist_where_the_password_is_the_only_factor(world: World) {
        let mut doors = Doors::new(&world, "ada@example.com").await;
        world.settings(nist).await;
        for short in [letters(14), emoji(14)] {
            doors.refuse(&short, "form_password_length_too_short").await;
        }
        let told = world.browser().post("/v1/client/sign_ups", &[("password", &letters(14))]).await;
        assert!(told.json()["errors"][0]["long_message"].as_str().unwrap().contains("15"));
        assert_eq!(password_settings(&world).await["min_length"], 15);
        doors.take(&letters(15)).await;
    }

    async fn p4_max_unicode_is_taken_and_verified_in_full(world: World) {
        let mut doors = Doors::new(&world, "ada@example.com").await;
        for password in [emoji(64), letters(128), emoji(128)] {
            doors.take(&password).await;
            let mut other: String = password.clone();
            other.pop();
            let browser = world.browser();
            for wrong in [&other, &format!("{other}x"), &format!("{password}x")] {
                browser.sign_in_with_password("ada@example.com", wrong).await.refused(422, "form_password_incorrect password");
            }
            assert_eq!(browser.sign_in_with_password("ada@example.com", &password).await.response()["status"], "complete");
        }
        doors.refuse(&letters(129), "form_password_length_too_long").await;
        doors.refuse(&letters(513), "form_password_size_in_bytes_exceeded").await;
        doors.refuse(&emoji(129), "form_password_size_in_bytes_exceeded").await;
    }

    async fn p4_no_composition_rule_is_on_by_itself(world: World) {
        let mut doors = Doors::new(&world, "ada@example.com").await;
        let rtl = "\u{5e9}\u{5b8}\u{5dc}\u{5d5}\u{5b9}\u{5dd} \u{5dc}\u{5db}\u{5d5}\u{5dc}\u{5dd}";
        for password in [&letters(20), "three small rivers", "\u{43f}\u{435}\u{440}\u{432}\u{44b}\u{439} \u{441}\u{43d}\u{435}\u{433}", rtl] {
            doors.take(password).await;
        }
        let settings = password_settings(&world).await;
        for rule in ["require_special_char", "require_numbers", "require_uppercase", "require_lowercase"] {
            assert_eq!(settings[rule], false, "{rule}");
        }
        // The profile allows none to be switched on.
        let mut settings = world.instance().settings.clone();
        nist(&mut settings);
        settings.check().unwrap();
        settings.password.require_numbers = true;
        assert!(settings.check().is_err());
    }

    async fn p4_blocklist_reason_is_told_and_only_the_whole_password_counts(world: World) {
        let mut doors = Doors::new(&world, "ada@example.com").await;
        for listed in ["password1", "PassWord1", "qwertyuiop", "passwordpassword", "sunshine2024!", "123456789012345"] {
            doors.refuse(listed, "form_password_pwned").await;
        }
        let told = world.browser().post("/v1/client/sign_ups", &[("password", "password1")]).await;
        let reason = told.json()["errors"][0]["long_message"].as_str().unwrap().to_owned();
        assert!(reason.contains("breach") && reason.contains("another"), "{reason}");
        doors.take("password1kxqv").await;
    }

    async fn p4_context_words_are_refused_in_any_case_and_form(world: World) {
        world.settings(|s| s.application_name = "Caf\u{e9} Noir".to_owned()).await;
        let doors = Doors::new(&world, "ada.lovelace@example.com").await;
        for own in ["ada.lovelace@example.com", "ADA.Lovelace@EXAMPLE.com", "adalovelace", "Ada-Lovelace"] {
            doors.refuse(own, "form_password_matches_identifier").await;
        }
        for name in ["Caf\u{e9} Noir", "CAFE\u{301} NOIR", "caf\u{e9}-noir", "example.com"] {
            doors.refuse(name, "form_password_not_strong_enough").await;
        }
        let told = world.browser().post("/v1/client/sign_ups", &[("password", "Caf\u{e9} Noir")]).await.json();
        assert_eq!(told["errors"][0]["meta"]["zxcvbn"]["suggestions"][0]["code"], "anotherWord");
        world.browser().post("/v1/client/sign_ups", &[("password", "Caf\u{e9} Noir at nine")]).await.ok();
    }

    production async fn p4_context_words_of_a_host_are_refused(world: World) {
        for name in ["clerk.example.com", "Example.com"] {
            let answer = world.browser().post("/v1/client/sign_ups", &[("password", name)]).await;
            answer.refused(422, "form_password_not_strong_enough password");
        }
    }

    async fn p4_no_expiry_but_a_reset_where_a_password_is_compromised(world: World) {
        let ada = world.user("ada@example.com").await;
        world.advance_days(3650);
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.response()["status"], "complete");
        let path = format!("/v1/users/{}/password", ada.id);
        world.server().post(&format!("{path}/set_compromised"), json!({})).await.ok();
        let browser = world.browser();
        browser.sign_in_with_password("ada@example.com", PASSWORD).await.refused(422, "form_password_compromised password");
        // Another first factor is no way around the reset.
        let id = browser.pending_sign_in("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        let proved = browser.attempt_code(&id, &code).await.response();
        assert_eq!((&proved["status"], &proved["created_session_id"]), (&json!("needs_new_password"), &json!(null)));
        let reset = format!("/v1/client/sign_ins/{id}/reset_password");
        world.unchanged(browser.post(&reset, &[("password", PASSWORD)])).await.refused(422, "form_new_password_matches_current password");
        let done = browser.post(&reset, &[("password", "a better horse 12")]).await.response();
        assert_eq!(done["status"], "complete");
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", "a better horse 12").await.response()["status"], "complete");
        // And it can be taken back.
        world.server().post(&format!("{path}/set_compromised"), json!({})).await.ok();
        world.server().post(&format!("{path}/unset_compromised"), json!({})).await.ok();
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", "a better horse 12").await.response()["status"], "complete");
    }

    async fn p4_a_reset_ends_the_other_sessions_where_asked(world: World) {
        world.user("ada@example.com").await;
        for end in ["false", "true"] {
            let (there, ada) = (world.browser(), world.browser());
            world.advance_secs(61);
            let session = there.sign_in("ada@example.com").await;
            world.advance_secs(61);
            let strategy = "reset_password_email_code";
            let started = ada.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", strategy)]).await.response();
            let path = format!("/v1/client/sign_ins/{}", started["id"].as_str().unwrap());
            let code = world.code("ada@example.com").await;
            ada.post(&format!("{path}/attempt_first_factor"), &[("strategy", strategy), ("code", &code)]).await.ok();
            let form = [("password", "a better horse 12"), ("sign_out_of_other_sessions", end)];
            let done = ada.post(&format!("{path}/reset_password"), &form).await.response();
            let minted = there.mint(&session).await;
            assert_eq!(minted.status, if end == "true" { 401 } else { 200 });
            ada.mint(done["created_session_id"].as_str().unwrap()).await.ok();
        }
    }

    async fn p4_mail_is_no_factor_by_nist_and_still_verifies_and_recovers(world: World) {
        world.user("ada@example.com").await;
        let half_way = world.browser();
        let id = half_way.pending_sign_in("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        world.settings(nist).await;
        world.unchanged(half_way.attempt_code(&id, &code)).await.refused(400, "strategy_for_user_invalid");
        let environment = world.browser().get("/v1/environment").await.ok();
        assert_eq!(environment["auth_config"]["first_factors"], json!(["password"]));
        let email = &environment["user_settings"]["attributes"]["email_address"];
        assert_eq!((&email["used_for_first_factor"], &email["first_factors"], &email["verifications"]), (&json!(true), &json!(["password"]), &json!(["email_code"])));
        let ada = world.browser();
        let started = ada.start_sign_in("ada@example.com").await;
        let offered: Vec<&str> = started["supported_first_factors"].as_array().unwrap().iter().map(|f| f["strategy"].as_str().unwrap()).collect();
        assert_eq!(offered, ["password", "reset_password_email_code"]);
        let by_code = ada.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "email_code")]);
        by_code.await.refused(400, "strategy_for_user_invalid");
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.response()["status"], "complete");
        world.advance_secs(61);
        world.browser().sign_up("bob@example.com").await;
        // Who proves a taken address at sign-up is not signed in by that.
        let eve = world.browser();
        world.settings(|s| s.enumeration_protection = true).await;
        let id = eve.pending_sign_up("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        eve.attempt_sign_up(&id, &code).await.refused(422, "form_identifier_exists email_address");
        world.unchanged(eve.post("/v1/client/sign_ins", &[("transfer", "true")])).await.refused(400, "strategy_for_user_invalid");
        let mut settings = world.instance().settings.clone();
        settings.attributes.password = usher_server::instances::settings::Presence::On;
        assert!(settings.check().unwrap_err().contains("nist-63b-4"));
    }

    async fn p4_a_strength_can_be_demanded_and_suggestions_say_how(world: World) {
        let mut doors = Doors::new(&world, "ada@example.com").await;
        assert_eq!(password_settings(&world).await["show_zxcvbn"], false);
        doors.take("bluechair99x").await;
        world.settings(|s| { s.password.show_zxcvbn = true; s.password.min_zxcvbn_strength = 4; }).await;
        doors.refuse("greenchair98y", "form_password_not_strong_enough").await;
        let told = world.browser().post("/v1/client/sign_ups", &[("password", "greenchair98y")]).await.json();
        let suggestions = told["errors"][0]["meta"]["zxcvbn"]["suggestions"].as_array().unwrap().clone();
        assert!(!suggestions.is_empty() && suggestions.iter().all(|s| s["code"].is_string() && s["message"].is_string()));
        doors.take("violet lampshade gravel 41").await;
        let settings = password_settings(&world).await;
        assert_eq!((&settings["show_zxcvbn"], &settings["min_zxcvbn_strength"]), (&json!(true), &json!(4)));
    }

    async fn p4_the_operator_may_waive_the_rules_but_not_what_can_be_verified(world: World) {
        let body = |password: &str| json!({ "email_address": ["ada@example.com"], "password": password, "skip_password_checks": true });
        let huge = emoji(1025);
        world.unchanged(world.server().post("/v1/users", body(&huge))).await.refused(422, "form_password_size_in_bytes_exceeded password");
        world.server().post("/v1/users", body("short")).await.ok();
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", "short").await.response()["status"], "complete");
    }
}
