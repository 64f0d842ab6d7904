//! Attacks across instances (requirements TN-*; past flaws T7, T57, T58, T64, T65, T69, T71). The whole product of
//! operations is in `authorization.rs`; here is what it does not reach.
use crate::answer::decode;
use serde_json::json;

both! {
    async fn every_operation_is_in_the_table_and_states_its_guard(world: World) {
        // T7: the router is made of the table, and the tests of authorization walk the table.
        let mut seen = std::collections::BTreeSet::new();
        for op in usher_server::operations() {
            assert!(seen.insert((op.api.word(), op.method, op.path)), "{} twice", op.path);
            assert!(op.path.starts_with('/') && !op.id.is_empty(), "{}", op.path);
        }
        assert!(seen.len() > 80, "{}", seen.len());
        assert_eq!(world.count("instances").await, 1);
    }

    async fn a_key_decides_the_instance_and_the_host_does_not(world: World) {
        // T65, TN-05.
        world.user_without_password("ada@example.com").await;
        let (_, theirs, instance) = world.other_instance("other").await;
        let host = instance.row.host.clone();
        assert_eq!(world.server().header("host", host.clone()).get("/v1/users/count").await.ok()["total_count"], 1);
        assert_eq!(theirs.header("host", world.host()).get("/v1/users/count").await.ok()["total_count"], 0);
        for header in ["x-forwarded-host", "x-clerk-instance", "clerk-proxy-url", "x-instance-id"] {
            assert_eq!(theirs.header(header, world.host()).get("/v1/users/count").await.ok()["total_count"], 0, "{header}");
        }
    }

    async fn counts_orders_and_searches_stay_inside(world: World) {
        // TN-02, T69.
        for name in ["ada", "bob", "cat"] {
            world.user_with(&format!("{name}@example.com"), json!({ "skip_password_requirement": true, "external_id": name })).await;
        }
        let (_, theirs, _) = world.other_instance("other").await;
        theirs.post("/v1/users", json!({ "email_address": ["dan@example.com"], "skip_password_requirement": true })).await.ok();
        for query in ["", "query=example", "email_address_query=a", "order_by=created_at", "order_by=-email_address", "limit=500", "external_id=ada", "name_query=a", "banned=false"] {
            let list = theirs.get(&format!("/v1/users?{query}")).await.ok();
            let text = list.to_string();
            assert!(list.as_array().unwrap().len() <= 1 && !text.contains("ada@") && !text.contains("bob@"), "{query}: {text}");
            let count = theirs.get(&format!("/v1/users/count?{query}")).await.ok();
            assert!(count["total_count"].as_i64().unwrap() <= 1, "{query}: {count}");
        }
        for list in ["/v1/sessions", "/v1/clients"] {
            let page = theirs.get(&format!("{list}?paginated=true")).await;
            assert!(page.status == 422 || page.ok()["total_count"] == 0, "{}", page.body);
        }
    }

    async fn ids_of_another_instance_in_bodies_are_unknown(world: World) {
        // TN-03, T64.
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        let client = browser.client().await["id"].as_str().unwrap().to_owned();
        let (_, theirs, _) = world.other_instance("other").await;
        let own = theirs.post("/v1/users", json!({ "email_address": ["dan@example.com"], "skip_password_requirement": true })).await.ok()["id"].as_str().unwrap().to_owned();
        let cases = [
            ("PATCH", format!("/v1/users/{own}"), json!({ "primary_email_address_id": ada.email_id })),
            ("POST", "/v1/email_addresses".to_owned(), json!({ "user_id": ada.id, "email_address": "x@example.com" })),
            ("POST", "/v1/sessions".to_owned(), json!({ "user_id": ada.id })),
            ("POST", "/v1/users/ban".to_owned(), json!({ "user_ids": [own, ada.id] })),
            ("POST", "/v1/users/unban".to_owned(), json!({ "user_ids": [ada.id] })),
            ("POST", format!("/v1/sessions/{session}/revoke"), json!({})),
            ("POST", format!("/v1/sessions/{session}/tokens"), json!({})),
        ];
        for (method, path, body) in cases {
            let answer = world.unchanged(theirs.json(method, &path, body)).await;
            assert!(matches!(answer.status, 404 | 422), "{}: {}", answer.asked, answer.body);
            assert!(!answer.body.contains("ada@"), "{}", answer.body);
        }
        for query in [format!("/v1/sessions?client_id={client}"), format!("/v1/sessions?user_id={}", ada.id), format!("/v1/users?user_id={}", ada.id)] {
            assert_eq!(theirs.get(&query).await.ok(), json!([]), "{query}");
        }
        browser.mint(&session).await.ok();
    }

    async fn a_token_is_introspected_by_its_own_instance_only(world: World) {
        // T57, TN-06.
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let jwt = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        let (there, theirs, _) = world.other_instance("other").await;
        theirs.post("/v1/clients/verify", json!({ "token": jwt })).await.refused(400, "invalid_session_token token");
        let answer = theirs.post(&format!("/v1/sessions/{session}/verify"), json!({ "token": jwt })).await;
        assert!(matches!(answer.status, 400 | 404), "{}", answer.body);
        let keys = there.get("/.well-known/jwks.json").await.ok();
        assert!(keys["keys"].as_array().unwrap().iter().all(|k| k["kid"] != decode(&jwt).0["kid"]));
    }

    async fn what_is_cached_of_a_session_dies_with_it(world: World) {
        // T58: a cached token is not handed out after the end, the ban or the revocation of its session.
        let server = world.server();
        for way in ["revoke", "ban", "end"] {
            let (browser, user, session) = world.signed_in(&format!("{way}@example.com")).await;
            // The token of the client's answer is one that is kept for ten seconds.
            let kept = browser.client().await["sessions"][0]["last_active_token"]["jwt"].as_str().unwrap().to_owned();
            match way {
                "revoke" => drop(server.post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok()),
                "ban" => drop(server.post(&format!("/v1/users/{}/ban", user.id), json!({})).await.ok()),
                _ => drop(browser.post(&format!("/v1/client/sessions/{session}/end"), &[]).await.ok()),
            }
            for path in ["/v1/client", "/v1/environment", "/v1/me"] {
                assert!(!browser.get(path).await.body.contains(&kept), "{way} {path}");
            }
            server.post("/v1/clients/verify", json!({ "token": kept })).await.refused(400, "invalid_session_token token");
        }
    }

    production async fn an_instance_that_nobody_named_is_never_guessed(world: World) {
        // T65: an unknown host gets no instance, not the first one.
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let cookie = format!("__client={}", browser.cookie("__client").unwrap());
        for host in ["clerk.other.org", "example.com", "clerk.example.com.", "clerk.example.com:443.evil.com", "[::1]", "clerk.example.com@evil.com", "evil.com#clerk.example.com", "CLERK.EXAMPLE.COM.evil.com", "clerk.example.com%00", "localhost"] {
            let answer = browser.request("POST", &format!("/v1/client/sessions/{session}/tokens")).header("host", host).header("cookie", &cookie).send().await;
            assert!(answer.status == 400 || host == "clerk.example.com.", "{host}: {}", answer.body);
        }
    }
}
