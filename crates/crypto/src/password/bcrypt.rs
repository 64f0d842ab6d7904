//! The classic bcrypt text: `$2b$<2-digit cost>$<22 letters of salt><31 letters of digest>`.
//!
//! Reference: Provos and Mazières, "A Future-Adaptable Password Scheme" (USENIX 1999); OpenBSD
//! `bcrypt(3)` for the versions. `2x`, the one with the sign-extension bug, is refused.

use std::fmt;

use ::bcrypt::bcrypt;
use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, general_purpose::NO_PAD},
};
use zeroize::Zeroizing;

use crate::digest::{equal, fixed};

const COSTS: std::ops::RangeInclusive<u32> = 4..=31;

// Some implementations leave stray bits in the last letter: OpenBSD ignores them, so do we.
const BASE_64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    NO_PAD.with_decode_allow_trailing_bits(true),
);

/// A parsed bcrypt text.
pub(super) struct Verifier {
    version: Version,
    pub(super) cost: u32,
    salt: [u8; 16],
    digest: [u8; 23],
}

/// Three names of one function: they differ in bugs of old implementations only.
#[derive(Clone, Copy)]
enum Version {
    A,
    B,
    Y,
}

impl Verifier {
    /// The verifier of a secret, of which 72 bytes count.
    pub(super) fn compute(cost: u32, salt: [u8; 16], secret: &[u8]) -> Self {
        let cost = clamp(cost);
        Self {
            version: Version::B,
            cost,
            salt,
            digest: digest(cost, salt, secret),
        }
    }

    /// One that no secret is known for.
    pub(super) fn unmatched(cost: u32) -> Self {
        Self {
            version: Version::B,
            cost: clamp(cost),
            salt: *b"usher's no salt.",
            digest: *b"no known secret is here",
        }
    }

    /// `None` for anything but 60 characters of a version, cost, salt and digest.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('$')?.split('$');
        let version = match parts.next()? {
            "2a" => Version::A,
            "2b" => Version::B,
            "2y" => Version::Y,
            _ => return None,
        };
        let cost = parts.next().filter(|cost| cost.len() == 2)?;
        if !cost.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let cost = cost.parse().ok().filter(|cost| COSTS.contains(cost))?;
        let (salt, rest) = parts.next()?.split_at_checked(22)?;
        if rest.len() != 31 || parts.next().is_some() {
            return None;
        }
        Some(Self {
            version,
            cost,
            salt: decode(salt)?,
            digest: decode(rest)?,
        })
    }

    /// Whether this is the verifier of `secret`.
    pub(super) fn admits(&self, secret: &[u8]) -> bool {
        equal(&digest(self.cost, self.salt, secret), &self.digest)
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self.version {
            Version::A => "2a",
            Version::B => "2b",
            Version::Y => "2y",
        };
        let (salt, digest) = (BASE_64.encode(self.salt), BASE_64.encode(self.digest));
        write!(f, "${version}${:02}${salt}{digest}", self.cost)
    }
}

/// The nearest cost that bcrypt has.
pub(super) fn clamp(cost: u32) -> u32 {
    cost.clamp(*COSTS.start(), *COSTS.end())
}

/// Bcrypt as everyone else has it: the secret, a NUL, and nothing beyond 72 bytes.
fn digest(cost: u32, salt: [u8; 16], secret: &[u8]) -> [u8; 23] {
    let mut key = Zeroizing::new([0; 72]);
    let len = secret.len().min(72);
    key[..len].copy_from_slice(&secret[..len]);
    fixed(&bcrypt(cost, salt, &key[..72.min(len + 1)]))
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE_64.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_jbcrypt_verify() {
        for (secret, text) in [
            (
                "",
                "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
            ),
            (
                "a",
                "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
            ),
            (
                "abc",
                "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
            ),
        ] {
            let verifier = Verifier::parse(text).unwrap();
            assert!(verifier.admits(secret.as_bytes()));
            assert!(!verifier.admits(b"other"));
            assert_eq!(verifier.to_string(), text);
        }
    }

    #[test]
    fn seventy_two_bytes_count() {
        let long = "x".repeat(72);
        let verifier = Verifier::compute(4, [7; 16], long.as_bytes());
        assert!(verifier.admits(format!("{long}y").as_bytes()));
        assert!(!verifier.admits(&long.as_bytes()[1..]));
    }

    #[test]
    fn malformed_texts_are_refused() {
        let good = "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe";
        for bad in [
            String::new(),
            good[1..].to_owned(),
            good[..59].to_owned(),
            format!("{good}x"),
            format!("{good}$"),
            good.replace("2a", "2x"),
            good.replace("2a", "2"),
            good.replace("$06$", "$6$"),
            good.replace("$06$", "$+6$"),
            good.replace("$06$", "$03$"),
            good.replace("$06$", "$32$"),
            good.replace("m0C", "m=C"),
            good.replace("m0C", "mé"),
        ] {
            assert!(Verifier::parse(&bad).is_none(), "{bad}");
        }
    }
}
