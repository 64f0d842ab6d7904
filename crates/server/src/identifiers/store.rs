//! SQL of `email_addresses`, and what the three tables of identifiers share.
use super::email::EmailRow;
use usher_db::{DbError, FromRow, Tx, Value, params};
use usher_types::Timestamp;
use usher_types::id::{IdentificationId, UserId, VerificationId};

/// A row of a table of identifiers: a user's, and of one user at most where it is claimed.
pub trait Identifier: FromRow + Clone + Send + Sync {
    /// The table.
    const TABLE: &'static str;
    /// Its columns, in the order of [`Identifier::all`].
    const COLUMNS: &'static [&'static str];
    /// Reads whole rows.
    const SELECT: &'static str;
    /// The claimed row of a given form.
    const CLAIMED: &'static str;
    /// Writes [`Identifier::changing`].
    const UPDATE: &'static str;
    /// Notes the verification that is under way.
    const SET_VERIFICATION: &'static str;
    /// Removes a row.
    const DELETE: &'static str;
    /// The values of all columns.
    fn all(&self) -> Vec<Value>;
    /// The values that can change, then the instance and the id.
    fn changing(&self) -> Vec<Value>;
}

impl Identifier for EmailRow {
    const TABLE: &'static str = "email_addresses";
    const COLUMNS: &'static [&'static str] = Self::COLUMNS;
    const SELECT: &'static str = "SELECT instance_id, id, user_id, email_address, email_normal, reserved, claimed, verification_status, verification_strategy, verification_id, created_at, updated_at FROM email_addresses";
    const CLAIMED: &'static str = "instance_id = ? AND email_normal = ? AND claimed";
    const UPDATE: &'static str = "UPDATE email_addresses SET reserved = ?, claimed = ?, verification_status = ?, verification_strategy = ?, verification_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?";
    const SET_VERIFICATION: &'static str = "UPDATE email_addresses SET verification_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?";
    const DELETE: &'static str = "DELETE FROM email_addresses WHERE instance_id = ? AND id = ?";
    fn all(&self) -> Vec<Value> {
        self.values()
    }
    fn changing(&self) -> Vec<Value> {
        params![
            self.reserved,
            self.claimed,
            self.verification_status,
            self.verification_strategy,
            self.verification_id,
            self.updated_at,
            self.instance_id,
            self.id
        ]
        .to_vec()
    }
}

fn select<R: Identifier>(condition: &str) -> String {
    format!("{} WHERE {condition}", R::SELECT)
}

/// The row with this id.
pub async fn find<R: Identifier>(tx: &mut Tx, id: &IdentificationId) -> Result<Option<R>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &select::<R>("instance_id = ? AND id = ?"),
        params![tenant, id],
    )
    .await
}

/// The verified or reserved one of this form, whosever it is: there is one at most.
pub async fn claimed<R: Identifier>(tx: &mut Tx, form: &str) -> Result<Option<R>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(&select::<R>(R::CLAIMED), params![tenant, form])
        .await
}

/// A user's, oldest first.
pub async fn of_user<R: Identifier>(tx: &mut Tx, user: &UserId) -> Result<Vec<R>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all(
        &select::<R>("instance_id = ? AND user_id = ? ORDER BY created_at, id"),
        params![tenant, user],
    )
    .await
}

/// Those of several users, oldest first.
pub async fn of_users<R: Identifier>(tx: &mut Tx, users: &[UserId]) -> Result<Vec<R>, DbError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let marks = vec!["?"; users.len()].join(", ");
    let mut values = params![tx.tenant()].to_vec();
    values.extend(users.iter().map(usher_db::ToValue::to_value));
    let condition = format!("instance_id = ? AND user_id IN ({marks}) ORDER BY created_at, id");
    tx.all(&select::<R>(&condition), &values).await
}

/// Writes a new row.
pub async fn insert<R: Identifier>(tx: &mut Tx, row: &R) -> Result<(), DbError> {
    tx.insert(R::TABLE, R::COLUMNS, &row.all()).await.map(drop)
}

/// Writes state that can change.
pub async fn update<R: Identifier>(tx: &mut Tx, row: &R) -> Result<u64, DbError> {
    tx.run(R::UPDATE, &row.changing()).await
}

/// Notes the verification that is under way.
pub async fn set_verification<R: Identifier>(
    tx: &mut Tx,
    id: &IdentificationId,
    verification: &VerificationId,
    now: Timestamp,
) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(R::SET_VERIFICATION, params![verification, now, tenant, id])
        .await
}

/// Removes a row.
pub async fn delete<R: Identifier>(tx: &mut Tx, id: &IdentificationId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(R::DELETE, params![tenant, id]).await
}
