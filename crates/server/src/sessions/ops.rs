//! Sessions: starting, touching, minting.
use super::model::{NEVER_PROVED, SessionRow};
use super::store;
use super::tasks::{self, Proof};
use crate::audit::{self, Event};
use crate::clients;
use crate::clients::model::ClientRow;
use crate::clients::ops::Held;
use crate::cx::{Acting, Cx};
use crate::messages;
use crate::places::Place;
use crate::strategies::Strategy;
use crate::templates::Slug;
use crate::usage;
use crate::users;
use crate::users::model::UserRow;
use serde_json::json;
use std::sync::PoisonError;
use usher_db::Tx;
use usher_http::agent;
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, SessionId, UserId};
use usher_types::{Error, Result, Timestamp};

/// Milliseconds between two writes of a session's last activity.
const TOUCH_MS: i64 = 60_000;

/// The one check of a user's state before any session starts or any token is minted, on every route and factor.
///
/// # Errors
/// 403 `user_banned`, `user_locked`.
pub fn check_user(cx: &Cx, user: &UserRow) -> Result<()> {
    if user.banned {
        return Err(refuse::user_banned().into());
    }
    if user.is_locked(cx.now) {
        let refusal = refuse::user_locked();
        return Err(match user.lock_remaining_secs(cx.now) {
            Some(secs) => refusal.with("lockout_expires_in_seconds", secs),
            None => refusal,
        }
        .into());
    }
    Ok(())
}

/// Refuses what takes a second factor away, or replaces it, from sessions that never proved one (CVE-2026-3429 of another
/// server: a session of the first factor alone removed the second).
///
/// # Errors
/// 403 `session_reverification_required`.
pub fn check_second_factor(session: &SessionRow, user: &UserRow) -> Result<()> {
    if user.two_factor_enabled() && !session.has_second_factor() {
        return Err(refuse::session_reverification_required().into());
    }
    Ok(())
}

/// Inserts a session of `user` on `client`; pending where something is left to do.
///
/// # Errors
/// The database's.
pub async fn start(
    cx: &Cx,
    tx: &mut Tx,
    client: &ClientRow,
    user: &UserRow,
    first_factor_at: Option<Timestamp>,
    proof: Proof,
) -> Result<SessionRow> {
    let mut row = fresh(cx, client, user, first_factor_at);
    tasks::assign(&mut row, &cx.instance.settings, user, proof);
    store::insert(tx, &row).await?;
    usage::ops::note(tx, &row, cx.now).await?;
    audit::record(cx, tx, told("session.created", &row));
    Ok(row)
}

/// The row of a new session, as the settings have it.
fn fresh(
    cx: &Cx,
    client: &ClientRow,
    user: &UserRow,
    first_factor_at: Option<Timestamp>,
) -> SessionRow {
    let life = cx.instance.settings.session_lifetime_secs;
    let seen = agent::read(&cx.request.user_agent);
    let places = cx.app.options.places.as_ref();
    let place = places.map_or_else(Place::default, |places| places.of(&cx.request.ip));
    SessionRow {
        instance_id: cx.instance.row.id.clone(),
        id: SessionId::compose(cx.now, &cx.fresh()),
        client_id: client.id.clone(),
        user_id: user.id.clone(),
        status: "active".to_owned(),
        actor: None,
        last_active_organization_id: None,
        first_factor_at,
        second_factor_at: user.two_factor_enabled().then_some(NEVER_PROVED),
        browser_name: seen.browser_name,
        browser_version: seen.browser_version,
        device_type: seen.device_type,
        is_mobile: seen.is_mobile,
        ip_address: (!cx.request.ip.is_empty()).then(|| cx.request.ip.clone()),
        city: place.city,
        country: place.country,
        needs_reset_password: false,
        needs_setup_mfa: false,
        last_active_at: cx.now,
        expire_at: cx.now.plus_secs(life),
        abandon_at: cx.now.plus_secs(life * 4),
        created_at: cx.now,
        updated_at: cx.now,
    }
}

/// Who acts as the user, and for how long.
#[derive(Clone, Debug)]
pub struct Impersonation {
    /// The claim `act`: an object with `sub`.
    pub actor: String,
    /// Seconds that the session lives.
    pub life_secs: i64,
}

