//! Several accounts in one browser (contract fapi §8.11), and the renewal of its cookie (§4.1).
use crate::browser::Browser;
use crate::world::World;
use serde_json::{Value, json};

async fn with_two(world: &World) -> (Browser, [String; 2]) {
    world.settings(|s| s.single_session_mode = false).await;
    let (browser, _, first) = world.signed_in("ada@example.com").await;
    world.user_without_password("bob@example.com").await;
    world.advance_secs(1);
    let second = browser.sign_in("bob@example.com").await;
    (browser, [first, second])
}

async fn me(browser: &Browser, session: Option<&str>) -> Value {
    let target = session.map_or("/v1/me".to_owned(), |id| {
        format!("/v1/me?_clerk_session_id={id}")
    });
    browser.get(&target).await.response()["primary_email_address_id"].clone()
}

both! {
    async fn accounts_are_added_switched_and_left_one_by_one(world: World) {
        let (browser, [first, second]) = with_two(&world).await;
        assert_eq!(browser.get("/v1/environment").await.ok()["auth_config"]["single_session_mode"], false);
        let client = browser.client().await;
        assert_eq!((client["sessions"].as_array().unwrap().len(), &client["last_active_session_id"]), (2, &json!(second)));
        let (ada, bob) = (me(&browser, Some(&first)).await, me(&browser, Some(&second)).await);
        assert_ne!(ada, bob);
        assert_eq!(me(&browser, None).await, bob, "the last active one acts");
        let stamp = browser.cookie("__client_uat");
        world.advance_secs(5);
        let touched = browser.post(&format!("/v1/client/sessions/{first}/touch"), &[("intent", "select_session")]).await.ok();
        assert_eq!((&touched["response"]["id"], &touched["client"]["last_active_session_id"]), (&json!(first), &json!(first)));
        assert_eq!(browser.cookie("__client_uat"), stamp, "the set of sessions is the same");
        assert_eq!(me(&browser, None).await, ada);
        world.unchanged(browser.post(&format!("/v1/client/sessions/{first}/touch"), &[("intent", "steal")])).await.refused(422, "form_param_value_invalid intent");
        let left = browser.post(&format!("/v1/client/sessions/{first}/remove"), &[]).await.ok();
        assert_eq!((left["client"]["sessions"].as_array().unwrap().len(), &left["client"]["last_active_session_id"]), (1, &json!(second)));
        assert_ne!(browser.cookie("__client_uat"), stamp);
        browser.mint(&first).await.refused(401, "authentication_invalid");
        browser.mint(&second).await.ok();
        let gone = browser.delete("/v1/client/sessions").await.response();
        assert_eq!(gone["sessions"], json!([]));
        assert_eq!(browser.cookie("__client_uat").unwrap(), "0");
    }

    async fn an_account_that_is_there_is_named_and_not_added_again(world: World) {
        let (browser, [first, _]) = with_two(&world).await;
        world.advance_secs(31);
        let again = browser.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("strategy", "email_code")]).await;
        again.refused(400, "identifier_already_signed_in");
        assert_eq!(again.json()["errors"][0]["meta"]["session_id"], first.as_str());
        // By a ticket neither.
        let ada = world.rows("SELECT user_id FROM sessions ORDER BY created_at", &[]).await.remove(0);
        let made = world.server().post("/v1/sign_in_tokens", json!({ "user_id": ada })).await.ok();
        world.unchanged(crate::tickets::redeem(&browser, made["token"].as_str().unwrap())).await.refused(400, "identifier_already_signed_in");
        assert_eq!(browser.session_ids().await.len(), 2);
        // One account at a time: whoever is signed in goes first.
        world.settings(|s| s.single_session_mode = true).await;
        world.user_without_password("eve@example.com").await;
        world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", "eve@example.com")])).await.refused(400, "session_exists");
    }

    async fn what_one_account_does_is_nothing_to_the_other(world: World) {
        let (browser, [first, second]) = with_two(&world).await;
        let acts = |path: &str, session: &str| format!("{path}?_clerk_session_id={session}");
        browser.patch(&acts("/v1/me", &first), &[("first_name", "Ada")]).await.ok();
        let client = browser.client().await;
        let name = |n: usize| client["sessions"][n]["user"]["first_name"].clone();
        assert_eq!((name(0), name(1)), (json!("Ada"), json!(null)));
        let devices = browser.get(&acts("/v1/me/sessions/active", &first)).await.ok();
        assert_eq!((devices.as_array().unwrap().len(), &devices[0]["id"]), (1, &json!(first)));
        world.unchanged(browser.post(&acts(&format!("/v1/me/sessions/{second}/revoke"), &first), &[])).await.refused(404, "resource_not_found");
        // A verification is of one session: the other's age stays what it is.
        world.advance_minutes(11);
        browser.verify(&first, "first_factor").await.ok();
        let email = client["sessions"][0]["user"]["primary_email_address_id"].as_str().unwrap();
        browser.verify_step(&first, "prepare_first_factor", &[("strategy", "email_code"), ("email_address_id", email)]).await.ok();
        let code = world.code("ada@example.com").await;
        world.unchanged(browser.verify_step(&second, "attempt_first_factor", &[("strategy", "email_code"), ("code", &code)])).await.refused(400, "session_reverification_missing");
        browser.verify_step(&first, "attempt_first_factor", &[("strategy", "email_code"), ("code", &code)]).await.ok();
        assert_eq!((&browser.claims(&first).await["fva"][0], &browser.claims(&second).await["fva"][0]), (&json!(0), &json!(11)));
        world.unchanged(browser.delete(&acts("/v1/me", &second))).await.refused(403, "session_reverification_required");
        browser.delete(&acts("/v1/me", &first)).await.ok();
        assert_eq!(browser.session_ids().await, [second]);
    }

    async fn a_navigation_renews_the_cookie_and_goes_nowhere_else(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let token = browser.cookie("__client").unwrap();
        world.advance_days(6);
        let before = browser.client().await["cookie_expires_at"].as_i64().unwrap();
        let touched = browser.get("/v1/client/touch?redirect_url=http%3A%2F%2Flocalhost%3A8787%2Fafter%3Fa%3Db").await;
        assert_eq!((touched.status, touched.header("location"), touched.header("cache-control")), (307, Some("http://localhost:8787/after?a=b"), Some("no-store")));
        assert_eq!(touched.cookie_value("__client"), Some(token.as_str()), "the token is the same: other requests are under way with it");
        assert!(touched.cookie("__client").unwrap().contains("Max-Age=34560000"));
        assert_eq!(browser.client().await["cookie_expires_at"].as_i64().unwrap() - before, 6 * 24 * 3600 * 1000);
        browser.mint(&session).await.ok();
        for (target, code) in [("https%3A%2F%2Fevil.example", "redirect_url_not_associated_with_instance redirect_url"), ("%2F%2Fevil.example", "invalid_redirect_url redirect_url"), ("javascript%3Aalert(1)", "invalid_redirect_url redirect_url")] {
            let answer = world.unchanged(browser.get(&format!("/v1/client/touch?redirect_url={target}"))).await;
            answer.refused(422, code);
            assert!(answer.cookies.is_empty(), "{:?}", answer.cookies);
        }
        let visitor = world.unchanged(world.browser().get("/v1/client/touch?redirect_url=http%3A%2F%2Flocalhost%3A8787%2F")).await;
        assert_eq!((visitor.status, visitor.cookies.len()), (307, 0));
        let dead = world.browser();
        dead.plant("__client", &"d".repeat(43));
        let answer = world.unchanged(dead.get("/v1/client/touch?redirect_url=http%3A%2F%2Flocalhost%3A8787%2F")).await;
        assert_eq!((answer.status, answer.cookies.len()), (307, 0));
    }

    async fn devices_say_what_they_are_and_go_when_they_are_signed_out(world: World) {
        world.user_without_password("ada@example.com").await;
        let agents = [
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15", "Safari", "Macintosh", false),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1", "Safari", "iPhone", true),
        ];
        let mut ids = Vec::new();
        let mut last = world.browser();
        for (agent, ..) in agents {
            world.advance_secs(31);
            last = world.browser();
            let id = last.pending_sign_in("ada@example.com").await;
            let code = world.code("ada@example.com").await;
            let form = [("strategy", "email_code"), ("code", code.as_str())];
            let done = last.request("POST", &format!("/v1/client/sign_ins/{id}/attempt_first_factor")).header("user-agent", agent).form(&form).send().await.response();
            ids.push(done["created_session_id"].as_str().unwrap().to_owned());
        }
        let devices = last.get("/v1/me/sessions/active").await.ok();
        for ((_, browser, device, mobile), shown) in agents.iter().rev().zip(devices.as_array().unwrap()) {
            let seen = &shown["latest_activity"];
            assert_eq!((&seen["browser_name"], &seen["device_type"], &seen["is_mobile"], &seen["ip_address"]), (&json!(browser), &json!(device), &json!(mobile), &json!("127.0.0.1")));
        }
        last.post(&format!("/v1/me/sessions/{}/revoke", ids[0]), &[]).await.ok();
        assert_eq!(last.get("/v1/me/sessions/active").await.ok().as_array().unwrap().len(), 1);
        world.unchanged(last.post(&format!("/v1/me/sessions/{}/revoke", ids[0]), &[])).await.refused(404, "resource_not_found");
    }
}
