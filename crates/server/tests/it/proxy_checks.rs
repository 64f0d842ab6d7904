//! Whether the Frontend API answers through an application's own proxy (contract bapi §2.12).
use crate::peer::{self, Peer};
use crate::world::World;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

async fn primary(world: &World) -> Value {
    world.server().get("/v1/domains").await.ok()["data"][0]["id"].clone()
}

both! {
    async fn a_proxy_is_well_where_the_frontend_api_answers_through_it(world: World) {
        let (peer, listener) = Peer::bind().await;
        let says = Arc::new(Mutex::new(peer::answer(200, r#"{"status":"healthy","x_forwarded_for":null}"#)));
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (answer, notes) = (says.clone(), seen.clone());
        Peer::serve(listener, move |asked| {
            notes.lock().unwrap().push(asked.head);
            let said = answer.lock().unwrap().clone();
            async { Some(said) }
        });
        let client = peer.client();
        let world = world.restarted(|o| o.outbound = client).await;
        let domain = primary(&world).await;
        let url = format!("{}/__clerk/", peer.url());
        let body = json!({ "domain_id": domain, "proxy_url": url });
        let server = world.server();
        let checked = world.unchanged(server.post("/v1/proxy_checks", body.clone())).await.ok();
        assert_eq!((&checked["object"], &checked["domain_id"], &checked["proxy_url"], &checked["successful"]), (&json!("proxy_check"), &domain, &json!(url), &json!(true)));
        let head = seen.lock().unwrap()[0].clone();
        assert!(head.starts_with(&format!("GET /__clerk/v1/proxy-health?domain_id={} ", domain.as_str().unwrap())), "{head}");
        assert!(!head.to_lowercase().contains("authorization") && !head.contains("sk_"), "{head}");
        for broken in [
            peer::answer(500, r#"{"status":"healthy"}"#),
            peer::answer(200, r#"{"status":"ill"}"#),
            peer::answer(200, "<html>secret of the inside</html>"),
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ] {
            *says.lock().unwrap() = broken;
            let refused = world.unchanged(server.post("/v1/proxy_checks", body.clone())).await;
            refused.refused(422, "invalid_proxy_configuration proxy_url");
            assert!(!refused.body.contains("inside"));
        }
    }

    async fn a_check_looks_nowhere_that_the_server_may_not_ask(world: World) {
        let (_, other, _) = world.other_instance("other").await;
        let server = world.server();
        let domain = primary(&world).await;
        for url in ["http://127.0.0.1:1/", "https://localhost/__clerk", "https://169.254.169.254/", "ftp://example.com/", "example.com", "https://user:secret@example.com/", "https://example.com/?x=1", "https://example.com/#x", ""] {
            let body = json!({ "domain_id": domain, "proxy_url": url });
            let refused = world.unchanged(server.post("/v1/proxy_checks", body)).await;
            refused.refused(422, if url.is_empty() { "form_param_nil proxy_url" } else { "invalid_proxy_configuration proxy_url" });
        }
        let body = json!({ "domain_id": domain, "proxy_url": "https://example.com" });
        world.unchanged(other.post("/v1/proxy_checks", body)).await.refused(404, "resource_not_found domain_id");
    }
}