/// Starts a session in which somebody else acts as `user`, and rotates the client's token. It is nobody's sign-in: the
/// user's last sign-in and failed attempts stay as they are, and no factor counts as proved.
///
/// # Errors
/// 403 for banned and locked users; the database's.
pub async fn impersonate(
    cx: &Cx,
    tx: &mut Tx,
    held: &mut Held,
    user: &UserRow,
    by: Impersonation,
) -> Result<SessionRow> {
    check_user(cx, user)?;
    for old in clients::ops::live_sessions(cx, tx, &held.row.id).await? {
        if cx.instance.settings.single_session_mode || old.user_id == user.id {
            store::end(tx, &old.id, "replaced", cx.now).await?;
            audit::record(cx, tx, told("session.replaced", &old));
        }
    }
    let mut session = fresh(cx, &held.row, user, None);
    session.expire_at = cx.now.plus_secs(by.life_secs);
    session.abandon_at = session.expire_at;
    session.actor = Some(by.actor);
    store::insert(tx, &session).await?;
    audit::record(cx, tx, told("session.created", &session));
    clients::store::sessions_changed(tx, &held.row.id, Some(&session.id), cx.now).await?;
    held.row.authenticated_at = cx.now;
    clients::ops::rotate(cx, tx, held).await?;
    Ok(session)
}

/// An event of a session.
#[must_use]
pub fn told(name: &'static str, session: &SessionRow) -> Event {
    Event::new(name)
        .user(&session.user_id)
        .about(session.id.as_str())
        .session(&session.id)
        .client(session.client_id.as_str())
}

/// Completes a sign-in or sign-up: a session of `user` on the held client, and a new client token. The one place where
/// a browser becomes signed in. The other sessions of the client end in single-session mode.
///
/// # Errors
/// 403 for banned and locked users; the database's.
pub async fn complete(
    cx: &Cx,
    tx: &mut Tx,
    held: &mut Held,
    user: &UserRow,
    strategy: &str,
) -> Result<SessionRow> {
    complete_by(cx, tx, held, user, strategy, Proof::Ordinary).await
}

/// As [`complete`], where the proof may have been two in one.
///
/// # Errors
/// As [`complete`].
pub async fn complete_by(
    cx: &Cx,
    tx: &mut Tx,
    held: &mut Held,
    user: &UserRow,
    strategy: &str,
    proof: Proof,
) -> Result<SessionRow> {
    check_user(cx, user)?;
    for old in clients::ops::live_sessions(cx, tx, &held.row.id).await? {
        if cx.instance.settings.single_session_mode || old.user_id == user.id {
            store::end(tx, &old.id, "replaced", cx.now).await?;
            audit::record(cx, tx, told("session.replaced", &old));
        }
    }
    tell_of_new_device(cx, tx, &held.row, user).await?;
    let session = start(cx, tx, &held.row, user, Some(cx.now), proof).await?;
    let by_password = strategy == Strategy::Password.word();
    users::store::signed_in(tx, &user.id, by_password, cx.now).await?;
    clients::store::sessions_changed(tx, &held.row.id, Some(&session.id), cx.now).await?;
    clients::store::set_strategy(tx, &held.row.id, strategy).await?;
    clients::store::trust(tx, &held.row.id, &user.id, cx.now).await?;
    held.row.authenticated_at = cx.now;
    clients::ops::rotate(cx, tx, held).await?;
    Ok(session)
}

/// Tells a user of a sign-in on a client on which there was none of theirs before. The first sign-in of all is no news.
async fn tell_of_new_device(
    cx: &Cx,
    tx: &mut Tx,
    client: &ClientRow,
    user: &UserRow,
) -> Result<()> {
    let wanted = cx.instance.settings.notices.new_device_sign_in;
    if !wanted
        || user.last_sign_in_at.is_none()
        || store::has_been_on(tx, &user.id, &client.id).await?
    {
        return Ok(());
    }
    messages::ops::notice(cx, tx, user, Slug::NewDeviceSignIn, json!({})).await
}

