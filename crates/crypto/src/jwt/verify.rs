//! Strict verification of compact RS256 tokens (RFC 7515 §5.2, RFC 8725 §3).

use std::fmt;

use serde_json::{Map, Value};

use crate::{digest::b64url_decode, signing::PublicKey};

/// The longest token that is looked at, in bytes.
pub const MAX_LEN: usize = 16 * 1024;

/// A token whose signature is right; its times have not been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The header, a JSON object.
    pub header: Value,
    /// The claims, a JSON object.
    pub claims: Value,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtError {
    /// Longer than [`MAX_LEN`], not three parts of strict base64url, or not JSON objects that name every member once.
    Malformed,
    /// `alg` is not RS256.
    Algorithm,
    /// `typ` is not the one asked for.
    Type,
    /// The header has a `crit` member, none of which is understood.
    Critical,
    /// The header has no `kid`, or one that is not a string.
    MissingKid,
    /// No key has this `kid`.
    UnknownKey,
    /// The signature is wrong.
    Signature,
    /// `exp` has passed.
    Expired,
    /// `nbf` has not come.
    NotActiveYet,
    /// `iat` has not come.
    IssuedInTheFuture,
    /// `exp`, `nbf` or `iat` is not a number.
    NotATime,
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the token is malformed",
            Self::Algorithm => "the token's algorithm is not RS256",
            Self::Type => "the token is of another type",
            Self::Critical => "the token has critical header parameters",
            Self::MissingKid => "the token names no key",
            Self::UnknownKey => "the token's key is unknown",
            Self::Signature => "the token's signature is wrong",
            Self::Expired => "the token has expired",
            Self::NotActiveYet => "the token is not active yet",
            Self::IssuedInTheFuture => "the token was issued in the future",
            Self::NotATime => "a time of the token is not a number",
        })
    }
}

impl std::error::Error for JwtError {}

/// The content of a token whose `typ` is `JWT` or absent, signed by the key that its `kid` names.
///
/// Times are not checked: see [`Verified::check_times`].
///
/// # Errors
/// Every [`JwtError`] but those about times.
pub fn verify(
    token: &str,
    find_key: impl Fn(&str) -> Option<PublicKey>,
) -> Result<Verified, JwtError> {
    verify_typ(token, |typ| typ.is_none_or(|typ| typ == "JWT"), find_key)
}

/// As [`verify`], for a token whose `typ` must be present and equal, such as `at+jwt` (RFC 9068).
///
/// # Errors
/// As [`verify`].
pub fn verify_typed(
    token: &str,
    typ: &str,
    find_key: impl Fn(&str) -> Option<PublicKey>,
) -> Result<Verified, JwtError> {
    verify_typ(token, |found| found.is_some_and(|it| it == typ), find_key)
}

impl Verified {
    /// Refuses a token outside of its `exp`, `nbf` and `iat`, with a leeway for unequal clocks.
    ///
    /// All in Unix seconds. A claim that is absent limits nothing: whoever needs `exp` must see to
    /// its presence.
    ///
    /// # Errors
    /// [`JwtError::Expired`], [`JwtError::NotActiveYet`], [`JwtError::IssuedInTheFuture`], or
    /// [`JwtError::NotATime`] for a claim that is not a number.
    pub fn check_times(&self, now_secs: i64, leeway_secs: i64) -> Result<(), JwtError> {
        let earliest = now_secs.saturating_sub(leeway_secs) as f64;
        let latest = now_secs.saturating_add(leeway_secs) as f64;
        if self.time("exp")?.is_some_and(|exp| exp <= earliest) {
            return Err(JwtError::Expired);
        }
        if self.time("nbf")?.is_some_and(|nbf| nbf > latest) {
            return Err(JwtError::NotActiveYet);
        }
        if self.time("iat")?.is_some_and(|iat| iat > latest) {
            return Err(JwtError::IssuedInTheFuture);
        }
        Ok(())
    }

    fn time(&self, claim: &str) -> Result<Option<f64>, JwtError> {
        self.claims
            .get(claim)
            .map(|value| value.as_f64().ok_or(JwtError::NotATime))
            .transpose()
    }
}

fn verify_typ(
    token: &str,
    is_right: impl Fn(Option<&Value>) -> bool,
    find_key: impl Fn(&str) -> Option<PublicKey>,
) -> Result<Verified, JwtError> {
    if token.len() > MAX_LEN {
        return Err(JwtError::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
    // A fourth part would put a dot, which is not base64url, into the header or the claims.
    let (header, claims) = message.split_once('.').ok_or(JwtError::Malformed)?;
    let signature = b64url_decode(signature).ok_or(JwtError::Malformed)?;
    let claims = b64url_decode(claims).ok_or(JwtError::Malformed)?;
    let header = object(&b64url_decode(header).ok_or(JwtError::Malformed)?)?;

    // The algorithm is ours to choose: `none` and HS256 under the public key are the classic attacks.
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(JwtError::Algorithm);
    }
    if !is_right(header.get("typ")) {
        return Err(JwtError::Type);
    }
    if header.contains_key("crit") {
        return Err(JwtError::Critical);
    }
    let kid = header
        .get("kid")
        .and_then(Value::as_str)
        .ok_or(JwtError::MissingKid)?;
    let key = find_key(kid).ok_or(JwtError::UnknownKey)?;
    if !key.verify_rs256(message.as_bytes(), &signature) {
        return Err(JwtError::Signature);
    }
    Ok(Verified {
        claims: Value::Object(object(&claims)?),
        header: Value::Object(header),
    })
}

pub(super) fn object(json: &[u8]) -> Result<Map<String, Value>, JwtError> {
    match usher_types::json::parse(json) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(JwtError::Malformed),
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
