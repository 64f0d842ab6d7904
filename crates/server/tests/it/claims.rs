//! Session tokens (contract fapi §6.1; bapi §5.3): what they claim, and who can verify them.
use crate::answer::decode;
use serde_json::{Value, json};
use usher_crypto::digest;
use usher_crypto::signing::PublicKey;

/// True when the token's signature holds under the key of a JWKS with its `kid`.
fn verifies(jwt: &str, jwks: &Value) -> bool {
    let (header, _) = decode(jwt);
    let Some(key) = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|k| k["kid"] == header["kid"])
    else {
        return false;
    };
    let public =
        PublicKey::from_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap()).unwrap();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    public.verify_rs256(
        signed.as_bytes(),
        &digest::b64url_decode(signature).unwrap(),
    )
}

both! {
    async fn a_token_claims_what_version_two_says(world: World) {
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        world.advance_secs(3);
        let jwt = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        let (header, claims) = decode(&jwt);
        let now = world.now().secs();
        assert_eq!((&header["alg"], &header["typ"], &header["cat"], &header["oiat"]), (&json!("RS256"), &json!("JWT"), &json!("cl_B7d4PD111AAA"), &json!(now)));
        assert!(header["kid"].as_str().unwrap().starts_with("ins_"));
        let jti = claims["jti"].clone();
        assert!(jti.as_str().unwrap().len() >= 20);
        let expected = json!({
            "azp": "http://localhost:8787", "exp": now + 60, "fva": [0, -1], "iat": now, "iss": "http://127.0.0.1:8787",
            "jti": jti, "nbf": now - 10, "sid": session, "sts": "active", "sub": ada.id, "v": 2,
        });
        assert_eq!(claims, expected);
        assert!(now >= browser.cookie("__client_uat").unwrap().parse().unwrap());
    }

    async fn a_token_verifies_against_both_key_sets(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let jwt = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        let public = world.browser().get("/.well-known/jwks.json").await;
        assert_eq!(public.header("access-control-allow-origin"), Some("*"));
        let for_servers = world.server().get("/v1/jwks").await.ok();
        assert_eq!(public.ok(), for_servers);
        let key = &for_servers["keys"][0];
        assert_eq!((&key["kty"], &key["use"], &key["alg"], &key["e"]), (&json!("RSA"), &json!("sig"), &json!("RS256"), &json!("AQAB")));
        assert_eq!(digest::b64url_decode(key["n"].as_str().unwrap()).unwrap().len(), 256, "official SDKs assume a modulus of 2048 bits");
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            assert!(key[private].is_null(), "{private}");
        }
        assert!(verifies(&jwt, &for_servers));
        let (head, rest) = jwt.split_once('.').unwrap();
        let forged = format!("{head}.{}.{}", digest::b64url(b"{\"sub\":\"user_x\"}"), rest.split_once('.').unwrap().1);
        assert!(!verifies(&forged, &for_servers));
    }

    async fn factor_ages_are_counted_in_minutes_at_each_mint(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        for (secs, minutes) in [(59, 0), (1, 1), (59, 1), (3541, 61)] {
            world.advance_secs(secs);
            assert_eq!(browser.claims(&session).await["fva"], json!([minutes, -1]));
            let client = browser.client().await;
            assert_eq!(client["sessions"][0]["factor_verification_age"], json!([minutes, -1]));
        }
    }

    async fn the_origin_of_the_page_is_claimed_and_a_foreign_one_gets_no_token(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        assert_eq!(browser.at("http://localhost:3000").claims(&session).await["azp"], "http://localhost:3000");
        let path = format!("/v1/client/sessions/{session}/tokens");
        world.unchanged(browser.at("https://evil.example").mint(&session)).await.refused(400, "origin_invalid");
        let referred = browser.request("GET", "/v1/client").header("referer", "http://localhost:4000/deep/page?x=1").send().await.response();
        let jwt = referred["sessions"][0]["last_active_token"]["jwt"].as_str().unwrap();
        assert_eq!(decode(jwt).1["azp"], "http://localhost:4000");
        let fetched = browser.request("POST", &path).no_origin().header("sec-fetch-site", "same-origin").send().await.ok();
        assert_eq!(decode(fetched["jwt"].as_str().unwrap()).1["azp"], "http://localhost:8787");
    }

    async fn every_mint_is_a_new_token(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let (first, second) = (browser.claims(&session).await, browser.claims(&session).await);
        assert_ne!(first["jti"], second["jti"]);
    }

    async fn the_token_of_the_piggy_backed_client_is_never_older_than_ten_seconds(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        for secs in [0, 9, 1, 61, 3600] {
            world.advance_secs(secs);
            let client = browser.client().await;
            let claims = decode(client["sessions"][0]["last_active_token"]["jwt"].as_str().unwrap()).1;
            assert!(world.now().secs() - claims["iat"].as_i64().unwrap() < 10, "{claims}");
        }
    }

    async fn a_token_is_minted_for_no_organization_that_is_not_there(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        browser.post(&format!("/v1/client/sessions/{session}/tokens"), &[("organization_id", "")]).await.ok();
        // Whoever was removed stays signed in: the token names no organization.
        let answer = world.unchanged(browser.post(&format!("/v1/client/sessions/{session}/tokens"), &[("organization_id", "org_1")])).await.ok();
        assert!(decode(answer["jwt"].as_str().unwrap()).1.get("o").is_none());
    }

    async fn minting_writes_activity_once_a_minute(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        world.unchanged(browser.mint(&session)).await.ok();
        world.advance_secs(61);
        world.changes_only(&["sessions", "users"], browser.mint(&session)).await.ok();
        world.unchanged(browser.mint(&session)).await.ok();
        let seen = world.server().get(&format!("/v1/sessions/{session}")).await.ok();
        assert_eq!(seen["last_active_at"], world.now().0);
    }

    production async fn the_issuer_of_production_is_https(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let claims = browser.claims(&session).await;
        assert_eq!((&claims["iss"], &claims["azp"]), (&json!("https://clerk.example.com"), &json!("https://app.example.com")));
    }
}
