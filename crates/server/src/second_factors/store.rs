//! SQL of `totps` and `backup_codes`.
use super::model::{BackupCodeRow, TotpRow};
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::UserId;

pub async fn totp(tx: &mut Tx, user: &UserId) -> Result<Option<TotpRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, user_id, id, secret_sealed, verified_at, last_step, created_at, updated_at FROM totps WHERE instance_id = ? AND user_id = ?", params![tenant, user]).await
}

/// Takes the place of the one before, if there was one.
pub async fn put_totp(tx: &mut Tx, totp: &TotpRow) -> Result<(), DbError> {
    delete_totp(tx, &totp.user_id).await?;
    tx.insert("totps", TotpRow::COLUMNS, &totp.values())
        .await
        .map(drop)
}

/// Consumes a step: true for exactly one caller, and never again for this step or an earlier one.
pub async fn take_step(
    tx: &mut Tx,
    user: &UserId,
    step: i64,
    now: Timestamp,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE totps SET last_step = ?, updated_at = ? WHERE instance_id = ? AND user_id = ? AND last_step < ?", params![step, now, tenant, user, step]).await? == 1)
}

/// Notes that the first code was right: true for exactly one caller.
pub async fn verify_totp(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE totps SET verified_at = ?, updated_at = ? WHERE instance_id = ? AND user_id = ? AND verified_at IS NULL", params![now, now, tenant, user]).await? == 1)
}

pub async fn delete_totp(tx: &mut Tx, user: &UserId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM totps WHERE instance_id = ? AND user_id = ?",
        params![tenant, user],
    )
    .await
}

/// The codes of a user that were not used.
pub async fn backup_codes(tx: &mut Tx, user: &UserId) -> Result<Vec<BackupCodeRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all("SELECT instance_id, user_id, code_hash, set_id, created_at FROM backup_codes WHERE instance_id = ? AND user_id = ? ORDER BY code_hash", params![tenant, user]).await
}

pub async fn add_backup_code(tx: &mut Tx, code: &BackupCodeRow) -> Result<(), DbError> {
    tx.insert("backup_codes", BackupCodeRow::COLUMNS, &code.values())
        .await
        .map(drop)
}

/// Consumes a code: true for exactly one caller.
pub async fn take_backup_code(
    tx: &mut Tx,
    user: &UserId,
    code_hash: &str,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx
        .run(
            "DELETE FROM backup_codes WHERE instance_id = ? AND user_id = ? AND code_hash = ?",
            params![tenant, user, code_hash],
        )
        .await?
        == 1)
}

pub async fn delete_backup_codes(tx: &mut Tx, user: &UserId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM backup_codes WHERE instance_id = ? AND user_id = ?",
        params![tenant, user],
    )
    .await
}
