//! The cookies themselves: their attributes, who can use them, what a neighbour can do with them (promises P1, P2, P3, P8;
//! decision 0013).
use crate::answer::decode;
use crate::browser::{Browser, PASSWORD};
use crate::edge::filled;
use serde_json::json;
use usher_server::route::Api;

/// The cookies of an answer, as (name, attributes).
fn parts(line: &str) -> (&str, Vec<&str>) {
    let mut parts = line.split("; ");
    (
        parts.next().unwrap().split('=').next().unwrap(),
        parts.collect(),
    )
}

/// Holds every cookie of an answer against promises P1, P2 and P8.
fn hold(answer: &crate::answer::Answer) -> usize {
    for line in &answer.cookies {
        let (name, attributes) = parts(line);
        let has = |a: &str| attributes.contains(&a);
        assert!(
            has("SameSite=Lax") && has("Secure") && has("Path=/"),
            "{}: {line}",
            answer.asked
        );
        let age = attributes
            .iter()
            .find_map(|a| a.strip_prefix("Max-Age="))
            .unwrap()
            .parse::<i64>()
            .unwrap();
        assert!((0..=400 * 24 * 3600).contains(&age), "{line}");
        if !name.starts_with("__client_uat") {
            assert!(has("HttpOnly"), "{}: {line}", answer.asked);
        }
        let domain = attributes.iter().find_map(|a| a.strip_prefix("Domain="));
        let shared = name.starts_with("__client_uat") || name.starts_with("__clerk_handshake");
        assert_eq!(
            domain,
            shared.then_some("example.com"),
            "{}: {line}",
            answer.asked
        );
    }
    answer.cookies.len()
}

/// A signed-in browser, and an attacker's with a live client of its own.
async fn victim_and_attacker(world: &crate::world::World) -> (Browser, String, Browser, String) {
    let (victim, _, session) = world.signed_in("ada@example.com").await;
    let (attacker, _, theirs) = world.signed_in("eve@example.com").await;
    (victim, session, attacker, theirs)
}

