//! A phone number as a second factor: set up, proved, lost; and that one number is never both factors (SIM swaps).
use crate::answer::Answer;
use crate::authenticator::Authenticator;
use crate::browser::{Browser, PASSWORD};
use crate::passkeys::{ask, attempt, begin, by_the_book, finish};
use crate::phones::{ADA, BOB};
use crate::world::{User, World};
use serde_json::{Value, json};
use usher_server::instances::settings::Presence;

impl World {
    /// A fresh user with a number that is the second factor, signed in, half a minute later.
    async fn with_second_number(&self, address: &str, number: &str) -> (Browser, User, String) {
        self.settings(|s| {
            s.attributes.phone_number = Presence::On;
            s.attributes.phone_second_factor = true;
        })
        .await;
        let (browser, user, _) = self.signed_in(address).await;
        let id = browser.proved_number(number).await;
        let on = [("reserved_for_second_factor", "true")];
        browser
            .patch(&format!("/v1/me/phone_numbers/{id}"), &on)
            .await
            .ok();
        self.advance_secs(31);
        (browser, user, id)
    }
}

impl Browser {
    async fn prepare_second(&self, id: &str, form: &[(&str, &str)]) -> Answer {
        self.post(
            &format!("/v1/client/sign_ins/{id}/prepare_second_factor"),
            form,
        )
        .await
    }
}

fn second(sign_in: &Value) -> &Value {
    &sign_in["supported_second_factors"]
}

