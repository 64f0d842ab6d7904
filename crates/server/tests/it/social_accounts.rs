//! Accounts elsewhere of a user who is signed in: connecting, asking for more, taking away (contract fapi §8.3).
use crate::browser::Browser;
use crate::idp::{ACME, BACK, DONE, Idp, leads, query};
use serde_json::{Value, json};

async fn connect(browser: &Browser, idp: &Idp) -> String {
    let made = browser
        .post(
            "/v1/me/external_accounts",
            &[
                ("strategy", ACME),
                ("redirect_url", BACK),
                ("action_complete_redirect_url", DONE),
            ],
        )
        .await
        .response();
    assert_eq!(
        (
            &made["object"],
            &made["provider"],
            &made["provider_user_id"]
        ),
        (&json!("external_account"), &json!(ACME), &json!(""))
    );
    browser
        .come_back(&idp.allow(&leads(&made["verification"])))
        .await
}

async fn accounts(browser: &Browser) -> Vec<Value> {
    browser.get("/v1/me").await.response()["external_accounts"]
        .as_array()
        .unwrap()
        .clone()
}

both! {
    async fn a_user_connects_an_account_and_signs_in_by_it(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let (bob, user, _) = world.signed_in("bob@example.com").await;
        // Addresses are listed by their age.
        world.advance_ms(5);
        assert_eq!(connect(&bob, &idp).await, DONE);
        let all = accounts(&bob).await;
        assert_eq!((all.len(), &all[0]["provider_user_id"], &all[0]["verification"]["status"]), (1, &json!("ada"), &json!("verified")));
        // The address that the provider has verified, and nobody has, is the user's too.
        let me = bob.get("/v1/me").await.response();
        let emails: Vec<&Value> = me["email_addresses"].as_array().unwrap().iter().map(|e| &e["email_address"]).collect();
        assert_eq!(emails, [&json!("bob@example.com"), &json!("ada@example.com")]);
        assert_eq!(me["primary_email_address_id"], json!(user.email_id));
        let session = world.browser().enters_by(&idp).await;
        assert_eq!(session["user"]["id"], json!(user.id));
    }

    async fn an_account_that_waits_is_shown_and_replaced(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let (bob, _, _) = world.signed_in("bob@example.com").await;
        let form = [("strategy", ACME), ("redirect_url", BACK)];
        let first = bob.post("/v1/me/external_accounts", &form).await.response();
        let second = bob.post("/v1/me/external_accounts", &form).await.response();
        let all = accounts(&bob).await;
        assert_eq!((all.len(), &all[0]["id"]), (1, &second["id"]));
        // What was replaced comes to nothing.
        bob.come_back(&idp.allow(&leads(&first["verification"]))).await;
        assert_eq!(accounts(&bob).await[0]["provider_user_id"], "");
        assert_eq!(bob.come_back(&idp.deny(&leads(&second["verification"]), "access_denied")).await, BACK);
        let all = accounts(&bob).await;
        assert_eq!((&all[0]["verification"]["status"], &all[0]["verification"]["error"]["code"]), (&json!("failed"), &json!("oauth_access_denied")));
        // It signs nobody in, and can be tried again.
        let path = format!("/v1/me/external_accounts/{}/reauthorize", all[0]["id"].as_str().unwrap());
        let again = bob.patch(&path, &[("redirect_url", BACK)]).await.response();
        bob.come_back(&idp.allow(&leads(&again["verification"]))).await;
        assert_eq!(accounts(&bob).await[0]["provider_user_id"], "ada");
    }

    async fn more_can_be_asked_of_an_account(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let (bob, _, _) = world.signed_in("bob@example.com").await;
        connect(&bob, &idp).await;
        let id = accounts(&bob).await[0]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/me/external_accounts/{id}/reauthorize");
        let form = [("redirect_url", BACK), ("additional_scope", "drive"), ("additional_scope", "mail")];
        let asked = bob.patch(&path, &form).await.response();
        let page = leads(&asked["verification"]);
        assert_eq!(query(&page)["scope"], "openid email profile drive mail");
        // Another account than the one that is connected is refused.
        idp.person("eve", "eve@example.com", true);
        assert_eq!(bob.come_back(&idp.allow(&page)).await, BACK);
        let shown = accounts(&bob).await[0].clone();
        assert_eq!((&shown["provider_user_id"], &shown["verification"]["error"]["code"]), (&json!("ada"), &json!("oauth_identification_claimed")));
        idp.person("ada", "ada@example.com", true);
        let asked = bob.patch(&path, &form).await.response();
        bob.come_back(&idp.allow(&leads(&asked["verification"]))).await;
        assert_eq!(accounts(&bob).await[0]["verification"]["status"], "verified");
        world.unchanged(bob.patch(&path, &[("redirect_url", BACK), ("additional_scope", "a\"b")])).await.refused(422, "form_param_format_invalid additional_scope");
        world.unchanged(bob.patch(&path, &[])).await.refused(422, "form_param_missing redirect_url");
        world.unchanged(bob.patch(&path, &[("redirect_url", "https://evil.example/")])).await.refused(422, "redirect_url_not_associated_with_instance redirect_url");
    }

    async fn an_account_is_one_users(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.browser().joins_by(&idp).await;
        let (bob, _, _) = world.signed_in("bob@example.com").await;
        assert_eq!(connect(&bob, &idp).await, BACK);
        let shown = accounts(&bob).await[0].clone();
        assert_eq!((&shown["verification"]["status"], &shown["verification"]["error"]["code"]), (&json!("failed"), &json!("oauth_identification_claimed")));
        idp.person("bob", "bob@example.com", true);
        assert_eq!(connect(&bob, &idp).await, DONE);
        assert_eq!(connect(&bob, &idp).await, BACK, "the same once more");
        let errors: Vec<Value> = accounts(&bob).await.iter().map(|a| a["verification"]["error"]["code"].clone()).collect();
        assert_eq!(errors, [Value::Null, json!("oauth_account_already_connected")]);
    }

    async fn somebody_elses_address_does_not_come_along(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.user("ada@example.com").await;
        let (bob, user, _) = world.signed_in("bob@example.com").await;
        assert_eq!(connect(&bob, &idp).await, DONE);
        let me = bob.get("/v1/me").await.response();
        assert_eq!(me["email_addresses"].as_array().unwrap().len(), 1);
        // The account is Bob's now, who proved it; the address is Ada's as it was.
        assert_eq!(world.browser().enters_by(&idp).await["user"]["id"], json!(user.id));
        assert_eq!(world.server().get(&format!("/v1/users/{}", ada.id)).await.ok()["external_accounts"], json!([]));
    }

    async fn who_is_signed_out_on_the_way_connects_nothing(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let (bob, user, session) = world.signed_in("bob@example.com").await;
        let made = bob.post("/v1/me/external_accounts", &[("strategy", ACME), ("redirect_url", BACK)]).await.response();
        let path = idp.allow(&leads(&made["verification"]));
        world.server().post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok();
        bob.come_back(&path).await;
        let shown = world.server().get(&format!("/v1/users/{}", user.id)).await.ok();
        assert_eq!((&shown["external_accounts"][0]["provider_user_id"], &shown["external_accounts"][0]["verification"]["status"]), (&json!(""), &json!("failed")));
    }

    async fn an_account_is_taken_away_unless_nothing_else_is_left(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        ada.joins_by(&idp).await;
        let id = accounts(&ada).await[0]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/me/external_accounts/{id}");
        // A stranger has no such account.
        let (bob, _, _) = world.signed_in("bob@example.com").await;
        world.unchanged(bob.delete(&path)).await.refused(404, "resource_not_found");
        world.unchanged(bob.delete(&format!("{path}/tokens"))).await.refused(404, "resource_not_found");
        world.unchanged(bob.patch(&format!("{path}/reauthorize"), &[("redirect_url", BACK)])).await.refused(404, "resource_not_found");
        let me = ada.delete(&format!("{path}/tokens")).await.response();
        assert_eq!(me["external_accounts"][0]["id"], json!(id));
        let gone = ada.delete(&path).await.response();
        assert_eq!((&gone["object"], &gone["deleted"]), (&json!("external_account"), &json!(true)));
        assert!(accounts(&ada).await.is_empty());
        world.unchanged(ada.delete(&path)).await.refused(404, "resource_not_found");
    }

    async fn the_last_way_in_is_kept(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.settings(|s| {
            s.attributes.email_address = usher_server::instances::settings::Presence::Off;
            s.attributes.email_code = false;
            s.attributes.username = usher_server::instances::settings::Presence::Required;
        }).await;
        idp.is(json!({ "sub": "ada", "preferred_username": "ada_l" }));
        let ada = world.browser();
        ada.joins_by(&idp).await;
        let me = ada.get("/v1/me").await.response();
        assert_eq!((&me["username"], &me["email_addresses"]), (&json!("ada_l"), &json!([])));
        let id = me["external_accounts"][0]["id"].as_str().unwrap();
        world.unchanged(ada.delete(&format!("/v1/me/external_accounts/{id}"))).await.refused(400, "last_required_identification_deletion_failed");
        let server = format!("/v1/users/{}/external_accounts/{id}", me["id"].as_str().unwrap());
        world.unchanged(world.server().delete(&server)).await.refused(400, "last_required_identification_deletion_failed");
        ada.post("/v1/me/change_password", &[("new_password", crate::browser::PASSWORD)]).await.ok();
        ada.delete(&format!("/v1/me/external_accounts/{id}")).await.ok();
    }

    async fn whoever_impersonates_connects_nothing(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        ada.joins_by(&idp).await;
        let me = ada.get("/v1/me").await.response();
        let path = format!("/v1/me/external_accounts/{}", me["external_accounts"][0]["id"].as_str().unwrap());
        let body = json!({ "user_id": me["id"], "actor": { "sub": "support" } });
        let made = world.server().post("/v1/actor_tokens", body).await.ok();
        let support = world.browser();
        support.post("/v1/client/sign_ins", &[("strategy", "ticket"), ("ticket", made["token"].as_str().unwrap())]).await.ok();
        let form = [("strategy", ACME), ("redirect_url", BACK)];
        world.unchanged(support.post("/v1/me/external_accounts", &form)).await.refused(403, "authorization_invalid");
        world.unchanged(support.patch(&format!("{path}/reauthorize"), &form)).await.refused(403, "authorization_invalid");
        world.unchanged(support.delete(&path)).await.refused(403, "authorization_invalid");
        world.unchanged(support.delete(&format!("{path}/tokens"))).await.refused(403, "authorization_invalid");
    }
}
