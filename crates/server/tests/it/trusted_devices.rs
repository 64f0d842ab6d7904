//! Trusted devices (contract fapi appendix A, bapi §2.1; decision 30): keys in phones, enrolled by a signed-in user, that sign in.
use crate::answer::Answer;
use crate::browser::Browser;
use crate::tickets::redeem;
use crate::world::World;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use usher_crypto::digest::b64url;

const APP: &str = "com.example.app";

/// A phone with a key of its own.
pub(crate) struct Phone {
    pair: EcdsaKeyPair,
}

impl Phone {
    pub(crate) fn new() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        Self {
            pair: EcdsaKeyPair::generate(algorithm).unwrap(),
        }
    }
    fn jwk(&self) -> String {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (b64url(&point[1..33]), b64url(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }).to_string()
    }
    fn sign(&self, data: &str) -> String {
        let rng = SystemRandom::new();
        b64url(self.pair.sign(&rng, data.as_bytes()).unwrap().as_ref())
    }
}

pub(crate) async fn world_with_devices(world: &World) {
    world
        .settings(|s| {
            s.native.trusted_devices = true;
            s.native.app_identifiers = vec![APP.to_owned(), "com.example.other".to_owned()];
        })
        .await;
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// What an enrolment says of the device, with some of it changed.
fn described<'a>(jwk: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("platform", "ios"),
        ("app_identifier", APP),
        ("name", "Ada's phone"),
        ("algorithm", "ES256"),
        ("public_key_jwk", jwk),
    ];
    for (name, value) in changes {
        form.retain(|(n, _)| n != name);
        form.push((name, value));
    }
    form
}

pub(crate) async fn prepare_enrolment(browser: &Browser, phone: &Phone) -> Answer {
    let jwk = phone.jwk();
    let form = described(&jwk, &[]);
    browser.post("/v1/me/trusted_devices/prepare", &form).await
}

async fn enrol_with(
    browser: &Browser,
    phone: &Phone,
    data: &str,
    signature: &str,
    changes: &[(&str, &str)],
) -> Answer {
    let jwk = phone.jwk();
    let mut form = described(&jwk, changes);
    form.push(("client_data", data));
    form.push(("signature", signature));
    browser.post("/v1/me/trusted_devices/attempt", &form).await
}

pub(crate) async fn attempt_enrolment(browser: &Browser, phone: &Phone, data: &str) -> Answer {
    enrol_with(browser, phone, data, &phone.sign(data), &[]).await
}

/// Enrols a phone: the device's id.
pub(crate) async fn enrol(browser: &Browser, phone: &Phone) -> String {
    let asked = prepare_enrolment(browser, phone).await.response();
    let made = attempt_enrolment(browser, phone, text(&asked["client_data"])).await;
    text(&made.response()["id"]).to_owned()
}

async fn begin(browser: &Browser, device: &str) -> Answer {
    let form = [
        ("strategy", "trusted_device"),
        ("trusted_device_id", device),
    ];
    browser.post("/v1/client/sign_ins", &form).await
}

async fn attempt(browser: &Browser, id: &str, device: &str, data: &str, signature: &str) -> Answer {
    let form = [
        ("strategy", "trusted_device"),
        ("trusted_device_id", device),
        ("client_data", data),
        ("algorithm", "ES256"),
        ("signature", signature),
    ];
    let path = format!("/v1/client/sign_ins/{id}/attempt_first_factor");
    browser.post(&path, &form).await
}

/// Begins a sign-in: its id, and what is to be signed.
async fn begun(browser: &Browser, device: &str) -> (String, String) {
    let begun = begin(browser, device).await.response();
    let challenge = &begun["first_factor_verification"]["trusted_device_challenge"];
    (
        text(&begun["id"]).to_owned(),
        text(&challenge["client_data"]).to_owned(),
    )
}

async fn valid(browser: &Browser, device: &str) -> bool {
    let form = [("trusted_device_id", device)];
    let path = "/v1/client/trusted_devices/validate";
    let answer = browser.post(path, &form).await.response();
    assert_eq!(answer["object"], "trusted_device_validation");
    answer["valid"].as_bool().unwrap()
}

