//! A production instance at `https://clerk.example.com` (promise P8; contract fapi §4.1).
use crate::browser::PASSWORD;
use serde_json::json;

both! {
    production async fn p8_domains(world: World) {
        let browser = world.browser();
        let id = browser.pending_sign_up("ada@example.com").await;
        let done = browser.attempt_sign_up(&id, &world.code("ada@example.com").await).await;
        done.ok();
        let suffixed = format!("__client_uat_{}", world.instance().cookie_suffix);
        for name in ["__client_uat", suffixed.as_str()] {
            let cookie = done.cookie(name).unwrap();
            assert!(cookie.contains("; Domain=example.com;") && cookie.contains("; Secure") && !cookie.contains("HttpOnly"), "{cookie}");
        }
        let client = done.cookie("__client").unwrap();
        assert!(client.contains("; HttpOnly") && client.contains("; Secure") && !client.contains("Domain="), "{client}");
        assert!(done.cookie(&format!("__client_{}", world.instance().cookie_suffix)).is_none());
        assert!(done.cookies.iter().all(|c| !c.starts_with("__session")), "session tokens are the application's to set");
        let gone = browser.delete("/v1/client").await;
        assert!(gone.cookie("__client_uat").unwrap().starts_with("__client_uat=0;"));
        assert!(gone.cookie("__client_uat").unwrap().contains("Domain=example.com"));
    }

    production async fn the_backend_has_a_host_of_its_own_and_takes_keys_only(world: World) {
        let server = world.server().header("host", "api.example.com");
        server.get("/v1/users").await.ok();
        server.without("authorization").get("/v1/users").await.refused(401, "authentication_invalid");
        let browser = world.browser();
        let fapi_path = browser.request("GET", "/v1/client").header("host", "api.example.com").send().await;
        fapi_path.refused(401, "authentication_invalid");
    }

    production async fn an_unknown_host_is_nobodys(world: World) {
        let browser = world.browser();
        for host in ["evil.example", "example.com", "clerk.example.com.evil.com", "clerk.example.com:8443", "", "127.0.0.1"] {
            let answer = browser.request("GET", "/v1/client").header("host", host).send().await;
            answer.refused(400, "invalid_host");
        }
        let cased = browser.request("GET", "/v1/client").header("host", "CLERK.Example.COM").send().await;
        cased.ok();
    }

    production async fn forwarded_headers_of_strangers_are_not_believed(world: World) {
        let browser = world.browser();
        let request = browser.request("GET", "/v1/client").header("x-forwarded-host", "evil.example").header("x-forwarded-proto", "http").header("x-forwarded-for", "203.0.113.9");
        request.send().await.ok();
        world.user_without_password("ada@example.com").await;
        let id = browser.pending_sign_in("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        let done = browser.request("POST", &format!("/v1/client/sign_ins/{id}/attempt_first_factor")).header("x-forwarded-for", "203.0.113.9").form(&[("strategy", "email_code"), ("code", &code)]).send().await;
        done.ok();
        let device = browser.get("/v1/me/sessions/active").await.ok();
        assert_eq!(device[0]["latest_activity"]["ip_address"], "127.0.0.1");
    }

    production async fn operators_cannot_make_sessions_out_of_nothing(world: World) {
        let ada = world.user("ada@example.com").await;
        world.unchanged(world.server().post("/v1/sessions", json!({ "user_id": ada.id }))).await.refused(400, "request_invalid_for_environment");
    }

    production async fn the_whole_walk_works_over_https(world: World) {
        let browser = world.browser();
        let done = browser.sign_up("ada@example.com").await;
        let session = done["created_session_id"].as_str().unwrap();
        browser.mint(session).await.ok();
        browser.delete("/v1/client/sessions").await.ok();
        browser.mint(session).await.refused(401, "authentication_invalid");
        browser.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        assert_eq!(browser.sign_in_with_password("ada@example.com", PASSWORD).await.response()["status"], "complete");
        assert_eq!(browser.get("/v1/environment").await.ok()["display_config"]["instance_environment_type"], "production");
    }

    production async fn mail_of_production_is_queued_with_its_code_in_the_text_only(world: World) {
        let browser = world.browser();
        browser.pending_sign_up("ada@example.com").await;
        assert_eq!(world.rows("SELECT status FROM messages", &[]).await, ["queued"]);
        let code = world.code("ada@example.com").await;
        assert!(world.rows("SELECT code_hash FROM verifications", &[]).await.iter().all(|h| !h.contains(&code) && h.len() > 40));
    }
}
