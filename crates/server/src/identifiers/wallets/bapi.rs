//! Wallets, for the operator's servers (contract bapi §2.1).
use super::model::WalletRow;
use super::ops;
use crate::answers::Deleted;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::claims;
use crate::route::{Call, Op, Reply};
use crate::users::ops::list;
use usher_types::Result;

/// What is served.
pub const OPS: &[Op] = &[Op::bapi(
    "DELETE",
    "/v1/users/{user_id}/web3_wallets/{web3_wallet_identification_id}",
    "UserWeb3WalletDelete",
    handler!(delete),
)
.answers::<Deleted>()];

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let found = list::one(cx, call.param("user_id")).await?;
    let id = call.param("web3_wallet_identification_id");
    let row: WalletRow = claims::own(cx, &found.user.id, id).await?;
    ops::remove(cx, &row.user_id, &row.id).await?;
    Reply::json(&Deleted::new("web3_wallet", row.id))
}
