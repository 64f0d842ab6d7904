//! SQL of `email_addresses`.
use super::email::EmailRow;
use crate::users::store::const_format;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::{IdentificationId, UserId, VerificationId};

const SELECT: &str = "SELECT instance_id, id, user_id, email_address, email_normal, reserved, claimed, verification_status, verification_strategy, verification_id, created_at, updated_at FROM email_addresses";

pub async fn find(tx: &mut Tx, id: &IdentificationId) -> Result<Option<EmailRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(SELECT, " WHERE instance_id = ? AND id = ?"),
        params![tenant, id],
    )
    .await
}

/// The verified or reserved address, whosever it is: there is one at most.
pub async fn claimed(tx: &mut Tx, normal: &str) -> Result<Option<EmailRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(
            SELECT,
            " WHERE instance_id = ? AND email_normal = ? AND claimed",
        ),
        params![tenant, normal],
    )
    .await
}

/// A user's addresses, oldest first.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Vec<EmailRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all(
        &const_format(
            SELECT,
            " WHERE instance_id = ? AND user_id = ? ORDER BY created_at, id",
        ),
        params![tenant, user],
    )
    .await
}

/// The addresses of several users, oldest first.
pub async fn of_users(tx: &mut Tx, users: &[UserId]) -> Result<Vec<EmailRow>, DbError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let marks = vec!["?"; users.len()].join(", ");
    let mut values = params![tx.tenant()].to_vec();
    values.extend(users.iter().map(usher_db::ToValue::to_value));
    tx.all(
        &format!("{SELECT} WHERE instance_id = ? AND user_id IN ({marks}) ORDER BY created_at, id"),
        &values,
    )
    .await
}

pub async fn insert(tx: &mut Tx, email: &EmailRow) -> Result<(), DbError> {
    tx.insert("email_addresses", EmailRow::COLUMNS, &email.values())
        .await
        .map(drop)
}

/// Writes state that can change.
pub async fn update(tx: &mut Tx, email: &EmailRow) -> Result<u64, DbError> {
    tx.run(
        "UPDATE email_addresses SET reserved = ?, claimed = ?, verification_status = ?, verification_strategy = ?, verification_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![email.reserved, email.claimed, email.verification_status, email.verification_strategy, email.verification_id, email.updated_at, email.instance_id, email.id],
    )
    .await
}

/// Notes the verification that is under way.
pub async fn set_verification(
    tx: &mut Tx,
    id: &IdentificationId,
    verification: &VerificationId,
    now: Timestamp,
) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE email_addresses SET verification_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?", params![verification, now, tenant, id]).await
}

pub async fn delete(tx: &mut Tx, id: &IdentificationId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM email_addresses WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}
