//! A right password on a browser that nobody knows (contract fapi §8.5, bapi §6.5).
use crate::answer::Answer;
use crate::browser::{Browser, PASSWORD};
use crate::phones;
use crate::world::World;
use serde_json::json;
use usher_server::instances::settings::Presence;

const ADA: &str = "ada@example.com";

/// Browsers have to be known, and ada has a password.
async fn strict(world: &World) -> crate::world::User {
    world.settings(|s| s.client_trust = true).await;
    world.user(ADA).await
}

/// A sign-in with the right password that waits; its id.
async fn waiting(browser: &Browser, identifier: &str) -> String {
    let half = browser
        .sign_in_with_password(identifier, PASSWORD)
        .await
        .response();
    assert_eq!(
        (
            &half["status"],
            &half["created_session_id"],
            &half["client_trust_state"]
        ),
        (&json!("needs_client_trust"), &json!(null), &json!("new")),
        "{half}"
    );
    assert!(browser.session_ids().await.is_empty());
    assert!(browser.cookie("__client_uat").is_none_or(|uat| uat == "0"));
    half["id"].as_str().unwrap().to_owned()
}

async fn prepare(browser: &Browser, id: &str, more: &[(&str, &str)]) -> Answer {
    let form: Vec<(&str, &str)> = [("strategy", "email_code")]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    browser
        .post(
            &format!("/v1/client/sign_ins/{id}/prepare_second_factor"),
            &form,
        )
        .await
}

async fn through(world: &World, browser: &Browser) -> String {
    let id = waiting(browser, ADA).await;
    prepare(browser, &id, &[]).await.ok();
    let done = browser
        .attempt_second(&id, "email_code", &world.code(ADA).await)
        .await
        .response();
    assert_eq!(done["status"], "complete", "{done}");
    done["created_session_id"].as_str().unwrap().to_owned()
}

