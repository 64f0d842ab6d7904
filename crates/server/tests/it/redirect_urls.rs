//! Redirect URLs that the operator lists (contract bapi §2.12; requirements: open redirects; RFC 8252 §7).
use crate::handshake::TRICKS;
use crate::world::World;
use serde_json::{Value, json};
use usher_http::percent;

async fn list(world: &World, url: &str) -> Value {
    let made = world
        .server()
        .post("/v1/redirect_urls", json!({ "url": url }))
        .await;
    made.ok()
}

/// Asserts where `/v1/redirect` leads, or that it leads nowhere.
async fn leads(world: &World, to: &str, expected: Option<&str>) {
    let path = format!("/v1/redirect?redirect_url={}", percent::encode(to));
    let answer = world.unchanged(world.browser().get(&path)).await;
    assert_eq!(answer.header("location"), expected, "{to}");
    assert_eq!(
        answer.status,
        if expected.is_some() { 307 } else { 422 },
        "{to}"
    );
}

both! {
    async fn a_listed_url_is_a_redirect_target_until_it_is_not_listed(world: World) {
        let server = world.server();
        for url in ["my-app://oauth-callback", "com.example.app:/callback?x=1", "https://partner.example/cb"] {
            leads(&world, url, None).await;
            let made = list(&world, url).await;
            assert_eq!((&made["object"], &made["url"], &made["created_at"]), (&json!("redirect_url"), &json!(url), &json!(world.now().0)));
            assert!(made["id"].as_str().unwrap().starts_with("ru_"));
            leads(&world, url, Some(url)).await;
            let path = format!("/v1/redirect_urls/{}", made["id"].as_str().unwrap());
            assert_eq!(server.get(&path).await.ok(), made);
            assert_eq!(server.delete(&path).await.ok(), json!({ "object": "redirect_url", "id": made["id"], "deleted": true }));
            world.unchanged(server.get(&path)).await.refused(404, "resource_not_found");
            world.unchanged(server.delete(&path)).await.refused(404, "resource_not_found");
            leads(&world, url, None).await;
        }
    }

    async fn a_listed_url_is_that_url_and_nothing_near_it(world: World) {
        list(&world, "my-app://oauth-callback").await;
        list(&world, "https://partner.example/cb?a=1").await;
        for near in [
            "my-app://oauth-callback/", "my-app://oauth-callback?x=1", "my-app://oauth-callback#x", "my-app://oauth-callbackx", "my-app://OAuth-callback",
            "my-app:/oauth-callback", "my-app2://oauth-callback", "other://oauth-callback", "https://partner.example/", "https://partner.example/cb",
            "https://partner.example/cb?a=1&b=2", "https://partner.example/cb?a=1#x", "https://partner.example/cb/?a=1", "http://partner.example/cb?a=1",
            "https://partner.example:8443/cb?a=1", "https://x.partner.example/cb?a=1", "https://partner.example.evil.example/cb?a=1",
        ] {
            leads(&world, near, None).await;
        }
        // These are the same URL.
        leads(&world, "HTTPS://Partner.Example:443/cb?a=1", Some("https://partner.example/cb?a=1")).await;
        for trick in TRICKS {
            let path = format!("/v1/redirect?redirect_url={}", percent::encode(trick));
            let answer = world.browser().get(&path).await;
            assert!(answer.status == 422 && answer.header("location").is_none(), "{trick:?}");
        }
    }

    async fn a_listed_url_is_no_origin(world: World) {
        list(&world, "https://partner.example/").await;
        leads(&world, "https://partner.example", Some("https://partner.example/")).await;
        let foreign = world.browser().request("GET", "/v1/client").origin("https://partner.example").send().await;
        foreign.refused(400, "origin_invalid");
        assert!(foreign.header("access-control-allow-origin").is_none());
    }

    async fn a_handshake_goes_to_pages_only(world: World) {
        list(&world, "my-app://oauth-callback").await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let path = format!("/v1/client/handshake?format=nonce&redirect_url={}", percent::encode("my-app://oauth-callback"));
        let answer = world.unchanged(browser.get(&path)).await;
        answer.refused(422, "invalid_redirect_url redirect_url");
        assert!(answer.cookies.is_empty());
    }

    async fn what_can_be_no_redirect_target_is_not_listed(world: World) {
        let server = world.server();
        for (url, code) in [
            ("javascript:alert(1)", "prohibited_redirect_url url"),
            ("JavaScript://x/%0aalert(1)", "prohibited_redirect_url url"),
            ("javascript:/x", "prohibited_redirect_url url"),
            ("data:text/html,<script>", "prohibited_redirect_url url"),
            ("vbscript:x", "prohibited_redirect_url url"),
            ("file:///etc/passwd", "prohibited_redirect_url url"),
            ("blob:https://partner.example/x", "prohibited_redirect_url url"),
            ("intent://x#Intent;end", "prohibited_redirect_url url"),
            ("ftp://partner.example/", "prohibited_redirect_url url"),
            ("http://partner.example/", "invalid_redirect_url url"),
            ("https://", "invalid_redirect_url url"),
            ("https://a@partner.example/", "invalid_redirect_url url"),
            ("https://partner.example\\@evil.example/", "invalid_redirect_url url"),
            ("//partner.example/", "invalid_redirect_url url"),
            ("/cb", "invalid_redirect_url url"),
            ("partner.example", "invalid_redirect_url url"),
            ("https://*.partner.example/", "invalid_redirect_url url"),
            ("", "form_param_nil url"),
        ] {
            world.unchanged(server.post("/v1/redirect_urls", json!({ "url": url }))).await.refused(422, code);
        }
        world.unchanged(server.post("/v1/redirect_urls", json!({}))).await.refused(422, "form_param_missing url");
        world.unchanged(server.post("/v1/redirect_urls", json!({ "url": 1 }))).await.refused(422, "form_param_type_invalid url");
        world.unchanged(server.post("/v1/redirect_urls", json!({ "url": "x".repeat(3000) }))).await.refused(422, "form_param_max_length_exceeded url");
        world.unchanged(server.post("/v1/redirect_urls", json!({ "url": "my-app://x", "y": 1 }))).await.refused(422, "form_param_unknown y");
        // Native applications listen on this machine (RFC 8252 §7.3).
        list(&world, "http://127.0.0.1:51004/callback").await;
    }

    async fn a_url_is_listed_once(world: World) {
        let server = world.server();
        list(&world, "https://partner.example/cb").await;
        for same in ["https://partner.example/cb", "https://PARTNER.example:443/cb"] {
            world.unchanged(server.post("/v1/redirect_urls", json!({ "url": same }))).await.refused(400, "duplicate_record url");
        }
        let rivals: Vec<_> = (0..4).map(|_| { let server = server.clone(); tokio::spawn(async move { server.post("/v1/redirect_urls", json!({ "url": "my-app://x" })).await.status }) }).collect();
        let mut statuses = Vec::new();
        for rival in rivals { statuses.push(rival.await.unwrap()); }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400, 400, 400]);
    }

    async fn the_list_comes_in_pages_newest_first(world: World) {
        let server = world.server();
        let mut urls = Vec::new();
        for n in 0..12 {
            world.advance_ms(1000);
            urls.insert(0, list(&world, &format!("my-app://{n}")).await);
        }
        assert_eq!(server.get("/v1/redirect_urls").await.ok(), json!(urls[..10]));
        assert_eq!(server.get("/v1/redirect_urls?limit=2&offset=9").await.ok(), json!(urls[9..11]));
        assert_eq!(server.get("/v1/redirect_urls?paginated=true&limit=1").await.ok(), json!({ "data": [urls[0]], "total_count": 12 }));
        server.get("/v1/redirect_urls?limit=0").await.refused(422, "form_param_value_invalid limit");
    }

    async fn another_instances_list_is_not_this_ones(world: World) {
        let (there, other, _) = world.other_instance("other").await;
        let made = list(&world, "my-app://x").await;
        let path = format!("/v1/redirect_urls/{}", made["id"].as_str().unwrap());
        other.get(&path).await.refused(404, "resource_not_found");
        world.unchanged(other.delete(&path)).await.refused(404, "resource_not_found");
        assert_eq!(other.get("/v1/redirect_urls").await.ok(), json!([]));
        there.get("/v1/redirect?redirect_url=my-app%3A%2F%2Fx").await.refused(422, "redirect_url_not_associated_with_instance redirect_url");
        other.post("/v1/redirect_urls", json!({ "url": "my-app://x" })).await.ok();
    }

    async fn other_processes_follow(world: World) {
        let node = world.node(&[]).await;
        list(&world, "my-app://x").await;
        leads(&node, "my-app://x", None).await;
        assert!(node.app.reload().await.unwrap());
        leads(&node, "my-app://x", Some("my-app://x")).await;
    }
}
