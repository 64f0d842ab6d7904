//! Text messages: which countries and numbers get them and how many, by which channel, and that they wait outside requests.
use crate::phones::{ADA, BOB, FILM};
use serde_json::{Value, json};
use usher_server::instances::settings::Presence;

const LATVIA: &str = "+37120000000";

both! {
    async fn messages_wait_in_the_inbox_and_hold_the_code_first(world: World) {
        world.phones_on().await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let added = browser.post("/v1/me/phone_numbers", &[("phone_number", ADA)]).await.response();
        browser.prepare_number(added["id"].as_str().unwrap()).await.ok();
        let inbox = browser.get("/inbox/messages?to=%2B12025550273").await.ok();
        let message = &inbox["data"][0];
        assert_eq!((&inbox["total_count"], &message["channel"], &message["to"], &message["subject"], &message["html"]), (&json!(1), &json!("sms"), &json!(ADA), &json!(null), &json!(null)));
        let (text, code) = (message["text"].as_str().unwrap(), message["code"].as_str().unwrap());
        assert!(text.starts_with(code) && text.contains("My application") && text.len() <= 160, "{text}");
    }

    production async fn on_production_messages_queue_and_the_code_is_not_kept(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        world.number_of(&ada.id, ADA).await;
        let browser = world.browser();
        let id = browser.pending_by_text(ADA).await;
        let rows = world.rows("SELECT status FROM messages WHERE channel = 'sms' AND code IS NULL", &[]).await;
        assert_eq!(rows, ["queued"]);
        let code = world.code(ADA).await;
        assert_eq!(browser.attempt_text(&id, &code).await.response()["status"], "complete");
    }

    async fn a_number_gets_so_many_codes_whoever_asks(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        world.number_of(&ada.id, ADA).await;
        for _ in 0..5 {
            world.browser().pending_by_text(ADA).await;
        }
        let refused = world.browser().post("/v1/client/sign_ins", &[("identifier", ADA), ("strategy", "phone_code")]).await;
        refused.refused(429, "verification_code_too_many_requests");
        assert!(refused.header("retry-after").is_some());
        // By other doors it is the same number.
        world.settings(|s| s.enumeration_protection = true).await;
        let visitor = world.browser();
        let id = visitor.start_sign_up(&[("phone_number", ADA)]).await;
        visitor.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[("strategy", "phone_code")]).await.refused(429, "verification_code_too_many_requests");
        // Whether somebody has a number is not told by how many codes it takes.
        for n in 0..6 {
            let browser = world.browser();
            let answer = browser.post("/v1/client/sign_ins", &[("identifier", BOB), ("strategy", "phone_code")]).await;
            assert_eq!(answer.status, if n < 5 { 200 } else { 429 }, "{}", answer.body);
        }
        assert_eq!((world.codes(ADA).await.len(), world.codes(BOB).await.len()), (5, 0));
        world.advance_minutes(10);
        world.browser().pending_by_text(ADA).await;
    }

    async fn countries_that_the_operator_blocks_get_nothing_by_any_door(world: World) {
        world.phones_on().await;
        world.settings(|s| { s.attributes.phone_second_factor = true; s.attributes.email_address = Presence::On; s.attributes.password = Presence::On; }).await;
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        let server = world.server();
        let number = world.number_of(&ada.id, LATVIA).await;
        let bob = world.user_without_password("bob@example.com").await;
        let second = world.number_of(&bob.id, "+37120000001").await;
        server.patch(&format!("/v1/phone_numbers/{second}"), json!({ "reserved_for_second_factor": true })).await.ok();
        let open = browser.post("/v1/me/phone_numbers", &[("phone_number", "+37120000002")]).await.response();
        let visitor = world.browser();
        let sign_up = visitor.start_sign_up(&[("phone_number", "+37120000003")]).await;
        let half = world.browser();
        world.advance_secs(31);
        let half_id = half.half_signed_in("bob@example.com").await;
        server.patch("/v1/instance/communication", json!({ "blocked_country_codes": ["LV"] })).await.ok();
        let before = world.count("messages").await;
        let fresh = world.browser();
        fresh.post("/v1/client", &[]).await.ok();
        let strategy = [("strategy", "phone_code")];
        let open_id = open["id"].as_str().unwrap();
        let refusals = [
            fresh.request("POST", "/v1/client/sign_ins").form(&[("identifier", LATVIA), ("strategy", "phone_code")]),
            browser.request("POST", &format!("/v1/me/phone_numbers/{open_id}/prepare_verification")).form(&strategy),
            visitor.request("POST", &format!("/v1/client/sign_ups/{sign_up}/prepare_verification")).form(&strategy),
            half.request("POST", &format!("/v1/client/sign_ins/{half_id}/prepare_second_factor")).form(&strategy),
        ];
        for request in refusals {
            let answer = world.unchanged(request.send()).await;
            answer.refused(403, "unsupported_country_code");
            let meta = &answer.json()["errors"][0]["meta"];
            assert_eq!((&meta["alpha2"], &meta["country_code"]), (&json!("LV"), &json!("371")));
        }
        world.unchanged(browser.post("/v1/me/phone_numbers", &[("phone_number", "+37120000004")])).await.refused(403, "unsupported_country_code phone_number");
        world.unchanged(fresh.post("/v1/client/sign_ups", &[("phone_number", "+37120000005")])).await.refused(403, "unsupported_country_code phone_number");
        world.unchanged(server.post(&format!("/v1/phone_numbers/{open_id}/prepare_verification"), json!({}))).await.refused(403, "unsupported_country_code");
        assert_eq!(world.count("messages").await, before);
        // Nobody learns from it whether somebody has the number.
        world.settings(|s| s.enumeration_protection = true).await;
        for number in [LATVIA, "+37129999999"] {
            world.browser().post("/v1/client/sign_ins", &[("identifier", number), ("strategy", "phone_code")]).await.refused(403, "unsupported_country_code");
        }
        server.patch("/v1/instance/communication", json!({ "blocked_country_codes": [] })).await.ok();
        world.browser().pending_by_text(LATVIA).await;
        let _ = number;
    }

    async fn a_list_of_allowed_countries_blocks_the_others(world: World) {
        world.phones_on().await;
        world.settings(|s| s.sms.allowed_country_codes = vec!["US".to_owned(), "CA".to_owned()]).await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        world.unchanged(browser.post("/v1/me/phone_numbers", &[("phone_number", LATVIA)])).await.refused(403, "unsupported_country_code phone_number");
        browser.post("/v1/me/phone_numbers", &[("phone_number", BOB)]).await.ok();
        // Test identities get nothing, and so are of every country.
        world.settings(|s| s.sms.allowed_country_codes = vec!["LV".to_owned()]).await;
        browser.post("/v1/me/phone_numbers", &[("phone_number", FILM)]).await.ok();
    }

    async fn the_list_of_blocked_countries_is_the_operators(world: World) {
        let server = world.server();
        let path = "/v1/instance/communication";
        let blocked = |value: &Value| value["blocked_country_codes"].clone();
        let first = server.get(path).await.ok();
        assert_eq!(first, json!({ "object": "instance_communication", "blocked_country_codes": [] }));
        let set = server.patch(path, json!({ "blocked_country_codes": ["LV", "XX", "KP"] })).await.ok();
        assert_eq!(blocked(&set), json!(["LV", "KP"]), "codes of no country are dropped");
        assert_eq!(blocked(&server.patch(path, json!({})).await.ok()), json!(["LV", "KP"]), "nothing sent is nothing changed");
        for (codes, code) in [
            (json!(["lv"]), "form_param_format_invalid blocked_country_codes"),
            (json!(["LVA"]), "form_param_format_invalid blocked_country_codes"),
            (json!(["L1"]), "form_param_format_invalid blocked_country_codes"),
            (json!(["LV", "LV"]), "form_param_duplicate blocked_country_codes"),
            (json!(vec!["LV"; 251]), "form_param_array_size_exceeded blocked_country_codes"),
        ] {
            world.unchanged(server.patch(path, json!({ "blocked_country_codes": codes }))).await.refused(422, code);
        }
        let (_, foreign, _) = world.other_instance("other").await;
        assert_eq!(blocked(&foreign.get(path).await.ok()), json!([]));
        assert_eq!(blocked(&server.patch(path, json!({ "blocked_country_codes": [] })).await.ok()), json!([]));
    }

    async fn whatsapp_is_a_channel_where_the_operator_says_so(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        let number = world.number_of(&ada.id, ADA).await;
        let browser = world.browser();
        let started = browser.start_sign_in(ADA).await;
        let path = format!("/v1/client/sign_ins/{}/prepare_first_factor", started["id"].as_str().unwrap());
        let form = [("strategy", "phone_code"), ("phone_number_id", number.as_str()), ("channel", "whatsapp")];
        world.unchanged(browser.post(&path, &form)).await.refused(422, "form_param_value_invalid channel");
        world.settings(|s| s.sms.whatsapp = true).await;
        let prepared = browser.post(&path, &form).await.response();
        assert_eq!(prepared["first_factor_verification"]["channel"], "whatsapp");
        let inbox = browser.get("/inbox/messages?to=%2B12025550273").await.ok();
        assert_eq!(inbox["data"][0]["channel"], "whatsapp");
        // Another channel is no way around the pause.
        let by_sms = [("strategy", "phone_code"), ("phone_number_id", number.as_str())];
        world.unchanged(browser.post(&path, &by_sms)).await.refused(429, "verification_code_too_many_requests");
        let id = started["id"].as_str().unwrap();
        assert_eq!(browser.attempt_text(id, &world.code(ADA).await).await.response()["status"], "complete");
    }

    async fn codes_and_numbers_leave_with_their_user(world: World) {
        world.phones_on().await;
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        browser.proved_number(ADA).await;
        world.server().delete(&format!("/v1/users/{}", ada.id)).await.ok();
        assert_eq!(world.count("phone_numbers").await, 0);
        let log = world.rows("SELECT * FROM audit_logs", &[]).await.join(" ");
        assert!(!log.contains("2025550273"));
        let bob = world.user_without_password("bob@example.com").await;
        world.number_of(&bob.id, ADA).await;
    }
}
