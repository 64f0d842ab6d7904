//! SQL of `external_accounts` and `social_flows`.
use super::model::{ExternalAccountRow, FlowRow};
use crate::users::store::const_format;
use usher_db::{DbError, ToValue, Tx, Value, params};
use usher_types::Timestamp;
use usher_types::id::{ClientId, ExternalAccountId, UserId, VerificationId};

const ACCOUNT: &str = "SELECT instance_id, id, identification_id, user_id, provider, provider_user_id, approved_scopes, email_address, email_verified, first_name, last_name, username, image_url, tokens_sealed, flow_id, created_at, updated_at FROM external_accounts";
const FLOW: &str = "SELECT instance_id, id, client_id, purpose, subject, user_id, strategy, state_hash, trip_sealed, redirect_url, complete_url, status, error, account_sealed, used_at, expire_at, created_at FROM social_flows";

pub async fn insert_account(tx: &mut Tx, account: &ExternalAccountRow) -> Result<(), DbError> {
    tx.insert(
        "external_accounts",
        ExternalAccountRow::COLUMNS,
        &account.values(),
    )
    .await
    .map(drop)
}

pub async fn account(
    tx: &mut Tx,
    id: &ExternalAccountId,
) -> Result<Option<ExternalAccountRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(ACCOUNT, " WHERE instance_id = ? AND id = ?"),
        params![tenant, id],
    )
    .await
}

/// Whosever account it is: there is one at most.
pub async fn by_subject(
    tx: &mut Tx,
    provider: &str,
    subject: &str,
) -> Result<Option<ExternalAccountRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(
            ACCOUNT,
            " WHERE instance_id = ? AND provider = ? AND provider_user_id = ?",
        ),
        params![tenant, provider, subject],
    )
    .await
}

/// A user's accounts, oldest first.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Vec<ExternalAccountRow>, DbError> {
    of_users(tx, std::slice::from_ref(user)).await
}

/// The accounts of several users, oldest first.
pub async fn of_users(tx: &mut Tx, users: &[UserId]) -> Result<Vec<ExternalAccountRow>, DbError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let marks = vec!["?"; users.len()].join(", ");
    let mut values = params![tx.tenant()].to_vec();
    values.extend(users.iter().map(ToValue::to_value));
    tx.all(
        &format!(
            "{ACCOUNT} WHERE instance_id = ? AND user_id IN ({marks}) ORDER BY created_at, id"
        ),
        &values,
    )
    .await
}

/// Writes what can change.
pub async fn update_account(tx: &mut Tx, a: &ExternalAccountRow) -> Result<u64, DbError> {
    tx.run(
        "UPDATE external_accounts SET provider_user_id = ?, approved_scopes = ?, email_address = ?, email_verified = ?, first_name = ?, last_name = ?, username = ?, image_url = ?, tokens_sealed = ?, flow_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![a.provider_user_id, a.approved_scopes, a.email_address, a.email_verified, a.first_name, a.last_name, a.username, a.image_url, a.tokens_sealed, a.flow_id, a.updated_at, a.instance_id, a.id],
    )
    .await
}

/// Writes new tokens over those that were read: true where nobody else did meanwhile.
pub async fn replace_tokens(
    tx: &mut Tx,
    id: &ExternalAccountId,
    before: Option<&str>,
    after: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE external_accounts SET tokens_sealed = ?, updated_at = ? WHERE instance_id = ? AND id = ? AND tokens_sealed = ?", params![after, now, tenant, id, before]).await? == 1)
}

pub async fn delete_account(tx: &mut Tx, id: &ExternalAccountId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM external_accounts WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}

pub async fn insert_flow(tx: &mut Tx, flow: &FlowRow) -> Result<(), DbError> {
    tx.insert("social_flows", FlowRow::COLUMNS, &flow.values())
        .await
        .map(drop)
}

pub async fn flow(tx: &mut Tx, id: &VerificationId) -> Result<Option<FlowRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(FLOW, " WHERE instance_id = ? AND id = ?"),
        params![tenant, id],
    )
    .await
}

/// Several trips by id.
pub async fn flows(tx: &mut Tx, ids: &[&VerificationId]) -> Result<Vec<FlowRow>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let marks = vec!["?"; ids.len()].join(", ");
    let mut values: Vec<Value> = params![tx.tenant()].to_vec();
    values.extend(ids.iter().map(|id| id.to_value()));
    tx.all(
        &format!("{FLOW} WHERE instance_id = ? AND id IN ({marks})"),
        &values,
    )
    .await
}

/// The trip of a `state`, whatever became of it.
pub async fn by_state(tx: &mut Tx, hash: &str) -> Result<Option<FlowRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(FLOW, " WHERE instance_id = ? AND state_hash = ?"),
        params![tenant, hash],
    )
    .await
}

/// Uses a `state` up: true for exactly one caller, on the browser that it was made for, while it lives.
pub async fn take(
    tx: &mut Tx,
    id: &VerificationId,
    client: &ClientId,
    now: Timestamp,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE social_flows SET used_at = ? WHERE instance_id = ? AND id = ? AND client_id = ? AND used_at IS NULL AND status = 'unverified' AND expire_at > ?", params![now, tenant, id, client, now]).await? == 1)
}

/// Notes what became of a trip; `account` waits, sealed, where something is still to be done with it.
pub async fn conclude(
    tx: &mut Tx,
    id: &VerificationId,
    status: &str,
    error: Option<&str>,
    account: Option<&str>,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE social_flows SET status = ?, error = ?, account_sealed = ? WHERE instance_id = ? AND id = ?", params![status, error, account, tenant, id]).await.map(drop)
}

/// Uses a transferable trip up: true for exactly one caller.
pub async fn take_transfer(
    tx: &mut Tx,
    id: &VerificationId,
    now: Timestamp,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE social_flows SET status = 'verified', error = NULL WHERE instance_id = ? AND id = ? AND status = 'transferable' AND expire_at > ?", params![tenant, id, now]).await? == 1)
}

/// Forgets trips that ended before `before`, of every instance: the housekeeping job's.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM social_flows WHERE expire_at < ?",
        params![before],
    )
    .await
}
