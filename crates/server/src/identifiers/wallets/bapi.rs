//! Wallets, for the operator's servers (contract bapi §2.1).
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
    "/v1/users/{user_id}/web3_wallets/{web3_wallet_identification_id}",
    "UserWeb3WalletDelete",
    handler!(delete),
)
.answers::<DeletedWallet>()];

/// A wallet that is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletedWeb3Wallet")]
pub struct DeletedWallet {
    /// `web3_wallet`.
    pub object: &'static str,
    /// `idn_…`.
    pub id: String,
    /// True.
    pub deleted: bool,
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let found = list::one(cx, call.param("user_id")).await?;
    let id = call.param("web3_wallet_identification_id");
    let row = ops::own(cx, &found.user.id, id).await?;
    ops::remove(cx, &row.user_id, &row.id).await?;
    Reply::json(&DeletedWallet {
        object: "web3_wallet",
        id: row.id.into(),
        deleted: true,
    })
}
