//! Wallets (contract fapi §8.4–8.6, bapi §2.1; EIP-4361; decision 30): of a signed-in user, as a first factor, as a sign-up's field.
use crate::answer::Answer;
use crate::browser::{Browser, PASSWORD};
use crate::tickets::redeem;
use crate::wallet::Wallet;
use crate::world::World;
use serde_json::{Value, json};
use usher_server::instances::settings::Presence;
use usher_server::strategies::Strategy;

const MINE: &[&str] = &["verifications", "web3_wallets", "users"];

async fn world_with_wallets(world: &World) {
    world
        .settings(|s| {
            s.attributes.web3_wallet = vec![
                Strategy::Web3Metamask,
                Strategy::Web3OkxWallet,
                Strategy::Web3Solana,
            ];
        })
        .await;
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Adds a wallet to the signed-in user: its id.
async fn add(browser: &Browser, wallet: &Wallet) -> String {
    let form = [("web3_wallet", wallet.address())];
    let form = form.each_ref().map(|(n, v)| (*n, v.as_str()));
    let made = browser.post("/v1/me/web3_wallets", &form).await.response();
    text(&made["id"]).to_owned()
}

async fn prepare_own(browser: &Browser, id: &str, strategy: &str) -> Answer {
    let path = format!("/v1/me/web3_wallets/{id}/prepare_verification");
    browser.post(&path, &[("strategy", strategy)]).await
}

async fn attempt_own(browser: &Browser, id: &str, signature: &str) -> Answer {
    let path = format!("/v1/me/web3_wallets/{id}/attempt_verification");
    browser.post(&path, &[("signature", signature)]).await
}

/// The message that an own wallet is to sign.
async fn own_message(browser: &Browser, id: &str, wallet: &Wallet) -> String {
    let asked = prepare_own(browser, id, wallet.strategy()).await.response();
    text(&asked["verification"]["message"]).to_owned()
}

/// Adds a wallet and proves it: its id.
pub(crate) async fn connect(browser: &Browser, wallet: &Wallet) -> String {
    let id = add(browser, wallet).await;
    let message = own_message(browser, &id, wallet).await;
    let done = attempt_own(browser, &id, &wallet.sign(&message)).await;
    assert_eq!(done.response()["verification"]["status"], "verified");
    id
}

async fn prepare(browser: &Browser, sign_in: &Value, strategy: &str) -> Answer {
    let factors = sign_in["supported_first_factors"].as_array().unwrap();
    let factor = factors.iter().find(|f| f["strategy"] == strategy).unwrap();
    let path = format!(
        "/v1/client/sign_ins/{}/prepare_first_factor",
        text(&sign_in["id"])
    );
    let form = [
        ("strategy", strategy),
        ("web3_wallet_id", text(&factor["web3_wallet_id"])),
    ];
    browser.post(&path, &form).await
}

async fn attempt(browser: &Browser, id: &str, strategy: &str, signature: &str) -> Answer {
    let path = format!("/v1/client/sign_ins/{id}/attempt_first_factor");
    browser
        .post(&path, &[("strategy", strategy), ("signature", signature)])
        .await
}

/// Begins a sign-in by wallet: its id, and the message.
async fn begin(browser: &Browser, wallet: &Wallet) -> (String, String) {
    let begun = browser.start_sign_in(&wallet.address()).await;
    let asked = prepare(browser, &begun, wallet.strategy()).await.response();
    assert_eq!(
        asked["first_factor_verification"]["object"],
        "verification_web3"
    );
    (
        text(&begun["id"]).to_owned(),
        text(&asked["first_factor_verification"]["message"]).to_owned(),
    )
}

/// Signs in by wallet, as the official library does it.
async fn sign_in(browser: &Browser, wallet: &Wallet) -> Answer {
    let (id, message) = begin(browser, wallet).await;
    attempt(browser, &id, wallet.strategy(), &wallet.sign(&message)).await
}

/// Begins a sign-up by wallet: its id, and the message.
async fn begin_sign_up(
    browser: &Browser,
    wallet: &Wallet,
    more: &[(&str, &str)],
) -> (String, String) {
    let address = wallet.address();
    let form = [&[("web3_wallet", address.as_str())], more].concat();
    let id = browser.start_sign_up(&form).await;
    let path = format!("/v1/client/sign_ups/{id}/prepare_verification");
    let asked = browser
        .post(&path, &[("strategy", wallet.strategy())])
        .await
        .response();
    let verification = &asked["verifications"]["web3_wallet"];
    assert_eq!(verification["next_action"], "needs_attempt");
    let message = text(&verification["message"]).to_owned();
    (id, message)
}

async fn prove_sign_up(browser: &Browser, id: &str, strategy: &str, signature: &str) -> Answer {
    let path = format!("/v1/client/sign_ups/{id}/attempt_verification");
    browser
        .post(&path, &[("strategy", strategy), ("signature", signature)])
        .await
}

/// An instance where a wallet is all that it takes.
async fn wallets_alone(world: &World) {
    world_with_wallets(world).await;
    world
        .settings(|s| {
            s.attributes.email_address = Presence::On;
            s.attributes.password = Presence::On;
        })
        .await;
}

both! {
    async fn a_wallet_is_connected_made_primary_and_removed(world: World) {
        world_with_wallets(&world).await;
        let (browser, user, _) = world.signed_in("ada@example.com").await;
        assert_eq!(browser.get("/v1/me/web3_wallets").await.ok(), json!([]));
        let (one, two) = (Wallet::ethereum(1), Wallet::solana(2));
        let form = [("web3_wallet", one.address())];
        let made = browser.post("/v1/me/web3_wallets", &form.each_ref().map(|(n, v)| (*n, v.as_str()))).await.response();
        assert_eq!((&made["object"], &made["verification"]), (&json!("web3_wallet"), &json!(null)));
        assert_eq!(made["web3_wallet"], "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1", "it is shown with its checksum");
        let id = text(&made["id"]);
        assert_eq!(browser.client().await["sessions"][0]["user"]["primary_web3_wallet_id"], json!(null), "nobody proved it");
        let asked = prepare_own(&browser, id, "web3_metamask_signature").await.response();
        let verification = &asked["verification"];
        assert_eq!((&verification["object"], &verification["status"], &verification["strategy"]), (&json!("verification_web3"), &json!("unverified"), &json!("web3_metamask_signature")));
        let message = text(&verification["message"]);
        assert!(message.starts_with("localhost:8787 wants you to sign in with your Ethereum account:\n0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1\n\nConnect this wallet"), "{message}");
        assert!(message.contains("\n\nURI: http://localhost:8787\nVersion: 1\nChain ID: 1\nNonce: ") && message.ends_with("\nIssued At: 2026-01-02T03:04:05Z\nExpiration Time: 2026-01-02T03:09:05Z"), "{message}");
        let shown = browser.get(&format!("/v1/me/web3_wallets/{id}")).await.response();
        assert_eq!(shown["verification"]["message"], message);
        let done = attempt_own(&browser, id, &one.sign(message)).await.ok();
        let verification = &done["response"]["verification"];
        assert_eq!((&verification["status"], &verification["strategy"], &verification["message"]), (&json!("verified"), &json!("web3_metamask_signature"), &json!(null)));
        let own = &done["client"]["sessions"][0]["user"];
        assert_eq!((&own["primary_web3_wallet_id"], &own["web3_wallets"][0]["id"]), (&json!(id), &json!(id)));
        world.unchanged(attempt_own(&browser, id, &one.sign(message))).await.refused(400, "verification_already_verified");
        world.unchanged(prepare_own(&browser, id, "web3_metamask_signature")).await.refused(400, "verification_already_verified");

        let other = connect(&browser, &two).await;
        assert_eq!(browser.get("/v1/me/web3_wallets").await.ok().as_array().unwrap().len(), 2);
        let me = browser.patch("/v1/me", &[("primary_web3_wallet_id", &other)]).await.response();
        assert_eq!(me["primary_web3_wallet_id"], other);
        let server = world.server();
        let shown = server.get(&format!("/v1/users/{}", user.id)).await.ok();
        assert_eq!((&shown["primary_web3_wallet_id"], &shown["web3_wallets"][1]["web3_wallet"]), (&json!(other), &json!(two.address())));
        let set = server.patch(&format!("/v1/users/{}", user.id), json!({ "primary_web3_wallet_id": id })).await.ok();
        assert_eq!(set["primary_web3_wallet_id"], id);
        let gone = browser.delete(&format!("/v1/me/web3_wallets/{id}")).await.ok();
        assert_eq!((&gone["response"]["deleted"], &gone["client"]["sessions"][0]["user"]["primary_web3_wallet_id"]), (&json!(true), &json!(other)));
        let gone = server.delete(&format!("/v1/users/{}/web3_wallets/{other}", user.id)).await.ok();
        assert_eq!(gone, json!({ "object": "web3_wallet", "id": other, "deleted": true }));
        assert_eq!(server.get(&format!("/v1/users/{}", user.id)).await.ok()["primary_web3_wallet_id"], json!(null));
        world.unchanged(server.delete(&format!("/v1/users/{}/web3_wallets/{other}", user.id))).await.refused(404, "resource_not_found");
    }

    async fn every_wrong_wallet_and_signature_is_refused(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let form = [("web3_wallet", "0x52908400098527886E0F7030069857D2E4169EE7")];
        world.unchanged(browser.post("/v1/me/web3_wallets", &form)).await.refused(422, "form_param_unknown web3_wallet");
        world.settings(|s| s.attributes.web3_wallet = vec![Strategy::Web3Metamask]).await;
        for bad in ["x", "0x1", "0x52908400098527886E0F7030069857D2E4169Ee7", "52908400098527886E0F7030069857D2E4169EE7", &Wallet::solana(1).address(), "11111111111111111111111111111111"] {
            world.unchanged(browser.post("/v1/me/web3_wallets", &[("web3_wallet", bad)])).await.refused(422, "form_param_format_invalid web3_wallet");
        }
        world_with_wallets(&world).await;
        let (mine, other) = (Wallet::ethereum(1), Wallet::ethereum(2));
        let id = add(&browser, &mine).await;
        assert_eq!(add(&browser, &mine).await, id, "who declined to sign tries again");
        for strategy in ["web3_solana_signature", "web3_base_signature", "email_code", "password"] {
            world.unchanged(prepare_own(&browser, &id, strategy)).await.refused(400, "verification_strategy_invalid strategy");
        }
        world.unchanged(prepare_own(&browser, &id, "nonsense")).await.refused(422, "form_param_value_invalid strategy");
        world.unchanged(attempt_own(&browser, &id, "0x00")).await.refused(400, "verification_missing");
        let message = own_message(&browser, &id, &mine).await;
        let right = mine.sign(&message);
        let smart = format!("{right}00");
        for wrong in [other.sign(&message), mine.sign(&format!("{message} ")), "nonsense".to_owned(), smart] {
            let answer = world.changes_only(MINE, attempt_own(&browser, &id, &wrong)).await;
            answer.refused(422, "form_incorrect_signature signature");
            assert_eq!(answer.body.contains("ERC-1271"), wrong.len() > 132, "{}", answer.body);
        }
        attempt_own(&browser, &id, "0x").await.refused(422, "form_incorrect_signature signature");
        attempt_own(&browser, &id, &right).await.refused(400, "verification_failed");
        // A new message makes the old one worth nothing; and each ends by itself.
        let old = own_message(&browser, &id, &mine).await;
        let new = own_message(&browser, &id, &mine).await;
        assert_ne!(old, new);
        attempt_own(&browser, &id, &mine.sign(&old)).await.refused(422, "form_incorrect_signature signature");
        world.advance_secs(300);
        world.unchanged(attempt_own(&browser, &id, &mine.sign(&new))).await.refused(400, "verification_expired");
        assert_eq!(browser.client().await["sessions"][0]["user"]["primary_web3_wallet_id"], json!(null));
        world.unchanged(browser.patch("/v1/me", &[("primary_web3_wallet_id", &id)])).await.refused(404, "resource_not_found primary_web3_wallet_id");
        world.unchanged(world.browser().post("/v1/client/sign_ins", &[("identifier", &mine.address())])).await.refused(422, "form_identifier_not_found identifier");
    }

    async fn a_wallet_belongs_to_its_user_and_its_message_to_the_client_that_asked(world: World) {
        world_with_wallets(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let wallet = Wallet::ethereum(1);
        let id = add(&ada, &wallet).await;
        let message = own_message(&ada, &id, &wallet).await;
        let (eve, eve_user, _) = world.signed_in("eve@example.com").await;
        let path = format!("/v1/me/web3_wallets/{id}");
        world.unchanged(eve.get(&path)).await.refused(404, "resource_not_found");
        world.unchanged(eve.delete(&path)).await.refused(404, "resource_not_found");
        world.unchanged(prepare_own(&eve, &id, wallet.strategy())).await.refused(404, "resource_not_found");
        world.unchanged(attempt_own(&eve, &id, &wallet.sign(&message))).await.refused(404, "resource_not_found");
        world.unchanged(world.server().delete(&format!("/v1/users/{}/web3_wallets/{id}", eve_user.id))).await.refused(404, "resource_not_found");
        let (_, server, _) = world.other_instance("other").await;
        world.unchanged(server.delete(&format!("/v1/users/{}/web3_wallets/{id}", eve_user.id))).await.refused(404, "resource_not_found");
        // Another browser of the same user asked for nothing.
        let second = world.browser();
        second.sign_in("ada@example.com").await;
        world.unchanged(attempt_own(&second, &id, &wallet.sign(&message))).await.refused(400, "verification_missing");
        attempt_own(&ada, &id, &wallet.sign(&message)).await.ok();
        // What is proved for one is nobody else's, in any spelling.
        for spelling in [wallet.address(), "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1".to_owned()] {
            world.unchanged(eve.post("/v1/me/web3_wallets", &[("web3_wallet", &spelling)])).await.refused(422, "form_identifier_exists web3_wallet");
            world.unchanged(ada.post("/v1/me/web3_wallets", &[("web3_wallet", &spelling)])).await.refused(422, "form_identifier_exists web3_wallet");
        }
        // Where nobody may learn that, whoever proves it does.
        world.settings(|s| s.enumeration_protection = true).await;
        let hers = add(&eve, &wallet).await;
        let message = own_message(&eve, &hers, &wallet).await;
        attempt_own(&eve, &hers, &wallet.sign(&message)).await.refused(400, "identification_claimed");
        assert_eq!(eve.client().await["sessions"][0]["user"]["primary_web3_wallet_id"], json!(null));
        assert_eq!(sign_in(&world.browser(), &wallet).await.ok()["client"]["sessions"][0]["user"]["primary_email_address_id"], ada.client().await["sessions"][0]["user"]["primary_email_address_id"]);
    }

    async fn a_wallet_signs_its_user_in(world: World) {
        world_with_wallets(&world).await;
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        for wallet in [Wallet::ethereum(1), Wallet::solana(1)] {
            let id = connect(&ada, &wallet).await;
            let browser = world.browser();
            let begun = browser.start_sign_in(&wallet.address()).await;
            assert_eq!((&begun["status"], &begun["user_data"]), (&json!("needs_first_factor"), &json!(null)), "whose an address is, is not told: {begun}");
            assert!(begun["supported_identifiers"].as_array().unwrap().contains(&json!("web3_wallet")));
            let factors = begun["supported_first_factors"].as_array().unwrap();
            let strategies: Vec<&str> = factors.iter().map(|f| text(&f["strategy"])).collect();
            let expected: &[&str] = if wallet.strategy() == "web3_solana_signature" { &["web3_solana_signature"] } else { &["web3_metamask_signature", "web3_okx_wallet_signature"] };
            assert_eq!(strategies, expected);
            assert_eq!(factors[0]["web3_wallet_id"], id);
            let before = browser.cookie("__client");
            let asked = prepare(&browser, &begun, wallet.strategy()).await.response();
            let message = text(&asked["first_factor_verification"]["message"]);
            assert!(message.contains("\n\nSign in with this wallet."), "{message}");
            let done = attempt(&browser, text(&begun["id"]), wallet.strategy(), &wallet.sign(message)).await.ok();
            assert_eq!(done["response"]["status"], "complete");
            assert_eq!((&done["client"]["sessions"][0]["user"]["id"], &done["client"]["last_authentication_strategy"]), (&json!(user.id), &json!(wallet.strategy())));
            assert_ne!(browser.cookie("__client"), before, "the client's token rotates");
            // The message is spent.
            let again = attempt(&browser, text(&begun["id"]), wallet.strategy(), &wallet.sign(message)).await;
            assert!(again.status == 400, "{}", again.body);
            // A session at once, by the strategy in the same request.
            let quick = world.browser();
            let begun = quick.post("/v1/client/sign_ins", &[("identifier", &wallet.address()), ("strategy", wallet.strategy())]).await.response();
            let message = text(&begun["first_factor_verification"]["message"]);
            assert_eq!(attempt(&quick, text(&begun["id"]), wallet.strategy(), &wallet.sign(message)).await.response()["status"], "complete");
        }
    }

    async fn nothing_but_its_signature_proves_who_named_a_wallet(world: World) {
        world_with_wallets(&world).await;
        let user = world.user("ada@example.com").await;
        let ada = world.browser();
        ada.sign_in("ada@example.com").await;
        let wallet = Wallet::ethereum(1);
        let id = connect(&ada, &wallet).await;
        let browser = world.browser();
        let address = wallet.address();
        world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", &address), ("password", PASSWORD)])).await.refused(400, "strategy_for_user_invalid");
        for strategy in ["password", "email_code", "passkey", "reset_password_email_code", "web3_solana_signature", "web3_base_signature"] {
            world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", &address), ("strategy", strategy)])).await.refused(400, "strategy_for_user_invalid");
        }
        let begun = browser.start_sign_in(&address).await;
        let path = format!("/v1/client/sign_ins/{}", text(&begun["id"]));
        world.unchanged(browser.attempt_password(text(&begun["id"]), PASSWORD)).await.refused(400, "strategy_for_user_invalid");
        world.unchanged(browser.post(&format!("{path}/prepare_first_factor"), &[("strategy", "email_code"), ("email_address_id", &user.email_id)])).await.refused(400, "strategy_for_user_invalid");
        world.unchanged(browser.post(&format!("{path}/prepare_first_factor"), &[("strategy", "passkey")])).await.refused(400, "strategy_for_user_invalid");
        world.unchanged(browser.post(&format!("{path}/prepare_first_factor"), &[("strategy", "web3_metamask_signature")])).await.refused(422, "form_param_missing web3_wallet_id");
        for (strategy, wallet) in [("web3_metamask_signature", user.email_id.as_str()), ("web3_solana_signature", &id), ("web3_base_signature", &id)] {
            world.unchanged(browser.post(&format!("{path}/prepare_first_factor"), &[("strategy", strategy), ("web3_wallet_id", wallet)])).await.refused(404, "resource_not_found");
        }
        world.unchanged(attempt(&browser, text(&begun["id"]), "web3_metamask_signature", "0x")).await.refused(400, "verification_missing");
        // And who named an address proves no wallet.
        let begun = browser.start_sign_in("ada@example.com").await;
        assert!(!begun.to_string().contains("web3_metamask"), "a wallet is nobody's who knows an address: {begun}");
        let path = format!("/v1/client/sign_ins/{}", text(&begun["id"]));
        world.unchanged(browser.post(&format!("{path}/prepare_first_factor"), &[("strategy", "web3_metamask_signature"), ("web3_wallet_id", &id)])).await.refused(400, "strategy_for_user_invalid");
        world.unchanged(attempt(&browser, text(&begun["id"]), "web3_metamask_signature", "0x")).await.refused(400, "strategy_for_user_invalid");
    }

    async fn wrong_signatures_sign_nobody_in_and_lock_nobody_out(world: World) {
        world_with_wallets(&world).await;
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let wallet = Wallet::ethereum(1);
        connect(&ada, &wallet).await;
        let browser = world.browser();
        let (id, message) = begin(&browser, &wallet).await;
        for wrong in [Wallet::ethereum(2).sign(&message), wallet.sign("another message"), "x".to_owned()] {
            world.changes_only(&["verifications"], attempt(&browser, &id, "web3_metamask_signature", &wrong)).await.refused(422, "form_incorrect_signature signature");
        }
        // The strategy is the one that was asked for, and only while it is on.
        world.unchanged(attempt(&browser, &id, "web3_okx_wallet_signature", &wallet.sign(&message))).await.refused(400, "verification_missing");
        world.unchanged(attempt(&browser, &id, "web3_base_signature", &wallet.sign(&message))).await.refused(400, "strategy_for_user_invalid");
        for _ in 0..2 {
            attempt(&browser, &id, "web3_metamask_signature", "x").await.refused(422, "form_incorrect_signature signature");
        }
        attempt(&browser, &id, "web3_metamask_signature", &wallet.sign(&message)).await.refused(400, "verification_failed");
        for _ in 0..4 {
            let (id, _) = begin(&browser, &wallet).await;
            for _ in 0..5 {
                attempt(&browser, &id, "web3_metamask_signature", "x").await.refused(422, "form_incorrect_signature signature");
            }
        }
        assert_eq!(world.rows("SELECT failed_attempts FROM users", &[]).await, ["0"], "an address is public: it must lock nobody out");
        // Another browser's attempt, another's message.
        let (id, message) = begin(&browser, &wallet).await;
        let thief = world.browser();
        begin(&thief, &wallet).await;
        world.unchanged(attempt(&thief, &id, "web3_metamask_signature", &wallet.sign(&message))).await.refused(404, "resource_not_found");
        let (own, _) = begin(&thief, &wallet).await;
        attempt(&thief, &own, "web3_metamask_signature", &wallet.sign(&message)).await.refused(422, "form_incorrect_signature signature");
        // Who may not sign in does not by a wallet either.
        let server = world.server();
        server.post(&format!("/v1/users/{}/lock", user.id), json!({})).await.ok();
        world.changes_only(&["verifications"], attempt(&browser, &id, "web3_metamask_signature", &wallet.sign(&message))).await.refused(403, "user_locked");
        let begun = browser.start_sign_in(&wallet.address()).await;
        world.unchanged(prepare(&browser, &begun, "web3_metamask_signature")).await.refused(403, "user_locked");
        server.post(&format!("/v1/users/{}/unlock", user.id), json!({})).await.ok();
        let (id, message) = begin(&browser, &wallet).await;
        server.post(&format!("/v1/users/{}/ban", user.id), json!({})).await.ok();
        world.changes_only(&["verifications"], attempt(&browser, &id, "web3_metamask_signature", &wallet.sign(&message))).await.refused(403, "user_banned");
        assert_eq!(browser.client().await["sessions"], json!([]));
    }

    async fn known_and_unknown_wallets_look_alike_where_that_is_protected(world: World) {
        world_with_wallets(&world).await;
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let (known, unknown) = (Wallet::ethereum(1), Wallet::ethereum(2));
        connect(&ada, &Wallet::ethereum(3)).await;
        connect(&ada, &known).await;
        world.settings(|s| s.enumeration_protection = true).await;
        let shape = |value: &Value| {
            let mut value = value.clone();
            for field in ["id", "identifier"] {
                value[field] = json!("…");
            }
            for factor in value["supported_first_factors"].as_array_mut().unwrap() {
                assert!(text(&factor["web3_wallet_id"]).starts_with("idn_"));
                factor["web3_wallet_id"] = json!("…");
            }
            if let Some(message) = value["first_factor_verification"].get_mut("message") {
                assert_eq!(text(message).len(), text(message).trim().len());
                *message = json!("…");
            }
            value
        };
        let mut seen = Vec::new();
        for wallet in [&known, &unknown] {
            let browser = world.browser();
            let begun = browser.start_sign_in(&wallet.address()).await;
            assert_eq!(browser.start_sign_in(&wallet.address()).await["supported_first_factors"], begun["supported_first_factors"], "an id that is made up stays");
            let begun = browser.start_sign_in(&wallet.address()).await;
            let asked = prepare(&browser, &begun, "web3_metamask_signature").await.response();
            let wrong = attempt(&browser, text(&begun["id"]), "web3_metamask_signature", "x").await;
            wrong.refused(422, "form_incorrect_signature signature");
            let password = browser.post("/v1/client/sign_ins", &[("identifier", &wallet.address()), ("password", PASSWORD)]).await;
            password.refused(400, "strategy_for_user_invalid");
            seen.push((shape(&begun), shape(&asked)));
        }
        assert_eq!(seen[0], seen[1]);
        // Whoever proves to hold a wallet that is nobody's learns so, and the official library goes on to sign up.
        let browser = world.browser();
        let (id, message) = begin(&browser, &unknown).await;
        attempt(&browser, &id, "web3_metamask_signature", &unknown.sign(&message)).await.refused(422, "form_identifier_not_found identifier");
        assert_eq!(browser.client().await["sessions"], json!([]));
        // Locked users are told when they have proved who they are.
        world.server().post(&format!("/v1/users/{}/lock", user.id), json!({})).await.ok();
        let (id, message) = begin(&browser, &known).await;
        attempt(&browser, &id, "web3_metamask_signature", "x").await.refused(422, "form_incorrect_signature signature");
        attempt(&browser, &id, "web3_metamask_signature", &known.sign(&message)).await.refused(403, "user_locked");
    }

    async fn a_wallet_that_changed_hands_signs_in_who_has_it_now(world: World) {
        world_with_wallets(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let wallet = Wallet::ethereum(1);
        let id = connect(&ada, &wallet).await;
        let browser = world.browser();
        let (attempt_id, message) = begin(&browser, &wallet).await;
        ada.delete(&format!("/v1/me/web3_wallets/{id}")).await.ok();
        let (eve, user, _) = world.signed_in("eve@example.com").await;
        connect(&eve, &wallet).await;
        let done = attempt(&browser, &attempt_id, "web3_metamask_signature", &wallet.sign(&message)).await.ok();
        assert_eq!(done["client"]["sessions"][0]["user"]["id"], user.id.as_str());
        let other = world.browser();
        let (attempt_id, message) = begin(&other, &wallet).await;
        let id = text(&eve.get("/v1/me/web3_wallets").await.ok()[0]["id"]).to_owned();
        eve.delete(&format!("/v1/me/web3_wallets/{id}")).await.ok();
        attempt(&other, &attempt_id, "web3_metamask_signature", &wallet.sign(&message)).await.refused(422, "form_identifier_not_found identifier");
        assert_eq!(other.client().await["sessions"], json!([]));
    }

    async fn a_second_factor_is_asked_for_after_a_wallet(world: World) {
        world_with_wallets(&world).await;
        world.settings(|s| s.attributes.authenticator_app = true).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let wallet = Wallet::ethereum(1);
        connect(&ada, &wallet).await;
        ada.enrol().await;
        let browser = world.browser();
        let done = sign_in(&browser, &wallet).await.response();
        assert_eq!((&done["status"], &done["created_session_id"]), (&json!("needs_second_factor"), &json!(null)));
    }

    async fn two_answers_to_one_message_make_one_session(world: World) {
        world_with_wallets(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let wallet = Wallet::ethereum(1);
        connect(&ada, &wallet).await;
        let sessions = world.count("sessions").await;
        let browser = world.browser();
        let (id, message) = begin(&browser, &wallet).await;
        let signature = wallet.sign(&message);
        let race = || { let (browser, id, signature) = (browser.thief(), id.clone(), signature.clone()); async move { attempt(&browser, &id, "web3_metamask_signature", &signature).await.status } };
        let (a, b, c) = tokio::join!(tokio::spawn(race()), tokio::spawn(race()), tokio::spawn(race()));
        let won = [a, b, c].into_iter().filter(|status| *status.as_ref().unwrap() == 200).count();
        assert_eq!((won, world.count("sessions").await), (1, sessions + 1));
    }

    async fn a_wallet_is_all_that_a_sign_up_takes(world: World) {
        wallets_alone(&world).await;
        for wallet in [Wallet::ethereum(1), Wallet::solana(1)] {
            let browser = world.browser();
            world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", &wallet.address())])).await.refused(422, "form_identifier_not_found identifier");
            let address = wallet.address();
            let begun = browser.post("/v1/client/sign_ups", &[("web3_wallet", &address)]).await.response();
            assert_eq!((&begun["status"], &begun["missing_fields"], &begun["unverified_fields"]), (&json!("missing_requirements"), &json!([]), &json!(["web3_wallet"])));
            assert_eq!(text(&begun["web3_wallet"]).to_lowercase(), address.to_lowercase());
            let server = world.server().get(&format!("/v1/sign_ups/{}", text(&begun["id"]))).await.ok();
            assert_eq!(server["verifications"]["web3_wallet"]["next_action"], "needs_prepare");
            let (id, message) = begin_sign_up(&browser, &wallet, &[]).await;
            assert!(message.contains("\n\nCreate an account with this wallet."), "{message}");
            let done = prove_sign_up(&browser, &id, wallet.strategy(), &wallet.sign(&message)).await.ok();
            let sign_up = &done["response"];
            assert_eq!((&sign_up["status"], &sign_up["verifications"]["web3_wallet"]["status"], &sign_up["verifications"]["web3_wallet"]["next_action"]), (&json!("complete"), &json!("verified"), &json!("")));
            let user = &done["client"]["sessions"][0]["user"];
            assert_eq!((&user["id"], &user["web3_wallets"][0]["id"]), (&sign_up["created_user_id"], &user["primary_web3_wallet_id"]));
            assert_eq!(user["web3_wallets"][0]["verification"]["strategy"], wallet.strategy());
            assert_eq!(done["client"]["sessions"][0]["public_user_data"]["identifier"], user["web3_wallets"][0]["web3_wallet"]);
            // It is the last way in: it stays.
            let path = format!("/v1/me/web3_wallets/{}", text(&user["primary_web3_wallet_id"]));
            world.unchanged(browser.delete(&path)).await.refused(400, "last_required_identification_deletion_failed");
            let server = format!("/v1/users/{}/web3_wallets/{}", text(&user["id"]), text(&user["primary_web3_wallet_id"]));
            world.unchanged(world.server().delete(&server)).await.refused(400, "last_required_identification_deletion_failed");
            let second = world.browser();
            assert_eq!(sign_in(&second, &wallet).await.response()["status"], "complete");
        }
    }

    async fn a_sign_up_by_wallet_gives_what_else_is_demanded(world: World) {
        world_with_wallets(&world).await;
        world.settings(|s| s.attributes.password = Presence::On).await;
        let browser = world.browser();
        let wallet = Wallet::ethereum(1);
        let (id, message) = begin_sign_up(&browser, &wallet, &[]).await;
        let proved = prove_sign_up(&browser, &id, wallet.strategy(), &wallet.sign(&message)).await.response();
        assert_eq!((&proved["status"], &proved["missing_fields"], &proved["unverified_fields"]), (&json!("missing_requirements"), &json!(["email_address"]), &json!([])));
        browser.patch(&format!("/v1/client/sign_ups/{id}"), &[("email_address", "ada@example.com")]).await.ok();
        browser.prepare_sign_up(&id).await.ok();
        let done = browser.attempt_sign_up(&id, &world.code("ada@example.com").await).await.ok();
        assert_eq!(done["response"]["status"], "complete");
        assert_eq!(done["client"]["sessions"][0]["user"]["web3_wallets"].as_array().unwrap().len(), 1);
        // The address may go, the wallet signs in; where the address is demanded it stays.
        let signed_in = browser.client().await;
        let user = &signed_in["sessions"][0]["user"];
        let email = format!("/v1/me/email_addresses/{}", text(&user["primary_email_address_id"]));
        world.unchanged(browser.delete(&email)).await.refused(400, "last_required_identification_deletion_failed");
        world.settings(|s| s.attributes.email_address = Presence::On).await;
        browser.delete(&email).await.ok();
        assert_eq!(sign_in(&world.browser(), &wallet).await.response()["status"], "complete");
    }

    async fn a_sign_up_by_wallet_is_refused_what_is_not_proved(world: World) {
        world.browser().post("/v1/client/sign_ups", &[("web3_wallet", &Wallet::ethereum(1).address())]).await.refused(422, "form_param_unknown web3_wallet");
        wallets_alone(&world).await;
        let browser = world.browser();
        let (wallet, other) = (Wallet::ethereum(1), Wallet::ethereum(2));
        world.unchanged(browser.post("/v1/client/sign_ups", &[("web3_wallet", "0x1")])).await.refused(422, "form_param_format_invalid web3_wallet");
        let plain = browser.start_sign_up(&[("first_name", "Ada")]).await;
        let prepare = |id: &str, strategy: &'static str| { let (browser, path) = (browser.clone(), format!("/v1/client/sign_ups/{id}/prepare_verification")); async move { browser.post(&path, &[("strategy", strategy)]).await } };
        world.unchanged(prepare(&plain, "web3_metamask_signature")).await.refused(422, "form_param_missing web3_wallet");
        world.unchanged(prove_sign_up(&browser, &plain, "web3_metamask_signature", "x")).await.refused(400, "verification_missing");
        let (id, message) = begin_sign_up(&browser, &wallet, &[]).await;
        world.unchanged(prepare(&id, "web3_solana_signature")).await.refused(400, "verification_strategy_invalid strategy");
        world.unchanged(prepare(&id, "web3_base_signature")).await.refused(400, "verification_strategy_invalid strategy");
        world.unchanged(prove_sign_up(&browser, &id, "web3_base_signature", "x")).await.refused(400, "verification_strategy_invalid strategy");
        world.unchanged(browser.post(&format!("/v1/client/sign_ups/{id}/attempt_verification"), &[("strategy", "web3_metamask_signature")])).await.refused(422, "form_param_missing signature");
        for wrong in [other.sign(&message), wallet.sign("x"), "x".to_owned()] {
            world.changes_only(&["verifications"], prove_sign_up(&browser, &id, "web3_metamask_signature", &wrong)).await.refused(422, "form_incorrect_signature signature");
        }
        // Another wallet in the same attempt begins anew.
        let address = other.address();
        browser.patch(&format!("/v1/client/sign_ups/{id}"), &[("web3_wallet", &address)]).await.ok();
        world.unchanged(prove_sign_up(&browser, &id, "web3_metamask_signature", &wallet.sign(&message))).await.refused(400, "verification_missing");
        let (id, message) = begin_sign_up(&browser, &wallet, &[]).await;
        world.advance_secs(300);
        world.unchanged(prove_sign_up(&browser, &id, "web3_metamask_signature", &wallet.sign(&message))).await.refused(400, "verification_expired");
        // A message to sign in with makes no account.
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        connect(&ada, &other).await;
        let address = other.address();
        world.unchanged(browser.post("/v1/client/sign_ups", &[("web3_wallet", &address)])).await.refused(422, "form_identifier_exists web3_wallet");
        world.settings(|s| s.enumeration_protection = true).await;
        let (id, message) = begin_sign_up(&browser, &other, &[]).await;
        prove_sign_up(&browser, &id, "web3_metamask_signature", &other.sign(&message)).await.refused(422, "form_identifier_exists web3_wallet");
        assert_eq!(world.count("users").await, 1);
    }

    async fn the_lists_count_for_wallets(world: World) {
        wallets_alone(&world).await;
        let server = world.server();
        let (listed, other) = (Wallet::ethereum(1), Wallet::solana(2));
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let id = connect(&ada, &other).await;
        for list in ["allow", "block"] {
            let entry = server.post(&format!("/v1/{list}list_identifiers"), json!({ "identifier": if list == "allow" { listed.address() } else { other.address() } })).await.ok();
            assert_eq!(entry["identifier_type"], "web3_wallet");
            server.patch("/v1/instance/restrictions", json!({ "allowlist": list == "allow", "blocklist": list == "block" })).await.ok();
            let refused = other.address();
            let browser = world.browser();
            world.unchanged(browser.post("/v1/client/sign_ups", &[("web3_wallet", &refused)])).await.refused(403, "not_allowed_access");
            world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", &refused)])).await.refused(403, "not_allowed_access");
            let (id, message) = begin_sign_up(&browser, &listed, &[]).await;
            assert!(message.contains("Nonce") && !id.is_empty());
        }
        server.patch("/v1/instance/restrictions", json!({ "allowlist": false, "blocklist": true, "allowlist_blocklist_disabled_on_sign_in": true })).await.ok();
        assert_eq!(sign_in(&world.browser(), &other).await.response()["status"], "complete");
        ada.delete(&format!("/v1/me/web3_wallets/{id}")).await.ok();
        let refused = other.address();
        world.unchanged(ada.post("/v1/me/web3_wallets", &[("web3_wallet", &refused)])).await.refused(403, "not_allowed_access");
    }

    async fn servers_make_find_and_count_users_by_wallet(world: World) {
        let server = world.server();
        let (one, two) = (Wallet::ethereum(1), Wallet::solana(2));
        let body = |wallets: &[String]| json!({ "email_address": ["ada@example.com"], "web3_wallet": wallets, "skip_password_requirement": true });
        world.unchanged(server.post("/v1/users", body(&[one.address()]))).await.refused(422, "form_param_unknown web3_wallet");
        world_with_wallets(&world).await;
        world.unchanged(server.post("/v1/users", body(&["nonsense".to_owned()]))).await.refused(422, "form_param_format_invalid web3_wallet");
        world.unchanged(server.post("/v1/users", body(&[one.address(), one.address()]))).await.refused(422, "form_param_duplicate web3_wallet");
        let made = server.post("/v1/users", body(&[one.address(), two.address()])).await.ok();
        assert_eq!(made["web3_wallets"][0]["verification"], json!({ "object": "verification_admin", "status": "verified", "strategy": "admin", "attempts": null, "expire_at": null }));
        assert_eq!((&made["primary_web3_wallet_id"], &made["web3_wallets"][1]["web3_wallet"]), (&made["web3_wallets"][0]["id"], &json!(two.address())));
        assert_eq!(sign_in(&world.browser(), &two).await.response()["status"], "complete", "the operator vouches for it, its holder signs");
        let mut taken = body(&[one.address()]);
        taken["email_address"] = json!(["eve@example.com"]);
        world.unchanged(server.post("/v1/users", taken)).await.refused(422, "form_identifier_exists web3_wallet");
        let eve = world.user_without_password("eve@example.com").await;
        for (filter, count) in [(one.address(), 1), (one.address().to_uppercase().replace("0X", "0x"), 1), (two.address(), 1), (Wallet::ethereum(9).address(), 0), ("nonsense".to_owned(), 0)] {
            let found = server.get(&format!("/v1/users?web3_wallet={filter}")).await.ok();
            assert_eq!(found.as_array().unwrap().len(), count, "{filter}");
            assert_eq!(server.get(&format!("/v1/users/count?web3_wallet={filter}")).await.ok()["total_count"], count);
        }
        let by_query = server.get(&format!("/v1/users?query={}", &one.address()[4..20])).await.ok();
        assert_eq!(by_query[0]["id"], made["id"]);
        let ordered = server.get("/v1/users?order_by=%2Bweb3wallet").await.ok();
        assert_eq!((&ordered[0]["id"], &ordered[1]["id"]), (&made["id"], &json!(eve.id)));
        let path = format!("/v1/users/{}", text(&made["id"]));
        world.unchanged(server.patch(&path, json!({ "primary_web3_wallet_id": eve.email_id }))).await.refused(404, "resource_not_found primary_web3_wallet_id");
        // Names that are wallets name wallets.
        world.settings(|s| s.attributes.username = Presence::On).await;
        world.unchanged(server.patch(&path, json!({ "username": Wallet::ethereum(7).address() }))).await.refused(422, "form_param_format_invalid username");
        // With the user goes all that is the user's.
        server.delete(&path).await.ok();
        assert_eq!(world.count("web3_wallets").await, 0);
        let browser = world.browser();
        world.unchanged(browser.post("/v1/client/sign_ins", &[("identifier", &one.address())])).await.refused(422, "form_identifier_not_found identifier");
    }

    async fn who_acts_as_a_user_connects_and_removes_no_wallet(world: World) {
        world_with_wallets(&world).await;
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let id = connect(&ada, &Wallet::ethereum(1)).await;
        let open = add(&ada, &Wallet::ethereum(2)).await;
        let made = world.server().post("/v1/actor_tokens", json!({ "user_id": user.id, "actor": { "sub": "support" } })).await.ok();
        let support = world.browser();
        redeem(&support, text(&made["token"])).await.ok();
        support.get("/v1/me/web3_wallets").await.ok();
        let address = Wallet::ethereum(3).address();
        world.unchanged(support.post("/v1/me/web3_wallets", &[("web3_wallet", &address)])).await.refused(403, "authorization_invalid");
        world.unchanged(support.delete(&format!("/v1/me/web3_wallets/{id}"))).await.refused(403, "authorization_invalid");
        world.unchanged(prepare_own(&support, &open, "web3_metamask_signature")).await.refused(403, "authorization_invalid");
        world.unchanged(attempt_own(&support, &open, "x")).await.refused(403, "authorization_invalid");
        world.unchanged(support.patch("/v1/me", &[("primary_web3_wallet_id", &id)])).await.refused(403, "authorization_invalid");
        // And the user in person does so with a proof of the last minutes.
        world.advance_minutes(11);
        for answer in [world.unchanged(ada.post("/v1/me/web3_wallets", &[("web3_wallet", &address)])).await, world.unchanged(ada.delete(&format!("/v1/me/web3_wallets/{id}"))).await] {
            answer.refused(403, "session_reverification_required");
        }
    }

    async fn the_environment_offers_the_ways_that_are_on(world: World) {
        let environment = async || world.browser().get("/v1/environment").await.ok();
        let off = environment().await;
        let attribute = &off["user_settings"]["attributes"]["web3_wallet"];
        assert_eq!((&attribute["enabled"], &attribute["first_factors"], &attribute["verifications"]), (&json!(false), &json!([]), &json!([])));
        world_with_wallets(&world).await;
        let on = environment().await;
        let attribute = &on["user_settings"]["attributes"]["web3_wallet"];
        let ways = json!(["web3_metamask_signature", "web3_okx_wallet_signature", "web3_solana_signature"]);
        assert_eq!((&attribute["enabled"], &attribute["required"], &attribute["used_for_first_factor"]), (&json!(true), &json!(false), &json!(true)));
        assert_eq!((&attribute["first_factors"], &attribute["verifications"]), (&ways, &ways));
        assert!(on["auth_config"]["identification_strategies"].as_array().unwrap().contains(&json!("web3_wallet")));
    }

    async fn no_more_than_twenty_wallets(world: World) {
        world_with_wallets(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        for seed in 1..=20 {
            add(&ada, &Wallet::ethereum(seed)).await;
        }
        let address = Wallet::ethereum(21).address();
        world.unchanged(ada.post("/v1/me/web3_wallets", &[("web3_wallet", &address)])).await.refused(403, "quota_exceeded");
    }

    production async fn a_message_names_the_page_that_asked(world: World) {
        world_with_wallets(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let wallet = Wallet::ethereum(1);
        connect(&ada, &wallet).await;
        let (_, message) = begin(&world.browser(), &wallet).await;
        assert!(message.starts_with("app.example.com wants you") && message.contains("\nURI: https://app.example.com\n"), "{message}");
    }
}
