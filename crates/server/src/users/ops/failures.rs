//! Failed attempts to prove to be a user: counted by account, in the database, so that no restart, node, browser or new
//! code resets them (NIST SP 800-63B §3.2.2, contract bapi §6.1).
//!
//! Two counters. `failed_attempts` counts passwords and codes; it locks the account for a time, and any sign-in resets it.
//! `password_failures` counts passwords alone; only a right or a new password resets it, and at [`PASSWORD_FAILURES`] the
//! password opens nothing any more until it is replaced.
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::messages;
use crate::templates::Slug;
use crate::users::model::UserRow;
use crate::users::store;
use serde_json::json;
use usher_db::Tx;
use usher_types::Result;

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A password.
    Password,
    /// A code.
    Code,
}

/// Counts a failed attempt, in the transaction that refuses it, and records it as `event`. While a lock holds nothing was looked at, so nothing counts.
///
/// # Errors
/// The database's.
pub async fn count(
    cx: &Cx,
    tx: &mut Tx,
    user: &UserRow,
    failure: Failure,
    event: &'static str,
) -> Result<()> {
    if user.is_locked(cx.now) {
        return Ok(());
    }
    let settings = &cx.instance.settings;
    let until = cx
        .now
        .plus_secs(settings.lockout_minutes.saturating_mul(60));
    let lockout = store::Lockout {
        max: settings.lockout_max_attempts,
        until,
    };
    store::count_failure(tx, &user.id, failure == Failure::Password, lockout, cx.now).await?;
    audit::record(cx, tx, Event::new(event).user(&user.id).failed());
    note_lock(cx, tx, user).await
}

/// Records that failed attempts have locked a user just now. `before` is the user as read before the last one was counted.
///
/// # Errors
/// The database's.
async fn note_lock(cx: &Cx, tx: &mut Tx, before: &UserRow) -> Result<()> {
    let now = store::find(tx, &before.id).await?;
    if now.is_some_and(|user| user.is_locked(cx.now)) && !before.is_locked(cx.now) {
        let event = Event::new("user.locked").user(&before.id).by_system();
        audit::record(cx, tx, event.changed(["locked"]));
        let vars = json!({ "lockout_minutes": cx.instance.settings.lockout_minutes });
        messages::ops::notice(cx, tx, before, Slug::AccountLocked, vars).await?;
    }
    Ok(())
}
