//! Invitations (contract bapi §2.11, fapi §8.6): the owner of an address becomes a user, once, also where sign-ups are
//! restricted.
use crate::answer::Answer;
use crate::browser::{Browser, PASSWORD};
use crate::tickets::redeem;
use crate::world::World;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use usher_server::instances::settings::{Presence, SignUpMode};

async fn invite(world: &World, address: &str, more: Value) -> Value {
    let mut body = json!({ "email_address": address });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.server().post("/v1/invitations", body).await.ok()
}

fn ticket(invitation: &Value) -> String {
    let url = invitation["url"].as_str().unwrap();
    url.split_once("ticket=").unwrap().1.to_owned()
}

async fn accept(browser: &Browser, ticket: &str) -> Answer {
    let form = [
        ("strategy", "ticket"),
        ("ticket", ticket),
        ("password", PASSWORD),
    ];
    browser.post("/v1/client/sign_ups", &form).await
}

async fn mails(world: &World, to: &str) -> Value {
    let target = format!("/inbox/messages?to={}", usher_http::percent::encode(to));
    world.browser().get(&target).await.ok()
}

both! {
    async fn an_invited_person_signs_up_where_sign_ups_are_restricted(world: World) {
        for mode in [SignUpMode::Restricted, SignUpMode::Waitlist] {
            world.settings(|s| s.sign_up_mode = mode).await;
            let address = format!("{mode:?}@example.com").to_lowercase();
            let made = invite(&world, &address, json!({ "public_metadata": { "plan": "pro" } })).await;
            assert_eq!((&made["object"], &made["status"], &made["revoked"], &made["email_address"]), (&json!("invitation"), &json!("pending"), &json!(false), &json!(address)));
            let ticket = ticket(&made);
            let browser = world.browser();
            // First the page is opened, then the form is sent: the invitation is not used up in between.
            let begun = browser.post("/v1/client/sign_ups", &[("strategy", "ticket"), ("ticket", &ticket)]).await.response();
            assert_eq!((&begun["status"], &begun["email_address"], &begun["missing_fields"], &begun["unverified_fields"]), (&json!("missing_requirements"), &json!(address), &json!(["password"]), &json!([])));
            assert_eq!(begun["public_metadata"]["plan"], "pro");
            let id = begun["id"].as_str().unwrap();
            let done = browser.patch(&format!("/v1/client/sign_ups/{id}"), &[("password", PASSWORD), ("email_address", "else@example.com")]).await.response();
            assert_eq!((&done["status"], &done["email_address"]), (&json!("complete"), &json!(address)));
            let user = world.server().get(&format!("/v1/users/{}", done["created_user_id"].as_str().unwrap())).await.ok();
            assert_eq!(user["public_metadata"], json!({ "plan": "pro" }));
            let email = &user["email_addresses"][0];
            assert_eq!((&email["email_address"], &email["verification"]["status"], &email["verification"]["strategy"], &email["verification"]["object"]), (&json!(address), &json!("verified"), &json!("ticket"), &json!("verification_ticket")));
            let other = world.browser();
            world.unchanged(accept(&other, &ticket)).await.refused(400, "invitation_already_accepted");
            // Nobody else gets in by any of the doors.
            let refused = world.unchanged(other.post("/v1/client/sign_ups", &[("email_address", "eve@example.com"), ("password", PASSWORD)])).await;
            assert_eq!(refused.status, 403);
            let refused = world.unchanged(other.post("/v1/client/sign_ups", &[("strategy", "ticket"), ("ticket", "inv_x.y"), ("email_address", "eve@example.com")])).await;
            refused.refused(400, "ticket_invalid_code");
        }
    }

    async fn the_mail_has_the_link_and_notify_false_sends_none(world: World) {
        let made = invite(&world, "Bob@Example.com", json!({})).await;
        let inbox = mails(&world, "bob@example.com").await;
        assert_eq!(inbox["total_count"], 1);
        assert!(inbox.to_string().contains(made["url"].as_str().unwrap()), "{inbox}");
        invite(&world, "carol@example.com", json!({ "notify": false })).await;
        assert_eq!(mails(&world, "carol@example.com").await["total_count"], 0);
        assert!(!format!("{:?}", world.snapshot().await.0["tickets"]).contains(&ticket(&made)));
    }

    async fn parallel_uses_of_an_invitation_make_one_user(world: World) {
        world.settings(|s| s.attributes.password = Presence::On).await;
        let made = invite(&world, "bob@example.com", json!({})).await;
        let mut set = JoinSet::new();
        for _ in 0..64 {
            let (browser, ticket) = (world.browser(), ticket(&made));
            set.spawn(async move { browser.post("/v1/client/sign_ups", &[("strategy", "ticket"), ("ticket", &ticket)]).await });
        }
        let mut right = 0;
        while let Some(answer) = set.join_next().await {
            let answer = answer.unwrap();
            assert!(answer.status < 500, "{}", answer.body);
            right += usize::from(answer.status == 200);
        }
        assert_eq!((right, world.count("users").await, world.count("sessions").await), (1, 1, 1));
    }

    async fn an_invitation_ends_with_its_time_and_its_revocation(world: World) {
        let browser = world.browser();
        let made = invite(&world, "bob@example.com", json!({ "expires_in_days": 1 })).await;
        assert_eq!(made["expires_at"].as_i64().unwrap() - made["created_at"].as_i64().unwrap(), 24 * 3600 * 1000);
        world.advance_days(1);
        world.unchanged(accept(&browser, &ticket(&made))).await.refused(400, "ticket_expired_code");
        let server = world.server();
        assert_eq!(server.get("/v1/invitations?status=expired").await.ok()[0]["status"], "expired");
        // The expired one does not stand in the way of another.
        let made = invite(&world, "bob@example.com", json!({})).await;
        let begun = browser.post("/v1/client/sign_ups", &[("strategy", "ticket"), ("ticket", &ticket(&made))]).await.response();
        let path = format!("/v1/invitations/{}/revoke", made["id"].as_str().unwrap());
        let revoked = server.post(&path, json!({})).await.ok();
        assert_eq!((&revoked["status"], &revoked["revoked"]), (&json!("revoked"), &json!(true)));
        assert!(revoked.get("url").is_none());
        // An attempt that began before the revocation ends with it.
        let id = begun["id"].as_str().unwrap();
        world.unchanged(browser.patch(&format!("/v1/client/sign_ups/{id}"), &[("password", PASSWORD)])).await.refused(400, "revoked_invitation");
        world.unchanged(accept(&browser, &ticket(&made))).await.refused(400, "revoked_invitation");
        world.unchanged(server.post(&path, json!({}))).await.refused(400, "invitation_already_revoked");
        // A revoked invitation does not forbid an ordinary sign-up.
        world.browser().sign_up("bob@example.com").await;
    }

    async fn existing_invitations_and_users_are_refused_unless_told_otherwise(world: World) {
        let server = world.server();
        invite(&world, "bob@example.com", json!({})).await;
        world.unchanged(server.post("/v1/invitations", json!({ "email_address": "BOB@example.com" }))).await.refused(400, "duplicate_record email_address");
        invite(&world, "bob@example.com", json!({ "ignore_existing": true })).await;
        let ada = world.user_without_password("ada@example.com").await;
        world.unchanged(server.post("/v1/invitations", json!({ "email_address": "ada@example.com" }))).await.refused(422, "form_identifier_exists email_address");
        let made = invite(&world, "ada@example.com", json!({ "ignore_existing": true })).await;
        // Who has an account is led to sign in, and the invitation does it.
        let (_, path) = made["url"].as_str().unwrap().split_once("/v1/").unwrap();
        let to = world.browser().get(&format!("/v1/{path}")).await;
        assert!(to.header("location").unwrap().contains("__clerk_status=sign_in"));
        let browser = world.browser();
        world.unchanged(accept(&browser, &ticket(&made))).await.refused(400, "invitation_account_exists");
        redeem(&browser, &ticket(&made)).await.ok();
        assert_eq!(browser.get("/v1/me").await.response()["id"], json!(ada.id));
        let other = invite(&world, "new@example.com", json!({})).await;
        world.unchanged(redeem(&world.browser(), &ticket(&other))).await.refused(400, "invitation_account_not_exists");
    }

    async fn an_invitations_link_leads_to_its_page_if_that_is_ours(world: World) {
        let made = invite(&world, "bob@example.com", json!({ "redirect_url": "http://localhost:3000/welcome?a=1" })).await;
        let (_, path) = made["url"].as_str().unwrap().split_once("/v1/").unwrap();
        let answer = world.unchanged(world.browser().get(&format!("/v1/{path}"))).await;
        let to = answer.header("location").unwrap();
        assert!(to.starts_with("http://localhost:3000/welcome?a=1&__clerk_status=sign_up&__clerk_ticket=inv_"), "{to}");
        let plain = invite(&world, "carol@example.com", json!({})).await;
        let (_, path) = plain["url"].as_str().unwrap().split_once("/v1/").unwrap();
        let answer = world.browser().get(&format!("/v1/{path}")).await;
        assert!(answer.header("location").unwrap().starts_with(&format!("{}/sign-up?", world.instance().portal_origin)));
        for (url, code) in [("https://evil.example", "redirect_url_not_associated_with_instance redirect_url"), ("javascript:alert(1)", "invalid_redirect_url redirect_url"), ("/relative", "invalid_redirect_url redirect_url")] {
            world.unchanged(world.server().post("/v1/invitations", json!({ "email_address": "dan@example.com", "redirect_url": url }))).await.refused(422, code);
        }
    }

    async fn invitations_are_listed_filtered_and_ordered(world: World) {
        let server = world.server();
        for name in ["carol", "bob", "d%n"] {
            invite(&world, &format!("{name}@example.com"), json!({})).await;
            world.advance_secs(1);
        }
        let ids = async |target: &str| -> Vec<String> {
            let list = server.get(target).await.ok();
            list.as_array().unwrap().iter().map(|i| i["email_address"].as_str().unwrap().split('@').next().unwrap().to_owned()).collect()
        };
        assert_eq!(ids("/v1/invitations").await, ["d%n", "bob", "carol"]);
        assert_eq!(ids("/v1/invitations?order_by=email_address").await, ["bob", "carol", "d%n"]);
        assert_eq!(ids("/v1/invitations?order_by=%2Bcreated_at&limit=1&offset=1").await, ["bob"]);
        assert_eq!(ids("/v1/invitations?query=BO").await, ["bob"]);
        assert_eq!(ids("/v1/invitations?query=%25").await, ["d%n"]);
        let first = server.get("/v1/invitations?query=carol").await.ok()[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(ids(&format!("/v1/invitations?query={first}")).await, ["carol"]);
        server.post(&format!("/v1/invitations/{first}/revoke"), json!({})).await.ok();
        assert_eq!(ids("/v1/invitations?order_by=email_address").await, ["bob", "d%n"]);
        assert_eq!(ids("/v1/invitations?status=revoked").await, ["carol"]);
        let page = server.get("/v1/invitations?paginated=true&limit=1").await.ok();
        assert_eq!((&page["total_count"], page["data"].as_array().unwrap().len()), (&json!(2), 1));
        let (_, foreign, _) = world.other_instance("other").await;
        assert_eq!(foreign.get("/v1/invitations").await.ok(), json!([]));
        server.get("/v1/invitations?order_by=x").await.refused(422, "form_param_value_invalid order_by");
        server.get("/v1/invitations?status=x").await.refused(422, "form_param_value_invalid status");
    }

    async fn without_email_addresses_nobody_is_invited(world: World) {
        world.settings(|s| { s.attributes.email_address = Presence::Off; s.attributes.username = Presence::Required; }).await;
        world.unchanged(world.server().post("/v1/invitations", json!({ "email_address": "bob@example.com" }))).await.refused(400, "invitations_not_supported");
        world.unchanged(world.server().post("/v1/invitations", json!({ "email_address": "bob" }))).await.refused(422, "form_param_format_invalid email_address");
    }
}
