//! SQL of `passkeys`.
use super::model::PasskeyRow;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::{IdentificationId, UserId};

pub async fn find(tx: &mut Tx, id: &IdentificationId) -> Result<Option<PasskeyRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, user_id, name, credential_id, credential, verification_id, last_used_at, created_at, updated_at FROM passkeys WHERE instance_id = ? AND id = ?", params![tenant, id]).await
}

/// The passkey with this credential, whosever it is.
pub async fn by_credential(
    tx: &mut Tx,
    credential_id: &str,
) -> Result<Option<PasskeyRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, user_id, name, credential_id, credential, verification_id, last_used_at, created_at, updated_at FROM passkeys WHERE instance_id = ? AND credential_id = ?", params![tenant, credential_id]).await
}

/// A user's passkeys that have a credential, oldest first.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Vec<PasskeyRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all("SELECT instance_id, id, user_id, name, credential_id, credential, verification_id, last_used_at, created_at, updated_at FROM passkeys WHERE instance_id = ? AND user_id = ? AND credential_id IS NOT NULL ORDER BY created_at, id", params![tenant, user]).await
}

pub async fn insert(tx: &mut Tx, row: &PasskeyRow) -> Result<(), DbError> {
    tx.insert("passkeys", PasskeyRow::COLUMNS, &row.values())
        .await
        .map(drop)
}

/// Gives a passkey its credential: true for exactly one caller.
pub async fn register(
    tx: &mut Tx,
    id: &IdentificationId,
    credential_id: &str,
    credential: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE passkeys SET credential_id = ?, credential = ?, updated_at = ? WHERE instance_id = ? AND id = ? AND credential_id IS NULL", params![credential_id, credential, now, tenant, id]).await? == 1)
}

/// Notes a use: the credential's counter moved. False where it moved otherwise meanwhile.
pub async fn used(
    tx: &mut Tx,
    id: &IdentificationId,
    before: &str,
    after: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE passkeys SET credential = ?, last_used_at = ? WHERE instance_id = ? AND id = ? AND credential = ?", params![after, now, tenant, id, before]).await? == 1)
}

pub async fn rename(
    tx: &mut Tx,
    id: &IdentificationId,
    name: &str,
    now: Timestamp,
) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE passkeys SET name = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![name, now, tenant, id],
    )
    .await
}

pub async fn delete(tx: &mut Tx, id: &IdentificationId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM passkeys WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}

/// Forgets what a user asked for and did not finish.
pub async fn drop_unfinished(tx: &mut Tx, user: &UserId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM passkeys WHERE instance_id = ? AND user_id = ? AND credential_id IS NULL",
        params![tenant, user],
    )
    .await
}
