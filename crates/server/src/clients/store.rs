//! SQL of `clients`, `handshakes`, `satellite_links` and `satellite_tokens`.
use super::model::{ClientRow, SatelliteLinkRow};
use crate::users::store::const_format;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::{ClientId, SessionId, SignInId, SignUpId, UserId};

const SELECT: &str = "SELECT instance_id, id, token_hash, sign_in_id, sign_up_id, last_active_session_id, last_authentication_strategy, authenticated_at, expire_at, created_at, updated_at FROM clients";

/// The client that a token opens, by the token's hash.
pub async fn by_token(tx: &mut Tx, hash: &str) -> Result<Option<ClientRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, token_hash, sign_in_id, sign_up_id, last_active_session_id, last_authentication_strategy, authenticated_at, expire_at, created_at, updated_at FROM clients WHERE instance_id = ? AND token_hash = ?", params![tenant, hash]).await
}

pub async fn find(tx: &mut Tx, id: &ClientId) -> Result<Option<ClientRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(SELECT, " WHERE instance_id = ? AND id = ?"),
        params![tenant, id],
    )
    .await
}

/// The client, locked until the transaction ends, if `token_hash` still opens it: whoever lost a race finds nothing.
pub async fn lock(
    tx: &mut Tx,
    id: &ClientId,
    token_hash: &str,
) -> Result<Option<ClientRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(
            SELECT,
            " WHERE instance_id = ? AND id = ? AND token_hash = ? $LOCK",
        ),
        params![tenant, id, token_hash],
    )
    .await
}

/// A page of clients, newest first.
pub async fn list(tx: &mut Tx, limit: i64, offset: i64) -> Result<Vec<ClientRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all(
        &const_format(
            SELECT,
            " WHERE instance_id = ? ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
        ),
        params![tenant, limit, offset],
    )
    .await
}

pub async fn count(tx: &mut Tx) -> Result<i64, DbError> {
    let tenant = tx.tenant().to_owned();
    let row: Option<(i64,)> = tx
        .first(
            "SELECT count(*) FROM clients WHERE instance_id = ?",
            params![tenant],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

pub async fn insert(tx: &mut Tx, client: &ClientRow) -> Result<(), DbError> {
    tx.insert("clients", ClientRow::COLUMNS, &client.values())
        .await
        .map(drop)
}

pub async fn delete(tx: &mut Tx, id: &ClientId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM clients WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}

/// Replaces the token; the old one opens nothing from the commit on.
pub async fn rotate(
    tx: &mut Tx,
    id: &ClientId,
    token_hash: &str,
    expire_at: Timestamp,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE clients SET token_hash = ?, expire_at = ?, updated_at = ? WHERE instance_id = ? AND id = ?", params![token_hash, expire_at, now, tenant, id]).await.map(drop)
}

/// The set of live sessions changed.
pub async fn sessions_changed(
    tx: &mut Tx,
    id: &ClientId,
    last_active: Option<&SessionId>,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE clients SET last_active_session_id = ?, authenticated_at = ?, updated_at = ? WHERE instance_id = ? AND id = ?", params![last_active, now, now, tenant, id]).await.map(drop)
}

pub async fn set_last_active(
    tx: &mut Tx,
    id: &ClientId,
    session: &SessionId,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE clients SET last_active_session_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?", params![session, now, tenant, id]).await.map(drop)
}

pub async fn set_strategy(tx: &mut Tx, id: &ClientId, strategy: &str) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE clients SET last_authentication_strategy = ? WHERE instance_id = ? AND id = ?",
        params![strategy, tenant, id],
    )
    .await
    .map(drop)
}

pub async fn set_sign_in(
    tx: &mut Tx,
    id: &ClientId,
    sign_in: Option<&SignInId>,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE clients SET sign_in_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![sign_in, now, tenant, id],
    )
    .await
    .map(drop)
}

pub async fn set_sign_up(
    tx: &mut Tx,
    id: &ClientId,
    sign_up: Option<&SignUpId>,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE clients SET sign_up_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![sign_up, now, tenant, id],
    )
    .await
    .map(drop)
}

