//! The handshake between server SDKs, the browser and us (contract fapi §5.3, §5.4, §5.6; requirements: open redirects).
use crate::answer::{Answer, decode};
use crate::browser::Browser;
use crate::world::World;
use serde_json::{Value, json};
use usher_http::percent;

const APP: &str = "http://localhost:3000/dash?x=1#part";

async fn shake(browser: &Browser, to: &str, more: &str) -> Answer {
    browser
        .get(&format!(
            "/v1/client/handshake?redirect_url={}&format=nonce{more}",
            percent::encode(to)
        ))
        .await
}

/// The directives that the application's server gets for a handshake.
pub(crate) async fn directives(world: &World, answer: &Answer) -> Vec<String> {
    let nonce = answer.cookie_value("__clerk_handshake_nonce").unwrap();
    let payload = world
        .server()
        .get(&format!("/v1/clients/handshake_payload?nonce={nonce}"))
        .await
        .ok();
    payload["directives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d.as_str().unwrap().to_owned())
        .collect()
}

fn value<'a>(directives: &'a [String], name: &str) -> &'a str {
    let line = directives
        .iter()
        .find(|d| d.split('=').next() == Some(name))
        .unwrap_or_else(|| panic!("no {name} in {directives:?}"));
    line.split_once('=').unwrap().1.split(';').next().unwrap()
}

/// Redirects that lead elsewhere, or could be read so.
pub(crate) const TRICKS: &[&str] = &[
    "https://evil.example/",
    "http://evil.example",
    "//evil.example/",
    "///evil.example",
    "/dash",
    "dash",
    "",
    "http://localhost:3000@evil.example/",
    "http://localhost@evil.example",
    "http://localhost:3000\\@evil.example/",
    "http:\\\\evil.example",
    "http://localhost.evil.example/",
    "http://evillocalhost/",
    "http://127.0.0.1.evil.example/",
    "javascript:alert(1)",
    "JAVASCRIPT://localhost/%0aalert(1)",
    "data:text/html,x",
    "ftp://localhost/",
    "http:localhost:3000",
    "http:/localhost:3000",
    "http://",
    "http:///evil.example",
    "http://evil.example#@localhost:3000/",
    "http://evil.example?@localhost:3000",
    "http://evil.example/@localhost",
    "http://localhost:3000\r\nSet-Cookie: a=b",
    "http://localhost:3000/\nx",
    "http://local\u{0}host/",
    " http://evil.example",
    "http://[::ffff:evil.example]/",
    "http://2130706433.evil.example/",
    "http://evil.example%2f@localhost/",
    "http://localhost:99999/",
    "blob:http://localhost:3000/x",
];

