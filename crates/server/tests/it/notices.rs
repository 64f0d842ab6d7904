//! What users are told by mail: codes in their language, and what was done to their accounts, at the address that was theirs.
use crate::browser::{Browser, PASSWORD};
use crate::world::World;
use serde_json::json;
use usher_server::instances::settings::{Notices, Presence};

/// Subjects of the mail to an address, oldest first.
async fn subjects(world: &World, to: &str) -> Vec<String> {
    world
        .rows(
            "SELECT subject FROM messages WHERE recipient = ? ORDER BY created_at, id",
            &[usher_db::Value::Text(to.to_owned())],
        )
        .await
}

/// Those of them that bring no code.
async fn notices(world: &World, to: &str) -> Vec<String> {
    let all = subjects(world, to).await;
    all.into_iter().filter(|s| !s.contains("code")).collect()
}

async fn texts(world: &World) -> String {
    let sql = "SELECT text_body || COALESCE(html_body, '') FROM messages ORDER BY id";
    world.rows(sql, &[]).await.join("\n")
}

async fn change_password(browser: &Browser, current: &str, new: &str) {
    let form = [("current_password", current), ("new_password", new)];
    browser.post("/v1/me/change_password", &form).await.ok();
}

/// A second verified address; its id.
async fn second_address(world: &World, user: &str, address: &str) -> String {
    let body = json!({ "user_id": user, "email_address": address, "verified": true });
    let made = world.server().post("/v1/email_addresses", body).await.ok();
    made["id"].as_str().unwrap().to_owned()
}

