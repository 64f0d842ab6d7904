//! SQL of `sessions`, `refresh_tokens` and `testing_tokens`.
use super::model::{RefreshRow, SessionRow};
use crate::users::store::const_format;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::{ClientId, OrganizationId, SessionId, UserId};

const SELECT: &str = "SELECT instance_id, id, client_id, user_id, status, actor, last_active_organization_id, first_factor_at, second_factor_at, browser_name, browser_version, device_type, is_mobile, ip_address, city, country, needs_reset_password, needs_setup_mfa, last_active_at, expire_at, abandon_at, created_at, updated_at FROM sessions";

pub async fn find(tx: &mut Tx, id: &SessionId) -> Result<Option<SessionRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, client_id, user_id, status, actor, last_active_organization_id, first_factor_at, second_factor_at, browser_name, browser_version, device_type, is_mobile, ip_address, city, country, needs_reset_password, needs_setup_mfa, last_active_at, expire_at, abandon_at, created_at, updated_at FROM sessions WHERE instance_id = ? AND id = ?", params![tenant, id]).await
}

/// The sessions of a client that have not ended, oldest first.
pub async fn of_client(tx: &mut Tx, client: &ClientId) -> Result<Vec<SessionRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all(&const_format(SELECT, " WHERE instance_id = ? AND client_id = ? AND status = 'active' ORDER BY created_at, id"), params![tenant, client]).await
}

/// The sessions of a user that have not ended, newest first.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Vec<SessionRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all(&const_format(SELECT, " WHERE instance_id = ? AND user_id = ? AND status = 'active' ORDER BY created_at DESC, id DESC"), params![tenant, user]).await
}

pub async fn insert(tx: &mut Tx, session: &SessionRow) -> Result<(), DbError> {
    tx.insert("sessions", SessionRow::COLUMNS, &session.values())
        .await
        .map(drop)
}

/// The user has, or had, a session on this client.
pub async fn has_been_on(tx: &mut Tx, user: &UserId, client: &ClientId) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    let found: Option<(i64,)> = tx
        .first(
            "SELECT created_at FROM sessions WHERE instance_id = ? AND client_id = ? AND user_id = ? LIMIT 1",
            params![tenant, client, user],
        )
        .await?;
    Ok(found.is_some())
}

/// Ends an active session: true for exactly one caller.
pub async fn end(
    tx: &mut Tx,
    id: &SessionId,
    status: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE sessions SET status = ?, updated_at = ? WHERE instance_id = ? AND id = ? AND status = 'active'", params![status, now, tenant, id]).await? == 1)
}

/// Ends a user's active sessions, but for one.
pub async fn end_all(
    tx: &mut Tx,
    user: &UserId,
    status: &str,
    except: Option<&SessionId>,
    now: Timestamp,
) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE sessions SET status = ?, updated_at = ? WHERE instance_id = ? AND user_id = ? AND status = 'active' AND id <> ?", params![status, now, tenant, user, except.map_or("", SessionId::as_str)]).await
}

pub async fn touch(tx: &mut Tx, id: &SessionId, now: Timestamp) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE sessions SET last_active_at = ?, updated_at = ? WHERE instance_id = ? AND id = ? AND status = 'active'", params![now, now, tenant, id]).await.map(drop)
}

/// The organization that a live session acts in from now on; none, the user's own account.
pub async fn set_organization(
    tx: &mut Tx,
    id: &SessionId,
    organization: Option<&OrganizationId>,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE sessions SET last_active_organization_id = ?, updated_at = ? WHERE instance_id = ? AND id = ? AND status = 'active'", params![organization, now, tenant, id]).await.map(drop)
}

/// A user is no member any more: no session of theirs acts in the organization.
pub async fn user_leaves_organization(
    tx: &mut Tx,
    organization: &OrganizationId,
    user: &UserId,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE sessions SET last_active_organization_id = NULL, updated_at = ? WHERE instance_id = ? AND user_id = ? AND last_active_organization_id = ?", params![now, tenant, user, organization]).await.map(drop)
}

/// An organization is about to go, and its members with it: nobody's session acts in it.
pub async fn leave_organization(
    tx: &mut Tx,
    organization: &OrganizationId,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE sessions SET last_active_organization_id = NULL, updated_at = ? WHERE instance_id = ? AND user_id IN (SELECT user_id FROM organization_memberships WHERE instance_id = ? AND organization_id = ?) AND last_active_organization_id = ?", params![now, tenant, tenant, organization, organization]).await.map(drop)
}

/// Notes when the factors of a live session were proved; what is `None` stays as it is.
pub async fn prove(
    tx: &mut Tx,
    id: &SessionId,
    first: Option<Timestamp>,
    second: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE sessions SET first_factor_at = COALESCE(CAST(? AS BIGINT), first_factor_at), second_factor_at = COALESCE(CAST(? AS BIGINT), second_factor_at), updated_at = ? WHERE instance_id = ? AND id = ? AND status = 'active'", params![first, second, now, tenant, id]).await.map(drop)
}

