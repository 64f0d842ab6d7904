//! Captcha: at every door that can end in a new user, before anything is written, once a token.
use crate::browser::{Browser, PASSWORD};
use crate::captcha_service::{CaptchaService, SECRET};
use crate::world::World;
use serde_json::json;
use tokio::task::JoinSet;

const MANY: usize = 16;

/// The world with bot protection on, and the service that judges.
async fn guarded(world: &World) -> (World, CaptchaService) {
    let service = CaptchaService::start().await;
    let (captcha, outbound) = service.captcha();
    world.settings(|s| s.bot_protection = true).await;
    let world = world
        .restarted(|options| {
            options.captcha = Some(captcha);
            options.outbound = outbound;
        })
        .await;
    (world, service)
}

/// The fields of a sign-up, and what shows that a person does it.
fn joining<'a>(proof: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![("email_address", "ada@example.com"), ("password", PASSWORD)];
    fields.extend_from_slice(proof);
    fields
}

async fn sign_up(browser: &Browser, proof: &[(&str, &str)]) -> crate::answer::Answer {
    browser.post("/v1/client/sign_ups", &joining(proof)).await
}

both! {
    async fn no_sign_up_starts_without_a_person(world: World) {
        let (world, service) = guarded(&world).await;
        let browser = world.browser();
        world.unchanged(sign_up(&browser, &[])).await.refused(400, "captcha_missing_token captcha_token");
        world.unchanged(sign_up(&browser, &[("captcha_token", "")])).await.refused(400, "captcha_missing_token captcha_token");
        assert_eq!(service.requests(), 0, "nobody is asked about nothing");
        world.unchanged(sign_up(&browser, &[("captcha_token", "guessed")])).await.refused(400, "captcha_invalid");
        world.unchanged(sign_up(&browser, &[("captcha_error", "captcha_script_failed_to_load")])).await.refused(400, "captcha_invalid");
        let other = service.solved("signin");
        world.unchanged(sign_up(&browser, &[("captcha_token", &other)])).await.refused(400, "captcha_invalid");
        let token = service.solved("signup");
        let proof = [("captcha_token", token.as_str()), ("captcha_widget_type", "smart")];
        sign_up(&browser, &proof).await.ok();
        let asked = service.seen.lock().unwrap().last().cloned().unwrap();
        let pairs = usher_http::percent::pairs(&asked).unwrap();
        assert_eq!(pairs[0], ("secret".to_owned(), SECRET.to_owned()));
        assert_eq!(pairs[1], ("response".to_owned(), token.clone()));
        world.unchanged(sign_up(&world.browser(), &proof)).await.refused(400, "captcha_invalid");
    }

    async fn the_doors_beside_ask_too(world: World) {
        let (world, service) = guarded(&world).await;
        let browser = world.browser();
        // A sign-in that may become a sign-up, an invitation, a transfer.
        let start = [("identifier", "new@example.com"), ("strategy", "email_code"), ("sign_up_if_missing", "true")];
        world.unchanged(browser.post("/v1/client/sign_ins", &start)).await.refused(400, "captcha_missing_token captcha_token");
        world.unchanged(browser.post("/v1/client/sign_ups", &[("transfer", "true")])).await.refused(400, "captcha_missing_token captcha_token");
        world.unchanged(browser.post("/v1/client/sign_ups", &[("strategy", "ticket"), ("ticket", "x")])).await.refused(400, "captcha_missing_token captcha_token");
        let token = service.solved("signin");
        let mut proved = start.to_vec();
        proved.push(("captcha_token", &token));
        browser.post("/v1/client/sign_ins", &proved).await.ok();
        // Whoever is a user already is no new one.
        world.user("ada@example.com").await;
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.ok();
    }

    async fn a_token_is_good_for_one_of_many_at_once(world: World) {
        let (world, service) = guarded(&world).await;
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        let token = service.solved("verify");
        browser.post("/v1/client/verify", &[("captcha_token", &token), ("captcha_action", "verify")]).await.ok();
        let mut set = JoinSet::new();
        crate::world::figure("race_attempts", MANY);
        for n in 0..MANY {
            let browser = browser.clone();
            set.spawn(async move {
                let address = format!("ada{n}@example.com");
                browser.post("/v1/client/sign_ups", &[("email_address", &address), ("password", PASSWORD)]).await.status
            });
        }
        let statuses = set.join_all().await;
        let winners = statuses.iter().filter(|s| **s == 200).count();
        crate::world::figure("race_extra_winners", winners.saturating_sub(1));
        assert_eq!(winners, 1, "{statuses:?}");
    }

    async fn a_pass_ends(world: World) {
        let (world, service) = guarded(&world).await;
        let browser = world.browser();
        let token = service.solved("verify");
        let fields = [("captcha_token", token.as_str()), ("captcha_action", "heartbeat")];
        world.unchanged(browser.post("/v1/client/verify", &fields)).await.refused(401, "authentication_invalid");
        browser.post("/v1/client", &[]).await.ok();
        world.unchanged(browser.post("/v1/client/verify", &[])).await.refused(400, "captcha_missing_token captcha_token");
        world.unchanged(browser.post("/v1/client/verify", &[("captcha_error", "captcha_unavailable")])).await.refused(400, "captcha_invalid");
        world.unchanged(browser.post("/v1/client/verify", &[("captcha_action", "sign_in")])).await.refused(422, "form_param_value_invalid captcha_action");
        let answer = browser.post("/v1/client/verify", &fields).await;
        assert_eq!(answer.json()["response"]["object"], "client", "{}", answer.body);
        // A pass is no token for the next one, and is nobody else's.
        world.unchanged(browser.post("/v1/client/verify", &[])).await.refused(400, "captcha_missing_token captcha_token");
        let other = world.browser();
        other.post("/v1/client", &[]).await.ok();
        world.unchanged(sign_up(&other, &[])).await.refused(400, "captcha_missing_token captcha_token");
        world.advance_minutes(10);
        world.unchanged(sign_up(&browser, &[])).await.refused(400, "captcha_missing_token captcha_token");
        usher_server::serve::housekeeping(&world.app).await.unwrap();
        assert!(world.rows("SELECT client_id FROM captcha_passes", &[]).await.is_empty());
    }

    async fn a_service_that_fails_lets_nobody_in_unless_the_operator_says_so(world: World) {
        let (world, service) = guarded(&world).await;
        let browser = world.browser();
        for text in ["", "<html>", "{}", r#"{"success":"yes"}"#, r#"{"success":false,"error-codes":["internal-error"]}"#, r#"{"success":false,"error-codes":["invalid-input-secret"]}"#] {
            service.say(text);
            let refused = world.unchanged(sign_up(&browser, &[("captcha_token", "t")])).await;
            refused.refused(503, "service_unavailable");
            assert!(!refused.body.contains(SECRET));
        }
        let lenient = world.restarted(|o| {
            if let Some(captcha) = &mut o.captcha {
                captcha.accept_unjudged = true;
            }
        }).await;
        sign_up(&lenient.browser(), &[("captcha_token", "t")]).await.ok();
        // A process that was not told who judges.
        let untold = world.restarted(|o| o.captcha = None).await;
        untold.unchanged(sign_up(&untold.browser(), &[("captcha_token", "t")])).await.refused(503, "service_unavailable");
    }

    async fn a_testing_token_stands_in_for_a_person(world: World) {
        let (world, service) = guarded(&world).await;
        let token = world.server().post("/v1/testing_tokens", json!({})).await.json()["token"].as_str().unwrap().to_owned();
        let browser = world.browser();
        let path = format!("/v1/client/sign_ups?__clerk_testing_token={token}");
        let started = browser.post(&path, &joining(&[])).await;
        started.ok();
        world.unchanged(sign_up(&world.browser(), &[])).await.refused(400, "captcha_missing_token captcha_token");
        assert_eq!(service.requests(), 0);
    }

    async fn the_environment_says_what_a_widget_needs(world: World) {
        let before = world.browser().get("/v1/environment").await.json();
        assert_eq!((&before["user_settings"]["sign_up"]["captcha_enabled"], &before["display_config"]["captcha_public_key"]), (&json!(false), &json!(null)));
        world.unchanged(world.browser().post("/v1/client/verify", &[("captcha_token", "t")])).await.refused(400, "captcha_not_enabled");
        let page = world.browser().get("/sign-up").await;
        assert!(!page.header("content-security-policy").unwrap_or_default().contains("cloudflare"));
        let (world, _service) = guarded(&world).await;
        let after = world.browser().get("/v1/environment").await.json();
        let shown = &after["display_config"];
        assert_eq!(after["user_settings"]["sign_up"]["captcha_enabled"], true);
        assert_eq!(after["user_settings"]["sign_up"]["captcha_widget_type"], "smart");
        assert_eq!((&shown["captcha_public_key"], &shown["captcha_public_key_invisible"], &shown["captcha_provider"], &shown["captcha_widget_type"]), (&json!("site"), &json!("unseen"), &json!("turnstile"), &json!("smart")));
        assert!(!after.to_string().contains(SECRET));
        let page = world.browser().get("/sign-up").await;
        let policy = page.header("content-security-policy").unwrap_or_default().to_owned();
        assert!(policy.is_empty() || policy.contains("frame-src 'self' https://challenges.cloudflare.com"), "{policy}");
    }
}
