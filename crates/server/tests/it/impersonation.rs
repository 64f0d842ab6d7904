//! Actor tokens (contract bapi §2.5): somebody else acts as a user, and every token says who.
use crate::tickets::redeem;
use crate::world::World;
use serde_json::{Value, json};

async fn actor_token(world: &World, user: &str, more: Value) -> Value {
    let mut body = json!({ "user_id": user, "actor": { "sub": "user_support", "desk": "north" } });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.server().post("/v1/actor_tokens", body).await.ok()
}

both! {
    async fn an_impersonated_session_says_who_acts_and_ends_soon(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let made = actor_token(&world, &ada.id, json!({})).await;
        assert_eq!((&made["object"], &made["status"], &made["actor"]["sub"]), (&json!("actor_token"), &json!("pending"), &json!("user_support")));
        assert!(made["id"].as_str().unwrap().starts_with("act_") && made["url"].as_str().unwrap().contains("/v1/tickets/accept?ticket=act_"));
        let browser = world.browser();
        let sign_in = redeem(&browser, made["token"].as_str().unwrap()).await.response();
        assert_eq!(sign_in["status"], "complete");
        let session = sign_in["created_session_id"].as_str().unwrap().to_owned();
        let actor = json!({ "sub": "user_support", "desk": "north" });
        let claims = browser.claims(&session).await;
        assert_eq!((&claims["sub"], &claims["act"], &claims["fva"]), (&json!(ada.id), &actor, &json!([-1, -1])));
        assert_eq!(browser.client().await["sessions"][0]["actor"], actor);
        let shown = world.server().get(&format!("/v1/sessions/{session}")).await.ok();
        assert_eq!(shown["actor"], actor);
        assert_eq!(shown["expire_at"].as_i64().unwrap() - shown["created_at"].as_i64().unwrap(), 30 * 60 * 1000);
        world.advance_minutes(29);
        browser.mint(&session).await.ok();
        world.advance_minutes(1);
        browser.mint(&session).await.refused(401, "authentication_invalid");
        assert!(world.rows("SELECT actor FROM tickets", &[]).await[0].contains("user_support"), "who acted stays known");
        redeem(&world.browser(), made["token"].as_str().unwrap()).await.refused(400, "actor_token_already_used_code");
    }

    async fn impersonation_is_not_the_users_activity(world: World) {
        let (own, ada, _) = world.signed_in("ada@example.com").await;
        own.delete("/v1/client/sessions").await.ok();
        let stamps = async || {
            let user = world.server().get(&format!("/v1/users/{}", ada.id)).await.ok();
            (user["last_sign_in_at"].clone(), user["last_active_at"].clone())
        };
        let before = stamps().await;
        world.advance_minutes(10);
        let made = actor_token(&world, &ada.id, json!({})).await;
        let browser = world.browser();
        let sign_in = redeem(&browser, made["token"].as_str().unwrap()).await.response();
        let session = sign_in["created_session_id"].as_str().unwrap();
        world.advance_minutes(5);
        browser.mint(session).await.ok();
        browser.post(&format!("/v1/client/sessions/{session}/touch"), &[]).await.ok();
        assert_eq!(stamps().await, before);
        let own = world.browser();
        own.sign_in("ada@example.com").await;
        assert_ne!(stamps().await, before);
    }

    async fn who_acts_as_a_user_changes_no_way_to_sign_in(world: World) {
        world.settings(|s| { s.attributes.passkey = true; s.attributes.authenticator_app = true; s.attributes.backup_code = true; }).await;
        let (own, ada, _) = world.signed_in("ada@example.com").await;
        let email = format!("/v1/me/email_addresses/{}", ada.email_id);
        let made = actor_token(&world, &ada.id, json!({})).await;
        let support = world.browser();
        redeem(&support, made["token"].as_str().unwrap()).await.ok();
        for (path, form) in [
            ("/v1/me/change_password", &[("new_password", "a password of the support 1")][..]),
            ("/v1/me/remove_password", &[]),
            ("/v1/me/email_addresses", &[("email_address", "support@example.com")]),
            (&format!("{email}/prepare_verification"), &[("strategy", "email_code")]),
            (&format!("{email}/attempt_verification"), &[("code", "424242")]),
            ("/v1/me/passkeys", &[]),
            ("/v1/me/totp", &[]),
            ("/v1/me/totp/attempt_verification", &[("code", "123456")]),
            ("/v1/me/backup_codes", &[]),
        ] {
            world.unchanged(support.post(path, form)).await.refused(403, "authorization_invalid");
        }
        for path in ["/v1/me", "/v1/me/totp", &email] {
            world.unchanged(support.delete(path)).await.refused(403, "authorization_invalid");
        }
        for form in [("username", "support"), ("primary_email_address_id", ada.email_id.as_str())] {
            world.unchanged(support.patch("/v1/me", &[form])).await.refused(403, "authorization_invalid");
        }
        support.patch("/v1/me", &[("first_name", "Ada")]).await.ok();
        own.post("/v1/me/change_password", &[("new_password", "a password of her own 1")]).await.ok();
    }

    async fn a_sign_in_token_is_a_first_factor_and_needs_the_second(world: World) {
        let (_, ada, _, app) = world.enrolled("ada@example.com").await;
        let made = world.server().post("/v1/sign_in_tokens", json!({ "user_id": ada.id })).await.ok();
        let browser = world.browser();
        let half = redeem(&browser, made["token"].as_str().unwrap()).await.response();
        assert_eq!((&half["status"], &half["created_session_id"]), (&json!("needs_second_factor"), &json!(null)));
        assert!(browser.session_ids().await.is_empty());
        let done = browser.attempt_second(half["id"].as_str().unwrap(), "totp", &app.code()).await.response();
        assert_eq!(done["status"], "complete");
        redeem(&world.browser(), made["token"].as_str().unwrap()).await.refused(400, "sign_in_token_already_used_code");
    }

    async fn an_ordinary_session_names_no_actor(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        assert!(browser.claims(&session).await.get("act").is_none());
    }

    async fn an_actors_own_session_gives_way_or_stays_as_the_setting_says(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let (support, _, session) = world.signed_in("support@example.com").await;
        let made = actor_token(&world, &ada.id, json!({ "session_max_duration_in_seconds": 60 })).await;
        redeem(&support, made["token"].as_str().unwrap()).await.ok();
        assert_eq!(support.session_ids().await.len(), 1);
        assert_eq!(world.server().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "replaced");
        world.settings(|s| s.single_session_mode = false).await;
        let (support, _, session) = world.signed_in("support2@example.com").await;
        let made = actor_token(&world, &ada.id, json!({})).await;
        redeem(&support, made["token"].as_str().unwrap()).await.ok();
        let ids = support.session_ids().await;
        assert!(ids.len() == 2 && ids.contains(&session));
    }

    async fn actor_tokens_are_refused_without_an_actor_after_their_time_and_revoked(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        for (actor, code) in [(json!({}), "form_param_missing actor"), (json!({ "sub": "" }), "form_param_value_invalid actor"), (json!({ "sub": 7 }), "form_param_value_invalid actor"), (json!("x"), "form_param_type_invalid actor")] {
            world.unchanged(server.post("/v1/actor_tokens", json!({ "user_id": ada.id, "actor": actor }))).await.refused(422, code);
        }
        world.unchanged(server.post("/v1/actor_tokens", json!({ "user_id": "user_x", "actor": { "sub": "s" } }))).await.refused(404, "resource_not_found");
        let made = actor_token(&world, &ada.id, json!({})).await;
        world.advance_minutes(60);
        world.unchanged(redeem(&world.browser(), made["token"].as_str().unwrap())).await.refused(400, "ticket_expired_code");
        let made = actor_token(&world, &ada.id, json!({})).await;
        let path = format!("/v1/actor_tokens/{}/revoke", made["id"].as_str().unwrap());
        // A token of one kind is not revoked as another.
        world.unchanged(server.post(&format!("/v1/sign_in_tokens/{}/revoke", made["id"].as_str().unwrap()), json!({}))).await.refused(404, "resource_not_found");
        assert_eq!(server.post(&path, json!({})).await.ok()["status"], "revoked");
        world.unchanged(server.post(&path, json!({}))).await.refused(400, "actor_token_cannot_be_revoked_code");
        world.unchanged(redeem(&world.browser(), made["token"].as_str().unwrap())).await.refused(400, "actor_token_revoked_code");
        let made = actor_token(&world, &ada.id, json!({})).await;
        server.post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        world.unchanged(redeem(&world.browser(), made["token"].as_str().unwrap())).await.refused(403, "user_banned");
    }
}
