//! Signing in with a second factor: that nothing comes without it, what counts, what is used up, whose it is
//! (T36, T37, T40, T43, T44, AT-18; ASVS 6.3.3, 6.4.3, 6.5.1, 6.5.5).
use crate::authenticator::{Authenticator, Ceremony, UP};
use crate::browser::{Browser, PASSWORD};
use crate::passkeys::{ask, attempt, begin, by_the_book, finish};
use crate::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

const MANY: usize = 64;

/// Nobody is signed in here, and nothing says otherwise.
async fn nothing_came_of_it(world: &World, browser: &Browser, sign_in: &Value) {
    assert_eq!(
        (&sign_in["status"], &sign_in["created_session_id"]),
        (&json!("needs_second_factor"), &json!(null)),
        "{sign_in}"
    );
    assert!(browser.session_ids().await.is_empty());
    assert!(
        browser.cookie("__client_uat").is_none_or(|uat| uat == "0"),
        "the stamp of a signed-in browser"
    );
    browser
        .get("/v1/me")
        .await
        .refused(401, "authentication_invalid");
    let live = world
        .rows("SELECT id FROM sessions WHERE status = 'active'", &[])
        .await;
    assert_eq!(live.len(), 1, "only the session that set the factor up");
}

/// How often each status came.
async fn tally(
    requests: impl Iterator<Item = impl Future<Output = crate::answer::Answer> + Send + 'static>,
) -> BTreeMap<u16, usize> {
    let mut set = JoinSet::new();
    for request in requests {
        set.spawn(request);
    }
    let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
    crate::world::figure("race_attempts", set.len());
    while let Some(answer) = set.join_next().await {
        let answer = answer.unwrap();
        if answer.status != 200 {
            answer.well_formed_refusal();
        }
        *seen.entry(answer.status).or_default() += 1;
    }
    let winners = seen.get(&200).copied().unwrap_or(0);
    crate::world::figure("race_extra_winners", winners.saturating_sub(1));
    seen
}

