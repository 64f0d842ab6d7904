//! SQL of `phone_numbers`.
use super::model::PhoneRow;
use crate::users::store::const_format;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::{IdentificationId, UserId, VerificationId};

const SELECT: &str = "SELECT instance_id, id, user_id, phone_number, reserved, claimed, verification_status, verification_strategy, verification_id, reserved_for_second_factor, default_second_factor, created_at, updated_at FROM phone_numbers";

pub async fn find(tx: &mut Tx, id: &IdentificationId) -> Result<Option<PhoneRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(SELECT, " WHERE instance_id = ? AND id = ?"),
        params![tenant, id],
    )
    .await
}

/// The verified or reserved number, whosever it is: there is one at most.
pub async fn claimed(tx: &mut Tx, number: &str) -> Result<Option<PhoneRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(
            SELECT,
            " WHERE instance_id = ? AND phone_number = ? AND claimed",
        ),
        params![tenant, number],
    )
    .await
}

/// A user's numbers, oldest first.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Vec<PhoneRow>, DbError> {
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

/// The numbers of several users, oldest first.
pub async fn of_users(tx: &mut Tx, users: &[UserId]) -> Result<Vec<PhoneRow>, DbError> {
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

pub async fn insert(tx: &mut Tx, phone: &PhoneRow) -> Result<(), DbError> {
    tx.insert("phone_numbers", PhoneRow::COLUMNS, &phone.values())
        .await
        .map(drop)
}

/// Writes state that can change.
pub async fn update(tx: &mut Tx, phone: &PhoneRow) -> Result<u64, DbError> {
    tx.run(
        "UPDATE phone_numbers SET reserved = ?, claimed = ?, verification_status = ?, verification_strategy = ?, verification_id = ?, reserved_for_second_factor = ?, default_second_factor = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![phone.reserved, phone.claimed, phone.verification_status, phone.verification_strategy, phone.verification_id, phone.reserved_for_second_factor, phone.default_second_factor, phone.updated_at, phone.instance_id, phone.id],
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
    tx.run("UPDATE phone_numbers SET verification_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?", params![verification, now, tenant, id]).await
}

pub async fn delete(tx: &mut Tx, id: &IdentificationId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM phone_numbers WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}
