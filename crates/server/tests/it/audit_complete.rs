//! Promise P10, `p10_audit_complete`: whatever operation changes something leaves a row in the audit log. Every operation of the
//! table that is no read stands here, or in `SILENT` with its reason; a new one fails this test until it does.
mod domains;
mod slices;
mod social;
mod tickets;

use crate::answer::Answer;
use crate::audit_complete_parts::{numbers, numbers_by_server};
use crate::authenticator_app::AuthenticatorApp;
use crate::browser::{Browser, PASSWORD};
use crate::trusted_devices::{
    Phone, attempt_enrolment, enrol, prepare_enrolment, world_with_devices,
};
use crate::wallet::Wallet;
use crate::wallets::connect;
use crate::world::World;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use usher_db::Value;
use usher_server::instances::settings::Presence;
use usher_server::strategies::Strategy;

/// What is recorded nowhere, and why.
const SILENT: &[(&str, &str)] = &[
    (
        "CreateSessionToken",
        "signs a token; the session stays what it is",
    ),
    (
        "RefreshSession",
        "replaces a refresh token by its successor; a second use ends the session, and that is recorded",
    ),
    (
        "CreateSessionTokenFromTemplate",
        "signs a token; the session stays what it is",
    ),
    (
        "createSessionTokenWithTemplate",
        "signs a token and notes activity once a minute",
    ),
    ("PreviewTemplate", "reads"),
    ("validateTrustedDevice", "reads"),
    ("VerifyClient", "reads"),
    (
        "VerifyDomainProxy",
        "asks a proxy, and keeps nothing of the answer",
    ),
    ("VerifyPassword", "reads"),
    ("VerifySession", "reads"),
    ("createDevBrowser", "computes a token of nobody"),
    ("postDevBrowserInitSetCookie", "computes a token of nobody"),
    (
        "createSessionToken",
        "signs a token and notes activity once a minute",
    ),
    (
        "postOauthCallback",
        "sends the browser on to the GET of the same path",
    ),
    ("postClient", "a visitor gets a client, who is nobody yet"),
    ("putClient", "a visitor gets a client, who is nobody yet"),
    (
        "touchSession",
        "which session acts, in which organization, and that somebody is there",
    ),
    ("updateEnvironment", "changes nothing"),
    (
        "verifyClient",
        "a captcha's token becomes a pass for one attempt, which is recorded",
    ),
];

pub(crate) struct Ledger {
    pub(crate) world: World,
    seen: BTreeSet<&'static str>,
}

impl Ledger {
    /// Sends a request that must succeed, change rows and leave at least one in the log, under its trace id.
    pub(crate) async fn told(
        &mut self,
        id: &'static str,
        request: impl Future<Output = Answer>,
    ) -> Json {
        let before = self.world.snapshot().await;
        let answer = request.await;
        assert!(
            (200..300).contains(&answer.status),
            "{}: {}",
            answer.asked,
            answer.body
        );
        assert_ne!(
            before,
            self.world.snapshot().await,
            "{} changed nothing",
            answer.asked
        );
        let trace = Value::Text(answer.header("clerk-trace-id").unwrap().to_owned());
        let rows = self
            .world
            .rows(
                "SELECT event FROM audit_logs WHERE trace_id = ? AND outcome = 'success'",
                &[trace],
            )
            .await;
        assert!(!rows.is_empty(), "{} left no row", answer.asked);
        self.seen.insert(id);
        if answer.body.is_empty() {
            Json::Null
        } else {
            answer.json()
        }
    }
}

pub(crate) fn text(value: &Json) -> String {
    value.as_str().unwrap().to_owned()
}

async fn wallets(log: &mut Ledger, bob: &Browser) {
    let wallet = Wallet::ethereum(1);
    let address = wallet.address();
    let form = [("web3_wallet", address.as_str())];
    let path = "/v1/me/web3_wallets";
    let made = log.told("postWeb3Wallets", bob.post(path, &form)).await;
    let path = format!("{path}/{}", text(&made["response"]["id"]));
    let form = [("strategy", wallet.strategy())];
    let asked = log
        .told(
            "prepareWeb3WalletVerification",
            bob.post(&format!("{path}/prepare_verification"), &form),
        )
        .await;
    let signature = wallet.sign(&text(&asked["response"]["verification"]["message"]));
    let form = [("signature", signature.as_str())];
    log.told(
        "attemptWeb3WalletVerification",
        bob.post(&format!("{path}/attempt_verification"), &form),
    )
    .await;
    log.told("deleteWeb3Wallet", bob.delete(&path)).await;
    let id = connect(bob, &wallet).await;
    let user = bob.client().await["sessions"][0]["user"]["id"].clone();
    let server = log.world.server();
    log.told(
        "UserWeb3WalletDelete",
        server.delete(&format!("/v1/users/{}/web3_wallets/{id}", text(&user))),
    )
    .await;
}

