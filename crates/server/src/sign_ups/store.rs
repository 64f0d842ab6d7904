//! SQL of `sign_ups`.
use super::model::SignUpRow;
use usher_db::{DbError, Tx, Value, params};
use usher_types::Timestamp;
use usher_types::id::SignUpId;

pub async fn insert(tx: &mut Tx, sign_up: &SignUpRow) -> Result<(), DbError> {
    tx.insert("sign_ups", SignUpRow::COLUMNS, &sign_up.values())
        .await
        .map(drop)
}

pub async fn find(tx: &mut Tx, id: &SignUpId) -> Result<Option<SignUpRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, client_id, email_address, username, first_name, last_name, password_stored, unsafe_metadata, external_id, custom_action, ticket_id, public_metadata, locale, legal_accepted_at, email_verification_id, email_verified, phone_number, phone_verification_id, phone_verified, created_user_id, created_session_id, external_flow_id, external_verified, email_proof, abandon_at, created_at, updated_at, web3_wallet, web3_verification_id, web3_verified_by FROM sign_ups WHERE instance_id = ? AND id = ?", params![tenant, id]).await
}

/// Writes every column. Called under the client's lock, or on a column that only the operator changes.
pub async fn update(tx: &mut Tx, row: &SignUpRow) -> Result<(), DbError> {
    let sets: Vec<String> = SignUpRow::COLUMNS
        .iter()
        .skip(2)
        .map(|c| format!("{c} = ?"))
        .collect();
    let mut values: Vec<Value> = row.values().split_off(2);
    values.extend_from_slice(params![row.instance_id, row.id]);
    tx.run(
        &format!(
            "UPDATE sign_ups SET {} WHERE instance_id = ? AND id = ?",
            sets.join(", ")
        ),
        &values,
    )
    .await
    .map(drop)
}

/// Forgets old attempts, of every instance: the housekeeping job's.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    tx.run("DELETE FROM sign_ups WHERE abandon_at < ?", params![before])
        .await
}
