//! SQL of `verifications`.
use super::model::VerificationRow;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::{ClientId, VerificationId};

pub async fn insert(tx: &mut Tx, verification: &VerificationRow) -> Result<(), DbError> {
    tx.insert(
        "verifications",
        VerificationRow::COLUMNS,
        &verification.values(),
    )
    .await
    .map(drop)
}

pub async fn find(tx: &mut Tx, id: &VerificationId) -> Result<Option<VerificationRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, strategy, status, target, mailbox, code_hash, attempts, verified_at_client, challenge, channel, expire_at, created_at FROM verifications WHERE instance_id = ? AND id = ?", params![tenant, id]).await
}

/// How many codes were made for a mailbox since `since`, whoever asked for them, and when the first of them was.
pub async fn made_since(
    tx: &mut Tx,
    mailbox: &str,
    since: Timestamp,
) -> Result<(i64, Timestamp), DbError> {
    let tenant = tx.tenant().to_owned();
    let row: Option<(i64, Option<Timestamp>)> = tx
        .first(
            "SELECT count(*), min(created_at) FROM verifications WHERE instance_id = ? AND mailbox = ? AND created_at > ?",
            params![tenant, mailbox, since],
        )
        .await?;
    Ok(row.map_or((0, since), |(n, first)| (n, first.unwrap_or(since))))
}

/// Takes one try of an open verification, before the code is looked at: parallel guesses each cost one, and the row
/// count is the answer.
pub async fn take_try(
    tx: &mut Tx,
    id: &VerificationId,
    max: i64,
    now: Timestamp,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    let taken = tx.run("UPDATE verifications SET attempts = attempts + 1 WHERE instance_id = ? AND id = ? AND status = 'unverified' AND attempts < ? AND expire_at > ?", params![tenant, id, max, now]).await?;
    Ok(taken == 1)
}

/// Consumes an open verification: true for exactly one caller.
pub async fn succeed(
    tx: &mut Tx,
    id: &VerificationId,
    client: Option<&ClientId>,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE verifications SET status = 'verified', code_hash = NULL, verified_at_client = ? WHERE instance_id = ? AND id = ? AND status = 'unverified'", params![client, tenant, id]).await? == 1)
}

/// Ends an open verification.
pub async fn fail(tx: &mut Tx, id: &VerificationId) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE verifications SET status = 'failed', code_hash = NULL WHERE instance_id = ? AND id = ? AND status = 'unverified'", params![tenant, id]).await.map(drop)
}

/// Marks a verified one as waiting for the other flow to take it over.
pub async fn set_status(tx: &mut Tx, id: &VerificationId, status: &str) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE verifications SET status = ? WHERE instance_id = ? AND id = ?",
        params![status, tenant, id],
    )
    .await
    .map(drop)
}

/// Consumes a transferable verification: true for exactly one caller.
pub async fn take_transfer(tx: &mut Tx, id: &VerificationId) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE verifications SET status = 'verified' WHERE instance_id = ? AND id = ? AND status = 'transferable'", params![tenant, id]).await? == 1)
}

/// Forgets what ended before `before`, of every instance: the housekeeping job's.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM verifications WHERE expire_at < ?",
        params![before],
    )
    .await
}
