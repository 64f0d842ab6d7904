//! Many at once (requirements I3, P3 `p3_parallel`): what happens once happens once.
use crate::browser::PASSWORD;
use serde_json::json;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

const MANY: usize = 64;

/// How often each status came.
async fn tally<F>(requests: impl Iterator<Item = F>) -> BTreeMap<u16, usize>
where
    F: Future<Output = crate::answer::Answer> + Send + 'static,
{
    let mut set = JoinSet::new();
    for request in requests {
        set.spawn(request);
    }
    let mut seen = BTreeMap::new();
    crate::world::figure("race_attempts", set.len());
    while let Some(answer) = set.join_next().await {
        let answer = answer.unwrap();
        if answer.status != 200 {
            answer.well_formed_refusal();
        }
        *seen.entry(answer.status).or_default() += 1;
    }
    seen
}

/// What may happen once happened once; a second winner is counted before the test fails.
fn one_winner(seen: &BTreeMap<u16, usize>) {
    let winners = seen.get(&200).copied().unwrap_or(0);
    crate::world::figure("race_extra_winners", winners.saturating_sub(1));
    assert_eq!(winners, 1, "{seen:?}");
}

both! {
    async fn one_sign_up_code_makes_one_user_whoever_is_first(world: World) {
        let ada = world.browser();
        let id = ada.pending_sign_up("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        let seen = tally((0..MANY).map(|_| { let (b, id, code) = (ada.thief(), id.clone(), code.clone()); async move { b.attempt_sign_up(&id, &code).await } })).await;
        one_winner(&seen);
        assert!(seen.keys().all(|s| *s < 500), "{seen:?}");
        assert_eq!((world.count("users").await, world.count("sessions").await, world.count("email_addresses").await), (1, 1, 1));
    }

    async fn p3_parallel(world: World) {
        world.user_without_password("ada@example.com").await;
        let ada = world.browser();
        let id = ada.pending_sign_in("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        let seen = tally((0..MANY).map(|_| { let (b, id, code) = (ada.thief(), id.clone(), code.clone()); async move { b.attempt_code(&id, &code).await } })).await;
        one_winner(&seen);
        assert!(seen.keys().all(|s| *s < 500), "{seen:?}");
        assert_eq!(world.count("sessions").await, 1);
    }

    async fn parallel_guesses_cost_a_try_each(world: World) {
        world.user_without_password("ada@example.com").await;
        let ada = world.browser();
        let id = ada.pending_sign_in("ada@example.com").await;
        let seen = tally((0..MANY).map(|_| { let (b, id) = (ada.thief(), id.clone()); async move { b.attempt_code(&id, "x").await } })).await;
        assert_eq!(seen.get(&422), Some(&5), "{seen:?}");
        assert_eq!(seen.get(&400), Some(&(MANY - 5)), "{seen:?}");
        assert_eq!(world.rows("SELECT failed_attempts FROM users", &[]).await, ["5"]);
    }

    async fn one_address_makes_one_user_in_many_browsers(world: World) {
        let mut ready = Vec::new();
        for _ in 0..16 {
            let browser = world.browser();
            let id = browser.start_sign_up(&[("email_address", "ada+clerk_test@example.com")]).await;
            browser.prepare_sign_up(&id).await.ok();
            ready.push((browser, id));
        }
        world.settings(|s| s.attributes.password = usher_server::instances::settings::Presence::On).await;
        let seen = tally(ready.into_iter().map(|(b, id)| async move { b.attempt_sign_up(&id, "424242").await })).await;
        assert_eq!((seen.get(&200), seen.get(&422)), (Some(&1), Some(&15)), "{seen:?}");
        assert_eq!((world.count("users").await, world.count("sessions").await, world.count("email_addresses").await), (1, 1, 1));
    }

    async fn one_username_makes_one_user(world: World) {
        world.settings(|s| s.attributes.username = usher_server::instances::settings::Presence::On).await;
        let server = world.server();
        let seen = tally((0..32).map(|i| { let server = server.clone(); async move { server.post("/v1/users", json!({ "email_address": [format!("u{i}@example.com")], "username": "Ada_L", "skip_password_requirement": true })).await } })).await;
        assert_eq!((seen.get(&200), seen.get(&422)), (Some(&1), Some(&31)), "{seen:?}");
        assert_eq!(world.count("users").await, 1);
    }

    async fn different_people_sign_up_at_once_and_each_sees_the_own_commit(world: World) {
        world.settings(|s| s.attributes.password = usher_server::instances::settings::Presence::On).await;
        let mut set = JoinSet::new();
        for i in 0..50 {
            let browser = world.browser();
            set.spawn(async move {
                let address = format!("u{i}+clerk_test@example.com");
                let id = browser.start_sign_up(&[("email_address", &address)]).await;
                browser.prepare_sign_up(&id).await.ok();
                let done = browser.attempt_sign_up(&id, "424242").await.response();
                let session = done["created_session_id"].as_str().unwrap().to_owned();
                // What was committed is seen by the very next request.
                let claims = browser.claims(&session).await;
                assert_eq!(claims["sub"], done["created_user_id"]);
                let me = browser.get("/v1/me").await.response();
                assert_eq!(me["email_addresses"][0]["email_address"], address);
            });
        }
        while let Some(done) = set.join_next().await {
            done.unwrap();
        }
        assert_eq!((world.count("users").await, world.count("sessions").await), (50, 50));
        assert_eq!(world.server().get("/v1/users/count").await.ok()["total_count"], 50);
    }

    async fn parallel_wrong_passwords_all_count(world: World) {
        world.user("ada@example.com").await;
        let seen = tally((0..20).map(|_| { let b = world.browser(); async move { b.sign_in_with_password("ada@example.com", "wrong horse 9").await } })).await;
        assert!(seen.keys().all(|s| matches!(s, 422 | 403 | 429)), "{seen:?}");
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.refused(403, "user_locked");
    }

    async fn one_sign_out_of_many_rotates_once_and_nobody_is_left_signed_in(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let seen = tally((0..16).map(|_| { let b = browser.thief(); async move { b.delete("/v1/client/sessions").await } })).await;
        assert!(seen.contains_key(&200) && seen.keys().all(|s| *s == 200 || *s == 401), "{seen:?}");
        browser.mint(&session).await.refused(401, "authentication_invalid");
        assert_eq!(world.rows("SELECT id FROM sessions WHERE status = 'active'", &[]).await.len(), 0);
    }

    async fn a_mint_that_races_a_revocation_is_never_answered_after_it(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let mut set = JoinSet::new();
        for _ in 0..32 {
            let (b, session) = (browser.clone(), session.clone());
            set.spawn(async move { b.mint(&session).await.status });
        }
        world.server().post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok();
        browser.mint(&session).await.refused(401, "authentication_invalid");
        while let Some(status) = set.join_next().await {
            assert!(matches!(status.unwrap(), 200 | 401));
        }
    }

    async fn bulk_bans_in_opposite_orders_do_not_wait_for_each_other(world: World) {
        let mut ids = Vec::new();
        for i in 0..8 {
            ids.push(world.user_without_password(&format!("u{i}@example.com")).await.id);
        }
        let reversed: Vec<String> = ids.iter().rev().cloned().collect();
        let server = world.server();
        let seen = tally((0..16).map(|i| {
            let (server, list) = (server.clone(), if i % 2 == 0 { ids.clone() } else { reversed.clone() });
            async move { server.post("/v1/users/ban", json!({ "user_ids": list })).await }
        })).await;
        assert_eq!(seen.get(&200), Some(&16), "{seen:?}");
    }

    async fn metadata_of_many_writers_is_merged_without_loss(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        let path = format!("/v1/users/{}/metadata", ada.id);
        let seen = tally((0..32).map(|i| { let (server, path) = (server.clone(), path.clone()); async move { server.patch(&path, json!({ "public_metadata": { format!("k{i}"): i } })).await } })).await;
        assert_eq!(seen.get(&200), Some(&32), "{seen:?}");
        let user = server.get(&format!("/v1/users/{}", ada.id)).await.ok();
        assert_eq!(user["public_metadata"].as_object().unwrap().len(), 32);
    }
}
