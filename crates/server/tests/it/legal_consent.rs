//! Consent to terms and privacy policy: demanded at sign-up where the instance says so, noted with its time.
use crate::browser::PASSWORD;
use crate::world::World;
use serde_json::{Value, json};
use usher_server::instances::settings::Settings;

async fn demand(world: &World) {
    world
        .settings(|s| {
            s.paths.terms_url = "https://example.com/terms".to_owned();
            s.paths.privacy_policy_url = "https://example.com/privacy".to_owned();
            s.legal_consent_enabled = true;
        })
        .await;
}

fn listed(sign_up: &Value, list: &str) -> bool {
    let all = sign_up[list].as_array().unwrap();
    all.contains(&json!("legal_accepted"))
}

both! {
    async fn without_consent_nobody_becomes_a_user(world: World) {
        demand(&world).await;
        let environment = world.browser().get("/v1/environment").await.ok();
        assert_eq!(environment["user_settings"]["sign_up"]["legal_consent_enabled"], true);
        assert_eq!((&environment["display_config"]["terms_url"], &environment["display_config"]["privacy_policy_url"]), (&json!("https://example.com/terms"), &json!("https://example.com/privacy")));
        let browser = world.browser();
        let started = browser.post("/v1/client/sign_ups", &[("email_address", "ada@example.com"), ("password", PASSWORD)]).await.response();
        assert!(listed(&started, "required_fields") && listed(&started, "missing_fields") && started["legal_accepted_at"].is_null());
        let id = started["id"].as_str().unwrap();
        browser.prepare_sign_up(id).await.ok();
        let verified = browser.attempt_sign_up(id, &world.code("ada@example.com").await).await.response();
        assert_eq!((&verified["status"], &verified["missing_fields"]), (&json!("missing_requirements"), &json!(["legal_accepted"])));
        assert_eq!(world.count("users").await, 0);
        world.unchanged(browser.patch(&format!("/v1/client/sign_ups/{id}"), &[("legal_accepted", "false")])).await.refused(422, "legal_not_accepted legal_accepted");
        world.advance_minutes(1);
        let done = browser.patch(&format!("/v1/client/sign_ups/{id}"), &[("legal_accepted", "true")]).await.response();
        assert_eq!((&done["status"], &done["legal_accepted_at"]), (&json!("complete"), &json!(world.now().0)));
        let user = world.server().get(&format!("/v1/users/{}", done["created_user_id"].as_str().unwrap())).await.ok();
        assert_eq!(user["legal_accepted_at"], json!(world.now().0));
        assert_eq!(browser.get("/v1/me").await.response()["legal_accepted_at"], json!(world.now().0));
    }

    async fn said_at_once_it_holds_and_cannot_be_taken_back(world: World) {
        demand(&world).await;
        let browser = world.browser();
        let started = browser.post("/v1/client/sign_ups", &[("email_address", "ada@example.com"), ("legal_accepted", "true")]).await.response();
        assert!(!listed(&started, "missing_fields") && started["legal_accepted_at"] == json!(world.now().0));
        world.unchanged(world.browser().post("/v1/client/sign_ups", &[("email_address", "eve@example.com"), ("legal_accepted", "false")])).await.refused(422, "legal_not_accepted legal_accepted");
        world.unchanged(world.browser().post("/v1/client/sign_ups", &[("legal_accepted", "perhaps")])).await.refused(422, "form_param_type_invalid legal_accepted");
    }

    async fn where_it_is_not_demanded_nothing_is_missing(world: World) {
        let started = world.browser().post("/v1/client/sign_ups", &[("email_address", "ada@example.com"), ("legal_accepted", "false")]).await.response();
        assert!(!listed(&started, "required_fields") && !listed(&started, "missing_fields"));
    }

    async fn an_invitation_does_not_consent_for_anybody(world: World) {
        demand(&world).await;
        let made = world.server().post("/v1/invitations", json!({ "email_address": "ada@example.com" })).await.ok();
        let ticket = made["url"].as_str().unwrap().split_once("ticket=").unwrap().1.to_owned();
        let form = [("strategy", "ticket"), ("ticket", ticket.as_str()), ("password", PASSWORD)];
        let browser = world.browser();
        let started = browser.post("/v1/client/sign_ups", &form).await.response();
        assert_eq!((&started["status"], &started["missing_fields"]), (&json!("missing_requirements"), &json!(["legal_accepted"])));
        let id = started["id"].as_str().unwrap();
        assert_eq!(browser.patch(&format!("/v1/client/sign_ups/{id}"), &[("legal_accepted", "true")]).await.response()["status"], "complete");
    }

    async fn the_operator_says_when_it_was_given_or_that_it_does_not_matter(world: World) {
        demand(&world).await;
        let server = world.server();
        let user = |address: &str| json!({ "email_address": [address], "skip_password_requirement": true });
        world.unchanged(server.post("/v1/users", user("ada@example.com"))).await.refused(422, "form_data_missing legal_accepted_at");
        let mut given = user("ada@example.com");
        given["legal_accepted_at"] = "2025-01-02T03:04:05Z".into();
        let ada = server.post("/v1/users", given).await.ok();
        assert_eq!(ada["legal_accepted_at"], 1_735_787_045_000_i64);
        let mut waived = user("bob@example.com");
        waived["skip_legal_checks"] = true.into();
        assert!(server.post("/v1/users", waived).await.ok()["legal_accepted_at"].is_null());
        let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
        world.unchanged(server.patch(&path, json!({ "legal_accepted_at": null }))).await.refused(422, "form_data_missing legal_accepted_at");
        assert!(server.patch(&path, json!({ "legal_accepted_at": null, "skip_legal_checks": true })).await.ok()["legal_accepted_at"].is_null());
    }
}

#[test]
fn consent_needs_something_to_consent_to() {
    let mut settings = Settings {
        legal_consent_enabled: true,
        ..Settings::default()
    };
    assert!(settings.check().is_err());
    settings.paths.terms_url = "https://example.com/terms".to_owned();
    assert!(settings.check().is_ok());
}
