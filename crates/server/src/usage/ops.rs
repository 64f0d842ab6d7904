//! Counting who is active.
use super::{month, store};
use crate::sessions::model::SessionRow;
use usher_db::Tx;
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
        store::count(tx, &month::of(now), "user", session.user_id.as_str(), now).await?;
    }
    Ok(())
}

/// The months in which users were active, newest first, with their number; only the one named, where one is.
///
/// # Errors
/// The database's.
pub async fn monthly_users(tx: &mut Tx, only: Option<&str>) -> Result<Vec<(String, i64)>> {
    Ok(store::months(tx, "user", only, MONTHS).await?)
}
