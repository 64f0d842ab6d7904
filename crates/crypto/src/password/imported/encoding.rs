//! Reading the parts of a digest's text, within bounds.

use std::{ops::RangeInclusive, str::FromStr};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

pub(super) use crate::digest::hex_decode as hex;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Base64 of either alphabet, padded or not: exports differ in both.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

/// The `N` parts of a text between the separators, no more and no fewer.
pub(super) fn parts<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    let mut parts = text.split(separator);
    let mut found = [""; N];
    for part in &mut found {
        *part = parts.next()?;
    }
    parts.next().is_none().then_some(found)
}

/// A decimal number without sign, within bounds.
pub(super) fn number<T: FromStr + PartialOrd>(text: &str, bounds: RangeInclusive<T>) -> Option<T> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| bounds.contains(number))
}

/// The bytes, if there are as many as the bounds say.
pub(super) fn sized(bytes: Vec<u8>, bounds: RangeInclusive<usize>) -> Option<Vec<u8>> {
    bounds.contains(&bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_either_alphabet_is_read() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(base64(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        for text in ["+_8", "+/9", "+/8 ", "+/8==", "A"] {
            assert_eq!(base64(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_plain_and_bounded() {
        assert_eq!(number("016", 1..=16), Some(16));
        for text in ["", "+1", "-1", "1 ", "0", "17", "99999999999999999999"] {
            assert_eq!(number(text, 1..=16), None, "{text}");
        }
    }

    #[test]
    fn parts_are_counted() {
        assert_eq!(parts("a$b", '$'), Some(["a", "b"]));
        assert_eq!(parts::<2>("a", '$'), None);
        assert_eq!(parts::<2>("a$b$", '$'), None);
    }
}
