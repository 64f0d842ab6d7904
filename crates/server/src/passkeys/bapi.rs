//! Passkeys, for the operator's servers (contract bapi §2.1).
use super::ops;
use crate::answers::Deleted;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use crate::users::ops::list;
use usher_types::Result;

/// What is served.
pub const OPS: &[Op] = &[Op::bapi(
    "DELETE",
    "/v1/users/{user_id}/passkeys/{passkey_identification_id}",
    "UserPasskeyDelete",
    handler!(delete),
)
.answers::<Deleted>()];

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let found = list::one(cx, call.param("user_id")).await?;
    let row = ops::own(cx, &found.user.id, call.param("passkey_identification_id")).await?;
    ops::remove(cx, &row.user_id, &row.id).await?;
    Reply::json(&Deleted::new("passkey", row.id))
}