async fn devices(log: &mut Ledger, bob: &Browser) {
    let phone = Phone::new();
    let prepared = log
        .told("prepareTrustedDevice", prepare_enrolment(bob, &phone))
        .await;
    let data = text(&prepared["response"]["client_data"]);
    let made = log
        .told(
            "attemptTrustedDevice",
            attempt_enrolment(bob, &phone, &data),
        )
        .await;
    let path = format!("/v1/me/trusted_devices/{}", text(&made["response"]["id"]));
    log.told("revokeTrustedDevice", bob.delete(&path)).await;
    let id = enrol(bob, &phone).await;
    let user = bob.client().await["sessions"][0]["user"]["id"].clone();
    let path = format!("/v1/users/{}/trusted_devices/{id}", text(&user));
    let server = log.world.server();
    log.told("RevokeUserTrustedDevice", server.delete(&path))
        .await;
}

async fn second_factors(log: &mut Ledger, bob: &Browser) {
    let user = text(&bob.client().await["sessions"][0]["user"]["id"]);
    let user = format!("/v1/users/{user}");
    let server = log.world.server();
    let begun = log.told("postTOTP", bob.post("/v1/me/totp", &[])).await;
    let app = AuthenticatorApp::new(&log.world, &text(&begun["response"]["secret"]));
    log.told("verifyTOTP", bob.verify_app(&app.code())).await;
    log.told("createBackupCodes", bob.post("/v1/me/backup_codes", &[]))
        .await;
    log.world.advance_secs(90);
    log.told(
        "VerifyTOTP",
        server.post(
            &format!("{user}/verify_totp"),
            json!({ "code": app.code() }),
        ),
    )
    .await;
    log.told(
        "DeleteBackupCode",
        server.delete(&format!("{user}/backup_code")),
    )
    .await;
    log.told("DeleteTOTP", server.delete(&format!("{user}/totp")))
        .await;
    bob.enrol().await;
    log.told("deleteTOTP", bob.delete("/v1/me/totp")).await;
    bob.enrol().await;
    log.told("DisableMFA", server.delete(&format!("{user}/mfa")))
        .await;
    let app = bob.enrol().await;
    log.world.advance_secs(90);
    let other = log.world.browser();
    let id = other.half_signed_in("bob@example.com").await;
    log.told(
        "attemptSignInFactorTwo",
        other.attempt_second(&id, "totp", &app.code()),
    )
    .await;
    server.delete(&format!("{user}/mfa")).await.ok();
}

async fn reverification(log: &mut Ledger, bob: &Browser, session: &str) {
    let path = format!("/v1/client/sessions/{session}/verify");
    let app = bob.enrol().await;
    log.world.advance_secs(90);
    let level = [("level", "multi_factor")];
    log.told("startSessionReverification", bob.post(&path, &level))
        .await;
    let email = bob.client().await["sessions"][0]["user"]["primary_email_address_id"].clone();
    let form = [
        ("strategy", "email_code"),
        ("email_address_id", email.as_str().unwrap()),
    ];
    log.told(
        "prepareSessionReverificationFirstFactor",
        bob.post(&format!("{path}/prepare_first_factor"), &form),
    )
    .await;
    let code = log.world.code("bob@example.com").await;
    log.told(
        "attemptSessionReverificationFirstFactor",
        bob.post(
            &format!("{path}/attempt_first_factor"),
            &[("strategy", "email_code"), ("code", &code)],
        ),
    )
    .await;
    log.told(
        "attemptSessionReverificationSecondFactor",
        bob.post(
            &format!("{path}/attempt_second_factor"),
            &[("strategy", "totp"), ("code", &app.code())],
        ),
    )
    .await;
    bob.delete("/v1/me/totp").await.ok();
}

