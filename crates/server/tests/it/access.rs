//! Allow-list, block-list, subaddresses and disposable domains: one policy at every door.
use crate::browser::PASSWORD;
use crate::world::World;
use serde_json::{Value, json};
use usher_server::instances::settings::SignUpMode;

async fn restrict(world: &World, restrictions: Value) -> Value {
    world
        .server()
        .patch("/v1/instance/restrictions", restrictions)
        .await
        .ok()
}

async fn list(world: &World, name: &str, identifier: &str) -> Value {
    world
        .server()
        .post(
            &format!("/v1/{name}list_identifiers"),
            json!({ "identifier": identifier }),
        )
        .await
        .ok()
}

/// The status that a sign-up with an address begins with.
async fn sign_up(world: &World, address: &str) -> u16 {
    world
        .browser()
        .post("/v1/client/sign_ups", &[("email_address", address)])
        .await
        .status
}

both! {
    async fn the_lists_are_kept_read_and_emptied(world: World) {
        let server = world.server();
        let made = list(&world, "allow", " Ada@Example.com ").await;
        assert_eq!(made["object"], "allowlist_identifier");
        assert_eq!(made["identifier"], "ada@example.com");
        assert_eq!(made["identifier_type"], "email_address");
        assert_eq!(made["instance_id"], world.instance().row.id.as_str());
        assert_eq!(made["created_at"], world.now().0);
        assert!(made.get("invitation_id").is_none());
        let id = made["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("alid_"), "{id}");
        world.advance_secs(1);
        assert_eq!(list(&world, "allow", "+1 555 010 0199").await["identifier_type"], "phone_number");
        world.advance_secs(1);
        assert_eq!(list(&world, "allow", "0x52908400098527886E0F7030069857D2E4169EE7").await["identifier_type"], "web3_wallet");
        let blocked = list(&world, "block", "*@Example.org").await;
        assert_eq!((&blocked["object"], &blocked["identifier"]), (&json!("blocklist_identifier"), &json!("*@example.org")));
        assert!(blocked["id"].as_str().unwrap().starts_with("blid_"));
        let all = server.get("/v1/allowlist_identifiers").await.ok();
        assert_eq!(all.as_array().unwrap().len(), 3);
        assert_eq!(all[2], made);
        let page = server.get("/v1/allowlist_identifiers?paginated=true&limit=1&offset=2").await.ok();
        assert_eq!(page, json!({ "data": [made], "total_count": 3 }));
        assert_eq!(server.get("/v1/blocklist_identifiers").await.ok(), json!({ "data": [blocked], "total_count": 1 }));
        let gone = server.delete(&format!("/v1/allowlist_identifiers/{id}")).await.ok();
        assert_eq!(gone, json!({ "object": "allowlist_identifier", "id": id, "deleted": true }));
        world.unchanged(server.delete(&format!("/v1/allowlist_identifiers/{id}"))).await.refused(404, "resource_not_found");
        // An entry of the other list, or of another instance, is not there.
        let id = blocked["id"].as_str().unwrap();
        world.unchanged(server.delete(&format!("/v1/allowlist_identifiers/{id}"))).await.refused(404, "resource_not_found");
        let (_, others, _) = world.other_instance("other").await;
        world.unchanged(others.delete(&format!("/v1/blocklist_identifiers/{id}"))).await.refused(404, "resource_not_found");
        assert_eq!(others.get("/v1/blocklist_identifiers").await.ok()["total_count"], 0);
        server.delete(&format!("/v1/blocklist_identifiers/{id}")).await.ok();
    }

    async fn what_is_no_identifier_or_there_already_is_refused(world: World) {
        let server = world.server();
        for name in ["allow", "block"] {
            let path = format!("/v1/{name}list_identifiers");
            let post = |body: Value| world.unchanged(server.post(&path, body));
            post(json!({})).await.refused(422, "form_param_missing identifier");
            post(json!({ "identifier": "" })).await.refused(422, "form_param_nil identifier");
            post(json!({ "identifier": 7 })).await.refused(422, "form_param_type_invalid identifier");
            post(json!({ "identifier": "a".repeat(321) })).await.refused(422, "form_param_max_length_exceeded identifier");
            post(json!({ "identifier": "a@b.co", "x": 1 })).await.refused(422, "form_param_unknown x");
            for bad in ["ada", "*", "*@", "*@*", "*@*.*.b.co", "@b.co", "b.co", "123", "0x1"] {
                post(json!({ "identifier": bad })).await.refused(422, "form_param_format_invalid identifier");
            }
            list(&world, name, "a@b.co").await;
            post(json!({ "identifier": "A@B.co" })).await.refused(400, "duplicate_record");
        }
        // A blocked address stands for its mailbox, an allowed one for itself.
        world.unchanged(server.post("/v1/blocklist_identifiers", json!({ "identifier": "a+x@b.co" }))).await.refused(400, "duplicate_record");
        list(&world, "allow", "a+x@b.co").await;
        for nobody in ["*@b.co", "+15550100199", "0x52908400098527886e0f7030069857d2e4169ee7"] {
            world.unchanged(server.post("/v1/allowlist_identifiers", json!({ "identifier": nobody, "notify": true }))).await.refused(422, "form_param_value_invalid notify");
        }
        let invited = server.post("/v1/allowlist_identifiers", json!({ "identifier": "d@b.co", "notify": true })).await.ok();
        let invitations = server.get("/v1/invitations").await.ok();
        assert_eq!((&invitations[0]["id"], &invitations[0]["email_address"]), (&invited["invitation_id"], &json!("d@b.co")));
        assert_eq!(world.count("messages").await, 1);
        // Both or neither: who is invited, listed or a user already is not once more.
        world.unchanged(server.post("/v1/allowlist_identifiers", json!({ "identifier": "d@b.co", "notify": true }))).await.refused(400, "duplicate_record email_address");
        world.user_without_password("e@b.co").await;
        world.unchanged(server.post("/v1/allowlist_identifiers", json!({ "identifier": "e@b.co", "notify": true }))).await.refused(422, "form_identifier_exists email_address");
        server.post("/v1/allowlist_identifiers", json!({ "identifier": "c@b.co", "notify": false })).await.ok();
    }

    async fn restrictions_change_one_by_one_and_the_environment_tells(world: World) {
        let all = restrict(&world, json!({})).await;
        assert_eq!(all, json!({
            "object": "instance_restrictions", "allowlist": false, "blocklist": false, "allowlist_blocklist_disabled_on_sign_in": false,
            "block_email_subaddresses": false, "block_disposable_email_domains": false,
        }));
        for name in ["allowlist", "blocklist", "allowlist_blocklist_disabled_on_sign_in", "block_email_subaddresses", "block_disposable_email_domains"] {
            let environment = async || world.browser().get("/v1/environment").await.ok()["user_settings"]["restrictions"][name]["enabled"].clone();
            assert_eq!(environment().await, false);
            assert_eq!(restrict(&world, json!({ name: true })).await[name], true);
            assert_eq!(environment().await, true);
            assert_eq!(restrict(&world, json!({ name: null })).await[name], true);
            world.unchanged(world.server().patch("/v1/instance/restrictions", json!({ name: "maybe" }))).await.refused(422, &format!("form_param_type_invalid {name}"));
        }
        assert_eq!(restrict(&world, json!({ "blocklist": false })).await["allowlist"], true);
        world.unchanged(world.server().patch("/v1/instance/restrictions", json!({ "x": true }))).await.refused(422, "form_param_unknown x");
    }

    async fn an_allowlist_lets_in_who_is_on_it_and_nobody_when_empty(world: World) {
        list(&world, "allow", "ada@example.com").await;
        list(&world, "allow", "*@example.org").await;
        list(&world, "allow", "*@*.example.net").await;
        // Off, it says nothing.
        assert_eq!(sign_up(&world, "eve@example.com").await, 200);
        restrict(&world, json!({ "allowlist": true })).await;
        for allowed in ["ada@example.com", "ADA@example.com", "anyone@example.org", "x@a.example.net", "x@a.b.example.net"] {
            assert_eq!(sign_up(&world, allowed).await, 200, "{allowed}");
        }
        for other in ["eve@example.com", "ada+1@example.com", "x@sub.example.org", "x@example.net", "x@badexample.net"] {
            let refused = world.unchanged(world.browser().post("/v1/client/sign_ups", &[("email_address", other)])).await;
            refused.refused(403, "not_allowed_access");
            assert_eq!(refused.json()["errors"][0]["meta"]["identifiers"], json!([other]));
        }
        world.browser().sign_up("ada@example.com").await;
        for entry in world.server().get("/v1/allowlist_identifiers").await.ok().as_array().unwrap() {
            world.server().delete(&format!("/v1/allowlist_identifiers/{}", entry["id"].as_str().unwrap())).await.ok();
        }
        assert_eq!(sign_up(&world, "bob@example.com").await, 403);
        // By invitation only, the mode decides; the operator's own servers pass.
        world.settings(|s| s.sign_up_mode = SignUpMode::Restricted).await;
        world.browser().post("/v1/client/sign_ups", &[("email_address", "bob@example.com")]).await.refused(403, "sign_up_mode_restricted");
        world.settings(|s| s.sign_up_mode = SignUpMode::Waitlist).await;
        world.browser().post("/v1/client/sign_ups", &[("email_address", "bob@example.com")]).await.refused(403, "sign_up_restricted_waitlist");
        world.settings(|s| s.sign_up_mode = SignUpMode::Public).await;
        world.user_without_password("bob@example.com").await;
    }

    async fn a_blocklist_keeps_out_mailboxes_domains_and_subdomains(world: World) {
        list(&world, "block", "eve@gmail.com").await;
        list(&world, "block", "mal@example.com").await;
        list(&world, "block", "*@example.org").await;
        list(&world, "block", "*@*.example.net").await;
        list(&world, "block", "john*@example.com").await;
        assert_eq!(sign_up(&world, "mal@example.com").await, 200);
        restrict(&world, json!({ "blocklist": true })).await;
        let blocked = [
            "eve@gmail.com", "E.v.e@gmail.com", "eve+x@googlemail.com", "mal@example.com", "mal+tag@example.com", "MAL=tag@example.com",
            "anyone@example.org", "x@a.example.net", "x@1.2.3.4.5.6.7.8.example.net", "john*@example.com",
        ];
        for address in blocked {
            world.unchanged(world.browser().post("/v1/client/sign_ups", &[("email_address", address)])).await.refused(403, "not_allowed_access");
        }
        for address in ["eve2@gmail.com", "m.al@example.com", "x@sub.example.org", "x@example.net", "johnny@example.com"] {
            assert_eq!(sign_up(&world, address).await, 200, "{address}");
        }
        // Where both are on, the allow-list decides alone.
        list(&world, "allow", "mal@example.com").await;
        restrict(&world, json!({ "allowlist": true })).await;
        assert_eq!(sign_up(&world, "mal@example.com").await, 200);
        assert_eq!(sign_up(&world, "johnny@example.com").await, 403);
    }

    async fn every_door_asks_the_policy(world: World) {
        world.settings(|s| s.single_session_mode = false).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let pending = world.browser();
        let sign_up_id = pending.pending_sign_up("late@example.org").await;
        let changing = world.browser();
        let changing_id = changing.start_sign_up(&[("email_address", "ok@example.com")]).await;
        world.user_with("bob@example.org", json!({ "password": PASSWORD })).await;
        list(&world, "block", "*@example.org").await;
        restrict(&world, json!({ "blocklist": true })).await;
        // A further address.
        world.unchanged(ada.post("/v1/me/email_addresses", &[("email_address", "ada@example.org")])).await.refused(403, "not_allowed_access");
        ada.post("/v1/me/email_addresses", &[("email_address", "ada@example.net")]).await.ok();
        // A sign-up that changes its address, and one that began before.
        world.unchanged(changing.patch(&format!("/v1/client/sign_ups/{changing_id}"), &[("email_address", "x@example.org")])).await.refused(403, "not_allowed_access");
        let code = world.code("late@example.org").await;
        world.unchanged(pending.attempt_sign_up(&sign_up_id, &code)).await.refused(403, "not_allowed_access");
        // Sign-in, whether or not somebody has the address.
        for address in ["bob@example.org", "nobody@example.org"] {
            world.unchanged(world.browser().post("/v1/client/sign_ins", &[("identifier", address)])).await.refused(403, "not_allowed_access");
        }
        world.browser().sign_in_with_password("bob@example.org", PASSWORD).await.refused(403, "not_allowed_access");
        restrict(&world, json!({ "allowlist_blocklist_disabled_on_sign_in": true })).await;
        assert_eq!(world.browser().sign_in_with_password("bob@example.org", PASSWORD).await.response()["status"], "complete");
        assert_eq!(sign_up(&world, "new@example.org").await, 403);
        // The operator's servers pass.
        world.user_without_password("cat@example.org").await;
    }

    async fn a_username_is_no_way_around(world: World) {
        world.settings(|s| {
            s.attributes.username = usher_server::instances::settings::Presence::On;
            s.attributes.email_address = usher_server::instances::settings::Presence::On;
        }).await;
        world.user_with("bob@example.org", json!({ "password": PASSWORD, "username": "bobby" })).await;
        list(&world, "block", "bob@example.org").await;
        restrict(&world, json!({ "blocklist": true })).await;
        world.browser().sign_in_with_password("bobby", PASSWORD).await.refused(403, "not_allowed_access");
        assert_eq!(world.count("sessions").await, 0);
        restrict(&world, json!({ "allowlist": true })).await;
        let browser = world.browser();
        browser.post("/v1/client/sign_ups", &[("username", "someone"), ("password", PASSWORD)]).await.refused(403, "not_allowed_access");
        assert_eq!(world.count("users").await, 1);
    }

    async fn a_sign_in_turns_into_no_sign_up_where_not_everybody_may(world: World) {
        let ask = || world.browser().request("POST", "/v1/client/sign_ins").form(&[("identifier", "new@example.com"), ("strategy", "email_code"), ("sign_up_if_missing", "true")]).send();
        ask().await.ok();
        assert_eq!(world.codes("new@example.com").await.len(), 1);
        for mode in [SignUpMode::Restricted, SignUpMode::Waitlist] {
            world.settings(|s| s.sign_up_mode = mode).await;
            world.unchanged(ask()).await.refused(422, "form_identifier_not_found identifier");
            world.settings(|s| s.enumeration_protection = true).await;
            ask().await.ok();
            world.settings(|s| s.enumeration_protection = false).await;
        }
        assert_eq!(world.codes("new@example.com").await.len(), 1);
    }

    async fn subaddresses_and_disposable_domains_are_refused_to_those_who_join(world: World) {
        let (ada, _, _) = world.signed_in("ada+old@example.com").await;
        for address in ["bob+1@example.com", "x@mailinator.com"] {
            assert_eq!(sign_up(&world, address).await, 200);
        }
        restrict(&world, json!({ "block_email_subaddresses": true, "block_disposable_email_domains": true })).await;
        for address in ["bob+1@example.com", "bob=1@example.com", "bob#1@example.com", "x@mailinator.com", "x@a.b.MAILINATOR.com", "x@yopmail.com"] {
            let door = world.browser();
            world.unchanged(door.post("/v1/client/sign_ups", &[("email_address", address)])).await.refused(403, "form_email_address_blocked email_address");
            world.unchanged(ada.post("/v1/me/email_addresses", &[("email_address", address)])).await.refused(403, "form_email_address_blocked email_address");
        }
        // Test identities are subaddresses; who is a user already stays one.
        for address in ["bob@example.com", "bob+clerk_test@example.com", "x@notmailinator.com"] {
            assert_eq!(sign_up(&world, address).await, 200, "{address}");
        }
        // Two codes of one instant have no order.
        world.advance_secs(1);
        world.browser().sign_in("ada+old@example.com").await;
    }
}