both! {
    async fn a_number_becomes_the_second_factor_and_sign_ins_need_it(world: World) {
        let (ada, user, number) = world.with_second_number("ada@example.com", ADA).await;
        let me = ada.get("/v1/me").await.response();
        assert_eq!((&me["two_factor_enabled"], &me["totp_enabled"], &me["phone_numbers"][0]["reserved_for_second_factor"], &me["phone_numbers"][0]["default_second_factor"]), (&json!(true), &json!(false), &json!(true), &json!(true)));
        assert!(me["mfa_enabled_at"].is_i64());
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        let half = browser.get(&format!("/v1/client/sign_ins/{id}")).await.response();
        assert_eq!(second(&half), &json!([{ "strategy": "phone_code", "safe_identifier": "+*********73", "phone_number_id": number, "primary": true, "default": true }]));
        assert_eq!(half["second_factor_verification"], json!(null));
        assert!(browser.session_ids().await.is_empty());
        world.unchanged(browser.attempt_second(&id, "phone_code", "424242")).await.refused(400, "verification_missing");
        for strategy in ["totp", "backup_code"] {
            world.unchanged(browser.prepare_second(&id, &[("strategy", strategy)])).await.refused(400, "verification_strategy_invalid strategy");
        }
        for strategy in ["password", "reset_password_phone_code", "x"] {
            world.unchanged(browser.prepare_second(&id, &[("strategy", strategy)])).await.refused(422, "form_param_value_invalid strategy");
        }
        world.unchanged(browser.prepare_second(&id, &[("strategy", "phone_code"), ("phone_number_id", "idn_x")])).await.refused(404, "resource_not_found phone_number_id");
        world.unchanged(browser.prepare_second(&id, &[("strategy", "phone_code"), ("phone_number_id", &user.email_id)])).await.refused(404, "resource_not_found phone_number_id");
        let prepared = browser.prepare_second(&id, &[("strategy", "phone_code"), ("phone_number_id", &number)]).await.response();
        let verification = &prepared["second_factor_verification"];
        assert_eq!((&prepared["status"], &verification["status"], &verification["strategy"]), (&json!("needs_second_factor"), &json!("unverified"), &json!("phone_code")));
        world.unchanged(browser.prepare_second(&id, &[("strategy", "phone_code")])).await.refused(429, "verification_code_too_many_requests");
        let code = world.code(ADA).await;
        browser.attempt_second(&id, "phone_code", "x").await.refused(422, "form_code_incorrect code");
        let done = browser.attempt_second(&id, "phone_code", &code).await.response();
        assert_eq!((&done["status"], &done["second_factor_verification"]["status"]), (&json!("complete"), &json!("verified")));
        let session = done["created_session_id"].as_str().unwrap();
        assert_eq!(browser.claims(session).await["fva"], json!([0, 0]));
        world.unchanged(browser.attempt_second(&id, "phone_code", &code)).await.refused(400, "invalid_action_for_session");
    }

    // NIST SP 800-63B §3.1.3.3: whoever takes over a number must not have both factors with it.
    async fn the_second_number_is_no_first_factor_by_any_door(world: World) {
        let (ada, user, number) = world.with_second_number("ada@example.com", ADA).await;
        ada.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        let eve = world.browser();
        let started = eve.start_sign_in(ADA).await;
        let offered: Vec<_> = started["supported_first_factors"].as_array().unwrap().iter().map(|f| f["strategy"].clone()).collect();
        assert_eq!(offered, ["password", "email_code", "reset_password_email_code"]);
        let path = format!("/v1/client/sign_ins/{}", started["id"].as_str().unwrap());
        for strategy in ["phone_code", "reset_password_phone_code"] {
            world.unchanged(eve.post(&format!("{path}/prepare_first_factor"), &[("strategy", strategy), ("phone_number_id", &number)])).await.refused(404, "resource_not_found");
            world.unchanged(eve.post("/v1/client/sign_ins", &[("identifier", ADA), ("strategy", strategy)])).await.refused(400, "strategy_for_user_invalid");
            world.unchanged(eve.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", strategy)])).await.refused(400, "strategy_for_user_invalid");
        }
        let before = world.codes(ADA).await.len();
        // Where everybody looks alike it is offered, and nothing is sent.
        world.settings(|s| s.enumeration_protection = true).await;
        let alike = world.browser();
        let id = alike.pending_by_text(ADA).await;
        assert_eq!(world.codes(ADA).await.len(), before);
        alike.attempt_text(&id, "424242").await.refused(422, "form_code_incorrect code");
        // A sign-up that is proved by the number does not turn into a sign-in.
        world.advance_secs(31);
        let visitor = world.browser();
        let sign_up = visitor.start_sign_up(&[("phone_number", ADA), ("email_address", "eve@example.com"), ("password", PASSWORD)]).await;
        visitor.post(&format!("/v1/client/sign_ups/{sign_up}/prepare_verification"), &[("strategy", "phone_code")]).await.ok();
        let code = world.code(ADA).await;
        visitor.post(&format!("/v1/client/sign_ups/{sign_up}/attempt_verification"), &[("strategy", "phone_code"), ("code", &code)]).await.refused(422, "form_identifier_exists phone_number");
        world.unchanged(visitor.post("/v1/client/sign_ins", &[("transfer", "true")])).await.refused(400, "account_transfer_invalid");
        let live = world.rows("SELECT user_id FROM sessions WHERE status = 'active'", &[]).await;
        assert_eq!(live, [user.id]);
    }

    async fn a_code_under_way_dies_when_its_number_becomes_the_second_factor(world: World) {
        world.settings(|s| { s.attributes.phone_number = Presence::On; s.attributes.phone_second_factor = true; }).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let number = ada.proved_number(ADA).await;
        world.advance_secs(31);
        let eve = world.browser();
        let id = eve.pending_by_text(ADA).await;
        let code = world.code(ADA).await;
        ada.patch(&format!("/v1/me/phone_numbers/{number}"), &[("reserved_for_second_factor", "true")]).await.ok();
        world.unchanged(eve.attempt_text(&id, &code)).await.refused(400, "verification_missing");
        assert!(eve.session_ids().await.is_empty());
    }

    async fn a_number_that_is_the_second_factor_no_more_proves_nothing(world: World) {
        let (_, user, number) = world.with_second_number("ada@example.com", ADA).await;
        let more = world.number_of(&user.id, BOB).await;
        let server = world.server();
        server.patch(&format!("/v1/phone_numbers/{more}"), json!({ "reserved_for_second_factor": true })).await.ok();
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        browser.prepare_second(&id, &[("strategy", "phone_code"), ("phone_number_id", &number)]).await.ok();
        let code = world.code(ADA).await;
        server.delete(&format!("/v1/phone_numbers/{number}")).await.ok();
        world.unchanged(browser.attempt_second(&id, "phone_code", &code)).await.refused(400, "verification_missing");
        let half = browser.get(&format!("/v1/client/sign_ins/{id}")).await.response();
        assert_eq!((&second(&half)[0]["phone_number_id"], &second(&half)[0]["default"]), (&json!(more), &json!(true)), "the next one is the default");
        // The default one, where none is named.
        browser.prepare_second(&id, &[("strategy", "phone_code")]).await.ok();
        let done = browser.attempt_second(&id, "phone_code", &world.code(BOB).await).await.response();
        assert_eq!(done["status"], "complete");
    }

    async fn nothing_is_prepared_before_the_first_factor_or_by_others(world: World) {
        let (_, _, number) = world.with_second_number("ada@example.com", ADA).await;
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        let id = started["id"].as_str().unwrap();
        assert!(second(&started).is_null() && !started.to_string().contains(&number));
        world.unchanged(browser.prepare_second(id, &[("strategy", "phone_code")])).await.refused(400, "invalid_action_for_session");
        let half = browser.half_signed_in("ada@example.com").await;
        let eve = world.browser();
        eve.post("/v1/client", &[]).await.ok();
        world.unchanged(eve.prepare_second(&half, &[("strategy", "phone_code")])).await.refused(404, "resource_not_found");
        world.unchanged(eve.attempt_second(&half, "phone_code", "1")).await.refused(404, "resource_not_found");
        world.settings(|s| s.lockout_max_attempts = 5).await;
        browser.prepare_second(&half, &[("strategy", "phone_code")]).await.ok();
        for _ in 0..5 {
            browser.attempt_second(&half, "phone_code", "0").await.well_formed_refusal();
        }
        world.advance_secs(31);
        world.unchanged(browser.prepare_second(&half, &[("strategy", "phone_code")])).await.refused(403, "user_locked");
        world.unchanged(browser.attempt_second(&half, "phone_code", "0")).await.refused(403, "user_locked");
    }

    async fn backup_codes_come_with_it_and_go_with_it(world: World) {
        world.settings(|s| { s.attributes.phone_number = Presence::On; s.attributes.phone_second_factor = true; s.attributes.backup_code = true; }).await;
        let (ada, _, session) = world.signed_in("ada@example.com").await;
        let number = ada.proved_number(ADA).await;
        let thief = ada.thief();
        let path = format!("/v1/me/phone_numbers/{number}");
        let on = ada.patch(&path, &[("reserved_for_second_factor", "true")]).await.response();
        let codes = crate::authenticator_app::texts(&on["backup_codes"]);
        assert_eq!(codes.len(), 10);
        assert!(ada.get(&path).await.response().get("backup_codes").is_none(), "shown once");
        thief.mint(&session).await.refused(401, "authentication_invalid");
        world.advance_secs(31);
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        let done = browser.attempt_second(&id, "backup_code", &codes[0]).await.response();
        assert_eq!(done["status"], "complete");
        let off = ada.patch(&path, &[("reserved_for_second_factor", "false")]).await.response();
        assert_eq!((&off["reserved_for_second_factor"], &off["default_second_factor"]), (&json!(false), &json!(false)));
        let me = ada.get("/v1/me").await.response();
        assert_eq!((&me["two_factor_enabled"], &me["backup_code_enabled"]), (&json!(false), &json!(false)));
        assert!(me["mfa_disabled_at"].is_i64());
        assert_eq!(world.count("backup_codes").await, 0);
        world.advance_secs(31);
        world.browser().sign_in("ada@example.com").await;
    }

    // T38.
    async fn a_session_that_never_proved_it_takes_no_number_away(world: World) {
        let (ada, user, number) = world.with_second_number("ada@example.com", ADA).await;
        let session = ada.session_ids().await.remove(0);
        assert_eq!(ada.claims(&session).await["fva"][1], 0, "proved on this client a moment ago");
        world.settings(|s| s.single_session_mode = false).await;
        let before = world.server().post("/v1/sessions", json!({ "user_id": user.id })).await;
        before.ok();
        // The number was proved long ago, and by the operator: no session has proved it.
        let path = format!("/v1/me/phone_numbers/{number}");
        world.server().patch(&format!("/v1/phone_numbers/{number}"), json!({ "reserved_for_second_factor": false })).await.ok();
        world.advance_minutes(11);
        world.unchanged(ada.patch(&path, &[("reserved_for_second_factor", "true")])).await.refused(403, "session_reverification_required");
        ada.verify(&session, "first_factor").await.ok();
        ada.verify_step(&session, "prepare_first_factor", &[("strategy", "email_code"), ("email_address_id", &user.email_id)]).await.ok();
        let code = world.code("ada@example.com").await;
        ada.verify_step(&session, "attempt_first_factor", &[("strategy", "email_code"), ("code", &code)]).await.ok();
        ada.patch(&path, &[("reserved_for_second_factor", "true")]).await.ok();
        let more = world.number_of(&user.id, BOB).await;
        let more = format!("/v1/me/phone_numbers/{more}");
        // Whether the instance asks for proofs again or not.
        for reverification in [true, false] {
            world.settings(|s| s.reverification = reverification).await;
            world.unchanged(ada.delete(&path)).await.refused(403, "session_reverification_required");
            world.unchanged(ada.patch(&path, &[("reserved_for_second_factor", "false")])).await.refused(403, "session_reverification_required");
            world.unchanged(ada.patch(&more, &[("reserved_for_second_factor", "true")])).await.refused(403, "session_reverification_required");
            if reverification {
                world.unchanged(ada.delete(&more)).await.refused(403, "session_reverification_required");
            }
        }
        // Where it does not, a number that is none goes without.
        ada.delete(&more).await.ok();
    }

    async fn an_operator_takes_it_away_with_the_rest(world: World) {
        let (_, user, number) = world.with_second_number("ada@example.com", ADA).await;
        let server = world.server();
        // Taking an authenticator app away that is not there leaves the number what it is.
        server.delete(&format!("/v1/users/{}/totp", user.id)).await.ok();
        assert_eq!(server.get(&format!("/v1/users/{}", user.id)).await.ok()["two_factor_enabled"], true);
        world.unchanged(server.post(&format!("/v1/users/{}/verify_totp", user.id), json!({ "code": "123456" }))).await.refused(400, "totp_disabled");
        server.delete(&format!("/v1/users/{}/mfa", user.id)).await.ok();
        let row = server.get(&format!("/v1/phone_numbers/{number}")).await.ok();
        assert_eq!((&row["reserved_for_second_factor"], &row["default_second_factor"], &row["verification"]["status"]), (&json!(false), &json!(false), &json!("verified")));
        assert_eq!(server.get(&format!("/v1/users/{}", user.id)).await.ok()["two_factor_enabled"], false);
        world.browser().sign_in("ada@example.com").await;
    }

    async fn an_unverified_number_is_no_second_factor_and_unverifying_one_ends_it(world: World) {
        let (ada, user, number) = world.with_second_number("ada@example.com", ADA).await;
        let added = ada.post("/v1/me/phone_numbers", &[("phone_number", BOB)]).await.response();
        let path = format!("/v1/me/phone_numbers/{}", added["id"].as_str().unwrap());
        world.unchanged(ada.patch(&path, &[("reserved_for_second_factor", "true")])).await.refused(400, "identification_update_failed reserved_for_second_factor");
        world.unchanged(ada.patch(&path, &[("default_second_factor", "true")])).await.refused(400, "identification_update_failed default_second_factor");
        world.unchanged(ada.post("/v1/me/phone_numbers", &[("phone_number", "+4930901820"), ("reserved_for_second_factor", "true")])).await.refused(400, "identification_update_failed reserved_for_second_factor");
        let server = world.server();
        world.unchanged(server.post("/v1/phone_numbers", json!({ "user_id": user.id, "phone_number": "+4930901820", "reserved_for_second_factor": true }))).await.refused(400, "identification_update_failed reserved_for_second_factor");
        server.patch(&format!("/v1/phone_numbers/{number}"), json!({ "verified": false })).await.ok();
        let me = ada.get("/v1/me").await.response();
        assert_eq!((&me["two_factor_enabled"], &me["phone_numbers"][0]["reserved_for_second_factor"]), (&json!(false), &json!(false)));
    }

    async fn of_two_second_numbers_one_is_the_default(world: World) {
        let (ada, _, first) = world.with_second_number("ada@example.com", ADA).await;
        let next = ada.proved_number(BOB).await;
        let flags = async || {
            let list = ada.get("/v1/me/phone_numbers").await.ok();
            list.as_array().unwrap().iter().map(|p| (p["reserved_for_second_factor"] == true, p["default_second_factor"] == true)).collect::<Vec<_>>()
        };
        let change = async |id: &str, name: &str, value: &str| ada.patch(&format!("/v1/me/phone_numbers/{id}"), &[(name, value)]).await.ok();
        change(&next, "reserved_for_second_factor", "true").await;
        assert_eq!(flags().await, [(true, true), (true, false)]);
        change(&next, "default_second_factor", "true").await;
        assert_eq!(flags().await, [(true, false), (true, true)]);
        change(&next, "default_second_factor", "false").await;
        assert_eq!(flags().await, [(true, true), (true, false)]);
        change(&first, "reserved_for_second_factor", "false").await;
        assert_eq!(flags().await, [(false, false), (true, true)]);
        change(&next, "default_second_factor", "false").await;
        assert_eq!(flags().await, [(false, false), (true, true)], "the only one stays the default");
    }

    async fn the_last_first_factor_does_not_become_a_second_one(world: World) {
        world.settings(|s| {
            s.attributes.phone_number = Presence::Required;
            s.attributes.phone_second_factor = true;
            s.attributes.email_address = Presence::Off;
            s.attributes.password = Presence::On;
        }).await;
        let made = world.server().post("/v1/users", json!({ "phone_number": [ADA] })).await.ok();
        let number = made["primary_phone_number_id"].as_str().unwrap().to_owned();
        let browser = world.browser();
        browser.sign_in_by_text(ADA).await;
        let on = [("reserved_for_second_factor", "true")];
        let path = format!("/v1/me/phone_numbers/{number}");
        world.unchanged(browser.patch(&path, &on)).await.refused(400, "identification_update_failed reserved_for_second_factor");
        world.unchanged(world.server().patch(&format!("/v1/phone_numbers/{number}"), json!({ "reserved_for_second_factor": true }))).await.refused(400, "identification_update_failed reserved_for_second_factor");
        browser.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        browser.patch(&path, &on).await.ok();
        // And the password stays, for nothing else signs in.
        world.unchanged(browser.post("/v1/me/remove_password", &[("current_password", PASSWORD)])).await.refused(400, "password_required");
    }

    async fn a_verified_passkey_is_both_factors_here_too(world: World) {
        world.settings(|s| { s.attributes.phone_number = Presence::On; s.attributes.phone_second_factor = true; s.attributes.passkey = true; }).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let mut authenticator = Authenticator::new(b"of ada");
        let (id, options) = ask(&ada).await;
        attempt(&ada, &id, &authenticator.create(&options, &by_the_book(&ada))).await.ok();
        let number = ada.proved_number(ADA).await;
        ada.patch(&format!("/v1/me/phone_numbers/{number}"), &[("reserved_for_second_factor", "true")]).await.ok();
        let browser = world.browser();
        let (id, options) = begin(&browser).await;
        let proof = authenticator.prove(&options, &by_the_book(&browser));
        let done = finish(&browser, &id, &proof).await.response();
        assert_eq!(done["status"], "complete", "{done}");
    }

    async fn a_second_code_is_used_once_however_many_try(world: World) {
        world.with_second_number("ada@example.com", ADA).await;
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        browser.prepare_second(&id, &[("strategy", "phone_code")]).await.ok();
        let code = world.code(ADA).await;
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (browser, id, code) = (browser.thief(), id.clone(), code.clone());
            set.spawn(async move { browser.attempt_second(&id, "phone_code", &code).await });
        }
        let mut won = 0;
        while let Some(answer) = set.join_next().await {
            won += usize::from(answer.unwrap().status == 200);
        }
        assert_eq!(won, 1);
        assert_eq!(world.rows("SELECT id FROM sessions WHERE status = 'active'", &[]).await.len(), 2, "the one that set it up, and this");
    }
}
