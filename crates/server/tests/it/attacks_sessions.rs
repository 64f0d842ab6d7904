//! Attacks on sessions and on the browser's cookies (requirements SE-*; past flaws T1, T4, T8, T9, T32, T59 to T63).
use crate::answer::decode;
use crate::browser::PASSWORD;
use bytes::Bytes;
use serde_json::{Value, json};
use usher_http::form::Kind;
use usher_http::percent;
use usher_server::route::{Api, Guard};

/// The fields that an operation demands, with something in each.
fn needed(op: &usher_server::route::Op) -> String {
    // The test names users itself.
    let fields = op
        .fields
        .iter()
        .filter(|f| f.required && f.name != "user_id");
    fields
        .map(|f| {
            format!(
                "&{}={}",
                f.name,
                if matches!(f.kind, Kind::Object(_)) {
                    "{}"
                } else {
                    "x"
                }
            )
        })
        .collect()
}

both! {
    async fn headers_of_strangers_make_nobody_of_a_visitor(world: World) {
        // T1, T2, T5: who somebody is comes from the client cookie alone.
        let (signed_in, ada, session) = world.signed_in("ada@example.com").await;
        let client = signed_in.client().await["id"].as_str().unwrap().to_owned();
        let visitor = world.browser();
        for name in ["x-clerk-auth-status", "x-clerk-auth-token", "x-clerk-user-id", "x-clerk-session-id", "x-clerk-org-id", "x-clerk-client-id", "x-user-id", "x-remote-user", "remote-user", "x-auth-user", "x-forwarded-user", "x-original-url", "x-rewrite-url", "x-http-method-override", "x-forwarded-prefix", "clerk-session-id", "clerk-user-id", "x-middleware-subrequest"] {
            for value in [ada.id.as_str(), &session, &client, "signed-in", "/v1/client", "DELETE"] {
                let answer = visitor.request("GET", "/v1/me").header(name, value).send().await;
                answer.refused(401, "authentication_invalid");
            }
            let answer = world.unchanged(signed_in.request("GET", "/v1/client").header(name, "DELETE").send()).await;
            assert_eq!(answer.response()["sessions"][0]["id"], session.as_str());
        }
    }

    async fn an_id_in_a_body_or_a_query_makes_nobody_of_a_visitor(world: World) {
        // T4: no operation takes a body's word for who is asking.
        let (signed_in, ada, session) = world.signed_in("ada@example.com").await;
        let client = signed_in.client().await["id"].as_str().unwrap().to_owned();
        let visitor = world.browser();
        visitor.post("/v1/client", &[]).await.ok();
        let mut seen = 0;
        for op in usher_server::operations().filter(|op| op.api == Api::Fapi && op.guard == Guard::SignedIn) {
            let path = op.path.replace("{session_id}", &session).replace("{email_id}", &ada.email_id);
            let named = format!("user_id={0}&_clerk_user_id={0}&session_id={1}&_clerk_session_id={1}&client_id={2}&organization_id=org_x&actor={0}{3}", ada.id, session, client, needed(op));
            let request = visitor.request(op.method, &format!("{path}?{named}"));
            let request = if op.method == "GET" { request } else { request.body("application/x-www-form-urlencoded", named.clone()) };
            world.unchanged(request.send()).await.refused(401, "authentication_invalid");
            seen += 1;
        }
        assert!(seen > 15, "{seen}");
    }

    async fn garbage_in_cookies_is_signed_out_and_never_an_error(world: World) {
        // T8, SE-13, SE-14, SE-15.
        let (signed_in, _, session) = world.signed_in("ada@example.com").await;
        let token = signed_in.cookie("__client").unwrap();
        let mint = format!("/v1/client/sessions/{session}/tokens");
        let many: Vec<String> = (0..180).map(|i| format!("c{i}={}", "x".repeat(20))).collect();
        let garbage = [
            "__client", "__client=", "=x", ";;;", "__client=%00", "__client==", "__client=\"\"", "__client=null", "__client=undefined", "__client=[object Object]", "__CLIENT=x", " __client =x", "__client=a.b.c", "__client=' OR 1=1 --", "__client_uat=99999999999", "__session=x; __client_uat=1",
        ];
        for header in garbage.iter().map(|g| (*g).to_owned()).chain([format!("__client={}", "x".repeat(100_000)), many.join("; "), format!("__Client={token}"), format!("__client_x={token}"), format!("x__client={token}"), format!("__client={}", token.to_lowercase()), format!("__client={token}x"), format!("__client={}", percent::encode(&format!(" {token}"))), format!("__client=\"{token}\"")]) {
            let answer = world.browser().request("GET", "/v1/me").header("cookie", &header).send().await;
            answer.refused(401, "authentication_invalid");
            let visit = world.browser().request("GET", "/v1/client").header("cookie", &header).send().await;
            assert_eq!(visit.response(), Value::Null, "{header:.60}");
            // What else is in the jar takes nothing away from the right token.
            let whole = format!("{header}; __client={token}");
            if header.len() < 10_000 && header.matches("__client=").count() < 2 {
                let answer = signed_in.request("POST", &mint).header("cookie", whole).send().await;
                assert_eq!(answer.status, 200, "{header:.60}: {}", answer.body);
            }
        }
        for bytes in [&b"__client=\xff\xfe"[..], b"__client=\x80", b"\xf0\x28=x"] {
            world.browser().request("GET", "/v1/me").header("cookie", bytes).send().await.refused(401, "authentication_invalid");
        }
    }

    async fn a_forged_stamp_signs_nobody_in_or_out(world: World) {
        // SE-15: the readable stamp decides nothing.
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let visitor = world.browser();
        for stamp in ["0", "1", "99999999999", "-1", "x", ""] {
            browser.plant("__client_uat", stamp);
            browser.mint(&session).await.ok();
            visitor.plant("__client_uat", stamp);
            assert_eq!(visitor.client().await, Value::Null, "{stamp}");
            visitor.mint(&session).await.refused(401, "authentication_invalid");
        }
    }

    async fn failed_calls_keep_no_session_alive(world: World) {
        // SE-22.
        world.settings(|s| s.session_inactivity_secs = 600).await;
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        for _ in 0..2 {
            world.advance_minutes(4);
            let mint = format!("/v1/client/sessions/{session}/tokens");
            browser.request("POST", &mint).origin("https://evil.example").send().await.refused(400, "origin_invalid");
            browser.request("POST", &mint).body("text/plain", "x").send().await.refused(415, "unsupported_content_type");
            world.browser().mint(&session).await.refused(401, "authentication_invalid");
        }
        world.advance_minutes(3);
        browser.mint(&session).await.refused(401, "authentication_invalid");
        assert_eq!(world.server().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "abandoned");
    }

    async fn a_refresh_sets_our_own_cookies_only(world: World) {
        // SE-24: what the caller says about the browser's request never comes back as a cookie.
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let app = "http://localhost:3000";
        let answer = browser.get(&format!("/v1/client/handshake?redirect_url={}&format=nonce", percent::encode(app))).await;
        let nonce = answer.cookie_value("__clerk_handshake_nonce").unwrap();
        let payload = world.server().get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await.ok();
        let value = |name: &str| payload["directives"].as_array().unwrap().iter().find_map(|d| d.as_str().unwrap().strip_prefix(name)?.strip_prefix('=').map(|v| v.split(';').next().unwrap().to_owned())).unwrap();
        let suffix = world.instance().cookie_suffix.clone();
        let body = json!({
            "expired_token": value("__session"), "refresh_token": value(&format!("__refresh_{suffix}")), "request_origin": app, "format": "cookie",
            "request_headers": { "cookie": ["__client=planted; __session=planted"], "set-cookie": ["a=b"], "x": ["y\r\nSet-Cookie: c=d"], "origin": ["https://evil.example"], "host": ["evil.example"] }, "request_originating_ip": "203.0.113.9\r\nX: y",
        });
        let fresh = world.server().post(&format!("/v1/sessions/{session}/refresh"), body).await;
        let text = fresh.ok().to_string();
        assert!(!text.contains("planted") && !text.contains("evil.example") && !text.contains("c=d"), "{text}");
        let own = [format!("__session_{suffix}="), format!("__refresh_{suffix}="), "__session=".to_owned()];
        for line in fresh.ok()["cookies"].as_array().unwrap() {
            let line = line.as_str().unwrap();
            assert!(own.iter().any(|o| line.starts_with(o.as_str())) && line.contains("; SameSite=Lax") && !line.contains("Domain="), "{line}");
        }
        assert_eq!(decode(&value("__session")).1["azp"], app);
    }

    async fn who_is_banned_locked_or_deleted_gets_in_by_no_door(world: World) {
        // T39, T60, T61; ASVS 7.4.2: the decision is asked at each door, not only at the front one.
        for decision in ["ban", "lock", "delete"] {
            let address = format!("{decision}@example.com");
            let ada = world.user(&address).await;
            let browser = world.browser();
            let session = browser.sign_in(&address).await;
            world.advance_secs(31);
            let waiting = world.browser();
            let code_attempt = waiting.pending_sign_in(&address).await;
            let code = world.code(&address).await;
            world.advance_secs(31);
            let forgot = world.browser();
            let reset = forgot.post("/v1/client/sign_ins", &[("identifier", &address), ("strategy", "reset_password_email_code")]).await.response()["id"].as_str().unwrap().to_owned();
            let reset_code = world.code(&address).await;
            let server = world.server();
            match decision {
                "delete" => server.delete(&format!("/v1/users/{}", ada.id)).await.ok(),
                _ => server.post(&format!("/v1/users/{}/{decision}", ada.id), json!({})).await.ok(),
            };
            let sessions = world.count("sessions").await;
            let by_code = waiting.attempt_code(&code_attempt, &code).await;
            let by_reset = forgot.post(&format!("/v1/client/sign_ins/{reset}/attempt_first_factor"), &[("strategy", "reset_password_email_code"), ("code", &reset_code)]).await;
            let by_password = world.browser().sign_in_with_password(&address, PASSWORD).await;
            for answer in [&by_code, &by_password] {
                assert!(matches!(answer.status, 400..=499), "{decision}: {} {}", answer.asked, answer.body);
            }
            if by_reset.status == 200 {
                let set = forgot.post(&format!("/v1/client/sign_ins/{reset}/reset_password"), &[("password", "a new password 7")]).await;
                assert!((400..500).contains(&set.status), "{decision}: {}", set.body);
            }
            assert_eq!(world.count("sessions").await, sessions, "{decision}");
            if decision == "lock" {
                // A lock stops guessing; it signs nobody out.
                browser.mint(&session).await.ok();
            } else {
                browser.mint(&session).await.refused(401, "authentication_invalid");
                let by_server = server.post(&format!("/v1/sessions/{session}/tokens"), json!({})).await;
                assert_eq!(by_server.status, 404, "{decision}: {}", by_server.body);
                let back = server.post("/v1/sessions", json!({ "user_id": ada.id })).await;
                assert!(matches!(back.status, 403 | 404), "{decision}: {}", back.body);
            }
        }
    }

    async fn one_browser_lists_and_ends_its_own_sessions_only(world: World) {
        // T59, SE-19.
        let (ada, _, hers) = world.signed_in("ada@example.com").await;
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        let lists = [eve.get("/v1/me/sessions").await, eve.get("/v1/me/sessions/active").await, eve.get("/v1/client").await];
        for list in lists {
            assert!(!list.body.contains(&hers) && !list.body.contains("ada@"), "{}", list.asked);
        }
        world.unchanged(eve.post(&format!("/v1/me/sessions/{hers}/revoke"), &[])).await.refused(404, "resource_not_found");
        ada.mint(&hers).await.ok();
    }

    async fn no_form_of_the_authorization_header_but_ours_is_read(world: World) {
        // T9: thirty odd headers.
        let key = world.secret.clone();
        let server = world.server();
        let odd = [
            format!("Bearer\t{key}"), format!("Bearer,{key}"), format!("Bearer={key}"), format!("Bearer:{key}"), format!("Bearer{key}"), format!("\"Bearer {key}\""), format!("Bearer \"{key}\""), format!("Bearer '{key}'"), format!("Bearer <{key}>"), format!("Bearer {key},"), format!("Bearer {key};"), format!("Bearer {key} x"), format!("Bearer x {key}"),
            format!("Bearer {key},{key}"), format!("Bearer Bearer {key}"), format!("Basic {key}"), format!("Digest {key}"), format!("Token {key}"), format!("OAuth {key}"), format!("MAC {key}"), format!("Bear {key}"), format!("Bearers {key}"), format!("xBearer {key}"), format!("Authorization: Bearer {key}"), format!("Bearer%20{key}"), format!("Bearer {}", percent::encode(&format!("{key} "))), "Bearer".to_owned(), "Bearer ".to_owned(), "Bearer null".to_owned(), "Bearer undefined".to_owned(), "Basic c2s6".to_owned(), String::new(),
        ];
        assert!(odd.len() >= 30);
        for header in odd {
            let answer = world.unchanged(server.header("authorization", &header).get("/v1/users")).await;
            assert_eq!(answer.status, 401, "{header:?}: {}", answer.body);
        }
        world.unchanged(server.without("authorization").get(&format!("/v1/users?secret_key={key}&api_key={key}&access_token={key}"))).await.refused(401, "authentication_invalid");
        let body = Bytes::from(json!({ "secret_key": key, "email_address": ["a@example.com"] }).to_string());
        world.unchanged(server.without("authorization").send("POST", "/v1/users", Some("application/json"), body)).await.refused(401, "authentication_invalid");
    }

    async fn what_is_meant_once_works_once_one_after_the_other(world: World) {
        // T32: codes of sign-in, sign-up, reset and of an address.
        world.user("ada@example.com").await;
        let browser = world.browser();
        let id = browser.pending_sign_in("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        browser.attempt_code(&id, &code).await.ok();
        world.unchanged(browser.attempt_code(&id, &code)).await.well_formed_refusal();
        world.advance_secs(31);
        let added = browser.post("/v1/me/email_addresses", &[("email_address", "second@example.com")]).await.response();
        let path = format!("/v1/me/email_addresses/{}", added["id"].as_str().unwrap());
        browser.post(&format!("{path}/prepare_verification"), &[("strategy", "email_code")]).await.ok();
        let code = world.code("second@example.com").await;
        browser.post(&format!("{path}/attempt_verification"), &[("code", &code)]).await.ok();
        world.unchanged(browser.post(&format!("{path}/attempt_verification"), &[("code", &code)])).await.well_formed_refusal();
        let forgot = world.browser();
        let reset = forgot.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "reset_password_email_code")]).await.response()["id"].as_str().unwrap().to_owned();
        let code = world.code("ada@example.com").await;
        let path = format!("/v1/client/sign_ins/{reset}");
        let form = [("strategy", "reset_password_email_code"), ("code", code.as_str())];
        forgot.post(&format!("{path}/attempt_first_factor"), &form).await.ok();
        world.unchanged(forgot.post(&format!("{path}/attempt_first_factor"), &form)).await.well_formed_refusal();
        forgot.post(&format!("{path}/reset_password"), &[("password", "a new password 7")]).await.ok();
        world.unchanged(forgot.post(&format!("{path}/reset_password"), &[("password", "a third password 8")])).await.well_formed_refusal();
    }
}
