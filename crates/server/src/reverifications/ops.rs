//! The question whether a session was proved recently, and the life of an attempt to prove it again.
use super::factors;
use super::flow::{Level, Status, reverified, status};
use super::model::{LIFE_SECS, ReverificationRow};
use super::resource::ReverificationResource;
use super::store;
use crate::audit;
use crate::clients::ops::{self as clients, Held};
use crate::cx::Cx;
use crate::sessions;
use crate::sessions::model::SessionRow;
use crate::sessions::resource::SessionResource;
use crate::users;
use crate::users::model::UserRow;
use crate::verifications::store as verification_store;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::VerificationId;
use usher_types::{Error, Result};

/// Seconds for which a proof is recent enough for what cannot be undone (contract bapi §6.7).
pub const MAX_AGE_SECS: i64 = 600;

/// The acting session of the user in person, where it proved the strongest factor that the user has within the last ten
/// minutes: for whatever changes ways to sign in, signs others out or ends the account.
///
/// # Errors
/// 401 without a session; 403 in one of an actor; 403 `session_reverification_required`.
pub async fn acting(cx: &Cx) -> Result<(SessionRow, UserRow)> {
    let (session, user) = sessions::ops::acting_in_person(cx).await?;
    check(cx, &session, &user)?;
    Ok((session, user))
}

/// Refuses where the session proved the user's strongest factor too long ago, and the instance asks for it again.
///
/// # Errors
/// 403 `session_reverification_required`.
pub fn check(cx: &Cx, session: &SessionRow, user: &UserRow) -> Result<()> {
    let asked = cx.instance.settings.reverification;
    let second = user.two_factor_enabled();
    if asked && !reverified(session, second, Level::SecondFactor, MAX_AGE_SECS, cx.now) {
        return Err(refuse::session_reverification_required().into());
    }
    Ok(())
}

/// The session of the path, of this client, and its user in person.
///
/// # Errors
/// 401; 403 for banned users and where somebody acts as the user.
pub(super) async fn own(cx: &Cx, id: &str) -> Result<(SessionRow, UserRow)> {
    let session = sessions::ops::own(cx, id).await?;
    if session.actor.is_some() {
        return Err(refuse::authorization_invalid().into());
    }
    let user = users::store::find(&mut cx.read().await?, &session.user_id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    Ok((session, user))
}

/// What an attempt is worked on with: the client under lock, the session still live, the user under lock, the row.
pub(super) struct Open {
    pub(super) held: Held,
    pub(super) session: SessionRow,
    pub(super) user: UserRow,
    pub(super) row: ReverificationRow,
}

/// The client of the request under lock, with its session and the user.
async fn hold(cx: &Cx, tx: &mut Tx, session: &SessionRow) -> Result<(Held, SessionRow, UserRow)> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let held = clients::hold(tx, client).await?;
    let session = sessions::store::find(tx, &session.id)
        .await?
        .filter(|s| s.is_live(cx.now, &cx.instance.settings))
        .ok_or_else(refuse::authentication_invalid)?;
    let user = users::store::find_locked(tx, &session.user_id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    sessions::ops::check_user(cx, &user)?;
    Ok((held, session, user))
}

/// The open attempt of a session, where it waits for `due`.
///
/// # Errors
/// 400 `session_reverification_missing`, `invalid_action_for_session_reverification`; 403 for locked users.
pub(super) async fn open(cx: &Cx, tx: &mut Tx, session: &SessionRow, due: Status) -> Result<Open> {
    let (held, session, user) = hold(cx, tx, session).await?;
    let row = store::find(tx, &session.id, cx.now)
        .await?
        .ok_or_else(refuse::session_reverification_missing)?;
    if status(row.facts()) != due {
        return Err(refuse::invalid_action_for_session_reverification().into());
    }
    Ok(Open {
        held,
        session,
        user,
        row,
    })
}

/// As [`open`], only to see whether it is worth the slow work.
pub(super) async fn glance(
    cx: &Cx,
    session: &SessionRow,
    due: Status,
) -> Result<ReverificationRow> {
    let row = store::find(&mut cx.read().await?, &session.id, cx.now)
        .await?
        .ok_or_else(refuse::session_reverification_missing)?;
    if status(row.facts()) != due {
        return Err(refuse::invalid_action_for_session_reverification().into());
    }
    Ok(row)
}

/// Starts an attempt; it replaces the session's open one. Where the user has no second factor, the first is what is demanded.
///
/// # Errors
/// 401; 403 for locked and banned users and where somebody acts as the user.
pub async fn start(cx: &Cx, id: &str, level: Level) -> Result<ReverificationResource> {
    let (session, _) = own(cx, id).await?;
    let (session, user, row) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, session, user) = hold(cx, &mut tx, &session).await?;
        let before = store::find(&mut tx, &session.id, cx.now).await?;
        let row = ReverificationRow {
            instance_id: cx.instance.row.id.clone(),
            session_id: session.id.clone(),
            level: level.of_user(user.two_factor_enabled()).word().to_owned(),
            // Kept for the wait between two codes only: without its strategy nothing can be attempted with it.
            first_factor_id: before.as_ref().and_then(|b| b.first_factor_id.clone()),
            first_factor_strategy: None,
            first_factor_at: None,
            second_factor_id: before.and_then(|b| b.second_factor_id),
            second_factor_strategy: None,
            second_factor_at: None,
            expire_at: cx.now.plus_secs(LIFE_SECS),
            created_at: cx.now,
            updated_at: cx.now,
        };
        store::put(&mut tx, &row).await?;
        audit::record(cx, &mut tx, sessions::ops::told("session.reverification.started", &session));
        Ok::<_, Error>((session, user, row))
    })?;
    resource(cx, &session, &user, &row).await
}

