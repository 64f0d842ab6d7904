//! ID tokens that an app got from a provider by itself: Google One Tap, and the SDKs of phones (contract fapi §8.5).
use crate::answer::Answer;
use crate::browser::Browser;
use crate::idp::Idp;
use crate::world::World;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const TAP: &str = "google_one_tap";

/// A world in which the provider is Google.
async fn google(world: &World) -> (Idp, World) {
    let (idp, world) = Idp::start(world).await;
    let origin = idp.origin.clone();
    idp.offer(&world, "google", |c| {
        c.jwks_url = format!("{origin}/jwks");
        c.native_client_ids = vec!["usher for phones".to_owned()];
    })
    .await;
    (idp, world)
}

async fn present(browser: &Browser, kind: &str, strategy: &str, token: &str) -> Answer {
    let form = [("strategy", strategy), ("token", token)];
    browser.post(&format!("/v1/client/{kind}"), &form).await
}

both! {
    async fn one_tap_signs_up_and_in(world: World) {
        let (idp, world) = google(&world).await;
        let shown = world.browser().get("/v1/environment").await.ok();
        assert_eq!(shown["display_config"]["google_one_tap_client_id"], "usher at acme");
        let ada = world.browser();
        let token = idp.id_token(|_| {});
        // Unknown: nothing is kept, and the same token signs up.
        world.unchanged(present(&ada, "sign_ins", TAP, &token)).await.refused(404, "external_account_not_found");
        let done = present(&ada, "sign_ups", TAP, &token).await.response();
        assert_eq!((&done["status"], &done["verifications"]["external_account"]["object"]), (&json!("complete"), &json!("verification_google_one_tap")));
        let user = ada.client().await["sessions"][0]["user"].clone();
        assert_eq!((&user["external_accounts"][0]["provider"], &user["email_addresses"][0]["email_address"]), (&json!("oauth_google"), &json!("ada@example.com")));
        let again = world.browser();
        let token = idp.id_token(|_| {});
        world.unchanged(present(&again, "sign_ups", TAP, &token)).await.refused(400, "external_account_exists");
        let done = present(&again, "sign_ins", TAP, &token).await.response();
        assert_eq!((&done["status"], &done["first_factor_verification"]["object"]), (&json!("complete"), &json!("verification_google_one_tap")));
        assert_eq!(again.client().await["last_authentication_strategy"], TAP);
    }

    async fn a_phones_token_counts_for_its_own_client(world: World) {
        let (idp, world) = google(&world).await;
        let token = idp.id_token(|c| (c["aud"], c["azp"]) = (json!("usher at acme"), json!("usher for phones")));
        let ada = world.browser();
        let done = present(&ada, "sign_ups", "oauth_token_google", &token).await.response();
        assert_eq!((&done["status"], &done["verifications"]["external_account"]["strategy"]), (&json!("complete"), &json!("oauth_token_google")));
        let token = idp.id_token(|c| c["aud"] = json!("usher for phones"));
        let done = present(&world.browser(), "sign_ins", "oauth_token_google", &token).await.response();
        assert_eq!(done["status"], "complete");
    }

    async fn a_token_is_used_once(world: World) {
        let (idp, world) = google(&world).await;
        present(&world.browser(), "sign_ups", TAP, &idp.id_token(|_| {})).await.ok();
        let token = idp.id_token(|_| {});
        let mut set = JoinSet::new();
        for _ in 0..8 {
            let (browser, token) = (world.browser(), token.clone());
            set.spawn(async move { present(&browser, "sign_ins", TAP, &token).await });
        }
        let mut done = 0;
        while let Some(answer) = set.join_next().await {
            let answer = answer.unwrap();
            if answer.status == 200 {
                done += 1;
            } else {
                answer.refused(422, "form_param_value_invalid token");
            }
        }
        assert_eq!(done, 1);
    }

    async fn a_token_for_somebody_else_is_refused(world: World) {
        let (idp, world) = google(&world).await;
        let now = world.now().secs();
        for (name, value) in [("aud", json!("another app")), ("azp", json!("another app")), ("iss", json!("https://evil.example")), ("exp", json!(now - 3600)), ("exp", Value::Null), ("sub", Value::Null)] {
            let token = idp.id_token(|c| c[name] = value.clone());
            for kind in ["sign_ins", "sign_ups"] {
                world.unchanged(present(&world.browser(), kind, TAP, &token)).await.refused(422, "form_param_value_invalid token");
            }
        }
        for token in ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            world.unchanged(present(&world.browser(), "sign_ins", TAP, token)).await.refused(422, "form_param_value_invalid token");
        }
        for kind in ["sign_ins", "sign_ups"] {
            let path = format!("/v1/client/{kind}");
            world.unchanged(world.browser().post(&path, &[("strategy", TAP)])).await.refused(422, "form_param_missing token");
            for word in ["oauth_token_", "oauth_token_apple", "oauth_token_github", "oauth_token_custom_nobody"] {
                world.unchanged(present(&world.browser(), kind, word, "x")).await.refused(422, "form_param_value_invalid strategy");
            }
        }
    }

    async fn a_token_with_an_unverified_address_signs_nobody_in(world: World) {
        let (idp, world) = google(&world).await;
        world.user("ada@example.com").await;
        let token = idp.id_token(|c| c["email_verified"] = json!(false));
        world.unchanged(present(&world.browser(), "sign_ins", TAP, &token)).await.refused(404, "external_account_not_found");
        let token = idp.id_token(|_| {});
        let done = present(&world.browser(), "sign_ins", TAP, &token).await.response();
        assert_eq!(done["status"], "complete");
    }
}