async fn client_trust(log: &mut Ledger, address: &str) {
    log.world.settings(|s| s.client_trust = true).await;
    let other = log.world.browser();
    let half = other
        .sign_in_with_password(address, "another horse 9 battery")
        .await
        .response();
    let path = format!("/v1/client/sign_ins/{}", text(&half["id"]));
    log.told(
        "prepareSignInFactorTwo",
        other.post(
            &format!("{path}/prepare_second_factor"),
            &[("strategy", "email_code")],
        ),
    )
    .await;
    log.world.settings(|s| s.client_trust = false).await;
}

async fn agents(log: &mut Ledger, user: &str) {
    let server = log.world.server();
    let task = json!({ "on_behalf_of": { "user_id": user }, "permissions": "*", "agent_name": "a", "task_description": "b", "redirect_url": "http://localhost:3000/" });
    let made = log
        .told("CreateAgentTask", server.post("/v1/agents/tasks", task))
        .await;
    let path = format!("/v1/agents/tasks/{}/revoke", text(&made["agent_task_id"]));
    log.told("RevokeAgentTask", server.post(&path, json!({})))
        .await;
}

async fn places_and_templates(log: &mut Ledger) {
    let server = log.world.server();
    let url = json!({ "url": "my-app://callback" });
    let made = log
        .told("CreateRedirectURL", server.post("/v1/redirect_urls", url))
        .await;
    let path = format!("/v1/redirect_urls/{}", text(&made["id"]));
    log.told("DeleteRedirectURL", server.delete(&path)).await;
    let template = json!({ "name": "t", "claims": {} });
    let made = log
        .told(
            "CreateJWTTemplate",
            server.post("/v1/jwt_templates", template),
        )
        .await;
    let path = format!("/v1/jwt_templates/{}", text(&made["id"]));
    let other = json!({ "name": "u", "claims": {} });
    log.told("UpdateJWTTemplate", server.patch(&path, other))
        .await;
    log.told("DeleteJWTTemplate", server.delete(&path)).await;
}