/// As [`acting`], for what only the user may do: ways to sign in come, change and go, the account ends. Somebody who acts
/// as the user may not, or a support session of half an hour could become an account for good.
///
/// # Errors
/// 401 without a session; 403 in one of an actor.
pub async fn acting_in_person(cx: &Cx) -> Result<(SessionRow, UserRow)> {
    let (session, user) = acting(cx).await?;
    if session.actor.is_some() {
        return Err(refuse::authorization_invalid().into());
    }
    Ok((session, user))
}

/// The live session of the browser's client that this request acts for: the one named by `_clerk_session_id`, else the
/// last active one. Its user is neither banned nor gone. A pending one may do what its task needs.
///
/// # Errors
/// 401 without one; 403 for what a pending one may not do.
pub async fn acting(cx: &Cx) -> Result<(SessionRow, UserRow)> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let mut tx = cx.read().await?;
    let live = clients::ops::live_sessions(cx, &mut tx, &client.id).await?;
    let named = match &cx.acting_session {
        Some(id) => live.iter().find(|s| s.id.as_str() == id),
        None => client
            .last_active_session_id
            .as_ref()
            .and_then(|id| live.iter().find(|s| s.id == *id))
            .or_else(|| live.last()),
    };
    let session = named.cloned().ok_or_else(refuse::authentication_invalid)?;
    let user = users::store::find(&mut tx, &session.user_id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    if user.banned {
        return Err(refuse::authentication_invalid().into());
    }
    note_acting(cx, &session);
    if !tasks::may(&session, &cx.instance.settings, cx.operation) {
        return Err(refuse::authorization_invalid().into());
    }
    Ok((session, user))
}

/// Lets the log know for which session, and as whom, the request acts.
fn note_acting(cx: &Cx, session: &SessionRow) {
    let actor = session.actor.as_deref().map(|text| {
        let claim: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        claim["sub"].as_str().unwrap_or(text).to_owned()
    });
    cx.acts_for(Acting {
        session: session.id.clone(),
        user: session.user_id.clone(),
        impersonator: actor,
    });
}

/// A live session of the browser's client, by id. A session that ended, is unknown, or is another client's is a 401, so
/// that SDKs sign out instead of retrying (contract fapi §0.11, §6.6).
///
/// # Errors
/// 401; 403 for a banned user.
pub async fn own(cx: &Cx, id: &str) -> Result<SessionRow> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let id = SessionId::parse(id).ok_or_else(refuse::authentication_invalid)?;
    let mut tx = cx.read().await?;
    tx.snapshot()?;
    let session = store::find(&mut tx, &id)
        .await?
        .filter(|s| s.client_id == client.id && s.is_live(cx.now, &cx.instance.settings));
    let session = session.ok_or_else(refuse::authentication_invalid)?;
    let user = users::store::find(&mut tx, &session.user_id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    if user.banned {
        return Err(refuse::user_banned().into());
    }
    note_acting(cx, &session);
    Ok(session)
}

/// Notes activity, at most once a minute per session, and at the first of a month: the hot path pays no durable write.
///
/// # Errors
/// The database's.
pub async fn note_activity(cx: &Cx, session: &SessionRow) -> Result<()> {
    let due = usage::ops::is_due(session, cx.now);
    if cx.now.since(session.last_active_at) < TOUCH_MS && !due {
        return Ok(());
    }
    {
        let mut touched = cx
            .app
            .touched
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if touched
            .get(session.id.as_str())
            .is_some_and(|at| cx.now.since(*at) < TOUCH_MS && usage::month::same(*at, cx.now))
        {
            return Ok(());
        }
        if touched.len() > 100_000 {
            touched.retain(|_, at| cx.now.since(*at) < TOUCH_MS);
        }
        touched.insert(session.id.as_str().to_owned(), cx.now);
    }
    let noted = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        store::touch(&mut tx, &session.id, cx.now).await?;
        // Whoever impersonates is not the user.
        if session.actor.is_none() {
            usage::ops::note(&mut tx, session, cx.now).await?;
            users::store::active(&mut tx, &session.user_id, cx.now).await?;
        }
        Ok::<_, Error>(())
    });
    match noted {
        // A full disk is no reason to sign people out: the time is noted with a later token.
        Err(Error::Fault(fault)) if fault.unavailable => {
            tracing::warn!("The last activity could not be noted: {fault}");
            let mut touched = cx
                .app
                .touched
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            touched.remove(session.id.as_str());
            Ok(())
        }
        noted => noted,
    }
}