/// A user has been signed in on a client.
pub async fn trusts(tx: &mut Tx, client: &ClientId, user: &UserId) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    let row: Option<(i64,)> = tx.first("SELECT created_at FROM client_trusts WHERE instance_id = ? AND client_id = ? AND user_id = ?", params![tenant, client, user]).await?;
    Ok(row.is_some())
}

/// Notes that a user is signed in on a client; once is enough.
pub async fn trust(
    tx: &mut Tx,
    client: &ClientId,
    user: &UserId,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("INSERT INTO client_trusts (instance_id, client_id, user_id, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (instance_id, client_id, user_id) DO NOTHING", params![tenant, client, user, now]).await.map(drop)
}

/// A user is unknown to a client again.
pub async fn distrust(tx: &mut Tx, client: &ClientId, user: &UserId) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM client_trusts WHERE instance_id = ? AND client_id = ? AND user_id = ?",
        params![tenant, client, user],
    )
    .await
    .map(drop)
}

/// A user is unknown to every client again, but to one.
pub async fn distrust_all(
    tx: &mut Tx,
    user: &UserId,
    except: Option<&ClientId>,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM client_trusts WHERE instance_id = ? AND user_id = ? AND client_id <> ?",
        params![tenant, user, except.map_or("", ClientId::as_str)],
    )
    .await
    .map(drop)
}

/// The cookie of a client lives on.
pub async fn renew(
    tx: &mut Tx,
    id: &ClientId,
    expire_at: Timestamp,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE clients SET expire_at = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![expire_at, now, tenant, id],
    )
    .await
    .map(drop)
}

pub async fn add_handshake(
    tx: &mut Tx,
    nonce_hash: &str,
    sealed: &str,
    expire_at: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "INSERT INTO handshakes (instance_id, nonce_hash, sealed, expire_at) VALUES (?, ?, ?, ?)",
        params![tenant, nonce_hash, sealed, expire_at],
    )
    .await
    .map(drop)
}

/// What is kept under a live nonce. Parallel requests of one page load use the same one (contract fapi §5.3), so it is
/// not consumed; it lives seconds.
pub async fn handshake(
    tx: &mut Tx,
    nonce_hash: &str,
    now: Timestamp,
) -> Result<Option<String>, DbError> {
    let tenant = tx.tenant().to_owned();
    let row: Option<(String,)> = tx.first("SELECT sealed FROM handshakes WHERE instance_id = ? AND nonce_hash = ? AND expire_at > ?", params![tenant, nonce_hash, now]).await?;
    Ok(row.map(|(sealed,)| sealed))
}

/// There are dead handshakes, in any instance.
pub async fn has_dead_handshakes(tx: &mut Tx, now: Timestamp) -> Result<bool, DbError> {
    let row: Option<(String,)> = tx
        .first(
            "SELECT nonce_hash FROM handshakes WHERE expire_at < ? LIMIT 1",
            params![now],
        )
        .await?;
    Ok(row.is_some())
}

/// Forgets dead handshakes, of every instance: the housekeeping job's.
pub async fn sweep_handshakes(tx: &mut Tx, now: Timestamp) -> Result<u64, DbError> {
    tx.run("DELETE FROM handshakes WHERE expire_at < ?", params![now])
        .await
}

