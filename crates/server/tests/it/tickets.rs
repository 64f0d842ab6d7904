//! Sign-in tokens and the strategy `ticket` (contract bapi §2.5, fapi §8.5): accepted once, by whom it was made for, here.
use crate::browser::Browser;
use crate::world::World;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const MANY: usize = 64;

async fn token(world: &World, user: &str) -> Value {
    let body = json!({ "user_id": user });
    world.server().post("/v1/sign_in_tokens", body).await.ok()
}

pub(crate) async fn redeem(browser: &Browser, ticket: &str) -> crate::answer::Answer {
    let form = [("strategy", "ticket"), ("ticket", ticket)];
    browser.post("/v1/client/sign_ins", &form).await
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

both! {
    async fn a_sign_in_token_signs_its_user_in_once(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let made = token(&world, &ada.id).await;
        assert_eq!((&made["object"], &made["status"], &made["user_id"]), (&json!("sign_in_token"), &json!("pending"), &json!(ada.id)));
        let ticket = text(&made, "token");
        assert!(!format!("{:?}", world.snapshot().await).contains(ticket), "the ticket is not in the database");
        let browser = world.browser();
        let sign_in = redeem(&browser, ticket).await.response();
        assert_eq!(sign_in["status"], "complete");
        assert_eq!(sign_in["identifier"], "ada@example.com");
        assert_eq!(sign_in["first_factor_verification"]["object"], "verification_ticket");
        assert_eq!(browser.session_ids().await, [text(&sign_in, "created_session_id")]);
        assert_eq!(browser.get("/v1/me").await.response()["id"], json!(ada.id));
        world.unchanged(redeem(&world.browser(), ticket)).await.refused(400, "sign_in_token_already_used_code");
        let id = text(&made, "id");
        world.unchanged(world.server().post(&format!("/v1/sign_in_tokens/{id}/revoke"), json!({}))).await.refused(400, "sign_in_token_cannot_be_revoked_code");
    }

    async fn parallel_uses_of_a_ticket_make_one_session(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let made = token(&world, &ada.id).await;
        let ticket = text(&made, "token").to_owned();
        let mut set = JoinSet::new();
        for _ in 0..MANY {
            let (browser, ticket) = (world.browser(), ticket.clone());
            set.spawn(async move { redeem(&browser, &ticket).await });
        }
        let mut right = 0;
        while let Some(answer) = set.join_next().await {
            let answer = answer.unwrap();
            if answer.status == 200 {
                right += 1;
            } else {
                answer.refused(400, "sign_in_token_already_used_code");
            }
        }
        assert_eq!(right, 1);
        assert_eq!((world.count("sessions").await, world.count("clients").await), (1, 1));
    }

    async fn a_ticket_ends_with_its_time_its_revocation_and_its_user(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        let short = world.server().post("/v1/sign_in_tokens", json!({ "user_id": ada.id, "expires_in_seconds": 60 })).await.ok();
        world.advance_secs(59);
        let other = world.browser();
        redeem(&other, text(&token(&world, &ada.id).await, "token")).await.ok();
        world.advance_secs(1);
        world.unchanged(redeem(&browser, text(&short, "token"))).await.refused(400, "ticket_expired_code");

        let made = token(&world, &ada.id).await;
        let revoked = world.server().post(&format!("/v1/sign_in_tokens/{}/revoke", text(&made, "id")), json!({})).await.ok();
        assert_eq!(revoked["status"], "revoked");
        assert!(revoked.get("token").is_none() && revoked.get("url").is_none(), "{revoked}");
        world.unchanged(redeem(&browser, text(&made, "token"))).await.refused(400, "sign_in_token_revoked_code");

        let made = token(&world, &ada.id).await;
        world.server().post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        world.unchanged(redeem(&browser, text(&made, "token"))).await.refused(403, "user_banned");
        world.server().post(&format!("/v1/users/{}/unban", ada.id), json!({})).await.ok();
        world.server().post(&format!("/v1/users/{}/lock", ada.id), json!({})).await.ok();
        world.unchanged(redeem(&browser, text(&made, "token"))).await.refused(403, "user_locked");
        world.server().delete(&format!("/v1/users/{}", ada.id)).await.ok();
        world.unchanged(redeem(&browser, text(&made, "token"))).await.refused(400, "ticket_invalid_code");
        assert_eq!(world.count("tickets").await, 0);
    }

    async fn what_this_instance_did_not_make_is_no_ticket(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let (there, server, _) = world.other_instance("other").await;
        let made = token(&world, &ada.id).await;
        let (ticket, id) = (text(&made, "token"), text(&made, "id"));
        world.unchanged(redeem(&there, ticket)).await.refused(400, "ticket_invalid_code");
        world.unchanged(server.post(&format!("/v1/sign_in_tokens/{id}/revoke"), json!({}))).await.refused(404, "resource_not_found");
        world.unchanged(server.post("/v1/sign_in_tokens", json!({ "user_id": ada.id }))).await.refused(404, "resource_not_found");
        let browser = world.browser();
        let (_, mac) = ticket.split_once('.').unwrap();
        let other = token(&world, &ada.id).await;
        for forged in [id.to_owned(), format!("{id}."), format!("{id}.x"), format!("{}.{mac}", text(&other, "id")), format!("{ticket}x"), ticket[..ticket.len() - 1].to_owned(), ".".to_owned(), format!("sit_x.{mac}"), "a.b.c".to_owned()] {
            world.unchanged(redeem(&browser, &forged)).await.refused(400, "ticket_invalid_code");
            world.unchanged(browser.get(&format!("/v1/tickets/accept?ticket={forged}"))).await.refused(400, "ticket_invalid_code");
        }
        world.unchanged(browser.post("/v1/client/sign_ins", &[("strategy", "ticket")])).await.refused(422, "form_param_missing ticket");
        world.unchanged(browser.post("/v1/client/sign_ups", &[("strategy", "ticket")])).await.refused(422, "form_param_missing ticket");
        // A sign-in token makes nobody a user.
        world.unchanged(browser.post("/v1/client/sign_ups", &[("strategy", "ticket"), ("ticket", ticket)])).await.refused(400, "ticket_invalid_code ticket");
    }

    async fn a_session_token_is_no_ticket(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let jwt = browser.mint(&session).await.ok()["jwt"].as_str().unwrap().to_owned();
        let other = world.browser();
        // Too long to be one, and signed with another key.
        let answer = world.unchanged(redeem(&other, &jwt)).await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.body);
        world.unchanged(redeem(&other, &jwt[..200])).await.refused(400, "ticket_invalid_code");
    }

    async fn a_ticket_waits_while_the_browser_is_signed_in(world: World) {
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        let bob = world.user_without_password("bob@example.com").await;
        let made = token(&world, &bob.id).await;
        world.unchanged(redeem(&browser, text(&made, "token"))).await.refused(400, "session_exists");
        world.settings(|s| s.single_session_mode = false).await;
        let own = token(&world, &ada.id).await;
        let answer = world.unchanged(redeem(&browser, text(&own, "token"))).await;
        assert_eq!(answer.codes(), ["identifier_already_signed_in"]);
        redeem(&browser, text(&made, "token")).await.ok();
        assert_eq!(browser.session_ids().await.len(), 2);
    }

    async fn signing_in_by_ticket_replaces_the_clients_token(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        let before = browser.cookie("__client");
        redeem(&browser, text(&token(&world, &ada.id).await, "token")).await.ok();
        assert_ne!(browser.cookie("__client"), before);
    }

    async fn a_tickets_link_leads_to_the_sign_in_page_and_uses_nothing_up(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let made = token(&world, &ada.id).await;
        let (ticket, url) = (text(&made, "token"), text(&made, "url"));
        let (_, path) = url.split_once("/v1/").unwrap();
        for method in ["GET", "HEAD", "GET"] {
            let browser = world.browser();
            let answer = world.unchanged(browser.request(method, &format!("/v1/{path}")).header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate").send()).await;
            assert_eq!(answer.status, 303, "{}", answer.body);
            let to = answer.header("location").unwrap();
            assert!(to.starts_with(&format!("{}/sign-in?", world.instance().portal_origin)), "{to}");
            assert!(to.contains("__clerk_status=sign_in") && to.contains(&format!("__clerk_ticket={ticket}")), "{to}");
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            assert!(answer.cookies.is_empty());
        }
        world.settings(|s| s.paths.sign_in_url = "https://app.example.org/in?a=1".into()).await;
        let answer = world.browser().get(&format!("/v1/{path}")).await;
        assert!(answer.header("location").unwrap().starts_with("https://app.example.org/in?a=1&__clerk_status=sign_in"));
        redeem(&world.browser(), ticket).await.ok();
        world.unchanged(world.browser().get(&format!("/v1/{path}"))).await.refused(400, "sign_in_token_already_used_code");
    }

    async fn bad_requests_for_tokens_make_none(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        for (body, status, code) in [
            (json!({}), 422, "form_param_missing user_id"),
            (json!({ "user_id": "user_x" }), 404, "resource_not_found"),
            (json!({ "user_id": "x" }), 404, "resource_not_found"),
            (json!({ "user_id": ada.id, "org_id": "org_x" }), 404, "resource_not_found org_id"),
            (json!({ "user_id": ada.id, "expires_in_seconds": 0 }), 422, "form_param_value_invalid expires_in_seconds"),
            (json!({ "user_id": ada.id, "x": 1 }), 422, "form_param_unknown x"),
        ] {
            world.unchanged(server.post("/v1/sign_in_tokens", body)).await.refused(status, code);
        }
        world.unchanged(server.post("/v1/sign_in_tokens/sit_x/revoke", json!({}))).await.refused(404, "resource_not_found");
    }

    production async fn links_of_a_production_instance_are_on_its_frontend_api(world: World) {
        let ada = world.user_without_password("ada@example.com").await;
        let made = token(&world, &ada.id).await;
        assert!(text(&made, "url").starts_with("https://clerk.example.com/v1/tickets/accept?ticket=sit_"));
        redeem(&world.browser(), text(&made, "token")).await.ok();
    }
}
