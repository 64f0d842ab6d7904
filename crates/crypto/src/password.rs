//! Password verifiers: what is stored to tell a right password from a wrong one.
//!
//! Stored texts: ours are `u1$<bcrypt>`, bcrypt over base64(HMAC-SHA-384(pepper, NFC password)), so
//! that no password is cut at 72 bytes or at a NUL; imported ones are `i1$<hasher>$$<digest>`.
//! Invariants: without the pepper no stored text of ours can be attacked; a malformed one never
//! verifies. Every call to [`hash`], [`verify`] and [`import`] occupies a core for long: see
//! [`crate::pool`].
//! Reference: NIST SP 800-63B §3.1.1.2, OWASP Password Storage (peppering, pre-hashing).

mod bcrypt;
mod imported;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use self::bcrypt::Verifier;
pub use self::imported::{ImportError, import};
use crate::rng::Rng;

const OURS: &str = "u1$";

/// The text to store for a password, under bcrypt at `cost` (4 to 31; others are brought within).
#[must_use]
pub fn hash(password: &str, cost: u32, pepper: &[u8], rng: &Rng) -> String {
    let secret = peppered(pepper, nfc(password).as_bytes());
    let verifier = Verifier::compute(cost, rng.bytes(), secret.as_bytes());
    format!("{OURS}{verifier}")
}

/// Whether `password` is the one that `stored` was made of; false for a malformed `stored`.
#[must_use]
pub fn verify(stored: &str, password: &str, pepper: &[u8]) -> bool {
    if let Some(theirs) = stored.strip_prefix(imported::IMPORTED) {
        return imported::verify(theirs, password, pepper);
    }
    let Some(ours) = stored.strip_prefix(OURS) else {
        return false;
    };
    let secret = peppered(pepper, nfc(password).as_bytes());
    Verifier::parse(ours).is_some_and(|verifier| verifier.admits(secret.as_bytes()))
}

/// Whether a password that just verified should be hashed again: `stored` is imported, malformed,
/// or of another cost.
#[must_use]
pub fn needs_rehash(stored: &str, cost: u32) -> bool {
    stored
        .strip_prefix(OURS)
        .and_then(Verifier::parse)
        .is_none_or(|verifier| verifier.cost != bcrypt::clamp(cost))
}

/// A stored text that no password verifies with, and that takes as long as any other of this cost.
///
/// For users that do not exist or have no password: the time must not say so.
#[must_use]
pub fn dummy(cost: u32) -> String {
    format!("{OURS}{}", Verifier::unmatched(cost))
}

fn nfc(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.nfc().collect())
}

/// 64 letters of base64: fewer than bcrypt's 72 bytes, and no NUL.
fn peppered(pepper: &[u8], secret: &[u8]) -> Zeroizing<String> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA384, pepper), secret);
    Zeroizing::new(STANDARD.encode(tag))
}

#[cfg(test)]
#[path = "password/tests.rs"]
mod tests;
