//! Passkeys, for the operator's servers (contract bapi §2.1).
use super::ops;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use crate::users::ops::list;
use schemars::JsonSchema;
use serde::Serialize;
use usher_types::Result;

/// What is served.
pub const OPS: &[Op] = &[Op::bapi(
    "DELETE",
    "/v1/users/{user_id}/passkeys/{passkey_identification_id}",
    "UserPasskeyDelete",
    handler!(delete),
)
.answers::<DeletedPasskey>()];

/// A passkey that is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletedPasskey")]
pub struct DeletedPasskey {
    /// `passkey`.
    pub object: &'static str,
    /// `idn_…`.
    pub id: String,
    /// True.
    pub deleted: bool,
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let found = list::one(cx, call.param("user_id")).await?;
    let row = ops::own(cx, &found.user.id, call.param("passkey_identification_id")).await?;
    ops::remove(cx, &row.user_id, &row.id).await?;
    Reply::json(&DeletedPasskey {
        object: "passkey",
        id: row.id.into(),
        deleted: true,
    })
}
