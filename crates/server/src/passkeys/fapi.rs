//! `/v1/me/passkeys` (contract fapi §8.8). Every operation acts on the signed-in user's own passkeys only.
use super::model::PasskeyRow;
use super::ops;
use super::resource::PasskeyResource;
use crate::answers::Deleted;
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::reverifications::ops as reverifications;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions;
use crate::users::model::UserRow;
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, text, word};
use usher_types::Result;

const ATTEMPT: &[Field] = &[
    word("strategy", &["passkey"]),
    text("public_key_credential", 16 * 1024).required(),
];
const RENAME: &[Field] = &[text("name", 256).required()];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "POST",
        "/v1/me/passkeys",
        "postPasskey",
        Guard::SignedIn,
        handler!(create),
    )
    .envelopes::<PasskeyResource>(),
    Op::fapi(
        "GET",
        "/v1/me/passkeys/{passkey_id}",
        "readPasskey",
        Guard::SignedIn,
        handler!(show),
    )
    .envelopes::<PasskeyResource>(),
    Op::fapi(
        "PATCH",
        "/v1/me/passkeys/{passkey_id}",
        "patchPasskey",
        Guard::SignedIn,
        handler!(rename),
    )
    .fields(RENAME)
    .envelopes::<PasskeyResource>(),
    Op::fapi(
        "DELETE",
        "/v1/me/passkeys/{passkey_id}",
        "deletePasskey",
        Guard::SignedIn,
        handler!(delete),
    ),
    Op::fapi(
        "POST",
        "/v1/me/passkeys/{passkey_id}/attempt_verification",
        "attemptPasskeyVerification",
        Guard::SignedIn,
        handler!(attempt),
    )
    .fields(ATTEMPT)
    .envelopes::<PasskeyResource>(),
    Op::fapi(
        "GET",
        "/.well-known/webauthn",
        "getWebAuthnRelatedOrigins",
        Guard::Public,
        handler!(related),
    )
    .answers::<RelatedOrigins>(),
];

/// Origins beyond the root domain whose pages may use its passkeys (WebAuthn §5.11, related origin requests).
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "RelatedOrigins")]
pub struct RelatedOrigins {
    /// `https://app.example.org`, …
    pub origins: Vec<String>,
}

/// A passkey may stand for both factors: who has two proves the second before passkeys come or go.
async fn acting(cx: &Cx) -> Result<UserRow> {
    let (session, user) = sessions::ops::acting_in_person(cx).await?;
    sessions::ops::check_second_factor(&session, &user)?;
    Ok(user)
}

/// As [`acting`], with a proof of the last minutes. What makes a passkey was asked for with one: its answer needs no other.
async fn reverified(cx: &Cx) -> Result<UserRow> {
    let user = acting(cx).await?;
    reverifications::acting(cx).await?;
    Ok(user)
}

async fn create(cx: &Cx, _: &Call) -> Result<Reply> {
    let user = reverified(cx).await?;
    let (row, verification) = ops::create(cx, &user).await?;
    envelope(cx, PasskeyResource::under_way(&row, &verification, cx.now)).await
}

/// A passkey of the signed-in user; another user's is not found.
async fn own(cx: &Cx, call: &Call) -> Result<PasskeyRow> {
    let (_, user) = sessions::ops::acting(cx).await?;
    ops::own(cx, &user.id, call.param("passkey_id")).await
}

async fn shown(cx: &Cx, row: &PasskeyRow) -> Result<PasskeyResource> {
    Ok(match ops::under_way(cx, row).await? {
        Some(verification) => PasskeyResource::under_way(row, &verification, cx.now),
        None => PasskeyResource::new(row),
    })
}

async fn show(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = own(cx, call).await?;
    envelope(cx, shown(cx, &row).await?).await
}

async fn rename(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = own(cx, call).await?;
    let row = ops::rename(cx, &row, call.form.text("name").unwrap_or_default()).await?;
    envelope(cx, shown(cx, &row).await?).await
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    reverified(cx).await?;
    let row = own(cx, call).await?;
    ops::remove(cx, &row.user_id, &row.id).await?;
    envelope(cx, Deleted::new("passkey", row.id)).await
}

async fn attempt(cx: &Cx, call: &Call) -> Result<Reply> {
    acting(cx).await?;
    let row = own(cx, call).await?;
    let given = call.form.text("public_key_credential").unwrap_or_default();
    let row = ops::register(cx, &row, given).await?;
    envelope(cx, PasskeyResource::new(&row)).await
}

async fn related(cx: &Cx, _: &Call) -> Result<Reply> {
    let origins = cx.instance.settings.allowed_origins.clone();
    Ok(Reply::json(&RelatedOrigins { origins })?
        .header("access-control-allow-origin", "*")
        .header("cache-control", "public, max-age=60"))
}
