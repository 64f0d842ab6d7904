//! Clocks that jump: forwards and back, while people are signed in and codes are on their way (requirements DB-11).
use crate::answer::decode;
use serde_json::json;

both! {
    async fn a_clock_that_is_set_back_signs_nobody_out_and_makes_no_token_live_longer(world: World) {
        // Signed in while the clock was an hour ahead; then it is corrected.
        world.advance_minutes(60);
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        world.advance_minutes(-60);
        let now = world.now().secs();
        let jwt = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        let claims = decode(&jwt).1;
        let at = |name: &str| claims[name].as_i64().unwrap();
        assert!(at("iat") <= now && at("nbf") <= now && at("exp") <= now + 60, "{claims}");
        world.server().post(&format!("/v1/sessions/{session}/verify"), json!({ "token": jwt })).await.ok();
        // The stamp is no later than the token, or server SDKs would refuse it.
        browser.client().await;
        assert!(browser.cookie("__client_uat").unwrap().parse::<i64>().unwrap() <= at("iat"));
        // A sign-out is a sign-out, whatever the clock says.
        browser.delete("/v1/client/sessions").await.ok();
        assert_eq!(browser.cookie("__client_uat").as_deref(), Some("0"));
        browser.mint(&session).await.refused(401, "authentication_invalid");
        world.user_without_password("bob@example.com").await;
        browser.sign_in("bob@example.com").await;
    }

    async fn a_code_is_sent_again_after_the_clock_was_set_back(world: World) {
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        browser.prepare_sign_in(&started).await.ok();
        world.advance_secs(5);
        assert_eq!(browser.prepare_sign_in(&started).await.status, 429, "the check bites");
        world.advance_minutes(-60);
        browser.prepare_sign_in(&started).await.ok();
    }

    async fn every_door_answers_at_any_time(world: World) {
        let (browser, user, session) = world.signed_in("ada@example.com").await;
        let day = 24 * 3600;
        for jump in [3600, -7200, 3 * day, -30 * day, 3650 * day, -3650 * day, -20_000 * day, 20_000 * day] {
            world.advance_secs(jump);
            for path in ["/v1/client", "/v1/environment", "/.well-known/jwks.json"] {
                assert_eq!(world.browser().get(path).await.status, 200, "{jump}: {path}");
            }
            let minted = browser.mint(&session).await;
            assert!(minted.status == 200 || minted.status == 401, "{jump}: {}", minted.body);
            world.server().get(&format!("/v1/users/{}", user.id)).await.ok();
            let begun = world.browser().post("/v1/client/sign_ins", &[("identifier", "ada@example.com")]).await;
            assert_eq!(begun.status, 200, "{jump}: {}", begun.body);
            usher_server::serve::housekeeping(&world.app).await.unwrap();
        }
    }
}
