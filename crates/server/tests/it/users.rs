//! Users, as the operator's server sees and changes them (contract bapi §2.1, §3).
use crate::browser::PASSWORD;
use serde_json::{Value, json};
use usher_server::instances::settings::Presence;

/// A request without a password, on an instance that demands one.
fn plain(address: &str, more: Value) -> Value {
    let mut body = json!({ "email_address": [address], "skip_password_requirement": true });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

both! {
    async fn a_user_is_made_with_everything_and_read_back(world: World) {
        world.settings(|s| s.attributes.username = Presence::On).await;
        let server = world.server();
        let body = json!({
            "email_address": ["Ada@Example.com", "second@example.com"], "email_address_identification_status": ["verified", "reserved"], "username": "Ada_L", "first_name": "Ada", "last_name": "L\u{f6}velace", "external_id": "ext-1", "password": PASSWORD,
            "public_metadata": { "a": 1 }, "private_metadata": { "b": [true, null] }, "unsafe_metadata": { "c": { "d": "\u{1f642}" } }, "created_at": "2020-01-01T00:00:00Z", "locale": "de-DE",
            "delete_self_enabled": false, "create_organization_enabled": false, "create_organizations_limit": 3, "legal_accepted_at": "2021-01-01T00:00:00.5Z",
        });
        let made = server.post("/v1/users", body).await.ok();
        assert_eq!(made["object"], "user");
        assert!(made["id"].as_str().unwrap().starts_with("user_"));
        for (field, value) in [
            ("username", json!("Ada_L")), ("first_name", json!("Ada")), ("last_name", json!("L\u{f6}velace")), ("external_id", json!("ext-1")), ("password_enabled", json!(true)), ("public_metadata", json!({ "a": 1 })),
            ("private_metadata", json!({ "b": [true, null] })), ("unsafe_metadata", json!({ "c": { "d": "\u{1f642}" } })), ("created_at", json!(1_577_836_800_000_i64)), ("updated_at", json!(world.now().0)), ("delete_self_enabled", json!(false)),
            ("create_organization_enabled", json!(false)), ("create_organizations_limit", json!(3)), ("legal_accepted_at", json!(1_609_459_200_500_i64)), ("banned", json!(false)), ("locked", json!(false)), ("two_factor_enabled", json!(false)), ("last_sign_in_at", json!(null)), ("locale", json!("de-DE")),
        ] {
            assert_eq!(made[field], value, "{field}");
        }
        let addresses = made["email_addresses"].as_array().unwrap();
        assert_eq!((&addresses[0]["email_address"], &addresses[0]["verification"]["status"], &addresses[0]["verification"]["strategy"]), (&json!("ada@example.com"), &json!("verified"), &json!("admin")));
        assert_eq!((&addresses[1]["reserved"], &addresses[1]["verification"]), (&json!(true), &json!(null)));
        assert_eq!(made["primary_email_address_id"], addresses[0]["id"]);
        assert_eq!(server.get(&format!("/v1/users/{}", made["id"].as_str().unwrap())).await.ok(), made);
    }

    async fn what_an_instance_demands_is_demanded_here_too_unless_waived(world: World) {
        let server = world.server();
        world.unchanged(server.post("/v1/users", json!({}))).await.refused(422, "form_data_missing email_address");
        world.unchanged(server.post("/v1/users", json!({ "email_address": ["a@example.com"] }))).await.refused(422, "form_data_missing password");
        world.unchanged(server.post("/v1/users", json!({ "password": PASSWORD }))).await.refused(422, "form_data_missing email_address");
        world.unchanged(server.post("/v1/users", json!({ "skip_user_requirement": true, "skip_password_requirement": true }))).await.refused(422, "form_data_missing email_address");
        server.post("/v1/users", plain("a@example.com", json!({}))).await.ok();
    }

    async fn refusals_of_a_new_user_name_their_field(world: World) {
        let server = world.server();
        server.post("/v1/users", plain("taken@example.com", json!({ "external_id": "ext-1" }))).await.ok();
        let cases = [
            (plain("TAKEN@example.com", json!({})), "form_identifier_exists email_address"),
            (plain("a@example.com", json!({ "external_id": "ext-1" })), "form_identifier_exists external_id"),
            (plain("nonsense", json!({})), "form_param_format_invalid email_address"),
            (plain("a@example.com", json!({ "email_address": ["a@example.com", "A@example.com"] })), "form_param_duplicate email_address"),
            (plain("a@example.com", json!({ "email_address_identification_status": [] , "created_at": "2999-01-01T00:00:00Z" })), "form_disallow_future_date created_at"),
            (plain("a@example.com", json!({ "created_at": "yesterday" })), "form_param_invalid_date created_at"),
            (plain("a@example.com", json!({ "email_address_identification_status": ["verified", "verified"] })), "form_param_array_length_mismatch email_address_identification_status"),
            (plain("a@example.com", json!({ "email_address_identification_status": ["maybe"] })), "form_param_value_invalid email_address_identification_status"),
            (plain("a@example.com", json!({ "username": "ada_l" })), "form_param_unknown username"),
            (plain("a@example.com", json!({ "phone_number": ["+1"] })), "form_param_unknown phone_number"),
            (plain("a@example.com", json!({ "password_hasher": "md5" })), "form_conditional_param_missing password_digest"),
            (plain("a@example.com", json!({ "password_digest": "x" })), "form_conditional_param_missing password_hasher"),
            (plain("a@example.com", json!({ "password_digest": "x", "password_hasher": "md5", "password": PASSWORD })), "form_conditional_param_disallowed password_digest"),
            (plain("a@example.com", json!({ "public_metadata": { "a": "x".repeat(5000) }, "private_metadata": { "a": "x".repeat(5000) } })), "form_param_exceeds_allowed_size public_metadata"),
        ];
        for (body, code) in cases {
            world.unchanged(server.post("/v1/users", body)).await.refused(422, code);
        }
        world.unchanged(server.post("/v1/users", plain("a@example.com", json!({ "totp_secret": "x" })))).await.refused(400, "totp_disabled totp_secret");
    }

    async fn an_update_changes_what_was_sent_and_null_clears(world: World) {
        let ada = world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "first_name": "Ada", "last_name": "L", "external_id": "ext-1" })).await;
        let server = world.server();
        let path = format!("/v1/users/{}", ada.id);
        world.advance_secs(1);
        let changed = server.patch(&path, json!({ "first_name": "Grace", "external_id": null })).await.ok();
        assert_eq!((&changed["first_name"], &changed["last_name"], &changed["external_id"]), (&json!("Grace"), &json!("L"), &json!(null)));
        assert_eq!(changed["updated_at"], world.now().0);
        let cleared = server.patch(&path, json!({ "last_name": "" })).await.ok();
        assert_eq!((&cleared["last_name"], &cleared["first_name"]), (&json!(null), &json!("Grace")));
        let second = server.post("/v1/email_addresses", json!({ "user_id": ada.id, "email_address": "b@example.com", "verified": true })).await.ok();
        let moved = server.patch(&path, json!({ "primary_email_address_id": second["id"] })).await.ok();
        assert_eq!(moved["primary_email_address_id"], second["id"]);
        let unverified = server.post("/v1/email_addresses", json!({ "user_id": ada.id, "email_address": "c@example.com" })).await.ok();
        world.unchanged(server.patch(&path, json!({ "primary_email_address_id": unverified["id"] }))).await.refused(422, "form_param_value_invalid primary_email_address_id");
        world.unchanged(server.patch(&path, json!({ "primary_email_address_id": "idn_x" }))).await.refused(404, "resource_not_found primary_email_address_id");
        world.unchanged(server.patch(&path, json!({ "skip_password_checks": true }))).await.refused(422, "form_conditional_param_missing password");
        world.unchanged(server.patch(&path, json!({ "profile_image_id": "x" }))).await.refused(404, "resource_not_found profile_image_id");
    }

    async fn metadata_is_merged_replaced_and_bounded(world: World) {
        let ada = world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "public_metadata": { "a": { "b": 1, "c": 2 }, "d": [1], "e": 1 } })).await;
        let server = world.server();
        let path = format!("/v1/users/{}/metadata", ada.id);
        let merged = server.patch(&path, json!({ "public_metadata": { "a": { "b": null, "f": {} }, "d": [2, 3], "e": null }, "private_metadata": { "x": { "y": null } } })).await.ok();
        assert_eq!(merged["public_metadata"], json!({ "a": { "c": 2, "f": {} }, "d": [2, 3] }));
        assert_eq!(merged["private_metadata"], json!({ "x": {} }));
        let replaced = server.put(&path, json!({ "public_metadata": { "z": 1 } })).await.ok();
        assert_eq!((&replaced["public_metadata"], &replaced["private_metadata"]), (&json!({ "z": 1 }), &json!({ "x": {} })));
        world.unchanged(server.patch(&path, json!({ "public_metadata": { "a": "x".repeat(4100) }, "unsafe_metadata": { "a": "x".repeat(4100) } }))).await.refused(422, "form_param_exceeds_allowed_size public_metadata");
        server.patch(&path, json!({ "public_metadata": { "a": "x".repeat(4100) } })).await.ok();
        world.unchanged(server.patch(&path, json!({ "unsafe_metadata": { "a": "x".repeat(4100) } }))).await.refused(422, "form_param_exceeds_allowed_size unsafe_metadata");
        let user = format!("/v1/users/{}", ada.id);
        world.unchanged(server.patch(&user, json!({ "public_metadata": {} }))).await.refused(422, "form_param_unknown public_metadata");
        let old = server.header("clerk-api-version", "2025-11-10").patch(&user, json!({ "public_metadata": { "old": 1 } })).await.ok();
        assert_eq!(old["public_metadata"], json!({ "old": 1 }));
    }

    async fn a_ban_and_a_lock_are_shown_and_taken_back(world: World) {
        let ada = world.user("ada@example.com").await;
        let server = world.server();
        let decide = async |word: &str| server.post(&format!("/v1/users/{}/{word}", ada.id), json!({})).await.ok();
        assert_eq!(decide("ban").await["banned"], true);
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.refused(403, "user_banned");
        assert_eq!(decide("unban").await["banned"], false);
        let locked = decide("lock").await;
        assert_eq!((&locked["locked"], &locked["lockout_expires_in_seconds"]), (&json!(true), &json!(3600)));
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.refused(403, "user_locked");
        let unlocked = decide("unlock").await;
        assert_eq!((&unlocked["locked"], &unlocked["lockout_expires_in_seconds"]), (&json!(false), &json!(null)));
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.ok();
    }

    async fn users_are_banned_in_bulk_all_or_none(world: World) {
        let (ada, bob) = (world.user_without_password("ada@example.com").await.id, world.user_without_password("bob@example.com").await.id);
        let server = world.server();
        world.unchanged(server.post("/v1/users/ban", json!({ "user_ids": [ada, "user_x"] }))).await.refused(404, "resource_not_found");
        world.unchanged(server.post("/v1/users/ban", json!({ "user_ids": [] }))).await.refused(422, "form_param_nil user_ids");
        let many: Vec<String> = (0..51).map(|i| format!("user_{i}")).collect();
        world.unchanged(server.post("/v1/users/ban", json!({ "user_ids": many }))).await.refused(400, "bulk_size_exceeded user_ids");
        let banned = server.post("/v1/users/ban", json!({ "user_ids": [bob, ada] })).await.ok();
        assert_eq!((&banned[0]["id"], &banned[1]["id"]), (&json!(bob), &json!(ada)));
        assert!(banned.as_array().unwrap().iter().all(|u| u["banned"] == true));
        let freed = server.post("/v1/users/unban", json!({ "user_ids": [ada] })).await.ok();
        assert_eq!(freed[0]["banned"], false);
        assert_eq!(server.get("/v1/users?banned=true").await.ok()[0]["id"], json!(bob));
    }

    async fn a_password_is_checked_for_the_operator_without_a_session(world: World) {
        let ada = world.user("ada@example.com").await;
        let server = world.server();
        let path = format!("/v1/users/{}/verify_password", ada.id);
        assert_eq!(world.unchanged(server.post(&path, json!({ "password": PASSWORD }))).await.ok(), json!({ "verified": true }));
        world.unchanged(server.post(&path, json!({ "password": "wrong horse 9" }))).await.refused(422, "incorrect_password password");
        let bob = world.user_without_password("bob@example.com").await;
        world.unchanged(server.post(&format!("/v1/users/{}/verify_password", bob.id), json!({ "password": "x" }))).await.refused(400, "no_password_set");
        let removed = server.post(&format!("/v1/users/{}/remove_password", ada.id), json!({})).await.ok();
        assert_eq!(removed["password_enabled"], false);
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.refused(400, "strategy_for_user_invalid");
    }

    async fn a_new_password_by_the_operator_signs_out_where_asked(world: World) {
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        let path = format!("/v1/users/{}", ada.id);
        world.server().patch(&path, json!({ "password": PASSWORD })).await.ok();
        browser.mint(&session).await.ok();
        world.server().patch(&path, json!({ "password": "another password 7", "sign_out_of_other_sessions": true })).await.ok();
        browser.mint(&session).await.refused(401, "authentication_invalid");
    }

    async fn a_deleted_user_leaves_nothing_behind(world: World) {
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        let server = world.server();
        let path = format!("/v1/users/{}", ada.id);
        server.patch(&path, json!({ "external_id": "ext-1" })).await.ok();
        assert_eq!(server.delete(&path).await.ok(), json!({ "object": "user", "id": ada.id, "deleted": true, "external_id": "ext-1" }));
        world.unchanged(server.delete(&path)).await.refused(404, "resource_not_found");
        server.get(&path).await.refused(404, "resource_not_found");
        server.get(&format!("/v1/sessions/{session}")).await.refused(404, "resource_not_found");
        browser.mint(&session).await.refused(401, "authentication_invalid");
        assert_eq!((world.count("users").await, world.count("sessions").await, world.count("email_addresses").await), (0, 0, 0));
        world.browser().post("/v1/client/sign_ins", &[("identifier", "ada@example.com")]).await.refused(422, "form_identifier_not_found identifier");
        world.user_without_password("ada@example.com").await;
    }

    async fn every_decision_about_nobody_is_a_404(world: World) {
        let server = world.server();
        for tail in ["", "/ban", "/unban", "/lock", "/unlock", "/remove_password", "/password/set_compromised", "/password/unset_compromised"] {
            let path = format!("/v1/users/user_2abcdefghijklmnopqrstuvwxyz{tail}");
            let answer = if tail.is_empty() { server.patch(&path, json!({})).await } else { server.post(&path, json!({})).await };
            answer.refused(404, "resource_not_found");
        }
    }
}
