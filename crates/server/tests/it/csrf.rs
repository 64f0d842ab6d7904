//! What other sites can make a browser do: nothing (promise P2; contract fapi §3.7; OWASP CSRF).
use crate::browser::Browser;
use crate::edge::filled;
use serde_json::json;
use usher_server::route::{Api, Guard, Op};

/// GETs that leave something behind, with what they may write. Each needs what only its own protocol gives.
const PROTOCOL: &[(&str, &[&str])] = &[("/v1/client/handshake", &["handshakes", "refresh_tokens"])];

/// Where the links of mails lead. It changes nothing, and leads where the ticket says, which only the operator makes
/// (`invitations.rs`).
const TICKETS: &str = "/v1/tickets/accept";
const AGENTS: &str = "/v1/agents/tasks";
/// It does nothing but in the browser that asked for the link (`email_links.rs`).
const LINKS: &str = "/v1/verify";

/// How a client gets to a satellite: on the primary, a link for a satellite of the instance's; nothing without one (`satellites.rs`).
const SYNC: &str = "/v1/client/sync";
const LINK: &str = "/v1/client/link";

/// Where providers send browsers back to, and where their pages post the same: the one does nothing without the state of this
/// browser, the other nothing at all (`social_attacks.rs`).
const PROVIDERS: &str = "/v1/oauth_callback";

fn operations(unsafe_ones: bool) -> impl Iterator<Item = &'static Op> {
    usher_server::operations()
        .filter(move |op| op.api == Api::Fapi && (op.method != "GET") == unsafe_ones)
}

/// A target of an operation that would do something if it were let.
fn target(op: &Op, session: &str, address: &str) -> String {
    let path = op
        .path
        .replace("{session_id}", session)
        .replace("{email_id}", address);
    let query = if ["redirect", "handshake", "touch"]
        .iter()
        .any(|word| op.path.contains(word))
    {
        "?redirect_url=https%3A%2F%2Fapp.example.com%2F"
    } else if [SYNC, LINK].contains(&op.path) {
        "?redirect_url=https%3A%2F%2Fapp.example.com%2F&link_domain=x&link_nonce=x&__clerk_token=x"
    } else if [TICKETS, AGENTS].contains(&op.path) {
        "?ticket=x"
    } else if op.path == LINKS {
        "?token=x"
    } else {
        "?domain_id=x"
    };
    format!("{}{query}", filled(&path))
}

async fn primary_address(browser: &Browser) -> String {
    let me = browser.get("/v1/me").await.response();
    me["primary_email_address_id"].as_str().unwrap().to_owned()
}

