//! Sessions, the client's token and the cookies (contract fapi §4; promises P1, P3; requirements SE-*).
use serde_json::json;

/// Two users, one browser that is signed in as both.
async fn two_accounts(world: &crate::world::World) -> (crate::browser::Browser, String, String) {
    world.settings(|s| s.single_session_mode = false).await;
    let (browser, _, first) = world.signed_in("ada@example.com").await;
    world.user_without_password("bob@example.com").await;
    world.advance_secs(5);
    let second = browser.sign_in("bob@example.com").await;
    (browser, first, second)
}

both! {
    async fn p1_httponly_the_client_cookie_is_out_of_reach_and_comes_last(world: World) {
        let browser = world.browser();
        world.user_without_password("ada@example.com").await;
        let id = browser.pending_sign_in("ada@example.com").await;
        let done = browser.attempt_code(&id, &world.code("ada@example.com").await).await;
        done.ok();
        let cookie = done.cookie("__client").unwrap();
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax") && cookie.contains("; Path=/") && !cookie.contains("Domain"), "{cookie}");
        assert_eq!(done.cookies.last().map(String::as_str), Some(cookie));
        assert!(done.cookie_value("__client").unwrap().len() >= 43, "256 bits");
        let suffixed = format!("__client_uat_{}", world.instance().cookie_suffix);
        for name in ["__client_uat", suffixed.as_str()] {
            assert_eq!(done.cookie_value(name), Some(world.now().secs().to_string().as_str()), "{name}");
        }
    }

    async fn p1_no_body_leak_the_token_is_stored_as_a_hash_only(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let token = browser.cookie("__client").unwrap();
        assert!(!format!("{:?}", world.snapshot().await).contains(&token));
    }

    async fn p3_preauth_token_dead(world: World) {
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        let planted = browser.cookie("__client").unwrap();
        let attacker = browser.thief();
        let session = browser.sign_in("ada@example.com").await;
        assert_ne!(browser.cookie("__client").unwrap(), planted);
        attacker.mint(&session).await.refused(401, "authentication_invalid");
        assert_eq!(attacker.client().await, json!(null));
        assert_eq!(attacker.cookie("__client"), None, "a dead token is taken away");
    }

    async fn p3_preauth_token_dead_at_sign_up(world: World) {
        let browser = world.browser();
        let id = browser.pending_sign_up("ada@example.com").await;
        let attacker = browser.thief();
        browser.attempt_sign_up(&id, &world.code("ada@example.com").await).await.ok();
        let session = browser.session_ids().await.remove(0);
        attacker.mint(&session).await.refused(401, "authentication_invalid");
        browser.mint(&session).await.ok();
    }

    async fn p3_signout_dead(world: World) {
        world.user_without_password("ada@example.com").await;
        for way in ["end", "remove", "sessions", "client", "revoke"] {
            let browser = world.browser();
            let session = browser.sign_in("ada@example.com").await;
            let thief = browser.thief();
            let path = format!("/v1/client/sessions/{session}");
            let answer = match way {
                "end" | "remove" => browser.post(&format!("{path}/{way}"), &[]).await,
                "sessions" => browser.delete("/v1/client/sessions").await,
                "client" => browser.delete("/v1/client").await,
                _ => browser.post(&format!("/v1/me/sessions/{session}/revoke"), &[]).await,
            };
            answer.ok();
            assert_eq!(answer.cookie_value("__client_uat"), Some("0"), "{way}");
            assert_eq!(browser.session_ids().await.len(), 0, "{way}");
            browser.mint(&session).await.refused(401, "authentication_invalid");
            thief.mint(&session).await.refused(401, "authentication_invalid");
            thief.get("/v1/me").await.refused(401, "authentication_invalid");
            assert_eq!(thief.client().await, json!(null), "{way}");
            let status = world.server().get(&format!("/v1/sessions/{session}")).await.ok()["status"].clone();
            let expected = match way { "end" => "ended", "revoke" => "revoked", _ => "removed" };
            assert_eq!(status, expected, "{way}");
            world.advance_secs(31);
        }
    }

    async fn a_destroyed_client_is_forgotten_by_the_browser(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let gone = browser.delete("/v1/client").await;
        assert_eq!(gone.ok(), json!({ "response": null, "client": null }));
        assert!(gone.cookie("__client").unwrap().starts_with("__client=; ") && gone.cookie("__client").unwrap().contains("Max-Age=0"));
        assert_eq!(browser.cookie("__client"), None);
        assert_eq!(world.count("clients").await, 0);
    }

    async fn the_stamp_changes_with_the_set_of_sessions_and_with_nothing_else(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let stamp = browser.cookie("__client_uat").unwrap();
        world.advance_minutes(5);
        for answer in [browser.mint(&session).await, browser.get("/v1/client").await, browser.post(&format!("/v1/client/sessions/{session}/touch"), &[]).await, browser.get("/v1/me").await, browser.patch("/v1/me", &[("first_name", "Ada")]).await, browser.post("/v1/client", &[]).await] {
            answer.ok();
            assert!(answer.cookies.is_empty(), "{}: {:?}", answer.asked, answer.cookies);
        }
        assert_eq!(browser.cookie("__client_uat").unwrap(), stamp);
        let suffixed = format!("__client_uat_{}", world.instance().cookie_suffix);
        assert_eq!(browser.cookie(&suffixed).unwrap(), stamp);
        browser.delete("/v1/client/sessions").await.ok();
        assert_eq!((browser.cookie("__client_uat").as_deref(), browser.cookie(&suffixed).as_deref()), (Some("0"), Some("0")));
    }

    async fn a_stale_stamp_is_healed(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let stamp = browser.cookie("__client_uat").unwrap();
        browser.plant("__client_uat", "12345");
        let answer = browser.get("/v1/client").await;
        assert_eq!(answer.cookie_value("__client_uat"), Some(stamp.as_str()));
        assert!(answer.cookie("__client").is_none());
    }

    async fn no_token_is_minted_after_the_operator_revoked_banned_or_deleted(world: World) {
        let server = world.server();
        for (index, way) in ["revoke", "ban", "delete"].into_iter().enumerate() {
            let (browser, user, session) = world.signed_in(&format!("user{index}@example.com")).await;
            browser.mint(&session).await.ok();
            let expected = match way {
                "revoke" => server.post(&format!("/v1/sessions/{session}/revoke"), json!({})).await,
                "ban" => server.post(&format!("/v1/users/{}/ban", user.id), json!({})).await,
                _ => server.delete(&format!("/v1/users/{}", user.id)).await,
            };
            expected.ok();
            browser.mint(&session).await.refused(401, "authentication_invalid");
            browser.get("/v1/me").await.refused(401, "authentication_invalid");
            assert_eq!(browser.session_ids().await.len(), 0, "{way}");
            assert_eq!(browser.cookie("__client_uat").as_deref(), Some("0"), "{way}");
        }
    }

    async fn a_session_ends_after_its_lifetime(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        world.advance_days(7);
        world.advance_ms(-1);
        browser.mint(&session).await.ok();
        world.advance_ms(1);
        browser.mint(&session).await.refused(401, "authentication_invalid");
        assert_eq!(browser.client().await["sessions"], json!([]));
        assert_eq!(browser.cookie("__client_uat").as_deref(), Some("0"));
        assert_eq!(world.server().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "expired");
        browser.get("/v1/me").await.refused(401, "authentication_invalid");
        browser.sign_in("ada@example.com").await;
    }

    async fn a_session_without_activity_ends_where_the_operator_wants_it(world: World) {
        world.settings(|s| s.session_inactivity_secs = 600).await;
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        for _ in 0..3 {
            world.advance_minutes(9);
            browser.mint(&session).await.ok();
        }
        world.advance_minutes(11);
        browser.mint(&session).await.refused(401, "authentication_invalid");
        assert_eq!(world.server().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "abandoned");
    }

    async fn p8_tossing_what_is_no_token_changes_nothing(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let (_, _, _) = (world.user_without_password("eve@example.com").await, 0, 0);
        let token = browser.cookie("__client").unwrap();
        for header in [format!("__client={}; __client={token}", "x".repeat(43)), format!("__client={token}; __client=short"), format!("__client=; __client=\"; __client={token}")] {
            let answer = browser.request("POST", &format!("/v1/client/sessions/{session}/tokens")).header("cookie", header.clone()).send().await;
            assert_eq!(answer.status, 200, "{header}: {}", answer.body);
        }
    }

    async fn p1_session_jwt_powerless(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let jwt = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        let thief = world.browser();
        for cookie in [format!("__client={jwt}"), format!("__session={jwt}"), format!("__client={}", &jwt[..43])] {
            thief.request("GET", "/v1/me").header("cookie", cookie).send().await.refused(401, "authentication_invalid");
        }
        let bearer = thief.request("GET", "/v1/me").header("authorization", format!("Bearer {jwt}")).send().await;
        bearer.well_formed_refusal();
        let native = thief.request("GET", "/v1/me?_is_native=1").header("authorization", &jwt).send().await;
        native.refused(401, "authentication_invalid");
        let refresh = json!({ "expired_token": jwt, "refresh_token": &jwt[..200], "request_origin": browser.origin, "format": "cookie" });
        world.unchanged(world.server().post(&format!("/v1/sessions/{session}/refresh"), refresh)).await.refused(401, "refresh_token_not_found");
        world.unchanged(world.server().get(&format!("/v1/clients/handshake_payload?nonce={}", &jwt[..200]))).await.refused(400, "invalid_handshake");
        let tossed = thief.request("POST", &format!("/v1/client/sessions/{session}/tokens")).header("cookie", format!("__client={jwt}; __session={jwt}")).send().await;
        tossed.refused(401, "authentication_invalid");
    }

    async fn a_session_of_another_client_is_a_401_for_every_operation(world: World) {
        let (_, _, hers) = world.signed_in("ada@example.com").await;
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        for (method, tail) in [("GET", ""), ("POST", "/touch"), ("POST", "/end"), ("POST", "/remove"), ("POST", "/tokens")] {
            let answer = world.unchanged(eve.request(method, &format!("/v1/client/sessions/{hers}{tail}")).send()).await;
            answer.refused(401, "authentication_invalid");
        }
        world.unchanged(eve.post(&format!("/v1/me/sessions/{hers}/revoke"), &[])).await.refused(404, "resource_not_found");
        world.unchanged(eve.get(&format!("/v1/me?_clerk_session_id={hers}"))).await.refused(401, "authentication_invalid");
    }

    async fn two_accounts_live_on_one_client_and_end_one_by_one(world: World) {
        let (browser, first, second) = two_accounts(&world).await;
        assert_eq!(browser.session_ids().await, [first.clone(), second.clone()]);
        assert_eq!(browser.client().await["last_active_session_id"], second.as_str());
        browser.mint(&first).await.ok();
        let me = async |id: &str| browser.get(&format!("/v1/me?_clerk_session_id={id}")).await.response()["email_addresses"][0]["email_address"].clone();
        assert_eq!((me(&first).await, me(&second).await), (json!("ada@example.com"), json!("bob@example.com")));
        browser.post(&format!("/v1/client/sessions/{first}/touch"), &[("intent", "select_session")]).await.ok();
        assert_eq!(browser.client().await["last_active_session_id"], first.as_str());
        world.advance_secs(5);
        let ended = browser.post(&format!("/v1/client/sessions/{first}/end"), &[]).await;
        ended.ok();
        assert_eq!(ended.cookie_value("__client_uat"), Some(world.now().secs().to_string().as_str()), "one session is left");
        browser.mint(&second).await.ok();
        browser.mint(&first).await.refused(401, "authentication_invalid");
        assert_eq!(browser.client().await["last_active_session_id"], second.as_str());
        browser.delete("/v1/client/sessions").await.ok();
        assert_eq!(browser.cookie("__client_uat").as_deref(), Some("0"));
    }

    async fn one_user_signs_in_once_on_a_client(world: World) {
        world.settings(|s| s.single_session_mode = false).await;
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let answer = browser.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "email_code")]).await;
        answer.refused(400, "identifier_already_signed_in");
        assert_eq!(answer.json()["errors"][0]["meta"]["session_id"], session.as_str());
    }

    async fn p3_multi_session(world: World) {
        let (browser, first, second) = two_accounts(&world).await;
        let stamp: i64 = browser.cookie("__client_uat").unwrap().parse().unwrap();
        assert_eq!(stamp, world.now().secs());
        for session in [&first, &second] {
            assert!(browser.claims(session).await["iat"].as_i64().unwrap() >= stamp);
        }
    }

    async fn revoking_one_session_of_two_moves_the_stamp(world: World) {
        let (browser, first, _) = two_accounts(&world).await;
        let stamp = browser.cookie("__client_uat").unwrap();
        world.advance_secs(5);
        world.server().post(&format!("/v1/sessions/{first}/revoke"), json!({})).await.ok();
        browser.client().await;
        assert_ne!(browser.cookie("__client_uat").unwrap(), stamp, "the set of sessions changed (contract fapi §0.13)");
    }

    async fn devices_are_listed_to_their_user_and_can_be_signed_out(world: World) {
        world.user_without_password("ada@example.com").await;
        let (here, there) = (world.browser(), world.browser());
        let first = here.sign_in("ada@example.com").await;
        world.advance_secs(31);
        let second = there.sign_in("ada@example.com").await;
        let devices = here.get("/v1/me/sessions/active").await.ok();
        let ids: Vec<&str> = devices.as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [second.as_str(), first.as_str()]);
        assert!(!devices.to_string().contains("jwt"), "a device's token is nobody else's");
        here.post(&format!("/v1/me/sessions/{second}/revoke"), &[]).await.ok();
        there.mint(&second).await.refused(401, "authentication_invalid");
        here.mint(&first).await.ok();
    }

    async fn a_client_is_made_once_and_kept(world: World) {
        let browser = world.browser();
        let made = browser.post("/v1/client", &[]).await.response();
        assert!(made["id"].as_str().unwrap().starts_with("client_"));
        assert_eq!(made["sessions"], json!([]));
        let again = browser.request("PUT", "/v1/client").send().await.response();
        assert_eq!(again["id"], made["id"]);
        assert_eq!(world.count("clients").await, 1);
        assert_eq!(made["cookie_expires_at"], world.now().0 + 400 * 24 * 3600 * 1000);
        world.advance_days(400);
        assert_eq!(browser.client().await, json!(null), "the cookie has run out");
    }

    async fn a_lock_keeps_sessions_and_a_ban_ends_them(world: World) {
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        world.server().post(&format!("/v1/users/{}/lock", ada.id), json!({})).await.ok();
        browser.mint(&session).await.ok();
        world.server().post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        assert_eq!(world.server().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "revoked");
        world.server().post(&format!("/v1/users/{}/unban", ada.id), json!({})).await.ok();
        browser.mint(&session).await.refused(401, "authentication_invalid");
    }
}
