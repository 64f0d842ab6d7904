//! Parts of `audit_complete`: phone numbers, and the waitlist.
use crate::audit_complete::{Ledger, text};
use crate::browser::Browser;
use serde_json::json;

/// A number that a message goes to.
const NUMBER: &str = "+12025550273";
/// Another one.
const OTHER_NUMBER: &str = "+14165550298";

pub(crate) async fn numbers(log: &mut Ledger, bob: &Browser) {
    let form = [("phone_number", NUMBER)];
    let added = log
        .told("postPhoneNumbers", bob.post("/v1/me/phone_numbers", &form))
        .await;
    let path = format!("/v1/me/phone_numbers/{}", text(&added["response"]["id"]));
    let prepare = [("strategy", "phone_code")];
    log.told(
        "sendVerificationSMS",
        bob.post(&format!("{path}/prepare_verification"), &prepare),
    )
    .await;
    let code = log.world.code(NUMBER).await;
    log.told(
        "verifyPhoneNumber",
        bob.post(&format!("{path}/attempt_verification"), &[("code", &code)]),
    )
    .await;
    let on = [("reserved_for_second_factor", "true")];
    log.told("UpdatePhoneNumber", bob.patch(&path, &on)).await;
    let session = bob.session_ids().await.remove(0);
    let verify = format!("/v1/client/sessions/{session}/verify");
    bob.post(&verify, &[("level", "second_factor")]).await.ok();
    log.told(
        "prepareSessionReverificationSecondFactor",
        bob.post(&format!("{verify}/prepare_second_factor"), &prepare),
    )
    .await;
    log.world.advance_secs(90);
    let other = log.world.browser();
    let id = other.half_signed_in("bob@example.com").await;
    log.told(
        "prepareSignInFactorTwo",
        other.post(
            &format!("/v1/client/sign_ins/{id}/prepare_second_factor"),
            &prepare,
        ),
    )
    .await;
    log.told("DeletePhoneNumber", bob.delete(&path)).await;
}

pub(crate) async fn numbers_by_server(log: &mut Ledger, user: &str) {
    let server = log.world.server();
    let body = json!({ "user_id": user, "phone_number": OTHER_NUMBER });
    let added = log
        .told("CreatePhoneNumber", server.post("/v1/phone_numbers", body))
        .await;
    let path = format!("/v1/phone_numbers/{}", text(&added["id"]));
    let prepared = log
        .told(
            "PreparePhoneNumberVerification",
            server.post(&format!("{path}/prepare_verification"), json!({})),
        )
        .await;
    let code = log.world.code(OTHER_NUMBER).await;
    let proof = json!({ "verification_id": prepared["id"], "code": code });
    log.told(
        "AttemptPhoneNumberVerification",
        server.post(&format!("{path}/attempt_verification"), proof),
    )
    .await;
    let change = json!({ "verified": false });
    log.told("UpdatePhoneNumber", server.patch(&path, change))
        .await;
    log.told("DeletePhoneNumber", server.delete(&path)).await;
    log.told(
        "ReplaceUserPhoneNumber",
        server.put(
            &format!("/v1/users/{user}/phone_number"),
            json!({ "phone_number": "+14165550299" }),
        ),
    )
    .await;
    log.told(
        "UpdateInstanceCommunication",
        server.patch(
            "/v1/instance/communication",
            json!({ "blocked_country_codes": ["LV"] }),
        ),
    )
    .await;
}
