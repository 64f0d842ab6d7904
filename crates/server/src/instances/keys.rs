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

/// The publishable key of a development instance whose browsers use development-browser tokens (decision 32): `pk_test_`.
#[must_use]
pub fn test_publishable(host: &str) -> String {
    format!("{TEST}{}", unpadded(format!("{host}$").as_bytes()))
}

/// What such a key starts with.
const TEST: &str = "pk_test_";

/// The key is one of those of [`test_publishable`].
#[must_use]
pub fn is_test(publishable_key: &str) -> bool {
    publishable_key.starts_with(TEST)
}

/// The host that a publishable key names: what SDKs expect in `iss`.
#[must_use]
pub fn encoded_host(publishable_key: &str) -> Option<String> {
    let encoded = publishable_key.splitn(3, '_').nth(2)?;
    let bytes = digest::b64url_decode(&encoded.replace('+', "-").replace('/', "_"))?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_suffix('$').map(str::to_owned)
}

/// A fresh secret key of the form that goes with a publishable key: SDKs tell development from production by both.
#[must_use]
pub fn secret(rng: &Rng, publishable_key: &str) -> String {
    format!("{}{}", secret_prefix(publishable_key), rng.base62(43))
}

/// What secret keys start with that go with a publishable key.
#[must_use]
pub fn secret_prefix(publishable_key: &str) -> &'static str {
    if is_test(publishable_key) {
        "sk_test_"
    } else {
        "sk_live_"
    }
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
        let test = test_publishable("127.0.0.1:8787");
        assert_eq!(cookie_suffix(&test), "Nlb1kH_u");
        for host in [
            "127.0.0.1:8787",
            "clerk.example.com",
            "a.b",
            "a.bc",
            "a.bcd",
        ] {
            for key in [publishable(host), test_publishable(host)] {
                assert_eq!(encoded_host(&key).as_deref(), Some(host));
            }
        }
        assert_eq!(encoded_host("pk_live_%"), None);
        assert!(is_test(&test) && !is_test(&publishable("a.b")));
    }
}
