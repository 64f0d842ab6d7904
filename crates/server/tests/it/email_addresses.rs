//! Email addresses, by the operator (contract bapi §2.2) and by their owner (contract fapi §8.4).
use serde_json::json;

both! {
    async fn an_operator_adds_verifies_promotes_and_removes_addresses(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        let added = server.post("/v1/email_addresses", json!({ "user_id": ada.id, "email_address": "Second@Example.com" })).await.ok();
        let id = added["id"].as_str().unwrap();
        assert_eq!((&added["object"], &added["email_address"], &added["verification"], &added["reserved"]), (&json!("email_address"), &json!("second@example.com"), &json!(null), &json!(false)));
        let path = format!("/v1/email_addresses/{id}");
        world.unchanged(server.patch(&path, json!({ "primary": true }))).await.refused(400, "identification_update_failed primary");
        let verified = server.patch(&path, json!({ "verified": true, "primary": true })).await.ok();
        assert_eq!(verified["verification"]["status"], "verified");
        let user = server.get(&format!("/v1/users/{}", ada.id)).await.ok();
        assert_eq!(user["primary_email_address_id"], id);
        assert_eq!(server.get(&path).await.ok()["id"], id);
        world.browser().sign_in("second@example.com").await;
        assert_eq!(server.delete(&path).await.ok(), json!({ "object": "email_address", "id": id, "deleted": true }));
        assert_eq!(server.get(&format!("/v1/users/{}", ada.id)).await.ok()["primary_email_address_id"], ada.email_id.as_str());
        world.unchanged(server.delete(&format!("/v1/email_addresses/{}", ada.email_id))).await.refused(400, "last_required_identification_deletion_failed");
        world.unchanged(server.get(&path)).await.refused(404, "resource_not_found");
    }

    async fn a_taken_address_is_refused_and_an_unverified_one_takes_nothing(world: World) {
        let (ada, bob) = (world.user_without_password("ada@example.com").await, world.user_without_password("bob@example.com").await);
        let server = world.server();
        let add = async |user: &str, address: &str, verified: bool| server.post("/v1/email_addresses", json!({ "user_id": user, "email_address": address, "verified": verified })).await;
        world.unchanged(add(&ada.id, "BOB@example.com", true)).await.refused(422, "form_identifier_exists email_address");
        world.unchanged(add(&ada.id, "ada@example.com", true)).await.refused(422, "form_identifier_exists email_address");
        world.unchanged(add(&ada.id, "nonsense", true)).await.refused(422, "form_param_format_invalid email_address");
        world.unchanged(add("user_x", "x@example.com", true)).await.refused(404, "resource_not_found");
        let hers = add(&ada.id, "shared@example.com", false).await.ok();
        add(&bob.id, "shared@example.com", true).await.ok();
        world.unchanged(server.patch(&format!("/v1/email_addresses/{}", hers["id"].as_str().unwrap()), json!({ "verified": true }))).await.refused(400, "identification_claimed");
    }

    async fn an_operator_has_an_address_proved_by_a_code(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        let added = server.post("/v1/email_addresses", json!({ "user_id": ada.id, "email_address": "second@example.com" })).await.ok();
        let path = format!("/v1/email_addresses/{}", added["id"].as_str().unwrap());
        let prepared = server.post(&format!("{path}/prepare_verification"), json!({})).await.ok();
        assert_eq!((&prepared["object"], &prepared["status"], &prepared["strategy"]), (&json!("verification_otp"), &json!("unverified"), &json!("email_code")));
        let verification = prepared["id"].as_str().unwrap();
        world.unchanged(server.post(&format!("{path}/prepare_verification"), json!({}))).await.refused(429, "verification_code_too_many_requests");
        let attempt = async |id: &str, code: &str| server.post(&format!("{path}/attempt_verification"), json!({ "verification_id": id, "code": code })).await;
        let wrong = attempt(verification, "x").await.ok();
        assert_eq!((&wrong["status"], &wrong["attempts"]), (&json!("unverified"), &json!(1)));
        world.unchanged(attempt("ver_x", "x")).await.refused(404, "resource_not_found");
        let code = world.code("second@example.com").await;
        assert_eq!(attempt(verification, &code).await.ok()["status"], "verified");
        world.unchanged(attempt(verification, &code)).await.refused(400, "verification_already_verified");
        assert_eq!(server.get(&path).await.ok()["verification"]["status"], "verified");
        world.unchanged(server.post(&format!("{path}/prepare_verification"), json!({}))).await.refused(400, "verification_already_verified");
    }

    async fn a_reserved_address_is_proved_by_its_user_as_any_other(world: World) {
        world.settings(|s| s.enumeration_protection = true).await;
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        let path = format!("/v1/users/{}/email_address", ada.id);
        let reserved = server.put(&path, json!({ "email_address": "kept@example.com", "identification_status": "reserved" })).await.ok();
        assert_eq!((&reserved["reserved"], &reserved["verification"]), (&json!(true), &json!(null)));
        let path = format!("/v1/email_addresses/{}", reserved["id"].as_str().unwrap());
        let prepared = server.post(&format!("{path}/prepare_verification"), json!({})).await.ok();
        let code = world.code("kept@example.com").await;
        let attempt = json!({ "verification_id": prepared["id"], "code": code });
        assert_eq!(server.post(&format!("{path}/attempt_verification"), attempt).await.ok()["status"], "verified");
        let proved = server.get(&path).await.ok();
        assert_eq!((&proved["reserved"], &proved["verification"]["strategy"]), (&json!(false), &json!("email_code")));
    }

    async fn a_code_for_one_address_proves_no_other(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        let mut paths = Vec::new();
        for address in ["second@example.com", "third@example.com"] {
            let added = server.post("/v1/email_addresses", json!({ "user_id": ada.id, "email_address": address })).await.ok();
            let path = format!("/v1/email_addresses/{}", added["id"].as_str().unwrap());
            let prepared = server.post(&format!("{path}/prepare_verification"), json!({})).await.ok();
            paths.push((path, prepared["id"].as_str().unwrap().to_owned(), world.code(address).await));
        }
        let path = format!("{}/attempt_verification", paths[1].0);
        let crossed = server.post(&path, json!({ "verification_id": paths[0].1, "code": paths[0].2 }));
        world.unchanged(crossed).await.refused(404, "resource_not_found");
        if paths[0].2 != paths[1].2 {
            let other = server.post(&format!("{}/attempt_verification", paths[1].0), json!({ "verification_id": paths[1].1, "code": paths[0].2 })).await.ok();
            assert_eq!(other["status"], "unverified");
        }
    }

    async fn replacing_leaves_one_address(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let bob = world.user_without_password("bob@example.com").await;
        let server = world.server();
        server.post("/v1/email_addresses", json!({ "user_id": ada.id, "email_address": "second@example.com", "verified": true })).await.ok();
        let path = format!("/v1/users/{}/email_address", ada.id);
        world.unchanged(server.put(&path, json!({ "email_address": "bob@example.com" }))).await.refused(422, "form_identifier_exists email_address");
        world.unchanged(server.put(&path, json!({ "email_address": "new@example.com", "identification_status": "maybe" }))).await.refused(422, "form_param_value_invalid identification_status");
        server.put(&path, json!({ "email_address": "new@example.com" })).await.ok();
        let user = server.get(&format!("/v1/users/{}", ada.id)).await.ok();
        let addresses = user["email_addresses"].as_array().unwrap();
        assert_eq!((addresses.len(), &addresses[0]["email_address"], &user["primary_email_address_id"]), (1, &json!("new@example.com"), &addresses[0]["id"]));
        server.put(&format!("/v1/users/{}/email_address", bob.id), json!({ "email_address": "ada@example.com" })).await.ok();
        world.browser().post("/v1/client/sign_ins", &[("identifier", "second@example.com")]).await.refused(422, "form_identifier_not_found identifier");
    }

    async fn the_owner_adds_proves_promotes_and_removes_an_address(world: World) {
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        world.advance_secs(31);
        let added = browser.post("/v1/me/email_addresses", &[("email_address", "Second@Example.com")]).await.response();
        let id = added["id"].as_str().unwrap();
        assert_eq!((&added["email_address"], &added["verification"]), (&json!("second@example.com"), &json!(null)));
        let path = format!("/v1/me/email_addresses/{id}");
        world.unchanged(browser.patch("/v1/me", &[("primary_email_address_id", id)])).await.refused(404, "resource_not_found primary_email_address_id");
        world.unchanged(browser.post(&format!("{path}/attempt_verification"), &[("code", "1")])).await.refused(400, "verification_missing");
        world.unchanged(browser.post(&format!("{path}/prepare_verification"), &[("strategy", "email_link")])).await.refused(400, "verification_strategy_invalid strategy");
        let prepared = browser.post(&format!("{path}/prepare_verification"), &[("strategy", "email_code")]).await.response();
        assert_eq!(prepared["verification"]["status"], "unverified");
        world.changes_only(&["verifications"], browser.post(&format!("{path}/attempt_verification"), &[("code", "x")])).await.refused(422, "form_code_incorrect code");
        let verified = browser.post(&format!("{path}/attempt_verification"), &[("code", &world.code("second@example.com").await)]).await.response();
        assert_eq!(verified["verification"]["status"], "verified");
        let me = browser.patch("/v1/me", &[("primary_email_address_id", id)]).await.response();
        assert_eq!(me["primary_email_address_id"], id);
        let gone = browser.delete(&format!("/v1/me/email_addresses/{}", ada.email_id)).await.ok();
        assert_eq!(gone["response"], json!({ "object": "email_address", "id": ada.email_id, "deleted": true }));
        assert_eq!(gone["client"]["sessions"][0]["user"]["email_addresses"].as_array().unwrap().len(), 1);
        world.unchanged(browser.delete(&path)).await.refused(400, "last_required_identification_deletion_failed");
    }

    async fn the_owner_cannot_take_somebodys_address(world: World) {
        world.user_without_password("victim@example.com").await;
        let (browser, _, _) = world.signed_in("eve@example.com").await;
        world.unchanged(browser.post("/v1/me/email_addresses", &[("email_address", "VICTIM@example.com")])).await.refused(422, "form_identifier_exists email_address");
        let added = browser.post("/v1/me/email_addresses", &[("email_address", "later@example.com")]).await.response();
        let path = format!("/v1/me/email_addresses/{}", added["id"].as_str().unwrap());
        browser.post(&format!("{path}/prepare_verification"), &[("strategy", "email_code")]).await.ok();
        let code = world.code("later@example.com").await;
        world.user_without_password("later@example.com").await;
        browser.post(&format!("{path}/attempt_verification"), &[("code", &code)]).await.refused(400, "identification_claimed");
        assert_eq!(world.rows("SELECT id FROM email_addresses WHERE email_normal = 'later@example.com' AND claimed", &[]).await.len(), 1);
    }

    async fn five_wrong_codes_and_ten_minutes_end_an_owners_code(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let added = browser.post("/v1/me/email_addresses", &[("email_address", "second@example.com")]).await.response();
        let path = format!("/v1/me/email_addresses/{}", added["id"].as_str().unwrap());
        browser.post(&format!("{path}/prepare_verification"), &[("strategy", "email_code")]).await.ok();
        let code = world.code("second@example.com").await;
        for _ in 0..4 {
            browser.post(&format!("{path}/attempt_verification"), &[("code", "x")]).await.refused(422, "form_code_incorrect code");
        }
        browser.post(&format!("{path}/attempt_verification"), &[("code", "x")]).await.well_formed_refusal();
        world.unchanged(browser.post(&format!("{path}/attempt_verification"), &[("code", &code)])).await.refused(400, "verification_failed");
        world.advance_secs(31);
        browser.post(&format!("{path}/prepare_verification"), &[("strategy", "email_code")]).await.ok();
        let late = world.code("second@example.com").await;
        world.advance_minutes(11);
        world.unchanged(browser.post(&format!("{path}/attempt_verification"), &[("code", &late)])).await.refused(400, "verification_expired");
    }

    async fn a_user_has_twenty_addresses_at_most(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        for i in 0..19 {
            browser.post("/v1/me/email_addresses", &[("email_address", &format!("a{i}@example.com"))]).await.ok();
        }
        let refused = world.unchanged(browser.post("/v1/me/email_addresses", &[("email_address", "one-too-many@example.com")])).await;
        assert_eq!(refused.codes(), ["quota_exceeded"]);
        refused.well_formed_refusal();
    }
}
