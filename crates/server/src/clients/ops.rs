//! Clients: making one, locking it, rotating its token, signing it out.
use super::model::ClientRow;
use super::{dev_browser, store};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::sessions;
use crate::sessions::model::SessionRow;
use crate::surface::browser::COOKIE_LIFE_SECS;
use usher_crypto::digest;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, SessionId};
use usher_types::{Error, Result, Secret};

/// A client under lock, with the token that was made for it in this transaction, if one was.
#[derive(Debug)]
pub struct Held {
    /// The row as it is now.
    pub row: ClientRow,
    /// The new token: sent to the browser after the commit.
    pub token: Option<Secret<String>>,
}

/// The browser's client under lock, or a new one. A client whose token was rotated since the request was read is not
/// the browser's any more.
///
/// # Errors
/// 401 when the token died in between.
pub async fn hold_or_create(cx: &Cx, tx: &mut Tx) -> Result<Held> {
    match &cx.client {
        Some(client) => hold(tx, client).await,
        None => create(cx, tx).await,
    }
}

/// The browser's client under lock.
///
/// # Errors
/// 401 when the token died in between.
pub async fn hold(tx: &mut Tx, client: &ClientRow) -> Result<Held> {
    let row = store::lock(tx, &client.id, &client.token_hash)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    Ok(Held { row, token: None })
}

/// A new client with a new token.
///
/// # Errors
/// The database's.
pub async fn create(cx: &Cx, tx: &mut Tx) -> Result<Held> {
    let token = cx.app.rng.token();
    let row = ClientRow {
        instance_id: cx.instance.row.id.clone(),
        id: ClientId::compose(cx.now, &cx.fresh()),
        token_hash: dev_browser::token_hash(cx, &token),
        sign_in_id: None,
        sign_up_id: None,
        last_active_session_id: None,
        last_authentication_strategy: None,
        authenticated_at: cx.now,
        expire_at: cx.now.plus_secs(COOKIE_LIFE_SECS),
        created_at: cx.now,
        updated_at: cx.now,
    };
    store::insert(tx, &row).await?;
    Ok(Held {
        row,
        token: Some(Secret::new(token)),
    })
}

/// Replaces the token of a held client (session fixation: whoever knew the old one has nothing).
///
/// # Errors
/// The database's.
pub async fn rotate(cx: &Cx, tx: &mut Tx, held: &mut Held) -> Result<()> {
    if !cx.instance.satellites.is_empty() {
        store::forget_satellite_tokens(tx, &held.row.id).await?;
    }
    if cx.satellite.is_some() {
        // The primary's token is another host's: this browser gets none here. Where nobody is signed in any more, the one
        // that it has there opens nothing either.
        if live_sessions(cx, tx, &held.row.id).await?.is_empty() {
            let nobodys = digest::sha256_hex(&cx.app.rng.token());
            store::rotate(tx, &held.row.id, &nobodys, held.row.expire_at, cx.now).await?;
        }
        return Ok(());
    }
    let token = cx.app.rng.token();
    let hash = dev_browser::token_hash(cx, &token);
    let expire_at = cx.now.plus_secs(COOKIE_LIFE_SECS);
    store::rotate(tx, &held.row.id, &hash, expire_at, cx.now).await?;
    held.row.token_hash = hash;
    held.row.expire_at = expire_at;
    held.token = Some(Secret::new(token));
    Ok(())
}

/// Tells the browser, after the commit.
pub fn announce(cx: &Cx, held: &Held, sessions_changed: Option<i64>) {
    cx.created_client(held.row.id.clone());
    if cx.satellite.is_some() && sessions_changed.is_some() {
        cx.outgoing(|o| {
            o.forget_client = true;
            o.client_uat = Some(0);
        });
        return;
    }
    cx.outgoing(|o| {
        if let Some(token) = &held.token {
            o.client_token = Some(token.expose().clone());
        }
        if sessions_changed.is_some() {
            o.client_uat = sessions_changed;
        }
    });
}

