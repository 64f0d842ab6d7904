//! SQL of `reverifications`.
use super::model::ReverificationRow;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::SessionId;

pub async fn find(
    tx: &mut Tx,
    session: &SessionId,
    now: Timestamp,
) -> Result<Option<ReverificationRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, session_id, level, first_factor_id, first_factor_strategy, first_factor_at, second_factor_id, second_factor_strategy, second_factor_at, expire_at, created_at, updated_at FROM reverifications WHERE instance_id = ? AND session_id = ? AND expire_at > ?", params![tenant, session, now]).await
}

/// Takes the place of the one before, if there was one.
pub async fn put(tx: &mut Tx, row: &ReverificationRow) -> Result<(), DbError> {
    delete(tx, &row.session_id).await?;
    tx.insert("reverifications", ReverificationRow::COLUMNS, &row.values())
        .await
        .map(drop)
}

/// Consumes an attempt: one for exactly one caller.
pub async fn delete(tx: &mut Tx, session: &SessionId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM reverifications WHERE instance_id = ? AND session_id = ?",
        params![tenant, session],
    )
    .await
}

/// Forgets attempts that ended, of every instance: the housekeeping job's.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM reverifications WHERE expire_at < ?",
        params![before],
    )
    .await
}
