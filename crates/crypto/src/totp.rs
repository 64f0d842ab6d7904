//! Time-based one-time passwords of authenticator apps: HMAC-SHA-1, 6 digits, steps of 30 seconds.
//!
//! Invariants: a code is compared in a time that depends on nothing but its length; a step is accepted once, which the
//! caller keeps ([`matching_step`] takes the last one and never goes back to it).
//! Not here: where secrets are kept, who may try and how often.
//! Reference: RFC 4226 (HOTP), RFC 6238 (TOTP), RFC 4648 §6 (base32); NIST SP 800-63B §3.1.4.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::{digest::equal, rng::Rng};

/// Bytes of a secret of ours: as long as HMAC-SHA-1's output (RFC 4226 §4, R6).
pub const SECRET_LEN: usize = 20;
/// Bytes at least of a secret that another system made: 112 bits (NIST SP 800-63B §3.1.4.1).
pub const SECRET_LEN_MIN: usize = 14;
/// Bytes at most of a secret that another system made: a block of SHA-1; longer ones gain nothing.
pub const SECRET_LEN_MAX: usize = 64;
/// Seconds of a step.
pub const STEP_SECS: i64 = 30;
/// Steps that a clock may be off, either way (RFC 6238 §5.2).
const SKEW_STEPS: i64 = 1;
/// Digits of a code.
pub const DIGITS: usize = 6;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A secret, wiped from memory when it is dropped.
pub type TotpSecret = Zeroizing<Vec<u8>>;

/// A new secret of 160 random bits.
#[must_use]
pub fn generate(rng: &Rng) -> TotpSecret {
    Zeroizing::new(rng.bytes::<SECRET_LEN>().to_vec())
}

/// The code of one step, with leading zeros (RFC 4226 §5.3).
#[must_use]
pub fn code_at(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag.last().copied().unwrap_or_default() & 15);
    let word = tag[at..at + 4]
        .iter()
        .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
        & 0x7fff_ffff;
    format!("{:0width$}", word % 1_000_000, width = DIGITS)
}

/// The step that an instant (Unix seconds) is in.
#[must_use]
pub fn step_of(unix_secs: i64) -> i64 {
    unix_secs.div_euclid(STEP_SECS)
}

/// The step whose code this is: the present one or a neighbour, and later than `last`, the last one that was accepted.
/// `None` for wrong codes and for used ones. Every candidate is compared, whichever fits.
#[must_use]
pub fn matching_step(secret: &[u8], unix_secs: i64, code: &str, last: i64) -> Option<i64> {
    let now = step_of(unix_secs);
    let mut found = None;
    for step in now - SKEW_STEPS..=now + SKEW_STEPS {
        let right = equal(code_at(secret, step).as_bytes(), code.as_bytes());
        if right && step > last && found.is_none() {
            found = Some(step);
        }
    }
    found
}

/// Bytes as people type them: base32 without padding (RFC 4648 §6).
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(letter(held >> bits));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(letter(held << (5 - bits)));
    }
    out
}

fn letter(value: u32) -> char {
    char::from(ALPHABET[usize::try_from(value & 31).unwrap_or(0)])
}

/// The bytes of a base32 text: in either case, with or without its padding, spaces and hyphens between groups allowed.
///
/// `None` for other characters, padding in the middle, lengths that no byte string has, and stray bits at the end.
#[must_use]
pub fn base32_decode(text: &str) -> Option<TotpSecret> {
    let letters = text.trim().trim_end_matches('=');
    let mut out = Zeroizing::new(Vec::with_capacity(letters.len() * 5 / 8));
    let (mut held, mut bits, mut count) = (0_u32, 0, 0_usize);
    for c in letters.chars().filter(|c| !matches!(c, ' ' | '-')) {
        let c = u8::try_from(c).ok()?.to_ascii_uppercase();
        let value = ALPHABET.iter().position(|a| *a == c)?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        count += 1;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    (held == 0 && !matches!(count % 8, 1 | 3 | 6)).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_rfc_4226_appendix_d() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(expected) {
            assert_eq!(code_at(RFC, step), code);
        }
    }

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        // The last six of the eight digits there.
        for (secs, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(RFC, step_of(secs)), code, "{secs}");
        }
    }

    #[test]
    fn a_step_earlier_and_later_fit_and_no_other_and_none_twice() {
        let now = 1_767_323_045;
        let step = step_of(now);
        for (off, fits) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let code = code_at(RFC, step + off);
            let found = matching_step(RFC, now, &code, 0);
            assert_eq!(found, fits.then_some(step + off), "{off}");
            assert_eq!(matching_step(RFC, now, &code, step + off), None);
        }
        for wrong in [
            "",
            "0",
            "755224 ",
            "7552241",
            "75522",
            "７５５２２４",
            "-55224",
        ] {
            assert_eq!(matching_step(RFC, 0, wrong, -10), None, "{wrong}");
        }
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
            let padded = format!("{text}{}", "=".repeat((8 - text.len() % 8) % 8));
            for written in [text, &padded, &text.to_lowercase()] {
                let read = base32_decode(written);
                assert_eq!(read.as_ref().map(|b| b.as_slice()), Some(bytes.as_bytes()));
            }
        }
        let spaced = base32_decode("mzxw 6ytb-oi").map(|b| b.to_vec());
        assert_eq!(spaced, Some(b"foobar".to_vec()));
    }

    #[test]
    fn what_no_byte_string_is_written_as_is_refused() {
        for refused in [
            "M", "MZX", "MZXW6Y", "MZ", "M=Y", "0", "1", "8", "MYé", "M\u{131}",
        ] {
            assert!(base32_decode(refused).is_none(), "{refused}");
        }
    }

    #[test]
    fn secrets_go_both_ways_and_are_long_enough() {
        let secret = generate(&Rng::seeded(1));
        assert_eq!(secret.len(), SECRET_LEN);
        let text = base32(&secret);
        assert_eq!(text.len(), 32);
        assert_eq!(base32_decode(&text), Some(secret));
    }
}
