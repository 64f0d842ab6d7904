//! The organization that a session acts in: what its tokens say, and how it changes.
use super::model::Active;
use super::policy::{By, Need};
use super::{ops, store};
use crate::cx::Cx;
use crate::sessions;
use crate::sessions::model::SessionRow;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{OrganizationId, UserId};
use usher_types::{Error, Result};

/// Which organization a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The session's.
    Session,
    /// None: the user's own account.
    Nobody,
    /// The one with this id or slug.
    Named(&'a str),
}

impl<'a> Wanted<'a> {
    /// As a field says it: left out, empty, or an id or slug.
    #[must_use]
    pub fn read(sent: bool, text: Option<&'a str>) -> Self {
        match text {
            Some(text) => Self::Named(text),
            None if sent => Self::Nobody,
            None => Self::Session,
        }
    }
}

/// What tokens of a session say. Whoever is no member, any more or at all, gets nothing of an organization: the membership is
/// looked at with every token, so that a removal counts from the next one on.
///
/// # Errors
/// The database's.
pub async fn of(
    cx: &Cx,
    tx: &mut Tx,
    session: &SessionRow,
    wanted: Wanted<'_>,
) -> Result<Option<Active>> {
    if ops::enabled(cx).is_err() {
        return Ok(None);
    }
    let named = match wanted {
        Wanted::Session => session.last_active_organization_id.as_deref(),
        Wanted::Nobody => None,
        Wanted::Named(text) => Some(text),
    };
    match named {
        Some(text) => find(tx, text, &session.user_id).await,
        None => Ok(None),
    }
}

/// As [`of`], for the organization of the session, with a view of its own.
///
/// # Errors
/// The database's.
pub async fn of_session(cx: &Cx, session: &SessionRow) -> Result<Option<Active>> {
    if session.last_active_organization_id.is_none() || ops::enabled(cx).is_err() {
        return Ok(None);
    }
    of(cx, &mut cx.read().await?, session, Wanted::Session).await
}

async fn find(tx: &mut Tx, text: &str, user: &UserId) -> Result<Option<Active>> {
    let id = match OrganizationId::parse(text) {
        Some(id) => Some(id),
        None => store::by_slug(tx, text).await?.map(|o| o.id),
    };
    match id {
        Some(id) => Ok(store::active(tx, &id, user).await?),
        None => Ok(None),
    }
}

/// Makes a session act in another organization, or in none.
///
/// # Errors
/// 403 `organization_not_enabled_in_instance`; 404 `organization_not_found_or_unauthorized` for who is no member.
pub async fn switch(cx: &Cx, session: &SessionRow, to: Wanted<'_>) -> Result<()> {
    let named = match to {
        Wanted::Session => return Ok(()),
        Wanted::Nobody => None,
        Wanted::Named(text) => {
            ops::enabled(cx)?;
            Some(text)
        }
    };
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        match named {
            Some(text) => drop(enter(cx, &mut tx, session, text).await?),
            None => sessions::store::set_organization(&mut tx, &session.id, None, cx.now).await?,
        }
        Ok::<_, Error>(())
    })
}

/// Makes a session act in the organization with this id or slug, in a transaction of the caller's; the organization's id.
///
/// # Errors
/// As [`switch`].
pub async fn enter(
    cx: &Cx,
    tx: &mut Tx,
    session: &SessionRow,
    text: &str,
) -> Result<OrganizationId> {
    ops::enabled(cx)?;
    let found = find(tx, text, &session.user_id).await?;
    let found = found.ok_or_else(refuse::organization_not_found_or_unauthorized)?;
    // Under its lock: a removal at the same time is seen here, or clears the session itself.
    let by = By::User(&session.user_id);
    let held = ops::hold(cx, tx, found.id.as_str(), by, Need::Membership).await?;
    sessions::store::set_organization(tx, &session.id, Some(&held.id), cx.now).await?;
    Ok(held.id)
}
