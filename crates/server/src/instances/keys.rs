//! Keys of an instance: their forms, and how they are made.
use base64_lite::unpadded;
use usher_crypto::digest;
use usher_crypto::rng::Rng;

/// Base64 as a publishable key carries it.
mod base64_lite {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// Standard alphabet, no padding: the one canonical form, because cookie names are derived from the literal string.
    pub(super) fn unpadded(bytes: &[u8]) -> String {
        let mut out = String::with_capacity(bytes.len() * 4 / 3 + 4);
        for chunk in bytes.chunks(3) {
            let word = u32::from(chunk[0]) << 16
                | u32::from(*chunk.get(1).unwrap_or(&0)) << 8
                | u32::from(*chunk.get(2).unwrap_or(&0));
            for index in 0..=chunk.len() {
                let six = usize::try_from(word >> (18 - 6 * index) & 63).unwrap_or(0);
                out.push(char::from(ALPHABET[six]));
            }
        }
        out
    }
}

/// The publishable key of a Frontend-API host (contract fapi §1.1): `pk_live_` and base64 of `<host>$`.
#[must_use]
pub fn publishable(host: &str) -> String {
    format!("pk_live_{}", unpadded(format!("{host}$").as_bytes()))
}

/// A fresh secret key.
#[must_use]
pub fn secret(rng: &Rng) -> String {
    format!("sk_live_{}", rng.base62(43))
}

/// What tells a secret key from others for people: its last four characters, which open nothing.
#[must_use]
pub fn hint(key: &str) -> String {
    let tail: Vec<char> = key.chars().rev().take(4).collect();
    format!("sk_…{}", tail.into_iter().rev().collect::<String>())
}

/// What a secret key is found by.
#[must_use]
pub fn secret_hash(key: &str) -> String {
    digest::sha256_hex(key)
}

/// The suffix of an instance's cookies (contract fapi §1.1): 8 characters of base64url(SHA-1(publishable key)).
#[must_use]
pub fn cookie_suffix(publishable_key: &str) -> String {
    digest::b64url(&digest::sha1(publishable_key.as_bytes()))
        .chars()
        .take(8)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measured_publishable_key_and_suffix_come_out() {
        assert_eq!(
            publishable("127.0.0.1:8787"),
            "pk_live_MTI3LjAuMC4xOjg3ODck"
        );
        assert_eq!(cookie_suffix("pk_live_MTI3LjAuMC4xOjg3ODck"), "YwxRrm43");
    }
}
