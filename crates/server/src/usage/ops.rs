//! Counting who is active.
use super::{month, store};
use crate::sessions::model::SessionRow;
use std::collections::HashMap;
use usher_db::Tx;
use usher_types::id::OrganizationId;
use usher_types::{Result, Timestamp};

/// Months that are listed at most.
pub const MONTHS: i64 = 120;

/// Whether activity now is the session's first in this month, so that it must be written though the last was written a moment
/// ago.
#[must_use]
pub fn is_due(session: &SessionRow, now: Timestamp) -> bool {
    !month::same(session.last_active_at, now)
}

/// Counts the session's user in the month of `now`, once however many count at the same time. Who only acts as the user does
/// not count.
///
/// # Errors
/// The database's.
pub async fn note(tx: &mut Tx, session: &SessionRow, now: Timestamp) -> Result<()> {
    if session.actor.is_none() {
        let month = month::of(now);
        let user = session.user_id.as_str();
        if store::count(tx, &month, "user", user, now).await? {
            store::count_organizations_of(tx, &month, user, now).await?;
        }
    }
    Ok(())
}

/// Counts an organization that got a member, where it is active by now.
///
/// # Errors
/// The database's.
pub async fn joined(tx: &mut Tx, organization: &OrganizationId, now: Timestamp) -> Result<()> {
    Ok(store::count_organization(tx, &month::of(now), organization, now).await?)
}

/// How many were active in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// `2026-11`, in UTC.
    pub month: String,
    /// Users.
    pub users: i64,
    /// Organizations; there is none without an active user.
    pub organizations: i64,
}

/// The months in which users were active, newest first; only the one named, where one is.
///
/// # Errors
/// The database's.
pub async fn months(tx: &mut Tx, only: Option<&str>) -> Result<Vec<Month>> {
    let users = store::months(tx, "user", only, MONTHS).await?;
    let organizations = store::months(tx, "organization", only, MONTHS).await?;
    let organizations: HashMap<String, i64> = organizations.into_iter().collect();
    let with = |(month, users): (String, i64)| Month {
        organizations: organizations.get(&month).copied().unwrap_or(0),
        month,
        users,
    };
    Ok(users.into_iter().map(with).collect())
}
