//! Links in mails: followed once, in the browser that asked, and harmless everywhere else (P7; T of mail scanners).
use crate::answer::Answer;
use crate::browser::{Browser, PASSWORD};
use crate::world::World;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use usher_server::instances::settings::Presence;

const PAGE: &str = "http://localhost:8787/sign-in#/verify";
const MANY: usize = 64;

async fn links_on(world: &World) {
    world.settings(|s| s.attributes.email_link = true).await;
}

/// The newest link that was mailed to an address: its path and query.
async fn link(world: &World, to: &str) -> String {
    let target = format!("/inbox/messages?to={}", usher_http::percent::encode(to));
    let inbox = world.browser().get(&target).await.ok();
    let text = inbox["data"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("no mail to {to}"))
        .to_owned();
    let at = text
        .find("/v1/verify?token=")
        .unwrap_or_else(|| panic!("{text}"));
    text[at..].split_whitespace().next().unwrap().to_owned()
}

async fn prepare(browser: &Browser, sign_in: &Value, redirect_url: &str) -> Answer {
    let ways = sign_in["supported_first_factors"].as_array().unwrap();
    let way = ways
        .iter()
        .find(|w| w["strategy"] == "email_link")
        .unwrap_or_else(|| panic!("{sign_in}"));
    let path = format!(
        "/v1/client/sign_ins/{}/prepare_first_factor",
        sign_in["id"].as_str().unwrap()
    );
    browser
        .post(
            &path,
            &[
                ("strategy", "email_link"),
                (
                    "email_address_id",
                    way["email_address_id"].as_str().unwrap(),
                ),
                ("redirect_url", redirect_url),
            ],
        )
        .await
}

/// A sign-in whose link has been mailed; its id.
async fn asked(browser: &Browser, address: &str) -> String {
    let sign_in = browser.start_sign_in(address).await;
    prepare(browser, &sign_in, PAGE).await.ok();
    sign_in["id"].as_str().unwrap().to_owned()
}

/// Follows a link as a person does who clicks it in a mail; where it led.
async fn follow(browser: &Browser, link: &str) -> String {
    let answer = browser
        .request("GET", link)
        .no_origin()
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .send()
        .await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location").unwrap().to_owned()
}

async fn sign_up_asked(browser: &Browser, address: &str) -> String {
    let id = browser
        .start_sign_up(&[("email_address", address), ("password", PASSWORD)])
        .await;
    let path = format!("/v1/client/sign_ups/{id}/prepare_verification");
    let prepared = browser
        .post(
            &path,
            &[
                ("strategy", "email_link"),
                ("redirect_url", "http://localhost:8787/sign-up#/verify"),
            ],
        )
        .await
        .response();
    assert_eq!(
        prepared["verifications"]["email_address"]["strategy"], "email_link",
        "{prepared}"
    );
    assert_eq!(
        prepared["verifications"]["email_address"]["object"],
        "verification_email_link"
    );
    id
}

