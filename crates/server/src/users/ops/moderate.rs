//! What an operator decides about users: ban, lock, mark a password as compromised.
use super::list::{self, Found};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::sessions;
use crate::sessions::model::SessionRow;
use crate::users::model::UserRow;
use crate::users::store;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::UserId;
use usher_types::{ApiError, Error, Result};

/// What becomes of a user's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// They go on.
    Keep,
    /// They are revoked.
    End,
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No sign-in until it is taken back; every session is revoked.
    Ban,
    /// Takes a ban back.
    Unban,
    /// No sign-in for the instance's lockout time. Sessions go on.
    Lock,
    /// Takes a lock back and forgets the failed attempts.
    Unlock,
    /// The next sign-in must set a new password.
    DistrustPassword(Sessions),
    /// Takes that back.
    TrustPassword,
}

impl Decision {
    fn apply(self, cx: &Cx, user: &mut UserRow) -> Result<(), ApiError> {
        match self {
            Self::Ban => user.banned = true,
            Self::Unban => user.banned = false,
            Self::Lock => {
                user.locked = true;
                user.locked_until = Some(
                    cx.now
                        .plus_secs(cx.instance.settings.lockout_minutes.saturating_mul(60)),
                );
            }
            Self::Unlock => {
                user.locked = false;
                user.locked_until = None;
                user.failed_attempts = 0;
            }
            Self::DistrustPassword(_) if user.password_stored.is_none() => {
                return Err(refuse::no_password_set());
            }
            Self::DistrustPassword(_) => user.password_compromised = true,
            Self::TrustPassword => user.password_compromised = false,
        }
        user.updated_at = cx.now;
        Ok(())
    }
    fn event(self) -> &'static str {
        match self {
            Self::Ban => "user.banned",
            Self::Unban => "user.unbanned",
            Self::Lock => "user.locked",
            Self::Unlock => "user.unlocked",
            Self::DistrustPassword(_) => "user.password_compromised.set",
            Self::TrustPassword => "user.password_compromised.unset",
        }
    }
    fn sessions(self) -> Sessions {
        match self {
            Self::Ban => Sessions::End,
            Self::DistrustPassword(sessions) => sessions,
            Self::Unban | Self::Lock | Self::Unlock | Self::TrustPassword => Sessions::Keep,
        }
    }
}

/// Decides about users: all of them, or none where one is unknown. They come back in the order of `ids`.
///
/// # Errors
/// 404; 400 `no_password_set`.
pub async fn decide(cx: &Cx, ids: &[UserId], decision: Decision) -> Result<Vec<Found>> {
    // Locked in one order everywhere, so that two bulk requests cannot wait for each other.
    let mut order = ids.to_vec();
    order.sort();
    order.dedup();
    let (mut decided, ended) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut decided = Vec::with_capacity(order.len());
        let mut ended = Vec::new();
        for id in &order {
            let mut found = list::hold(&mut tx, id).await?;
            let before = found.user.clone();
            decision.apply(cx, &mut found.user)?;
            store::update(&mut tx, &found.user).await?;
            let event = Event::new(decision.event()).user(id);
            audit::record(cx, &mut tx, event.changed(found.user.differs_from(&before)));
            if before.password_compromised && !found.user.password_compromised {
                sessions::store::password_reset(&mut tx, id, cx.now).await?;
            }
            if decision.sessions() == Sessions::End {
                ended.extend(end_sessions(cx, &mut tx, id).await?);
            }
            decided.push(found);
        }
        Ok::<_, Error>((decided, ended))
    })?;
    forget_tokens(cx, &ended);
    decided.sort_by_key(|found| ids.iter().position(|id| *id == found.user.id));
    Ok(decided)
}

/// Revokes every live session of a user; those that it revoked.
///
/// # Errors
/// The database's.
pub async fn end_sessions(cx: &Cx, tx: &mut Tx, user: &UserId) -> Result<Vec<SessionRow>> {
    sessions::ops::end_of_user(cx, tx, user, "revoked", None).await
}

/// Forgets the minted tokens of sessions that ended. Called after the commit.
pub fn forget_tokens(cx: &Cx, ended: &[SessionRow]) {
    for session in ended {
        sessions::token::forget(&cx.app, session.id.as_str());
    }
}