both! {
    production async fn p2_cross_site_forms(world: World) {
        world.settings(|s| s.allowed_subdomains = vec!["app.example.com".to_owned()]).await;
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let address = primary_address(&browser).await;
        let origins = [Some("https://evil.example"), Some("null"), None, Some("https://blog.example.com"), Some("http://app.example.com"), Some("https://app.example.com:8443")];
        let before = world.snapshot().await;
        let mut asked = 0;
        for op in operations(true).filter(|op| op.path != PROVIDERS) {
            for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"] {
                for method in [None, Some("PATCH"), Some("PUT"), Some("DELETE"), Some(op.method)] {
                    for origin in origins {
                        let target = target(op, &session, &address);
                        let tunnel = method.map(|m| format!("&_method={m}")).unwrap_or_default();
                        let request = browser.request("POST", &format!("{target}{tunnel}")).no_origin().body(kind, "first_name=Eve&password=evil+horse+9");
                        let request = match origin {
                            Some(origin) => request.origin(origin),
                            None => request,
                        };
                        let answer = request.send().await;
                        assert!((400..500).contains(&answer.status), "{origin:?} {}: {} {}", answer.asked, answer.status, answer.body);
                        assert!(answer.header("access-control-allow-origin").is_none() && answer.cookies.is_empty(), "{}", answer.asked);
                        asked += 1;
                    }
                }
            }
        }
        assert!(asked > 2000, "{asked}");
        assert_eq!(world.snapshot().await, before);
        browser.mint(&session).await.ok();
    }

    production async fn p2_get_is_safe(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let address = primary_address(&browser).await;
        for op in operations(false) {
            let allowed = PROTOCOL.iter().find(|(path, _)| *path == op.path).map_or(&[][..], |(_, tables)| tables);
            for (method, more) in [("GET", ""), ("HEAD", ""), ("GET", "&_method=DELETE"), ("GET", "&_method=POST")] {
                let request = browser.request(method, &format!("{}{more}", target(op, &session, &address))).header("sec-fetch-site", "same-origin");
                let answer = world.changes_only(allowed, request.send()).await;
                assert!(answer.status < 500, "{}: {}", answer.asked, answer.body);
            }
        }
        browser.mint(&session).await.ok();
    }

    production async fn p2_get_is_safe_for_pages_of_other_sites(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let address = primary_address(&browser).await;
        for op in operations(false).filter(|op| op.guard != Guard::Public) {
            for mode in ["no-cors", "cors", "navigate"] {
                let request = browser.request("GET", &target(op, &session, &address)).header("sec-fetch-site", "cross-site").header("sec-fetch-mode", mode);
                let answer = request.send().await;
                if op.navigated && mode == "navigate" && [TICKETS, AGENTS].contains(&op.path) {
                    answer.refused(400, if op.path == AGENTS { "ticket_invalid_code ticket" } else { "ticket_invalid_code" });
                } else if op.navigated && mode == "navigate" && op.path == LINKS {
                    answer.refused(400, "verification_link_token_invalid token");
                } else if op.navigated && mode == "navigate" && op.path == SYNC {
                    answer.refused(404, "resource_not_found link_domain");
                } else if op.navigated && mode == "navigate" && op.path == LINK {
                    answer.refused(403, "operation_not_allowed_on_primary_domain");
                } else if op.navigated && mode == "navigate" && op.path == PROVIDERS {
                    answer.refused(400, "oauth_callback_invalid");
                } else if op.navigated && mode == "navigate" {
                    assert_eq!(answer.status, 307, "{}: {}", answer.asked, answer.body);
                } else {
                    answer.refused(400, "origin_invalid");
                }
            }
        }
        // Each of these says where it leads, and leads to the instance's own origins only.
        let navigated: Vec<&str> = operations(false).filter(|op| op.navigated).map(|op| op.path).collect();
        assert_eq!(navigated, ["/v1/redirect", "/v1/client/handshake", "/v1/client/touch", SYNC, LINK, TICKETS, LINKS, AGENTS, PROVIDERS]);
        for path in ["/v1/redirect", "/v1/client/handshake", "/v1/client/touch"] {
            let answer = world.unchanged(browser.get(&format!("{path}?redirect_url=https%3A%2F%2Fevil.example%2F"))).await;
            answer.refused(422, "redirect_url_not_associated_with_instance redirect_url");
        }
    }

    production async fn p2_get_is_safe_and_nobody_is_signed_out_from_elsewhere(world: World) {
        world.settings(|s| s.allowed_subdomains = vec!["app.example.com".to_owned()]).await;
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let ask = async |site: &str, dest: &str, page: Option<&str>| {
            let request = browser.request("GET", "/v1/clear-site-data").header("sec-fetch-site", site).header("sec-fetch-mode", "navigate").header("sec-fetch-dest", dest);
            let request = match page {
                Some(page) => request.header("referer", page),
                None => request,
            };
            world.unchanged(request.send()).await
        };
        for (site, dest, page) in [
            ("cross-site", "document", Some("https://app.example.com/")), ("", "document", None), ("x", "document", None), ("same-site", "document", None), ("same-site", "document", Some("https://blog.example.com/")),
            ("same-site", "image", Some("https://app.example.com/")), ("same-origin", "image", None), ("same-origin", "iframe", None), ("none", "", None),
        ] {
            let answer = ask(site, dest, page).await;
            answer.refused(400, "origin_invalid");
            assert!(answer.header("clear-site-data").is_none(), "{site} {dest} {page:?}");
        }
        for (site, dest, page) in [("same-origin", "empty", None), ("none", "document", None), ("same-site", "empty", Some("https://app.example.com/x")), ("same-site", "document", Some("https://app.example.com/"))] {
            let answer = ask(site, dest, page).await;
            assert_eq!((answer.status, answer.header("clear-site-data")), (200, Some("\"*\"")), "{site} {dest} {page:?}");
        }
        browser.mint(&session).await.ok();
    }

    production async fn p2_cors(world: World) {
        world.settings(|s| {
            s.allowed_origins = vec!["https://app.partner.org".to_owned(), "https://dev.partner.org:8443".to_owned()];
            s.allowed_subdomains = vec!["app.example.com".to_owned()];
        }).await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let matrix = [
            ("https://example.com", true), ("https://app.example.com", true), ("https://app.example.com:443", true), ("https://clerk.example.com", true), ("https://accounts.example.com", true),
            ("https://app.partner.org", true), ("https://dev.partner.org:8443", true),
            ("https://blog.example.com", false), ("https://a.app.example.com", false), ("https://app.example.com.evil.example", false), ("https://evil-example.com", false), ("https://xexample.com", false),
            ("http://example.com", false), ("http://app.example.com", false), ("https://app.example.com:8443", false), ("https://app.example.com:80", false), ("http://app.partner.org", false),
            ("https://app.partner.org:8443", false), ("https://dev.partner.org", false), ("https://partner.org", false), ("null", false), ("file://", false), ("http://localhost:3000", false),
            ("https://user@app.example.com", false), ("https://example.co.uk", false), ("https://com", false),
        ];
        assert_eq!(matrix.len(), 26);
        for (origin, allowed) in matrix {
            let read = browser.request("GET", "/v1/client").origin(origin).send().await;
            let asked = browser.request("OPTIONS", "/v1/client").origin(origin).header("access-control-request-method", "PATCH").send().await;
            for answer in [&read, &asked] {
                assert_eq!(answer.header("access-control-allow-origin"), allowed.then_some(origin), "{origin} {}", answer.asked);
                assert_eq!(answer.header("access-control-allow-credentials"), allowed.then_some("true"), "{origin} {}", answer.asked);
                assert_eq!(answer.header("vary"), Some("Origin"));
            }
            assert_eq!(read.status == 200, allowed, "{origin}: {}", read.body);
            assert!(allowed || !read.body.contains("ada@example.com"), "{origin}");
        }
        browser.request("GET", "/v1/client").origin("https://blog.example.com").send().await.refused(403, "subdomain_not_allowed");
    }

    async fn p2_login_csrf(world: World) {
        let eve_user = world.user_without_password("eve@example.com").await;
        let (eve, victim) = (world.browser(), world.browser());
        victim.post("/v1/client", &[]).await.ok();
        // The attacker's own code, brought to the victim's browser, finishes nothing there.
        let sign_in = eve.pending_sign_in("eve@example.com").await;
        let code = world.code("eve@example.com").await;
        world.unchanged(victim.attempt_code(&sign_in, &code)).await.refused(404, "resource_not_found");
        let sign_up = eve.pending_sign_up("mallory@example.com").await;
        let code = world.code("mallory@example.com").await;
        world.unchanged(victim.attempt_sign_up(&sign_up, &code)).await.refused(404, "resource_not_found");
        // Neither does a form of another site that carries the attacker's own password.
        for path in ["/v1/client/sign_ins", "/v1/client/sign_ups"] {
            let form = victim.request("POST", path).origin("https://evil.example").form(&[("identifier", "eve@example.com"), ("password", "x")]);
            world.unchanged(form.send()).await.refused(400, "origin_invalid");
        }
        assert_eq!(victim.client().await["sessions"], json!([]));
        assert!(!eve_user.id.is_empty());
    }

    production async fn an_origin_and_an_authorization_together_are_refused(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let jwt = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        for target in ["/v1/me", "/v1/me?_is_native=1"] {
            let answer = world.unchanged(browser.request("PATCH", target).header("authorization", &jwt).form(&[("first_name", "Eve")]).send()).await;
            answer.refused(400, "origin_authorization_headers_conflict");
        }
    }

    production async fn p1_native_flag(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        // A script that asks as a program would gets nothing by the cookie: neither an answer nor a token in a header.
        for (method, path) in [("GET", "/v1/me".to_owned()), ("POST", format!("/v1/client/sessions/{session}/tokens"))] {
            let answer = world.unchanged(browser.request(method, &format!("{path}?_is_native=1")).send()).await;
            answer.refused(401, "authentication_invalid");
            assert!(answer.header("authorization").is_none());
        }
        let client = world.unchanged(browser.request("GET", "/v1/client?_is_native=1").send()).await;
        assert!(client.response().is_null() && client.cookies.is_empty() && client.header("authorization").is_none(), "{}", client.body);
        world.unchanged(browser.request("GET", "/v1/client?_is_native=1").origin("https://app.example.com").header("authorization", "x").send()).await.refused(400, "origin_authorization_headers_conflict");
        browser.mint(&session).await.ok();
    }
}