both! {
    async fn a_link_signs_in_the_browser_that_asked_for_it_once(world: World) {
        links_on(&world).await;
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let id = asked(&browser, "ada@example.com").await;
        let path = format!("/v1/client/sign_ins/{id}");
        let waiting = browser.get(&path).await.response();
        assert_eq!(waiting["first_factor_verification"]["object"], "verification_email_link");
        assert_eq!((&waiting["status"], &waiting["first_factor_verification"]["status"]), (&json!("needs_first_factor"), &json!("unverified")));
        let link = link(&world, "ada@example.com").await;
        let before = browser.thief();
        let location = follow(&browser, &link).await;
        let done = browser.get(&path).await.response();
        assert_eq!((&done["status"], &done["first_factor_verification"]["status"]), (&json!("complete"), &json!("verified")));
        let session = done["created_session_id"].as_str().unwrap().to_owned();
        assert_eq!(location, format!("http://localhost:8787/sign-in?__clerk_status=verified&__clerk_created_session={session}#/verify"));
        assert_eq!(browser.session_ids().await, std::slice::from_ref(&session));
        before.get("/v1/me").await.refused(401, "authentication_invalid");
        // Clicked twice: the same page, and nothing happens.
        let again = world.unchanged(browser.request("GET", &link).no_origin().send()).await;
        assert!(again.header("location").unwrap().contains("__clerk_status=verified"));
        browser.delete("/v1/client/sessions").await.ok();
        follow(&browser, &link).await;
        assert!(browser.session_ids().await.is_empty(), "a link that was followed signs nobody in again");
    }

    async fn p7_link_same_client_elsewhere_a_link_does_nothing(world: World) {
        links_on(&world).await;
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let id = asked(&browser, "ada@example.com").await;
        let link = link(&world, "ada@example.com").await;
        let (other, _, _) = world.signed_in("eve@example.com").await;
        // A mail scanner, somebody else's browser, one that is signed in as somebody else.
        for stranger in [world.browser(), other.clone()] {
            let answer = world.unchanged(stranger.request("GET", &link).no_origin().send()).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some("http://localhost:8787/sign-in?__clerk_status=client_mismatch#/verify")));
        }
        let me = other.get("/v1/me").await.response();
        assert_eq!(me["email_addresses"][0]["email_address"], "eve@example.com");
        let waiting = browser.get(&format!("/v1/client/sign_ins/{id}")).await.response();
        assert_eq!(waiting["first_factor_verification"]["status"], "unverified");
        // Whoever asked can still follow it.
        assert!(follow(&browser, &link).await.contains("__clerk_status=verified"));
    }

    async fn p7_link_prefetch_a_head_request_follows_nothing(world: World) {
        links_on(&world).await;
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        asked(&browser, "ada@example.com").await;
        let link = link(&world, "ada@example.com").await;
        let answer = world.unchanged(browser.request("HEAD", &link).no_origin().send()).await;
        assert_eq!(answer.status, 405);
        assert!(browser.session_ids().await.is_empty());
        for method in ["POST", "PUT", "DELETE"] {
            world.unchanged(browser.request(method, &link).send()).await.well_formed_refusal();
        }
    }

    async fn a_link_is_followed_once_by_many_at_once(world: World) {
        links_on(&world).await;
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        asked(&browser, "ada@example.com").await;
        let link = link(&world, "ada@example.com").await;
        let mut set = JoinSet::new();
        crate::world::figure("race_attempts", MANY);
        for _ in 0..MANY {
            let (thief, link) = (browser.thief(), link.clone());
            set.spawn(async move { thief.request("GET", &link).no_origin().send().await.status });
        }
        set.join_all().await;
        let sessions = world.rows("SELECT id FROM sessions", &[]).await;
        crate::world::figure("race_extra_winners", sessions.len().saturating_sub(1));
        assert_eq!(sessions.len(), 1);
    }

    async fn links_end_and_a_newer_one_ends_the_older(world: World) {
        links_on(&world).await;
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let sign_in = browser.start_sign_in("ada@example.com").await;
        prepare(&browser, &sign_in, PAGE).await.ok();
        let old = link(&world, "ada@example.com").await;
        world.unchanged(prepare(&browser, &sign_in, PAGE)).await.refused(429, "verification_code_too_many_requests");
        world.advance_secs(31);
        prepare(&browser, &sign_in, PAGE).await.ok();
        let new = link(&world, "ada@example.com").await;
        assert_ne!(old, new);
        assert!(follow(&browser, &old).await.contains("__clerk_status=failed"));
        assert!(browser.session_ids().await.is_empty());
        world.advance_minutes(10);
        assert!(follow(&browser, &new).await.contains("__clerk_status=expired"));
        assert!(browser.session_ids().await.is_empty());
    }

    async fn what_is_no_link_is_refused(world: World) {
        links_on(&world).await;
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let id = asked(&browser, "ada@example.com").await;
        let link = link(&world, "ada@example.com").await;
        let token = link.split_once('=').unwrap().1.to_owned();
        let (ver, mac) = token.split_once('.').unwrap();
        let flipped = format!("{ver}.{}", mac.chars().rev().collect::<String>());
        for bad in ["x", ".", &format!("{ver}."), ver, &flipped, &format!("{ver}x.{mac}"), &format!("{token}.{mac}")] {
            let path = format!("/v1/verify?token={}", usher_http::percent::encode(bad));
            world.unchanged(browser.get(&path)).await.refused(400, "verification_link_token_invalid token");
        }
        world.unchanged(browser.get("/v1/verify")).await.refused(422, "form_param_missing token");
        // Another instance's link, and a code's verification.
        let (foreign, _, _) = world.other_instance("other").await;
        world.unchanged(foreign.get(&link)).await.refused(400, "verification_link_token_invalid token");
        // No code opens what a link is for, and the other way round.
        world.changes_only(&["verifications", "users"], browser.attempt_code(&id, "000000")).await.well_formed_refusal();
        assert!(browser.session_ids().await.is_empty());
        assert!(follow(&browser, &link).await.contains("verified"));
    }

    async fn a_link_leads_to_pages_of_the_instance_only(world: World) {
        links_on(&world).await;
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let sign_in = browser.start_sign_in("ada@example.com").await;
        for bad in ["https://evil.example", "//evil.example", "javascript:alert(1)", "/relative", ""] {
            let answer = world.unchanged(prepare(&browser, &sign_in, bad)).await;
            assert_eq!(answer.status, 422, "{bad}: {}", answer.body);
        }
        assert_eq!(world.count("messages").await, 0);
    }

    async fn a_link_needs_the_second_factor_too(world: World) {
        links_on(&world).await;
        let (_, _, _, app) = world.enrolled("ada@example.com").await;
        let browser = world.browser();
        let id = asked(&browser, "ada@example.com").await;
        let location = follow(&browser, &link(&world, "ada@example.com").await).await;
        assert!(location.contains("__clerk_status=verified") && !location.contains("created_session"), "{location}");
        assert!(browser.session_ids().await.is_empty());
        let done = browser.attempt_second(&id, "totp", &app.code()).await.response();
        assert_eq!(done["status"], "complete");
    }

    async fn banned_and_locked_users_get_nothing_from_a_link(world: World) {
        links_on(&world).await;
        for (verb, name) in [("ban", "ada"), ("lock", "bob")] {
            let address = format!("{name}@example.com");
            let user = world.user_without_password(&address).await;
            let browser = world.browser();
            asked(&browser, &address).await;
            let link = link(&world, &address).await;
            world.server().post(&format!("/v1/users/{}/{verb}", user.id), json!({})).await.ok();
            assert!(follow(&browser, &link).await.contains("__clerk_status=failed"));
            assert!(browser.session_ids().await.is_empty());
        }
    }

    async fn a_sign_up_is_completed_by_a_link(world: World) {
        links_on(&world).await;
        let browser = world.browser();
        let id = sign_up_asked(&browser, "ada@example.com").await;
        let location = follow(&browser, &link(&world, "ada@example.com").await).await;
        let done = browser.get(&format!("/v1/client/sign_ups/{id}")).await.response();
        assert_eq!(done["status"], "complete", "{done}");
        assert!(location.contains(&format!("__clerk_created_session={}", done["created_session_id"].as_str().unwrap())));
        let me = browser.get("/v1/me").await.response();
        let verification = &me["email_addresses"][0]["verification"];
        assert_eq!((&verification["status"], &verification["strategy"], &verification["object"]), (&json!("verified"), &json!("email_link"), &json!("verification_email_link")));
    }

    async fn a_sign_up_whose_address_is_taken_turns_into_a_sign_in(world: World) {
        links_on(&world).await;
        world.settings(|s| s.enumeration_protection = true).await;
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        sign_up_asked(&browser, "ada@example.com").await;
        let location = follow(&browser, &link(&world, "ada@example.com").await).await;
        assert!(location.contains("__clerk_status=transferable"), "{location}");
        assert!(browser.session_ids().await.is_empty());
        let done = browser.post("/v1/client/sign_ins", &[("transfer", "true")]).await.response();
        assert_eq!(done["status"], "complete");
        let again = browser.thief();
        again.delete("/v1/client/sessions").await.ok();
        again.post("/v1/client/sign_ins", &[("transfer", "true")]).await.well_formed_refusal();
    }

    async fn a_sign_in_by_a_link_to_nobodys_address_turns_into_a_sign_up(world: World) {
        links_on(&world).await;
        world.settings(|s| s.attributes.password = Presence::Off).await;
        let browser = world.browser();
        let started = browser.post("/v1/client/sign_ins", &[("identifier", "new@example.com"), ("sign_up_if_missing", "true")]).await.response();
        prepare(&browser, &started, PAGE).await.ok();
        let location = follow(&browser, &link(&world, "new@example.com").await).await;
        assert!(location.contains("__clerk_status=transferable"), "{location}");
        let done = browser.post("/v1/client/sign_ups", &[("transfer", "true")]).await.response();
        assert_eq!(done["status"], "complete", "{done}");
    }

    async fn a_further_address_is_proved_by_a_link_in_its_users_session(world: World) {
        links_on(&world).await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let added = browser.post("/v1/me/email_addresses", &[("email_address", "more@example.com")]).await.response();
        let path = format!("/v1/me/email_addresses/{}", added["id"].as_str().unwrap());
        world.unchanged(browser.post(&format!("{path}/prepare_verification"), &[("strategy", "email_link")])).await.refused(422, "form_param_missing redirect_url");
        let fields = [("strategy", "email_link"), ("redirect_url", "http://localhost:8787/user")];
        browser.post(&format!("{path}/prepare_verification"), &fields).await.ok();
        let link = link(&world, "more@example.com").await;
        // The session that asked is over: the address stays unproved.
        let location = follow(&browser, &link).await;
        assert_eq!(location, "http://localhost:8787/user?__clerk_status=verified");
        let shown = browser.get(&path).await.response();
        assert_eq!(shown["verification"]["status"], "verified", "{shown}");
        // Signed out meanwhile.
        let added = browser.post("/v1/me/email_addresses", &[("email_address", "third@example.com")]).await.response();
        let path = format!("/v1/me/email_addresses/{}", added["id"].as_str().unwrap());
        browser.post(&format!("{path}/prepare_verification"), &fields).await.ok();
        let third = crate::email_links::link(&world, "third@example.com").await;
        browser.delete("/v1/client/sessions").await.ok();
        assert!(world.unchanged(browser.request("GET", &third).no_origin().send()).await.header("location").unwrap().contains("__clerk_status=failed"));
    }

    async fn where_links_are_off_nobody_gets_one(world: World) {
        world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let sign_in = browser.start_sign_in("ada@example.com").await;
        assert!(sign_in["supported_first_factors"].as_array().unwrap().iter().all(|w| w["strategy"] != "email_link"));
        let path = format!("/v1/client/sign_ins/{}/prepare_first_factor", sign_in["id"].as_str().unwrap());
        let address = &sign_in["supported_first_factors"][0]["email_address_id"];
        world.unchanged(browser.post(&path, &[("strategy", "email_link"), ("email_address_id", address.as_str().unwrap()), ("redirect_url", PAGE)])).await.well_formed_refusal();
        // A link that was out when they were switched off.
        links_on(&world).await;
        asked(&browser, "ada@example.com").await;
        let link = link(&world, "ada@example.com").await;
        world.settings(|s| s.attributes.email_link = false).await;
        assert!(follow(&browser, &link).await.contains("__clerk_status=failed"));
        assert!(browser.session_ids().await.is_empty());
        let (signed_in, _, _) = world.signed_in("bob@example.com").await;
        let added = signed_in.post("/v1/me/email_addresses", &[("email_address", "more@example.com")]).await.response();
        let path = format!("/v1/me/email_addresses/{}/prepare_verification", added["id"].as_str().unwrap());
        world.unchanged(signed_in.post(&path, &[("strategy", "email_link"), ("redirect_url", "http://localhost:8787/user")])).await.refused(400, "verification_strategy_invalid strategy");
    }
}
