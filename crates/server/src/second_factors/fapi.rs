//! `/v1/me/totp` and `/v1/me/backup_codes` (contract fapi §8.3).
use super::ops;
use super::resource::{BackupCodesResource, TotpResource};
use crate::answers::Deleted;
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::reverifications::ops as reverifications;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions;
use usher_http::form::{Field, text};
use usher_types::Result;

const ATTEMPT: &[Field] = &[text("code", 32).required()];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "POST",
        "/v1/me/totp",
        "postTOTP",
        Guard::SignedIn,
        handler!(begin),
    )
    .envelopes::<TotpResource>(),
    Op::fapi(
        "DELETE",
        "/v1/me/totp",
        "deleteTOTP",
        Guard::SignedIn,
        handler!(delete),
    ),
    Op::fapi(
        "POST",
        "/v1/me/totp/attempt_verification",
        "verifyTOTP",
        Guard::SignedIn,
        handler!(verify),
    )
    .fields(ATTEMPT)
    .envelopes::<TotpResource>(),
    Op::fapi(
        "POST",
        "/v1/me/backup_codes",
        "createBackupCodes",
        Guard::SignedIn,
        handler!(renew_backup_codes),
    )
    .envelopes::<BackupCodesResource>(),
];

async fn begin(cx: &Cx, _: &Call) -> Result<Reply> {
    let (_, user) = reverifications::acting(cx).await?;
    envelope(cx, ops::begin_totp(cx, &user).await?).await
}

async fn verify(cx: &Cx, call: &Call) -> Result<Reply> {
    let (session, user) = sessions::ops::acting_in_person(cx).await?;
    let code = call.form.text("code").unwrap_or_default();
    envelope(cx, ops::verify_totp(cx, &session, &user, code).await?).await
}

/// What was proved once in this session is what may be taken away: an address or a password alone is not enough.
async fn delete(cx: &Cx, _: &Call) -> Result<Reply> {
    let (session, user) = reverifications::acting(cx).await?;
    sessions::ops::check_second_factor(&session, &user)?;
    let id = ops::remove_totp(cx, &user).await?;
    envelope(cx, Deleted::new("totp", id)).await
}

async fn renew_backup_codes(cx: &Cx, _: &Call) -> Result<Reply> {
    let (session, user) = reverifications::acting(cx).await?;
    sessions::ops::check_second_factor(&session, &user)?;
    let (id, codes) = ops::renew_backup_codes(cx, &user).await?;
    envelope(cx, BackupCodesResource::new(&id, codes, cx.now)).await
}
