//! Passwords: the one verdict at every door, and hashing in its own pool (NIST SP 800-63B §3.1.1, contract bapi §6.2).
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::instances::settings::Settings;
use crate::users::model::UserRow;
use crate::users::store;
use std::sync::atomic::Ordering;
use unicode_normalization::UnicodeNormalization;
use usher_crypto::password as hashing;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error, Result};

/// The special characters that satisfy `require_special_char`.
pub const SPECIAL: &str = "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~";
/// Bytes at most: far above any passphrase, far below a flood.
const MAX_BYTES: usize = 4096;
/// The most used passwords of 8 and more characters in public breach statistics: refused with no network at all.
const COMMON: &str = include_str!("common_passwords.txt");

/// The one verdict on a new password: at sign-up, change, reset, and when the operator creates or updates a user. `own`
/// are the user's identifiers, which may not be the password.
///
/// # Errors
/// 422: every rule that is broken, each naming `param`.
pub fn verdict(
    settings: &Settings,
    param: &'static str,
    password: &str,
    own: &[&str],
) -> Result<(), ApiError> {
    let policy = &settings.password;
    let normal: String = password.nfc().collect();
    if normal.len() > MAX_BYTES {
        return Err(refuse::form_password_size_in_bytes_exceeded(&MAX_BYTES.to_string()).at(param));
    }
    let count = i64::try_from(normal.chars().count()).unwrap_or(i64::MAX);
    let lower = normal.to_lowercase();
    let mut broken = Vec::new();
    if count < policy.min_length {
        broken.push(refuse::form_password_length_too_short(
            &policy.min_length.to_string(),
        ));
    }
    if count > policy.max_length {
        broken.push(refuse::form_password_length_too_long(
            &policy.max_length.to_string(),
        ));
    }
    if policy.require_uppercase && !normal.chars().any(char::is_uppercase) {
        broken.push(refuse::form_password_no_uppercase());
    }
    if policy.require_lowercase && !normal.chars().any(char::is_lowercase) {
        broken.push(refuse::form_password_no_lowercase());
    }
    if policy.require_numbers && !normal.chars().any(char::is_numeric) {
        broken.push(refuse::form_password_no_number());
    }
    if policy.require_special_char && !normal.chars().any(|c| SPECIAL.contains(c)) {
        broken.push(refuse::form_password_no_special_char());
    }
    if own
        .iter()
        .any(|o| !o.is_empty() && o.to_lowercase() == lower)
    {
        broken.push(refuse::form_password_matches_identifier());
    }
    if broken.is_empty() && settings.hibp && COMMON.lines().any(|line| line == lower) {
        broken.push(refuse::form_password_pwned());
    }
    ApiError::join(broken.into_iter().map(|e| e.at(param)).collect()).map_or(Ok(()), Err)
}

/// Runs slow hashing in its pool; a full queue is a 429, never a wait without end.
async fn pooled<T: Send + 'static>(
    cx: &Cx,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    cx.app
        .metrics
        .passwords_hashed
        .fetch_add(1, Ordering::Relaxed);
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
    pooled(cx, move || hashing::hash(&password, cost, &pepper, &rng)).await
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
    let matched = pooled(cx, move || {
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
    let outcome = pooled(cx, move || {
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
