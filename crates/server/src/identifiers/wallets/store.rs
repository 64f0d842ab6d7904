//! SQL of `web3_wallets`.
use super::model::WalletRow;
use crate::users::store::const_format;
use usher_db::{DbError, Tx, params};
use usher_types::id::{IdentificationId, UserId};

const SELECT: &str = "SELECT instance_id, id, user_id, web3_wallet, wallet_normal, claimed, verification_strategy, verification_id, created_at, updated_at FROM web3_wallets";

pub async fn find(tx: &mut Tx, id: &IdentificationId) -> Result<Option<WalletRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(SELECT, " WHERE instance_id = ? AND id = ?"),
        params![tenant, id],
    )
    .await
}

/// The proved wallet, whosever it is: there is one at most.
pub async fn claimed(tx: &mut Tx, normal: &str) -> Result<Option<WalletRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(
            SELECT,
            " WHERE instance_id = ? AND wallet_normal = ? AND claimed",
        ),
        params![tenant, normal],
    )
    .await
}

/// A user's wallets, oldest first.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Vec<WalletRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all(
        &const_format(
            SELECT,
            " WHERE instance_id = ? AND user_id = ? ORDER BY created_at, id",
        ),
        params![tenant, user],
    )
    .await
}

pub async fn insert(tx: &mut Tx, wallet: &WalletRow) -> Result<(), DbError> {
    tx.insert("web3_wallets", WalletRow::COLUMNS, &wallet.values())
        .await
        .map(drop)
}

/// Writes state that can change.
pub async fn update(tx: &mut Tx, wallet: &WalletRow) -> Result<u64, DbError> {
    tx.run(
        "UPDATE web3_wallets SET claimed = ?, verification_strategy = ?, verification_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![wallet.claimed, wallet.verification_strategy, wallet.verification_id, wallet.updated_at, wallet.instance_id, wallet.id],
    )
    .await
}

pub async fn delete(tx: &mut Tx, id: &IdentificationId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM web3_wallets WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}