/// Keeps what was proved; where that is everything, the session has its new ages, the client a new token, and the attempt is
/// over.
///
/// # Errors
/// The database's.
pub(super) async fn advance(cx: &Cx, tx: &mut Tx, open: &mut Open) -> Result<()> {
    let Open {
        held,
        session,
        user,
        row,
    } = open;
    row.updated_at = cx.now;
    if status(row.facts()) != Status::Complete {
        audit::record(
            cx,
            tx,
            sessions::ops::told("session.reverification.first_factor.passed", session),
        );
        return Ok(store::put(tx, row).await?);
    }
    if store::delete(tx, &session.id).await? != 1 {
        return Err(refuse::session_reverification_missing().into());
    }
    let (first, second) = (row.first_factor_at, row.second_factor_at);
    sessions::store::prove(tx, &session.id, first, second, cx.now).await?;
    // Mistakes are forgotten as after a sign-in: where everything that the user has was proved.
    if first.is_some() && (second.is_some() || !user.two_factor_enabled()) {
        users::store::forgive(tx, &user.id, cx.now).await?;
    }
    audit::record(
        cx,
        tx,
        sessions::ops::told("session.reverification.completed", session),
    );
    clients::rotate(cx, tx, held).await
}

/// Tells the browser of its new token, if there is one, after the commit.
///
/// # Errors
/// The database's, the signer's.
pub(super) async fn conclude(cx: &Cx, open: Open) -> Result<ReverificationResource> {
    clients::announce(cx, &open.held, None);
    resource(cx, &open.session, &open.user, &open.row).await
}

async fn sent(
    tx: &mut Tx,
    id: Option<&VerificationId>,
    strategy: Option<&str>,
) -> Result<Option<crate::verifications::model::VerificationRow>> {
    match id.filter(|_| strategy.is_some()) {
        Some(id) => Ok(verification_store::find(tx, id).await?),
        None => Ok(None),
    }
}

pub(super) async fn resource(
    cx: &Cx,
    session: &SessionRow,
    user: &UserRow,
    row: &ReverificationRow,
) -> Result<ReverificationResource> {
    let mut tx = cx.read().await?;
    let session = sessions::store::find(&mut tx, &session.id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    let client = crate::clients::store::find(&mut tx, &session.client_id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    let found = users::ops::list::load(&mut tx, user.clone()).await?;
    let first = sent(
        &mut tx,
        row.first_factor_id.as_ref(),
        row.first_factor_strategy.as_deref(),
    )
    .await?;
    let second = sent(
        &mut tx,
        row.second_factor_id.as_ref(),
        row.second_factor_strategy.as_deref(),
    )
    .await?;
    let shown = SessionResource::load(cx, &mut tx, &session, &client).await?;
    Ok(ReverificationResource::new(
        cx,
        row,
        &found,
        &factors::first(cx, &found),
        (first.as_ref(), second.as_ref()),
        shown,
    ))
}