async fn by_server(log: &mut Ledger) {
    let server = log.world.server();
    let ada = log
        .told(
            "CreateUser",
            server.post(
                "/v1/users",
                json!({ "email_address": ["ada@example.com"], "password": PASSWORD }),
            ),
        )
        .await;
    let id = text(&ada["id"]);
    let user = format!("/v1/users/{id}");
    tickets::tickets(log, &id).await;
    numbers_by_server(log, &id).await;
    slices::waitlist(log).await;
    places_and_templates(log).await;
    agents(log, &id).await;
    slices::images(log, &id).await;
    slices::templates(log).await;
    domains::domains(log).await;
    log.told(
        "UpdateUser",
        server.patch(&user, json!({ "first_name": "Ada" })),
    )
    .await;
    log.told(
        "UpdateUserMetadata",
        server.patch(
            &format!("{user}/metadata"),
            json!({ "public_metadata": { "a": 1 } }),
        ),
    )
    .await;
    log.told(
        "ReplaceUserMetadata",
        server.put(
            &format!("{user}/metadata"),
            json!({ "public_metadata": { "b": 1 } }),
        ),
    )
    .await;
    for (name, path) in [
        ("BanUser", "ban"),
        ("UnbanUser", "unban"),
        ("LockUser", "lock"),
        ("UnlockUser", "unlock"),
        ("SetUserPasswordCompromised", "password/set_compromised"),
        ("UnsetUserPasswordCompromised", "password/unset_compromised"),
        ("RemoveUserPassword", "remove_password"),
    ] {
        log.told(name, server.post(&format!("{user}/{path}"), json!({})))
            .await;
    }
    log.told(
        "UsersBan",
        server.post("/v1/users/ban", json!({ "user_ids": [id] })),
    )
    .await;
    log.told(
        "UsersUnban",
        server.post("/v1/users/unban", json!({ "user_ids": [id] })),
    )
    .await;
    let added = log
        .told(
            "CreateEmailAddress",
            server.post(
                "/v1/email_addresses",
                json!({ "user_id": id, "email_address": "second@example.com" }),
            ),
        )
        .await;
    let email = format!("/v1/email_addresses/{}", text(&added["id"]));
    let prepared = log
        .told(
            "PrepareEmailAddressVerification",
            server.post(&format!("{email}/prepare_verification"), json!({})),
        )
        .await;
    let code = log.world.code("second@example.com").await;
    let proof = json!({ "verification_id": prepared["id"], "code": code });
    log.told(
        "AttemptEmailAddressVerification",
        server.post(&format!("{email}/attempt_verification"), proof),
    )
    .await;
    log.told(
        "UpdateEmailAddress",
        server.patch(&email, json!({ "primary": true })),
    )
    .await;
    log.told("DeleteEmailAddress", server.delete(&email)).await;
    log.told(
        "ReplaceUserEmailAddress",
        server.put(
            &format!("{user}/email_address"),
            json!({ "email_address": "third@example.com" }),
        ),
    )
    .await;
    let session = log
        .told(
            "createSession",
            server.post("/v1/sessions", json!({ "user_id": id })),
        )
        .await;
    log.told(
        "RevokeSession",
        server.post(
            &format!("/v1/sessions/{}/revoke", text(&session["id"])),
            json!({}),
        ),
    )
    .await;
    log.told(
        "CreateTestingToken",
        server.post("/v1/testing_tokens", json!({})),
    )
    .await;
    log.told(
        "UpdateInstance",
        server.patch(
            "/v1/instance",
            json!({ "support_email": "help@example.com" }),
        ),
    )
    .await;
    log.told(
        "UpdateInstanceRestrictions",
        server.patch(
            "/v1/instance/restrictions",
            json!({ "block_email_subaddresses": true }),
        ),
    )
    .await;
    for (made, gone, path) in [
        (
            "CreateAllowlistIdentifier",
            "DeleteAllowlistIdentifier",
            "/v1/allowlist_identifiers",
        ),
        (
            "CreateBlocklistIdentifier",
            "DeleteBlocklistIdentifier",
            "/v1/blocklist_identifiers",
        ),
    ] {
        let entry = log
            .told(
                made,
                server.post(path, json!({ "identifier": "*@example.org" })),
            )
            .await;
        log.told(
            gone,
            server.delete(&format!("{path}/{}", text(&entry["id"]))),
        )
        .await;
    }
    let visitor = log.world.browser();
    let sign_up = visitor.start_sign_up(&[("first_name", "Bob")]).await;
    log.told(
        "UpdateSignUp",
        server.patch(
            &format!("/v1/sign_ups/{sign_up}"),
            json!({ "external_id": "x1" }),
        ),
    )
    .await;
    slices::organizations(log, &id).await;
    log.told("DeleteUser", server.delete(&user)).await;
}

