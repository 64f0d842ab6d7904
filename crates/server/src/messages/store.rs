//! SQL of `messages`.
use super::model::MessageRow;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::MessageId;

const SELECT: &str = "SELECT instance_id, id, channel, recipient, sender, reply_to, subject, text_body, html_body, code, status, attempts, run_at, created_at FROM messages";

pub async fn insert(tx: &mut Tx, message: &MessageRow) -> Result<(), DbError> {
    tx.insert("messages", MessageRow::COLUMNS, &message.values())
        .await
        .map(drop)
}

/// The inbox of an instance, newest first, with the number of all that match.
pub async fn inbox(
    tx: &mut Tx,
    to: Option<&str>,
    limit: i64,
) -> Result<(Vec<MessageRow>, i64), DbError> {
    let tenant = tx.tenant().to_owned();
    let rows = tx.all(&format!("{SELECT} WHERE instance_id = ? AND status = 'inbox' AND (CAST(? AS TEXT) IS NULL OR recipient = ?) ORDER BY created_at DESC, id DESC LIMIT ?"), params![tenant, to, to, limit]).await?;
    let count: Option<(i64,)> = tx.first("SELECT count(*) FROM messages WHERE instance_id = ? AND status = 'inbox' AND (CAST(? AS TEXT) IS NULL OR recipient = ?)", params![tenant, to, to]).await?;
    Ok((rows, count.map_or(0, |(n,)| n)))
}

pub async fn empty_inbox(tx: &mut Tx) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM messages WHERE instance_id = ? AND status = 'inbox'",
        params![tenant],
    )
    .await
}

/// Messages that are due, of every instance: the sending job's. Those alone that somebody delivers.
pub async fn due(
    tx: &mut Tx,
    now: Timestamp,
    mail: bool,
    texts: bool,
) -> Result<Vec<MessageRow>, DbError> {
    tx.all(
        &format!("{SELECT} WHERE status = 'queued' AND run_at <= ? AND ((channel = 'email' AND CAST(? AS BOOLEAN)) OR (channel <> 'email' AND CAST(? AS BOOLEAN))) ORDER BY run_at LIMIT 20"),
        params![now, mail, texts],
    )
    .await
}

/// Claims a due message for one process until `until`: true for exactly one caller.
pub async fn claim(
    tx: &mut Tx,
    id: &MessageId,
    seen: Timestamp,
    until: Timestamp,
) -> Result<bool, DbError> {
    Ok(tx.run("UPDATE messages SET run_at = ?, attempts = attempts + 1 WHERE id = ? AND status = 'queued' AND run_at = ?", params![until, id, seen]).await? == 1)
}

/// Ends a message; its text is forgotten, for it carries codes.
pub async fn finish(tx: &mut Tx, id: &MessageId, status: &str) -> Result<(), DbError> {
    tx.run("UPDATE messages SET status = ?, text_body = '', html_body = NULL, code = NULL WHERE id = ?", params![status, id]).await.map(drop)
}

/// Forgets messages that are not waiting any more and were made before `before`.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM messages WHERE instance_id = ? AND status <> 'queued' AND created_at < ?",
        params![tenant, before],
    )
    .await
}
