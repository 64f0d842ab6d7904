//! Organizations: creating, joining, acting in one, leaving (contract bapi §2.5, §2.6, §9; fapi §6.1, §8.9).
use crate::browser::Browser;
use crate::world::{User, World};
use serde_json::{Value, json};

/// A world in which there are organizations.
pub(crate) async fn on(world: &World) {
    world.settings(|s| s.organizations.enabled = true).await;
}

pub(crate) async fn create(browser: &Browser, name: &str) -> String {
    let made = browser
        .post("/v1/organizations", &[("name", name)])
        .await
        .response();
    made["id"].as_str().unwrap().to_owned()
}

/// A user who is a member, with a browser and the session's id.
pub(crate) async fn member(
    world: &World,
    organization: &str,
    address: &str,
    role: &str,
) -> (Browser, User, String) {
    let found = world.signed_in(address).await;
    let body = json!({ "user_id": found.1.id, "role": role });
    let path = format!("/v1/organizations/{organization}/memberships");
    world.server().post(&path, body).await.ok();
    found
}

async fn touch(browser: &Browser, session: &str, organization: &str) -> crate::answer::Answer {
    let form = [("active_organization_id", organization)];
    let path = format!("/v1/client/sessions/{session}/touch");
    browser.post(&path, &form).await
}

fn roles(list: &Value) -> Vec<(&str, &str)> {
    let all = list["data"].as_array().unwrap().iter();
    all.map(|m| {
        let user = &m["public_user_data"]["identifier"];
        (user.as_str().unwrap(), m["role"].as_str().unwrap())
    })
    .collect()
}

