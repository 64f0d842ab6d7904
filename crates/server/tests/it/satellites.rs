//! Satellite domains (contract fapi §5.5, bapi §2.12; decision 34).
use crate::answer::{Answer, decode};
use crate::browser::Browser;
use crate::world::World;
use serde_json::{Value, json};
use usher_http::percent;

const HOST: &str = "clerk.satellite.org";
const PAGE: &str = "https://app.satellite.org/dash?x=1";

async fn add(world: &World, name: &str) -> Value {
    world
        .server()
        .post("/v1/domains", json!({ "name": name, "is_satellite": true }))
        .await
        .ok()
}

/// The same browser at the satellite's Frontend API, on its page.
fn on_satellite(browser: &Browser) -> Browser {
    Browser {
        host: HOST.to_owned(),
        origin: "https://app.satellite.org".to_owned(),
        ..browser.clone()
    }
}

/// Where an answer sends the browser: the path on the host that it must be on.
fn hop(answer: &Answer, host: &str) -> String {
    assert_eq!(answer.status, 307, "{}: {}", answer.asked, answer.body);
    let to = answer.header("location").unwrap();
    to.strip_prefix(&format!("https://{host}"))
        .unwrap_or_else(|| panic!("{to} is not on {host}"))
        .to_owned()
}

fn sync_path(page: &str) -> String {
    format!("/v1/client/sync?redirect_url={}", percent::encode(page))
}

/// From the satellite to the link that the primary makes.
async fn linked(browser: &Browser) -> String {
    let begun = on_satellite(browser).get(&sync_path(PAGE)).await;
    let on_primary = hop(&begun, "clerk.example.com");
    hop(&browser.get(&on_primary).await, HOST)
}

/// The whole way; the satellite's browser.
async fn synced(browser: &Browser) -> Browser {
    let satellite = on_satellite(browser);
    let done = satellite.get(&linked(browser).await).await;
    assert_eq!(
        done.header("location"),
        Some("https://app.satellite.org/dash?x=1&__clerk_synced=true")
    );
    satellite
}

