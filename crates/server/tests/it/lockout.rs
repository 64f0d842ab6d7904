//! Guessing by account: the lock, the count that outlives it, and codes whose number does not help. And that none of it
//! tells who has an account.
use crate::answer::Answer;
use crate::browser::{Browser, PASSWORD};
use crate::world::World;
use serde_json::{Value, json};

const WRONG: &str = "not the password at all";

/// The counters of the one user: of the lock, and of the password.
async fn counters(world: &World) -> (i64, i64) {
    let read = async |column: &str| {
        world
            .rows(&format!("SELECT {column} FROM users"), &[])
            .await[0]
            .parse()
            .unwrap()
    };
    (
        read("failed_attempts").await,
        read("password_failures").await,
    )
}

async fn set_password_failures(world: &World, count: i64) {
    let mut tx = world.app.db.write("").await.unwrap();
    tx.run(
        "UPDATE users SET password_failures = ?",
        &[usher_db::Value::Int(count)],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

/// Resets the password by a code; the completed attempt.
async fn reset(browser: &Browser, address: &str, new: &str) -> Value {
    let started = browser
        .post(
            "/v1/client/sign_ins",
            &[
                ("identifier", address),
                ("strategy", "reset_password_email_code"),
            ],
        )
        .await
        .response();
    let id = started["id"].as_str().unwrap();
    let code = browser.world.code(address).await;
    browser
        .post(
            &format!("/v1/client/sign_ins/{id}/attempt_first_factor"),
            &[("strategy", "reset_password_email_code"), ("code", &code)],
        )
        .await
        .ok();
    browser
        .post(
            &format!("/v1/client/sign_ins/{id}/reset_password"),
            &[("password", new)],
        )
        .await
        .response()
}

/// What an answer tells, without what differs between any two: ids, instants, and the identifier that was asked for.
fn told(answer: &Answer, asked: &str) -> (u16, Value, Vec<String>) {
    fn blank(value: &mut Value, asked: &str) {
        match value {
            Value::Object(all) => {
                for (name, value) in all.iter_mut() {
                    let ends = |suffix: &str| name.ends_with(suffix);
                    if (name == "id" || ends("_id") || ends("_at")) && !value.is_null() {
                        *value = json!("…");
                    }
                    blank(value, asked);
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|v| blank(v, asked)),
            Value::String(text) if text == asked => *value = json!("<asked>"),
            _ => {}
        }
    }
    let mut body = answer.json();
    blank(&mut body, asked);
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(n, _)| n != "clerk-trace-id")
        .map(|(n, v)| format!("{n}: {v}"))
        .collect();
    headers.sort();
    (answer.status, body, headers)
}

both! {
    production async fn n30_a_password_that_was_guessed_at_a_hundred_times_is_off_until_it_is_replaced(world: World) {
        world.settings(|s| s.attributes.email_code = true).await;
        world.user("ada@example.com").await;
        for tries in 1..=10 {
            world.browser().sign_in_with_password("ada@example.com", WRONG).await.refused(422, "form_password_incorrect password");
            assert_eq!(counters(&world).await, (tries, tries));
        }
        world.unchanged(world.browser().sign_in_with_password("ada@example.com", PASSWORD)).await.refused(403, "user_locked");
        // The lock ends, and a sign-in by another factor forgets it; the password's count goes on.
        world.advance_minutes(61);
        world.browser().sign_in("ada@example.com").await;
        assert_eq!(counters(&world).await, (0, 10));
        set_password_failures(&world, 98).await;
        world.browser().sign_in_with_password("ada@example.com", WRONG).await.refused(422, "form_password_incorrect password");
        world.browser().sign_in_with_password("ada@example.com", WRONG).await.refused(422, "form_password_incorrect password");
        assert_eq!(counters(&world).await, (2, 100));
        for password in [PASSWORD, WRONG] {
            world.unchanged(world.browser().sign_in_with_password("ada@example.com", password)).await.refused(422, "form_password_compromised password");
        }
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        let id = started["id"].as_str().unwrap();
        world.unchanged(browser.attempt_password(id, PASSWORD)).await.refused(422, "form_password_compromised password");
        // No time brings it back, and no operator's unlocking; a new password does.
        world.advance_days(400);
        let user = world.server().get("/v1/users").await.ok()[0]["id"].as_str().unwrap().to_owned();
        world.server().post(&format!("/v1/users/{user}/unlock"), json!({})).await.ok();
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.refused(422, "form_password_compromised password");
        assert_eq!(reset(&world.browser(), "ada@example.com", "another good phrase 7").await["status"], "complete");
        assert_eq!(counters(&world).await, (0, 0));
        let done = world.browser().sign_in_with_password("ada@example.com", "another good phrase 7").await;
        assert_eq!(done.response()["status"], "complete");
    }

    production async fn a_right_password_and_an_operators_new_one_reset_the_count(world: World) {
        let ada = world.user("ada@example.com").await;
        set_password_failures(&world, 99).await;
        let done = world.browser().sign_in_with_password("ada@example.com", PASSWORD).await;
        assert_eq!(done.response()["status"], "complete");
        assert_eq!(counters(&world).await, (0, 0));
        set_password_failures(&world, 100).await;
        // Who is signed in cannot prove it with that password either.
        let browser = world.browser();
        browser.sign_in("ada@example.com").await;
        let change = browser.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", "another good phrase 7")]);
        world.unchanged(change).await.refused(422, "form_password_compromised current_password");
        world.server().patch(&format!("/v1/users/{}", ada.id), json!({ "password": "another good phrase 7" })).await.ok();
        assert_eq!(counters(&world).await, (0, 0));
        let done = world.browser().sign_in_with_password("ada@example.com", "another good phrase 7").await;
        assert_eq!(done.response()["status"], "complete");
    }

    production async fn n27_new_codes_do_not_reset_the_count_of_wrong_ones(world: World) {
        world.user_without_password("ada@example.com").await;
        for round in 0..2 {
            let browser = world.browser();
            let id = browser.pending_sign_in("ada@example.com").await;
            for _ in 0..5 {
                browser.attempt_code(&id, "000000").await.refused(422, "form_code_incorrect code");
            }
            // The sixth try of a code is none, and costs nothing; not even the right one counts.
            let code = world.code("ada@example.com").await;
            world.unchanged(browser.attempt_code(&id, &code)).await.refused(400, "verification_failed");
            assert_eq!(counters(&world).await, (5 * (round + 1), 0));
            world.advance_minutes(1);
        }
        world.browser().post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "email_code")]).await.refused(403, "user_locked");
    }

    production async fn en_01_sign_in_answers_everybody_alike(world: World) {
        world.settings(|s| s.enumeration_protection = true).await;
        world.user("ada@example.com").await;
        world.user_without_password("bob@example.com").await;
        let locked = world.user("eve@example.com").await;
        world.server().post(&format!("/v1/users/{}/lock", locked.id), json!({})).await.ok();
        let banned = world.user("mal@example.com").await;
        world.server().post(&format!("/v1/users/{}/ban", banned.id), json!({})).await.ok();
        let mut seen: Vec<Vec<(u16, Value, Vec<String>)>> = Vec::new();
        for address in ["nobody@example.com", "ada@example.com", "bob@example.com", "eve@example.com", "mal@example.com"] {
            let mut all = Vec::new();
            let browser = world.browser();
            let wrong = browser.sign_in_with_password(address, WRONG).await;
            all.push(told(&wrong, address));
            let started = browser.post("/v1/client/sign_ins", &[("identifier", address)]).await;
            all.push(told(&started, address));
            let sign_in = started.response();
            let id = sign_in["id"].as_str().unwrap();
            all.push(told(&browser.attempt_password(id, WRONG).await, address));
            all.push(told(&browser.prepare_sign_in(&sign_in).await, address));
            all.push(told(&browser.prepare_sign_in(&sign_in).await, address));
            for _ in 0..6 {
                all.push(told(&browser.attempt_code(id, "000000").await, address));
            }
            world.advance_minutes(1);
            let reset = browser.post("/v1/client/sign_ins", &[("identifier", address), ("strategy", "reset_password_email_code")]).await;
            all.push(told(&reset, address));
            seen.push(all);
        }
        for (index, one) in seen.iter().enumerate() {
            for (step, (was, is)) in seen[0].iter().zip(one).enumerate() {
                assert_eq!(was, is, "step {step} of {index}");
            }
        }
        assert_eq!(seen[0].iter().map(|s| s.0).collect::<Vec<_>>(), [422, 200, 422, 200, 429, 422, 422, 422, 422, 422, 400, 200]);
    }

    production async fn en_01_sign_up_and_a_further_address_answer_everybody_alike(world: World) {
        world.settings(|s| s.enumeration_protection = true).await;
        world.user_without_password("ada@example.com").await;
        let (browser, _, _) = world.signed_in("eve@example.com").await;
        let mut seen = Vec::new();
        for address in ["nobody@example.com", "ada@example.com"] {
            let mut all = Vec::new();
            let visitor = world.browser();
            let started = visitor.post("/v1/client/sign_ups", &[("email_address", address), ("password", PASSWORD)]).await;
            all.push(told(&started, address));
            let id = started.response()["id"].as_str().unwrap().to_owned();
            all.push(told(&visitor.prepare_sign_up(&id).await, address));
            all.push(told(&visitor.attempt_sign_up(&id, "000000").await, address));
            let added = browser.post("/v1/me/email_addresses", &[("email_address", address)]).await;
            all.push(told(&added, address));
            let path = format!("/v1/me/email_addresses/{}", added.response()["id"].as_str().unwrap());
            all.push(told(&browser.post(&format!("{path}/prepare_verification"), &[("strategy", "email_code")]).await, address));
            all.push(told(&browser.post(&format!("{path}/attempt_verification"), &[("code", "000000")]).await, address));
            browser.delete(&path).await.ok();
            seen.push(all);
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0].iter().map(|s| s.0).collect::<Vec<_>>(), [200, 200, 422, 200, 200, 422]);
    }

    production async fn a_taken_address_is_added_for_show_and_never_proved(world: World) {
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        world.unchanged(eve.post("/v1/me/email_addresses", &[("email_address", "ada@example.com")])).await.refused(422, "form_identifier_exists email_address");
        world.settings(|s| s.enumeration_protection = true).await;
        world.unchanged(eve.post("/v1/me/email_addresses", &[("email_address", "eve@example.com")])).await.refused(422, "form_identifier_exists email_address");
        let added = eve.post("/v1/me/email_addresses", &[("email_address", "ada@example.com")]).await.response();
        let path = format!("/v1/me/email_addresses/{}", added["id"].as_str().unwrap());
        let sent = world.codes("ada@example.com").await.len();
        eve.post(&format!("{path}/prepare_verification"), &[("strategy", "email_code")]).await.ok();
        // Nobody gets mail: the address is not Eve's to ask for.
        assert_eq!(world.codes("ada@example.com").await.len(), sent);
        for code in ["000000", "424242", &world.code("ada@example.com").await] {
            eve.post(&format!("{path}/attempt_verification"), &[("code", code)]).await.refused(422, "form_code_incorrect code");
        }
        // Ada notices nothing.
        ada.get("/v1/me").await.ok();
        world.advance_minutes(1);
        let session = world.browser().sign_in("ada@example.com").await;
        assert_eq!(world.server().get(&format!("/v1/sessions/{session}")).await.ok()["user_id"], user.id.as_str());
    }
}
