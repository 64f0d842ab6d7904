//! SQL of `sign_ins`.
use super::model::SignInRow;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::SignInId;

pub async fn insert(tx: &mut Tx, sign_in: &SignInRow) -> Result<(), DbError> {
    tx.insert("sign_ins", SignInRow::COLUMNS, &sign_in.values())
        .await
        .map(drop)
}

pub async fn find(tx: &mut Tx, id: &SignInId) -> Result<Option<SignInRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, client_id, identifier, user_id, first_factor_id, first_factor_strategy, first_factor_at, needs_new_password, new_password_stored, end_other_sessions, second_factor_required, second_factor_id, second_factor_strategy, second_factor_at, client_trust_required, client_trust_id, client_trust_at, sign_up_if_missing, locale, created_session_id, abandon_at, created_at, updated_at FROM sign_ins WHERE instance_id = ? AND id = ?", params![tenant, id]).await
}

/// Writes what can change. Called under the client's lock.
pub async fn update(tx: &mut Tx, s: &SignInRow) -> Result<(), DbError> {
    tx.run(
        "UPDATE sign_ins SET identifier = ?, user_id = ?, first_factor_id = ?, first_factor_strategy = ?, first_factor_at = ?, needs_new_password = ?, new_password_stored = ?, end_other_sessions = ?, second_factor_required = ?, second_factor_id = ?, second_factor_strategy = ?, second_factor_at = ?, client_trust_required = ?, client_trust_id = ?, client_trust_at = ?, created_session_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![s.identifier, s.user_id, s.first_factor_id, s.first_factor_strategy, s.first_factor_at, s.needs_new_password, s.new_password_stored, s.end_other_sessions, s.second_factor_required, s.second_factor_id, s.second_factor_strategy, s.second_factor_at, s.client_trust_required, s.client_trust_id, s.client_trust_at, s.created_session_id, s.updated_at, s.instance_id, s.id],
    )
    .await
    .map(drop)
}

/// Forgets old attempts, of every instance: the housekeeping job's.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    tx.run("DELETE FROM sign_ins WHERE abandon_at < ?", params![before])
        .await
}
