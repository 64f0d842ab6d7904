//! Sessions, clients, testing tokens and the instance, by the operator (contract bapi §2.3, §2.12).
use crate::answer::decode;
use serde_json::json;

both! {
    async fn sessions_are_listed_filtered_and_counted(world: World) {
        let (_, ada, first) = world.signed_in("ada@example.com").await;
        world.advance_secs(31);
        let (browser, bob, second) = world.signed_in("bob@example.com").await;
        let server = world.server();
        let ids = async |query: &str| {
            let list = server.get(&format!("/v1/sessions?{query}")).await.ok();
            list.as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ids("").await, [second.clone(), first.clone()]);
        assert_eq!(ids(&format!("user_id={}", ada.id)).await, std::slice::from_ref(&first));
        let client = browser.client().await["id"].as_str().unwrap().to_owned();
        assert_eq!(ids(&format!("client_id={client}")).await, std::slice::from_ref(&second));
        assert_eq!(ids("limit=1&offset=1").await, std::slice::from_ref(&first));
        browser.post(&format!("/v1/client/sessions/{second}/end"), &[]).await.ok();
        assert_eq!(ids("status=active").await, std::slice::from_ref(&first));
        assert_eq!(ids("status=ended").await, std::slice::from_ref(&second));
        let page = server.get("/v1/sessions?paginated=true&limit=1").await.ok();
        assert_eq!((page["data"].as_array().unwrap().len(), &page["total_count"]), (1, &json!(2)));
        world.advance_days(8);
        assert_eq!(ids("status=expired").await, [first]);
        assert_eq!(ids("status=active").await, Vec::<String>::new());
        server.get("/v1/sessions?status=nonsense").await.refused(422, "form_param_value_invalid status");
        let one = server.get(&format!("/v1/sessions/{second}")).await.ok();
        assert_eq!((&one["object"], &one["user_id"], &one["client_id"], &one["status"]), (&json!("session"), &json!(bob.id), &json!(client), &json!("ended")));
    }

    async fn a_revoked_session_stays_revoked_and_an_ended_one_ended(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let server = world.server();
        let path = format!("/v1/sessions/{session}/revoke");
        assert_eq!(server.post(&path, json!({})).await.ok()["status"], "revoked");
        assert_eq!(server.post(&path, json!({})).await.ok()["status"], "revoked");
        browser.mint(&session).await.refused(401, "authentication_invalid");
        world.advance_secs(31);
        let second = browser.sign_in("ada@example.com").await;
        browser.delete("/v1/client/sessions").await.ok();
        assert_eq!(world.unchanged(server.post(&format!("/v1/sessions/{second}/revoke"), json!({}))).await.ok()["status"], "removed");
    }

    async fn an_operator_makes_a_session_on_development_only_and_no_factor_is_claimed(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        let made = server.post("/v1/sessions", json!({ "user_id": ada.id })).await.ok();
        assert_eq!((&made["status"], &made["user_id"]), (&json!("active"), &json!(ada.id)));
        let token = server.post(&format!("/v1/sessions/{}/tokens", made["id"].as_str().unwrap()), json!({})).await.ok();
        let claims = decode(token["jwt"].as_str().unwrap()).1;
        assert_eq!((&claims["fva"], &claims["sub"]), (&json!([-1, -1]), &json!(ada.id)));
        world.unchanged(server.post("/v1/sessions", json!({ "user_id": "user_x" }))).await.refused(404, "resource_not_found");
        server.post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        world.unchanged(server.post("/v1/sessions", json!({ "user_id": ada.id }))).await.refused(403, "user_banned");
    }

    async fn a_server_gets_tokens_of_live_sessions_only(world: World) {
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        let server = world.server();
        let path = format!("/v1/sessions/{session}/tokens");
        let claims = decode(server.post(&path, json!({ "expires_in_seconds": 600 })).await.ok()["jwt"].as_str().unwrap()).1;
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        let usual = decode(server.post(&path, json!({})).await.ok()["jwt"].as_str().unwrap()).1;
        assert_eq!(usual["exp"].as_i64().unwrap() - usual["iat"].as_i64().unwrap(), 60);
        for secs in [29, 315_360_001] {
            world.unchanged(server.post(&path, json!({ "expires_in_seconds": secs }))).await.refused(422, "form_param_value_invalid expires_in_seconds");
        }
        server.post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        world.unchanged(server.post(&path, json!({}))).await.refused(404, "resource_not_found");
        browser.mint(&session).await.refused(401, "authentication_invalid");
    }

    async fn tokens_are_verified_with_their_session(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let (_, _, other) = world.signed_in("bob@example.com").await;
        let server = world.server();
        let jwt = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        assert_eq!(server.post(&format!("/v1/sessions/{session}/verify"), json!({ "token": jwt })).await.ok()["id"], session.as_str());
        let client = server.post("/v1/clients/verify", json!({ "token": jwt })).await.ok();
        assert_eq!(client["session_ids"], json!([session]));
        server.post(&format!("/v1/sessions/{other}/verify"), json!({ "token": jwt })).await.refused(400, "invalid_session_token token");
        let (head, tail) = jwt.split_at(jwt.len() - 2);
        let flipped = format!("{head}{}", if tail == "AA" { "BB" } else { "AA" });
        let parts: Vec<&str> = jwt.split('.').collect();
        let none = format!("{}.{}.", usher_crypto::digest::b64url(br#"{"alg":"none","typ":"JWT","cat":"cl_B7d4PD111AAA"}"#), parts[1]);
        let other_kid = format!("{}.{}.{}", usher_crypto::digest::b64url(br#"{"alg":"RS256","kid":"../../dev/null","typ":"JWT","cat":"cl_B7d4PD111AAA"}"#), parts[1], parts[2]);
        for bad in [flipped, none, other_kid, format!("{jwt}="), format!(" {jwt}"), "a.b.c".to_owned(), "..".to_owned(), format!("{}.{}", parts[0], parts[1])] {
            for path in ["/v1/clients/verify".to_owned(), format!("/v1/sessions/{session}/verify")] {
                world.unchanged(server.post(&path, json!({ "token": bad }))).await.refused(400, "invalid_session_token token");
            }
        }
        world.advance_secs(61);
        server.post("/v1/clients/verify", json!({ "token": jwt })).await.refused(400, "invalid_session_token token");
        let fresh = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        browser.delete("/v1/client/sessions").await.ok();
        server.post("/v1/clients/verify", json!({ "token": fresh })).await.refused(400, "invalid_session_token token");
    }

    async fn a_handshake_token_is_no_session_token(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let answer = browser.get("/v1/client/handshake?redirect_url=http%3A%2F%2Flocalhost%3A3000%2F").await;
        let token = answer.cookie_value("__clerk_handshake").unwrap();
        for path in ["/v1/clients/verify".to_owned(), format!("/v1/sessions/{session}/verify")] {
            world.unchanged(world.server().post(&path, json!({ "token": token }))).await.refused(400, "invalid_session_token token");
        }
    }

    async fn clients_are_listed_and_read(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let id = browser.client().await["id"].as_str().unwrap().to_owned();
        let server = world.server();
        let one = server.get(&format!("/v1/clients/{id}")).await.ok();
        assert_eq!((&one["object"], &one["session_ids"], &one["last_active_session_id"]), (&json!("client"), &json!([session]), &json!(session)));
        assert!(one.get("token_hash").is_none() && !one.to_string().contains(&browser.cookie("__client").unwrap()));
        assert_eq!(server.get("/v1/clients").await.ok()[0], one);
        assert_eq!(server.get("/v1/clients?paginated=true").await.ok()["total_count"], 1);
        browser.delete("/v1/client/sessions").await.ok();
        let after = server.get(&format!("/v1/clients/{id}")).await.ok();
        assert_eq!((&after["session_ids"], &after["last_active_session_id"]), (&json!([]), &json!(null)));
    }

    async fn a_testing_token_is_shown_once_and_stored_as_a_hash(world: World) {
        let made = world.server().post("/v1/testing_tokens", json!({})).await.ok();
        assert_eq!((&made["object"], &made["expires_at"]), (&json!("testing_token"), &json!(world.now().secs() + 3600)));
        let token = made["token"].as_str().unwrap();
        assert!(!format!("{:?}", world.snapshot().await).contains(token));
    }

    async fn the_instance_is_read_and_changed(world: World) {
        let server = world.server();
        let before = server.get("/v1/instance").await.ok();
        assert_eq!((&before["object"], &before["environment_type"], &before["allowed_origins"]), (&json!("instance"), &json!("development"), &json!([])));
        let changed = server.patch("/v1/instance", json!({ "allowed_origins": ["https://App.example.org/", "https://app.example.org"], "test_mode": false, "support_email": "help@example.com", "unknown": 1 })).await;
        assert_eq!((changed.status, changed.body.as_str()), (204, ""));
        assert_eq!(server.get("/v1/instance").await.ok()["allowed_origins"], json!(["https://app.example.org"]));
        world.browser().request("GET", "/v1/client").origin("https://app.example.org").send().await.ok();
        let environment = world.browser().get("/v1/environment").await.ok();
        assert_eq!((&environment["display_config"]["support_email"], &environment["auth_config"]["test_mode"]), (&json!("help@example.com"), &json!(false)));
        for (body, code) in [
            (json!({ "allowed_origins": ["app.example.org"] }), "form_invalid_origin allowed_origins"),
            (json!({ "allowed_origins": ["https://app.example.org/path"] }), "form_invalid_origin allowed_origins"),
            (json!({ "allowed_origins": ["https://*.example.org"] }), "form_invalid_origin allowed_origins"),
            (json!({ "allowed_origins": ["javascript:alert(1)"] }), "form_invalid_origin allowed_origins"),
            (json!({ "allowed_origins": ["null"] }), "form_invalid_origin allowed_origins"),
            (json!({ "support_email": "nonsense" }), "form_param_format_invalid support_email"),
            (json!({ "clerk_js_version": "4" }), "form_param_value_invalid clerk_js_version"),
            (json!({ "cookieless_dev": true }), "form_param_value_invalid cookieless_dev"),
            (json!({ "url_based_session_syncing": true }), "form_param_value_invalid url_based_session_syncing"),
            (json!({ "development_origin": "https://evil.example" }), "form_invalid_origin development_origin"),
            (json!({ "preferred_sign_in_strategy_when_password_required": "magic" }), "form_param_value_invalid preferred_sign_in_strategy_when_password_required"),
        ] {
            world.unchanged(server.patch("/v1/instance", body)).await.refused(422, code);
        }
        server.patch("/v1/instance", json!({ "allowed_origins": null })).await;
        assert_eq!(server.get("/v1/instance").await.ok()["allowed_origins"], json!([]));
    }
}