both! {
    async fn a_signed_in_browser_brings_its_session_to_the_application(world: World) {
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        world.advance_minutes(2);
        let answer = shake(&browser, APP, "&suffixed_cookies=true&__clerk_hs_reason=session-token-expired&organization_id=").await;
        assert_eq!((answer.status, answer.header("location")), (307, Some(APP)));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let nonce = answer.cookie("__clerk_handshake_nonce").unwrap();
        assert!(nonce.contains("HttpOnly") && nonce.contains("Max-Age=60") && nonce.contains("SameSite=Lax"), "{nonce}");
        let directives = directives(&world, &answer).await;
        let suffix = &world.instance().cookie_suffix;
        let stamp = browser.cookie("__client_uat").unwrap();
        for name in ["__client_uat".to_owned(), format!("__client_uat_{suffix}")] {
            assert_eq!(value(&directives, &name), stamp);
        }
        let jwt = value(&directives, "__session").to_owned();
        assert_eq!(value(&directives, &format!("__session_{suffix}")), jwt);
        assert!(directives.last().unwrap().starts_with("__session="), "SDKs take the last one");
        let claims = decode(&jwt).1;
        assert_eq!((&claims["sid"], &claims["sub"], &claims["azp"], &claims["iat"]), (&json!(session), &json!(ada.id), &json!("http://localhost:3000"), &json!(world.now().secs())));
        for name in ["__clerk_handshake_nonce", "__clerk_handshake"] {
            let gone = directives.iter().find(|d| d.split('=').next() == Some(name)).unwrap();
            assert!(gone.contains("Max-Age=0") && gone.starts_with(&format!("{name}=;")), "or the SDK replays this handshake for ever: {gone}");
        }
        let refresh = directives.iter().find(|d| d.starts_with("__refresh_")).unwrap();
        assert!(refresh.contains("HttpOnly"), "{refresh}");
        assert!(directives.iter().filter(|d| d.starts_with("__session")).all(|d| !d.contains("HttpOnly") && !d.contains("Domain")));
        let token = browser.cookie("__client").unwrap();
        assert!(directives.iter().all(|d| !d.starts_with("__client=") && !d.contains(&token)), "the application never sees the client's token");
    }

    async fn a_signed_out_browser_clears_the_application(world: World) {
        let suffix = world.instance().cookie_suffix.clone();
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        browser.delete("/v1/client/sessions").await.ok();
        for visitor in [world.browser(), browser] {
            let directives = directives(&world, &shake(&visitor, APP, "").await).await;
            for name in ["__client_uat".to_owned(), format!("__client_uat_{suffix}")] {
                assert_eq!(value(&directives, &name), "0");
            }
            for name in ["__session".to_owned(), format!("__session_{suffix}"), format!("__refresh_{suffix}"), "__clerk_handshake_nonce".to_owned()] {
                let line = directives.iter().find(|d| d.split('=').next() == Some(name.as_str())).unwrap();
                assert!(line.contains("Max-Age=0"), "{line}");
            }
        }
    }

    async fn a_handshake_that_finds_nobody_keeps_nothing_and_its_nonce_cannot_be_made_up(world: World) {
        let (_, other, _) = world.other_instance("other").await;
        let (banned, ada, _) = world.signed_in("ada@example.com").await;
        world.server().post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        for visitor in [world.browser(), banned] {
            let answer = world.unchanged(shake(&visitor, APP, "")).await;
            let nonce = answer.cookie_value("__clerk_handshake_nonce").unwrap().to_owned();
            let payload = |nonce: &str| format!("/v1/clients/handshake_payload?nonce={}", percent::encode(nonce));
            world.server().get(&payload(&nonce)).await.ok();
            other.get(&payload(&nonce)).await.refused(400, "invalid_handshake");
            let parts: Vec<&str> = nonce.split('.').collect();
            let later = parts[1].parse::<i64>().unwrap() + 600;
            for forged in [
                format!("{}.{later}.{}.{}", parts[0], parts[2], parts[3]),
                format!("{}.{}.11.{}", parts[0], parts[1], parts[3]),
                format!("{}.{}.{}.", parts[0], parts[1], parts[2]),
                format!("{nonce}x"),
                "nobody.".to_owned(),
                "nobody.9999999999999999999999.00.x".to_owned(),
                format!("nobody.{later}..x"),
            ] {
                world.server().get(&payload(&forged)).await.refused(400, "invalid_handshake");
            }
            world.advance_secs(60);
            world.server().get(&payload(&nonce)).await.refused(400, "invalid_handshake");
        }
    }

    async fn a_handshake_keeps_a_refresh_token_and_a_nonce_only_and_dead_ones_are_swept(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        world.changes_only(&["refresh_tokens", "handshakes"], shake(&browser, APP, "")).await;
        let kept = async || {
            let tx = &mut world.app.db.read("").await.unwrap();
            usher_server::clients::store::has_dead_handshakes(tx, world.app.clock.now()).await.unwrap()
        };
        assert!(!kept().await, "a live one is not dead");
        world.advance_secs(61);
        assert!(kept().await);
        usher_server::serve::sweep_handshakes(&world.app).await.unwrap();
        assert!(!kept().await);
    }

    async fn a_banned_user_brings_nothing(world: World) {
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        world.server().post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        let directives = directives(&world, &shake(&browser, APP, "").await).await;
        assert_eq!((value(&directives, "__session"), value(&directives, "__client_uat")), ("", "0"));
    }

    async fn no_redirect_leads_elsewhere(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        for trick in TRICKS {
            for path in ["/v1/client/handshake", "/v1/redirect"] {
                let answer = world.unchanged(browser.get(&format!("{path}?redirect_url={}", percent::encode(trick)))).await;
                assert_eq!(answer.status, 422, "{trick:?}: {}", answer.body);
                let code = answer.codes().remove(0);
                assert!(["invalid_redirect_url redirect_url", "redirect_url_not_associated_with_instance redirect_url", "form_param_nil redirect_url", "form_param_format_invalid redirect_url"].contains(&code.as_str()), "{trick:?}: {code}");
                assert!(answer.header("location").is_none() && answer.cookies.is_empty(), "{trick:?}");
            }
        }
        browser.get("/v1/client/handshake").await.refused(422, "form_param_missing redirect_url");
        browser.get("/v1/redirect").await.refused(422, "form_param_missing redirect_url");
    }

    async fn a_redirect_with_commas_is_put_together_again(world: World) {
        let browser = world.browser();
        let answer = browser.get("/v1/client/handshake?redirect_url=http%3A%2F%2Flocalhost%3A3000%2Fa&redirect_url=b&format=nonce").await;
        assert_eq!(answer.header("location"), Some("http://localhost:3000/a,b"));
    }

    async fn the_target_is_escaped_or_refused_but_never_splits_a_header(world: World) {
        let browser = world.browser();
        for path in ["/a%0d%0aSet-Cookie:x=y", "/%00", "/caf%c3%a9", "/?q=%22%3Cscript%3E"] {
            let answer = shake(&browser, &format!("http://localhost:3000{path}"), "").await;
            let to = answer.header("location").unwrap();
            assert!(!to.contains(['\r', '\n', '\0']), "{to:?}");
        }
    }

    async fn a_nonce_lives_a_minute_and_an_unknown_one_is_refused(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let answer = shake(&browser, APP, "").await;
        let nonce = answer.cookie_value("__clerk_handshake_nonce").unwrap().to_owned();
        let path = format!("/v1/clients/handshake_payload?nonce={nonce}");
        let stored = format!("{:?}", world.snapshot().await);
        assert!(!stored.contains(&nonce), "only its hash is kept");
        let payload = world.server().get(&path).await.ok();
        let tokens: Vec<&str> = payload["directives"].as_array().unwrap().iter().filter_map(Value::as_str)
            .filter(|d| d.starts_with("__session=") || d.starts_with("__refresh_"))
            .filter_map(|d| d.split(['=', ';']).nth(1)).filter(|t| !t.is_empty()).collect();
        assert_eq!(tokens.len(), 2, "{payload}");
        assert!(tokens.iter().all(|token| !stored.contains(token)), "what is kept is sealed by the nonce");
        world.server().get(&path).await.ok();
        world.advance_secs(60);
        world.unchanged(world.server().get(&path)).await.refused(400, "invalid_handshake");
        for unknown in ["x", "' OR 1=1 --", &"n".repeat(256)] {
            world.server().get(&format!("/v1/clients/handshake_payload?nonce={}", percent::encode(unknown))).await.refused(400, "invalid_handshake");
        }
        world.server().get("/v1/clients/handshake_payload").await.refused(422, "form_param_missing nonce");
        world.server().get("/v1/clients/handshake_payload?nonce=").await.refused(422, "form_param_nil nonce");
    }

    async fn a_nonce_is_another_instances_nothing(world: World) {
        let (_, other, _) = world.other_instance("other").await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let answer = shake(&browser, APP, "").await;
        let path = format!("/v1/clients/handshake_payload?nonce={}", answer.cookie_value("__clerk_handshake_nonce").unwrap());
        other.get(&path).await.refused(400, "invalid_handshake");
        other.without("authorization").get(&path).await.refused(401, "authentication_invalid");
        world.server().get(&path).await.ok();
    }

    async fn the_token_form_carries_the_same_and_expires(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let answer = browser.get(&format!("/v1/client/handshake?redirect_url={}", percent::encode(APP))).await;
        let (header, claims) = decode(answer.cookie_value("__clerk_handshake").unwrap());
        assert_eq!(header["alg"], "RS256");
        assert_eq!(claims["exp"], world.now().secs() + 60);
        assert!(claims["sub"].is_null() && claims["sid"].is_null(), "it can be taken for no session token");
        let lines: Vec<&str> = claims["handshake"].as_array().unwrap().iter().map(|d| d.as_str().unwrap()).collect();
        assert!(lines.last().unwrap().starts_with("__session=ey"), "{lines:?}");
        browser.get(&format!("/v1/client/handshake?redirect_url={}&format=x", percent::encode(APP))).await.refused(422, "form_param_value_invalid format");
    }

    async fn an_expired_token_is_refreshed_with_the_refresh_cookie(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let directives = directives(&world, &shake(&browser, APP, "").await).await;
        let refresh = value(&directives, &format!("__refresh_{}", world.instance().cookie_suffix)).to_owned();
        let expired = value(&directives, "__session").to_owned();
        world.advance_minutes(5);
        let server = world.server();
        let path = format!("/v1/sessions/{session}/refresh");
        let body = json!({ "expired_token": expired, "refresh_token": refresh, "request_origin": "http://localhost:3000", "format": "cookie", "request_headers": { "a": ["b"] } });
        let with = |field: &str, value: &str| { let mut b = body.clone(); b[field] = json!(value); b };
        let fresh = server.post(&path, body.clone()).await.ok();
        let lines = fresh["cookies"].as_array().unwrap();
        assert!(lines.last().unwrap().as_str().unwrap().starts_with("__session=ey"), "{lines:?}");
        for (changed, code) in [
            (with("refresh_token", "x"), "refresh_token_not_found"),
            (with("request_origin", "http://localhost:3001"), "refresh_request_origin_azp_mismatch"),
            (with("request_origin", "evil"), "refresh_request_origin_invalid"),
            (with("expired_token", "a.b.c"), "expired_session_token_invalid"),
            (with("expired_token", &format!("{expired}x")), "expired_session_token_invalid"),
        ] {
            world.unchanged(server.post(&path, changed)).await.refused(401, code);
        }
        let (eve, _, other) = world.signed_in("eve@example.com").await;
        shake(&eve, APP, "").await;
        world.unchanged(server.post(&format!("/v1/sessions/{other}/refresh"), body.clone())).await.refused(401, "refresh_sid_mismatch");
        let (_, stranger, _) = world.other_instance("other").await;
        world.unchanged(stranger.post(&path, body.clone())).await.refused(401, "expired_session_token_invalid");
        server.post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok();
        world.unchanged(server.post(&path, body.clone())).await.refused(401, "session_refresh_inactive_session");
    }

    async fn an_expired_token_is_refreshed_for_a_day_only(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let directives = directives(&world, &shake(&browser, APP, "").await).await;
        let refresh = value(&directives, &format!("__refresh_{}", world.instance().cookie_suffix)).to_owned();
        let body = json!({ "expired_token": value(&directives, "__session"), "refresh_token": refresh, "request_origin": "http://localhost:3000" });
        world.advance_days(1);
        world.advance_secs(1);
        world.unchanged(world.server().post(&format!("/v1/sessions/{session}/refresh"), body)).await.refused(401, "session_refresh_expired_session_token_too_old");
    }

    production async fn p8_no_wide_session(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let answer = shake(&browser, "https://app.example.com/", "").await;
        assert_eq!(answer.status, 307);
        assert!(answer.cookie("__clerk_handshake_nonce").unwrap().contains("; Domain=example.com"));
        let directives = directives(&world, &answer).await;
        for line in &directives {
            let shared = line.starts_with("__client_uat") || line.starts_with("__clerk_handshake");
            assert_eq!(line.contains("; Domain=example.com"), shared, "{line}");
            assert!(line.contains("; Secure"), "{line}");
        }
        for trick in ["http://app.example.com/", "https://evil-example.com/", "https://example.com.evil.com/", "http://localhost:3000/", "https://example.com@evil.com/"] {
            let refused = world.unchanged(shake(&browser, trick, "")).await;
            assert_eq!(refused.status, 422, "{trick}: {}", refused.body);
        }
    }

    production async fn an_applications_proxy_is_believed_with_its_secret_key_only(world: World) {
        let browser = world.browser();
        let proxied = |key: Option<String>| {
            let request = browser.request("GET", "/v1/client/handshake?redirect_url=https%3A%2F%2Fapp.partner.org%2F&format=nonce");
            let request = request.header("clerk-proxy-url", "https://app.partner.org/__clerk").header("x-forwarded-host", "app.partner.org").header("x-forwarded-proto", "https");
            match key {
                Some(key) => request.header("clerk-secret-key", key),
                None => request,
            }
        };
        proxied(None).send().await.refused(422, "redirect_url_not_associated_with_instance redirect_url");
        proxied(Some("sk_live_wrong".to_owned())).send().await.refused(422, "redirect_url_not_associated_with_instance redirect_url");
        let answer = proxied(Some(world.secret.clone())).send().await;
        assert_eq!((answer.status, answer.header("location")), (307, Some("https://app.partner.org/")));
        assert!(!answer.cookie("__clerk_handshake_nonce").unwrap().contains("Domain"), "it stays on the application's host");
        let (_, other, instance) = world.other_instance("other").await;
        let key = other.headers.iter().find(|(n, _)| *n == "authorization").unwrap().1.replace("Bearer ", "");
        let theirs = browser.request("GET", "/v1/environment").header("clerk-secret-key", key).send().await.ok();
        assert!(theirs["auth_config"]["id"].as_str().unwrap().ends_with(instance.row.id.as_str().trim_start_matches("ins_")), "the key names the instance");
    }
}
