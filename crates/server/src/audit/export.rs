//! One row as a line of JSON: everything that the hash covers, and what it takes to hold the hash against it.
use super::model::AuditRow;
use serde_json::{Value, json};

/// A line, without its end.
#[must_use]
pub fn line(row: &AuditRow) -> String {
    let changes: Value = serde_json::from_str(&row.changes).unwrap_or_default();
    json!({
        "instance_id": row.instance_id,
        "seq": row.seq,
        "id": row.id,
        "event_time": row.event_time.0,
        "event": row.event,
        "outcome": row.outcome,
        "actor_type": row.actor_type,
        "actor_id": row.actor_id,
        "impersonator": row.impersonator,
        "subject": row.subject,
        "source": row.source,
        "client_id": row.client_id,
        "session_id": row.session_id,
        "trace_id": row.trace_id,
        "changes": changes,
        "person": row.person,
        "ip_address": row.ip_address,
        "user_agent": row.user_agent,
        "salt": row.salt,
        "commitment": row.commitment,
        "prev_hash": row.prev_hash,
        "hash": row.hash,
    })
    .to_string()
}
