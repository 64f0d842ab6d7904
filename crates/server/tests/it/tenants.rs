//! Two instances in one process: what is one's is nothing to the other (requirements TN-*; promise P8 `p8_independent`).
use crate::answer::decode;
use crate::browser::PASSWORD;
use serde_json::json;

both! {
    async fn the_same_address_is_another_person(world: World) {
        let (there, server, _) = world.other_instance("other").await;
        let here = world.browser();
        let ada = here.sign_up("ada@example.com").await;
        let id = there.start_sign_up(&[("email_address", "ada@example.com"), ("password", PASSWORD)]).await;
        there.prepare_sign_up(&id).await.ok();
        let inbox = there.get("/inbox/messages?to=ada%40example.com").await.ok();
        assert_eq!(inbox["total_count"], 1, "mail of another instance is not in this inbox");
        let other = there.attempt_sign_up(&id, inbox["data"][0]["code"].as_str().unwrap()).await.response();
        assert_eq!(other["status"], "complete");
        assert_ne!(ada["created_user_id"], other["created_user_id"]);
        assert_eq!(world.server().get("/v1/users/count").await.ok()["total_count"], 1);
        let theirs = server.get("/v1/users").await.ok();
        assert_eq!(theirs.as_array().unwrap().len(), 1);
        assert_eq!(theirs[0]["id"], other["created_user_id"]);
    }

    async fn a_client_cookie_of_one_is_nobody_to_the_other(world: World) {
        let (there, _, _) = world.other_instance("other").await;
        let (here, _, session) = world.signed_in("ada@example.com").await;
        let cookie = format!("__client={}", here.cookie("__client").unwrap());
        let visit = there.request("GET", "/v1/client").header("cookie", cookie.clone()).send().await;
        assert_eq!(visit.response(), json!(null));
        let mint = there.request("POST", &format!("/v1/client/sessions/{session}/tokens")).header("cookie", cookie).send().await;
        mint.refused(401, "authentication_invalid");
        here.mint(&session).await.ok();
    }

    async fn attempts_and_codes_of_one_are_unknown_to_the_other(world: World) {
        let (there, _, _) = world.other_instance("other").await;
        world.user_without_password("ada@example.com").await;
        let here = world.browser();
        let sign_in = here.pending_sign_in("ada@example.com").await;
        let sign_up = world.browser().pending_sign_up("bob@example.com").await;
        there.post("/v1/client", &[]).await.ok();
        world.unchanged(there.attempt_code(&sign_in, &world.code("ada@example.com").await)).await.refused(404, "resource_not_found");
        world.unchanged(there.attempt_sign_up(&sign_up, &world.code("bob@example.com").await)).await.refused(404, "resource_not_found");
    }

    async fn tokens_of_one_are_signed_with_a_key_that_the_other_does_not_know(world: World) {
        let (there, server, instance) = world.other_instance("other").await;
        let (here, _, session) = world.signed_in("ada@example.com").await;
        let jwt = here.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        let keys = there.get("/.well-known/jwks.json").await.ok();
        let kid = decode(&jwt).0["kid"].clone();
        assert!(keys["keys"].as_array().unwrap().iter().all(|k| k["kid"] != kid && k["n"] != world.modulus(&world.instance())));
        assert_ne!(instance.cookie_suffix, world.instance().cookie_suffix);
        server.post("/v1/clients/verify", json!({ "token": jwt })).await.refused(400, "invalid_session_token token");
        world.server().post("/v1/clients/verify", json!({ "token": jwt })).await.ok();
    }

    async fn settings_of_one_are_not_the_others(world: World) {
        let (there, server, instance) = world.other_instance("other").await;
        world.settings_of(&instance, |s| { s.allowed_origins = vec!["https://theirs.example".to_owned()]; s.enumeration_protection = true; }).await;
        there.request("GET", "/v1/client").origin("https://theirs.example").send().await.ok();
        world.browser().request("GET", "/v1/client").origin("https://theirs.example").send().await.refused(400, "origin_invalid");
        there.post("/v1/client/sign_ins", &[("identifier", "nobody@example.com")]).await.ok();
        world.browser().post("/v1/client/sign_ins", &[("identifier", "nobody@example.com")]).await.refused(422, "form_identifier_not_found identifier");
        assert_eq!(server.get("/v1/instance").await.ok()["allowed_origins"], json!(["https://theirs.example"]));
        assert_eq!(world.server().get("/v1/instance").await.ok()["allowed_origins"], json!([]));
    }

    async fn external_ids_and_usernames_are_free_in_the_other(world: World) {
        let (_, server, instance) = world.other_instance("other").await;
        for server in [&world.server(), &server] {
            server.post("/v1/users", json!({ "email_address": ["ada@example.com"], "external_id": "ext-1", "skip_password_requirement": true })).await.ok();
        }
        assert_eq!(world.count("users").await, 2);
        assert!(instance.row.host.starts_with("other."));
    }

    production async fn p8_independent(world: World) {
        let (there, _, instance) = world.other_instance("other").await;
        let (here, _, _) = world.signed_in("ada@example.com").await;
        there.request("GET", "/v1/client").origin("https://app.example.com").send().await.refused(400, "origin_invalid");
        let made = there.post("/v1/client", &[]).await;
        let suffixed = format!("__client_uat_{}", instance.cookie_suffix);
        assert!(made.cookie(&suffixed).unwrap().contains("Domain=other.org"));
        assert!(here.cookie(&suffixed).is_none());
        here.request("GET", "/v1/client").origin("https://app.other.org").send().await.refused(400, "origin_invalid");
    }
}
