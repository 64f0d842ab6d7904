//! The chain: what a row's hash covers, and the seals. Pure, so that the writer and the verifier cannot differ.
use super::model::AuditRow;
use serde_json::json;
use usher_crypto::digest;

/// What stands before the first row.
pub const GENESIS: &str = "";

/// The hash of no personal data: none was given.
pub const NOTHING: &str = "";

/// SHA-256 over the row's canonical form and the hash before it. Personal data is covered by its commitment only.
#[must_use]
pub fn hash(row: &AuditRow) -> String {
    let canonical = json!([
        row.instance_id,
        row.seq,
        row.id,
        row.event_time.0,
        row.event,
        row.outcome,
        row.actor_type,
        row.actor_id,
        row.impersonator,
        row.subject,
        row.source,
        row.client_id,
        row.session_id,
        row.trace_id,
        row.changes,
        row.person,
        row.commitment,
    ])
    .to_string();
    digest::sha256_hex(&(canonical + &row.prev_hash))
}

/// What a row keeps of its personal data for good: says nothing without the salt, which is erased with the data.
#[must_use]
pub fn commitment(salt: &str, ip: Option<&str>, agent: Option<&str>) -> String {
    let text = json!([ip, agent]).to_string();
    digest::b64url(&digest::hmac_sha256(salt.as_bytes(), text.as_bytes()))
}

/// The seal of a row: who can write the database, but lacks the key, cannot make one.
#[must_use]
pub fn row_seal(key: &[u8; 32], hash: &str) -> String {
    digest::b64url(&digest::hmac_sha256(key, format!("row:{hash}").as_bytes()))
}

/// The seal of the chain's end: another one than the row's, so that rows cannot be cut off and the end be set back.
#[must_use]
pub fn head_seal(key: &[u8; 32], instance: &str, seq: i64, hash: &str) -> String {
    let text = format!("head:{instance}:{seq}:{hash}");
    digest::b64url(&digest::hmac_sha256(key, text.as_bytes()))
}

/// Whether a seal is right, in constant time.
#[must_use]
pub fn same(given: &str, made: &str) -> bool {
    digest::equal(given.as_bytes(), made.as_bytes())
}
