//! Signing up with a phone number.
use crate::answer::Answer;
use crate::browser::{Browser, PASSWORD};
use crate::phones::{ADA, BOB, FILM};
use crate::world::World;
use serde_json::json;
use usher_server::instances::settings::{Presence, SignUpMode};

impl Browser {
    async fn prepare_text(&self, id: &str) -> Answer {
        self.post(
            &format!("/v1/client/sign_ups/{id}/prepare_verification"),
            &[("strategy", "phone_code")],
        )
        .await
    }

    async fn attempt_text_of_sign_up(&self, id: &str, code: &str) -> Answer {
        self.post(
            &format!("/v1/client/sign_ups/{id}/attempt_verification"),
            &[("strategy", "phone_code"), ("code", code)],
        )
        .await
    }
}

impl World {
    /// Sign-ups go by phone number alone.
    async fn by_number_alone(&self) {
        self.settings(|s| {
            s.attributes.phone_number = Presence::Required;
            s.attributes.email_address = Presence::Off;
            s.attributes.password = Presence::Off;
        })
        .await;
    }
}

both! {
    async fn a_number_and_its_code_make_a_user(world: World) {
        world.by_number_alone().await;
        let browser = world.browser();
        let made = browser.post("/v1/client/sign_ups", &[("phone_number", "(202) 555-0273")]).await.response();
        assert_eq!((&made["phone_number"], &made["missing_fields"], &made["unverified_fields"], &made["verifications"]["phone_number"]), (&json!(ADA), &json!([]), &json!(["phone_number"]), &json!(null)));
        assert!(made["required_fields"].as_array().unwrap().contains(&json!("phone_number")));
        let id = made["id"].as_str().unwrap();
        world.unchanged(browser.attempt_text_of_sign_up(id, "1")).await.refused(400, "verification_missing");
        let prepared = browser.prepare_text(id).await.response();
        let verification = &prepared["verifications"]["phone_number"];
        assert_eq!((&verification["status"], &verification["strategy"], &verification["next_action"], &verification["supported_strategies"], &verification["channel"]), (&json!("unverified"), &json!("phone_code"), &json!("needs_attempt"), &json!(["phone_code"]), &json!("sms")));
        world.unchanged(browser.prepare_text(id)).await.refused(429, "verification_code_too_many_requests");
        browser.attempt_text_of_sign_up(id, "x").await.refused(422, "form_code_incorrect code");
        assert_eq!(world.count("users").await, 0);
        let done = browser.attempt_text_of_sign_up(id, &world.code(ADA).await).await.response();
        assert_eq!((&done["status"], &done["verifications"]["phone_number"]["status"], &done["verifications"]["phone_number"]["next_action"]), (&json!("complete"), &json!("verified"), &json!("")));
        let me = browser.get("/v1/me").await.response();
        assert_eq!((&me["phone_numbers"][0]["phone_number"], &me["phone_numbers"][0]["verification"]["strategy"], &me["primary_phone_number_id"]), (&json!(ADA), &json!("phone_code"), &me["phone_numbers"][0]["id"]));
        assert_eq!(browser.client().await["last_authentication_strategy"], "phone_code");
        assert_eq!(browser.client().await["sessions"][0]["public_user_data"]["identifier"], ADA);
        world.unchanged(browser.prepare_text(id)).await.refused(400, "invalid_action_for_session");
    }

    async fn both_identifiers_are_proved_before_there_is_a_user(world: World) {
        world.settings(|s| s.attributes.phone_number = Presence::Required).await;
        let browser = world.browser();
        let id = browser.start_sign_up(&[("email_address", "ada@example.com"), ("password", PASSWORD)]).await;
        let shown = browser.get(&format!("/v1/client/sign_ups/{id}")).await.response();
        assert_eq!(shown["missing_fields"], json!(["phone_number"]));
        browser.patch(&format!("/v1/client/sign_ups/{id}"), &[("phone_number", ADA)]).await.ok();
        browser.prepare_sign_up(&id).await.ok();
        browser.prepare_text(&id).await.ok();
        // One code is not the other's.
        let (mailed, texted) = (world.code("ada@example.com").await, world.code(ADA).await);
        if mailed != texted {
            browser.attempt_text_of_sign_up(&id, &mailed).await.refused(422, "form_code_incorrect code");
        }
        let half = browser.attempt_sign_up(&id, &mailed).await.response();
        assert_eq!((&half["status"], &half["unverified_fields"]), (&json!("missing_requirements"), &json!(["phone_number"])));
        assert_eq!(world.count("users").await, 0);
        let done = browser.attempt_text_of_sign_up(&id, &texted).await.response();
        assert_eq!(done["status"], "complete");
    }

    async fn a_changed_number_is_unproved(world: World) {
        world.settings(|s| s.attributes.phone_number = Presence::On).await;
        let browser = world.browser();
        let id = browser.start_sign_up(&[("email_address", "ada@example.com"), ("password", PASSWORD), ("phone_number", ADA)]).await;
        browser.prepare_text(&id).await.ok();
        let code = world.code(ADA).await;
        browser.attempt_text_of_sign_up(&id, &code).await.ok();
        let changed = browser.patch(&format!("/v1/client/sign_ups/{id}"), &[("phone_number", BOB)]).await.response();
        assert_eq!((&changed["unverified_fields"], &changed["verifications"]["phone_number"]), (&json!(["email_address", "phone_number"]), &json!(null)));
        world.unchanged(browser.attempt_text_of_sign_up(&id, &code)).await.refused(400, "verification_missing");
        let gone = browser.patch(&format!("/v1/client/sign_ups/{id}"), &[("phone_number", "")]).await.response();
        assert_eq!((&gone["phone_number"], &gone["unverified_fields"]), (&json!(null), &json!(["email_address"])));
    }

    async fn nonsense_and_taken_numbers_are_refused_by_name(world: World) {
        world.by_number_alone().await;
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        for number in ["ada", "+1", "+1 900 555 1234", "+12025550273;ext=1", "0049"] {
            world.unchanged(browser.post("/v1/client/sign_ups", &[("phone_number", number)])).await.refused(422, "form_param_format_invalid phone_number");
        }
        let first = world.browser();
        let id = first.start_sign_up(&[("phone_number", FILM)]).await;
        first.prepare_text(&id).await.ok();
        // Two may start with one number; who proves it first has it.
        let late = browser.start_sign_up(&[("phone_number", FILM)]).await;
        browser.prepare_text(&late).await.ok();
        assert_eq!(first.attempt_text_of_sign_up(&id, "424242").await.response()["status"], "complete");
        browser.attempt_text_of_sign_up(&late, "424242").await.refused(422, "form_identifier_exists phone_number");
        assert_eq!(world.count("users").await, 1);
        // The proof is good for a sign-in.
        let done = browser.post("/v1/client/sign_ins", &[("transfer", "true")]).await.response();
        assert_eq!((&done["status"], &done["identifier"]), (&json!("complete"), &json!(FILM)));
        world.unchanged(world.browser().post("/v1/client/sign_ups", &[("phone_number", "+1 201 555 0100")])).await.refused(422, "form_identifier_exists phone_number");
    }

    async fn a_number_that_somebody_has_is_told_to_its_owner_only(world: World) {
        world.by_number_alone().await;
        world.settings(|s| s.enumeration_protection = true).await;
        let first = world.browser();
        let id = first.start_sign_up(&[("phone_number", ADA)]).await;
        first.prepare_text(&id).await.ok();
        first.attempt_text_of_sign_up(&id, &world.code(ADA).await).await.ok();
        world.advance_secs(31);
        let eve = world.browser();
        let id = eve.start_sign_up(&[("phone_number", ADA)]).await;
        eve.prepare_text(&id).await.ok();
        eve.attempt_text_of_sign_up(&id, "x").await.refused(422, "form_code_incorrect code");
        eve.post("/v1/client/sign_ins", &[("transfer", "true")]).await.refused(400, "account_transfer_invalid");
        eve.attempt_text_of_sign_up(&id, &world.code(ADA).await).await.refused(422, "form_identifier_exists phone_number");
        assert_eq!(eve.post("/v1/client/sign_ins", &[("transfer", "true")]).await.response()["status"], "complete");
        eve.post("/v1/client/sign_ins", &[("transfer", "true")]).await.well_formed_refusal();
    }

    async fn a_mode_that_keeps_strangers_out_keeps_numbers_out(world: World) {
        world.by_number_alone().await;
        let browser = world.browser();
        let id = browser.start_sign_up(&[("phone_number", FILM)]).await;
        browser.prepare_text(&id).await.ok();
        for (mode, code) in [(SignUpMode::Restricted, "sign_up_mode_restricted"), (SignUpMode::Waitlist, "sign_up_restricted_waitlist")] {
            world.settings(|s| s.sign_up_mode = mode).await;
            world.unchanged(browser.post("/v1/client/sign_ups", &[("phone_number", BOB)])).await.refused(403, code);
            world.unchanged(browser.attempt_text_of_sign_up(&id, "424242")).await.refused(403, code);
        }
        assert_eq!(world.count("users").await, 0);
    }

    async fn a_password_is_not_the_number(world: World) {
        world.settings(|s| { s.attributes.phone_number = Presence::On; s.attributes.email_address = Presence::On; }).await;
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        world.unchanged(browser.post("/v1/client/sign_ups", &[("phone_number", "202-555-0273"), ("password", ADA)])).await.refused(422, "form_password_matches_identifier password");
    }
}
