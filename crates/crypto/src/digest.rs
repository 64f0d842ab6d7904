//! Digests, message authentication, base64url and comparison in constant time.
//!
//! Reference: FIPS 180-4 (SHA), RFC 2104 (HMAC), RFC 4648 §5 (base64url), RFC 7515 §2 (no padding).

use aws_lc_rs::{constant_time, digest, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The SHA-256 digest of `data` (FIPS 180-4).
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    fixed(digest::digest(&digest::SHA256, data).as_ref())
}

/// The SHA-256 digest of a text's UTF-8 bytes, as 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(text: &str) -> String {
    hex(&sha256(text.as_bytes()))
}

/// The SHA-1 digest of `data` (FIPS 180-4).
///
/// SHA-1 is broken for signatures: only the cookie suffix, which Clerk's SDKs fix, the sets of breached passwords, which are kept
/// by it, and imported digests use it.
#[must_use]
pub fn sha1(data: &[u8]) -> [u8; 20] {
    fixed(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, data).as_ref())
}

/// The HMAC-SHA-256 tag of `data` under `key` (RFC 2104); a key of any length will do.
#[must_use]
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    fixed(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref())
}

/// Whether two byte strings are equal, in a time that depends on their lengths only.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// The base64url form of `data`, without padding (RFC 4648 §5).
#[must_use]
pub fn b64url(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(data)
}

/// The bytes of an unpadded base64url text.
///
/// `None` for padding, white space, the characters `+` and `/`, and stray bits in the last
/// character: every byte string has exactly one accepted form.
#[must_use]
pub fn b64url_decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The lower-case hexadecimal form of `data`.
pub(crate) fn hex(data: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    data.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

/// The bytes of a hexadecimal text of either case; `None` for anything else.
pub(crate) fn hex_decode(text: &str) -> Option<Vec<u8>> {
    let nibbles: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = nibbles.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The first `N` bytes of a digest known to be at least that long.
pub(crate) fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha_digests_match_fips_180_4() {
        assert_eq!(
            sha256_hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            hex(&sha1(b"abc")),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(hex(&sha256(b"")), sha256_hex(""));
    }

    #[test]
    fn hmac_matches_rfc_4231_cases_2_and_6() {
        assert_eq!(
            hex(&hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let long_key = [0xaa; 131];
        assert_eq!(
            hex(&hmac_sha256(
                &long_key,
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn only_equal_bytes_are_equal() {
        assert!(equal(b"", b""));
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"ab"));
    }

    #[test]
    fn base64url_has_one_form_for_each_byte_string() {
        assert_eq!(b64url(&[0xfb, 0xff]), "-_8");
        assert_eq!(b64url_decode("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(b64url_decode(""), Some(Vec::new()));
        for refused in ["-_8=", "+/8", "-_9", "-_8\n", " -_8", "A", "AAA A", "é"] {
            assert_eq!(b64url_decode(refused), None, "{refused}");
        }
    }

    #[test]
    fn hexadecimal_goes_both_ways() {
        assert_eq!(hex(&[0, 0x9f, 0xff]), "009fff");
        assert_eq!(hex_decode("009fFF"), Some(vec![0, 0x9f, 0xff]));
        for refused in ["0", "0g", "0x00", "+1", "00 "] {
            assert_eq!(hex_decode(refused), None, "{refused}");
        }
    }
}