both! {
    async fn a_user_creates_an_organization_acts_in_it_and_the_token_says_so(world: World) {
        on(&world).await;
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        let made = browser.post("/v1/organizations", &[("name", "Acme"), ("slug", "acme")]).await.response();
        assert_eq!((&made["object"], &made["name"], &made["slug"], &made["members_count"], &made["max_allowed_memberships"], &made["admin_delete_enabled"], &made["has_image"]),
            (&json!("organization"), &json!("Acme"), &json!("acme"), &json!(1), &json!(5), &json!(true), &json!(false)));
        assert!(made.get("private_metadata").is_none() && made.get("created_by").is_none());
        let id = made["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("org_"));
        // Creating is not entering: the page says when.
        assert!(browser.claims(&session).await.get("o").is_none());
        let touched = touch(&browser, &session, &id).await.ok();
        assert_eq!(touched["response"]["last_active_organization_id"], json!(id));
        let user = &touched["client"]["sessions"][0]["user"];
        let membership = &user["organization_memberships"][0];
        assert_eq!((&membership["role"], &membership["role_name"], &membership["organization"]["id"]), (&json!("org:admin"), &json!("Admin"), &json!(id)));
        assert_eq!(membership["public_user_data"]["user_id"], json!(ada.id));
        assert_eq!(membership["permissions"].as_array().unwrap().len(), 9);
        let o = json!({ "id": id, "slg": "acme", "rol": "admin", "per": "", "fpm": "" });
        assert_eq!(browser.claims(&session).await["o"], o);
        let kept = touched["client"]["sessions"][0]["last_active_token"]["jwt"].as_str().unwrap();
        assert_eq!(crate::answer::decode(kept).1["o"], o, "the token that resources carry says so, too");
        // By slug, and back to the own account.
        assert_eq!(touch(&browser, &session, "").await.response()["last_active_organization_id"], json!(null));
        assert!(browser.claims(&session).await.get("o").is_none());
        touch(&browser, &session, "acme").await.ok();
        assert_eq!(browser.claims(&session).await["o"], o);
        // A request may ask for another one, or for none.
        let other = create(&browser, "Other").await;
        let path = format!("/v1/client/sessions/{session}/tokens");
        for (wanted, expected) in [(other.as_str(), json!(other)), ("", json!(null)), ("org_unknown", json!(null)), ("acme", json!(id))] {
            let answer = browser.post(&path, &[("organization_id", wanted)]).await.ok();
            assert_eq!(crate::answer::decode(answer["jwt"].as_str().unwrap()).1["o"]["id"], expected, "{wanted}");
        }
        let me = browser.get("/v1/me").await.response();
        assert_eq!(me["organization_memberships"].as_array().unwrap().len(), 2);
    }

    async fn without_organizations_everything_is_refused_and_nothing_shows(world: World) {
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        let server = world.server();
        let off = "organization_not_enabled_in_instance";
        world.unchanged(browser.post("/v1/organizations", &[("name", "Acme")])).await.refused(403, off);
        for path in ["/v1/organizations/org_x", "/v1/organizations/org_x/memberships", "/v1/organizations/org_x/roles", "/v1/me/organization_memberships", "/v1/me/organization_suggestions", "/v1/me/organization_creation_defaults"] {
            world.unchanged(browser.get(path)).await.refused(403, off);
        }
        for path in ["/v1/organizations", "/v1/organizations/org_x", "/v1/organization_memberships", "/v1/organization_roles", "/v1/organization_permissions", "/v1/organizations/org_x/memberships", &format!("/v1/users/{}/organization_memberships", ada.id)] {
            world.unchanged(server.get(path)).await.refused(403, off);
        }
        world.unchanged(server.post("/v1/organizations", json!({ "name": "Acme", "created_by": ada.id }))).await.refused(403, off);
        world.unchanged(touch(&browser, &session, "org_x")).await.refused(403, off);
        assert_eq!(browser.client().await["sessions"][0]["user"]["organization_memberships"], json!([]));
        // Switching them off hides them at once.
        on(&world).await;
        let id = create(&browser, "Acme").await;
        touch(&browser, &session, &id).await.ok();
        world.settings(|s| s.organizations.enabled = false).await;
        assert!(browser.claims(&session).await.get("o").is_none());
        let shown = browser.client().await["sessions"][0].clone();
        assert_eq!((&shown["last_active_organization_id"], &shown["user"]["organization_memberships"]), (&json!(null), &json!([])));
    }

    async fn settings_are_shown_and_changed_and_what_is_not_there_is_refused_by_name(world: World) {
        let server = world.server();
        let path = "/v1/instance/organization_settings";
        assert_eq!(server.get(path).await.ok()["enabled"], false);
        let change = json!({ "enabled": true, "max_allowed_memberships": 7, "admin_delete_enabled": false, "slug_disabled": true, "creator_role_id": "role_admin", "domains_enabled": false, "domains_enrollment_modes": [] });
        let set = server.patch(path, change).await.ok();
        assert_eq!((&set["enabled"], &set["max_allowed_memberships"], &set["admin_delete_enabled"], &set["slug_disabled"], &set["creator_role"]), (&json!(true), &json!(7), &json!(false), &json!(true), &json!("org:admin")));
        assert_eq!(server.get(path).await.ok(), set);
        let environment = world.browser().get("/v1/environment").await.ok();
        let shown = &environment["organization_settings"];
        assert_eq!((&shown["enabled"], &shown["max_allowed_memberships"], &shown["actions"]["admin_delete"], &shown["slug"]["disabled"]), (&json!(true), &json!(7), &json!(false), &json!(true)));
        for (param, value) in [("domains_enabled", json!(true)), ("domains_enrollment_modes", json!(["manual_invitation"])), ("creator_role_id", json!("role_member")), ("domains_default_role_id", json!("role_x"))] {
            world.unchanged(server.patch(path, json!({ param: value }))).await.refused(422, &format!("form_param_value_invalid {param}"));
        }
        world.unchanged(server.patch(path, json!({ "max_allowed_memberships": -1 }))).await.refused(422, "form_param_value_invalid max_allowed_memberships");
    }

    async fn whoever_is_no_member_learns_nothing(world: World) {
        on(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        let (eve, user, session) = world.signed_in("eve@example.com").await;
        let unknown = format!("{}{}", &id[..id.len() - 1], if id.ends_with('a') { 'b' } else { 'a' });
        for (method, tail, form) in [
            ("GET", "", None), ("PATCH", "", Some(vec![("name", "Mine")])), ("DELETE", "", Some(vec![])),
            ("GET", "/memberships", None), ("POST", "/memberships", Some(vec![("user_id", user.id.as_str()), ("role", "org:admin")])),
            ("GET", "/roles", None),
        ] {
            let mut answers = Vec::new();
            for id in [id.as_str(), unknown.as_str(), "x"] {
                let request = eve.request(method, &format!("/v1/organizations/{id}{tail}"));
                let request = match &form { Some(form) => request.form(form), None => request };
                let answer = world.unchanged(request.send()).await;
                answer.refused(404, "organization_not_found_or_unauthorized");
                answers.push(answer.json()["errors"].clone());
            }
            assert!(answers.iter().all(|a| *a == answers[0]));
        }
        for method in ["PATCH", "DELETE"] {
            let request = eve.request(method, &format!("/v1/organizations/{id}/memberships/{}", user.id)).form(&[("role", "org:admin")]);
            world.unchanged(request.send()).await.refused(404, "organization_not_found_or_unauthorized");
        }
        world.unchanged(eve.delete(&format!("/v1/me/organization_memberships/{id}"))).await.refused(404, "organization_not_found_or_unauthorized");
        world.unchanged(touch(&eve, &session, &id)).await.refused(404, "organization_not_found_or_unauthorized");
        let answer = eve.post(&format!("/v1/client/sessions/{session}/tokens"), &[("organization_id", &id)]).await.ok();
        assert!(crate::answer::decode(answer["jwt"].as_str().unwrap()).1.get("o").is_none());
    }

    async fn a_member_reads_and_an_admin_changes(world: World) {
        on(&world).await;
        let (ada, admin, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        world.advance_secs(1);
        let (bob, member, _) = member(&world, &id, "bob@example.com", "org:member").await;
        let third = world.user_without_password("cat@example.com").await;
        let path = format!("/v1/organizations/{id}");
        let list = bob.get(&format!("{path}/memberships?paginated=true")).await.response();
        assert_eq!(roles(&list), [("bob@example.com", "org:member"), ("ada@example.com", "org:admin")]);
        assert_eq!(list["total_count"], 2);
        assert_eq!(bob.get(&format!("{path}/memberships")).await.response().as_array().unwrap().len(), 2);
        assert_eq!(roles(&bob.get(&format!("{path}/memberships?paginated=true&query=ada")).await.response()), [("ada@example.com", "org:admin")]);
        assert_eq!(roles(&bob.get(&format!("{path}/memberships?paginated=true&role=org%3Amember")).await.response()), [("bob@example.com", "org:member")]);
        assert_eq!(bob.get(&format!("{path}/roles")).await.response()["total_count"], 2);
        // What a member may not.
        let of = |user: &User| format!("{path}/memberships/{}", user.id);
        let missing = "missing_organization_permission";
        world.unchanged(bob.patch(&path, &[("name", "Mine")])).await.refused(403, missing);
        world.unchanged(bob.delete(&path)).await.refused(403, missing);
        world.unchanged(bob.post(&format!("{path}/memberships"), &[("user_id", &third.id), ("role", "org:admin")])).await.refused(403, missing);
        world.unchanged(bob.patch(&of(&member), &[("role", "org:admin")])).await.refused(403, missing);
        let refused = world.unchanged(bob.delete(&of(&admin))).await;
        refused.refused(403, missing);
        assert_eq!(refused.json()["errors"][0]["meta"]["permissions"], json!(["org:sys_memberships:manage"]));
        // What an admin may.
        let renamed = ada.patch(&path, &[("name", "Acme & Co.")]).await.response();
        assert_eq!(renamed["name"], "Acme & Co.");
        let added = ada.post(&format!("{path}/memberships"), &[("user_id", &third.id), ("role", "org:member")]).await.response();
        assert_eq!((&added["role"], &added["organization"]["members_count"]), (&json!("org:member"), &json!(3)));
        world.unchanged(ada.post(&format!("{path}/memberships"), &[("user_id", &third.id), ("role", "org:member")])).await.refused(400, "already_a_member_in_organization");
        world.unchanged(ada.post(&format!("{path}/memberships"), &[("user_id", "user_x"), ("role", "org:member")])).await.refused(404, "resource_not_found user_id");
        for role in ["org:owner", "admin", "x"] {
            world.unchanged(ada.patch(&of(&third), &[("role", role)])).await.refused(404, "resource_not_found role");
        }
        assert_eq!(ada.delete(&of(&third)).await.response()["organization"]["members_count"], 2);
        world.unchanged(ada.delete(&of(&third))).await.refused(404, "resource_not_found");
        // Promoted, the member may.
        ada.patch(&of(&member), &[("role", "org:admin")]).await.ok();
        bob.patch(&path, &[("name", "Ours")]).await.ok();
    }

    async fn an_organization_keeps_an_admin(world: World) {
        on(&world).await;
        let (ada, admin, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        let (bob, member, _) = member(&world, &id, "bob@example.com", "org:member").await;
        let own = format!("/v1/organizations/{id}/memberships/{}", admin.id);
        let needed = "organization_minimum_permissions_needed";
        world.unchanged(ada.patch(&own, &[("role", "org:member")])).await.refused(400, needed);
        world.unchanged(ada.delete(&own)).await.refused(400, needed);
        world.unchanged(ada.delete(&format!("/v1/me/organization_memberships/{id}"))).await.refused(400, needed);
        let server = world.server();
        world.unchanged(server.patch(&own, json!({ "role": "org:member" }))).await.refused(400, needed);
        world.unchanged(server.delete(&own)).await.refused(400, needed);
        // With another one they may go.
        ada.patch(&format!("/v1/organizations/{id}/memberships/{}", member.id), &[("role", "org:admin")]).await.ok();
        let left = ada.delete(&format!("/v1/me/organization_memberships/{id}")).await.response();
        assert_eq!((&left["object"], &left["deleted"]), (&json!("organization_membership"), &json!(true)));
        world.unchanged(bob.delete(&format!("/v1/me/organization_memberships/{id}"))).await.refused(400, needed);
        // A user who is deleted goes all the same.
        server.delete(&format!("/v1/users/{}", member.id)).await.ok();
        let shown = server.get(&format!("/v1/organizations/{id}?include_members_count=true&include_missing_member_with_elevated_permissions=true")).await.ok();
        assert_eq!((&shown["members_count"], &shown["missing_member_with_elevated_permissions"]), (&json!(0), &json!(true)));
    }

    async fn whoever_was_removed_acts_in_it_no_more(world: World) {
        on(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        let (bob, user, session) = member(&world, &id, "bob@example.com", "org:member").await;
        touch(&bob, &session, &id).await.ok();
        assert_eq!(bob.claims(&session).await["o"]["rol"], "member");
        // Another role is in the next token, and in the one that resources carry.
        let path = format!("/v1/organizations/{id}/memberships/{}", user.id);
        ada.patch(&path, &[("role", "org:admin")]).await.ok();
        assert_eq!(bob.claims(&session).await["o"]["rol"], "admin");
        let kept = bob.client().await["sessions"][0]["last_active_token"]["jwt"].as_str().unwrap().to_owned();
        assert_eq!(crate::answer::decode(&kept).1["o"]["rol"], "admin");
        ada.delete(&path).await.ok();
        assert!(bob.claims(&session).await.get("o").is_none());
        let shown = bob.client().await["sessions"][0].clone();
        assert_eq!((&shown["last_active_organization_id"], &shown["user"]["organization_memberships"]), (&json!(null), &json!([])));
        let kept = shown["last_active_token"]["jwt"].as_str().unwrap();
        assert!(crate::answer::decode(kept).1.get("o").is_none());
        // Who deletes the organization takes it from everybody.
        world.server().post(&format!("/v1/organizations/{id}/memberships"), json!({ "user_id": user.id, "role": "org:member" })).await.ok();
        assert!(bob.claims(&session).await.get("o").is_none(), "coming back is not entering");
        touch(&bob, &session, &id).await.ok();
        let gone = ada.delete(&format!("/v1/organizations/{id}")).await.response();
        assert_eq!(gone, json!({ "object": "organization", "id": id, "deleted": true }));
        assert!(bob.claims(&session).await.get("o").is_none());
        assert_eq!(bob.client().await["sessions"][0]["last_active_organization_id"], json!(null));
        assert_eq!((world.count("organizations").await, world.count("organization_memberships").await), (0, 0));
    }
}