both! {
    async fn codes_come_in_the_language_of_the_user_or_the_attempt_or_the_instance(world: World) {
        world.user_with("ada@example.com", json!({ "password": PASSWORD, "locale": "de-AT" })).await;
        world.browser().start_sign_in("ada@example.com").await;
        let browser = world.browser();
        let started = browser.start_sign_in("ada@example.com").await;
        let email = started["supported_first_factors"].as_array().unwrap().iter().find(|f| f["strategy"] == "email_code").unwrap()["email_address_id"].clone();
        let prepare = format!("/v1/client/sign_ins/{}/prepare_first_factor", started["id"].as_str().unwrap());
        browser.post(&prepare, &[("strategy", "email_code"), ("email_address_id", email.as_str().unwrap())]).await.ok();
        let told = subjects(&world, "ada@example.com").await;
        assert!(told.last().unwrap().ends_with("ist Ihr Bestätigungscode"), "{told:?}");
        world.user_without_password("bob@example.com").await;
        world.advance_secs(31);
        for (address, expected) in [("bob@example.com", "est votre code de vérification"), ("ada@example.com", "ist Ihr Bestätigungscode")] {
            let form = [("identifier", address), ("strategy", "email_code"), ("locale", "fr-FR")];
            world.browser().post("/v1/client/sign_ins", &form).await.ok();
            let told = subjects(&world, address).await;
            assert!(told.last().unwrap().ends_with(expected), "{told:?}");
        }
        for (locale, instance, expected) in [("fr", "en", "est votre code de vérification"), ("xx", "es", "es su código de verificación"), ("", "pt-BR", "é o seu código de verificação")] {
            world.settings(|s| s.locale = instance.to_owned()).await;
            let browser = world.browser();
            let address = format!("new-{instance}@example.com").to_lowercase();
            let id = browser.post("/v1/client/sign_ups", &[("email_address", &address), ("locale", locale)]).await.response()["id"].as_str().unwrap().to_owned();
            browser.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[("strategy", "email_code")]).await.ok();
            let told = subjects(&world, &address).await;
            assert!(told.len() == 1 && told[0].ends_with(expected), "{told:?}");
        }
        assert!(texts(&world).await.contains("lang=\"pt-BR\""));
    }

    async fn a_changed_and_a_removed_password_are_told(world: World) {
        world.settings(|s| s.attributes.password = Presence::On).await;
        let user = world.user("ada@example.com").await;
        let browser = world.browser();
        browser.sign_in("ada@example.com").await;
        change_password(&browser, PASSWORD, "another very fine phrase").await;
        assert_eq!(notices(&world, "ada@example.com").await, ["Your password was changed"]);
        world.advance_secs(1);
        browser.post("/v1/me/remove_password", &[("current_password", "another very fine phrase")]).await.ok();
        world.advance_secs(1);
        world.server().patch(&format!("/v1/users/{}", user.id), json!({ "password": PASSWORD })).await.ok();
        world.advance_secs(1);
        world.server().post(&format!("/v1/users/{}/remove_password", user.id), json!({})).await.ok();
        // There is none any more: nothing to tell.
        world.server().post(&format!("/v1/users/{}/remove_password", user.id), json!({})).await.ok();
        assert_eq!(notices(&world, "ada@example.com").await, ["Your password was changed", "Your password was removed", "Your password was changed", "Your password was removed"]);
        let wrong = browser.post("/v1/me/change_password", &[("current_password", "wrong"), ("new_password", "x")]).await;
        assert!(wrong.status >= 400);
        assert_eq!(notices(&world, "ada@example.com").await.len(), 4);
    }

    async fn a_sign_in_on_a_new_device_is_told_and_the_first_of_all_is_not(world: World) {
        world.user_without_password("ada@example.com").await;
        let first = world.browser();
        first.sign_in("ada@example.com").await;
        assert_eq!(notices(&world, "ada@example.com").await, [""; 0]);
        world.advance_minutes(1);
        let second = world.browser();
        second.sign_in("ada@example.com").await;
        assert_eq!(notices(&world, "ada@example.com").await, ["New sign-in to My application"]);
        // Again on either: both are known.
        for known in [&first, &second] {
            world.advance_minutes(1);
            known.delete("/v1/client/sessions").await.ok();
            known.sign_in("ada@example.com").await;
        }
        assert_eq!(notices(&world, "ada@example.com").await.len(), 1);
        // A sign-up is no sign-in from a new device.
        world.browser().sign_up("new@example.com").await;
        assert_eq!(notices(&world, "new@example.com").await, [""; 0]);
    }

    async fn the_address_that_was_the_primary_one_hears_of_the_next(world: World) {
        let (browser, user, _) = world.signed_in("old@example.com").await;
        let second = second_address(&world, &user.id, "second@example.com").await;
        browser.patch("/v1/me", &[("primary_email_address_id", &second)]).await.ok();
        let told = notices(&world, "old@example.com").await;
        assert_eq!(told, ["Your primary email address was changed"]);
        assert_eq!(notices(&world, "second@example.com").await, [""; 0]);
        assert!(texts(&world).await.contains("second@example.com"));
        // The operator's server decides whether it is told.
        let first = user.email_id.clone();
        world.server().patch(&format!("/v1/users/{}", user.id), json!({ "primary_email_address_id": first })).await.ok();
        assert_eq!(notices(&world, "second@example.com").await, [""; 0]);
        world.server().patch(&format!("/v1/email_addresses/{second}"), json!({ "primary": true, "notify_primary_email_address_changed": true })).await.ok();
        assert_eq!(notices(&world, "old@example.com").await.len(), 2);
        let form = json!({ "primary_email_address_id": first, "notify_primary_email_address_changed": true });
        world.server().patch(&format!("/v1/users/{}", user.id), form).await.ok();
        assert_eq!(notices(&world, "second@example.com").await.len(), 1);
        let form = json!({ "email_address": "third@example.com", "notify_primary_email_address_changed": true });
        world.server().put(&format!("/v1/users/{}/email_address", user.id), form).await.ok();
        assert_eq!(notices(&world, "old@example.com").await.len(), 3);
        // No change, no news; an address that was never proved hears nothing.
        let form = json!({ "email_address": "third@example.com", "identification_status": "unverified", "notify_primary_email_address_changed": true });
        world.server().put(&format!("/v1/users/{}/email_address", user.id), form).await.ok();
        let form = json!({ "email_address": "fourth@example.com", "notify_primary_email_address_changed": true });
        world.server().put(&format!("/v1/users/{}/email_address", user.id), form).await.ok();
        assert_eq!(notices(&world, "third@example.com").await, [""; 0]);
    }

    async fn a_primary_address_that_its_user_removes_hears_of_it(world: World) {
        let (browser, user, _) = world.signed_in("old@example.com").await;
        second_address(&world, &user.id, "second@example.com").await;
        browser.delete(&format!("/v1/me/email_addresses/{}", user.email_id)).await.ok();
        assert_eq!(notices(&world, "old@example.com").await, ["Your primary email address was changed"]);
    }

    async fn a_lock_is_told_once(world: World) {
        world.settings(|s| s.lockout_max_attempts = 5).await;
        world.user("ada@example.com").await;
        let browser = world.browser();
        let id = browser.start_sign_in("ada@example.com").await["id"].as_str().unwrap().to_owned();
        for _ in 0..7 {
            browser.post(&format!("/v1/client/sign_ins/{id}/attempt_first_factor"), &[("strategy", "password"), ("password", "wrong")]).await;
        }
        assert_eq!(notices(&world, "ada@example.com").await, ["Your account is locked for a while"]);
        assert!(texts(&world).await.contains("60 minutes"));
    }

    async fn notices_that_are_off_are_not_sent_and_codes_are(world: World) {
        world.settings(|s| s.notices = Notices { password_changed: false, new_device_sign_in: false, ..Notices::default() }).await;
        world.user("ada@example.com").await;
        world.browser().sign_in("ada@example.com").await;
        world.advance_minutes(1);
        let browser = world.browser();
        browser.sign_in("ada@example.com").await;
        change_password(&browser, PASSWORD, "another very fine phrase").await;
        assert_eq!(notices(&world, "ada@example.com").await, [""; 0]);
        assert_eq!(subjects(&world, "ada@example.com").await.len(), 2);
    }

    async fn names_break_out_of_neither_subject_nor_page(world: World) {
        world.settings(|s| s.application_name = "<b>A</b>\r\nBcc: eve@example.com".to_owned()).await;
        world.user_with("ada@example.com", json!({ "password": PASSWORD, "first_name": "<script>" })).await;
        for _ in 0..2 {
            world.advance_minutes(1);
            world.browser().sign_in("ada@example.com").await;
        }
        let told = notices(&world, "ada@example.com").await;
        assert_eq!(told, ["New sign-in to <b>A</b> Bcc: eve@example.com"]);
        let html = world.rows("SELECT html_body FROM messages", &[]).await.join("\n");
        assert!(html.contains("&lt;b&gt;A&lt;/b&gt;") && !html.contains("<b>A") && !html.contains("<script>"));
        let sender = world.rows("SELECT sender FROM messages", &[]).await;
        assert!(sender.iter().all(|s| s == "Usher <no-reply@localhost>"), "{sender:?}");
    }

    async fn test_identities_get_no_mail(world: World) {
        let address = "ada+clerk_test@example.com";
        world.user(address).await;
        for _ in 0..2 {
            world.browser().sign_in(address).await;
        }
        assert_eq!(world.count("messages").await, 0);
    }

    async fn invitations_say_whose_turn_it_is(world: World) {
        let mut body = json!({ "email_address": "ada@example.com", "expires_in_days": 1 });
        world.server().post("/v1/invitations", body.clone()).await.ok();
        body["email_address"] = "bob@example.com".into();
        body["template_slug"] = "waitlist_invitation".into();
        world.server().post("/v1/invitations", body).await.ok();
        assert_eq!(subjects(&world, "ada@example.com").await, ["Your invitation to My application"]);
        assert_eq!(subjects(&world, "bob@example.com").await, ["It is your turn at My application"]);
        let all = texts(&world).await;
        assert!(all.contains("valid for 1 day and") && all.contains("/v1/tickets/accept?ticket&#x3D;"), "{all}");
    }
}
