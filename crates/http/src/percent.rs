//! `application/x-www-form-urlencoded` (WHATWG URL §5), strict about UTF-8.

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

/// Decodes one name or value; `plus` says whether `+` is a space. `None` when the bytes are no UTF-8.
#[must_use]
pub fn decode(text: &str, plus: bool) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                if let (Some(high), Some(low)) = (
                    bytes.get(at + 1).copied().and_then(hex),
                    bytes.get(at + 2).copied().and_then(hex),
                ) {
                    out.push(high << 4 | low);
                    at += 3;
                    continue;
                }
                out.push(b'%');
            }
            b'+' if plus => out.push(b' '),
            other => out.push(other),
        }
        at += 1;
    }
    String::from_utf8(out).ok()
}

/// The pairs of a query string or a form body, in order; `None` when something is no UTF-8.
#[must_use]
pub fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decode(name, true)?, decode(value, true)?))
        })
        .collect()
}

/// Encodes a query value.
#[must_use]
pub fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_and_bad_bytes_refused() {
        assert_eq!(
            pairs("a=1&b=%41+b&c&=d"),
            Some(vec![
                ("a".into(), "1".into()),
                ("b".into(), "A b".into()),
                ("c".into(), String::new()),
                (String::new(), "d".into())
            ])
        );
        assert_eq!(pairs("a=%ff"), None);
        assert_eq!(decode("100%", true).as_deref(), Some("100%"));
        assert_eq!(encode("a b&é"), "a%20b%26%C3%A9");
    }
}
