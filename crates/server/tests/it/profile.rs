//! The own account (contract fapi §8.3): names, username, metadata, password, deletion.
use crate::browser::PASSWORD;
use serde_json::json;
use usher_server::instances::settings::Presence;

both! {
    async fn people_change_their_names_and_metadata(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        world.advance_secs(1);
        let changed = browser.patch("/v1/me", &[("first_name", "Ada"), ("last_name", "L"), ("unsafe_metadata", "{\"a\":1}")]).await.ok();
        assert_eq!((&changed["response"]["first_name"], &changed["response"]["unsafe_metadata"]), (&json!("Ada"), &json!({ "a": 1 })));
        assert_eq!(changed["response"]["updated_at"], world.now().0);
        assert_eq!(changed["client"]["sessions"][0]["user"], changed["response"]);
        let cleared = browser.patch("/v1/me", &[("first_name", "")]).await.response();
        assert_eq!((&cleared["first_name"], &cleared["last_name"]), (&json!(null), &json!("L")));
        let merged = browser.patch("/v1/me/metadata", &[("unsafe_metadata", "{\"b\":2}")]).await.response();
        assert_eq!(merged["unsafe_metadata"], json!({ "a": 1, "b": 2 }));
        let long = format!("{{\"c\":\"{}\"}}", "x".repeat(8190));
        world.unchanged(browser.patch("/v1/me/metadata", &[("unsafe_metadata", &long)])).await.refused(422, "form_param_exceeds_allowed_size unsafe_metadata");
    }

    async fn own_metadata_has_the_bounds_that_the_operator_has(world: World) {
        let ada = world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "public_metadata": { "a": "x".repeat(8000) } })).await;
        let browser = world.browser();
        browser.sign_in("ada@example.com").await;
        let big = format!("{{\"c\":\"{}\"}}", "x".repeat(4000));
        world.unchanged(browser.patch("/v1/me/metadata", &[("unsafe_metadata", &big)])).await.refused(422, "form_param_exceeds_allowed_size unsafe_metadata");
        world.unchanged(browser.patch("/v1/me", &[("unsafe_metadata", &big)])).await.refused(422, "form_param_exceeds_allowed_size unsafe_metadata");
        assert!(world.server().get(&format!("/v1/users/{}", ada.id)).await.ok()["unsafe_metadata"] == json!({}));
    }

    async fn a_username_is_taken_in_any_case_and_kept_while_it_is_the_last_identifier(world: World) {
        world.settings(|s| { s.attributes.username = Presence::On; s.attributes.email_address = Presence::On; }).await;
        world.user_with("bob@example.com", json!({ "skip_password_requirement": true, "username": "bob_1" })).await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        world.unchanged(browser.patch("/v1/me", &[("username", "BOB_1")])).await.refused(422, "form_identifier_exists username");
        world.unchanged(browser.patch("/v1/me", &[("username", "a b")])).await.refused(422, "form_username_invalid_length username");
        assert_eq!(browser.patch("/v1/me", &[("username", "Ada_L")]).await.response()["username"], "Ada_L");
        assert_eq!(browser.patch("/v1/me", &[("username", "ada_l")]).await.response()["username"], "ada_l");
        assert_eq!(browser.patch("/v1/me", &[("username", "")]).await.response()["username"], json!(null));
        let server = world.server();
        server.post("/v1/users", json!({ "username": "only_name", "password": PASSWORD, "skip_user_requirement": true })).await.ok();
        let lone = world.browser();
        lone.sign_in_with_password("only_name", PASSWORD).await.ok();
        world.unchanged(lone.patch("/v1/me", &[("username", "")])).await.refused(400, "last_required_identification_deletion_failed");
    }

    async fn attributes_that_are_off_or_demanded_are_held(world: World) {
        world.settings(|s| { s.attributes.last_name = Presence::Off; s.attributes.first_name = Presence::Required; }).await;
        let ada = world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "first_name": "Ada" })).await;
        let browser = world.browser();
        browser.sign_in("ada@example.com").await;
        world.unchanged(browser.patch("/v1/me", &[("last_name", "L")])).await.refused(422, "form_param_unknown last_name");
        world.unchanged(browser.patch("/v1/me", &[("username", "ada_l")])).await.refused(422, "form_param_unknown username");
        world.unchanged(browser.patch("/v1/me", &[("first_name", "")])).await.refused(422, "form_param_nil first_name");
        for field in ["primary_phone_number_id", "primary_web3_wallet_id"] {
            world.unchanged(browser.patch("/v1/me", &[(field, &ada.id)])).await.refused(404, &format!("resource_not_found {field}"));
        }
    }

    async fn an_account_is_deleted_by_its_owner_where_that_is_allowed(world: World) {
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        world.settings(|s| s.delete_self = false).await;
        world.unchanged(browser.delete("/v1/me")).await.refused(403, "user_delete_self_not_enabled");
        world.settings(|s| s.delete_self = true).await;
        world.server().patch(&format!("/v1/users/{}", ada.id), json!({ "delete_self_enabled": false })).await.ok();
        world.unchanged(browser.delete("/v1/me")).await.refused(403, "user_delete_self_not_enabled");
        world.server().patch(&format!("/v1/users/{}", ada.id), json!({ "delete_self_enabled": true })).await.ok();
        let thief = browser.thief();
        let gone = browser.delete("/v1/me").await;
        assert_eq!(gone.response(), json!({ "object": "user", "id": ada.id, "deleted": true }));
        assert_eq!((gone.ok()["client"]["sessions"].clone(), gone.cookie_value("__client_uat")), (json!([]), Some("0")));
        for dead in [&browser, &thief] {
            dead.mint(&session).await.refused(401, "authentication_invalid");
        }
        assert_eq!(thief.client().await, json!(null));
        assert_eq!((world.count("users").await, world.count("email_addresses").await), (0, 0));
    }

    async fn a_password_is_set_and_removed_where_another_way_is_left(world: World) {
        world.settings(|s| { s.attributes.password = Presence::On; s.reverification = false; }).await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        world.unchanged(browser.post("/v1/me/remove_password", &[])).await.refused(400, "no_password_set");
        let set = browser.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.response();
        assert_eq!(set["password_enabled"], true);
        world.unchanged(browser.post("/v1/me/remove_password", &[])).await.refused(422, "form_param_missing current_password");
        world.changes_only(&["users"], browser.post("/v1/me/remove_password", &[("current_password", "wrong horse 9")])).await.refused(422, "form_password_incorrect current_password");
        let removed = browser.post("/v1/me/remove_password", &[("current_password", PASSWORD)]).await.response();
        assert_eq!(removed["password_enabled"], false);
        world.settings(|s| s.attributes.password = Presence::Required).await;
        browser.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        world.unchanged(browser.post("/v1/me/remove_password", &[("current_password", PASSWORD)])).await.refused(400, "password_required");
    }

    async fn guessing_the_present_password_locks_the_account(world: World) {
        world.user("ada@example.com").await;
        let browser = world.browser();
        let session = browser.sign_in("ada@example.com").await;
        for _ in 0..10 {
            browser.post("/v1/me/change_password", &[("current_password", "wrong horse 9"), ("new_password", "a new password 7")]).await.refused(422, "form_password_incorrect current_password");
        }
        browser.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", "a new password 7")]).await.refused(403, "user_locked");
        browser.mint(&session).await.ok();
    }
}
