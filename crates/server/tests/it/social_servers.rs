//! Accounts elsewhere, for the operator's servers (contract bapi §2.1): tokens, deletion, filters.
use crate::idp::{ACME, Idp, Mood};
use serde_json::{Value, json};

both! {
    async fn a_server_gets_the_access_tokens_of_a_user(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let user = world.browser().joins_by(&idp).await["user"].clone();
        let server = world.server();
        let path = |word: &str| format!("/v1/users/{}/oauth_access_tokens/{word}", user["id"].as_str().unwrap());
        for word in [ACME, "custom_acme"] {
            let tokens = server.get(&path(word)).await.ok();
            let token = &tokens[0];
            assert_eq!((tokens.as_array().unwrap().len(), &token["object"]), (1, &json!("oauth_access_token")));
            assert!(token["token"].as_str().unwrap().starts_with("access-"));
            assert_eq!((&token["provider"], &token["provider_user_id"], &token["external_account_id"]), (&json!(ACME), &json!("ada"), &user["external_accounts"][0]["id"]));
            assert_eq!((&token["scopes"], &token["expires_at"]), (&json!(["openid", "email"]), &json!(world.now().plus_secs(3600).0)));
            assert!(token["id_token"].as_str().unwrap().split('.').count() == 3);
        }
        let page = server.get(&format!("{}?paginated=true&limit=1", path(ACME))).await.ok();
        assert_eq!((&page["total_count"], &page["data"][0]["provider"]), (&json!(1), &json!(ACME)));
        assert_eq!(server.get(&format!("{}?offset=1", path(ACME))).await.ok(), json!([]));
        server.get(&path("oauth_google")).await.refused(404, "oauth_token_provider_not_enabled");
        server.get("/v1/users/user_x/oauth_access_tokens/oauth_custom_acme").await.refused(404, "resource_not_found");
        let bob = world.user("bob@example.com").await;
        assert_eq!(server.get(&format!("/v1/users/{}/oauth_access_tokens/{ACME}", bob.id)).await.ok(), json!([]));
    }

    async fn a_token_that_has_ended_is_renewed(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let user = world.browser().joins_by(&idp).await["user"]["id"].as_str().unwrap().to_owned();
        let server = world.server();
        let path = format!("/v1/users/{user}/oauth_access_tokens/{ACME}");
        let first = server.get(&path).await.ok()[0].clone();
        world.advance_secs(3600);
        let second = server.get(&path).await.ok()[0].clone();
        assert_ne!(first["token"], second["token"]);
        assert_eq!(second["expires_at"], json!(world.now().plus_secs(3600).0));
        let asked = idp.seen("/token").pop().unwrap();
        assert_eq!((&asked["grant_type"], asked["refresh_token"].as_str().unwrap().starts_with("refresh-")), (&json!("refresh_token"), true));
        // It is kept, and so is the refresh token where no new one comes.
        let exchanged = idp.seen("/token").len();
        assert_eq!(server.get(&path).await.ok()[0]["token"], second["token"]);
        assert_eq!(idp.seen("/token").len(), exchanged);
        idp.tokens(Some(3600), false);
        for _ in 0..2 {
            world.advance_secs(3600);
            server.get(&path).await.ok();
        }
        world.advance_secs(3600);
        idp.mood("/token", Mood::Status(400));
        world.unchanged(server.get(&path)).await.refused(400, "oauth_token_retrieval_error");
    }

    async fn a_token_without_a_successor_is_told_of(world: World) {
        let (idp, world) = Idp::start(&world).await;
        idp.tokens(Some(60), false);
        let ada = world.browser();
        let user = ada.joins_by(&idp).await["user"].clone();
        let server = world.server();
        let path = format!("/v1/users/{}/oauth_access_tokens/{ACME}", user["id"].as_str().unwrap());
        server.get(&path).await.ok();
        world.advance_secs(60);
        world.unchanged(server.get(&path)).await.refused(422, "oauth_missing_refresh_token");
        let account = user["external_accounts"][0]["id"].as_str().unwrap();
        ada.delete(&format!("/v1/me/external_accounts/{account}/tokens")).await.ok();
        world.unchanged(server.get(&path)).await.refused(422, "oauth_missing_access_token");
        // Tokens that do not end need none.
        idp.tokens(None, false);
        world.browser().enters_by(&idp).await;
        assert_eq!(server.get(&path).await.ok()[0]["expires_at"], Value::Null);
    }

    async fn users_are_found_by_their_accounts(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let user = world.browser().joins_by(&idp).await["user"]["id"].clone();
        world.user("bob@example.com").await;
        let server = world.server();
        for word in [ACME, "custom_acme"] {
            let found = server.get(&format!("/v1/users?provider={word}&provider_user_id=ada&provider_user_id=x")).await.ok();
            assert_eq!((found.as_array().unwrap().len(), &found[0]["id"]), (1, &user));
            assert_eq!(found[0]["external_accounts"][0]["provider_user_id"], "ada");
        }
        for query in ["provider=google&provider_user_id=ada", "provider=custom_acme&provider_user_id=ad"] {
            assert_eq!(server.get(&format!("/v1/users?{query}")).await.ok(), json!([]));
            assert_eq!(server.get(&format!("/v1/users/count?{query}")).await.ok()["total_count"], 0);
        }
    }

    async fn an_account_goes_with_a_servers_word_and_with_its_user(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let user = world.browser().joins_by(&idp).await["user"].clone();
        let server = world.server();
        let id = user["id"].as_str().unwrap();
        let account = user["external_accounts"][0]["id"].as_str().unwrap();
        let bob = world.user("bob@example.com").await;
        world.unchanged(server.delete(&format!("/v1/users/{}/external_accounts/{account}", bob.id))).await.refused(404, "resource_not_found");
        let gone = server.delete(&format!("/v1/users/{id}/external_accounts/{account}")).await.ok();
        assert_eq!((&gone["id"], &gone["deleted"]), (&json!(account), &json!(true)));
        assert_eq!(server.get(&format!("/v1/users/{id}")).await.ok()["external_accounts"], json!([]));
        world.browser().enters_by(&idp).await;
        assert_eq!(world.count("external_accounts").await, 1);
        server.delete(&format!("/v1/users/{id}")).await.ok();
        assert_eq!(world.count("external_accounts").await, 0);
    }
}