both! {
    async fn a_device_is_enrolled_signs_in_and_is_revoked(world: World) {
        world_with_devices(&world).await;
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let phone = Phone::new();
        assert_eq!(ada.get("/v1/me/trusted_devices").await.response(), json!([]));
        let asked = prepare_enrolment(&ada, &phone).await.response();
        assert_eq!((&asked["object"], &asked["algorithm"], asked.get("trusted_device_id")), (&json!("trusted_device_challenge"), &json!("ES256"), None));
        assert_eq!(asked["expires_at"], world.now().0 + 300_000);
        let data: Value = serde_json::from_str(text(&asked["client_data"])).unwrap();
        assert_eq!((&data["purpose"], &data["app_identifier"], &data["user_id"], &data["challenge"]), (&json!("enroll"), &json!(APP), &json!(user.id), &asked["challenge"]));
        let made = attempt_enrolment(&ada, &phone, text(&asked["client_data"])).await.response();
        assert_eq!((&made["object"], &made["platform"], &made["app_identifier"], &made["name"], &made["status"]), (&json!("trusted_device"), &json!("ios"), &json!(APP), &json!("Ada's phone"), &json!("active")));
        assert_eq!((&made["last_used_at"], &made["revoked_at"]), (&json!(null), &json!(null)));
        let id = text(&made["id"]);
        assert_eq!(ada.get("/v1/me/trusted_devices").await.response()[0]["id"], id);
        let listed = world.server().get(&format!("/v1/users/{}/trusted_devices", user.id)).await.ok();
        assert_eq!((&listed["total_count"], &listed["data"][0]["id"]), (&json!(1), &json!(id)));

        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        assert!(valid(&browser, id).await);
        let started = begin(&browser, id).await.response();
        assert_eq!((&started["status"], &started["identifier"], &started["user_data"]), (&json!("needs_identifier"), &json!(null), &json!(null)), "nothing is told before a proof");
        let verification = &started["first_factor_verification"];
        assert_eq!((&verification["object"], &verification["strategy"], &verification["status"]), (&json!("verification_trusted_device"), &json!("trusted_device"), &json!("unverified")));
        let challenge = &verification["trusted_device_challenge"];
        assert_eq!(challenge["trusted_device_id"], id);
        let data = text(&challenge["client_data"]);
        assert!(data.contains("\"purpose\":\"sign_in\"") && !data.contains(&user.id), "{data}");
        let before = browser.cookie("__client");
        let done = attempt(&browser, text(&started["id"]), id, data, &phone.sign(data)).await.ok();
        assert_eq!((&done["response"]["status"], &done["response"]["identifier"]), (&json!("complete"), &json!("ada@example.com")));
        assert_eq!((&done["client"]["sessions"][0]["user"]["id"], &done["client"]["last_authentication_strategy"]), (&json!(user.id), &json!("trusted_device")));
        assert_ne!(browser.cookie("__client"), before, "the client's token rotates");
        assert!(ada.get("/v1/me/trusted_devices").await.response()[0]["last_used_at"].is_i64());

        let gone = ada.delete(&format!("/v1/me/trusted_devices/{id}")).await.response();
        assert_eq!((&gone["status"], gone["revoked_at"].is_i64()), (&json!("revoked"), true));
        world.unchanged(ada.delete(&format!("/v1/me/trusted_devices/{id}"))).await.refused(404, "resource_not_found");
        assert_eq!(ada.get("/v1/me/trusted_devices").await.response(), json!([]));
        assert!(!valid(&browser, id).await);
        world.unchanged(begin(&world.browser(), id)).await.refused(422, "trusted_device_not_registered trusted_device_id");
        // The key of a revoked device may be enrolled again; the operator revokes, too.
        let again = enrol(&ada, &phone).await;
        assert_ne!(again, id);
        let path = format!("/v1/users/{}/trusted_devices/{again}", user.id);
        assert_eq!(world.server().delete(&path).await.ok()["status"], "revoked");
        world.unchanged(world.server().delete(&path)).await.refused(404, "resource_not_found");
        assert_eq!(world.server().get(&format!("/v1/users/{}/trusted_devices", user.id)).await.ok(), json!({ "data": [], "total_count": 0 }));
        world.server().delete(&format!("/v1/users/{}", user.id)).await.ok();
        assert_eq!(world.count("trusted_devices").await, 0);
    }

    async fn off_or_for_unknown_apps_nothing_is_enrolled(world: World) {
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let phone = Phone::new();
        world.unchanged(prepare_enrolment(&ada, &phone)).await.refused(400, "verification_strategy_invalid");
        let environment = async || world.browser().get("/v1/environment").await.ok()["auth_config"]["native_settings"]["trusted_device_sign_in_enabled"].clone();
        assert_eq!(environment().await, json!(false));
        world_with_devices(&world).await;
        assert_eq!(environment().await, json!(true));
        let jwk = phone.jwk();
        let prepare = |changes: &[(&'static str, &'static str)]| { let (ada, form) = (ada.clone(), described(&jwk, changes)); async move { ada.post("/v1/me/trusted_devices/prepare", &form).await } };
        world.unchanged(prepare(&[("app_identifier", "com.evil.app")])).await.refused(400, "trusted_device_app_identifier_not_configured app_identifier");
        world.unchanged(prepare(&[("platform", "windows")])).await.refused(422, "form_param_value_invalid platform");
        world.unchanged(prepare(&[("algorithm", "RS256")])).await.refused(422, "form_param_value_invalid algorithm");
        for bad in ["{}", "nonsense", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", "{\"kty\":\"RSA\"}"] {
            world.unchanged(prepare(&[("public_key_jwk", bad)])).await.refused(422, "trusted_device_invalid_public_key public_key_jwk");
        }
        let private = phone.jwk().replace("{\"kty", "{\"d\":\"AA\",\"kty");
        world.unchanged(ada.post("/v1/me/trusted_devices/prepare", &described(&private, &[]))).await.refused(422, "trusted_device_invalid_public_key public_key_jwk");
        // What is switched off opens nothing any more, also what was enrolled.
        let device = enrol(&ada, &phone).await;
        let browser = world.browser();
        let (id, data) = begun(&browser, &device).await;
        world.settings(|s| s.native.app_identifiers = vec!["com.example.other".to_owned()]).await;
        world.unchanged(attempt(&browser, &id, &device, &data, &phone.sign(&data))).await.refused(400, "trusted_device_app_identifier_not_configured app_identifier");
        world.settings(|s| s.native.trusted_devices = false).await;
        world.unchanged(attempt(&browser, &id, &device, &data, &phone.sign(&data))).await.refused(400, "verification_strategy_invalid");
        world.unchanged(begin(&browser, &device)).await.refused(400, "verification_strategy_invalid");
        assert!(!valid(&browser, &device).await);
    }

    async fn every_wrong_enrolment_is_refused(world: World) {
        world_with_devices(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let (phone, other) = (Phone::new(), Phone::new());
        let asked = prepare_enrolment(&ada, &phone).await.response();
        let data = text(&asked["client_data"]).to_owned();
        let right = phone.sign(&data);
        for (wrong, code) in [("nonsense", "invalid_client_data client_data"), ("{}", "invalid_client_data client_data"), ("{\"challenge_id\":7}", "invalid_client_data client_data")] {
            world.unchanged(enrol_with(&ada, &phone, wrong, &phone.sign(wrong), &[])).await.refused(422, &format!("trusted_device_{code}"));
        }
        let unknown = "{\"challenge_id\":\"ver_2abcdefghijklmnopqrstuvwxyz\"}";
        world.unchanged(enrol_with(&ada, &phone, unknown, &phone.sign(unknown), &[])).await.refused(400, "trusted_device_challenge_not_found");
        // The right challenge in other words is not the one that was handed out.
        for changed in [data.replace(APP, "com.evil.app"), data.replace("\"enroll\"", "\"sign_in\""), data.replacen(':', ": ", 1)] {
            world.unchanged(enrol_with(&ada, &phone, &changed, &phone.sign(&changed), &[])).await.refused(422, "trusted_device_invalid_client_data client_data");
        }
        // Another app, another platform, another key.
        for changes in [[("app_identifier", "com.example.other")], [("platform", "android")]] {
            world.unchanged(enrol_with(&ada, &phone, &data, &right, &changes)).await.refused(422, "trusted_device_binding_mismatch client_data");
        }
        world.unchanged(enrol_with(&ada, &other, &data, &other.sign(&data), &[])).await.refused(422, "trusted_device_binding_mismatch client_data");
        // Another user, with the same client data; another browser of the same user.
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        world.unchanged(enrol_with(&eve, &phone, &data, &right, &[])).await.refused(400, "trusted_device_challenge_not_found");
        let second = world.browser();
        second.sign_in("ada@example.com").await;
        world.unchanged(enrol_with(&second, &phone, &data, &right, &[])).await.refused(400, "trusted_device_challenge_not_found");
        // Five tries, and then even the right one is late.
        for wrong in [other.sign(&data), phone.sign("x"), "nonsense".to_owned(), "AAAA".to_owned(), String::from("A")] {
            world.changes_only(&["verifications"], enrol_with(&ada, &phone, &data, &wrong, &[])).await.refused(400, "trusted_device_signature_verification_failed");
        }
        enrol_with(&ada, &phone, &data, &right, &[]).await.refused(400, "trusted_device_challenge_not_found");
        let asked = prepare_enrolment(&ada, &phone).await.response();
        let data = text(&asked["client_data"]).to_owned();
        world.advance_secs(300);
        world.unchanged(attempt_enrolment(&ada, &phone, &data)).await.refused(400, "trusted_device_challenge_expired");
        let asked = prepare_enrolment(&ada, &phone).await.response();
        let data = text(&asked["client_data"]).to_owned();
        attempt_enrolment(&ada, &phone, &data).await.ok();
        world.unchanged(attempt_enrolment(&ada, &phone, &data)).await.refused(400, "trusted_device_challenge_not_found");
        world.unchanged(prepare_enrolment(&ada, &phone)).await.refused(409, "trusted_device_already_enrolled");
        // A key that somebody has is nobody else's.
        let asked = prepare_enrolment(&eve, &phone).await.response();
        attempt_enrolment(&eve, &phone, text(&asked["client_data"])).await.refused(409, "trusted_device_already_enrolled");
        for _ in 0..9 {
            enrol(&ada, &Phone::new()).await;
        }
        world.unchanged(prepare_enrolment(&ada, &Phone::new())).await.refused(400, "trusted_device_credential_quota_exceeded");
        assert_eq!(world.count("trusted_devices").await, 10);
    }

    async fn every_wrong_answer_signs_nobody_in(world: World) {
        world_with_devices(&world).await;
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        let (phone, hers) = (Phone::new(), Phone::new());
        let device = enrol(&ada, &phone).await;
        let her_device = enrol(&eve, &hers).await;
        let browser = world.browser();
        for unknown in ["x", "tdev_2abcdefghijklmnopqrstuvwxyz", &user.id] {
            world.unchanged(begin(&browser, unknown)).await.refused(422, "trusted_device_not_registered trusted_device_id");
        }
        world.unchanged(browser.post("/v1/client/sign_ins", &[("strategy", "trusted_device")])).await.refused(422, "form_param_missing trusted_device_id");
        let (id, data) = begun(&browser, &device).await;
        let right = phone.sign(&data);
        let path = format!("/v1/client/sign_ins/{id}/attempt_first_factor");
        world.unchanged(browser.post(&path, &[("strategy", "trusted_device"), ("trusted_device_id", &device)])).await.refused(422, "form_param_missing client_data");
        // Another's device in the place of the one that was asked; another's signature.
        world.unchanged(attempt(&browser, &id, &her_device, &data, &hers.sign(&data))).await.refused(422, "trusted_device_binding_mismatch trusted_device_id");
        world.changes_only(&["verifications"], attempt(&browser, &id, &device, &data, &hers.sign(&data))).await.refused(400, "trusted_device_signature_verification_failed");
        world.changes_only(&["verifications"], attempt(&browser, &id, &device, &data, "x")).await.refused(400, "trusted_device_signature_verification_failed");
        let changed = data.replace("\"ios\"", "\"android\"");
        world.unchanged(attempt(&browser, &id, &device, &changed, &phone.sign(&changed))).await.refused(422, "trusted_device_invalid_client_data client_data");
        // An answer to enrol signs nobody in.
        let asked = prepare_enrolment(&ada, &Phone::new()).await.response();
        let enrolment = text(&asked["client_data"]).to_owned();
        world.unchanged(attempt(&browser, &id, &device, &enrolment, &phone.sign(&enrolment))).await.refused(400, "trusted_device_challenge_not_found");
        world.unchanged(attempt(&ada, &id, &device, &data, &right)).await.refused(404, "resource_not_found");
        // Another browser's challenge; an old one of the same browser.
        let thief = world.browser();
        let (own, _) = begun(&thief, &device).await;
        world.unchanged(attempt(&thief, &own, &device, &data, &right)).await.refused(400, "trusted_device_challenge_not_found");
        let form = [("strategy", "trusted_device"), ("trusted_device_id", device.as_str())];
        browser.post(&format!("/v1/client/sign_ins/{id}/prepare_first_factor"), &form).await.ok();
        world.unchanged(attempt(&browser, &id, &device, &data, &right)).await.refused(400, "trusted_device_challenge_not_found");
        // Who is named must be whose device it is.
        let named = browser.start_sign_in("ada@example.com").await;
        let form = [("strategy", "trusted_device"), ("trusted_device_id", her_device.as_str())];
        world.unchanged(browser.post(&format!("/v1/client/sign_ins/{}/prepare_first_factor", text(&named["id"])), &form)).await.refused(422, "trusted_device_not_registered trusted_device_id");
        let (id, data) = begun(&browser, &device).await;
        world.advance_secs(300);
        world.unchanged(attempt(&browser, &id, &device, &data, &phone.sign(&data))).await.refused(400, "trusted_device_challenge_expired");
        // Revoked between the challenge and the answer.
        let (id, data) = begun(&browser, &device).await;
        ada.delete(&format!("/v1/me/trusted_devices/{device}")).await.ok();
        world.unchanged(attempt(&browser, &id, &device, &data, &phone.sign(&data))).await.refused(422, "trusted_device_not_registered trusted_device_id");
        // Locked and banned users do not come in by a phone.
        let device = enrol(&ada, &phone).await;
        let (id, data) = begun(&browser, &device).await;
        world.server().post(&format!("/v1/users/{}/lock", user.id), json!({})).await.ok();
        attempt(&browser, &id, &device, &data, &phone.sign(&data)).await.refused(403, "user_locked");
        world.server().post(&format!("/v1/users/{}/unlock", user.id), json!({})).await.ok();
        world.server().post(&format!("/v1/users/{}/ban", user.id), json!({})).await.ok();
        let (id, data) = begun(&browser, &device).await;
        attempt(&browser, &id, &device, &data, &phone.sign(&data)).await.refused(403, "user_banned");
        assert_eq!(browser.client().await["sessions"], json!([]));
    }

    async fn a_device_is_a_first_factor_and_no_more(world: World) {
        world_with_devices(&world).await;
        world.settings(|s| s.attributes.authenticator_app = true).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        ada.enrol().await;
        let phone = Phone::new();
        let device = enrol(&ada, &phone).await;
        let browser = world.browser();
        let (id, data) = begun(&browser, &device).await;
        let done = attempt(&browser, &id, &device, &data, &phone.sign(&data)).await.response();
        assert_eq!((&done["status"], &done["created_session_id"]), (&json!("needs_second_factor"), &json!(null)));
    }

    async fn a_device_of_another_user_or_instance_is_not_found(world: World) {
        world_with_devices(&world).await;
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let device = enrol(&ada, &Phone::new()).await;
        let (eve, eve_user, _) = world.signed_in("eve@example.com").await;
        world.unchanged(eve.delete(&format!("/v1/me/trusted_devices/{device}"))).await.refused(404, "resource_not_found");
        world.unchanged(world.server().delete(&format!("/v1/users/{}/trusted_devices/{device}", eve_user.id))).await.refused(404, "resource_not_found");
        let (there, server, instance) = world.other_instance("other").await;
        world.settings_of(&instance, |s| { s.native.trusted_devices = true; s.native.app_identifiers = vec![APP.to_owned()]; }).await;
        world.unchanged(server.delete(&format!("/v1/users/{}/trusted_devices/{device}", user.id))).await.refused(404, "resource_not_found");
        world.unchanged(server.get(&format!("/v1/users/{}/trusted_devices", user.id))).await.refused(404, "resource_not_found");
        world.unchanged(begin(&there, &device)).await.refused(422, "trusted_device_not_registered trusted_device_id");
        world.unchanged(world.browser().get("/v1/me/trusted_devices")).await.refused(401, "authentication_invalid");
    }

    async fn who_acts_as_a_user_enrols_and_revokes_no_device(world: World) {
        world_with_devices(&world).await;
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let device = enrol(&ada, &Phone::new()).await;
        let made = world.server().post("/v1/actor_tokens", json!({ "user_id": user.id, "actor": { "sub": "support" } })).await.ok();
        let support = world.browser();
        redeem(&support, text(&made["token"])).await.ok();
        let phone = Phone::new();
        world.unchanged(prepare_enrolment(&support, &phone)).await.refused(403, "authorization_invalid");
        world.unchanged(attempt_enrolment(&support, &phone, "{}")).await.refused(403, "authorization_invalid");
        world.unchanged(support.delete(&format!("/v1/me/trusted_devices/{device}"))).await.refused(403, "authorization_invalid");
    }

    async fn two_answers_to_one_challenge_make_one_session(world: World) {
        world_with_devices(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let phone = Phone::new();
        let device = enrol(&ada, &phone).await;
        let sessions = world.count("sessions").await;
        let browser = world.browser();
        let (id, data) = begun(&browser, &device).await;
        let signature = phone.sign(&data);
        let race = || { let (browser, id, device, data, signature) = (browser.thief(), id.clone(), device.clone(), data.clone(), signature.clone()); async move { attempt(&browser, &id, &device, &data, &signature).await.status } };
        let (a, b) = tokio::join!(tokio::spawn(race()), tokio::spawn(race()));
        let won = [a, b].into_iter().filter(|status| *status.as_ref().unwrap() == 200).count();
        assert_eq!((won, world.count("sessions").await), (1, sessions + 1));
    }
}