both! {
    production async fn p1_httponly(world: World) {
        world.user("ada@example.com").await;
        let browser = world.browser();
        let mut seen = hold(&browser.sign_in_with_password("ada@example.com", PASSWORD).await);
        let session = browser.session_ids().await.remove(0);
        seen += hold(&browser.get("/v1/client/handshake?redirect_url=https%3A%2F%2Fapp.example.com%2F&format=nonce").await);
        seen += hold(&browser.get("/v1/client/handshake?redirect_url=https%3A%2F%2Fapp.example.com%2F").await);
        for op in usher_server::operations().filter(|op| op.api == Api::Fapi) {
            let path = filled(&op.path.replace("{session_id}", &session));
            let one = browser.thief();
            let answer = one.request(op.method, &path).form(&[("password", PASSWORD), ("identifier", "ada@example.com")]).send().await;
            seen += hold(&answer);
        }
        assert!(seen > 12, "{seen}");
    }

    production async fn p2_samesite_explicit(world: World) {
        let browser = world.browser();
        let id = browser.pending_sign_up("ada@example.com").await;
        let done = browser.attempt_sign_up(&id, &world.code("ada@example.com").await).await;
        let gone = browser.delete("/v1/client").await;
        for answer in [&done, &gone] {
            assert!(answer.cookies.len() >= 4, "{:?}", answer.cookies);
            for line in &answer.cookies {
                assert_eq!(line.matches("SameSite=").count(), 1, "{line}");
                assert!(line.contains("; SameSite=Lax") && !line.contains("Partitioned"), "{line}");
            }
        }
    }

    production async fn p1_window(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let jwt = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        let claims = decode(&jwt).1;
        assert_eq!(claims["exp"].as_i64().unwrap() - world.now().secs(), 60);
        let server = world.server();
        server.post("/v1/clients/verify", json!({ "token": jwt })).await.ok();
        server.post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok();
        browser.mint(&session).await.refused(401, "authentication_invalid");
        server.post("/v1/clients/verify", json!({ "token": jwt })).await.refused(400, "invalid_session_token token");
        world.advance_secs(60);
        let (other, _, live) = world.signed_in("bob@example.com").await;
        let jwt = other.mint(&live).await.ok()["jwt"].as_str().unwrap().to_owned();
        world.advance_secs(60);
        server.post("/v1/clients/verify", json!({ "token": jwt })).await.refused(400, "invalid_session_token token");
    }

    production async fn p3_planted_cookie(world: World) {
        let attacker = world.browser();
        attacker.post("/v1/client", &[]).await.ok();
        world.user_without_password("ada@example.com").await;
        let victim = attacker.thief();
        let session = victim.sign_in("ada@example.com").await;
        assert_ne!(victim.cookie("__client"), attacker.cookie("__client"));
        assert_eq!(attacker.thief().client().await, json!(null));
        attacker.mint(&session).await.refused(401, "authentication_invalid");
        victim.mint(&session).await.ok();
    }

    production async fn p3_no_client_chosen_ids(world: World) {
        world.user("ada@example.com").await;
        let chosen = format!("client_{}", "a".repeat(27));
        let session = format!("sess_{}", "b".repeat(27));
        let token = "c".repeat(43);
        let browser = world.browser();
        browser.plant("__client", &token);
        browser.plant("__Host-usher_binding", &token);
        let fields = [("identifier", "ada@example.com"), ("password", PASSWORD), ("id", chosen.as_str()), ("client_id", chosen.as_str()), ("session_id", session.as_str()), ("created_session_id", session.as_str()), ("rotating_token", token.as_str())];
        let done = browser.request("POST", &format!("/v1/client/sign_ins?rotating_token={token}&client_id={chosen}&_clerk_session_id={session}")).form(&fields).send().await;
        let made = done.response();
        assert_eq!(made["status"], "complete");
        assert_ne!(made["created_session_id"], session.as_str());
        assert_ne!(done.cookie_value("__client"), Some(token.as_str()));
        let all = format!("{:?}", world.snapshot().await);
        assert!(!all.contains(&chosen) && !all.contains(&session), "{all}");
    }

    production async fn p3_stale_tokens_are_dead_on_every_node(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let other = world.node(&[]).await;
        let mut there = browser.thief();
        there.world = other.clone();
        there.mint(&session).await.ok();
        browser.delete("/v1/client/sessions").await.ok();
        there.mint(&session).await.refused(401, "authentication_invalid");
        assert_eq!(there.client().await, json!(null));
        // And the other way round: what the second node rotated is dead on the first. The second mail is the newer one.
        world.advance_ms(1);
        let again = browser.sign_in("ada@example.com").await;
        let stale = browser.thief();
        let mut here = browser.clone();
        here.world = other;
        here.delete("/v1/client/sessions").await.ok();
        stale.mint(&again).await.refused(401, "authentication_invalid");
    }

    production async fn p8_tossing(world: World) {
        let (victim, session, attacker, theirs) = victim_and_attacker(&world).await;
        let planted = attacker.cookie("__client").unwrap();
        let acts_as = async |browser: &Browser| browser.client().await["sessions"][0]["id"].clone();
        // Beside the victim's own cookie, in front of it, and many at once.
        for copies in [1, 2, 6, 60] {
            let victim = victim.thief();
            for n in 1..copies {
                victim.toss("__client", &format!("{n:043}"));
            }
            victim.toss("__client", &planted);
            assert_eq!(acts_as(&victim).await, session.as_str(), "{copies}");
            victim.mint(&theirs).await.refused(401, "authentication_invalid");
            victim.mint(&session).await.ok();
        }
        // Alone: a visitor without a client does not become the attacker.
        let visitor = world.browser();
        visitor.toss("__client", &planted);
        visitor.toss("__client_uat", "9999999999");
        visitor.toss("__session", "x");
        assert_eq!(visitor.client().await, json!(null));
        world.unchanged(visitor.mint(&theirs)).await.refused(401, "authentication_invalid");
        // A binding tossed with it stays what browsers never accept; where one is missing, the token is worth nothing.
        let unbound = victim.thief();
        unbound.jar.lock().unwrap().retain(|c| c.name != "__Host-usher_binding");
        assert_eq!(unbound.client().await, json!(null));
        // The victim signs in with the planted cookie still there, and is the victim.
        world.user_without_password("bob@example.com").await;
        let own = visitor.sign_in("bob@example.com").await;
        assert_eq!(acts_as(&visitor).await, own.as_str());
        attacker.mint(&own).await.refused(401, "authentication_invalid");
    }

    async fn p8_tossing_without_bindings_two_live_tokens_are_nobody(world: World) {
        let (victim, session, attacker, _) = victim_and_attacker(&world).await;
        let (own, planted) = (victim.cookie("__client").unwrap(), attacker.cookie("__client").unwrap());
        for header in [format!("__client={planted}; __client={own}"), format!("__client={own}; __client={planted}")] {
            let mint = victim.request("POST", &format!("/v1/client/sessions/{session}/tokens")).header("cookie", header.clone()).send().await;
            mint.refused(401, "authentication_invalid");
            let client = world.unchanged(victim.request("GET", "/v1/client").header("cookie", header).send()).await;
            assert!(client.response().is_null() && client.cookies.is_empty(), "the browser's own is left alone: {:?}", client.cookies);
        }
        // Nor can ours be crowded out, so that theirs is the only live one that is looked at.
        let crowd: String = (0..9).map(|n| format!("__client={n:043}; ")).collect();
        let crowded = victim.request("GET", "/v1/client").header("cookie", format!("__client={planted}; {crowd}__client={own}")).send().await;
        assert!(crowded.response().is_null() && crowded.cookies.is_empty());
        let same = victim.request("GET", "/v1/client").header("cookie", format!("__client={own}; __client={own}")).send().await;
        assert_eq!(same.response()["sessions"][0]["id"], session.as_str(), "the same twice is one");
    }

    production async fn the_binding_goes_with_the_token_and_opens_nothing(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let bound = browser.cookie("__Host-usher_binding").unwrap();
        assert!(!format!("{:?}", world.snapshot().await).contains(&bound));
        let only = world.browser();
        only.plant("__Host-usher_binding", &bound);
        only.plant("__client", &bound);
        only.mint(&session).await.refused(401, "authentication_invalid");
        let gone = browser.delete("/v1/client").await;
        let line = gone.cookie("__Host-usher_binding").unwrap();
        assert!(line.contains("Max-Age=0") && line.contains("Secure") && line.contains("Path=/") && !line.contains("Domain"), "{line}");
        assert!(browser.cookie("__Host-usher_binding").is_none());
    }

    production async fn p8_azp(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        for page in ["https://a.example.com", "https://b.example.com", "https://example.com"] {
            assert_eq!(browser.at(page).claims(&session).await["azp"], page);
        }
        let path = format!("/v1/client/sessions/{session}/tokens");
        for page in ["https://evil.example", "http://a.example.com", "null"] {
            world.unchanged(browser.request("POST", &path).origin(page).send()).await.refused(400, "origin_invalid");
        }
        let spoofed = browser.request("POST", &path).header("x-forwarded-host", "evil.example").header("referer", "https://b.example.com/x").send().await.ok();
        assert_eq!(decode(spoofed["jwt"].as_str().unwrap()).1["azp"], "https://app.example.com");
        let shaken = browser.get("/v1/client/handshake?redirect_url=https%3A%2F%2Fb.example.com%2Fx").await;
        let directives = decode(shaken.cookie_value("__clerk_handshake").unwrap()).1;
        let line = directives["handshake"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
        let jwt = line.strip_prefix("__session=").unwrap().split(';').next().unwrap();
        assert_eq!(decode(jwt).1["azp"], "https://b.example.com");
    }

    production async fn p8_domains_below_a_public_suffix_of_two_labels(world: World) {
        use usher_server::instances::{keys, store};
        let (_, _, instance) = world.other_instance("placeholder").await;
        let host = "clerk.app.example.co.uk";
        let write = async || {
            usher_db::write_tx!(world.app.db, instance.row.id.as_str(), tx => {
                store::update_host(&mut tx, &instance.row.id, host, &keys::publishable(host), "production", world.now()).await?;
                Ok::<_, usher_types::Error>(())
            })
        };
        write().await.unwrap();
        world.app.reload().await.unwrap();
        let browser = Browser::new(&world, host, "https://www.example.co.uk");
        let made = browser.post("/v1/client", &[]).await;
        assert!(made.cookie("__client_uat").unwrap().contains("; Domain=example.co.uk;"), "{:?}", made.cookies);
        browser.request("GET", "/v1/client").origin("https://evil.co.uk").send().await.refused(400, "origin_invalid");
        browser.request("GET", "/v1/client").origin("https://co.uk").send().await.refused(400, "origin_invalid");
    }

    production async fn a_browser_has_one_client_and_it_is_not_the_portals(world: World) {
        let browser = Browser::new(&world, "accounts.example.com", "https://accounts.example.com");
        browser.post("/v1/client", &[]).await.refused(400, "invalid_host");
        let page = browser.get("/sign-in").await;
        assert_eq!(page.status, 200);
        if page.body.contains("data-proxy-url") {
            assert!(page.body.contains("data-proxy-url=\"\""), "{}", page.body);
            assert!(page.header("content-security-policy").unwrap().contains("connect-src 'self' https://clerk.example.com;"));
            let own = world.browser().get("/sign-in").await;
            assert!(own.body.contains("data-proxy-url=\"https://clerk.example.com\""));
        }
    }
}
