//! Where a request may come from (contract fapi §3.7; promise P2; OWASP CSRF).
use usher_server::route::{Api, Guard};

/// Every state-changing operation of the Frontend API, with something in the place of each parameter.
/// What changes something, but for where a provider's page posts a browser back to: that is another origin by design, and does
/// nothing by itself (`social_attacks.rs`).
fn changing() -> Vec<(&'static str, String)> {
    let ops = usher_server::operations()
        .filter(|op| op.api == Api::Fapi && op.method != "GET" && op.path != "/v1/oauth_callback");
    ops.map(|op| {
        (
            op.method,
            op.path
                .split('/')
                .map(|p| if p.starts_with('{') { "x" } else { p })
                .collect::<Vec<_>>()
                .join("/"),
        )
    })
    .collect()
}

const FOREIGN: &[&str] = &[
    "https://evil.example",
    "null",
    "",
    "http://localhost.evil.example",
    "http://evil.localhost.example:8787",
    "http://127.0.0.1.evil.example",
    "file://",
    "http://localhost:8787@evil.example",
];

both! {
    async fn a_foreign_origin_changes_nothing_by_any_operation(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let ops = changing();
        assert!(ops.len() > 20, "{}", ops.len());
        for (method, path) in ops {
            for path in [path.clone(), path.replace("/x", &format!("/{session}"))] {
                let answer = world.unchanged(browser.request(method, &path).origin("https://evil.example").form(&[("first_name", "Eve")]).send()).await;
                answer.refused(400, "origin_invalid");
                assert!(answer.header("access-control-allow-origin").is_none() && answer.cookies.is_empty(), "{}", answer.asked);
            }
        }
        browser.mint(&session).await.ok();
    }

    async fn no_foreign_origin_is_taken_for_ours(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        for origin in FOREIGN {
            let answer = world.unchanged(browser.request("DELETE", "/v1/client/sessions").no_origin().header("origin", origin).send()).await;
            answer.refused(400, "origin_invalid");
            let read = browser.request("GET", "/v1/client").no_origin().header("origin", origin).send().await;
            assert!(read.header("access-control-allow-origin").is_none(), "{origin}");
            read.refused(400, "origin_invalid");
        }
    }

    async fn p2_cross_site_forms_in_development(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "application/json"] {
            for method in ["POST", "PATCH", "PUT", "DELETE"] {
                for path in ["/v1/client", "/v1/client/sessions", "/v1/me"] {
                    let request = browser.request("POST", &format!("{path}?_method={method}")).origin("https://evil.example").body(kind, "first_name=Eve");
                    let answer = world.unchanged(request.send()).await;
                    assert!((400..500).contains(&answer.status), "{}: {}", answer.asked, answer.body);
                }
            }
        }
    }

    async fn a_cookie_without_any_statement_of_origin_changes_nothing(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        for (method, path) in changing() {
            world.unchanged(browser.request(method, &path).no_origin().send()).await.refused(400, "origin_missing");
        }
        for site in ["cross-site", "same-site", "none", "Same-Origin"] {
            let answer = world.unchanged(browser.request("DELETE", "/v1/client/sessions").no_origin().header("sec-fetch-site", site).send()).await;
            assert!(matches!(answer.codes()[0].as_str(), "origin_missing" | "origin_invalid"), "{site}: {}", answer.body);
            assert_eq!(answer.status, 400);
        }
        world.unchanged(browser.request("DELETE", "/v1/client/sessions").no_origin().header("referer", "https://evil.example/x").send()).await.refused(400, "origin_invalid");
        world.unchanged(browser.request("DELETE", "/v1/client/sessions").no_origin().header("referer", "http://localhost:8787@evil.example/").send()).await.refused(400, "origin_invalid");
        let path = format!("/v1/client/sessions/{session}/tokens");
        browser.request("POST", &path).no_origin().header("referer", "http://localhost:8787/page").send().await.ok();
        browser.request("POST", &path).no_origin().header("sec-fetch-site", "same-origin").send().await.ok();
    }

    async fn two_origins_are_none(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        world.unchanged(browser.request("DELETE", "/v1/client/sessions").header("origin", "https://evil.example").send()).await.refused(400, "origin_invalid");
        world.unchanged(browser.request("DELETE", "/v1/client/sessions").header("origin", "http://localhost:8787").send()).await.refused(400, "origin_invalid");
    }

    async fn a_same_origin_fetch_does_not_outweigh_a_foreign_origin(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let request = browser.request("DELETE", "/v1/client/sessions").origin("https://evil.example").header("sec-fetch-site", "same-origin").header("referer", "http://localhost:8787/");
        world.unchanged(request.send()).await.refused(400, "origin_invalid");
    }

    async fn p2_cors_in_development(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        world.settings(|s| s.allowed_origins = vec!["https://app.example.org".to_owned()]).await;
        for origin in ["http://localhost:8787", "http://localhost:3000", "http://127.0.0.1:5173", "http://app.localhost:1", "http://[::1]:3000", "https://app.example.org"] {
            let answer = browser.request("GET", "/v1/client").origin(origin).send().await;
            answer.ok();
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
            assert_eq!(answer.header("vary"), Some("Origin"));
            assert!(answer.header("access-control-expose-headers").unwrap().contains("Clerk-Db-Jwt"));
        }
        for origin in ["http://app.example.org", "https://app.example.org:8443", "https://example.org", "https://evil.app.example.org", "https://app.example.org.evil.example", "https://xapp.example.org"] {
            let answer = browser.request("GET", "/v1/client").origin(origin).send().await;
            answer.refused(400, "origin_invalid");
            assert!(answer.header("access-control-allow-origin").is_none() && answer.header("access-control-allow-credentials").is_none(), "{origin}");
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
    }

    async fn a_preflight_allows_what_the_sdks_need_to_those_who_may(world: World) {
        let browser = world.browser();
        let answer = browser.request("OPTIONS", "/v1/client").header("access-control-request-method", "PATCH").send().await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("http://localhost:8787")));
        assert!(answer.header("access-control-allow-headers").unwrap().contains("Authorization"));
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            assert!(answer.header("access-control-allow-methods").unwrap().contains(method));
        }
        let foreign = browser.request("OPTIONS", "/v1/client").origin("https://evil.example").send().await;
        for header in ["access-control-allow-origin", "access-control-allow-headers", "access-control-allow-methods", "access-control-allow-credentials"] {
            assert!(foreign.header(header).is_none(), "{header}");
        }
    }

    async fn what_everybody_may_read_is_open_but_never_with_credentials(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        for op in usher_server::operations().filter(|op| op.guard == Guard::Public && op.method == "GET") {
            let query = if op.path.contains("proxy") { "?domain_id=x" } else { "" };
            let answer = world.unchanged(browser.request("GET", &format!("{}{query}", op.path)).origin("https://evil.example").send()).await;
            answer.ok();
            assert!(answer.header("access-control-allow-credentials").is_none() && answer.cookies.is_empty(), "{}", answer.asked);
        }
    }

    production async fn production_knows_its_own_domain_by_name_and_scheme(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        for origin in ["https://app.example.com", "https://example.com", "https://a.b.example.com", "https://clerk.example.com", "https://accounts.example.com", "https://app.example.com:443"] {
            browser.request("GET", "/v1/client").origin(origin).send().await.ok();
        }
        for origin in [
            "https://evil-example.com", "https://example.com.evil.com", "http://app.example.com", "http://example.com", "https://app.example.com:8443", "https://evil.com", "https://github.io",
            "https://examplexcom", "https://com", "http://localhost:3000", "https://localhost", "null", "https://user@app.example.com", "https://app.example.com\u{2e}evil.com", "https://EVIL.com?.example.com", "https://evil.com#.example.com",
        ] {
            let answer = world.unchanged(browser.request("DELETE", "/v1/client/sessions").origin(origin).send()).await;
            answer.refused(400, "origin_invalid");
            assert!(answer.header("access-control-allow-origin").is_none());
        }
    }

    production async fn a_neighbour_under_a_public_suffix_is_a_stranger(world: World) {
        let tools_host = "clerk.ada.github.io";
        let (_, _, instance) = world.other_instance("placeholder").await;
        usher_db_host(&world, &instance, tools_host).await;
        let browser = crate::browser::Browser::new(&world, tools_host, "https://ada.github.io");
        browser.request("GET", "/v1/client").origin("https://ada.github.io").send().await.ok();
        browser.request("GET", "/v1/client").origin("https://www.ada.github.io").send().await.ok();
        for origin in ["https://eve.github.io", "https://github.io", "https://eve.ada-github.io"] {
            browser.request("GET", "/v1/client").origin(origin).send().await.refused(400, "origin_invalid");
        }
    }
}

/// Moves an instance to another host.
async fn usher_db_host(
    world: &crate::world::World,
    instance: &usher_server::instances::Instance,
    host: &str,
) {
    use usher_server::instances::{keys, store};
    let write = async || {
        usher_db::write_tx!(world.app.db, instance.row.id.as_str(), tx => {
            store::update_host(&mut tx, &instance.row.id, host, &keys::publishable(host), "production", world.now()).await?;
            Ok::<_, usher_types::Error>(())
        })
    };
    write().await.unwrap();
    assert!(world.app.reload().await.unwrap());
}
