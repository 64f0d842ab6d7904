//! Signing in by phone number: who an identifier is, codes by text message, what protection hides, what a number that changed
//! hands opens.
use crate::answer::Answer;
use crate::browser::{Browser, PASSWORD};
use crate::phones::{ADA, BOB, FILM};
use crate::world::World;
use serde_json::{Value, json};
use usher_server::instances::settings::Presence;

impl Browser {
    /// A sign-in that waits for the code, which has been sent to the number; its id.
    pub(crate) async fn pending_by_text(&self, number: &str) -> String {
        let started = self
            .post(
                "/v1/client/sign_ins",
                &[("identifier", number), ("strategy", "phone_code")],
            )
            .await
            .response();
        started["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn attempt_text(&self, id: &str, code: &str) -> Answer {
        self.post(
            &format!("/v1/client/sign_ins/{id}/attempt_first_factor"),
            &[("strategy", "phone_code"), ("code", code)],
        )
        .await
    }

    /// Signs in by a text message; the session's id.
    pub(crate) async fn sign_in_by_text(&self, number: &str) -> String {
        let id = self.pending_by_text(number).await;
        let code = self.world.code(number).await;
        let done = self.attempt_text(&id, &code).await.response();
        assert_eq!(done["status"], "complete", "{done}");
        done["created_session_id"].as_str().unwrap().to_owned()
    }
}

fn strategies(sign_in: &Value) -> Vec<String> {
    sign_in["supported_first_factors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["strategy"].as_str().unwrap().to_owned())
        .collect()
}

both! {
    async fn a_text_message_signs_in_and_says_so(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        let number = world.number_of(&ada.id, ADA).await;
        let browser = world.browser();
        let started = browser.start_sign_in("(202) 555-0273").await;
        assert_eq!((&started["identifier"], &started["status"]), (&json!(ADA), &json!("needs_first_factor")));
        assert!(started["supported_identifiers"].as_array().unwrap().contains(&json!("phone_number")));
        let factor = started["supported_first_factors"].as_array().unwrap().iter().find(|f| f["strategy"] == "phone_code").unwrap().clone();
        assert_eq!(factor, json!({ "strategy": "phone_code", "safe_identifier": ADA, "phone_number_id": number, "primary": true, "default": false }));
        let path = format!("/v1/client/sign_ins/{}", started["id"].as_str().unwrap());
        let prepare = async |form: &[(&str, &str)]| browser.post(&format!("{path}/prepare_first_factor"), form).await;
        world.unchanged(prepare(&[("strategy", "phone_code")])).await.refused(422, "form_param_missing phone_number_id");
        for id in ["idn_x", ada.email_id.as_str()] {
            world.unchanged(prepare(&[("strategy", "phone_code"), ("phone_number_id", id)])).await.refused(404, "resource_not_found");
        }
        // The address's code does not go to the number.
        world.unchanged(prepare(&[("strategy", "email_code"), ("email_address_id", &number)])).await.refused(404, "resource_not_found");
        let prepared = prepare(&[("strategy", "phone_code"), ("phone_number_id", &number)]).await.response();
        let verification = &prepared["first_factor_verification"];
        assert_eq!((&verification["status"], &verification["strategy"], &verification["channel"]), (&json!("unverified"), &json!("phone_code"), &json!("sms")));
        world.unchanged(prepare(&[("strategy", "phone_code"), ("phone_number_id", &number)])).await.refused(429, "verification_code_too_many_requests");
        let id = started["id"].as_str().unwrap();
        let code = world.code(ADA).await;
        // One strategy's code is not another's.
        world.unchanged(browser.attempt_code(id, &code)).await.refused(400, "verification_missing");
        browser.attempt_text(id, "000000x").await.refused(422, "form_code_incorrect code");
        let done = browser.attempt_text(id, &code).await.response();
        assert_eq!(done["status"], "complete");
        let client = browser.client().await;
        assert_eq!(client["last_authentication_strategy"], "phone_code");
        world.unchanged(browser.attempt_text(id, &code)).await.refused(400, "invalid_action_for_session");
    }

    async fn a_test_number_takes_the_known_code_and_nothing_is_sent(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        world.number_of(&ada.id, "+15555550101").await;
        let browser = world.browser();
        browser.sign_in_by_text("+15555550101").await;
        assert_eq!(world.count("messages").await, 0);
        world.settings(|s| s.test_mode = false).await;
        let other = world.browser();
        let id = other.pending_by_text("+15555550101").await;
        other.attempt_text(&id, "424242").await.refused(422, "form_code_incorrect code");
        assert_eq!(world.codes("+15555550101").await.len(), 1, "it is a number like others then");
    }

    production async fn on_production_the_known_code_opens_nothing(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        world.number_of(&ada.id, FILM).await;
        let browser = world.browser();
        let id = browser.pending_by_text(FILM).await;
        browser.attempt_text(&id, "424242").await.refused(422, "form_code_incorrect code");
    }

    async fn a_number_is_an_identifier_for_passwords_too(world: World) {
        world.phones_on().await;
        let ada = world.user("ada@example.com").await;
        world.number_of(&ada.id, ADA).await;
        let browser = world.browser();
        let done = browser.sign_in_with_password("202-555-0273", PASSWORD).await.response();
        assert_eq!((&done["status"], &done["identifier"]), (&json!("complete"), &json!(ADA)));
        world.browser().sign_in_with_password(ADA, "wrong horse 9 battery").await.refused(422, "form_password_incorrect password");
    }

    async fn an_unverified_number_signs_nobody_in(world: World) {
        world.phones_on().await;
        let ada = world.user("ada@example.com").await;
        let add = json!({ "user_id": ada.id, "phone_number": ADA });
        world.server().post("/v1/phone_numbers", add).await.ok();
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", ADA)])).await.refused(422, "form_identifier_not_found identifier");
        world.unchanged(browser.sign_in_with_password(ADA, PASSWORD)).await.refused(422, "form_identifier_not_found identifier");
        let started = browser.start_sign_in("ada@example.com").await;
        assert!(!started.to_string().contains("phone_code") && !started.to_string().contains("0273"), "{started}");
        // A reserved one names its user, and gets no code: nobody has proved it.
        world.server().put(&format!("/v1/users/{}/phone_number", ada.id), json!({ "phone_number": BOB, "identification_status": "reserved" })).await.ok();
        let started = browser.start_sign_in(BOB).await;
        assert_eq!(strategies(&started), ["password", "email_code", "reset_password_email_code"]);
        assert!(!started.to_string().contains("ada@example.com"), "the address is not told: {started}");
    }

    async fn numbers_that_are_off_are_no_identifiers_and_no_factors(world: World) {
        world.phones_on().await;
        let ada = world.user("ada@example.com").await;
        world.number_of(&ada.id, ADA).await;
        world.settings(|s| s.attributes.phone_code = false).await;
        let browser = world.browser();
        let started = browser.start_sign_in(ADA).await;
        assert_eq!(strategies(&started), ["password", "reset_password_phone_code", "email_code", "reset_password_email_code"]);
        let id = started["id"].as_str().unwrap();
        world.unchanged(browser.attempt_text(id, "1")).await.refused(400, "strategy_for_user_invalid");
        world.settings(|s| s.attributes.phone_number = Presence::Off).await;
        let other = world.browser();
        other.post("/v1/client/sign_ins", &[("identifier", ADA)]).await.refused(422, "form_identifier_not_found identifier");
        assert_eq!(strategies(&other.start_sign_in("ada@example.com").await), ["password", "email_code", "reset_password_email_code"]);
        let document = world.browser().get("/v1/environment").await.ok();
        let attribute = &document["user_settings"]["attributes"]["phone_number"];
        assert_eq!((&attribute["enabled"], &attribute["first_factors"], &attribute["used_for_second_factor"]), (&json!(false), &json!([]), &json!(false)));
    }

    async fn the_environment_says_what_numbers_are_for(world: World) {
        world.settings(|s| { s.attributes.phone_number = Presence::Required; s.attributes.phone_second_factor = true; s.sms.whatsapp = true; }).await;
        let document = world.browser().get("/v1/environment").await.ok();
        let attribute = &document["user_settings"]["attributes"]["phone_number"];
        assert_eq!(attribute, &json!({
            "enabled": true, "required": true, "immutable": false, "used_for_first_factor": true, "first_factors": ["phone_code"],
            "used_for_second_factor": true, "second_factors": ["phone_code"], "verifications": ["phone_code"], "verify_at_sign_up": true,
            "channels": ["sms", "whatsapp"],
        }));
        let auth = &document["auth_config"];
        assert_eq!((&auth["phone_number"], &auth["second_factors"]), (&json!("required"), &json!(["phone_code"])));
        assert!(auth["identification_strategies"].as_array().unwrap().contains(&json!("phone_number")));
    }

    // T39, AT: what is asked for a number that nobody has looks like what is asked for one that somebody has.
    async fn unknown_numbers_look_like_known_ones_where_that_is_protected(world: World) {
        world.phones_on().await;
        world.settings(|s| s.enumeration_protection = true).await;
        let ada = world.user("ada@example.com").await;
        world.number_of(&ada.id, ADA).await;
        let shape = async |number: &str| {
            let browser = world.browser();
            let started = browser.post("/v1/client/sign_ins", &[("identifier", number)]).await;
            let mut value = started.response();
            let id = value["id"].as_str().unwrap().to_owned();
            let to = value["supported_first_factors"].as_array().unwrap().iter().find(|f| f["strategy"] == "phone_code").unwrap()["phone_number_id"].as_str().unwrap().to_owned();
            let path = format!("/v1/client/sign_ins/{id}");
            let prepared = browser.post(&format!("{path}/prepare_first_factor"), &[("strategy", "phone_code"), ("phone_number_id", &to)]).await;
            let wrong = browser.attempt_text(&id, "0").await;
            let password = browser.attempt_password(&id, "wrong horse 9 battery").await;
            let statuses = (started.status, prepared.status, wrong.status, wrong.codes(), password.status, password.codes());
            value["id"] = json!("x");
            let text = value.to_string().replace(&to, "ID").replace(number, "NUMBER");
            assert_eq!(to.len(), 31, "{to}");
            (statuses, text)
        };
        assert_eq!(shape(ADA).await, shape(BOB).await);
        assert_eq!(world.codes(ADA).await.len(), 1);
        assert!(world.codes(BOB).await.is_empty());
    }

    async fn a_number_that_is_nobodys_can_become_a_sign_up(world: World) {
        world.phones_on().await;
        world.settings(|s| { s.attributes.email_address = Presence::On; s.attributes.password = Presence::On; }).await;
        let browser = world.browser();
        let started = browser.post("/v1/client/sign_ins", &[("identifier", ADA), ("strategy", "phone_code"), ("sign_up_if_missing", "true")]).await.response();
        let id = started["id"].as_str().unwrap();
        browser.attempt_text(id, &world.code(ADA).await).await.refused(404, "sign_up_if_missing_transfer");
        let done = browser.post("/v1/client/sign_ups", &[("transfer", "true")]).await.response();
        assert_eq!((&done["status"], &done["phone_number"]), (&json!("complete"), &json!(ADA)));
        world.browser().sign_in_by_text_later(&world, ADA).await;
    }

    async fn a_forgotten_password_is_set_anew_by_a_text_message(world: World) {
        world.phones_on().await;
        let ada = world.user("ada@example.com").await;
        let number = world.number_of(&ada.id, ADA).await;
        let browser = world.browser();
        let started = browser.start_sign_in(ADA).await;
        let id = started["id"].as_str().unwrap();
        let path = format!("/v1/client/sign_ins/{id}");
        browser.post(&format!("{path}/prepare_first_factor"), &[("strategy", "reset_password_phone_code"), ("phone_number_id", &number)]).await.ok();
        let code = world.code(ADA).await;
        world.unchanged(browser.attempt_text(id, &code)).await.refused(400, "verification_missing");
        let proved = browser.post(&format!("{path}/attempt_first_factor"), &[("strategy", "reset_password_phone_code"), ("code", &code)]).await.response();
        assert_eq!(proved["status"], "needs_new_password");
        world.unchanged(browser.post(&format!("{path}/reset_password"), &[("password", "+12025550273")])).await.refused(422, "form_password_matches_identifier password");
        let done = browser.post(&format!("{path}/reset_password"), &[("password", "another horse 9 battery")]).await.response();
        assert_eq!(done["status"], "complete");
        world.browser().sign_in_with_password(ADA, PASSWORD).await.refused(422, "form_password_incorrect password");
    }

    async fn a_compromised_password_is_set_anew_after_a_text_message(world: World) {
        world.phones_on().await;
        let ada = world.user("ada@example.com").await;
        world.number_of(&ada.id, ADA).await;
        world.server().post(&format!("/v1/users/{}/password/set_compromised", ada.id), json!({})).await.ok();
        let browser = world.browser();
        let id = browser.pending_by_text(ADA).await;
        assert_eq!(browser.attempt_text(&id, &world.code(ADA).await).await.response()["status"], "needs_new_password");
    }

    // A number is given up, and somebody else gets it: what was proved with it before opens nothing.
    async fn a_number_that_changed_hands_opens_its_new_owners_account_only(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        let bob = world.user_without_password("bob@example.com").await;
        let old = world.number_of(&ada.id, ADA).await;
        let browser = world.browser();
        let id = browser.pending_by_text(ADA).await;
        let code = world.code(ADA).await;
        world.server().delete(&format!("/v1/phone_numbers/{old}")).await.ok();
        world.unchanged(browser.attempt_text(&id, &code)).await.refused(400, "verification_missing");
        world.number_of(&bob.id, ADA).await;
        world.unchanged(browser.attempt_text(&id, &code)).await.refused(400, "verification_missing");
        assert!(browser.session_ids().await.is_empty());
        world.advance_secs(31);
        let other = world.browser();
        let session = other.sign_in_by_text(ADA).await;
        assert_eq!(other.claims(&session).await["sub"], bob.id.as_str());
        // Who has an account without the number does not get it back by saying so.
        let (hers, _, _) = (world.browser(), (), ());
        world.advance_secs(31);
        hers.sign_in("ada@example.com").await;
        world.unchanged(hers.post("/v1/me/phone_numbers", &[("phone_number", ADA)])).await.refused(422, "form_identifier_exists phone_number");
    }

    async fn a_code_is_used_once_however_many_try(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        world.number_of(&ada.id, ADA).await;
        let browser = world.browser();
        let id = browser.pending_by_text(ADA).await;
        let code = world.code(ADA).await;
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (browser, id, code) = (browser.thief(), id.clone(), code.clone());
            set.spawn(async move { browser.attempt_text(&id, &code).await });
        }
        let mut won = 0;
        while let Some(answer) = set.join_next().await {
            won += usize::from(answer.unwrap().status == 200);
        }
        assert_eq!(won, 1);
        assert_eq!(world.rows("SELECT id FROM sessions WHERE status = 'active'", &[]).await.len(), 1);
    }

    async fn wrong_codes_lock_the_account_as_wrong_passwords_do(world: World) {
        world.phones_on().await;
        let ada = world.user("ada@example.com").await;
        world.number_of(&ada.id, ADA).await;
        for _ in 0..2 {
            world.advance_secs(31);
            let browser = world.browser();
            let id = browser.pending_by_text(ADA).await;
            for _ in 0..5 {
                browser.attempt_text(&id, "0").await.well_formed_refusal();
            }
        }
        let user = world.server().get(&format!("/v1/users/{}", ada.id)).await.ok();
        assert_eq!(user["locked"], true);
        let before = world.codes(ADA).await.len();
        world.advance_secs(31);
        world.browser().post("/v1/client/sign_ins", &[("identifier", ADA), ("strategy", "phone_code")]).await.refused(403, "user_locked");
        assert_eq!(world.codes(ADA).await.len(), before, "a locked account gets no message");
        world.browser().sign_in_with_password(ADA, PASSWORD).await.refused(403, "user_locked");
    }

    async fn lists_keep_numbers_out(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        world.number_of(&ada.id, ADA).await;
        let server = world.server();
        server.post("/v1/blocklist_identifiers", json!({ "identifier": "+1 202-555-0273" })).await.ok();
        let browser = world.browser();
        let open = browser.start_sign_in(ADA).await;
        world.settings(|s| s.restrictions.blocklist = true).await;
        world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", ADA)])).await.refused(403, "not_allowed_access");
        let _ = open;
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        let blocked = json!({ "identifier": BOB });
        server.post("/v1/blocklist_identifiers", blocked).await.ok();
        world.unchanged(eve.post("/v1/me/phone_numbers", &[("phone_number", BOB)])).await.refused(403, "not_allowed_access");
        world.unchanged(eve.post("/v1/client/sign_ups", &[("phone_number", BOB)])).await.refused(400, "session_exists");
        world.settings(|s| { s.attributes.email_address = Presence::On; s.attributes.password = Presence::On; }).await;
        let visitor = world.browser();
        visitor.post("/v1/client", &[]).await.ok();
        world.unchanged(visitor.post("/v1/client/sign_ups", &[("phone_number", BOB)])).await.refused(403, "not_allowed_access");
        world.settings(|s| { s.restrictions.blocklist = false; s.restrictions.allowlist = true; }).await;
        world.unchanged(visitor.post("/v1/client/sign_ups", &[("phone_number", FILM)])).await.refused(403, "not_allowed_access");
        server.post("/v1/allowlist_identifiers", json!({ "identifier": FILM })).await.ok();
        visitor.post("/v1/client/sign_ups", &[("phone_number", FILM)]).await.ok();
    }

    async fn a_username_is_no_number(world: World) {
        world.phones_on().await;
        world.settings(|s| s.attributes.username = Presence::On).await;
        let server = world.server();
        let name = |name: &str| json!({ "username": name, "email_address": [format!("{}@example.com", name.replace('-', ""))], "skip_password_requirement": true });
        world.unchanged(server.post("/v1/users", name("202-555-0273"))).await.refused(422, "form_username_cannot_be_phone_number username");
        server.post("/v1/users", name("202-55")).await.ok();
        let started = world.browser().start_sign_in("202-55").await;
        assert_eq!(started["identifier"], "202-55");
    }
}

impl Browser {
    async fn sign_in_by_text_later(&self, world: &World, number: &str) {
        world.advance_secs(31);
        self.sign_in_by_text(number).await;
    }
}
