//! Organizations as the operator's servers see them, and what they may never become (contract bapi §2.5, §2.6, §2.9).
use crate::organizations::{create, member, on};
use crate::tickets::redeem;
use crate::world::World;
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<&str> {
    let all = list["data"].as_array().unwrap().iter();
    all.map(|o| o["name"].as_str().unwrap()).collect()
}

async fn made(world: &World, body: Value) -> Value {
    let answer = world.server().post("/v1/organizations", body).await;
    world.advance_secs(1);
    answer.ok()
}

both! {
    async fn a_server_creates_finds_changes_and_deletes(world: World) {
        on(&world).await;
        let server = world.server();
        let ada = world.user_without_password("ada@example.com").await;
        let acme = made(&world, json!({ "name": "Acme", "slug": "acme", "created_by": ada.id, "public_metadata": { "a": 1 }, "private_metadata": { "b": 2 }, "max_allowed_memberships": 0 })).await;
        assert_eq!((&acme["created_by"], &acme["public_metadata"], &acme["private_metadata"], &acme["max_allowed_memberships"]), (&json!(ada.id), &json!({ "a": 1 }), &json!({ "b": 2 }), &json!(0)));
        assert!(acme.get("members_count").is_none());
        let empty = made(&world, json!({ "name": "Empty Inc." })).await;
        assert!(empty["slug"].as_str().unwrap().starts_with("empty-inc-") && empty.get("created_by").is_none());
        let id = acme["id"].as_str().unwrap();
        for name in [id, "acme"] {
            let shown = server.get(&format!("/v1/organizations/{name}?include_members_count=true&include_missing_member_with_elevated_permissions=true")).await.ok();
            assert_eq!((&shown["id"], &shown["members_count"], &shown["missing_member_with_elevated_permissions"]), (&acme["id"], &json!(1), &json!(false)));
        }
        for unknown in ["org_x", "x", "ACME"] {
            world.unchanged(server.get(&format!("/v1/organizations/{unknown}"))).await.refused(404, "resource_not_found");
        }
        for (query, expected) in [
            ("", vec!["Empty Inc.", "Acme"]), ("order_by=name", vec!["Acme", "Empty Inc."]), ("order_by=-members_count", vec!["Acme", "Empty Inc."]),
            ("query=EMP", vec!["Empty Inc."]), ("query=acme", vec!["Acme"]), (&format!("query={id}"), vec!["Acme"]), ("query=%25", vec![]), ("limit=1&offset=1", vec!["Acme"]),
            (&format!("user_id={}", ada.id), vec!["Acme"]), (&format!("user_id=-{}", ada.id), vec!["Empty Inc."]), (&format!("organization_id=-{id}"), vec!["Empty Inc."]),
        ] {
            assert_eq!(names(&server.get(&format!("/v1/organizations?{query}")).await.ok()), expected, "{query}");
        }
        assert_eq!(server.get("/v1/organizations?limit=1").await.ok()["total_count"], 2);
        server.get("/v1/organizations?order_by=slug").await.refused(422, "form_param_value_invalid order_by");
        let path = format!("/v1/organizations/{id}");
        let set = server.patch(&path, json!({ "name": "Acme 2", "slug": "acme-2", "max_allowed_memberships": 9, "admin_delete_enabled": false })).await.ok();
        assert_eq!((&set["name"], &set["slug"], &set["max_allowed_memberships"], &set["admin_delete_enabled"], &set["updated_at"]), (&json!("Acme 2"), &json!("acme-2"), &json!(9), &json!(false), &json!(world.now().0)));
        world.unchanged(server.patch(&path, json!({ "name": "Acme 2" }))).await.ok();
        let merged = server.patch(&format!("{path}/metadata"), json!({ "public_metadata": { "a": null, "c": 3 } })).await.ok();
        assert_eq!((&merged["public_metadata"], &merged["private_metadata"]), (&json!({ "c": 3 }), &json!({ "b": 2 })));
        let replaced = server.put(&format!("{path}/metadata"), json!({ "private_metadata": { "d": 4 } })).await.ok();
        assert_eq!((&replaced["public_metadata"], &replaced["private_metadata"]), (&json!({ "c": 3 }), &json!({ "d": 4 })));
        assert_eq!(server.delete(&path).await.ok(), json!({ "object": "organization", "id": id, "deleted": true }));
        world.unchanged(server.delete(&path)).await.refused(404, "resource_not_found");
        assert_eq!(world.count("organization_memberships").await, 0);
    }

    async fn bad_names_slugs_and_creators_are_refused_by_name(world: World) {
        on(&world).await;
        let server = world.server();
        made(&world, json!({ "name": "Acme", "slug": "acme" })).await;
        for (body, status, code) in [
            (json!({}), 422, "form_param_missing name"),
            (json!({ "name": "" }), 422, "form_param_nil name"),
            (json!({ "name": "x".repeat(257) }), 422, "form_param_max_length_exceeded name"),
            (json!({ "name": "<b>" }), 422, "form_param_format_invalid name"),
            (json!({ "name": "https://evil.example" }), 422, "form_param_format_invalid name"),
            (json!({ "name": "A", "slug": "A B" }), 422, "form_param_format_invalid slug"),
            (json!({ "name": "A", "slug": "acme" }), 400, "duplicate_record slug"),
            (json!({ "name": "A", "created_by": "user_x" }), 400, "organization_creator_not_found created_by"),
            (json!({ "name": "A", "created_by": "x" }), 400, "organization_creator_not_found created_by"),
            (json!({ "name": "A", "max_allowed_memberships": -1 }), 422, "form_param_value_invalid max_allowed_memberships"),
            (json!({ "name": "A", "role_set_key": "x" }), 422, "form_param_unknown role_set_key"),
            (json!({ "name": "A", "public_metadata": { "a": "x".repeat(8190) } }), 422, "form_param_exceeds_allowed_size public_metadata"),
        ] {
            world.unchanged(server.post("/v1/organizations", body)).await.refused(status, code);
        }
        world.settings(|s| s.organizations.slug_disabled = true).await;
        world.unchanged(server.post("/v1/organizations", json!({ "name": "A", "slug": "free" }))).await.refused(403, "organization_slugs_disabled slug");
        made(&world, json!({ "name": "A" })).await;
    }

    async fn members_are_listed_filtered_and_changed_by_servers(world: World) {
        on(&world).await;
        let server = world.server();
        let ada = world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "first_name": "Zoe" })).await;
        let bob = world.user_with("bob@example.com", json!({ "skip_password_requirement": true, "first_name": "Bob" })).await;
        let acme = made(&world, json!({ "name": "Acme", "created_by": ada.id })).await;
        let other = made(&world, json!({ "name": "Other", "created_by": bob.id })).await;
        let path = format!("/v1/organizations/{}/memberships", acme["id"].as_str().unwrap());
        let added = server.post(&path, json!({ "user_id": bob.id, "role": "org:member", "public_metadata": { "a": 1 }, "private_metadata": { "b": 2 } })).await.ok();
        assert_eq!((&added["object"], &added["role"], &added["public_metadata"], &added["private_metadata"]), (&json!("organization_membership"), &json!("org:member"), &json!({ "a": 1 }), &json!({ "b": 2 })));
        assert_eq!((&added["public_user_data"]["identifier"], &added["public_user_data"]["banned"], &added["permissions"]), (&json!("bob@example.com"), &json!(false), &json!(["org:sys_memberships:read", "org:sys_billing:read"])));
        let who = async |query: &str| {
            let list = server.get(&format!("{path}?{query}")).await.ok();
            let all = list["data"].as_array().unwrap().iter();
            let found: Vec<String> = all.map(|m| m["public_user_data"]["first_name"].as_str().unwrap().to_owned()).collect();
            assert!(list["total_count"].as_i64().unwrap() >= i64::try_from(found.len()).unwrap());
            found
        };
        for (query, expected) in [
            ("", vec!["Bob", "Zoe"]), ("order_by=created_at", vec!["Zoe", "Bob"]), ("order_by=first_name", vec!["Bob", "Zoe"]), ("order_by=-first_name", vec!["Zoe", "Bob"]), ("order_by=email_address", vec!["Zoe", "Bob"]),
            ("role=org%3Aadmin", vec!["Zoe"]), ("query=bob", vec!["Bob"]), ("email_address=ada%40example.com", vec!["Zoe"]), (&format!("user_id=-{}", ada.id), vec!["Bob"]), ("name_query=zo", vec!["Zoe"]), ("limit=1", vec!["Bob"]),
        ] {
            assert_eq!(who(query).await, expected, "{query}");
        }
        server.get(&format!("{path}?order_by=role")).await.refused(422, "form_param_value_invalid order_by");
        assert_eq!(server.get("/v1/organization_memberships").await.ok()["total_count"], 3);
        let of_bob = server.get(&format!("/v1/users/{}/organization_memberships", bob.id)).await.ok();
        assert_eq!(of_bob["total_count"], 2);
        assert!(of_bob["data"].as_array().unwrap().iter().any(|m| m["organization"]["id"] == other["id"]));
        for (query, expected) in [(format!("organization_id={}", acme["id"].as_str().unwrap()), 2), (format!("organization_id=-{}", acme["id"].as_str().unwrap()), 0), (format!("organization_id={}", other["id"].as_str().unwrap()), 1)] {
            assert_eq!(server.get(&format!("/v1/users/count?{query}")).await.ok()["total_count"], expected, "{query}");
        }
        let one = format!("{path}/{}", bob.id);
        let merged = server.patch(&format!("{one}/metadata"), json!({ "public_metadata": { "a": null, "c": 3 } })).await.ok();
        assert_eq!((&merged["public_metadata"], &merged["private_metadata"]), (&json!({ "c": 3 }), &json!({ "b": 2 })));
        for (body, status, code) in [
            (json!({ "user_id": bob.id, "role": "org:member" }), 400, "already_a_member_in_organization"),
            (json!({ "user_id": "user_x", "role": "org:member" }), 404, "resource_not_found user_id"),
            (json!({ "user_id": bob.id, "role": "org:boss" }), 404, "resource_not_found role"),
            (json!({ "user_id": bob.id }), 422, "form_param_missing role"),
        ] {
            world.unchanged(server.post(&path, body)).await.refused(status, code);
        }
        assert_eq!(server.patch(&one, json!({ "role": "org:admin" })).await.ok()["role"], "org:admin");
        let gone = server.delete(&one).await.ok();
        assert_eq!((&gone["object"], &gone["organization"]["id"]), (&json!("organization_membership"), &acme["id"]));
        world.unchanged(server.delete(&one)).await.refused(404, "resource_not_found");
    }

    async fn an_organization_is_full_and_a_user_has_enough(world: World) {
        on(&world).await;
        world.settings(|s| s.organizations.max_allowed_memberships = 2).await;
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        let server = world.server();
        member(&world, &id, "bob@example.com", "org:member").await;
        let cat = world.user_without_password("cat@example.com").await;
        let path = format!("/v1/organizations/{id}/memberships");
        let body = json!({ "user_id": cat.id, "role": "org:member" });
        let full = "organization_membership_quota_exceeded";
        world.unchanged(server.post(&path, body.clone())).await.refused(403, full);
        world.unchanged(ada.post(&path, &[("user_id", &cat.id), ("role", "org:member")])).await.refused(403, full);
        // Its own number goes before the instance's; 0 is without limit.
        server.patch(&format!("/v1/organizations/{id}"), json!({ "max_allowed_memberships": 0 })).await.ok();
        server.post(&path, body).await.ok();
        server.patch(&format!("/v1/users/{}", user.id), json!({ "create_organizations_limit": 1 })).await.ok();
        world.unchanged(ada.post("/v1/organizations", &[("name", "Second")])).await.refused(403, "organization_quota_exceeded");
        server.patch(&format!("/v1/users/{}", user.id), json!({ "create_organizations_limit": 2, "create_organization_enabled": false })).await.ok();
        world.unchanged(ada.post("/v1/organizations", &[("name", "Second")])).await.refused(403, "user_create_organization_not_enabled");
        // Who deletes.
        world.settings(|s| s.organizations.admin_delete_enabled = false).await;
        world.unchanged(ada.delete(&format!("/v1/organizations/{id}"))).await.refused(403, "organization_admin_delete_not_enabled");
        server.delete(&format!("/v1/organizations/{id}")).await.ok();
    }

    async fn who_acts_as_a_user_changes_no_organization(world: World) {
        on(&world).await;
        let (own, ada, _) = world.signed_in("ada@example.com").await;
        let id = create(&own, "Acme").await;
        let (_, bob, _) = member(&world, &id, "bob@example.com", "org:member").await;
        let token = json!({ "user_id": ada.id, "actor": { "sub": "support" } });
        let token = world.server().post("/v1/actor_tokens", token).await.ok()["token"].clone();
        let support = world.browser();
        redeem(&support, token.as_str().unwrap()).await.ok();
        let path = format!("/v1/organizations/{id}");
        let its = format!("{path}/memberships/{}", bob.id);
        let denied = "authorization_invalid";
        world.unchanged(support.post("/v1/organizations", &[("name", "Theirs")])).await.refused(403, denied);
        world.unchanged(support.patch(&path, &[("name", "Theirs")])).await.refused(403, denied);
        world.unchanged(support.delete(&path)).await.refused(403, denied);
        world.unchanged(support.post(&format!("{path}/memberships"), &[("user_id", &bob.id), ("role", "org:admin")])).await.refused(403, denied);
        world.unchanged(support.patch(&its, &[("role", "org:admin")])).await.refused(403, denied);
        world.unchanged(support.delete(&its)).await.refused(403, denied);
        world.unchanged(support.delete(&format!("/v1/me/organization_memberships/{id}"))).await.refused(403, denied);
        // Reading what the user sees is what the support is there for.
        assert_eq!(support.get(&path).await.response()["name"], "Acme");
        assert_eq!(support.get("/v1/me/organization_memberships?paginated=true").await.response()["total_count"], 1);
    }

    async fn an_organization_is_of_its_instance_and_a_membership_of_its_user(world: World) {
        on(&world).await;
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        let (there, theirs, instance) = world.other_instance("other").await;
        world.settings_of(&instance, |s| s.organizations.enabled = true).await;
        let dan = theirs.post("/v1/users", json!({ "email_address": ["dan@example.com"], "skip_password_requirement": true })).await.ok();
        assert_eq!(theirs.get("/v1/organizations").await.ok()["total_count"], 0);
        assert_eq!(theirs.get("/v1/organization_memberships").await.ok()["total_count"], 0);
        assert_eq!(theirs.get(&format!("/v1/users/count?organization_id={id}")).await.ok()["total_count"], 0);
        world.unchanged(theirs.post(&format!("/v1/organizations/{id}/memberships"), json!({ "user_id": dan["id"], "role": "org:admin" }))).await.refused(404, "resource_not_found");
        let own = theirs.post("/v1/organizations", json!({ "name": "Theirs", "slug": "acme" })).await.ok();
        let own = own["id"].as_str().unwrap();
        world.unchanged(theirs.post(&format!("/v1/organizations/{own}/memberships"), json!({ "user_id": user.id, "role": "org:admin" }))).await.refused(404, "resource_not_found user_id");
        world.unchanged(theirs.post("/v1/organizations", json!({ "name": "X", "created_by": user.id }))).await.refused(400, "organization_creator_not_found created_by");
        // A slug is taken in its own instance only.
        world.server().patch(&format!("/v1/organizations/{id}"), json!({ "slug": "acme" })).await.ok();
        there.get(&format!("/v1/organizations/{id}")).await.refused(401, "authentication_invalid");
        // Who deletes the account leaves.
        ada.delete("/v1/me").await.ok();
        let left = world.server().get(&format!("/v1/organizations/{id}?include_members_count=true")).await.ok();
        assert_eq!(left["members_count"], 0);
    }

    async fn roles_and_permissions_are_read(world: World) {
        on(&world).await;
        let server = world.server();
        let roles = server.get("/v1/organization_roles").await.ok();
        assert_eq!((&roles["total_count"], &roles["data"][0]["key"], &roles["data"][1]["key"]), (&json!(2), &json!("org:admin"), &json!("org:member")));
        assert_eq!(roles["data"][0]["permissions"].as_array().unwrap().len(), 9);
        assert_eq!(server.get(&format!("/v1/organization_roles/{}", roles["data"][1]["id"].as_str().unwrap())).await.ok(), roles["data"][1]);
        assert_eq!(server.get("/v1/organization_roles?order_by=-key&limit=1").await.ok()["data"][0]["key"], "org:member");
        let permissions = server.get("/v1/organization_permissions?query=members").await.ok();
        assert_eq!((&permissions["total_count"], &permissions["data"][0]["key"], &permissions["data"][0]["type"]), (&json!(2), &json!("org:sys_memberships:read"), &json!("system")));
        assert_eq!(server.get(&format!("/v1/organization_permissions/{}", permissions["data"][0]["id"].as_str().unwrap())).await.ok(), permissions["data"][0]);
        for path in ["/v1/organization_roles/role_x", "/v1/organization_permissions/perm_x"] {
            server.get(path).await.refused(404, "resource_not_found");
        }
        server.get("/v1/organization_roles?order_by=x").await.refused(422, "form_param_value_invalid order_by");
        // Custom ones are not served.
        world.unchanged(server.post("/v1/organization_roles", json!({ "name": "x", "key": "org:x" }))).await.refused(501, "feature_not_implemented");
    }

    async fn a_server_starts_a_session_in_an_organization(world: World) {
        on(&world).await;
        let ada = world.user_without_password("ada@example.com").await;
        let acme = made(&world, json!({ "name": "Acme", "slug": "acme", "created_by": ada.id })).await;
        let other = made(&world, json!({ "name": "Other" })).await;
        let server = world.server();
        world.unchanged(server.post("/v1/sessions", json!({ "user_id": ada.id, "active_organization_id": other["id"] }))).await.refused(404, "organization_not_found_or_unauthorized");
        let session = server.post("/v1/sessions", json!({ "user_id": ada.id, "active_organization_id": "acme" })).await.ok();
        assert_eq!(session["last_active_organization_id"], acme["id"]);
        let token = server.post(&format!("/v1/sessions/{}/tokens", session["id"].as_str().unwrap()), json!({})).await.ok();
        assert_eq!(crate::answer::decode(token["jwt"].as_str().unwrap()).1["o"]["slg"], "acme");
    }

    async fn creation_defaults_and_suggestions_are_empty_honestly(world: World) {
        on(&world).await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        assert_eq!(browser.get("/v1/me/organization_creation_defaults").await.response(), json!({ "form": { "name": null, "logo": null }, "advisory": null }));
        assert_eq!(browser.get("/v1/me/organization_suggestions?status=pending").await.response(), json!({ "data": [], "total_count": 0 }));
        let list = browser.get("/v1/me/organization_memberships").await.response();
        assert_eq!(list, json!([]));
    }
}
