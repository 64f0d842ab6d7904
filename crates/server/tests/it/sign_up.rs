//! Sign-ups over the wire (contract fapi §8.6).
use crate::browser::PASSWORD;
use serde_json::json;
use usher_server::instances::settings::{Presence, SignUpMode};

both! {
    async fn a_sign_up_with_address_password_and_code_makes_a_user_with_a_session(world: World) {
        let ada = world.browser();
        let started = ada.post("/v1/client/sign_ups", &[("email_address", " Ada@Example.COM "), ("password", PASSWORD), ("first_name", "Ada"), ("unsafe_metadata", "{\"plan\":\"pro\"}")]).await.ok();
        let sign_up = &started["response"];
        let id = sign_up["id"].as_str().unwrap();
        assert_eq!(sign_up["object"], "sign_up_attempt");
        assert_eq!(sign_up["status"], "missing_requirements");
        assert_eq!(sign_up["required_fields"], json!(["email_address", "password"]));
        assert_eq!(sign_up["optional_fields"], json!(["first_name", "last_name"]));
        assert_eq!(sign_up["missing_fields"], json!([]));
        assert_eq!(sign_up["unverified_fields"], json!(["email_address"]));
        assert_eq!(sign_up["verifications"]["email_address"], json!(null), "before prepare nothing may look as if a code was sent");
        assert_eq!((&sign_up["has_password"], &sign_up["password_enabled"]), (&json!(true), &json!(true)));
        assert_eq!(started["client"]["sign_up"]["id"], id);
        assert_eq!(world.count("users").await, 0);

        let prepared = ada.prepare_sign_up(id).await.response();
        let verification = &prepared["verifications"]["email_address"];
        assert_eq!((&verification["status"], &verification["strategy"], &verification["next_action"]), (&json!("unverified"), &json!("email_code"), &json!("needs_attempt")));
        assert_eq!(verification["expire_at"], world.now().0 + 600_000);

        let code = world.code("ada@example.com").await;
        let done = ada.attempt_sign_up(id, &code).await.ok();
        let session = done["response"]["created_session_id"].as_str().unwrap();
        assert_eq!(done["response"]["status"], "complete");
        assert_eq!(done["response"]["unverified_fields"], json!([]));
        assert_eq!(done["client"]["sign_up"], json!(null), "or the UI resumes a finished attempt");
        assert_eq!(done["client"]["last_active_session_id"], session);
        let user = &done["client"]["sessions"][0]["user"];
        assert_eq!(user["id"], done["response"]["created_user_id"]);
        assert_eq!((&user["first_name"], &user["unsafe_metadata"]), (&json!("Ada"), &json!({ "plan": "pro" })));
        assert_eq!(user["email_addresses"][0]["email_address"], "ada@example.com");
        assert_eq!(user["email_addresses"][0]["verification"]["status"], "verified");
        assert!(done["client"]["sessions"][0]["last_active_token"]["jwt"].is_string());
        ada.mint(session).await.ok();
        assert_eq!((world.count("users").await, world.count("sessions").await), (1, 1));
    }

    async fn a_completed_sign_up_still_answers_its_own_browser_and_nobody_else(world: World) {
        let ada = world.browser();
        let done = ada.sign_up("ada@example.com").await;
        let path = format!("/v1/client/sign_ups/{}", done["id"].as_str().unwrap());
        assert_eq!(ada.get(&path).await.response()["status"], "complete");
        world.browser().get(&path).await.refused(404, "resource_not_found");
        let eve = world.browser();
        eve.post("/v1/client", &[]).await.ok();
        world.unchanged(eve.get(&path)).await.refused(404, "resource_not_found");
    }

    async fn fields_can_come_one_by_one_and_what_is_missing_is_said(world: World) {
        world.settings(|s| { s.attributes.username = Presence::Required; s.attributes.first_name = Presence::Required; }).await;
        let ada = world.browser();
        let id = ada.start_sign_up(&[]).await;
        let missing = async || ada.get(&format!("/v1/client/sign_ups/{id}")).await.response()["missing_fields"].clone();
        let path = format!("/v1/client/sign_ups/{id}");
        assert_eq!(missing().await, json!(["email_address", "username", "password", "first_name"]));
        ada.patch(&path, &[("email_address", "ada@example.com")]).await.ok();
        assert_eq!(missing().await, json!(["username", "password", "first_name"]));
        ada.patch(&path, &[("username", "Ada_L")]).await.ok();
        ada.patch(&path, &[("password", PASSWORD)]).await.ok();
        ada.prepare_sign_up(&id).await.ok();
        let verified = ada.attempt_sign_up(&id, &world.code("ada@example.com").await).await.response();
        assert_eq!((&verified["status"], &verified["missing_fields"], &verified["unverified_fields"]), (&json!("missing_requirements"), &json!(["first_name"]), &json!([])));
        assert_eq!(world.count("users").await, 0);
        let done = ada.patch(&path, &[("first_name", "Ada")]).await.ok();
        assert_eq!(done["response"]["status"], "complete");
        assert_eq!(done["client"]["sessions"][0]["user"]["username"], "Ada_L");
    }

    async fn a_password_alone_or_a_verified_address_alone_makes_no_user(world: World) {
        let ada = world.browser();
        let id = ada.start_sign_up(&[("email_address", "ada@example.com")]).await;
        ada.prepare_sign_up(&id).await.ok();
        let half = ada.attempt_sign_up(&id, &world.code("ada@example.com").await).await.response();
        assert_eq!((&half["status"], &half["missing_fields"]), (&json!("missing_requirements"), &json!(["password"])));
        let eve = world.browser();
        let other = eve.start_sign_up(&[("email_address", "eve@example.com"), ("password", PASSWORD)]).await;
        world.unchanged(eve.attempt_sign_up(&other, "123456")).await.refused(400, "verification_missing");
        assert_eq!(world.count("users").await, 0);
    }

    async fn a_wrong_code_counts_a_try_and_changes_nothing_else(world: World) {
        let ada = world.browser();
        let id = ada.pending_sign_up("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        let wrong = if code == "000000" { "000001" } else { "000000" };
        let before = ada.cookie("__client");
        world.changes_only(&["verifications"], ada.attempt_sign_up(&id, wrong)).await.refused(422, "form_code_incorrect code");
        assert_eq!(ada.cookie("__client"), before);
        let shown = ada.get(&format!("/v1/client/sign_ups/{id}")).await.response();
        assert_eq!(shown["verifications"]["email_address"]["attempts"], 1);
        assert_eq!(ada.attempt_sign_up(&id, &format!(" {code} ")).await.response()["status"], "complete");
    }

    async fn five_wrong_codes_end_a_code_and_the_right_one_is_refused(world: World) {
        let ada = world.browser();
        let id = ada.pending_sign_up("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        for wrong in ["", "1", "99999999", "abcdef", "00000x"] {
            let answer = ada.attempt_sign_up(&id, wrong).await;
            answer.refused(422, if wrong.is_empty() { "form_param_missing code" } else { "form_code_incorrect code" });
        }
        ada.attempt_sign_up(&id, "x").await.refused(422, "form_code_incorrect code");
        world.unchanged(ada.attempt_sign_up(&id, &code)).await.refused(400, "verification_failed");
        let shown = ada.get(&format!("/v1/client/sign_ups/{id}")).await.response();
        assert_eq!(shown["verifications"]["email_address"]["status"], "failed");
        assert_eq!(world.count("users").await, 0);
        world.advance_secs(31);
        ada.prepare_sign_up(&id).await.ok();
        let fresh = world.code("ada@example.com").await;
        assert_eq!(ada.attempt_sign_up(&id, &fresh).await.response()["status"], "complete");
    }

    async fn a_code_expires_after_ten_minutes(world: World) {
        let ada = world.browser();
        let id = ada.pending_sign_up("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        world.advance_secs(600);
        let shown = ada.get(&format!("/v1/client/sign_ups/{id}")).await.response();
        assert_eq!(shown["verifications"]["email_address"]["status"], "expired");
        world.unchanged(ada.attempt_sign_up(&id, &code)).await.refused(400, "verification_expired");
    }

    async fn a_code_is_good_to_its_last_second(world: World) {
        let ada = world.browser();
        let id = ada.pending_sign_up("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        world.advance_secs(599);
        assert_eq!(ada.attempt_sign_up(&id, &code).await.response()["status"], "complete");
    }

    async fn a_used_code_is_not_taken_again(world: World) {
        let ada = world.browser();
        let id = ada.start_sign_up(&[("email_address", "ada@example.com")]).await;
        ada.prepare_sign_up(&id).await.ok();
        let code = world.code("ada@example.com").await;
        ada.attempt_sign_up(&id, &code).await.ok();
        world.unchanged(ada.attempt_sign_up(&id, &code)).await.refused(400, "verification_already_verified");
        world.unchanged(ada.prepare_sign_up(&id)).await.refused(400, "verification_already_verified");
        ada.patch(&format!("/v1/client/sign_ups/{id}"), &[("password", PASSWORD)]).await.ok();
        world.unchanged(ada.attempt_sign_up(&id, &code)).await.refused(400, "invalid_action_for_session");
        assert_eq!(world.count("users").await, 1);
    }

    async fn a_second_code_within_thirty_seconds_is_refused_and_a_later_one_replaces_the_first(world: World) {
        let ada = world.browser();
        let id = ada.pending_sign_up("ada@example.com").await;
        let first = world.code("ada@example.com").await;
        world.advance_secs(29);
        let refused = world.unchanged(ada.prepare_sign_up(&id)).await;
        refused.refused(429, "verification_code_too_many_requests");
        assert_eq!(refused.header("retry-after"), Some("1"));
        world.advance_secs(1);
        ada.prepare_sign_up(&id).await.ok();
        let second = world.code("ada@example.com").await;
        assert_eq!(world.codes("ada@example.com").await.len(), 2);
        if first != second {
            ada.attempt_sign_up(&id, &first).await.refused(422, "form_code_incorrect code");
        }
        assert_eq!(ada.attempt_sign_up(&id, &second).await.response()["status"], "complete");
    }

    async fn a_changed_address_is_unverified_and_the_old_code_is_worth_nothing(world: World) {
        let eve = world.browser();
        let id = eve.start_sign_up(&[("email_address", "eve@example.com")]).await;
        let path = format!("/v1/client/sign_ups/{id}");
        eve.prepare_sign_up(&id).await.ok();
        let code = world.code("eve@example.com").await;
        let changed = eve.patch(&path, &[("email_address", "victim@example.com")]).await.response();
        assert_eq!(changed["unverified_fields"], json!(["email_address"]));
        eve.attempt_sign_up(&id, &code).await.refused(400, "verification_missing");
        eve.patch(&path, &[("email_address", "eve@example.com")]).await.ok();
        world.advance_secs(31);
        eve.prepare_sign_up(&id).await.ok();
        eve.attempt_sign_up(&id, &world.code("eve@example.com").await).await.ok();
        let moved = eve.patch(&path, &[("email_address", "victim@example.com")]).await.response();
        assert_eq!((&moved["status"], &moved["unverified_fields"]), (&json!("missing_requirements"), &json!(["email_address"])));
        let full = eve.patch(&path, &[("password", PASSWORD)]).await.response();
        assert_eq!(full["status"], "missing_requirements");
        assert_eq!(world.count("users").await, 0);
    }

    async fn codes_belong_to_their_own_attempt(world: World) {
        let (ada, eve) = (world.browser(), world.browser());
        let hers = ada.pending_sign_up("ada@example.com").await;
        let own = eve.pending_sign_up("eve@example.com").await;
        let code = world.code("ada@example.com").await;
        if code != world.code("eve@example.com").await {
            eve.attempt_sign_up(&own, &code).await.refused(422, "form_code_incorrect code");
        }
        world.unchanged(eve.attempt_sign_up(&hers, &code)).await.refused(404, "resource_not_found");
        world.unchanged(eve.prepare_sign_up(&hers)).await.refused(404, "resource_not_found");
        world.unchanged(eve.patch(&format!("/v1/client/sign_ups/{hers}"), &[("password", "another password 7")])).await.refused(404, "resource_not_found");
        assert_eq!(ada.attempt_sign_up(&hers, &code).await.response()["status"], "complete");
    }

    async fn a_taken_address_or_username_is_refused_in_any_spelling(world: World) {
        world.settings(|s| s.attributes.username = Presence::On).await;
        world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "username": "ada_l" })).await;
        let eve = world.browser();
        eve.post("/v1/client", &[]).await.ok();
        for address in ["ada@example.com", "ADA@Example.com", " ada@EXAMPLE.COM"] {
            let answer = world.unchanged(eve.post("/v1/client/sign_ups", &[("email_address", address)])).await;
            answer.refused(422, "form_identifier_exists email_address");
        }
        for name in ["ada_l", "ADA_L"] {
            world.unchanged(eve.post("/v1/client/sign_ups", &[("username", name)])).await.refused(422, "form_identifier_exists username");
        }
        let both = world.unchanged(eve.post("/v1/client/sign_ups", &[("username", "Ada_L"), ("email_address", "ada@example.com")])).await;
        assert_eq!(both.codes(), ["form_identifier_exists email_address", "form_identifier_exists username"]);
    }

    async fn an_address_that_was_taken_meanwhile_makes_no_second_user_and_leads_to_a_sign_in(world: World) {
        let (ada, other) = (world.browser(), world.browser());
        let hers = ada.pending_sign_up("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        let owner = world.user_without_password("ada@example.com").await;
        ada.attempt_sign_up(&hers, &code).await.refused(422, "form_identifier_exists email_address");
        assert_eq!(world.count("users").await, 1);
        other.post("/v1/client/sign_ins", &[("transfer", "true")]).await.refused(400, "account_transfer_invalid");
        let done = ada.post("/v1/client/sign_ins", &[("transfer", "true")]).await.ok();
        assert_eq!(done["response"]["status"], "complete");
        assert_eq!(done["client"]["sessions"][0]["user"]["id"], owner.id.as_str());
        world.unchanged(ada.post("/v1/client/sign_ins", &[("transfer", "true")])).await.refused(400, "account_transfer_invalid");
    }

    async fn with_enumeration_protection_a_taken_address_is_told_to_its_owner_only(world: World) {
        world.settings(|s| s.enumeration_protection = true).await;
        world.user_without_password("ada@example.com").await;
        let eve = world.browser();
        let taken = eve.post("/v1/client/sign_ups", &[("email_address", "ada@example.com"), ("password", PASSWORD)]).await.response();
        let free = world.browser().post("/v1/client/sign_ups", &[("email_address", "bob@example.com"), ("password", PASSWORD)]).await.response();
        for field in ["status", "missing_fields", "unverified_fields", "required_fields", "verifications"] {
            assert_eq!(taken[field], free[field], "{field}");
        }
        let id = taken["id"].as_str().unwrap();
        eve.prepare_sign_up(id).await.ok();
        eve.attempt_sign_up(id, "x").await.refused(422, "form_code_incorrect code");
        let code = world.code("ada@example.com").await;
        eve.attempt_sign_up(id, &code).await.refused(422, "form_identifier_exists email_address");
        assert_eq!(world.count("users").await, 1);
    }

    async fn a_sign_in_for_nobody_becomes_a_sign_up_by_transfer_once(world: World) {
        let ada = world.browser();
        let started = ada.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "email_code"), ("sign_up_if_missing", "true")]).await.response();
        let id = started["id"].as_str().unwrap();
        let code = world.code("ada@example.com").await;
        ada.attempt_code(id, &code).await.refused(404, "sign_up_if_missing_transfer");
        let eve = world.browser();
        eve.post("/v1/client/sign_ups", &[("transfer", "true")]).await.refused(400, "account_transfer_invalid");
        let moved = ada.post("/v1/client/sign_ups", &[("transfer", "true")]).await.response();
        assert_eq!((&moved["email_address"], &moved["unverified_fields"], &moved["missing_fields"]), (&json!("ada@example.com"), &json!([]), &json!(["password"])));
        world.unchanged(ada.post("/v1/client/sign_ups", &[("transfer", "true")])).await.refused(400, "account_transfer_invalid");
        let done = ada.patch(&format!("/v1/client/sign_ups/{}", moved["id"].as_str().unwrap()), &[("password", PASSWORD)]).await.ok();
        assert_eq!(done["response"]["status"], "complete");
        assert_eq!(done["client"]["sign_in"], json!(null));
    }

    async fn a_transferred_address_can_be_changed_but_then_it_is_unverified(world: World) {
        let eve = world.browser();
        let started = eve.post("/v1/client/sign_ins", &[("identifier", "eve@example.com"), ("strategy", "email_code"), ("sign_up_if_missing", "true")]).await.response();
        eve.attempt_code(started["id"].as_str().unwrap(), &world.code("eve@example.com").await).await.refused(404, "sign_up_if_missing_transfer");
        let moved = eve.post("/v1/client/sign_ups", &[("transfer", "true"), ("email_address", "victim@example.com"), ("password", PASSWORD)]).await;
        if moved.status == 200 {
            let moved = moved.response();
            assert!(moved["status"] != "complete" || moved["email_address"] == "eve@example.com", "{moved}");
        }
        assert_eq!(world.rows("SELECT id FROM email_addresses WHERE email_normal = 'victim@example.com' AND claimed", &[]).await.len(), 0);
    }

    async fn restricted_and_waitlist_instances_take_no_sign_ups_not_even_started_ones(world: World) {
        let ada = world.browser();
        let id = ada.pending_sign_up("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        for (mode, code_word) in [(SignUpMode::Restricted, "sign_up_mode_restricted"), (SignUpMode::Waitlist, "sign_up_restricted_waitlist")] {
            world.settings(|s| s.sign_up_mode = mode).await;
            world.unchanged(ada.post("/v1/client/sign_ups", &[("email_address", "eve@example.com")])).await.refused(403, code_word);
            world.unchanged(ada.patch(&format!("/v1/client/sign_ups/{id}"), &[("first_name", "A")])).await.refused(403, code_word);
            world.unchanged(ada.attempt_sign_up(&id, &code)).await.refused(403, code_word);
        }
        assert_eq!(world.count("users").await, 0);
    }

    async fn attributes_that_are_off_are_refused_by_name(world: World) {
        let ada = world.browser();
        ada.post("/v1/client", &[]).await.ok();
        for (name, value) in [("username", "ada_l"), ("phone_number", "+15555550100"), ("web3_wallet", "0x1")] {
            world.unchanged(ada.post("/v1/client/sign_ups", &[(name, value)])).await.refused(422, &format!("form_param_unknown {name}"));
        }
        world.settings(|s| { s.attributes.password = Presence::Off; s.attributes.last_name = Presence::Off; }).await;
        world.unchanged(ada.post("/v1/client/sign_ups", &[("password", PASSWORD)])).await.refused(422, "form_param_unknown password");
        world.unchanged(ada.post("/v1/client/sign_ups", &[("last_name", "L")])).await.refused(422, "form_param_unknown last_name");
        let id = ada.start_sign_up(&[("email_address", "ada@example.com")]).await;
        ada.prepare_sign_up(&id).await.ok();
        assert_eq!(ada.attempt_sign_up(&id, &world.code("ada@example.com").await).await.response()["status"], "complete", "P7: no password is needed");
    }

    async fn other_strategies_are_refused_by_name(world: World) {
        let ada = world.browser();
        let id = ada.start_sign_up(&[("email_address", "ada@example.com")]).await;
        let prepare = format!("/v1/client/sign_ups/{id}/prepare_verification");
        let attempt = format!("/v1/client/sign_ups/{id}/attempt_verification");
        for strategy in ["trusted_devices", "oauth_google", "EMAIL_CODE", "'"] {
            world.unchanged(ada.post(&prepare, &[("strategy", strategy)])).await.refused(422, "form_param_value_invalid strategy");
            world.unchanged(ada.post(&attempt, &[("strategy", strategy), ("code", "1")])).await.refused(422, "form_param_value_invalid strategy");
        }
        // There is no number to prove.
        world.unchanged(ada.post(&prepare, &[("strategy", "phone_code")])).await.refused(422, "form_param_missing phone_number");
        world.unchanged(ada.post(&attempt, &[("strategy", "phone_code"), ("code", "1")])).await.refused(400, "verification_missing");
        for strategy in ["password", "trusted_device", "email_link"] {
            world.unchanged(ada.post(&prepare, &[("strategy", strategy)])).await.refused(400, "verification_strategy_invalid strategy");
            world.unchanged(ada.post(&attempt, &[("strategy", strategy), ("code", "1")])).await.refused(400, "verification_strategy_invalid strategy");
        }
        world.unchanged(ada.post(&prepare, &[])).await.refused(422, "form_param_missing strategy");
        world.unchanged(ada.post("/v1/client/sign_ups", &[("strategy", "oauth_google")])).await.refused(422, "form_param_value_invalid strategy");
        let empty = ada.start_sign_up(&[]).await;
        world.unchanged(ada.prepare_sign_up(&empty)).await.refused(422, "form_param_missing email_address");
    }

    async fn addresses_and_usernames_that_are_none_are_refused(world: World) {
        world.settings(|s| s.attributes.username = Presence::On).await;
        let ada = world.browser();
        ada.post("/v1/client", &[]).await.ok();
        for address in ["ada", "ada@", "@example.com", "ada@example", "a b@example.com", "ada@example.com\r\nBcc: eve@example.com", "ada@exa\u{43c}ple.com", "\"a\"@example.com"] {
            world.unchanged(ada.post("/v1/client/sign_ups", &[("email_address", address)])).await.refused(422, "form_param_format_invalid email_address");
        }
        for (name, code) in [("abc", "form_username_invalid_length"), ("12345", "form_username_needs_non_number_char"), ("ada l", "form_username_invalid_character"), ("ad\u{430}_l", "form_username_invalid_character"), ("ada@x", "form_username_invalid_character")] {
            world.unchanged(ada.post("/v1/client/sign_ups", &[("username", name)])).await.refused(422, &format!("{code} username"));
        }
    }

    async fn a_replaced_or_abandoned_sign_up_cannot_go_on(world: World) {
        let ada = world.browser();
        let old = ada.pending_sign_up("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        let new = ada.start_sign_up(&[("email_address", "ada2@example.com")]).await;
        world.unchanged(ada.attempt_sign_up(&old, &code)).await.refused(400, "invalid_action_for_session");
        world.unchanged(ada.patch(&format!("/v1/client/sign_ups/{old}"), &[("first_name", "A")])).await.refused(400, "invalid_action_for_session");
        world.advance_days(1);
        assert_eq!(ada.get(&format!("/v1/client/sign_ups/{new}")).await.response()["status"], "abandoned");
        assert_eq!(ada.client().await["sign_up"], json!(null));
        world.unchanged(ada.prepare_sign_up(&new)).await.refused(400, "invalid_action_for_session");
    }

    async fn a_signed_in_browser_starts_no_sign_up_in_single_session_mode(world: World) {
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        world.unchanged(ada.post("/v1/client/sign_ups", &[("email_address", "bob@example.com")])).await.refused(400, "session_exists");
    }

    async fn a_username_and_a_password_are_enough_where_addresses_are_off(world: World) {
        world.settings(|s| { s.attributes.email_address = Presence::Off; s.attributes.username = Presence::Required; }).await;
        let ada = world.browser();
        let done = ada.post("/v1/client/sign_ups", &[("username", "ada_l"), ("password", PASSWORD)]).await.response();
        assert_eq!(done["status"], "complete");
        let session = ada.session_ids().await;
        ada.mint(&session[0]).await.ok();
        let again = world.browser().sign_in_with_password("ADA_L", PASSWORD).await.response();
        assert_eq!(again["status"], "complete");
    }

    async fn a_test_address_takes_424242_and_gets_no_mail(world: World) {
        let ada = world.browser();
        let id = ada.pending_sign_up("ada+clerk_test@example.com").await;
        assert_eq!(world.codes("ada+clerk_test@example.com").await.len(), 0);
        assert_eq!(ada.attempt_sign_up(&id, "424242").await.response()["status"], "complete");
        let bob = world.browser();
        let his = bob.pending_sign_up("bob@example.com").await;
        if world.code("bob@example.com").await != "424242" {
            bob.attempt_sign_up(&his, "424242").await.refused(422, "form_code_incorrect code");
        }
    }

    async fn with_test_mode_off_a_test_address_is_like_any_other(world: World) {
        world.settings(|s| s.test_mode = false).await;
        let ada = world.browser();
        let id = ada.pending_sign_up("ada+clerk_test@example.com").await;
        let codes = world.codes("ada+clerk_test@example.com").await;
        assert_eq!(codes.len(), 1);
        if codes[0] != "424242" {
            ada.attempt_sign_up(&id, "424242").await.refused(422, "form_code_incorrect code");
        }
    }

    production async fn a_production_instance_knows_no_test_code(world: World) {
        let ada = world.browser();
        let id = ada.pending_sign_up("ada+clerk_test@example.com").await;
        let code = world.code("ada+clerk_test@example.com").await;
        if code != "424242" {
            ada.attempt_sign_up(&id, "424242").await.refused(422, "form_code_incorrect code");
        }
        assert_eq!(ada.attempt_sign_up(&id, &code).await.response()["status"], "complete");
    }

    async fn metadata_that_is_no_object_or_too_large_is_refused(world: World) {
        let ada = world.browser();
        ada.post("/v1/client", &[]).await.ok();
        let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
        let wide = format!("{{\"a\":\"{}\"}}", "x".repeat(8192));
        for (value, code) in [("[1]", "form_param_type_invalid"), ("{", "form_param_type_invalid"), ("\"x\"", "form_param_type_invalid"), (deep.as_str(), "form_param_format_invalid"), (wide.as_str(), "form_param_exceeds_allowed_size"), ("{\"a\":\"\\u0000\"}", "form_param_format_invalid")] {
            world.unchanged(ada.post("/v1/client/sign_ups", &[("unsafe_metadata", value)])).await.refused(422, &format!("{code} unsafe_metadata"));
        }
    }

    async fn the_operator_sees_a_sign_up_and_can_give_it_an_external_id(world: World) {
        let ada = world.browser();
        let id = ada.pending_sign_up("ada@example.com").await;
        let server = world.server();
        let path = format!("/v1/sign_ups/{id}");
        assert_eq!(server.get(&path).await.ok()["status"], "missing_requirements");
        assert_eq!(server.patch(&path, json!({ "external_id": "ext-1" })).await.ok()["external_id"], "ext-1");
        ada.attempt_sign_up(&id, &world.code("ada@example.com").await).await.ok();
        assert_eq!(server.get("/v1/users?external_id=ext-1").await.ok()[0]["email_addresses"][0]["email_address"], "ada@example.com");
        world.unchanged(server.patch(&path, json!({ "external_id": "ext-2" }))).await.refused(403, "sign_up_cannot_be_updated");
    }
}