async fn by_browser(log: &mut Ledger) {
    let world = log.world.clone();
    let address = "bob@example.com";
    let bob = world.browser();
    let made = log
        .told(
            "createSignUps",
            bob.post("/v1/client/sign_ups", &[("email_address", address)]),
        )
        .await;
    let path = format!("/v1/client/sign_ups/{}", text(&made["response"]["id"]));
    log.told("updateSignUps", bob.patch(&path, &[("password", PASSWORD)]))
        .await;
    log.told(
        "prepareSignUpsVerification",
        bob.post(
            &format!("{path}/prepare_verification"),
            &[("strategy", "email_code")],
        ),
    )
    .await;
    let code = world.code(address).await;
    log.told(
        "attemptSignUpsVerification",
        bob.post(
            &format!("{path}/attempt_verification"),
            &[("strategy", "email_code"), ("code", &code)],
        ),
    )
    .await;
    log.told("patchUser", bob.patch("/v1/me", &[("first_name", "Bob")]))
        .await;
    log.told(
        "updateUserMetadata",
        bob.patch("/v1/me/metadata", &[("unsafe_metadata", "{\"a\":1}")]),
    )
    .await;
    log.told(
        "changePassword",
        bob.post(
            "/v1/me/change_password",
            &[
                ("current_password", PASSWORD),
                ("new_password", "another horse 9 battery"),
            ],
        ),
    )
    .await;
    let added = log
        .told(
            "createEmailAddresses",
            bob.post(
                "/v1/me/email_addresses",
                &[("email_address", "more@example.com")],
            ),
        )
        .await;
    let email = format!("/v1/me/email_addresses/{}", text(&added["response"]["id"]));
    log.told(
        "sendVerificationEmail",
        bob.post(
            &format!("{email}/prepare_verification"),
            &[("strategy", "email_code")],
        ),
    )
    .await;
    let code = world.code("more@example.com").await;
    log.told(
        "verifyEmailAddress",
        bob.post(&format!("{email}/attempt_verification"), &[("code", &code)]),
    )
    .await;
    log.told("deleteEmailAddress", bob.delete(&email)).await;
    slices::passkeys(log, &bob).await;
    wallets(log, &bob).await;
    devices(log, &bob).await;
    numbers(log, &bob).await;
    second_factors(log, &bob).await;
    let session = bob.session_ids().await.remove(0);
    reverification(log, &bob, &session).await;
    world.advance_secs(31);
    client_trust(log, address).await;
    log.told(
        "endSession",
        bob.post(&format!("/v1/client/sessions/{session}/end"), &[]),
    )
    .await;
    world.advance_minutes(61);
    let made = log
        .told(
            "createSignIn",
            bob.post("/v1/client/sign_ins", &[("identifier", address)]),
        )
        .await;
    log.told(
        "prepareSignInFactorOne",
        bob.prepare_sign_in(&made["response"]),
    )
    .await;
    let code = world.code(address).await;
    log.told(
        "attemptSignInFactorOne",
        bob.attempt_code(&text(&made["response"]["id"]), &code),
    )
    .await;
    let session = bob.session_ids().await.remove(0);
    log.told(
        "removeClientSession",
        bob.post(&format!("/v1/client/sessions/{session}/remove"), &[]),
    )
    .await;
    world.advance_minutes(61);
    let started = bob.start_sign_in(address).await;
    let id = text(&started["id"]);
    let factors = started["supported_first_factors"].as_array().unwrap();
    let reset = factors
        .iter()
        .find(|f| f["strategy"] == "reset_password_email_code")
        .unwrap();
    let form = [
        ("strategy", "reset_password_email_code"),
        (
            "email_address_id",
            reset["email_address_id"].as_str().unwrap(),
        ),
    ];
    bob.post(
        &format!("/v1/client/sign_ins/{id}/prepare_first_factor"),
        &form,
    )
    .await
    .ok();
    let code = world.code(address).await;
    bob.post(
        &format!("/v1/client/sign_ins/{id}/attempt_first_factor"),
        &[("strategy", "reset_password_email_code"), ("code", &code)],
    )
    .await
    .ok();
    log.told(
        "resetPassword",
        bob.post(
            &format!("/v1/client/sign_ins/{id}/reset_password"),
            &[("password", "a third horse 9 battery")],
        ),
    )
    .await;
    log.told(
        "deletePassword",
        bob.post(
            "/v1/me/remove_password",
            &[("current_password", "a third horse 9 battery")],
        ),
    )
    .await;
    let session = bob.session_ids().await.remove(0);
    log.told(
        "revokeSession",
        bob.post(&format!("/v1/me/sessions/{session}/revoke"), &[]),
    )
    .await;
    world.advance_minutes(61);
    bob.sign_in(address).await;
    log.told("removeClientSessions", bob.delete("/v1/client/sessions"))
        .await;
    world.advance_minutes(61);
    bob.sign_in(address).await;
    log.told("deleteClientSessionsAndClient", bob.delete("/v1/client"))
        .await;
    world.advance_minutes(61);
    bob.sign_in(address).await;
    log.told("deleteUser", bob.delete("/v1/me")).await;
}

both! {
    async fn p10_audit_complete(world: World) {
        world.settings(|s| { s.attributes.password = Presence::On; s.attributes.passkey = true; s.attributes.authenticator_app = true; s.attributes.backup_code = true; s.attributes.phone_number = Presence::On; s.attributes.phone_second_factor = true; s.attributes.web3_wallet = vec![Strategy::Web3Metamask]; }).await;
        world_with_devices(&world).await;
        let mut log = Ledger { world, seen: BTreeSet::new() };
        Box::pin(by_server(&mut log)).await;
        Box::pin(by_browser(&mut log)).await;
        // The future of all of it together is larger than a thread's stack.
        Box::pin(social::social(&mut log)).await;
        let silent: BTreeSet<&str> = SILENT.iter().map(|(id, _)| *id).collect();
        let missing: Vec<&str> = usher_server::operations()
            .filter(|op| op.method != "GET")
            .map(|op| op.id)
            .filter(|id| !log.seen.contains(id) && !silent.contains(id))
            .collect();
        assert!(missing.is_empty(), "neither recorded nor silent: {missing:?}");
    }
}