/// The user has a second factor from now on: `proved` is the session that has proved it; to the others it is one that they
/// never proved, which is not the same as none. Nobody waits for one any more.
pub async fn enrolled(
    tx: &mut Tx,
    user: &UserId,
    proved: Option<&SessionId>,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    let proved = proved.map_or("", SessionId::as_str);
    tx.run("UPDATE sessions SET second_factor_at = CASE WHEN id = ? THEN CAST(? AS BIGINT) ELSE 0 END, needs_setup_mfa = ?, updated_at = ? WHERE instance_id = ? AND user_id = ? AND status = 'active'", params![proved, now, false, now, tenant, user]).await.map(drop)
}

/// The user has no second factor any more.
pub async fn no_second_factor(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE sessions SET second_factor_at = NULL, updated_at = ? WHERE instance_id = ? AND user_id = ? AND status = 'active'", params![now, tenant, user]).await.map(drop)
}

/// A new password was set: no live session of the user waits for it any more.
pub async fn password_reset(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE sessions SET needs_reset_password = ?, updated_at = ? WHERE instance_id = ? AND user_id = ? AND status = 'active' AND needs_reset_password", params![false, now, tenant, user]).await.map(drop)
}

/// The user has no second factor, and the instance demands one: the user's own live sessions wait for it.
pub async fn needs_mfa(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE sessions SET needs_setup_mfa = ?, updated_at = ? WHERE instance_id = ? AND user_id = ? AND status = 'active' AND actor IS NULL", params![true, now, tenant, user]).await.map(drop)
}

/// Keeps a refresh token for an origin.
pub async fn add_refresh(
    tx: &mut Tx,
    session: &SessionId,
    origin: &str,
    hash: &str,
    expire_at: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("INSERT INTO refresh_tokens (instance_id, hash, session_id, origin, used_at, expire_at) VALUES (?, ?, ?, ?, NULL, ?)", params![tenant, hash, session, origin, expire_at]).await.map(drop)
}

/// Forgets a session's refresh tokens for an origin that were not used: a newer one takes their place.
pub async fn replace_refresh(
    tx: &mut Tx,
    session: &SessionId,
    origin: &str,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("DELETE FROM refresh_tokens WHERE instance_id = ? AND session_id = ? AND origin = ? AND used_at IS NULL", params![tenant, session, origin]).await.map(drop)
}

pub async fn refresh(
    tx: &mut Tx,
    hash: &str,
    now: Timestamp,
) -> Result<Option<RefreshRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT session_id, origin, used_at FROM refresh_tokens WHERE instance_id = ? AND hash = ? AND expire_at > ?", params![tenant, hash, now]).await
}

/// Consumes a refresh token: true for exactly one caller. It is remembered until `expire_at`, so that a second use is known
/// for one.
pub async fn use_refresh(
    tx: &mut Tx,
    hash: &str,
    now: Timestamp,
    expire_at: Timestamp,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE refresh_tokens SET used_at = ?, expire_at = ? WHERE instance_id = ? AND hash = ? AND used_at IS NULL", params![now, expire_at, tenant, hash]).await? == 1)
}

/// Forgets dead refresh tokens, of every instance: the housekeeping job's.
pub async fn sweep_refresh(tx: &mut Tx, now: Timestamp) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM refresh_tokens WHERE expire_at < ?",
        params![now],
    )
    .await
}

pub async fn add_testing_token(
    tx: &mut Tx,
    hash: &str,
    expire_at: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "INSERT INTO testing_tokens (instance_id, hash, expire_at) VALUES (?, ?, ?)",
        params![tenant, hash, expire_at],
    )
    .await
    .map(drop)
}

/// When a testing token ends.
pub async fn testing_token_end(tx: &mut Tx, hash: &str) -> Result<Option<Timestamp>, DbError> {
    let tenant = tx.tenant().to_owned();
    let row: Option<(Timestamp,)> = tx
        .first(
            "SELECT expire_at FROM testing_tokens WHERE instance_id = ? AND hash = ?",
            params![tenant, hash],
        )
        .await?;
    Ok(row.map(|(end,)| end))
}

/// Forgets testing tokens that ended, of every instance: the housekeeping job's.
pub async fn sweep_testing_tokens(tx: &mut Tx, now: Timestamp) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM testing_tokens WHERE expire_at < ?",
        params![now],
    )
    .await
}

/// Sessions that ended, by themselves or otherwise, before `before`; so many at most.
pub async fn ended_before(
    tx: &mut Tx,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<SessionId>, DbError> {
    let tenant = tx.tenant().to_owned();
    let rows: Vec<(String,)> = tx.all("SELECT id FROM sessions WHERE instance_id = ? AND updated_at < ? AND (status <> 'active' OR expire_at < ?) ORDER BY id LIMIT ?", params![tenant, before, before, limit]).await?;
    Ok(rows
        .into_iter()
        .map(|(id,)| SessionId::trusted(id))
        .collect())
}

/// Forgets a session that ended before `before`; nothing where it did not.
pub async fn forget_ended(tx: &mut Tx, id: &SessionId, before: Timestamp) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("DELETE FROM sessions WHERE instance_id = ? AND id = ? AND updated_at < ? AND (status <> 'active' OR expire_at < ?)", params![tenant, id, before, before]).await
}
