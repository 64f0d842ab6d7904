//! When a provider's word makes an account here somebody's (decision 28): both sides have verified the address, or nobody
//! gets in.
use crate::browser::PASSWORD;
use crate::idp::{ACME, BACK, DONE, Idp};
use serde_json::{Value, json};

const ADDRESS: &str = "ada@example.com";

both! {
    async fn two_verified_sides_are_linked(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let ada = world.user(ADDRESS).await;
        let browser = world.browser();
        let session = browser.enters_by(&idp).await;
        let user = &session["user"];
        assert_eq!((&user["id"], &user["password_enabled"]), (&json!(ada.id), &json!(true)));
        assert_eq!(user["email_addresses"][0]["linked_to"][0]["type"], ACME);
        // The password is the user's, who proved the address: it stays.
        let done = world.browser().sign_in_with_password(ADDRESS, PASSWORD).await.response();
        assert_eq!(done["status"], "complete");
        // By the account, whatever its address becomes.
        idp.person("ada", "ada@elsewhere.example", true);
        let again = world.browser().enters_by(&idp).await;
        assert_eq!(again["user"]["id"], json!(ada.id));
        assert_eq!(again["user"]["external_accounts"][0]["email_address"], "ada@elsewhere.example");
        assert_eq!(again["user"]["email_addresses"].as_array().unwrap().len(), 1, "the user's own addresses stay as they are");
    }

    async fn a_provider_that_did_not_verify_links_nobody(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.user(ADDRESS).await;
        for flag in [Value::Null, json!(false), json!("true")] {
            idp.is(json!({ "sub": "eve", "email": ADDRESS, "email_verified": flag }));
            let eve = world.browser();
            let page = eve.sign_in_by(ACME).await;
            assert_eq!(eve.come_back(&idp.allow(&page)).await, BACK, "{flag}");
            assert_eq!(eve.trip().await["status"], "transferable", "{flag}");
            // Neither does the sign-up that follows: the address is left out, as somebody's.
            let sign_up = eve.post("/v1/client/sign_ups", &[("transfer", "true")]).await.response();
            assert_eq!((&sign_up["status"], &sign_up["email_address"], &sign_up["missing_fields"]), (&json!("missing_requirements"), &Value::Null, &json!(["email_address"])), "{flag}");
            eve.post("/v1/client/sign_ins", &[("transfer", "true")]).await.refused(400, "account_transfer_invalid");
            assert!(eve.session_ids().await.is_empty());
        }
        assert_eq!(world.count("external_accounts").await, 0);
    }

    async fn a_provider_that_did_not_verify_tells_nobody_who_is_a_user(world: World) {
        let (idp, world) = Idp::start(&world).await;
        world.user(ADDRESS).await;
        world.settings(|s| s.enumeration_protection = true).await;
        let mut seen = Vec::new();
        for (subject, address) in [("eve", ADDRESS), ("bob", "nobody@example.com")] {
            idp.person(subject, address, false);
            let eve = world.browser();
            let page = eve.sign_up_by(ACME).await;
            assert_eq!(eve.come_back(&idp.allow(&page)).await, BACK);
            let sign_up = eve.client().await["sign_up"].clone();
            assert_eq!(sign_up["email_address"], address);
            let prepared = eve.prepare_sign_up(sign_up["id"].as_str().unwrap()).await.response();
            seen.push((sign_up["missing_fields"].clone(), sign_up["unverified_fields"].clone(), prepared["status"].clone(), prepared["verifications"]["email_address"]["status"].clone()));
        }
        assert_eq!(seen[0], seen[1]);
    }

    async fn an_address_that_is_only_reserved_is_no_way_in(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let server = world.server();
        let reserved = json!({ "email_address": [ADDRESS], "email_address_identification_status": ["reserved"], "password": PASSWORD });
        let made = server.post("/v1/users", reserved).await.ok();
        assert_eq!(made["email_addresses"][0]["reserved"], true);
        for by_sign_up in [false, true] {
            let ada = world.browser();
            let page = if by_sign_up { ada.sign_up_by(ACME).await } else { ada.sign_in_by(ACME).await };
            assert_eq!(ada.come_back(&idp.allow(&page)).await, BACK);
            let client = ada.client().await;
            let trip = if by_sign_up { &client["sign_up"]["verifications"]["external_account"] } else { &client["sign_in"]["first_factor_verification"] };
            assert_eq!((&trip["status"], &trip["error"]["code"]), (&json!("failed"), &json!("external_account_email_address_verification_required")));
        }
        assert_eq!(world.count("external_accounts").await, 0);
    }

    async fn an_account_that_was_hijacked_beforehand_is_not_the_victims(world: World) {
        let (idp, world) = Idp::start(&world).await;
        // Mallory adds the victim's address to an account with a password, and cannot prove it.
        let (mallory, account, _) = world.signed_in("mallory@example.com").await;
        mallory.post("/v1/me/email_addresses", &[("email_address", ADDRESS)]).await.ok();
        let ada = world.browser();
        let session = ada.joins_by(&idp).await;
        assert_ne!(session["user"]["id"], json!(account.id));
        assert_eq!(session["user"]["email_addresses"][0]["email_address"], ADDRESS);
        // What Mallory has of it opens nothing, and can be proved no more.
        let refused = world.browser().sign_in_with_password(ADDRESS, PASSWORD).await;
        assert_ne!(refused.status, 200, "{}", refused.body);
        assert_eq!(world.browser().enters_by(&idp).await["user"]["id"], session["user"]["id"]);
    }

    async fn a_sign_up_that_waits_for_its_code_holds_nothing(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let mallory = world.browser();
        let id = mallory.pending_sign_up(ADDRESS).await;
        let ada = world.browser();
        let session = ada.joins_by(&idp).await;
        let user = &session["user"];
        assert_eq!(user["password_enabled"], false);
        // Even with the code, the attempt that came first becomes no second user.
        let code = world.code(ADDRESS).await;
        mallory.attempt_sign_up(&id, &code).await.refused(422, "form_identifier_exists email_address");
        assert_eq!(world.server().get("/v1/users/count").await.ok()["total_count"], 1);
    }

    async fn another_account_with_the_same_address_is_another_account(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let first = world.browser().joins_by(&idp).await;
        // The address was given to somebody else at the provider, who says so and has verified it: both are the owner's here.
        idp.person("ada2", ADDRESS, true);
        let second = world.browser().enters_by(&idp).await;
        assert_eq!(first["user"]["id"], second["user"]["id"]);
        assert_eq!(second["user"]["external_accounts"].as_array().unwrap().len(), 2);
        // An account that changes its address to somebody else's stays its owner's.
        let eve = world.user("eve@example.com").await;
        idp.person("ada", "eve@example.com", true);
        let again = world.browser().enters_by(&idp).await;
        assert_ne!(again["user"]["id"], json!(eve.id));
    }

    async fn the_invited_join_by_a_provider_with_the_invited_address(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let made = world.server().post("/v1/invitations", json!({ "email_address": "invited@example.com", "public_metadata": { "plan": "a" } })).await.ok();
        let url = made["url"].as_str().unwrap();
        let ticket = crate::idp::query(url)["ticket"].as_str().unwrap().to_owned();
        let ada = world.browser();
        let form = [("strategy", ACME), ("redirect_url", BACK), ("action_complete_redirect_url", DONE), ("ticket", ticket.as_str())];
        let sign_up = ada.post("/v1/client/sign_ups", &form).await.response();
        let page = crate::idp::leads(&sign_up["verifications"]["external_account"]);
        assert_eq!(ada.come_back(&idp.allow(&page)).await, DONE);
        let user = ada.client().await["sessions"][0]["user"].clone();
        assert_eq!((&user["email_addresses"][0]["email_address"], &user["public_metadata"]["plan"]), (&json!("invited@example.com"), &json!("a")));
        assert_eq!(user["external_accounts"][0]["email_address"], ADDRESS);
    }

    async fn the_same_account_joins_once_from_two_places(world: World) {
        let (idp, world) = Idp::start(&world).await;
        let (one, two) = (world.browser(), world.browser());
        let first = idp.allow(&one.sign_up_by(ACME).await);
        let second = idp.allow(&two.sign_up_by(ACME).await);
        let (a, b) = tokio::join!(one.get(&first), two.get(&second));
        let done = [&a, &b].iter().filter(|r| r.header("location") == Some(DONE)).count();
        assert_eq!(done, 1, "{a:?} {b:?}");
        assert_eq!(world.count("users").await, 1);
        assert_eq!(world.count("external_accounts").await, 1);
    }
}