/// The text is a testing token of this instance that has not expired.
///
/// # Errors
/// The database's.
pub async fn is_testing(cx: &Cx, token: &str) -> Result<bool> {
    if token.is_empty() || token.len() > 128 {
        return Ok(false);
    }
    let hash = usher_crypto::digest::sha256_hex(token);
    let mut tx = cx.read().await?;
    Ok(store::testing_token_end(&mut tx, &hash)
        .await?
        .is_some_and(|end| end > cx.now))
}

/// Ends a live session from elsewhere than its own client: by the operator, or by the user on another device. The
/// client's stamp moves, so that server SDKs notice at its next request.
///
/// # Errors
/// The database's.
pub async fn revoke(cx: &Cx, session: &SessionRow) -> Result<()> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if store::end(&mut tx, &session.id, "revoked", cx.now).await? {
            audit::record(cx, &mut tx, told("session.revoked", session));
            // Whoever signs a device out does not know it any more.
            clients::store::distrust(&mut tx, &session.client_id, &session.user_id).await?;
            let left = clients::ops::live_sessions(cx, &mut tx, &session.client_id).await?;
            clients::store::sessions_changed(&mut tx, &session.client_id, left.last().map(|s| &s.id), cx.now).await?;
        }
        Ok::<_, Error>(())
    })?;
    super::token::forget(&cx.app, session.id.as_str());
    Ok(())
}

/// Ends every live session of a user but one, wherever it is, and moves the stamp of each client that loses one. The
/// sessions that ended; forget their tokens after the commit.
///
/// # Errors
/// The database's.
pub async fn end_of_user(
    cx: &Cx,
    tx: &mut Tx,
    user: &UserId,
    status: &str,
    except: Option<&SessionId>,
) -> Result<Vec<SessionRow>> {
    let mut ended = store::of_user(tx, user).await?;
    let kept = ended.iter().find(|session| Some(&session.id) == except);
    clients::store::distrust_all(tx, user, kept.map(|session| &session.client_id)).await?;
    ended.retain(|session| Some(&session.id) != except);
    store::end_all(tx, user, status, except, cx.now).await?;
    for session in &ended {
        audit::record(cx, tx, told("session.revoked", session));
    }
    stamp_clients(cx, tx, &ended).await?;
    Ok(ended)
}

/// The user has a second factor from now on, and `proved` is the session that has proved it. Sessions that waited for one
/// proved the first factor alone: they end, or whoever guessed a password would be let in by the user's own enrolment. The
/// sessions that ended; forget their tokens after the commit.
///
/// # Errors
/// The database's.
pub async fn enrolled(
    cx: &Cx,
    tx: &mut Tx,
    user: &UserId,
    proved: Option<&SessionId>,
) -> Result<Vec<SessionRow>> {
    let settings = &cx.instance.settings;
    let mut ended = store::of_user(tx, user).await?;
    ended.retain(|session| {
        Some(&session.id) != proved
            && tasks::left(session, settings).contains(&tasks::Task::SetupMfa)
    });
    for session in &ended {
        store::end(tx, &session.id, "revoked", cx.now).await?;
        audit::record(cx, tx, told("session.revoked", session));
    }
    stamp_clients(cx, tx, &ended).await?;
    store::enrolled(tx, user, proved, cx.now).await?;
    Ok(ended)
}

/// Moves the stamp of the clients of sessions that ended from elsewhere, so that server SDKs notice.
///
/// # Errors
/// The database's.
pub async fn stamp_clients(cx: &Cx, tx: &mut Tx, ended: &[SessionRow]) -> Result<()> {
    let mut seen: Vec<&ClientId> = Vec::new();
    for session in ended {
        if !seen.contains(&&session.client_id) {
            seen.push(&session.client_id);
            let left = clients::ops::live_sessions(cx, tx, &session.client_id).await?;
            clients::store::sessions_changed(
                tx,
                &session.client_id,
                left.last().map(|s| &s.id),
                cx.now,
            )
            .await?;
        }
    }
    Ok(())
}
