//! Agent tasks (contract bapi §2.3, fapi §9.3).
use crate::answer::decode;
use crate::handshake::directives;
use crate::world::World;
use serde_json::{Value, json};

fn task(user: &str) -> Value {
    json!({ "on_behalf_of": { "user_id": user }, "permissions": "*", "agent_name": "Tester", "task_description": "Looks around", "redirect_url": "http://localhost:3000/dash" })
}

async fn make(world: &World, body: Value) -> Value {
    world.server().post("/v1/agents/tasks", body).await.ok()
}

/// The path and query of a task's link.
fn link(made: &Value) -> String {
    let url = made["url"].as_str().unwrap();
    url[url.find("/v1/").unwrap()..].to_owned()
}

both! {
    async fn a_task_opens_one_session_that_names_its_agent(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let made = make(&world, task(&ada.id)).await;
        let again = make(&world, task(&ada.id)).await;
        assert_eq!((&made["object"], &made["agent_id"], &made["task_id"]), (&json!("agent_task"), &again["agent_id"], &made["agent_task_id"]));
        assert_ne!(made["agent_task_id"], again["agent_task_id"]);
        let mut other = task(&ada.id);
        other["agent_name"] = json!("Another");
        assert_ne!(make(&world, other).await["agent_id"], made["agent_id"]);
        let browser = world.browser();
        let answer = browser.get(&link(&made)).await;
        assert_eq!((answer.status, answer.header("location")), (307, Some("http://localhost:3000/dash")));
        assert!(answer.cookies.last().unwrap().starts_with("__client="));
        let lines = directives(&world, &answer).await;
        let jwt = lines.last().unwrap().strip_prefix("__session=").unwrap().split(';').next().unwrap().to_owned();
        let claims = decode(&jwt).1;
        assert_eq!((&claims["sub"], &claims["act"], &claims["fva"], &claims["azp"]), (&json!(ada.id), &json!({ "sub": made["agent_id"], "type": "agent" }), &json!([-1, -1]), &json!("http://localhost:3000")));
        let client = browser.client().await;
        assert_eq!((&client["sessions"][0]["id"], &client["sessions"][0]["actor"]["type"]), (&claims["sid"], &json!("agent")));
        assert_eq!(client["sessions"][0]["expire_at"], json!(world.now().plus_secs(1800).0));
        world.unchanged(world.browser().get(&link(&made))).await.refused(400, "agent_task_already_used");
        world.unchanged(browser.post("/v1/me/change_password", &[("new_password", "x")])).await.refused(403, "authorization_invalid");
        world.advance_secs(1800);
        assert_eq!(browser.client().await["sessions"], json!([]), "it ends when it was said to");
    }

    async fn a_task_is_used_once_whoever_is_first(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let path = link(&make(&world, task(&ada.id)).await);
        let rivals: Vec<_> = (0..6).map(|_| { let (browser, path) = (world.browser(), path.clone()); tokio::spawn(async move { browser.get(&path).await.status }) }).collect();
        let mut won = 0;
        for rival in rivals { won += usize::from(rival.await.unwrap() == 307); }
        assert_eq!(won, 1);
        assert_eq!(world.rows("SELECT id FROM sessions WHERE actor IS NOT NULL", &[]).await.len(), 1);
    }

    async fn looking_at_a_link_uses_nothing_up(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let path = link(&make(&world, task(&ada.id)).await);
        let looked = world.unchanged(world.browser().request("HEAD", &path).send()).await;
        assert_eq!(looked.status, 405, "{}", looked.body);
        let linked = world.browser().request("GET", &path).header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "no-cors").send();
        world.unchanged(linked).await.refused(400, "origin_invalid");
        assert_eq!(world.browser().get(&path).await.status, 307);
    }

    async fn a_ticket_is_what_this_instance_made_and_nothing_else(world: World) {
        let (there, _, _) = world.other_instance("other").await;
        let ada = world.user_without_password("ada@example.com").await;
        let made = make(&world, task(&ada.id)).await;
        let path = link(&made);
        let signing_in = world.server().post("/v1/actor_tokens", json!({ "user_id": ada.id, "actor": { "sub": "x" } })).await.ok();
        let (id, mac) = path.split_once("ticket=").unwrap().1.split_once('.').unwrap();
        for ticket in [id.to_owned(), format!("{id}."), format!("{id}.{mac}x"), format!("{id}.{}", &mac[1..]), format!("agtask_x.{mac}"), ".".to_owned(), signing_in["token"].as_str().unwrap().to_owned()] {
            let path = format!("/v1/agents/tasks?ticket={ticket}");
            world.unchanged(world.browser().get(&path)).await.refused(400, "ticket_invalid_code ticket");
        }
        let as_ticket = [("strategy", "ticket"), ("ticket", path.split_once("ticket=").unwrap().1)];
        world.unchanged(world.browser().post("/v1/client/sign_ins", &as_ticket)).await.refused(400, "ticket_invalid_code");
        world.unchanged(there.get(&path)).await.refused(400, "ticket_invalid_code ticket");
        world.browser().get("/v1/agents/tasks").await.refused(422, "form_param_missing ticket");
        assert!(!format!("{:?}", world.snapshot().await).contains(mac), "it is computed, not stored");
        world.advance_secs(3600);
        world.unchanged(world.browser().get(&path)).await.refused(400, "ticket_expired_code");
    }

    async fn a_revoked_task_opens_nothing(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        let made = make(&world, task(&ada.id)).await;
        let path = format!("/v1/agents/tasks/{}/revoke", made["agent_task_id"].as_str().unwrap());
        let revoked = server.post(&path, json!({})).await.ok();
        assert_eq!(revoked, json!({ "object": "agent_task", "agent_id": made["agent_id"], "agent_task_id": made["agent_task_id"], "task_id": made["task_id"] }));
        world.unchanged(world.browser().get(&link(&made))).await.refused(400, "agent_task_revoked");
        world.unchanged(server.post(&path, json!({}))).await.refused(400, "agent_task_cannot_be_revoked");
        let used = make(&world, task(&ada.id)).await;
        world.browser().get(&link(&used)).await;
        let path = format!("/v1/agents/tasks/{}/revoke", used["agent_task_id"].as_str().unwrap());
        world.unchanged(server.post(&path, json!({}))).await.refused(400, "agent_task_cannot_be_revoked");
        world.unchanged(server.post("/v1/agents/tasks/agtask_x/revoke", json!({}))).await.refused(404, "agent_task_not_found");
    }

    async fn the_subject_is_one_user_by_id_or_by_what_is_verified(world: World) {
        let server = world.server();
        let ada = world.user_without_password("ada@example.com").await;
        let with = |on: Value| { let mut body = task("x"); body["on_behalf_of"] = on; body };
        let made = make(&world, with(json!({ "identifier": "ADA@example.com" }))).await;
        let browser = world.browser();
        browser.get(&link(&made)).await;
        assert_eq!(browser.client().await["sessions"][0]["user"]["id"], json!(ada.id));
        world.browser().pending_sign_up("new@example.com").await;
        for (on, status, code) in [
            (json!({}), 422, "form_param_missing on_behalf_of"),
            (json!({ "user_id": ada.id, "identifier": "ada@example.com" }), 422, "form_param_value_invalid on_behalf_of"),
            (json!({ "user_id": 1 }), 422, "form_param_value_invalid on_behalf_of"),
            (json!({ "user_id": "" }), 422, "form_param_value_invalid on_behalf_of"),
            (json!({ "user_id": "user_x" }), 404, "agent_task_subject_not_found on_behalf_of"),
            (json!({ "user_id": "x" }), 404, "agent_task_subject_not_found on_behalf_of"),
            (json!({ "identifier": "nobody@example.com" }), 404, "agent_task_subject_not_found on_behalf_of"),
            (json!({ "identifier": "new@example.com" }), 404, "agent_task_subject_not_found on_behalf_of"),
            (json!({ "identifier": "nobody" }), 404, "agent_task_subject_not_found on_behalf_of"),
            (json!([]), 422, "form_param_type_invalid on_behalf_of"),
        ] {
            world.unchanged(server.post("/v1/agents/tasks", with(on))).await.refused(status, code);
        }
        for field in ["on_behalf_of", "permissions", "agent_name", "task_description", "redirect_url"] {
            let mut body = task(&ada.id);
            body.as_object_mut().unwrap().remove(field);
            world.unchanged(server.post("/v1/agents/tasks", body)).await.refused(422, &format!("form_param_missing {field}"));
        }
        let mut body = task(&ada.id);
        body["permissions"] = json!("read");
        world.unchanged(server.post("/v1/agents/tasks", body)).await.refused(422, "form_param_value_invalid permissions");
    }

    async fn no_task_leads_elsewhere(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let mut body = task(&ada.id);
        for (url, code) in [("https://evil.example/", "redirect_url_not_associated_with_instance redirect_url"), ("javascript:alert(1)", "invalid_redirect_url redirect_url"), ("my-app://x", "invalid_redirect_url redirect_url"), ("/dash", "invalid_redirect_url redirect_url")] {
            body["redirect_url"] = json!(url);
            world.unchanged(world.server().post("/v1/agents/tasks", body.clone())).await.refused(422, code);
        }
        world.settings(|s| s.allowed_origins = vec!["https://partner.example".to_owned()]).await;
        body["redirect_url"] = json!("https://partner.example/x");
        let made = make(&world, body).await;
        world.settings(|s| s.allowed_origins = Vec::new()).await;
        let answer = world.unchanged(world.browser().get(&link(&made))).await;
        answer.refused(422, "redirect_url_not_associated_with_instance redirect_url");
        assert!(answer.cookies.is_empty());
    }

    async fn a_task_for_a_banned_user_opens_nothing(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let made = make(&world, task(&ada.id)).await;
        world.server().post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        world.unchanged(world.browser().get(&link(&made))).await.refused(403, "user_banned");
        world.server().post(&format!("/v1/users/{}/unban", ada.id), json!({})).await.ok();
        assert_eq!(world.browser().get(&link(&made)).await.status, 307, "it was not used up");
        let gone = make(&world, task(&ada.id)).await;
        world.server().delete(&format!("/v1/users/{}", ada.id)).await.ok();
        world.unchanged(world.browser().get(&link(&gone))).await.refused(404, "agent_task_subject_not_found");
    }

    production async fn in_production_a_task_leads_by_https_to_the_own_domain(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let mut body = task(&ada.id);
        for (url, code) in [("http://app.example.com/", "insecure_url redirect_url"), ("https://localhost:3000/", "redirect_url_not_associated_with_instance redirect_url")] {
            body["redirect_url"] = json!(url);
            world.unchanged(world.server().post("/v1/agents/tasks", body.clone())).await.refused(422, code);
        }
        body["redirect_url"] = json!("https://app.example.com/x");
        let made = make(&world, body).await;
        assert!(made["url"].as_str().unwrap().starts_with("https://clerk.example.com/v1/agents/tasks?ticket=agtask_"));
        let answer = world.browser().get(&link(&made)).await;
        assert_eq!((answer.status, answer.header("location")), (307, Some("https://app.example.com/x")));
        assert!(answer.cookie("__clerk_handshake_nonce").unwrap().contains("Domain=example.com"));
    }
}
