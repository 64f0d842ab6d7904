//! SQL of `users`.
use super::model::UserRow;
use usher_db::{DbError, Tx, Value, params};
use usher_types::Timestamp;
use usher_types::id::{IdentificationId, UserId};

/// Every column, in the order of the struct.
pub const SELECT: &str = "SELECT instance_id, id, external_id, username, username_normal, first_name, last_name, locale, primary_email_address_id, primary_email_normal, primary_phone_number_id, primary_phone_number, phone_number_count, password_stored, password_updated_at, password_compromised, public_metadata, private_metadata, unsafe_metadata, banned, locked, locked_until, failed_attempts, password_failures, totp_enabled, phone_second_factor, backup_code_enabled, mfa_enabled_at, mfa_disabled_at, delete_self_enabled, create_organization_enabled, create_organizations_limit, bypass_client_trust, passkeys, legal_accepted_at, image_id, last_sign_in_at, last_active_at, search, created_at, updated_at, primary_web3_wallet_id, primary_web3_wallet, web3_wallets FROM users";

/// The user with this id.
pub async fn find(tx: &mut Tx, id: &UserId) -> Result<Option<UserRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        const_format(SELECT, " WHERE instance_id = ? AND id = ?").as_str(),
        params![tenant, id],
    )
    .await
}

/// The user with this id, locked until the transaction ends: what follows cannot be raced.
pub async fn find_locked(tx: &mut Tx, id: &UserId) -> Result<Option<UserRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        const_format(SELECT, " WHERE instance_id = ? AND id = ? $LOCK").as_str(),
        params![tenant, id],
    )
    .await
}

/// The user with this username (normal form).
pub async fn by_username(tx: &mut Tx, normal: &str) -> Result<Option<UserRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        const_format(SELECT, " WHERE instance_id = ? AND username_normal = ?").as_str(),
        params![tenant, normal],
    )
    .await
}

/// The user with this external id.
pub async fn by_external_id(tx: &mut Tx, external_id: &str) -> Result<Option<UserRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        const_format(SELECT, " WHERE instance_id = ? AND external_id = ?").as_str(),
        params![tenant, external_id],
    )
    .await
}

pub async fn insert(tx: &mut Tx, user: &UserRow) -> Result<(), DbError> {
    tx.insert("users", UserRow::COLUMNS, &user.values())
        .await
        .map(drop)
}

/// Writes every column of a user that was read under lock in the same transaction.
pub async fn update(tx: &mut Tx, user: &UserRow) -> Result<(), DbError> {
    let sets: Vec<String> = UserRow::COLUMNS
        .iter()
        .skip(2)
        .map(|c| format!("{c} = ?"))
        .collect();
    let mut values: Vec<Value> = user.values().split_off(2);
    values.extend(params![user.instance_id, user.id].iter().cloned());
    tx.run(
        &format!(
            "UPDATE users SET {} WHERE instance_id = ? AND id = ?",
            sets.join(", ")
        ),
        &values,
    )
    .await
    .map(drop)
}

pub async fn delete(tx: &mut Tx, id: &UserId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM users WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}

/// When failed attempts lock, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Lockout {
    /// Failed attempts.
    pub max: i64,
    /// The lock's end.
    pub until: Timestamp,
}

/// Counts a failed attempt, and apart from that a wrong password; locks the user where the most is reached. A lock that has
/// ended is forgotten first, or the first mistake after it would lock again. One statement, so that parallel tries all count.
pub async fn count_failure(
    tx: &mut Tx,
    id: &UserId,
    by_password: bool,
    Lockout { max, until }: Lockout,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE users SET failed_attempts = CASE WHEN locked AND locked_until <= ? THEN 1 ELSE failed_attempts + 1 END, locked = CASE WHEN locked AND locked_until <= ? THEN ? WHEN failed_attempts + 1 >= ? THEN ? ELSE locked END, locked_until = CASE WHEN locked AND locked_until <= ? THEN NULL WHEN failed_attempts + 1 >= ? THEN CAST(? AS BIGINT) ELSE locked_until END, password_failures = password_failures + ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![now, now, false, max, true, now, max, until, i64::from(by_password), now, tenant, id],
    )
    .await
    .map(drop)
}

/// Replaces one stored hash by another of the same password; nothing where it changed meanwhile.
pub async fn rehash(tx: &mut Tx, id: &UserId, old: &str, new: &str) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE users SET password_stored = ? WHERE instance_id = ? AND id = ? AND password_stored = ?", params![new, tenant, id, old]).await
}

/// Notes a completed sign-in and forgets failed attempts; wrong passwords only where it was a password that proved it.
pub async fn signed_in(
    tx: &mut Tx,
    id: &UserId,
    by_password: bool,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE users SET last_sign_in_at = ?, last_active_at = ?, failed_attempts = 0, password_failures = CASE WHEN ? THEN 0 ELSE password_failures END, locked = ?, locked_until = NULL, updated_at = ? WHERE instance_id = ? AND id = ?", params![now, now, by_password, false, now, tenant, id]).await.map(drop)
}

/// Forgets failed attempts, as a completed sign-in does; wrong passwords stay counted.
pub async fn forgive(tx: &mut Tx, id: &UserId, now: Timestamp) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE users SET failed_attempts = 0, locked = ?, locked_until = NULL, updated_at = ? WHERE instance_id = ? AND id = ? AND failed_attempts > 0", params![false, now, tenant, id]).await.map(drop)
}

/// Notes activity.
pub async fn active(tx: &mut Tx, id: &UserId, now: Timestamp) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE users SET last_active_at = ? WHERE instance_id = ? AND id = ?",
        params![now, tenant, id],
    )
    .await
    .map(drop)
}

/// Notes how many passkeys a user has, so that who has none costs no look.
pub async fn set_passkeys(
    tx: &mut Tx,
    id: &UserId,
    count: i64,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE users SET passkeys = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![count, now, tenant, id],
    )
    .await
    .map(drop)
}

/// Notes which image is the user's; none where it is taken away.
pub async fn set_image(
    tx: &mut Tx,
    id: &UserId,
    image: Option<&str>,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE users SET image_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![image, now, tenant, id],
    )
    .await
    .map(drop)
}

/// Makes an email address the primary one.
pub async fn set_primary_email(
    tx: &mut Tx,
    id: &UserId,
    email: Option<&IdentificationId>,
    normal: Option<&str>,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE users SET primary_email_address_id = ?, primary_email_normal = ?, updated_at = ? WHERE instance_id = ? AND id = ?", params![email, normal, now, tenant, id]).await.map(drop)
}

/// Two parts of a text, joined. Both are constants of a store file; nothing from outside goes through here.
pub(crate) fn const_format(head: &'static str, tail: &'static str) -> String {
    let mut text = String::with_capacity(head.len() + tail.len());
    text.push_str(head);
    text.push_str(tail);
    text
}