/// The live sessions of a client, oldest first.
///
/// # Errors
/// The database's.
pub async fn live_sessions(cx: &Cx, tx: &mut Tx, client: &ClientId) -> Result<Vec<SessionRow>> {
    let all = sessions::store::of_client(tx, client).await?;
    Ok(all
        .into_iter()
        .filter(|s| s.is_live(cx.now, &cx.instance.settings))
        .collect())
}

/// The stamp of `__client_uat`: unix seconds of the last change, or 0 without live sessions.
#[must_use]
pub fn uat(client: &ClientRow, live: usize) -> i64 {
    if live == 0 {
        0
    } else {
        client.authenticated_at.secs()
    }
}

/// As [`uat`], as it is shown now: never later than the tokens that are made now ([`sessions::token::shown_stamp`]).
#[must_use]
pub fn uat_now(cx: &Cx, client: &ClientRow, live: usize) -> i64 {
    if live == 0 {
        0
    } else {
        sessions::token::shown_stamp(cx.now, client.authenticated_at)
    }
}

/// Ends sessions of the browser's client with `status` and rotates its token; all of them, or the one named.
///
/// # Errors
/// 401 without a client; 404 for a session that is not this client's.
pub async fn sign_out(
    cx: &Cx,
    only: Option<&SessionId>,
    status: &'static str,
) -> Result<Vec<SessionRow>> {
    let Some(client) = &cx.client else {
        return Err(refuse::authentication_invalid().into());
    };
    let (held, ended, stamp) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = hold(&mut tx, client).await?;
        let live = live_sessions(cx, &mut tx, &client.id).await?;
        let mut ended = Vec::new();
        let mut left = Vec::new();
        for mut session in live {
            if only.is_none_or(|id| *id == session.id) {
                sessions::store::end(&mut tx, &session.id, status, cx.now).await?;
                let event = match status {
                    "revoked" => "session.revoked",
                    "removed" => "session.removed",
                    _ => "session.ended",
                };
                audit::record(cx, &mut tx, sessions::ops::told(event, &session));
                status.clone_into(&mut session.status);
                session.updated_at = cx.now;
                ended.push(session);
            } else {
                left.push(session);
            }
        }
        if only.is_some() && ended.is_empty() {
            return Err::<_, Error>(refuse::resource_not_found("session").into());
        }
        let next = match &held.row.last_active_session_id {
            Some(id) if left.iter().any(|s| s.id == *id) => Some(id.clone()),
            _ => left.last().map(|s| s.id.clone()),
        };
        store::sessions_changed(&mut tx, &held.row.id, next.as_ref(), cx.now).await?;
        held.row.authenticated_at = cx.now;
        rotate(cx, &mut tx, &mut held).await?;
        let stamp = uat(&held.row, left.len());
        Ok((held, ended, stamp))
    })?;
    announce(cx, &held, Some(stamp));
    for session in &ended {
        sessions::token::forget(&cx.app, session.id.as_str());
    }
    Ok(ended)
}

/// Lets the cookie of the browser's client live on, with the token that it has. Nothing without a client.
///
/// # Errors
/// The database's.
pub async fn renew(cx: &Cx) -> Result<()> {
    let Some(client) = &cx.client else {
        return Ok(());
    };
    let token = usher_http::cookie::all(&cx.request.cookies, "__client")
        .find(|token| digest::sha256_hex(token) == client.token_hash)
        .map(str::to_owned);
    let expire_at = cx.now.plus_secs(COOKIE_LIFE_SECS);
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        hold(&mut tx, client).await?;
        store::renew(&mut tx, &client.id, expire_at, cx.now).await?;
        Ok::<_, Error>(())
    })?;
    cx.outgoing(|o| o.client_token = token);
    Ok(())
}

/// Deletes the browser's client. Its sessions have been ended; their rows stay for the record.
///
/// # Errors
/// The database's.
pub async fn destroy(cx: &Cx) -> Result<()> {
    let Some(client) = &cx.client else {
        return Ok(());
    };
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        store::delete(&mut tx, &client.id).await?;
        audit::record(cx, &mut tx, Event::new("client.deleted").about(client.id.as_str()));
        Ok::<_, Error>(())
    })
}
