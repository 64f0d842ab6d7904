//! Tokens that only we read (client token, handshake nonce, refresh token, testing token) and tokens that everybody verifies
//! (session tokens) are kept apart: no key of the JWKS makes or verifies an internal one, and neither kind passes for the other.
use crate::answer::decode;
use crate::browser::Browser;
use crate::world::World;
use serde_json::{Value, json};
use usher_crypto::jwt;
use usher_crypto::signing::PublicKey;
use usher_server::instances::rotation;
use usher_server::instances::setup::Tools;

const SHAKE: &str = "/v1/client/handshake?redirect_url=http%3A%2F%2Flocalhost%3A3000%2F";

/// True when any key of the JWKS verifies the text as a token of whatever `typ`.
async fn by_jwks(world: &World, text: &str) -> bool {
    let keys = world.browser().get("/.well-known/jwks.json").await.ok();
    let all = keys["keys"].as_array().unwrap();
    assert!(!all.is_empty());
    all.iter().any(|key| {
        let part = |name: &str| key[name].as_str().unwrap();
        let public = PublicKey::from_components(part("n"), part("e")).unwrap();
        jwt::verify(text, |_| Some(public.clone())).is_ok()
    })
}

/// Every internal token of a browser that is signed in, and what each is called.
async fn internal(world: &World, browser: &Browser) -> Vec<(&'static str, String)> {
    let client = browser.cookie("__client").unwrap();
    let shaken = browser.get(&format!("{SHAKE}&format=nonce")).await;
    let nonce = shaken
        .cookie_value("__clerk_handshake_nonce")
        .unwrap()
        .to_owned();
    let payload = world
        .server()
        .get(&format!("/v1/clients/handshake_payload?nonce={nonce}"))
        .await
        .ok();
    let refresh = payload["directives"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .find(|d| d.starts_with("__refresh_"))
        .and_then(|d| d.split('=').nth(1)?.split(';').next())
        .unwrap()
        .to_owned();
    let nobody = world.browser().get(&format!("{SHAKE}&format=nonce")).await;
    let testing = world
        .server()
        .post("/v1/testing_tokens", json!({}))
        .await
        .ok();
    vec![
        ("client token", client),
        ("nonce", nonce),
        ("refresh token", refresh),
        (
            "nobody's nonce",
            nobody
                .cookie_value("__clerk_handshake_nonce")
                .unwrap()
                .to_owned(),
        ),
        (
            "testing token",
            testing["token"].as_str().unwrap().to_owned(),
        ),
    ]
}

both! {
    async fn p1_no_internal_token_verifies_with_a_published_key(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let minted = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        assert!(by_jwks(&world, &minted).await, "the check bites");
        let path = format!("/v1/sessions/{session}/verify");
        for (name, token) in internal(&world, &browser).await {
            assert!(!by_jwks(&world, &token).await, "{name}");
            world.unchanged(world.server().post(&path, json!({ "token": token }))).await.refused(400, "invalid_session_token token");
        }
    }

    async fn p1_what_the_published_keys_sign_opens_nothing_internal(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let minted = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        let shaken = browser.get(SHAKE).await;
        let handshake = shaken.cookie_value("__clerk_handshake").unwrap().to_owned();
        assert!(by_jwks(&world, &handshake).await, "SDKs verify it, so a published key signs it");
        for token in [&minted, &handshake] {
            let thief = world.browser();
            thief.plant("__client", token);
            let seen = thief.get("/v1/client").await.json();
            assert!(seen["response"].is_null() && seen["client"].is_null(), "{seen}");
            world.unchanged(thief.mint(&session)).await.refused(401, "authentication_invalid");
            let carried = world.browser().request("GET", "/v1/me").header("authorization", format!("Bearer {token}")).send().await;
            assert_eq!(carried.status, 401, "{}", carried.body);
            // Longer than any nonce.
            world.unchanged(world.server().get(&format!("/v1/clients/handshake_payload?nonce={token}"))).await.refused(422, "form_param_max_length_exceeded nonce");
            let origin = decode(&minted).1["azp"].clone();
            let exchange = json!({ "expired_token": minted, "refresh_token": token, "request_origin": origin, "format": "token" });
            let answer = world.unchanged(world.server().post(&format!("/v1/sessions/{session}/refresh"), exchange)).await;
            answer.refused(422, "form_param_max_length_exceeded refresh_token");
        }
        // A handshake is no session token, although the same key signs both.
        world.server().post(&format!("/v1/sessions/{session}/verify"), json!({ "token": handshake })).await.refused(400, "invalid_session_token token");
    }

    async fn internal_tokens_outlive_every_signing_key(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let pending = world.browser();
        world.user_without_password("bob@example.com").await;
        let attempt = pending.pending_sign_in("bob@example.com").await;
        let tokens = internal(&world, &browser).await;
        let tools = Tools { db: &world.app.db, master: &world.app.master, rng: &world.app.rng, now: world.now() };
        rotation::replace_now(&tools, &world.instance().row).await.unwrap();
        world.app.reload().await.unwrap();
        browser.mint(&session).await.ok();
        for (name, token) in tokens.iter().filter(|(name, _)| name.contains("nonce")) {
            let payload = world.server().get(&format!("/v1/clients/handshake_payload?nonce={token}")).await;
            assert_eq!(payload.status, 200, "{name}: {}", payload.body);
        }
        pending.attempt_code(&attempt, &world.code("bob@example.com").await).await.response();
    }
}