both! {
    production async fn a_satellite_shares_the_sessions_with_a_token_of_its_own(world: World) {
        add(&world, "satellite.org").await;
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        let satellite = on_satellite(&browser);
        let begun = satellite.get(&sync_path(PAGE)).await;
        let word = begun.cookie("__Host-usher_link").unwrap();
        assert!(word.contains("HttpOnly") && word.contains("Secure") && word.contains("Max-Age=60") && !word.contains("Domain"), "{word}");
        let satellite = synced(&browser).await;
        let client = satellite.client().await;
        assert_eq!((&client["sessions"][0]["id"], &client["sessions"][0]["user"]["id"]), (&json!(session), &json!(ada.id)));
        let claims = satellite.claims(&session).await;
        assert_eq!((&claims["sub"], &claims["azp"], &claims["iss"]), (&json!(ada.id), &json!("https://app.satellite.org"), &json!("https://clerk.example.com")));
        let jar = browser.jar.lock().unwrap().clone();
        let of = |host: &str| jar.iter().find(|c| c.name == "__client" && c.host == host).unwrap().clone();
        let (own, theirs) = (of("clerk.example.com"), of(HOST));
        assert_ne!(own.value, theirs.value);
        assert!(theirs.http_only && theirs.domain.is_none());
        let stamp = jar.iter().find(|c| c.name == "__client_uat" && c.domain.as_deref() == Some("satellite.org")).unwrap();
        assert_ne!(stamp.value, "0");
        let stored = format!("{:?}", world.snapshot().await);
        assert!(!stored.contains(&theirs.value) && !stored.contains(&own.value));
        // Each opens on its own host only, even with a binding that fits.
        for (browser, value) in [(world.browser(), &theirs.value), (on_satellite(&world.browser()), &own.value)] {
            browser.plant("__client", value);
            browser.plant("__Host-usher_binding", &usher_crypto::digest::sha256_hex(&format!("binding:{value}")));
            assert_eq!(browser.client().await, json!(null));
        }
    }

    production async fn signing_out_on_the_primary_ends_the_satellites(world: World) {
        add(&world, "satellite.org").await;
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let satellite = synced(&browser).await;
        browser.delete("/v1/client/sessions").await.ok();
        satellite.mint(&session).await.refused(401, "authentication_invalid");
        let seen = satellite.get("/v1/client").await;
        assert_eq!(seen.response(), json!(null));
        assert!(seen.cookie("__client").unwrap().contains("Max-Age=0"));
        assert_eq!(world.count("satellite_tokens").await, 0);
    }

    production async fn signing_out_on_a_satellite_signs_out_everywhere(world: World) {
        add(&world, "satellite.org").await;
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let satellite = synced(&browser).await;
        let out = satellite.delete("/v1/client/sessions").await;
        out.ok();
        assert!(out.cookie("__client").unwrap().contains("Max-Age=0"));
        assert_eq!(out.cookie_value("__client_uat"), Some("0"));
        browser.mint(&session).await.refused(401, "authentication_invalid");
        // The token that the browser has on the primary is reset as well.
        assert_eq!(browser.client().await, json!(null));
        assert_eq!(satellite.client().await, json!(null));
    }

    production async fn signing_one_of_two_out_on_a_satellite_leaves_the_other_on_the_primary(world: World) {
        world.settings(|s| s.single_session_mode = false).await;
        add(&world, "satellite.org").await;
        let (browser, _, first) = world.signed_in("ada@example.com").await;
        world.user_without_password("bob@example.com").await;
        let second = browser.sign_in("bob@example.com").await;
        let satellite = synced(&browser).await;
        satellite.post(&format!("/v1/client/sessions/{first}/remove"), &[]).await.ok();
        assert_eq!(satellite.client().await, json!(null), "it has to ask the primary again");
        assert_eq!(browser.session_ids().await, std::slice::from_ref(&second));
        let again = synced(&browser).await;
        assert_eq!(again.session_ids().await, [second]);
    }

    production async fn a_link_is_used_once_within_a_minute_and_by_the_browser_that_asked(world: World) {
        add(&world, "satellite.org").await;
        add(&world, "another.org").await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let satellite = on_satellite(&browser);
        let path = linked(&browser).await;
        let other = Browser { host: "clerk.another.org".to_owned(), ..satellite.clone() };
        world.unchanged(other.get(&path)).await.refused(422, "redirect_url_not_associated_with_instance redirect_url");
        let elsewhere = path.replace("app.satellite.org", "app.another.org");
        world.unchanged(other.get(&elsewhere)).await.refused(403, "sync_nonce_already_consumed");
        // Whoever is sent a link has no word for it: nobody acts for another's client by opening one.
        let victim = on_satellite(&world.browser());
        world.unchanged(victim.get(&path)).await.refused(403, "sync_nonce_already_consumed");
        victim.plant("__Host-usher_link", "x");
        world.unchanged(victim.get(&path)).await.refused(403, "sync_nonce_already_consumed");
        let looked = world.unchanged(satellite.request("HEAD", &path).send()).await;
        assert_eq!(looked.status, 405);
        assert_eq!(satellite.get(&path).await.status, 307);
        world.unchanged(satellite.get(&path)).await.refused(403, "sync_nonce_already_consumed");
        let late = linked(&browser).await;
        world.advance_secs(60);
        world.unchanged(satellite.get(&late)).await.refused(403, "sync_nonce_already_consumed");
        let rotated = linked(&browser).await;
        browser.delete("/v1/client/sessions").await.ok();
        world.unchanged(satellite.get(&rotated)).await.refused(403, "sync_nonce_already_consumed");
        world.unchanged(browser.get(&rotated)).await.refused(403, "operation_not_allowed_on_primary_domain");
    }

    production async fn who_is_nobody_comes_back_with_nothing(world: World) {
        add(&world, "satellite.org").await;
        let visitor = world.browser();
        let begun = on_satellite(&visitor).get(&sync_path(PAGE)).await;
        let back = world.unchanged(visitor.get(&hop(&begun, "clerk.example.com"))).await;
        assert_eq!(back.header("location"), Some("https://app.satellite.org/dash?x=1&__clerk_synced=true"));
        assert!(back.cookies.is_empty());
        // What the page said of itself before is replaced: SDKs read it, and would come back for ever.
        let begun = on_satellite(&visitor).get(&sync_path("https://satellite.org/?__clerk_synced=false")).await;
        let back = visitor.get(&hop(&begun, "clerk.example.com")).await;
        assert_eq!(back.header("location"), Some("https://satellite.org/?__clerk_synced=true"));
        // Whoever begins on the primary begins again where the word is kept.
        let path = format!("{}&link_domain=satellite.org", sync_path(PAGE));
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let again = world.unchanged(browser.get(&path)).await;
        assert_eq!(hop(&again, HOST), sync_path(PAGE));
    }

    production async fn syncing_leads_to_the_satellite_and_nowhere_else(world: World) {
        add(&world, "satellite.org").await;
        add(&world, "another.org").await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        for page in ["https://evil.example/", "https://app.example.com/", "https://app.another.org/", "http://app.satellite.org/", "https://app.satellite.org:8443/", "https://satellite.org.evil.example/", "https://evilsatellite.org/", "javascript:alert(1)", "//app.satellite.org/"] {
            let on_satellite = world.unchanged(on_satellite(&browser).get(&sync_path(page))).await;
            let on_primary = world.unchanged(browser.get(&format!("{}&link_domain=satellite.org&link_nonce=x", sync_path(page)))).await;
            for answer in [on_satellite, on_primary] {
                assert!(answer.status == 422 && answer.header("location").is_none() && answer.cookies.is_empty(), "{page}: {}", answer.body);
            }
        }
        world.unchanged(browser.get(&format!("{}&link_domain=evil.example&link_nonce=x", sync_path(PAGE)))).await.refused(404, "resource_not_found link_domain");
        world.unchanged(browser.get("/v1/client/sync")).await.refused(422, "form_param_missing redirect_url");
    }

    production async fn a_satellite_serves_what_needs_no_sign_in_and_its_own_pages_only(world: World) {
        add(&world, "satellite.org").await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let satellite = synced(&browser).await;
        for (method, path) in [("POST", "/v1/client/sign_ins"), ("POST", "/v1/client/sign_ups"), ("POST", "/v1/client"), ("DELETE", "/v1/client"), ("PATCH", "/v1/me"), ("POST", "/v1/me/change_password"), ("DELETE", "/v1/me"), ("GET", "/v1/tickets/accept?ticket=x"), ("POST", "/v1/dev_browser")] {
            let answer = world.unchanged(satellite.request(method, path).send()).await;
            answer.refused(403, "operation_not_allowed_on_satellite_domain");
        }
        satellite.get("/v1/me").await.ok();
        satellite.get("/v1/environment").await.ok();
        for origin in ["https://app.example.com", "https://evil.example", "http://app.satellite.org", "https://app.another.org"] {
            let answer = satellite.request("GET", "/v1/client").origin(origin).send().await;
            answer.refused(400, "origin_invalid");
        }
        let here = satellite.request("GET", "/v1/client").origin("https://satellite.org").send().await;
        assert_eq!(here.header("access-control-allow-origin"), Some("https://satellite.org"));
        let at_primary = browser.request("GET", "/v1/client").origin("https://app.satellite.org").send().await;
        at_primary.refused(400, "origin_invalid");
    }

    production async fn a_server_of_a_satellite_gets_its_visitor_by_handshakes(world: World) {
        add(&world, "satellite.org").await;
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        let satellite = on_satellite(&browser);
        let shake = |reason: &str| format!("/v1/client/handshake?format=nonce&redirect_url={}&__clerk_hs_reason={reason}", percent::encode(PAGE));
        let begun = satellite.get(&shake("satellite-needs-syncing")).await;
        let link = hop(&browser.get(&hop(&begun, "clerk.example.com")).await, HOST);
        assert_eq!(satellite.get(&link).await.header("location"), Some("https://app.satellite.org/dash?x=1&__clerk_synced=true"));
        for (visitor, signed_in) in [(satellite, true), (on_satellite(&world.browser()), false)] {
            let answer = visitor.get(&shake("client-uat-but-no-session-token")).await;
            let nonce = answer.cookie("__clerk_handshake_nonce").unwrap();
            assert!(nonce.contains("Domain=satellite.org"), "{nonce}");
            let path = format!("/v1/clients/handshake_payload?nonce={}", answer.cookie_value("__clerk_handshake_nonce").unwrap());
            let body = world.server().get(&path).await.ok();
            let lines: Vec<&str> = body["directives"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let gone = lines.iter().find(|l| l.starts_with("__clerk_handshake_nonce=")).unwrap();
            assert!(gone.contains("Domain=satellite.org") && gone.contains("Max-Age=0"), "{gone}");
            let jwt = lines.last().unwrap().strip_prefix("__session=").unwrap().split(';').next().unwrap();
            assert_eq!(!jwt.is_empty(), signed_in);
            if signed_in {
                assert_eq!((&decode(jwt).1["sub"], &decode(jwt).1["azp"]), (&json!(ada.id), &json!("https://app.satellite.org")));
            }
        }
    }

    production async fn domains_are_kept_by_the_operators_server(world: World) {
        let (_, other, _) = world.other_instance("other").await;
        let server = world.server();
        let made = add(&world, "Satellite.org").await;
        assert_eq!(made, json!({ "object": "domain", "id": made["id"], "name": "satellite.org", "is_satellite": true, "frontend_api_url": "https://clerk.satellite.org", "accounts_portal_url": null, "proxy_url": null, "development_origin": "" }));
        let list = server.get("/v1/domains").await.ok();
        assert_eq!((&list["total_count"], &list["data"][0]["is_satellite"], &list["data"][1]), (&json!(2), &json!(false), &made));
        let path = format!("/v1/domains/{}", made["id"].as_str().unwrap());
        let primary = format!("/v1/domains/{}", list["data"][0]["id"].as_str().unwrap());
        let with = |name: &str| json!({ "name": name, "is_satellite": true });
        for (body, status, code) in [
            (with("satellite.org"), 400, "duplicate_record name"),
            (with("app.satellite.org"), 400, "duplicate_record name"),
            (with("example.com"), 400, "duplicate_record name"),
            (with("app.example.com"), 400, "duplicate_record name"),
            (with("other.org"), 400, "duplicate_record name"),
            (with("x.other.org"), 400, "duplicate_record name"),
            (with("org"), 422, "form_param_format_invalid name"),
            (with("co.uk"), 422, "form_param_format_invalid name"),
            (with("localhost"), 422, "form_param_format_invalid name"),
            (with("127.0.0.1"), 422, "form_param_format_invalid name"),
            (with("new.org:8443"), 422, "form_param_format_invalid name"),
            (with("https://new.org"), 422, "form_param_format_invalid name"),
            (with("*.new.org"), 422, "form_param_format_invalid name"),
            (json!({ "name": "new.org", "is_satellite": false }), 422, "form_param_value_invalid is_satellite"),
            (json!({ "name": "new.org" }), 422, "form_param_missing is_satellite"),
            (json!({ "name": "new.org", "is_satellite": true, "proxy_url": "https://new.org/__clerk" }), 422, "form_param_value_invalid proxy_url"),
        ] {
            world.unchanged(server.post("/v1/domains", body)).await.refused(status, code);
        }
        for (method, body) in [("PATCH", json!({ "name": "new.org" })), ("DELETE", json!({}))] {
            world.unchanged(server.json(method, &primary, body.clone())).await.refused(403, "operation_not_allowed_on_primary_domain");
            world.unchanged(other.json(method, &path, body.clone())).await.refused(404, "resource_not_found");
            world.unchanged(server.json(method, "/v1/domains/dmn_x", body)).await.refused(404, "resource_not_found");
        }
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let satellite = synced(&browser).await;
        let renamed = server.patch(&path, json!({ "name": "renamed.org" })).await.ok();
        assert_eq!(renamed["frontend_api_url"], json!("https://clerk.renamed.org"));
        satellite.get("/v1/client").await.refused(400, "invalid_host");
        assert_eq!(world.count("satellite_tokens").await, 0);
        server.delete(&path).await.ok();
        assert_eq!(server.get("/v1/domains").await.ok()["total_count"], 1);
        add(&world, "renamed.org").await;
    }

    async fn development_instances_have_no_satellites(world: World) {
        let body = json!({ "name": "satellite.org", "is_satellite": true });
        world.unchanged(world.server().post("/v1/domains", body)).await.refused(400, "request_invalid_for_instance");
        assert_eq!(world.server().get("/v1/domains").await.ok()["total_count"], 1);
    }
}
