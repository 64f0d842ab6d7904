//! What is left to do before a session is active (contract fapi §8.2, bapi §5.2; T36, T37, T46).
use crate::authenticator::{Authenticator, Ceremony, UP};
use crate::browser::{Browser, PASSWORD};
use crate::passkeys::{ask, attempt, begin, by_the_book, finish};
use crate::tickets::redeem;
use crate::world::World;
use serde_json::{Value, json};
use usher_server::route::{Api, Guard};

async fn mfa_required(world: &World) {
    world.second_factors_on().await;
    world.settings(|s| s.second_factor_required = true).await;
}

/// A browser of a fresh user who has to set a second factor up; the session's id.
async fn pending(world: &World, address: &str) -> (Browser, crate::world::User, String) {
    mfa_required(world).await;
    let (browser, user, session) = world.signed_in(address).await;
    assert_eq!(only_session(&browser).await["status"], "pending");
    (browser, user, session)
}

async fn only_session(browser: &Browser) -> Value {
    let client = browser.client().await;
    assert_eq!(client["sessions"].as_array().unwrap().len(), 1, "{client}");
    client["sessions"][0].clone()
}

both! {
    async fn who_must_have_a_second_factor_sets_it_up_and_is_signed_in_then(world: World) {
        let (browser, _, session) = pending(&world, "ada@example.com").await;
        assert_eq!(browser.get("/v1/environment").await.ok()["user_settings"]["sign_in"]["second_factor"]["required"], true);
        let shown = only_session(&browser).await;
        assert_eq!(shown["tasks"], json!([{ "key": "setup-mfa" }]));
        assert_eq!(browser.claims(&session).await["sts"], "pending");
        let stamp = browser.cookie("__client_uat").unwrap();
        assert_ne!(stamp, "0", "a pending session is one, or nobody could go on after a reload");
        let server = world.server();
        let seen = server.get(&format!("/v1/sessions/{session}")).await.ok();
        assert_eq!((&seen["status"], &seen["tasks"]), (&json!("pending"), &json!([{ "key": "setup-mfa" }])));
        let list = async |status: &str| server.get(&format!("/v1/sessions?status={status}")).await.ok().as_array().unwrap().len();
        assert_eq!((list("pending").await, list("active").await), (1, 0));
        let token = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        server.post(&format!("/v1/sessions/{session}/verify"), json!({ "token": token })).await.refused(400, "invalid_session_token token");
        let secret = browser.post("/v1/me/totp", &[]).await.response()["secret"].as_str().unwrap().to_owned();
        let app = crate::authenticator_app::AuthenticatorApp::new(&world, &secret);
        browser.verify_app(&app.wrong()).await.refused(422, "form_code_incorrect code");
        assert_eq!(only_session(&browser).await["status"], "pending");
        let done = browser.verify_app(&app.code()).await.ok();
        let after = &done["client"]["sessions"][0];
        assert_eq!((&after["status"], &after["tasks"]), (&json!("active"), &json!(null)), "in the same answer");
        let told = crate::answer::decode(after["last_active_token"]["jwt"].as_str().unwrap()).1;
        assert_eq!((&told["sts"], &told["fva"]), (&json!("active"), &json!([0, 0])));
        assert_eq!((list("pending").await, list("active").await), (0, 1));
        browser.get("/v1/me/sessions/active").await.ok();
    }

    async fn a_pending_session_may_do_what_its_task_needs_and_nothing_else(world: World) {
        let (browser, _, session) = pending(&world, "ada@example.com").await;
        let mut refused = 0;
        for op in usher_server::operations().filter(|op| op.api == Api::Fapi && op.guard == Guard::SignedIn && op.path.starts_with("/v1/me")) {
            let fields: Vec<(&str, &str)> = op.fields.iter().filter(|f| f.required).map(|f| (f.name, if f.name == "unsafe_metadata" { "{}" } else { "x" })).collect();
            let path = op.path.replace("{email_id}", "idn_x").replace("{passkey_id}", "idn_x").replace("{session_id}", &session);
            let request = browser.request(op.method, &path);
            let request = if op.method == "GET" { request } else { request.form(&fields) };
            if matches!(op.id, "getUser" | "postTOTP" | "verifyTOTP") {
                let answer = request.send().await;
                assert_ne!(answer.status, 403, "{}: {}", answer.asked, answer.body);
                continue;
            }
            let answer = world.unchanged(request.send()).await;
            answer.refused(403, "authorization_invalid");
            refused += 1;
        }
        assert!(refused > 15, "{refused}");
        browser.post(&format!("/v1/client/sessions/{session}/touch"), &[]).await.ok();
        browser.delete("/v1/client/sessions").await.ok();
        browser.mint(&session).await.refused(401, "authentication_invalid");
    }

    async fn a_pending_session_gets_no_token_for_other_services(world: World) {
        let (browser, _, session) = pending(&world, "ada@example.com").await;
        let server = world.server();
        server.post("/v1/jwt_templates", json!({ "name": "t", "claims": { "plan": "pro" } })).await.ok();
        let (here, there) = (format!("/v1/client/sessions/{session}/tokens/t"), format!("/v1/sessions/{session}/tokens/t"));
        world.unchanged(browser.post(&here, &[])).await.refused(403, "authorization_invalid");
        world.unchanged(server.post(&there, json!({}))).await.refused(404, "resource_not_found");
        browser.enrol().await;
        browser.post(&here, &[]).await.ok();
        server.post(&there, json!({})).await.ok();
    }

    async fn a_handshake_and_a_refresh_say_pending(world: World) {
        let (browser, _, session) = pending(&world, "ada@example.com").await;
        let target = "/v1/client/handshake?redirect_url=http%3A%2F%2Flocalhost%3A8787%2F&format=nonce";
        let answer = browser.get(target).await;
        let location = answer.header("location").unwrap().to_owned();
        let nonce = answer.cookie_value("__clerk_handshake_nonce").map(str::to_owned).or_else(|| location.split("__clerk_handshake_nonce=").nth(1).map(str::to_owned)).unwrap();
        let kept = world.server().get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await.ok();
        let directives = kept["directives"].as_array().unwrap();
        let jwt = directives.iter().find_map(|d| d.as_str().unwrap().strip_prefix("__session=")).unwrap().split(';').next().unwrap();
        let claims = crate::answer::decode(jwt).1;
        assert_eq!((&claims["sts"], &claims["sid"]), (&json!("pending"), &json!(session)));
    }

    async fn a_sign_up_ends_in_the_task_too(world: World) {
        mfa_required(&world).await;
        let browser = world.browser();
        let done = browser.sign_up("ada@example.com").await;
        assert_eq!(done["status"], "complete");
        let session = only_session(&browser).await;
        assert_eq!((&session["status"], &session["tasks"]), (&json!("pending"), &json!([{ "key": "setup-mfa" }])));
        browser.enrol().await;
        assert_eq!(only_session(&browser).await["status"], "active");
    }

    // T37: every first factor of somebody without a second one ends in the task.
    async fn every_way_in_ends_in_the_task(world: World) {
        world.settings(|s| s.attributes.passkey = true).await;
        let ada = world.user("ada@example.com").await;
        let own = world.browser();
        own.sign_in("ada@example.com").await;
        let (id, options) = ask(&own).await;
        let mut key = Authenticator::new(b"of ada");
        let only_present = Ceremony { flags: UP, ..by_the_book(&own) };
        attempt(&own, &id, &key.create(&options, &only_present)).await.ok();
        mfa_required(&world).await;
        assert_eq!(only_session(&own).await["status"], "active", "who was signed in before stays so");
        let by_password = world.browser();
        by_password.sign_in_with_password("ada@example.com", PASSWORD).await.ok();
        let by_ticket = world.browser();
        let made = world.server().post("/v1/sign_in_tokens", json!({ "user_id": ada.id })).await.ok();
        redeem(&by_ticket, made["token"].as_str().unwrap()).await.ok();
        let touched = world.browser();
        let (id, options) = begin(&touched).await;
        assert_eq!(finish(&touched, &id, &key.prove(&options, &only_present)).await.response()["status"], "complete");
        let made = world.server().post("/v1/sessions", json!({ "user_id": ada.id })).await.ok();
        assert_eq!(made["status"], "pending");
        for browser in [&by_password, &by_ticket, &touched] {
            assert_eq!(only_session(browser).await["tasks"], json!([{ "key": "setup-mfa" }]));
        }
        // A passkey that verified its user is two factors.
        let verified = world.browser();
        let (id, options) = begin(&verified).await;
        finish(&verified, &id, &key.prove(&options, &by_the_book(&verified))).await.ok();
        assert_eq!(only_session(&verified).await["status"], "active");
        // Whoever acts as the user sets nothing up for them.
        let actor = world.server().post("/v1/actor_tokens", json!({ "user_id": ada.id, "actor": { "sub": "support" } })).await.ok();
        let support = world.browser();
        redeem(&support, actor["token"].as_str().unwrap()).await.ok();
        assert_eq!(only_session(&support).await["status"], "active");
    }

    // A guessed password waits for the user's own enrolment: it must not be let in by it.
    async fn enrolling_ends_the_sessions_that_waited_elsewhere(world: World) {
        mfa_required(&world).await;
        world.user("ada@example.com").await;
        let (ada, eve) = (world.browser(), world.browser());
        ada.sign_in("ada@example.com").await;
        let half = eve.sign_in_with_password("ada@example.com", PASSWORD).await.response();
        let waiting = half["created_session_id"].as_str().unwrap();
        assert_eq!(eve.claims(waiting).await["sts"], "pending");
        ada.enrol().await;
        eve.mint(waiting).await.refused(401, "authentication_invalid");
        assert_eq!(world.server().get(&format!("/v1/sessions/{waiting}")).await.ok()["status"], "revoked");
        assert_eq!(only_session(&ada).await["status"], "active");
        world.advance_secs(31);
        assert_eq!(eve.sign_in_with_password("ada@example.com", PASSWORD).await.response()["status"], "needs_second_factor");
    }

    async fn who_gives_the_last_second_factor_up_has_the_task_again(world: World) {
        mfa_required(&world).await;
        let (browser, ada, session, _) = world.enrolled("ada@example.com").await;
        assert_eq!(browser.claims(&session).await["sts"], "active");
        browser.delete("/v1/me/totp").await.ok();
        assert_eq!(only_session(&browser).await["tasks"], json!([{ "key": "setup-mfa" }]));
        world.unchanged(browser.get("/v1/me/sessions/active")).await.refused(403, "authorization_invalid");
        world.advance_secs(90);
        browser.enrol().await;
        world.server().delete(&format!("/v1/users/{}/mfa", ada.id)).await.ok();
        assert_eq!(browser.claims(&session).await["sts"], "pending");
        // The operator drops the demand: nothing is left to do.
        world.settings(|s| s.second_factor_required = false).await;
        assert_eq!((&browser.claims(&session).await["sts"], &only_session(&browser).await["tasks"]), (&json!("active"), &json!(null)));
    }

    async fn a_second_factor_can_only_be_demanded_where_there_is_one(world: World) {
        let settings = usher_server::instances::settings::Settings { second_factor_required: true, ..Default::default() };
        assert!(settings.check().unwrap_err().contains("authenticator_app"));
        drop(world);
    }

    async fn who_has_one_signs_in_with_it_and_has_no_task(world: World) {
        mfa_required(&world).await;
        let (_, _, _, app) = world.enrolled("ada@example.com").await;
        let browser = world.browser();
        let id = browser.half_signed_in("ada@example.com").await;
        browser.attempt_second(&id, "totp", &app.code()).await.ok();
        assert_eq!(only_session(&browser).await["status"], "active");
    }

    async fn a_compromised_password_is_reset_by_who_came_in_another_way(world: World) {
        let ada = world.user("ada@example.com").await;
        let server = world.server();
        server.post(&format!("/v1/users/{}/password/set_compromised", ada.id), json!({})).await.ok();
        let made = server.post("/v1/sign_in_tokens", json!({ "user_id": ada.id })).await.ok();
        let browser = world.browser();
        let session = redeem(&browser, made["token"].as_str().unwrap()).await.response()["created_session_id"].as_str().unwrap().to_owned();
        let shown = only_session(&browser).await;
        assert_eq!((&shown["status"], &shown["tasks"]), (&json!("pending"), &json!([{ "key": "reset-password" }])));
        world.unchanged(browser.post("/v1/me/totp", &[])).await.refused(403, "authorization_invalid");
        world.unchanged(browser.post("/v1/me/remove_password", &[])).await.refused(403, "authorization_invalid");
        world.unchanged(browser.post("/v1/me/change_password", &[("new_password", PASSWORD)])).await.refused(422, "form_new_password_matches_current new_password");
        let done = browser.post("/v1/me/change_password", &[("new_password", "a new password 7")]).await.ok();
        assert_eq!((&done["client"]["sessions"][0]["status"], &done["client"]["sessions"][0]["tasks"]), (&json!("active"), &json!(null)));
        assert_eq!(browser.claims(&session).await["sts"], "active");
        server.post(&format!("/v1/users/{}/verify_password", ada.id), json!({ "password": "a new password 7" })).await.ok();
    }

    async fn the_operator_who_trusts_a_password_again_ends_the_task(world: World) {
        let ada = world.user("ada@example.com").await;
        let server = world.server();
        for (path, body) in [("password/unset_compromised", json!({})), ("", json!({ "password": "another good phrase 7" })), ("remove_password", json!({}))] {
            server.post(&format!("/v1/users/{}/password/set_compromised", ada.id), json!({})).await.ok();
            let made = server.post("/v1/sign_in_tokens", json!({ "user_id": ada.id })).await.ok();
            let browser = world.browser();
            redeem(&browser, made["token"].as_str().unwrap()).await.ok();
            assert_eq!(only_session(&browser).await["status"], "pending", "{path}");
            let user = format!("/v1/users/{}", ada.id);
            if path.is_empty() {
                server.patch(&user, body).await.ok();
            } else {
                server.post(&format!("{user}/{path}"), body).await.ok();
            }
            assert_eq!(only_session(&browser).await["status"], "active", "{path}");
        }
    }

    async fn tasks_are_done_in_their_order(world: World) {
        mfa_required(&world).await;
        let ada = world.user("ada@example.com").await;
        let server = world.server();
        server.post(&format!("/v1/users/{}/password/set_compromised", ada.id), json!({})).await.ok();
        let made = server.post("/v1/sign_in_tokens", json!({ "user_id": ada.id })).await.ok();
        let browser = world.browser();
        redeem(&browser, made["token"].as_str().unwrap()).await.ok();
        assert_eq!(only_session(&browser).await["tasks"], json!([{ "key": "reset-password" }, { "key": "setup-mfa" }]));
        world.unchanged(browser.post("/v1/me/totp", &[])).await.refused(403, "authorization_invalid");
        browser.post("/v1/me/change_password", &[("new_password", "a new password 7")]).await.ok();
        assert_eq!(only_session(&browser).await["tasks"], json!([{ "key": "setup-mfa" }]));
        browser.enrol().await;
        assert_eq!(only_session(&browser).await["status"], "active");
    }

    // A task may take longer than ten minutes: the proof is then asked for again, as of an active session.
    async fn a_pending_session_can_be_verified_again(world: World) {
        let (browser, ada, session) = pending(&world, "ada@example.com").await;
        world.advance_minutes(11);
        world.unchanged(browser.post("/v1/me/totp", &[])).await.refused(403, "session_reverification_required");
        browser.verify(&session, "second_factor").await.ok();
        browser.verify_step(&session, "prepare_first_factor", &[("strategy", "email_code"), ("email_address_id", &ada.email_id)]).await.ok();
        let code = world.code("ada@example.com").await;
        let done = browser.verify_step(&session, "attempt_first_factor", &[("strategy", "email_code"), ("code", &code)]).await.response();
        assert_eq!((&done["status"], &done["session"]["status"]), (&json!("complete"), &json!("pending")));
        browser.enrol().await;
        assert_eq!(only_session(&browser).await["status"], "active");
    }
}
