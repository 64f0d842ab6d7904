//! Second factors, for the operator's servers (contract bapi §2.1).
use super::ops::{self, Removal};
use super::resource::{CodeVerified, Disabled};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use usher_http::form::{Field, secret};
use usher_types::Result;

const VERIFY: &[Field] = &[secret("code", 256)
    .required()
    .about("Six digits of the authenticator app, or a backup code, which is used up.")];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "POST",
        "/v1/users/{user_id}/verify_totp",
        "VerifyTOTP",
        handler!(verify),
    )
    .fields(VERIFY)
    .answers::<CodeVerified>(),
    Op::bapi(
        "DELETE",
        "/v1/users/{user_id}/totp",
        "DeleteTOTP",
        handler!(delete_totp),
    )
    .answers::<Disabled>(),
    Op::bapi(
        "DELETE",
        "/v1/users/{user_id}/backup_code",
        "DeleteBackupCode",
        handler!(delete_backup_codes),
    )
    .answers::<Disabled>(),
    Op::bapi(
        "DELETE",
        "/v1/users/{user_id}/mfa",
        "DisableMFA",
        handler!(delete_all),
    )
    .answers::<Disabled>(),
];

async fn verify(cx: &Cx, call: &Call) -> Result<Reply> {
    let code = call.form.text("code").unwrap_or_default();
    let by = ops::verify_for_server(cx, call.param("user_id"), code).await?;
    Reply::json(&CodeVerified::new(by))
}

async fn delete_totp(cx: &Cx, call: &Call) -> Result<Reply> {
    remove(cx, call, Removal::Totp).await
}

async fn delete_backup_codes(cx: &Cx, call: &Call) -> Result<Reply> {
    remove(cx, call, Removal::BackupCodes).await
}

async fn delete_all(cx: &Cx, call: &Call) -> Result<Reply> {
    remove(cx, call, Removal::Everything).await
}

async fn remove(cx: &Cx, call: &Call, removal: Removal) -> Result<Reply> {
    let user = ops::remove(cx, call.param("user_id"), removal).await?;
    Reply::json(&Disabled::new(&user))
}
