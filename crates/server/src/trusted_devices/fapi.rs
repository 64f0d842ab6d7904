//! `/v1/me/trusted_devices` and the check before a sign-in (contract fapi appendix A).
use super::challenge::ChallengeResource;
use super::model::{ALGORITHMS, NewDevice, PLATFORMS};
use super::resource::{DeviceResource, ValidationResource};
use super::{ops, store};
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::reverifications::ops as reverifications;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions;
use usher_crypto::es256::PublicKey;
use usher_http::form::{Field, text};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error, Result};

const PREPARE: &[Field] = &[
    text("platform", 32).required().about("`ios` or `android`."),
    text("app_identifier", 255).required(),
    text("name", 256),
    text("algorithm", 32).required().about("`ES256`."),
    text("public_key_jwk", 2048).required(),
];
const ATTEMPT: &[Field] = &[
    text("platform", 32).required().about("`ios` or `android`."),
    text("app_identifier", 255).required(),
    text("name", 256),
    text("algorithm", 32).required().about("`ES256`."),
    text("public_key_jwk", 2048).required(),
    text("client_data", 4096).required(),
    text("signature", 256).required(),
];
const VALIDATE: &[Field] = &[text("trusted_device_id", 80).required()];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "GET",
        "/v1/me/trusted_devices",
        "listTrustedDevices",
        Guard::SignedIn,
        handler!(all),
    )
    .envelopes::<Vec<DeviceResource>>(),
    Op::fapi(
        "POST",
        "/v1/me/trusted_devices/prepare",
        "prepareTrustedDevice",
        Guard::SignedIn,
        handler!(prepare),
    )
    .fields(PREPARE)
    .envelopes::<ChallengeResource>(),
    Op::fapi(
        "POST",
        "/v1/me/trusted_devices/attempt",
        "attemptTrustedDevice",
        Guard::SignedIn,
        handler!(attempt),
    )
    .fields(ATTEMPT)
    .envelopes::<DeviceResource>(),
    Op::fapi(
        "DELETE",
        "/v1/me/trusted_devices/{trusted_device_id}",
        "revokeTrustedDevice",
        Guard::SignedIn,
        handler!(revoke),
    )
    .envelopes::<DeviceResource>(),
    Op::fapi(
        "POST",
        "/v1/client/trusted_devices/validate",
        "validateTrustedDevice",
        Guard::Browser,
        handler!(validate),
    )
    .fields(VALIDATE)
    .envelopes::<ValidationResource>(),
];

/// The device that a request describes.
fn new(call: &Call) -> Result<NewDevice, ApiError> {
    let text = |name: &str| call.form.text(name).unwrap_or_default();
    // Checked here and not with the fields: first it is said that nobody is signed in.
    for (name, words) in [("platform", PLATFORMS), ("algorithm", ALGORITHMS)] {
        if !words.contains(&text(name)) {
            return Err(refuse::form_param_value_invalid(name).at(name));
        }
    }
    let key = PublicKey::from_jwk(text("public_key_jwk"))
        .ok_or_else(|| refuse::trusted_device_invalid_public_key().at("public_key_jwk"))?;
    Ok(NewDevice {
        platform: text("platform").to_owned(),
        app_identifier: text("app_identifier").to_owned(),
        name: call.form.text("name").map(str::to_owned),
        key,
    })
}

async fn all(cx: &Cx, _: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting(cx).await?;
    let rows = store::active(&mut cx.read().await?, &user.id).await?;
    envelope(cx, rows.iter().map(DeviceResource::new).collect::<Vec<_>>()).await
}

async fn prepare(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = reverifications::acting(cx).await?;
    envelope(cx, ops::prepare(cx, &user, &new(call)?).await?).await
}

async fn attempt(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting_in_person(cx).await?;
    let text = |name: &str| call.form.text(name).unwrap_or_default();
    let (client_data, signature) = (text("client_data"), text("signature"));
    let row = ops::attempt(cx, &user, &new(call)?, client_data, signature).await?;
    envelope(cx, DeviceResource::new(&row)).await
}

async fn revoke(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = reverifications::acting(cx).await?;
    let row = ops::revoke(cx, &user.id, call.param("trusted_device_id")).await?;
    envelope(cx, DeviceResource::new(&row)).await
}

/// Says whether a device can sign in: an app asks before it shows the button. Ids of devices are not guessed.
async fn validate(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.form.text("trusted_device_id").unwrap_or_default();
    let valid = match ops::usable(cx, &mut cx.read().await?, id).await {
        Ok(_) => true,
        Err(Error::Api(_)) => false,
        Err(fault) => return Err(fault),
    };
    envelope(
        cx,
        ValidationResource {
            object: "trusted_device_validation",
            valid,
        },
    )
    .await
}
