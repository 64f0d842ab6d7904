//! SQL of `agent_tasks`.
use super::model::AgentTaskRow;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;

pub async fn insert(tx: &mut Tx, task: &AgentTaskRow) -> Result<(), DbError> {
    tx.insert("agent_tasks", AgentTaskRow::COLUMNS, &task.values())
        .await
        .map(drop)
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<AgentTaskRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, agent_id, agent_name, task_description, user_id, redirect_url, session_life_secs, status, expire_at, created_at, updated_at FROM agent_tasks WHERE instance_id = ? AND id = ?", params![tenant, id]).await
}

/// Uses a task up: true for exactly one caller.
pub async fn accept(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE agent_tasks SET status = 'accepted', updated_at = ? WHERE instance_id = ? AND id = ? AND status = 'pending' AND expire_at > ?", params![now, tenant, id, now]).await? == 1)
}

/// Revokes a task that was not used: true for exactly one caller.
pub async fn revoke(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE agent_tasks SET status = 'revoked', updated_at = ? WHERE instance_id = ? AND id = ? AND status = 'pending'", params![now, tenant, id]).await? == 1)
}

/// Forgets dead tasks, of every instance: the housekeeping job's. The audit log keeps what happened.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM agent_tasks WHERE expire_at < ?",
        params![before],
    )
    .await
}