both! {
    async fn an_unknown_browser_proves_an_address_and_is_known_from_then_on(world: World) {
        strict(&world).await;
        let browser = world.browser();
        assert_eq!(browser.post("/v1/client/sign_ins", &[]).await.response()["client_trust_state"], "pending");
        let id = waiting(&browser, ADA).await;
        let shown = browser.get(&format!("/v1/client/sign_ins/{id}")).await.response();
        assert_eq!((&shown["supported_second_factors"][0]["strategy"], &shown["supported_second_factors"][0]["safe_identifier"], &shown["second_factor_verification"]), (&json!("email_code"), &json!(ADA), &json!(null)));
        assert_eq!(browser.client().await["sign_in"]["id"], id, "the attempt goes on after a reload");
        world.unchanged(browser.attempt_second(&id, "email_code", "123456")).await.refused(400, "verification_missing");
        let prepared = prepare(&browser, &id, &[]).await.response();
        assert_eq!((&prepared["status"], &prepared["second_factor_verification"]["status"]), (&json!("needs_client_trust"), &json!("unverified")));
        world.unchanged(prepare(&browser, &id, &[])).await.refused(429, "verification_code_too_many_requests");
        let code = world.code(ADA).await;
        let wrong = if code == "000000" { "000001" } else { "000000" };
        browser.attempt_second(&id, "email_code", wrong).await.refused(422, "form_code_incorrect code");
        assert_eq!(world.rows("SELECT failed_attempts FROM users", &[]).await, ["1"]);
        let thief = browser.thief();
        let done = browser.attempt_second(&id, "email_code", &code).await.response();
        assert_eq!((&done["status"], &done["second_factor_verification"]["status"]), (&json!("complete"), &json!("verified")));
        thief.get("/v1/me").await.refused(401, "authentication_invalid");
        let session = done["created_session_id"].as_str().unwrap();
        assert_eq!(browser.claims(session).await["fva"], json!([0, -1]), "it is no second factor");
        world.unchanged(browser.attempt_second(&id, "email_code", &code)).await.refused(422, "form_param_value_invalid strategy");
        // Signing out does not forget the browser.
        browser.delete("/v1/client/sessions").await.ok();
        let again = browser.sign_in_with_password(ADA, PASSWORD).await.response();
        assert_eq!((&again["status"], &again["client_trust_state"]), (&json!("complete"), &json!("known")));
        // Another browser is another browser.
        world.advance_secs(31);
        waiting(&world.browser(), ADA).await;
    }

    async fn nothing_is_asked_for_where_it_is_off_or_says_nothing_new(world: World) {
        let ada = world.user(ADA).await;
        let off = world.browser().sign_in_with_password(ADA, PASSWORD).await.response();
        assert_eq!(off["status"], "complete");
        assert!(off.get("client_trust_state").is_none());
        world.settings(|s| s.client_trust = true).await;
        // A code to the address proves as much by itself, and makes the browser known.
        let by_code = world.browser();
        by_code.sign_in(ADA).await;
        by_code.delete("/v1/client/sessions").await.ok();
        assert_eq!(by_code.sign_in_with_password(ADA, PASSWORD).await.response()["status"], "complete");
        // So does a sign-up.
        let new = world.browser();
        new.sign_up("new@example.com").await;
        new.delete("/v1/client/sessions").await.ok();
        assert_eq!(new.sign_in_with_password("new@example.com", PASSWORD).await.response()["status"], "complete");
        // But only for who did it.
        world.user("bob@example.com").await;
        new.delete("/v1/client/sessions").await.ok();
        waiting(&new, "bob@example.com").await;
        world.server().patch(&format!("/v1/users/{}", ada.id), json!({ "bypass_client_trust": true })).await.ok();
        assert_eq!(world.browser().sign_in_with_password(ADA, PASSWORD).await.response()["status"], "complete");
        // Who has no address that could be proved is not locked out.
        world.settings(|s| { s.attributes.username = usher_server::instances::settings::Presence::On; s.attributes.email_address = usher_server::instances::settings::Presence::On; }).await;
        world.server().post("/v1/users", json!({ "username": "only_name", "password": PASSWORD })).await.ok();
        assert_eq!(world.browser().sign_in_with_password("only_name", PASSWORD).await.response()["status"], "complete");
    }

    async fn who_has_a_second_factor_is_asked_for_that_one(world: World) {
        let (ada, _, _, app) = world.enrolled(ADA).await;
        ada.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        world.settings(|s| s.client_trust = true).await;
        let browser = world.browser();
        let half = browser.sign_in_with_password(ADA, PASSWORD).await.response();
        assert_eq!((&half["status"], &half["client_trust_state"]), (&json!("needs_second_factor"), &json!("new")));
        let id = half["id"].as_str().unwrap();
        world.unchanged(prepare(&browser, id, &[])).await.refused(422, "form_param_value_invalid strategy");
        assert_eq!(browser.attempt_second(id, "totp", &app.code()).await.response()["status"], "complete");
    }

    async fn only_the_users_own_addresses_are_asked_and_a_username_learns_none(world: World) {
        world.settings(|s| { s.client_trust = true; s.attributes.username = usher_server::instances::settings::Presence::On; }).await;
        world.user_with(ADA, json!({ "username": "ada_l", "password": PASSWORD })).await;
        let eve = world.user("eve@example.com").await;
        let browser = world.browser();
        let id = waiting(&browser, "ada_l").await;
        let shown = browser.get(&format!("/v1/client/sign_ins/{id}")).await;
        assert!(!shown.body.contains(ADA), "{}", shown.body);
        for foreign in [eve.email_id.as_str(), "idn_x"] {
            world.unchanged(prepare(&browser, &id, &[("email_address_id", foreign)])).await.refused(404, "resource_not_found");
        }
        for (strategy, status, code) in [("phone_code_x", 422, "form_param_value_invalid strategy"), ("totp", 400, "verification_strategy_invalid strategy"), ("password", 400, "verification_strategy_invalid strategy")] {
            world.unchanged(browser.post(&format!("/v1/client/sign_ins/{id}/prepare_second_factor"), &[("strategy", strategy)])).await.refused(status, code);
            world.unchanged(browser.attempt_second(&id, strategy, "123456")).await.refused(status, code);
        }
        // The attempt is its own browser's.
        let stranger = world.browser();
        stranger.post("/v1/client", &[]).await.ok();
        world.unchanged(prepare(&stranger, &id, &[])).await.refused(404, "resource_not_found");
        world.unchanged(stranger.attempt_second(&id, "email_code", "123456")).await.refused(404, "resource_not_found");
    }

    async fn a_code_to_a_number_does_as_well_and_who_has_only_a_number_is_asked_too(world: World) {
        world.phones_on().await;
        world.settings(|s| { s.client_trust = true; s.attributes.email_address = Presence::On; }).await;
        world.server().post("/v1/users", json!({ "phone_number": [phones::ADA], "password": PASSWORD })).await.ok();
        let browser = world.browser();
        let id = waiting(&browser, phones::ADA).await;
        let shown = browser.get(&format!("/v1/client/sign_ins/{id}")).await.response();
        let ways = shown["supported_second_factors"].as_array().unwrap();
        assert_eq!(ways.len(), 1, "{shown}");
        let number = ways[0]["phone_number_id"].as_str().unwrap().to_owned();
        assert_eq!((&ways[0]["strategy"], &ways[0]["safe_identifier"], &ways[0]["primary"]), (&json!("phone_code"), &json!(phones::ADA), &json!(true)));
        let prepare = async |form: &[(&str, &str)]| browser.post(&format!("/v1/client/sign_ins/{id}/prepare_second_factor"), form).await;
        world.unchanged(prepare(&[("strategy", "email_code")])).await.refused(404, "resource_not_found");
        world.unchanged(prepare(&[("strategy", "phone_code"), ("phone_number_id", "idn_x")])).await.refused(404, "resource_not_found");
        world.unchanged(prepare(&[("strategy", "reset_password_phone_code"), ("phone_number_id", &number)])).await.refused(400, "verification_strategy_invalid strategy");
        world.unchanged(browser.attempt_second(&id, "phone_code", "123456")).await.refused(400, "verification_missing");
        prepare(&[("strategy", "phone_code"), ("phone_number_id", &number)]).await.ok();
        let code = world.code(phones::ADA).await;
        world.unchanged(browser.attempt_second(&id, "email_code", &code)).await.refused(400, "verification_missing");
        browser.attempt_second(&id, "phone_code", if code == "000000" { "000001" } else { "000000" }).await.refused(422, "form_code_incorrect code");
        let done = browser.attempt_second(&id, "phone_code", &code).await.response();
        assert_eq!(done["status"], "complete", "{done}");
        // From then on the browser is known.
        browser.delete("/v1/client/sessions").await.ok();
        assert_eq!(browser.sign_in_with_password(phones::ADA, PASSWORD).await.response()["status"], "complete");
    }

    async fn a_number_that_changed_hands_makes_no_browser_known(world: World) {
        world.phones_on().await;
        let ada = strict(&world).await;
        let number = world.number_of(&ada.id, phones::ADA).await;
        let browser = world.browser();
        let id = waiting(&browser, ADA).await;
        browser.post(&format!("/v1/client/sign_ins/{id}/prepare_second_factor"), &[("strategy", "phone_code")]).await.ok();
        let code = world.code(phones::ADA).await;
        world.server().delete(&format!("/v1/phone_numbers/{number}")).await.ok();
        world.unchanged(browser.attempt_second(&id, "phone_code", &code)).await.refused(400, "verification_missing");
        assert!(browser.session_ids().await.is_empty());
    }

    async fn a_wrong_password_says_nothing_of_it(world: World) {
        strict(&world).await;
        world.browser().sign_in_with_password(ADA, "wrong horse 9").await.refused(422, "form_password_incorrect password");
        world.settings(|s| s.enumeration_protection = true).await;
        let (known, unknown) = (world.browser(), world.browser());
        let one = known.start_sign_in(ADA).await;
        let other = unknown.start_sign_in("nobody@example.com").await;
        assert_eq!((&one["client_trust_state"], &other["client_trust_state"]), (&json!("new"), &json!("new")));
        assert_eq!((&one["supported_second_factors"], &other["supported_second_factors"]), (&json!(null), &json!(null)));
    }

    async fn wrong_codes_lock_and_a_locked_or_banned_user_gets_no_further(world: World) {
        let ada = strict(&world).await;
        let browser = world.browser();
        for _ in 0..2 {
            let id = waiting(&browser, ADA).await;
            prepare(&browser, &id, &[]).await.ok();
            let code = world.code(ADA).await;
            let wrong = if code == "000000" { "000001" } else { "000000" };
            for _ in 0..5 {
                browser.attempt_second(&id, "email_code", wrong).await.refused(422, "form_code_incorrect code");
            }
            world.advance_secs(31);
        }
        browser.sign_in_with_password(ADA, PASSWORD).await.refused(403, "user_locked");
        world.advance_minutes(61);
        let id = waiting(&browser, ADA).await;
        prepare(&browser, &id, &[]).await.ok();
        world.server().post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        let code = world.code(ADA).await;
        world.unchanged(browser.attempt_second(&id, "email_code", &code)).await.refused(403, "user_banned");
        world.advance_secs(31);
        world.unchanged(prepare(&browser, &id, &[])).await.refused(403, "user_banned");
    }

    async fn whoever_signs_a_device_out_does_not_know_it_any_more(world: World) {
        let ada = strict(&world).await;
        let (here, there) = (world.browser(), world.browser());
        let session = through(&world, &there).await;
        world.advance_secs(31);
        let own = through(&world, &here).await;
        here.post(&format!("/v1/me/sessions/{session}/revoke"), &[]).await.ok();
        world.advance_secs(31);
        waiting(&there, ADA).await;
        through(&world, &there).await;
        // A password that is changed for everybody is a new beginning for all other browsers.
        here.post("/v1/me/change_password", &[("new_password", "a new password 7"), ("sign_out_of_other_sessions", "true")]).await.ok();
        here.mint(&own).await.ok();
        assert_eq!(there.sign_in_with_password(ADA, "a new password 7").await.response()["status"], "needs_client_trust");
        here.delete("/v1/client/sessions").await.ok();
        let again = here.sign_in_with_password(ADA, "a new password 7").await.response();
        assert_eq!(again["status"], "complete");
        // The operator signs a device out.
        world.server().post(&format!("/v1/sessions/{}/revoke", again["created_session_id"].as_str().unwrap()), json!({})).await.ok();
        assert_eq!(here.sign_in_with_password(ADA, "a new password 7").await.response()["status"], "needs_client_trust");
        assert_eq!(world.count("client_trusts").await, 0);
        drop(ada);
    }

    async fn it_goes_with_the_cookie_and_comes_with_no_other(world: World) {
        strict(&world).await;
        let browser = world.browser();
        through(&world, &browser).await;
        browser.delete("/v1/client").await.ok();
        assert_eq!(world.count("client_trusts").await, 0);
        world.advance_secs(31);
        waiting(&browser, ADA).await;
        // Whoever acts as the user makes no browser known.
        let support = world.browser();
        let ada = world.rows("SELECT id FROM users", &[]).await.remove(0);
        let made = world.server().post("/v1/actor_tokens", json!({ "user_id": ada, "actor": { "sub": "support" } })).await.ok();
        crate::tickets::redeem(&support, made["token"].as_str().unwrap()).await.ok();
        support.delete("/v1/client/sessions").await.ok();
        waiting(&support, ADA).await;
    }

    production async fn a_tossed_cookie_brings_nobodys_trust(world: World) {
        strict(&world).await;
        let browser = world.browser();
        through(&world, &browser).await;
        let token = browser.cookie("__client").unwrap();
        // Somebody below the root domain plants ada's own token in another browser, without what binds it to this host.
        let victim = world.browser();
        victim.toss("__client", &token);
        world.advance_secs(31);
        waiting(&victim, ADA).await;
    }
}