both! {
    async fn a_mailed_code_alone_signs_nobody_in_who_has_a_second_factor(world: World) {
        let (_, _, _, app) = world.enrolled("ada@example.com").await;
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        let shown = browser.get(&format!("/v1/client/sign_ins/{id}")).await.response();
        nothing_came_of_it(&world, &browser, &shown).await;
        assert_eq!(shown["supported_second_factors"], json!([{ "strategy": "totp" }, { "strategy": "backup_code" }]));
        assert_eq!((&shown["first_factor_verification"]["status"], &shown["second_factor_verification"]), (&json!("verified"), &json!(null)));
        assert_eq!(browser.client().await["sign_in"]["id"], id, "the attempt goes on after a reload");
        let before = browser.thief();
        let token = browser.cookie("__client");
        let done = browser.attempt_second(&id, "totp", &app.code()).await.response();
        assert_eq!(done["status"], "complete");
        assert_eq!(done["second_factor_verification"], json!({ "object": "verification_totp", "status": "verified", "strategy": "totp", "attempts": null, "expire_at": null }));
        assert_ne!(token, browser.cookie("__client"), "a new client token");
        before.get("/v1/me").await.refused(401, "authentication_invalid");
        let session = done["created_session_id"].as_str().unwrap();
        assert_eq!(browser.claims(session).await["fva"], json!([0, 0]));
        world.advance_minutes(3);
        assert_eq!(browser.claims(session).await["fva"], json!([3, 3]));
        assert_eq!(browser.get(&format!("/v1/client/sessions/{session}")).await.response()["factor_verification_age"], json!([3, 3]));
        browser.attempt_second(&id, "totp", &app.code()).await.refused(400, "invalid_action_for_session");
    }

    async fn what_the_user_has_is_told_after_the_first_proof_only(world: World) {
        world.enrolled("ada@example.com").await;
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        assert_eq!(started["supported_second_factors"], json!(null));
        let id = started["id"].as_str().unwrap();
        for code in ["123456", "aaaaaaaaaa"] {
            world.unchanged(browser.attempt_second(id, "totp", code)).await.refused(400, "invalid_action_for_session");
            world.unchanged(browser.attempt_second(id, "backup_code", code)).await.refused(400, "invalid_action_for_session");
        }
    }

    async fn every_first_factor_needs_the_second(world: World) {
        let (ada, _, _, _) = world.enrolled("ada@example.com").await;
        ada.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        let by_password = world.browser();
        nothing_came_of_it(&world, &by_password, &by_password.sign_in_with_password("ada@example.com", PASSWORD).await.response()).await;
        let in_two_steps = world.browser();
        let started = in_two_steps.start_sign_in("ada@example.com").await;
        nothing_came_of_it(&world, &in_two_steps, &in_two_steps.attempt_password(started["id"].as_str().unwrap(), PASSWORD).await.response()).await;
        // A sign-up whose address is taken turns into a sign-in.
        world.settings(|s| s.enumeration_protection = true).await;
        world.advance_secs(31);
        let by_transfer = world.browser();
        let sign_up = by_transfer.pending_sign_up("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        by_transfer.attempt_sign_up(&sign_up, &code).await;
        let transferred = by_transfer.post("/v1/client/sign_ins", &[("transfer", "true")]).await;
        assert_eq!(transferred.status, 200, "{}", transferred.body);
        nothing_came_of_it(&world, &by_transfer, &transferred.response()).await;
    }

    async fn a_passkey_is_both_factors_where_its_user_was_verified(world: World) {
        let (ada, _, _, app) = world.enrolled("ada@example.com").await;
        world.settings(|s| s.attributes.passkey = true).await;
        let (id, options) = ask(&ada).await;
        let mut authenticator = Authenticator::new(b"of ada");
        let only_present = Ceremony { flags: UP, ..by_the_book(&ada) };
        let credential = authenticator.create(&options, &only_present);
        attempt(&ada, &id, &credential).await.ok();

        let touched = world.browser();
        let (id, options) = begin(&touched).await;
        let half = finish(&touched, &id, &authenticator.prove(&options, &only_present)).await.response();
        nothing_came_of_it(&world, &touched, &half).await;
        let done = touched.attempt_second(&id, "totp", &app.code()).await.response();
        assert_eq!(done["status"], "complete");

        let verified = world.browser();
        let (id, options) = begin(&verified).await;
        let done = finish(&verified, &id, &authenticator.prove(&options, &by_the_book(&verified))).await.response();
        assert_eq!((&done["status"], &done["first_factor_verification"]["strategy"]), (&json!("complete"), &json!("passkey")), "{done}");
        let session = done["created_session_id"].as_str().unwrap();
        assert_eq!(verified.claims(session).await["fva"], json!([0, 0]));
    }

    // AT-18: the new password counts once everything is proved, and not before.
    async fn a_reset_needs_the_second_factor_and_changes_nothing_before_it(world: World) {
        let (ada, _, session, app) = world.enrolled("ada@example.com").await;
        ada.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        let eve = world.browser();
        let started = eve.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "reset_password_email_code")]).await.response();
        let path = format!("/v1/client/sign_ins/{}", started["id"].as_str().unwrap());
        let code = world.code("ada@example.com").await;
        let proved = eve.post(&format!("{path}/attempt_first_factor"), &[("strategy", "reset_password_email_code"), ("code", &code)]).await.response();
        assert_eq!(proved["status"], "needs_new_password");
        eve.attempt_second(started["id"].as_str().unwrap(), "totp", &app.code()).await.refused(400, "invalid_action_for_session");
        let new = "a password of somebody else 1";
        let stored = world.rows("SELECT password_stored FROM users", &[]).await;
        let half = world.changes_only(&["sign_ins"], eve.post(&format!("{path}/reset_password"), &[("password", new), ("sign_out_of_other_sessions", "true")])).await.response();
        nothing_came_of_it(&world, &eve, &half).await;
        assert_eq!(world.rows("SELECT password_stored FROM users", &[]).await, stored, "the old password still counts");
        ada.mint(&session).await.ok();
        world.unchanged(eve.post(&format!("{path}/reset_password"), &[("password", "another one 12345")])).await.refused(400, "invalid_action_for_session");
        eve.attempt_second(started["id"].as_str().unwrap(), "totp", &app.wrong()).await.refused(422, "form_code_incorrect code");
        let done = eve.attempt_second(started["id"].as_str().unwrap(), "totp", &app.code()).await.response();
        assert_eq!(done["status"], "complete");
        ada.mint(&session).await.refused(401, "authentication_invalid");
        let browser = world.browser();
        browser.sign_in_with_password("ada@example.com", PASSWORD).await.refused(422, "form_password_incorrect password");
        assert_eq!(browser.sign_in_with_password("ada@example.com", new).await.response()["status"], "needs_second_factor");
        let left = world.rows("SELECT new_password_stored FROM sign_ins", &[]).await;
        assert!(left.iter().all(|hash| hash == "NULL"), "{left:?}");
    }

    // T44, N34.
    async fn a_step_is_accepted_once_and_neighbours_within_one(world: World) {
        let (_, _, _, app) = world.enrolled("ada@example.com").await;
        let code = app.code();
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        for far in [-3, -2, 2, 3] {
            browser.attempt_second(&id, "totp", &app.code_at(far)).await.refused(422, "form_code_incorrect code");
        }
        assert_eq!(browser.attempt_second(&id, "totp", &code).await.response()["status"], "complete");
        world.advance_secs(1);
        let again = world.browser();
        world.advance_secs(30);
        let id = again.half_signed_in("ada@example.com").await;
        again.attempt_second(&id, "totp", &code).await.refused(422, "form_code_incorrect code");
        assert_eq!(again.attempt_second(&id, "totp", &app.code_at(1)).await.response()["status"], "complete", "a clock that is ahead");
        world.advance_secs(31);
        let third = world.browser();
        let id = third.half_signed_in("ada@example.com").await;
        third.attempt_second(&id, "totp", &app.code_at(0)).await.refused(422, "form_code_incorrect code");
        third.attempt_second(&id, "totp", &app.code_at(-1)).await.refused(422, "form_code_incorrect code");
        assert_eq!(third.attempt_second(&id, "totp", &app.code_at(1)).await.response()["status"], "complete");
    }

    async fn a_backup_code_signs_in_once(world: World) {
        let (ada, _, _, app) = world.enrolled("ada@example.com").await;
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        let code = &app.backup_codes[0];
        let typed = format!(" {}-{} ", code[..5].to_uppercase(), &code[5..]);
        let done = browser.attempt_second(&id, "backup_code", &typed).await.response();
        assert_eq!((&done["status"], &done["second_factor_verification"]["object"]), (&json!("complete"), &json!("verification_backup_code")));
        assert_eq!(world.count("backup_codes").await, 9);
        world.advance_secs(31);
        let again = world.browser();
        let id = again.half_signed_in("ada@example.com").await;
        again.attempt_second(&id, "backup_code", code).await.refused(422, "form_code_incorrect code");
        again.attempt_second(&id, "totp", &app.backup_codes[1]).await.refused(422, "form_code_incorrect code");
        again.attempt_second(&id, "backup_code", &app.code()).await.refused(422, "form_code_incorrect code");
        assert_eq!(again.attempt_second(&id, "backup_code", &app.backup_codes[1]).await.response()["status"], "complete");
        assert_eq!(ada.get("/v1/me").await.response()["backup_code_enabled"], true);
    }

    async fn a_code_fits_its_own_user_only(world: World) {
        let (_, _, _, ada) = world.enrolled("ada@example.com").await;
        let (_, _, _, _) = world.enrolled("eve@example.com").await;
        let browser = world.browser();
        world.advance_secs(31);
        let id = browser.half_signed_in("eve@example.com").await;
        browser.attempt_second(&id, "totp", &ada.code()).await.refused(422, "form_code_incorrect code");
        browser.attempt_second(&id, "backup_code", &ada.backup_codes[0]).await.refused(422, "form_code_incorrect code");
        assert_eq!(world.count("backup_codes").await, 20);
    }

    async fn an_attempt_belongs_to_its_browser(world: World) {
        let (_, _, _, app) = world.enrolled("ada@example.com").await;
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        let eve = world.browser();
        world.unchanged(eve.attempt_second(&id, "totp", &app.code())).await.refused(404, "resource_not_found");
        eve.post("/v1/client", &[]).await.ok();
        world.unchanged(eve.attempt_second(&id, "totp", &app.code())).await.refused(404, "resource_not_found");
        world.advance_days(2);
        world.unchanged(browser.attempt_second(&id, "totp", &app.code())).await.refused(400, "invalid_action_for_session");
    }

    async fn no_second_factor_stands_for_a_first_one(world: World) {
        let (_, _, _, app) = world.enrolled("ada@example.com").await;
        let browser = world.browser();
        let id = browser.start_sign_in("ada@example.com").await["id"].as_str().unwrap().to_owned();
        for strategy in ["totp", "backup_code"] {
            let path = format!("/v1/client/sign_ins/{id}/attempt_first_factor");
            world.unchanged(browser.post(&path, &[("strategy", strategy), ("code", &app.code())])).await.refused(422, "form_param_value_invalid strategy");
            let start = [("identifier", "ada@example.com"), ("strategy", strategy)];
            world.unchanged(browser.post("/v1/client/sign_ins", &start)).await.refused(422, "form_param_value_invalid strategy");
        }
        let id = browser.half_signed_in("ada@example.com").await;
        world.unchanged(browser.attempt_second(&id, "phone_code", "424242")).await.refused(400, "strategy_for_user_invalid");
        for strategy in ["password", "email_code", "email_link", "passkey", "reset_password_phone_code"] {
            world.unchanged(browser.attempt_second(&id, strategy, "424242")).await.refused(422, "form_param_value_invalid strategy");
        }
    }

    // T40: the count is the account's, over attempts, browsers and factors.
    async fn wrong_second_factors_lock_as_wrong_passwords_do(world: World) {
        let (ada, user, _, app) = world.enrolled("ada@example.com").await;
        ada.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        let mut waiting = Vec::new();
        for _ in 0..3 {
            let browser = world.browser();
            let half = browser.sign_in_with_password("ada@example.com", PASSWORD).await.response();
            waiting.push((browser, half["id"].as_str().unwrap().to_owned()));
        }
        for n in 0..10 {
            let (browser, id) = &waiting[n % 3];
            let (strategy, code) = if n % 2 == 0 { ("totp", app.wrong()) } else { ("backup_code", "wrong-codes".to_owned()) };
            browser.attempt_second(id, strategy, &code).await.refused(422, "form_code_incorrect code");
        }
        assert_eq!(world.server().get(&format!("/v1/users/{}", user.id)).await.ok()["locked"], true);
        for (browser, id) in &waiting {
            let used = world.unchanged(browser.attempt_second(id, "totp", &app.code())).await;
            used.refused(403, "user_locked");
            world.unchanged(browser.attempt_second(id, "backup_code", &app.backup_codes[0])).await.refused(403, "user_locked");
        }
        world.browser().sign_in_with_password("ada@example.com", PASSWORD).await.refused(403, "user_locked");
        world.advance_minutes(61);
        let (browser, id) = &waiting[0];
        assert_eq!(browser.attempt_second(id, "totp", &app.code()).await.response()["status"], "complete");
    }

    async fn a_first_factor_alone_does_not_forget_wrong_second_ones(world: World) {
        let (ada, _, _, app) = world.enrolled("ada@example.com").await;
        ada.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        for n in 1..=9 {
            let browser = world.browser();
            let half = browser.sign_in_with_password("ada@example.com", PASSWORD).await.response();
            browser.attempt_second(half["id"].as_str().unwrap(), "totp", &app.wrong()).await.refused(422, "form_code_incorrect code");
            assert_eq!(world.rows("SELECT failed_attempts FROM users", &[]).await, [n.to_string()]);
        }
    }

    async fn banned_and_locked_users_do_not_get_past_the_second_factor(world: World) {
        let (_, user, _, app) = world.enrolled("ada@example.com").await;
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        for (decision, code) in [("lock", "user_locked"), ("ban", "user_banned")] {
            world.server().post(&format!("/v1/users/{}/{decision}", user.id), json!({})).await.ok();
            world.unchanged(browser.attempt_second(&id, "totp", &app.code())).await.refused(403, code);
            world.server().post(&format!("/v1/users/{}/un{decision}", user.id), json!({})).await.ok();
        }
        assert_eq!(browser.attempt_second(&id, "totp", &app.code()).await.response()["status"], "complete");
    }

    async fn one_step_lets_one_in_of_many(world: World) {
        let (_, _, _, app) = world.enrolled("ada@example.com").await;
        world.settings(|s| s.lockout_max_attempts = 1000).await;
        // Each in a browser of its own: it is the step that is raced for, not the attempt.
        let mut waiting = Vec::new();
        for _ in 0..4 {
            let browser = world.browser();
            world.advance_minutes(11);
            let id = browser.half_signed_in("ada@example.com").await;
            waiting.push((browser, id));
        }
        let code = app.code();
        let seen = tally((0..MANY).map(|n| { let (b, id) = waiting[n % 4].clone(); let code = code.clone(); async move { b.attempt_second(&id, "totp", &code).await } })).await;
        assert_eq!(seen.get(&200), Some(&1), "{seen:?}");
        assert!(seen.keys().all(|s| *s < 500), "{seen:?}");
    }

    async fn one_backup_code_lets_one_in_of_many(world: World) {
        let (_, _, _, app) = world.enrolled("ada@example.com").await;
        world.settings(|s| s.lockout_max_attempts = 1000).await;
        let mut waiting = Vec::new();
        for _ in 0..4 {
            let browser = world.browser();
            world.advance_minutes(11);
            let id = browser.half_signed_in("ada@example.com").await;
            waiting.push((browser, id));
        }
        let code = &app.backup_codes[0];
        let seen = tally((0..MANY).map(|n| { let (b, id) = waiting[n % 4].clone(); let code = code.clone(); async move { b.attempt_second(&id, "backup_code", &code).await } })).await;
        assert_eq!(seen.get(&200), Some(&1), "{seen:?}");
        assert_eq!(world.count("backup_codes").await, 9);
    }

    // T43: parallel guesses beat no counter.
    async fn parallel_guesses_of_a_second_factor_all_count(world: World) {
        let (_, _, _, app) = world.enrolled("ada@example.com").await;
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        let wrong = app.wrong();
        let seen = tally((0..MANY).map(|_| { let (b, id, code) = (browser.thief(), id.clone(), wrong.clone()); async move { b.attempt_second(&id, "totp", &code).await } })).await;
        assert_eq!(seen, BTreeMap::from([(422, 10), (403, 54)]));
    }
}
