//! Signing up and in with accounts elsewhere (contract fapi §8.5, §8.6): the whole way to a provider and back.
use crate::authenticator_app::AuthenticatorApp;
use crate::browser::PASSWORD;
use crate::idp::{ACME, BACK, DONE, Idp, Mood, query};
use serde_json::{Value, json};
use usher_server::instances::settings::{Presence, SignUpMode};

both! {
    async fn an_account_elsewhere_signs_up_and_then_in(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        let session = ada.joins_by(&idp).await;
        let user = &session["user"];
        assert_eq!((&user["first_name"], &user["last_name"], &user["password_enabled"]), (&json!("Ada"), &json!("Lovelace"), &json!(false)));
        let email = &user["email_addresses"][0];
        assert_eq!(email["email_address"], "ada@example.com");
        assert_eq!((&email["verification"]["object"], &email["verification"]["strategy"]), (&json!("verification_from_oauth"), &json!("from_oauth_custom_acme")));
        let account = &user["external_accounts"][0];
        assert_eq!((&account["provider"], &account["provider_user_id"], &account["email_address"]), (&json!(ACME), &json!("ada"), &json!("ada@example.com")));
        assert_eq!((&account["verification"]["status"], &account["approved_scopes"]), (&json!("verified"), &json!("openid email")));
        assert_eq!(email["linked_to"], json!([{ "type": ACME, "id": account["identification_id"] }]));
        assert_eq!(ada.client().await["last_authentication_strategy"], ACME);
        let elsewhere = world.browser();
        let again = elsewhere.enters_by(&idp).await;
        assert_eq!(again["user"]["id"], user["id"]);
        assert_eq!(again["user"]["external_accounts"].as_array().unwrap().len(), 1);
        assert_eq!(elsewhere.client().await["sign_in"], Value::Null);
    }

    async fn the_request_to_the_provider_is_by_the_book(world: World) {
        let (idp, world) = Idp::start(&world).await;
        idp.offer(&world, "custom_acme", |c| {
            c.additional_scopes = vec!["drive".to_owned()];
            c.select_account = true;
        }).await;
        let ada = world.browser();
        let page = ada.sign_in_by(ACME).await;
        assert!(page.starts_with(&format!("{}/authorize?", idp.origin)));
        let asked = query(&page);
        assert_eq!((&asked["response_type"], &asked["client_id"], &asked["code_challenge_method"]), (&json!("code"), &json!("usher at acme"), &json!("S256")));
        assert_eq!((&asked["scope"], &asked["prompt"]), (&json!("openid email profile drive"), &json!("select_account")));
        assert_eq!(asked["redirect_uri"], "http://localhost:8787/v1/oauth_callback");
        for name in ["state", "nonce", "code_challenge"] {
            assert!(asked[name].as_str().unwrap().len() >= 43, "{name}");
        }
        // Nothing is used twice.
        let other = query(&ada.sign_in_by(ACME).await);
        for name in ["state", "nonce", "code_challenge"] {
            assert_ne!(asked[name], other[name], "{name}");
        }
        let form = [("strategy", ACME), ("redirect_url", BACK), ("oidc_prompt", "login"), ("oidc_login_hint", "a@b.cd")];
        let made = ada.post("/v1/client/sign_ins", &form).await.response();
        let asked = query(made["first_factor_verification"]["external_verification_redirect_url"].as_str().unwrap());
        assert_eq!((&asked["prompt"], &asked["login_hint"]), (&json!("login"), &json!("a@b.cd")));
    }

    async fn whoever_is_unknown_signs_up_by_transfer(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        let page = ada.sign_in_by(ACME).await;
        assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
        let trip = ada.trip().await;
        assert_eq!((&trip["status"], &trip["error"]["code"]), (&json!("transferable"), &json!("external_account_not_found")));
        assert!(trip.get("external_verification_redirect_url").is_none());
        let done = ada.post("/v1/client/sign_ups", &[("transfer", "true"), ("unsafe_metadata", r#"{"a":1}"#)]).await.response();
        assert_eq!((&done["status"], &done["verifications"]["external_account"]["status"]), (&json!("complete"), &json!("verified")));
        let user = ada.client().await["sessions"][0]["user"].clone();
        assert_eq!((&user["external_accounts"][0]["provider_user_id"], &user["unsafe_metadata"]["a"]), (&json!("ada"), &json!(1)));
        // Once.
        let other = world.browser();
        let page = other.sign_in_by(ACME).await;
        idp.person("eve", "eve@example.com", true);
        other.come_back(&idp.allow(&page)).await;
        let thief = other.thief();
        other.post("/v1/client/sign_ups", &[("transfer", "true")]).await.ok();
        thief.post("/v1/client/sign_ups", &[("transfer", "true")]).await.refused(400, "account_transfer_invalid");
    }

    async fn whoever_is_known_signs_in_by_transfer(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let user = world.browser().joins_by(&idp).await["user"]["id"].clone();
        let ada = world.browser();
        let page = ada.sign_up_by(ACME).await;
        assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
        let trip = ada.client().await["sign_up"]["verifications"]["external_account"].clone();
        assert_eq!((&trip["status"], &trip["error"]["code"]), (&json!("transferable"), &json!("external_account_exists")));
        let done = ada.post("/v1/client/sign_ins", &[("transfer", "true")]).await.response();
        assert_eq!((&done["status"], &done["identifier"]), (&json!("complete"), &json!("ada@example.com")));
        assert_eq!(ada.client().await["sessions"][0]["user"]["id"], user);
        ada.post("/v1/client/sign_ins", &[("transfer", "true")]).await.refused(400, "account_transfer_invalid");
    }

    async fn a_transfer_ends_with_its_trip(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        let page = ada.sign_in_by(ACME).await;
        ada.come_back(&idp.allow(&page)).await;
        world.advance_minutes(11);
        world.unchanged(ada.post("/v1/client/sign_ups", &[("transfer", "true")])).await.refused(400, "account_transfer_invalid");
    }

    async fn a_sign_up_goes_on_with_what_is_missing(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.settings(|s| s.attributes.username = Presence::Required).await;
        let ada = world.browser();
        let page = ada.sign_up_by(ACME).await;
        assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
        let sign_up = ada.client().await["sign_up"].clone();
        assert_eq!((&sign_up["missing_fields"], &sign_up["unverified_fields"]), (&json!(["username"]), &json!([])));
        assert_eq!((&sign_up["email_address"], &sign_up["verifications"]["external_account"]["status"]), (&json!("ada@example.com"), &json!("verified")));
        world.advance_minutes(30);
        let path = format!("/v1/client/sign_ups/{}", sign_up["id"].as_str().unwrap());
        let done = ada.patch(&path, &[("username", "ada_l")]).await.response();
        assert_eq!(done["status"], "complete", "{done}");
        assert_eq!(ada.client().await["sessions"][0]["user"]["external_accounts"][0]["provider_user_id"], "ada");
    }

    async fn an_address_that_the_provider_did_not_verify_is_proved_here(world: World) {
        let (idp, world) = Idp::start(&world).await;
        // Missing, and what only looks like true, is not true.
        for (n, flag) in [Value::Null, json!(false), json!("true"), json!(1)].into_iter().enumerate() {
            let address = format!("ada{n}@example.com");
            idp.is(json!({ "sub": format!("ada{n}"), "email": address, "email_verified": flag }));
            let ada = world.browser();
            let page = ada.sign_up_by(ACME).await;
            assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK, "{flag}");
            let sign_up = ada.client().await["sign_up"].clone();
            assert_eq!((&sign_up["email_address"], &sign_up["unverified_fields"]), (&json!(address), &json!(["email_address"])), "{flag}");
            let id = sign_up["id"].as_str().unwrap();
            ada.prepare_sign_up(id).await.ok();
            let code = world.code(&address).await;
            assert_eq!(ada.attempt_sign_up(id, &code).await.response()["status"], "complete");
            let email = &ada.client().await["sessions"][0]["user"]["email_addresses"][0];
            assert_eq!(email["verification"]["strategy"], "email_code");
        }
    }

    async fn a_provider_without_an_address_leaves_it_to_the_person(world: World) {
        let (idp, world) = Idp::start(&world).await;
        idp.is(json!({ "sub": "ada" }));
        let ada = world.browser();
        let page = ada.sign_up_by(ACME).await;
        ada.come_back(&idp.allow(&page)).await;
        let sign_up = ada.client().await["sign_up"].clone();
        assert_eq!((&sign_up["missing_fields"], &sign_up["email_address"]), (&json!(["email_address"]), &Value::Null));
    }

    async fn no_is_an_answer(world: World) {
        let (idp, world) = Idp::start(&world).await;
        for (error, code) in [("access_denied", "oauth_access_denied"), ("server_error", "oauth_token_exchange_error"), ("<script>alert(1)</script>", "oauth_token_exchange_error")] {
            let ada = world.browser();
            let page = ada.sign_in_by(ACME).await;
            assert_eq!(ada.come_back(&idp.deny(&page, error)).await, BACK);
            let trip = ada.trip().await;
            assert_eq!((&trip["status"], &trip["error"]["code"]), (&json!("failed"), &json!(code)), "{error}");
            assert!(!trip.to_string().contains("script"), "{trip}");
            let page = ada.sign_up_by(ACME).await;
            assert_eq!(ada.come_back(&idp.deny(&page, error)).await, BACK);
            let trip = &ada.client().await["sign_up"]["verifications"]["external_account"];
            assert_eq!((&trip["status"], &trip["error"]["code"]), (&json!("failed"), &json!(code)), "{error}");
        }
        assert!(idp.seen("/token").is_empty());
    }

    async fn a_provider_that_fails_is_told_in_the_verification(world: World) {
        let (idp, world) = Idp::start(&world).await;
        // Its address is asked for at the third endpoint.
        idp.is(json!({ "sub": "ada" }));
        for (path, code) in [("/token", "oauth_token_exchange_error"), ("/jwks", "oauth_token_exchange_error"), ("/userinfo", "oauth_fetch_user_error")] {
            for mood in [Mood::Gone, Mood::Status(500), Mood::Status(302), Mood::Garbage] {
                idp.mood(path, mood);
                let ada = world.browser();
                let page = ada.sign_in_by(ACME).await;
                assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK, "{path} {mood:?}");
                let trip = ada.trip().await;
                assert_eq!((&trip["status"], &trip["error"]["code"]), (&json!("failed"), &json!(code)), "{path} {mood:?}");
                assert!(ada.session_ids().await.is_empty());
            }
            idp.mood(path, Mood::Well);
        }
    }

    async fn a_provider_that_never_answers_is_not_waited_for(world: World) {
        let (idp, world) = Idp::start(&world).await;
        idp.mood("/token", Mood::Silent);
        let ada = world.browser();
        let page = ada.sign_in_by(ACME).await;
        assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
        assert_eq!(ada.trip().await["error"]["code"], "oauth_token_exchange_error");
    }

    async fn a_provider_whose_description_is_away_is_refused_at_once(world: World) {
        let (idp, world) = Idp::start(&world).await;
        idp.mood("/.well-known/openid-configuration", Mood::Status(503));
        let form = [("strategy", ACME), ("redirect_url", BACK)];
        for path in ["/v1/client/sign_ins", "/v1/client/sign_ups"] {
            world.browser().post(path, &form).await.refused(400, "misconfigured_oauth_provider");
        }
    }

    async fn the_second_factor_is_still_asked_for(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.settings(|s| s.attributes.authenticator_app = true).await;
        let ada = world.browser();
        ada.joins_by(&idp).await;
        let begun = ada.post("/v1/me/totp", &[]).await.response();
        let app = AuthenticatorApp::new(&world, begun["secret"].as_str().unwrap());
        ada.verify_app(&app.code()).await.ok();
        world.advance_secs(90);
        let elsewhere = world.browser();
        let page = elsewhere.sign_in_by(ACME).await;
        assert_eq!(elsewhere.come_back(&idp.allow(&page)).await, BACK);
        let sign_in = elsewhere.client().await["sign_in"].clone();
        assert_eq!(sign_in["status"], "needs_second_factor", "{sign_in}");
        assert!(elsewhere.session_ids().await.is_empty());
        let path = format!("/v1/client/sign_ins/{}/attempt_second_factor", sign_in["id"].as_str().unwrap());
        let done = elsewhere.post(&path, &[("strategy", "totp"), ("code", &app.code())]).await.response();
        assert_eq!(done["status"], "complete");
    }

    async fn banned_and_locked_users_stay_out_and_get_nothing_linked(world: World) {
        let (idp, world) = Idp::start(&world).await;
        for (act, code) in [("ban", "user_banned"), ("lock", "user_locked")] {
            let address = format!("{act}@example.com");
            let user = world.user(&address).await;
            world.server().post(&format!("/v1/users/{}/{act}", user.id), json!({})).await.ok();
            idp.person(act, &address, true);
            let ada = world.browser();
            let page = ada.sign_in_by(ACME).await;
            assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
            let trip = ada.trip().await;
            assert_eq!((&trip["status"], &trip["error"]["code"]), (&json!("failed"), &json!(code)));
            assert!(ada.session_ids().await.is_empty());
            let shown = world.server().get(&format!("/v1/users/{}", user.id)).await.ok();
            assert_eq!(shown["external_accounts"], json!([]));
            assert_eq!(shown[if act == "ban" { "banned" } else { "locked" }], true);
        }
    }

    async fn who_may_not_join_does_not_join_by_a_provider(world: World) {
        let (idp, world) = Idp::start(&world).await;
        for (mode, code) in [(SignUpMode::Restricted, "sign_up_mode_restricted"), (SignUpMode::Waitlist, "sign_up_restricted_waitlist")] {
            world.settings(|s| s.sign_up_mode = mode).await;
            let ada = world.browser();
            let page = ada.sign_in_by(ACME).await;
            assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
            let trip = ada.trip().await;
            assert_eq!((&trip["status"], &trip["error"]["code"]), (&json!("failed"), &json!(code)));
            ada.post("/v1/client/sign_ups", &[("transfer", "true")]).await.refused(403, code);
            let form = [("strategy", ACME), ("redirect_url", BACK)];
            world.browser().post("/v1/client/sign_ups", &form).await.refused(403, code);
        }
        // It was open when the trip began.
        world.settings(|s| s.sign_up_mode = SignUpMode::Public).await;
        let ada = world.browser();
        let page = ada.sign_up_by(ACME).await;
        world.settings(|s| s.sign_up_mode = SignUpMode::Restricted).await;
        assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
        let trip = &ada.client().await["sign_up"]["verifications"]["external_account"];
        assert_eq!(trip["error"]["code"], "sign_up_mode_restricted");
        world.settings(|s| s.sign_up_mode = SignUpMode::Public).await;
        // The lists know no other door.
        world.settings(|s| s.restrictions.blocklist = true).await;
        world.server().post("/v1/blocklist_identifiers", json!({ "identifier": "ada@example.com" })).await.ok();
        let ada = world.browser();
        let page = ada.sign_in_by(ACME).await;
        ada.come_back(&idp.allow(&page)).await;
        assert_eq!(ada.trip().await["error"]["code"], "not_allowed_access");
        let page = ada.sign_up_by(ACME).await;
        ada.come_back(&idp.allow(&page)).await;
        assert_eq!(ada.client().await["sign_up"]["verifications"]["external_account"]["error"]["code"], "not_allowed_access");
        assert_eq!(world.server().get("/v1/users/count").await.ok()["total_count"], 0);
    }

    async fn a_connection_may_keep_subaddresses_and_strangers_out(world: World) {
        let (idp, world) = Idp::start(&world).await;
        idp.offer(&world, "custom_acme", |c| c.block_email_subaddresses = true).await;
        idp.person("ada", "ada+1@example.com", true);
        let ada = world.browser();
        let page = ada.sign_up_by(ACME).await;
        assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
        assert_eq!(ada.client().await["sign_up"]["verifications"]["external_account"]["error"]["code"], "form_email_address_blocked");
        let form = [("strategy", ACME), ("redirect_url", BACK)];
        idp.offer(&world, "custom_acme", |c| c.sign_up = false).await;
        world.browser().post("/v1/client/sign_ups", &form).await.refused(400, "oauth_non_authenticatable_provider");
        let ada = world.browser();
        let page = ada.sign_in_by(ACME).await;
        ada.come_back(&idp.allow(&page)).await;
        assert_eq!(ada.trip().await["error"]["code"], "not_allowed_to_sign_up");
        idp.offer(&world, "custom_acme", |c| c.sign_in = false).await;
        for path in ["/v1/client/sign_ins", "/v1/client/sign_ups"] {
            world.unchanged(world.browser().post(path, &form)).await.refused(400, "oauth_non_authenticatable_provider");
        }
        idp.offer(&world, "custom_acme", |c| c.enabled = false).await;
        for path in ["/v1/client/sign_ins", "/v1/client/sign_ups"] {
            world.unchanged(world.browser().post(path, &form)).await.refused(422, "form_param_value_invalid strategy");
        }
    }

    async fn a_user_who_was_named_may_go_to_a_provider(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.browser().joins_by(&idp).await;
        world.user("bob@example.com").await;
        let ada = world.browser();
        let sign_in = ada.start_sign_in("ada@example.com").await;
        let offered = |s: &Value| s["supported_first_factors"].as_array().unwrap().iter().any(|f| f["strategy"] == ACME);
        assert!(offered(&sign_in), "{sign_in}");
        let path = |s: &Value| format!("/v1/client/sign_ins/{}/prepare_first_factor", s["id"].as_str().unwrap());
        let form = [("strategy", ACME), ("redirect_url", BACK), ("action_complete_redirect_url", DONE)];
        let prepared = ada.post(&path(&sign_in), &form).await.response();
        assert_eq!(prepared["status"], "needs_first_factor");
        let page = crate::idp::leads(&prepared["first_factor_verification"]);
        assert_eq!(ada.come_back(&idp.allow(&page)).await, DONE);
        let bob = world.browser();
        let sign_in = bob.start_sign_in("bob@example.com").await;
        assert!(!offered(&sign_in));
        world.unchanged(bob.post(&path(&sign_in), &form)).await.refused(400, "strategy_for_user_invalid");
    }

    async fn a_named_user_is_not_somebody_else(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.browser().joins_by(&idp).await;
        let ada = world.browser();
        let sign_in = ada.start_sign_in("ada@example.com").await;
        let path = format!("/v1/client/sign_ins/{}/prepare_first_factor", sign_in["id"].as_str().unwrap());
        let form = [("strategy", ACME), ("redirect_url", BACK)];
        let prepared = ada.post(&path, &form).await.response();
        let page = crate::idp::leads(&prepared["first_factor_verification"]);
        idp.person("eve", "eve@example.com", true);
        assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
        let trip = ada.trip().await;
        assert_eq!((&trip["status"], &trip["error"]["code"]), (&json!("failed"), &json!("external_account_not_found")));
        ada.post("/v1/client/sign_ups", &[("transfer", "true")]).await.refused(400, "account_transfer_invalid");
    }

    async fn everybody_looks_alike_where_that_is_asked_for(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.browser().joins_by(&idp).await;
        world.settings(|s| s.enumeration_protection = true).await;
        for address in ["ada@example.com", "nobody@example.com"] {
            let sign_in = world.browser().start_sign_in(address).await;
            let ways: Vec<&Value> = sign_in["supported_first_factors"].as_array().unwrap().iter().map(|f| &f["strategy"]).collect();
            assert!(ways.contains(&&json!(ACME)), "{address}: {ways:?}");
        }
    }

    async fn somebody_who_is_signed_in_is_told_so(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        ada.joins_by(&idp).await;
        let form = [("strategy", ACME), ("redirect_url", BACK)];
        for path in ["/v1/client/sign_ins", "/v1/client/sign_ups"] {
            ada.post(path, &form).await.refused(400, "session_exists");
        }
        world.settings(|s| s.single_session_mode = false).await;
        let page = ada.sign_in_by(ACME).await;
        assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
        let trip = ada.trip().await;
        assert_eq!(trip["error"]["code"], "identifier_already_signed_in");
        assert_eq!(trip["error"]["meta"]["session_id"], ada.session_ids().await[0]);
    }

    async fn the_environment_offers_what_is_on(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let shown = world.browser().get("/v1/environment").await.ok();
        let acme = &shown["user_settings"]["social"][ACME];
        assert_eq!((&acme["enabled"], &acme["authenticatable"], &acme["strategy"], &acme["name"]), (&json!(true), &json!(true), &json!(ACME), &json!("Acme")));
        assert!(shown["auth_config"]["first_factors"].as_array().unwrap().contains(&json!(ACME)));
        let logo = acme["logo_url"].as_str().unwrap().strip_prefix("http://localhost:8787").unwrap();
        assert_eq!(world.browser().get(logo).await.content_type, "image/svg+xml");
        idp.offer(&world, "custom_acme", |c| c.enabled = false).await;
        let shown = world.browser().get("/v1/environment").await.ok();
        assert_eq!(shown["user_settings"]["social"], json!({}));
    }

    async fn whoever_signed_up_without_a_password_may_set_one(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.browser();
        ada.joins_by(&idp).await;
        ada.post("/v1/me/change_password", &[("new_password", PASSWORD)]).await.ok();
        world.settings(|s| {
            s.attributes.password = Presence::On;
            s.attributes.email_code = false;
        }).await;
        // The account elsewhere is the other way that is left.
        ada.post("/v1/me/remove_password", &[("current_password", PASSWORD)]).await.ok();
    }
}
