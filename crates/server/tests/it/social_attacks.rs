//! Attacks on the way to a provider and back (RFC 9700; OWASP WSTG): each is what somebody did to somebody else's server.
use crate::idp::{ACME, BACK, DONE, Idp, query};
use crate::world::World;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use usher_crypto::digest;
use usher_crypto::ec::EcKey;
use usher_http::percent;

/// Signs in against a provider that lies in `what`; nothing may come of it.
async fn lied_to(world: &World, idp: &Idp, what: &str) {
    let ada = world.browser();
    let page = ada.sign_in_by(ACME).await;
    assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK, "{what}");
    let trip = ada.trip().await;
    assert_eq!(
        (&trip["status"], &trip["error"]["code"]),
        (&json!("failed"), &json!("oauth_token_exchange_error")),
        "{what}"
    );
    assert!(ada.session_ids().await.is_empty(), "{what}");
    ada.post("/v1/client/sign_ups", &[("transfer", "true")])
        .await
        .refused(400, "account_transfer_invalid");
}

both! {
    async fn an_answer_counts_on_the_browser_that_asked_only(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let mallory = world.browser();
        let path = idp.allow(&mallory.sign_in_by(ACME).await);
        let victim = world.browser();
        // Without a client, with one of its own, and in the middle of a trip of its own.
        world.unchanged(victim.get(&path)).await.refused(400, "oauth_callback_invalid");
        victim.sign_in_by(ACME).await;
        world.unchanged(victim.get(&path)).await.refused(400, "oauth_callback_invalid");
        assert!(victim.session_ids().await.is_empty());
        // And it was not used up by that.
        assert_eq!(mallory.come_back(&path).await, BACK);
        assert_eq!(mallory.trip().await["status"], "transferable");
    }

    async fn an_answer_without_a_known_state_is_nothing(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        let path = idp.allow(&ada.sign_in_by(ACME).await);
        let state = query(&path)["state"].as_str().unwrap().to_owned();
        for bad in ["", "x", "%00", &state[..state.len() - 1], &format!("{state}a"), &digest::sha256_hex(&state)] {
            let answer = world.unchanged(ada.get(&format!("/v1/oauth_callback?code=c&state={bad}"))).await;
            assert!([400, 422].contains(&answer.status), "{bad}: {}", answer.body);
        }
        world.unchanged(ada.get("/v1/oauth_callback?code=c")).await.refused(400, "oauth_callback_invalid");
        world.unchanged(ada.get("/v1/oauth_callback")).await.refused(400, "oauth_callback_invalid");
    }

    async fn an_answer_counts_once(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.browser().joins_by(&idp).await;
        let ada = world.browser();
        let path = idp.allow(&ada.sign_in_by(ACME).await);
        assert_eq!(ada.come_back(&path).await, DONE);
        let sessions = ada.session_ids().await;
        let exchanged = idp.seen("/token").len();
        // Whoever reloads the page comes to the same place, and nothing happens.
        let again = world.unchanged(ada.get(&path)).await;
        assert_eq!((again.status, again.header("location")), (303, Some(BACK)));
        assert_eq!((ada.session_ids().await, idp.seen("/token").len()), (sessions, exchanged));
    }

    async fn parallel_answers_make_one_session(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.browser().joins_by(&idp).await;
        let ada = world.browser();
        let path = idp.allow(&ada.sign_in_by(ACME).await);
        let before = (world.count("sessions").await, idp.seen("/token").len());
        let mut set = JoinSet::new();
        for _ in 0..16 {
            let (ada, path) = (ada.thief(), path.clone());
            set.spawn(async move { ada.get(&path).await });
        }
        let mut done = 0;
        while let Some(answer) = set.join_next().await {
            let answer = answer.unwrap();
            // Whoever comes after the winner has a client that is no more.
            if answer.status == 303 && answer.header("location") == Some(DONE) {
                done += 1;
            }
        }
        assert_eq!(done, 1);
        assert_eq!((world.count("sessions").await, idp.seen("/token").len()), (before.0 + 1, before.1 + 1));
    }

    async fn an_answer_that_comes_late_is_nothing(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        let path = idp.allow(&ada.sign_in_by(ACME).await);
        world.advance_minutes(10);
        let late = world.unchanged(ada.get(&path)).await;
        assert_eq!(late.header("location"), Some(BACK));
        assert_eq!(ada.trip().await["status"], "expired");
        assert!(idp.seen("/token").is_empty());
    }

    async fn an_attempt_that_was_replaced_is_not_finished(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.browser().joins_by(&idp).await;
        let ada = world.browser();
        let first = idp.allow(&ada.sign_in_by(ACME).await);
        ada.sign_in_by(ACME).await;
        assert_eq!(ada.come_back(&first).await, BACK);
        assert!(ada.session_ids().await.is_empty());
        assert_eq!(ada.trip().await["status"], "unverified");
    }

    async fn the_code_is_proved_to_be_ours(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        let page = ada.sign_in_by(ACME).await;
        ada.come_back(&idp.allow(&page)).await;
        let form = idp.seen("/token")[0].clone();
        let verifier = form["code_verifier"].as_str().unwrap();
        assert_eq!(query(&page)["code_challenge"], digest::b64url(&digest::sha256(verifier.as_bytes())));
        // A code that another client's trip got is worth nothing here: its challenge is another.
        let eve = world.browser();
        let stolen = query(&idp.allow(&eve.sign_in_by(ACME).await))["code"].clone();
        let bob = world.browser();
        let own = query(&idp.allow(&bob.sign_in_by(ACME).await));
        let path = format!("/v1/oauth_callback?code={}&state={}&iss={}", stolen.as_str().unwrap(), own["state"].as_str().unwrap(), percent::encode(&idp.origin));
        assert_eq!(bob.come_back(&path).await, BACK);
        assert_eq!(bob.trip().await["error"]["code"], "oauth_token_exchange_error");
    }

    async fn an_id_token_with_a_lie_in_it_is_refused(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let now = world.now().secs();
        let set = |name: &'static str, value: Value| move |claims: &mut Value| claims[name] = value.clone();
        for (name, value) in [
            ("nonce", json!("another")),
            ("nonce", Value::Null),
            ("aud", json!("somebody else")),
            ("aud", json!(["usher at acme", "somebody else"])),
            ("azp", json!("somebody else")),
            ("iss", json!("https://evil.example")),
            ("iss", json!(format!("{}/", idp.origin))),
            ("exp", json!(now - 3600)),
            ("exp", Value::Null),
            ("iat", json!(now + 3600)),
            ("nbf", json!(now + 3600)),
        ] {
            idp.tweak(set(name, value.clone()));
            lied_to(&world, &idp, &format!("{name} {value}")).await;
        }
        idp.honest();
        lied_to_not(&world, &idp).await;
    }

    async fn an_id_token_with_another_signature_is_refused(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let claims = |token: &str| -> Value {
            serde_json::from_slice(&digest::b64url_decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
        };
        let other = EcKey::generate().unwrap();
        idp.forge(move |token| other.sign_jwt("acme", &claims(&token)).unwrap());
        lied_to(&world, &idp, "another key of the same name").await;
        let other = EcKey::generate().unwrap();
        idp.forge(move |token| other.sign_jwt("evil", &claims(&token)).unwrap());
        lied_to(&world, &idp, "an unknown key").await;
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"none","kid":"acme"}"#] {
            idp.forge(move |token| format!("{}.{}.", digest::b64url(header.as_bytes()), token.split('.').nth(1).unwrap()));
            lied_to(&world, &idp, header).await;
        }
        idp.forge(|token| {
            let message = format!("{}.{}", digest::b64url(br#"{"alg":"HS256","kid":"acme"}"#), token.split('.').nth(1).unwrap());
            let mac = digest::hmac_sha256(b"open sesame", message.as_bytes());
            format!("{message}.{}", digest::b64url(&mac))
        });
        lied_to(&world, &idp, "HS256 by the client's secret").await;
        idp.forge(|_| String::new());
        lied_to(&world, &idp, "no ID token").await;
        idp.honest();
        lied_to_not(&world, &idp).await;
    }

    async fn an_answer_of_another_issuer_is_a_mix_up(world: World) {
        let (idp, world) = Idp::start(&world).await;
        for iss in ["https%3A%2F%2Fevil.example", "", "acme"] {
            let ada = world.browser();
            let path = idp.allow(&ada.sign_in_by(ACME).await);
            let (before, _) = path.split_once("&iss=").unwrap();
            let path = if iss.is_empty() { before.to_owned() } else { format!("{before}&iss={iss}") };
            assert_eq!(ada.come_back(&path).await, BACK);
            assert_eq!(ada.trip().await["error"]["code"], "oauth_token_exchange_error", "{iss}");
        }
        assert!(idp.seen("/token").is_empty(), "the code went nowhere");
    }

    async fn a_description_of_another_issuer_is_refused(world: World) {
        let (idp, world) = Idp::start(&world).await;
        idp.describes("issuer", json!("https://accounts.google.com"));
        let form = [("strategy", ACME), ("redirect_url", BACK)];
        world.unchanged(world.browser().post("/v1/client/sign_ins", &form)).await.refused(400, "misconfigured_oauth_provider");
    }

    async fn keys_are_not_fetched_from_the_inside(world: World) {
        let (idp, world) = Idp::start(&world).await;
        idp.describes("jwks_uri", json!("http://169.254.169.254/latest/meta-data"));
        lied_to(&world, &idp, "keys at a private address").await;
        idp.describes("jwks_uri", json!("http://127.0.0.1:1/jwks"));
        world.advance_minutes(61);
        lied_to(&world, &idp, "keys on another port").await;
    }

    async fn user_info_of_somebody_else_is_refused(world: World) {
        let (idp, world) = Idp::start(&world).await;
        idp.is(json!({ "sub": "ada" }));
        idp.tells(json!({ "sub": "eve", "email": "eve@example.com", "email_verified": true }));
        let ada = world.browser();
        let page = ada.sign_in_by(ACME).await;
        ada.come_back(&idp.allow(&page)).await;
        assert_eq!(ada.trip().await["error"]["code"], "oauth_fetch_user_error");
    }

    async fn a_posted_answer_is_sent_on_and_does_nothing_itself(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.browser().joins_by(&idp).await;
        let ada = world.browser();
        let path = idp.allow(&ada.sign_in_by(ACME).await);
        let asked = query(&path);
        let form: Vec<(&str, &str)> = ["state", "code"].iter().map(|n| (*n, asked[*n].as_str().unwrap())).collect();
        // From the provider's page: another site's, without cookies.
        let answer = world.unchanged(world.browser().request("POST", "/v1/oauth_callback").form(&form).origin("https://appleid.apple.com").send()).await;
        assert_eq!(answer.status, 303);
        let on = answer.header("location").unwrap();
        assert!(on.starts_with("oauth_callback?state="), "{on}");
        // With them it does no more; a lie about the method changes nothing.
        world.unchanged(ada.request("POST", "/v1/oauth_callback").form(&form).origin("https://evil.example").send()).await;
        let on = format!("/v1/{on}&iss={}", percent::encode(&idp.origin));
        world.unchanged(world.browser().get(&on)).await.refused(400, "oauth_callback_invalid");
        assert_eq!(ada.come_back(&on).await, DONE);
    }

    async fn trips_lead_to_places_of_the_instance_only(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        for bad in ["https://evil.example/", "//evil.example", "javascript:alert(1)", "http://localhost:8787@evil.example/", "/sso-callback"] {
            for path in ["/v1/client/sign_ins", "/v1/client/sign_ups"] {
                for (first, second) in [(bad, BACK), (BACK, bad)] {
                    let form = [("strategy", ACME), ("redirect_url", first), ("action_complete_redirect_url", second)];
                    let answer = world.unchanged(ada.post(path, &form)).await;
                    assert_eq!(answer.status, 422, "{bad}: {}", answer.body);
                }
            }
        }
        for path in ["/v1/client/sign_ins", "/v1/client/sign_ups"] {
            world.unchanged(ada.post(path, &[("strategy", ACME)])).await.refused(422, "form_param_missing redirect_url");
        }
        let form = [("strategy", ACME), ("redirect_url", BACK), ("oidc_prompt", "login;evil")];
        world.unchanged(ada.post("/v1/client/sign_ins", &form)).await.refused(422, "form_param_value_invalid oidc_prompt");
        assert!(idp.seen("/token").is_empty());
    }

    async fn what_is_secret_is_in_the_database_for_nobody(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        ada.joins_by(&idp).await;
        let waiting = world.browser();
        let page = waiting.sign_in_by(ACME).await;
        let rows = format!("{:?}", world.snapshot().await);
        let asked = query(&page);
        let token = idp.seen("/token")[0].clone();
        for secret in ["open sesame", "access-", "refresh-", asked["state"].as_str().unwrap(), asked["nonce"].as_str().unwrap(), token["code_verifier"].as_str().unwrap()] {
            assert!(!rows.contains(secret), "{secret}");
        }
        // No answer to a browser carries them either, but the page that it is sent to.
        let client = ada.client().await.to_string();
        assert!(!client.contains("access-") && !client.contains("refresh-"));
    }

    async fn another_instance_knows_nothing_of_a_trip(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        let path = idp.allow(&ada.sign_in_by(ACME).await);
        let (stranger, _, _) = world.other_instance("other").await;
        stranger.post("/v1/client", &[]).await.ok();
        world.unchanged(stranger.get(&path)).await.refused(400, "oauth_callback_invalid");
        let form = [("strategy", ACME), ("redirect_url", "http://other.localhost:8787/")];
        world.unchanged(stranger.post("/v1/client/sign_ins", &form)).await.refused(422, "form_param_value_invalid strategy");
    }

    async fn nobody_is_an_unknown_provider(world: World) {
        let (_idp, world) = Idp::start(&world).await;
        for word in ["oauth_", "oauth_custom_", "oauth_google", "oauth_custom_acme2", "oauth_CUSTOM_ACME", "oauth_custom_acme'", "oauth"] {
            let form = [("strategy", word), ("redirect_url", BACK)];
            for path in ["/v1/client/sign_ins", "/v1/client/sign_ups"] {
                world.unchanged(world.browser().post(path, &form)).await.refused(422, "form_param_value_invalid strategy");
            }
        }
    }
}

/// The honest provider gets through after all: the refusals before were no accident.
async fn lied_to_not(world: &World, idp: &Idp) {
    let ada = world.browser();
    let page = ada.sign_in_by(ACME).await;
    ada.come_back(&idp.allow(&page)).await;
    assert_eq!(ada.trip().await["status"], "transferable");
}
