//! Passwords: the one verdict at every door, breach checks, and hashing in its own pool (NIST SP 800-63B-4 §3.1.1, contract
//! bapi §6.2).
//!
//! Tables: none of its own; hashes stand in `users` and, until they are over, in `sign_ups`.
//! Invariants: a new password passes [`verdict`] at all five doors (sign-up, change, reset, the operator's create and update)
//! or comes with `skip_password_checks`; what is judged, hashed and verified is its NFC form, whole; nothing here runs inside
//! a transaction.
//! Not here: `crypto::password` (what a hash is), `usher-breached` (sets of known passwords), `usher-outbound` (the way out).
mod blocklist;
mod breaches;
mod strength;
mod verdict;

pub use breaches::is_refused_at_sign_in;
pub use verdict::{MAX_NEW_BYTES, SPECIAL, verdict};

use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::users::model::UserRow;
use crate::users::store;
use std::sync::atomic::Ordering;
use usher_crypto::password as hashing;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error, Result};

/// Bytes of a password that is checked: more than a new one may have, because other systems took longer ones.
const MAX_BYTES: usize = 4096;

/// Refuses what could be hashed but never verified. Everything else about a password may be waived by the operator.
///
/// # Errors
/// 422 `form_password_size_in_bytes_exceeded`.
pub fn check_size(param: &'static str, password: &str) -> Result<(), ApiError> {
    if password.len() > MAX_BYTES {
        return Err(refuse::form_password_size_in_bytes_exceeded(&MAX_BYTES.to_string()).at(param));
    }
    Ok(())
}

/// Hashes in the pool, and counts it.
async fn hashed<T: Send + 'static>(
    cx: &Cx,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    cx.app
        .metrics
        .passwords_hashed
        .fetch_add(1, Ordering::Relaxed);
    pooled(cx, work).await
}

/// Runs slow work in the hashing pool; a full queue is a 429, never a wait without end.
async fn pooled<T: Send + 'static>(
    cx: &Cx,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    cx.app.hashing.run(work).await.map_err(|busy| {
        refuse::too_many_requests()
            .retry_after(u32::try_from(busy.retry_after_secs).unwrap_or(30))
            .into()
    })
}

/// Hashes a password that the verdict has passed.
///
/// # Errors
/// 429 when the queue is full.
pub async fn hash(cx: &Cx, password: &str) -> Result<String> {
    let (password, cost, pepper, rng) = (
        password.to_owned(),
        cx.instance.settings.password.bcrypt_cost,
        cx.instance.pepper,
        cx.app.rng.clone(),
    );
    hashed(cx, move || hashing::hash(&password, cost, &pepper, &rng)).await
}

/// Checks a password. Without a stored one it takes the same time and says no: the answer must not tell who exists.
///
/// # Errors
/// 429 when the queue is full.
pub async fn verify(cx: &Cx, stored: Option<&str>, password: &str) -> Result<bool> {
    let cost = cx.instance.settings.password.bcrypt_cost;
    let known = stored.is_some();
    let stored = stored.map_or_else(|| hashing::dummy(cost), str::to_owned);
    let (password, pepper) = (password.to_owned(), cx.instance.pepper);
    let fits = password.len() <= MAX_BYTES;
    let matched = hashed(cx, move || {
        hashing::verify(&stored, if fits { &password } else { "" }, &pepper)
    })
    .await?;
    Ok(matched && known && fits)
}

/// Brings the hash of a password that was just proved to the present scheme and cost: imported digests and cheaper hashes
/// are upgraded at the first sign-in (contract bapi §3.3).
///
/// # Errors
/// 429 when the queue is full; the database's.
pub async fn upgrade(cx: &Cx, user: &UserRow, proved: &str) -> Result<()> {
    let Some(old) = user
        .password_stored
        .as_deref()
        .filter(|s| hashing::needs_rehash(s, cx.instance.settings.password.bcrypt_cost))
    else {
        return Ok(());
    };
    let new = hash(cx, proved).await?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if store::rehash(&mut tx, &user.id, old, &new).await? > 0 {
            audit::record(cx, &mut tx, Event::new("user.password.rehashed").user(&user.id).by_system().changed(["password"]));
        }
        Ok::<_, Error>(())
    })
}

/// Takes over a digest that another system made.
///
/// # Errors
/// 422 for unknown hashers and digests that are not of their format; 429 when the queue is full.
pub async fn import(cx: &Cx, hasher: &str, digest: &str) -> Result<String> {
    let (hasher, digest, cost, pepper, rng) = (
        hasher.to_owned(),
        digest.to_owned(),
        cx.instance.settings.password.bcrypt_cost,
        cx.instance.pepper,
        cx.app.rng.clone(),
    );
    let outcome = hashed(cx, move || {
        hashing::import(&hasher, &digest, cost, &pepper, &rng)
    })
    .await?;
    outcome.map_err(|e| match e {
        hashing::ImportError::UnknownHasher => refuse::form_param_value_invalid("password_hasher")
            .at("password_hasher")
            .into(),
        hashing::ImportError::BadDigest => {
            refuse::form_password_digest_invalid_code("password_digest")
                .at("password_digest")
                .into()
        }
    })
}
