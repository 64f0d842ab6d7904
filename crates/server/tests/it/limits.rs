//! Rate limits: the numbers of contract bapi §1.8, and every way around them that callers try.
use crate::answer::Answer;
use crate::browser::Browser;
use crate::world::World;
use serde_json::json;
use usher_crypto::rng::Rng;
use usher_server::app::App;

/// Limits as they are out of the box.
async fn limited(world: &World) {
    world.settings(|s| s.limits.factor = 1).await;
}

async fn start(browser: &Browser, identifier: &str) -> Answer {
    browser
        .post("/v1/client/sign_ins", &[("identifier", identifier)])
        .await
}

/// Asserts a refusal by a limit; the seconds that it says.
#[track_caller]
fn throttled(answer: &Answer) -> i64 {
    answer.refused(429, "too_many_requests");
    let secs: i64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(secs >= 1, "{}", answer.asked);
    secs
}

/// Another process on the same database.
async fn node(world: &World) -> World {
    let app = App::start(
        world.app.db.clone(),
        world.app.master.clone(),
        Rng::system(),
        world.app.clock.clone(),
        world.app.options.clone(),
    )
    .await
    .unwrap();
    World {
        app,
        ..world.clone()
    }
}

both! {
    production async fn rl_11_five_sign_ins_in_ten_seconds_and_retry_after_says_when(world: World) {
        limited(&world).await;
        let browser = world.browser();
        for _ in 0..5 {
            start(&browser, "nobody@example.com").await.refused(422, "form_identifier_not_found identifier");
        }
        let refused = world.unchanged(start(&browser, "nobody@example.com")).await;
        assert_eq!(throttled(&refused), 2);
        // A page of the application can read it.
        assert!(refused.header("access-control-expose-headers").unwrap().contains("Retry-After"));
        start(&browser, "somebody@example.com").await.refused(422, "form_identifier_not_found identifier");
        world.advance_secs(2);
        start(&browser, "nobody@example.com").await.refused(422, "form_identifier_not_found identifier");
        throttled(&start(&browser, "nobody@example.com").await);
        world.advance_secs(10);
        for _ in 0..5 {
            start(&browser, "nobody@example.com").await.refused(422, "form_identifier_not_found identifier");
        }
        throttled(&start(&browser, "nobody@example.com").await);
    }

    production async fn rl_01_forwarded_addresses_of_strangers_are_no_other_caller(world: World) {
        limited(&world).await;
        let browser = world.browser();
        for index in 0..6 {
            let address = format!("198.51.100.{index}");
            let answer = browser
                .request("POST", "/v1/client/sign_ins")
                .header("x-forwarded-for", &address)
                .header("forwarded", format!("for={address}"))
                .header("x-real-ip", &address)
                .form(&[("identifier", "nobody@example.com")])
                .send()
                .await;
            assert_eq!(answer.status == 429, index == 5, "{}", answer.body);
        }
    }

    production async fn rl_02_addresses_of_one_ipv6_network_are_one_caller(world: World) {
        limited(&world).await;
        let browser = world.browser();
        let from = async |address: &str| {
            browser
                .request("POST", "/v1/client/sign_ins")
                .header("clerk-secret-key", &world.secret)
                .header("clerk-proxy-url", "https://app.example.com/__clerk")
                .header("x-forwarded-for", address)
                .form(&[("identifier", "nobody@example.com")])
                .send()
                .await
        };
        for index in 0..5 {
            assert_eq!(from(&format!("2001:db8:0:7::{index}")).await.status, 422);
        }
        throttled(&from("2001:db8:0:7:ffff:ffff:ffff:ffff").await);
        assert_eq!(from("2001:db8:0:8::1").await.status, 422);
    }

    production async fn rl_03_spellings_of_an_identifier_share_a_bucket(world: World) {
        limited(&world).await;
        let browser = world.browser();
        let spellings = ["nobody.x@example.com", "NoBody.x@Example.com", " nobody.x@example.com", "nobody.x+1@example.com", "nobodyx+2@example.com"];
        for spelling in spellings {
            assert_eq!(start(&browser, spelling).await.status, 422, "{spelling}");
        }
        throttled(&start(&browser, "n.o.b.o.d.y.x+3@example.com").await);
        let wide: String = "nobodyx".chars().map(|c| char::from_u32(u32::from(c) + 0xFEE0).unwrap()).collect();
        throttled(&start(&browser, &format!("{wide}@example.com")).await);
    }

    production async fn rl_05_a_new_browser_each_time_is_the_same_caller(world: World) {
        limited(&world).await;
        for _ in 0..5 {
            assert_eq!(start(&world.browser(), "nobody@example.com").await.status, 422);
        }
        throttled(&start(&world.browser(), "nobody@example.com").await);
        // Nor do new identifiers help without end: one network has so much altogether.
        let mut passed = 0;
        for index in 0..100 {
            passed += i32::from(start(&world.browser(), &format!("nobody{index}@example.com")).await.status == 422);
        }
        assert_eq!(passed, 54);
        throttled(&world.browser().post("/v1/client", &[]).await);
        world.unchanged(world.browser().post("/v1/client/sign_ups", &[])).await.refused(429, "too_many_requests");
        world.unchanged(world.browser().post("/v1/waitlist", &[("email_address", "x@example.com")])).await.refused(429, "too_many_requests");
        // Who has nothing to do with it goes on.
        world.browser().get("/v1/environment").await.ok();
        world.browser().get("/v1/client").await.ok();
    }

    production async fn rl_06_spellings_of_a_path_share_a_bucket(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        limited(&world).await;
        let browser = world.browser();
        let paths = ["/v1/client/sign_ins", "/v1/client/sign_ins/", "//v1//client///sign_ins", "/v1/client/sign_ins?_method=POST", "/v1/client/sign_ins?x=1"];
        for path in paths {
            assert_eq!(browser.post(path, &[("identifier", "nobody@example.com")]).await.status, 422, "{path}");
        }
        throttled(&start(&browser, "nobody@example.com").await);
        for path in ["/v1/client/sign_ins;x=1", "/v1/client/sign%5Fins", "/V1/client/sign_ins", "/v1%2fclient/sign_ins"] {
            assert_eq!(browser.post(path, &[("identifier", "nobody@example.com")]).await.status, 404, "{path}");
        }
        let server = world.server();
        let coded = ada.id.replacen("user_", "user%5F", 1);
        for id in [&ada.id, &coded, &ada.id, &coded, &ada.id, &coded, &ada.id, &coded, &ada.id, &coded] {
            server.patch(&format!("/v1/users/{id}"), json!({ "first_name": "Ada" })).await.ok();
        }
        throttled(&server.patch(&format!("/v1/users/{coded}"), json!({ "first_name": "Eve" })).await);
        throttled(&server.patch(&format!("/v1//users/{}/", ada.id), json!({ "first_name": "Eve" })).await);
        // Another operation, another user: their own.
        server.patch(&format!("/v1/users/{}/metadata", ada.id), json!({ "public_metadata": {} })).await.ok();
    }

    production async fn three_tries_of_an_attempt_in_ten_seconds(world: World) {
        world.user_without_password("ada@example.com").await;
        limited(&world).await;
        let browser = world.browser();
        let id = browser.pending_sign_in("ada@example.com").await;
        for _ in 0..3 {
            browser.attempt_code(&id, "000000").await.refused(422, "form_code_incorrect code");
        }
        let refused = world.unchanged(browser.attempt_code(&id, "000000")).await;
        assert_eq!(throttled(&refused), 4);
        world.advance_secs(4);
        let code = world.code("ada@example.com").await;
        assert_eq!(browser.attempt_code(&id, &code).await.response()["status"], "complete");
    }

    production async fn rl_07_rl_08_failures_count_over_nodes_and_restarts(world: World) {
        world.user_without_password("ada@example.com").await;
        let other = node(&world).await;
        let mut tries = 0;
        for place in [&world, &other] {
            let browser = place.browser();
            let id = browser.pending_sign_in("ada@example.com").await;
            for _ in 0..5 {
                tries += 1;
                browser.attempt_code(&id, "000000").await.refused(422, "form_code_incorrect code");
            }
            world.advance_secs(60);
        }
        assert_eq!(tries, 10);
        // A third process, as after a restart, knows it too.
        for place in [&world, &other, &node(&world).await] {
            let found = place.server().get("/v1/users?email_address=ada@example.com").await.ok();
            assert_eq!(found[0]["locked"], true);
            let refused = place.browser().post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "email_code")]).await;
            refused.refused(403, "user_locked");
        }
    }

    production async fn rl_10_an_address_gets_so_many_codes_whoever_asks(world: World) {
        world.user_without_password("ada@example.com").await;
        limited(&world).await;
        let ask = async || world.browser().post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "email_code")]).await;
        let mut sent = 0;
        for hour in 0..24 {
            for _ in 0..12 {
                let answer = ask().await;
                if answer.status == 200 {
                    sent += 1;
                } else {
                    answer.refused(429, "verification_code_too_many_requests");
                    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
                }
                world.advance_minutes(1);
            }
            if hour == 0 {
                // Five in ten minutes, and again when those are ten minutes old.
                assert_eq!(sent, 7);
            }
            assert!(sent <= 10 * (hour + 1), "{sent}");
            world.advance_minutes(48);
        }
        assert_eq!(sent, 30);
        assert_eq!(world.codes("ada@example.com").await.len(), 30);
        world.advance_days(1);
        assert_eq!(ask().await.status, 200);
    }

    production async fn rl_10_subaddresses_and_dots_are_no_further_mailbox(world: World) {
        limited(&world).await;
        let ask = async |address: &str| {
            world.advance_secs(3);
            let browser = world.browser();
            let id = browser.start_sign_up(&[("email_address", address)]).await;
            browser.prepare_sign_up(&id).await
        };
        for index in 0..5 {
            ask(&format!("a.da+{index}@gmail.com")).await.ok();
        }
        for address in ["ada+5@gmail.com", "a.d.a@gmail.com", "ada@googlemail.com"] {
            ask(address).await.refused(429, "verification_code_too_many_requests");
        }
        ask("ada@example.com").await.ok();
        assert_eq!(world.count("messages").await, 6);
    }

    production async fn rl_13_rl_14_the_backend_has_a_limit_by_instance_and_public_keys_have_none(world: World) {
        let (_, others, _) = world.other_instance("other").await;
        limited(&world).await;
        let server = world.server();
        for _ in 0..1000 {
            server.get("/v1/instance").await.ok();
        }
        assert_eq!(throttled(&server.get("/v1/instance").await), 1);
        throttled(&world.unchanged(server.post("/v1/users", json!({ "email_address": ["ada@example.com"] }))).await);
        server.get("/v1/jwks").await.ok();
        others.get("/v1/instance").await.ok();
        world.advance_ms(10);
        server.get("/v1/instance").await.ok();
        throttled(&server.get("/v1/instance").await);
    }

    production async fn a_testing_token_passes_limits_and_no_credentials(world: World) {
        world.user_without_password("ada@example.com").await;
        limited(&world).await;
        let made = world.server().post("/v1/testing_tokens", json!({})).await.ok();
        let token = made["token"].as_str().unwrap().to_owned();
        let target = |token: &str| format!("/v1/client/sign_ins?__clerk_testing_token={token}");
        let browser = world.browser();
        for _ in 0..20 {
            browser.post(&target(&token), &[("identifier", "nobody@example.com")]).await.refused(422, "form_identifier_not_found identifier");
        }
        let started = browser.post(&target(&token), &[("identifier", "ada@example.com"), ("strategy", "email_code")]).await.response();
        let id = started["id"].as_str().unwrap();
        for _ in 0..4 {
            let attempt = format!("/v1/client/sign_ins/{id}/attempt_first_factor?__clerk_testing_token={token}");
            browser.post(&attempt, &[("strategy", "email_code"), ("code", "000000")]).await.refused(422, "form_code_incorrect code");
        }
        let client = browser.get(&format!("/v1/client?__clerk_testing_token={token}")).await.response();
        assert_eq!(client["captcha_bypass"], true);
        assert_eq!(browser.client().await["captcha_bypass"], false);
        // Another instance's, a made-up one and an old one are nothing.
        let (_, others, _) = world.other_instance("other").await;
        let foreign = others.post("/v1/testing_tokens", json!({})).await.ok();
        for _ in 0..5 {
            start(&browser, "nobody@example.com").await.refused(422, "form_identifier_not_found identifier");
        }
        for dead in [foreign["token"].as_str().unwrap(), "made-up", ""] {
            throttled(&browser.post(&target(dead), &[("identifier", "nobody@example.com")]).await);
        }
        world.advance_minutes(61);
        for index in 0..6 {
            let status = browser.post(&target(&token), &[("identifier", "nobody@example.com")]).await.status;
            assert_eq!(status, if index == 5 { 429 } else { 422 });
        }
        usher_server::serve::housekeeping(&world.app).await.unwrap();
        assert_eq!(world.count("testing_tokens").await, 0);
    }

    production async fn limits_are_settings_and_each_instance_has_its_own(world: World) {
        world.settings(|s| { s.limits.factor = 1; s.limits.creations_per_10_secs = 1; }).await;
        let browser = world.browser();
        assert_eq!(start(&browser, "nobody@example.com").await.status, 422);
        throttled(&start(&browser, "nobody@example.com").await);
        world.settings(|s| s.limits.factor = 3).await;
        for _ in 0..3 {
            assert_eq!(start(&browser, "somebody@example.com").await.status, 422);
        }
        throttled(&start(&browser, "somebody@example.com").await);
        world.settings(|s| s.limits.factor = 0).await;
        for _ in 0..20 {
            assert_eq!(start(&browser, "nobody@example.com").await.status, 422);
        }
    }
}