/// Clients that nobody is signed in on any more: untouched since `idle`, and either never used to sign in, or untouched
/// since `before` together with every session of theirs. So many at most.
pub async fn idle(
    tx: &mut Tx,
    idle: Timestamp,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<ClientId>, DbError> {
    let tenant = tx.tenant().to_owned();
    let rows: Vec<(String,)> = tx.all("SELECT c.id FROM clients c WHERE c.instance_id = ? AND c.updated_at < ? AND (NOT EXISTS (SELECT 1 FROM sessions s WHERE s.instance_id = c.instance_id AND s.client_id = c.id) OR c.updated_at < ? AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.instance_id = c.instance_id AND s.client_id = c.id AND (s.updated_at >= ? OR s.status = 'active' AND s.expire_at >= ?))) ORDER BY c.id LIMIT ?", params![tenant, idle, before, before, before, limit]).await?;
    Ok(rows
        .into_iter()
        .map(|(id,)| ClientId::trusted(id))
        .collect())
}

/// Forgets a client that [`idle`] found, where that is still so: whoever signs in on it meanwhile touches it.
pub async fn forget_idle(tx: &mut Tx, id: &ClientId, idle: Timestamp) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM clients WHERE instance_id = ? AND id = ? AND updated_at < ?",
        params![tenant, id, idle],
    )
    .await
}

/// The client that a satellite's token opens there.
pub async fn by_satellite_token(
    tx: &mut Tx,
    domain: &str,
    hash: &str,
    now: Timestamp,
) -> Result<Option<ClientRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let row: Option<(String,)> = tx.first("SELECT client_id FROM satellite_tokens WHERE instance_id = ? AND token_hash = ? AND domain_id = ? AND expire_at > ?", params![tenant, hash, domain, now]).await?;
    match row {
        Some((id,)) => find(tx, &ClientId::trusted(id)).await,
        None => Ok(None),
    }
}

/// Gives a client a token on a satellite, in place of the one before.
pub async fn replace_satellite_token(
    tx: &mut Tx,
    client: &ClientRow,
    domain: &str,
    hash: &str,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM satellite_tokens WHERE instance_id = ? AND client_id = ? AND domain_id = ?",
        params![tenant, client.id, domain],
    )
    .await?;
    tx.run("INSERT INTO satellite_tokens (instance_id, token_hash, client_id, domain_id, expire_at) VALUES (?, ?, ?, ?, ?)", params![tenant, hash, client.id, domain, client.expire_at]).await.map(drop)
}

/// What a client is known by on satellites is nothing any more.
pub async fn forget_satellite_tokens(tx: &mut Tx, client: &ClientId) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM satellite_tokens WHERE instance_id = ? AND client_id = ?",
        params![tenant, client],
    )
    .await
    .map(drop)
}

/// What browsers are known by on a satellite is nothing any more.
pub async fn forget_satellite(tx: &mut Tx, domain: &str) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM satellite_tokens WHERE instance_id = ? AND domain_id = ?",
        params![tenant, domain],
    )
    .await?;
    tx.run(
        "DELETE FROM satellite_links WHERE instance_id = ? AND domain_id = ?",
        params![tenant, domain],
    )
    .await
    .map(drop)
}

pub async fn add_satellite_link(tx: &mut Tx, link: &SatelliteLinkRow) -> Result<(), DbError> {
    tx.insert("satellite_links", SatelliteLinkRow::COLUMNS, &link.values())
        .await
        .map(drop)
}

pub async fn satellite_link(
    tx: &mut Tx,
    hash: &str,
    now: Timestamp,
) -> Result<Option<SatelliteLinkRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, token_hash, client_id, client_token_hash, browser_hash, domain_id, expire_at FROM satellite_links WHERE instance_id = ? AND token_hash = ? AND expire_at > ?", params![tenant, hash, now]).await
}

/// Uses a link up: true for exactly one caller.
pub async fn use_satellite_link(tx: &mut Tx, hash: &str) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    let gone = tx
        .run(
            "DELETE FROM satellite_links WHERE instance_id = ? AND token_hash = ?",
            params![tenant, hash],
        )
        .await?;
    Ok(gone == 1)
}

/// Forgets dead links and tokens of satellites, of every instance: the housekeeping job's.
pub async fn sweep_satellites(tx: &mut Tx, now: Timestamp) -> Result<(), DbError> {
    tx.run(
        "DELETE FROM satellite_links WHERE expire_at < ?",
        params![now],
    )
    .await?;
    tx.run(
        "DELETE FROM satellite_tokens WHERE expire_at < ?",
        params![now],
    )
    .await
    .map(drop)
}
