//! Attacks through pages, scripts and what is around the API (ASVS 1.2, 2.1, 3.3.5, 3.5, 4.4, 6.3.2).
use crate::browser::PASSWORD;
use serde_json::{Value, json};
use usher_http::form::Place;
use usher_http::percent;
use usher_server::route::Api;

const PAGES: &[&str] = &[
    "/",
    "/sign-in",
    "/sign-up",
    "/user",
    "/organization",
    "/create-organization",
];

both! {
    async fn a_name_cannot_break_out_of_a_page(world: World) {
        // ASVS 1.2.1, 1.2.3; T17, T20, T25.
        let names = ["</script><script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'; alert(1); '", "{{nonce}}", "<!--", "a & b"];
        for name in names {
            world.settings(|s| s.application_name = name.to_owned()).await;
            let mut seen = 0;
            for page in PAGES {
                for query in ["", "?redirect_url=javascript%3Aalert(1)", "?redirect_url=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E", "?__clerk_status=%3Cscript%3E", "?error=%3Cscript%3Ealert(1)%3C%2Fscript%3E"] {
                    let answer = world.browser().get(&format!("{page}{query}")).await;
                    assert!(!answer.body.contains("<script>alert") && !answer.body.contains("<img src=x") && !answer.body.contains("javascript:alert"), "{page}{query}: {}", answer.body);
                    assert!(!answer.headers.iter().any(|(n, v)| n == "location" && v.starts_with("javascript")), "{page}{query}");
                    seen += usize::from(answer.content_type.starts_with("text/html"));
                }
            }
            assert!(seen > 5, "{seen}");
        }
    }

    async fn each_page_has_a_nonce_of_its_own(world: World) {
        // ASVS 3.4.3.
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..5 {
            let answer = world.browser().get("/sign-in").await;
            let policy = answer.header("content-security-policy").unwrap().to_owned();
            let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
            assert!(nonce.len() >= 16 && answer.body.contains(&nonce), "{policy}");
            assert!(seen.insert(nonce));
        }
    }

    async fn data_is_never_served_as_a_script(world: World) {
        // ASVS 3.5.6, 3.5.7: no call-back wraps an answer, and scripts are the same for everybody.
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        for path in ["/v1/client", "/v1/me", "/v1/environment", "/.well-known/jwks.json"] {
            for name in ["callback", "jsonp", "cb", "_callback"] {
                let answer = browser.get(&format!("{path}?{name}=alert")).await;
                assert!(answer.content_type == "application/json" && !answer.body.contains("alert"), "{}", answer.asked);
                let _json: Value = answer.json();
            }
        }
        let script = "/npm/@clerk/clerk-js@6/dist/clerk.browser.js";
        let (mine, anybodys) = (browser.get(script).await, world.browser().get(script).await);
        assert_eq!((mine.status, &mine.body), (anybodys.status, &anybodys.body));
        assert!(mine.cookies.is_empty() && !mine.body.contains(&session));
    }

    async fn no_connection_is_upgraded_and_no_query_language_is_spoken(world: World) {
        // ASVS 4.3, 4.4: there is neither GraphQL nor a WebSocket.
        let browser = world.browser();
        for path in ["/", "/v1/client", "/ws", "/socket", "/graphql", "/v1/graphql"] {
            let request = browser.request("GET", path).header("connection", "Upgrade").header("upgrade", "websocket").header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            let answer = request.send().await;
            assert!(answer.status != 101 && answer.header("sec-websocket-accept").is_none(), "{path}");
        }
        for path in ["/graphql", "/v1/graphql"] {
            let query = browser.request("POST", path).body("application/json", "{\"query\":\"{__schema{types{name}}}\"}");
            query.send().await.refused(404, "resource_not_found");
        }
    }

    async fn no_cookie_is_larger_than_browsers_keep(world: World) {
        // ASVS 3.3.5: the longest origin makes the longest token.
        let label = "a".repeat(60);
        let origin = format!("https://{label}.{label}.{label}.example");
        world.settings(|s| s.allowed_origins = vec![origin.clone()]).await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let answer = browser.at(&origin).get(&format!("/v1/client/handshake?redirect_url={}&format=nonce", percent::encode(&format!("{origin}/")))).await;
        let nonce = answer.cookie_value("__clerk_handshake_nonce").unwrap();
        let payload = world.server().get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await.ok();
        let lines = payload["directives"].as_array().unwrap();
        assert!(lines.len() >= 5);
        for line in lines.iter().map(|l| l.as_str().unwrap()).chain(answer.cookies.iter().map(String::as_str)) {
            assert!(line.split(';').next().unwrap().len() < 4096, "{line}");
        }
        assert!(answer.header("location").unwrap().len() < 8000);
    }

    async fn there_is_nobody_before_somebody_signs_up(world: World) {
        // ASVS 6.3.2, 13.2.3; T47: no account, no key and no open door comes with the installation.
        assert_eq!((world.count("users").await, world.count("sessions").await, world.count("clients").await), (0, 0, 0));
        for (name, password) in [("admin", "admin"), ("admin@example.com", "password"), ("root", "root"), ("test@example.com", PASSWORD), ("usher", "usher")] {
            let answer = world.browser().sign_in_with_password(name, password).await;
            answer.refused(422, "form_identifier_not_found identifier");
        }
        for key in ["sk_test_", "sk_live_", "sk_test_usher", "sk_live_0000000000000000000000000000000000000000000", "admin", "secret"] {
            let answer = world.server().header("authorization", format!("Bearer {key}")).get("/v1/users").await;
            answer.refused(401, "clerk_key_invalid");
        }
        for path in ["/setup", "/install", "/v1/setup", "/v1/admin", "/v1/bootstrap"] {
            assert_eq!(world.browser().request("POST", path).send().await.status, 404, "{path}");
        }
    }

    async fn the_documents_list_every_field_with_its_bounds(world: World) {
        // ASVS 2.1.1: what is refused is written down, from the same table that refuses it.
        for api in [Api::Fapi, Api::Bapi] {
            let document = world.browser().get(&format!("/openapi/{}.json", api.word())).await.ok();
            let mut seen = 0;
            for op in usher_server::operations().filter(|op| op.api == api) {
                let entry = &document["paths"][op.path][op.method.to_lowercase()];
                assert!(entry.is_object(), "{} {}", op.method, op.path);
                let text = entry.to_string();
                for field in op.fields {
                    assert!(text.contains(&format!("\"{}\"", field.name)), "{}: {}", op.path, field.name);
                    if field.place == Place::Query {
                        let listed = entry["parameters"].as_array().unwrap().iter().any(|p| p["name"] == field.name || p["name"] == format!("{}[]", field.name));
                        assert!(listed, "{}: {}", op.path, field.name);
                    }
                    seen += 1;
                }
            }
            assert!(seen > 30, "{seen}");
        }
        assert_eq!(json!(world.count("users").await), 0);
    }
}
