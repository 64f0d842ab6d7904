//! `multipart/form-data` (RFC 7578, RFC 2046 §5.1), of a body that is whole and within its limit. Strict: what browsers and
//! SDKs send is read, everything that two readers could read differently is refused.

/// Parts of a body at most.
const MAX_PARTS: usize = 16;
/// Bytes of a part's headers at most.
const MAX_HEADERS: usize = 4096;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The field's name.
    pub name: String,
    /// The file's name, where it has one.
    pub file_name: Option<String>,
    /// What is in it.
    pub data: &'a [u8],
}

/// The boundary that a `Content-Type` names; `None` where it is no multipart form or names none that can be one.
#[must_use]
pub fn boundary(content_type: &str) -> Option<String> {
    let mut parts = content_type.split(';');
    let kind = parts.next()?.trim();
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut found = None;
    for parameter in parts {
        let (name, value) = parameter.trim().split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("boundary") {
            continue;
        }
        if found.is_some() {
            return None;
        }
        let value = value.trim();
        let bare = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?,
            None => value,
        };
        let fits = (1..=70).contains(&bare.len())
            && bare
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b));
        found = Some(fits.then(|| bare.to_owned())?);
    }
    found
}

/// Where `needle` is in `hay`, from `from` on.
fn find(hay: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let (first, mut at) = (*needle.first()?, from);
    loop {
        let rest = hay.get(at..)?;
        at += rest.iter().position(|b| *b == first)?;
        if hay.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

/// The parts of a body; `None` where it is none of this boundary.
#[must_use]
pub fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(delimiter.as_bytes().get(2..)?)?;
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            // After the last delimiter nothing follows but the end of its line.
            return matches!(end, b"" | b"\r\n").then_some(parts);
        }
        if parts.len() >= MAX_PARTS {
            return None;
        }
        let inside = rest.strip_prefix(b"\r\n")?;
        let head = inside.get(..inside.len().min(MAX_HEADERS))?;
        let end = find(head, b"\r\n\r\n", 0)?;
        let (name, file_name) = disposition(std::str::from_utf8(head.get(..end)?).ok()?)?;
        let from = end + 4;
        let to = find(inside, delimiter.as_bytes(), from - 2)?;
        parts.push(Part {
            name,
            file_name,
            // Data that is empty shares its line end with the delimiter.
            data: inside.get(from..to).unwrap_or_default(),
        });
        rest = inside.get(to + delimiter.len()..)?;
    }
}

/// The names in a part's headers. Exactly one `Content-Disposition`, and it says `form-data` and a name.
fn disposition(headers: &str) -> Option<(String, Option<String>)> {
    let mut found = None;
    for line in headers.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return None;
        }
        // An encoding would be a second way to write the same bytes (RFC 7578 §4.7).
        if name.eq_ignore_ascii_case("content-transfer-encoding") {
            return None;
        }
        if name.eq_ignore_ascii_case("content-disposition") {
            if found.is_some() {
                return None;
            }
            found = Some(value.trim());
        }
    }
    let value = found?;
    let rest = value.get(9..).filter(|_| {
        value
            .get(..9)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("form-data"))
    })?;
    let (mut name, mut file_name) = (None, None);
    let mut rest = rest.trim_start();
    while let Some(parameter) = rest.strip_prefix(';') {
        let (key, tail) = parameter.trim_start().split_once('=')?;
        let (value, tail) = match tail.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"')?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => {
                let end = tail.find(';').unwrap_or(tail.len());
                (tail[..end].trim_end(), &tail[end..])
            }
        };
        if value.chars().any(char::is_control) {
            return None;
        }
        let place = match key.to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "filename" => &mut file_name,
            // RFC 7578 §4.2 forbids it; others are not known.
            "filename*" => return None,
            _ => {
                rest = tail.trim_start();
                continue;
            }
        };
        if place.replace(value.to_owned()).is_some() {
            return None;
        }
        rest = tail.trim_start();
    }
    rest.is_empty().then_some((name?, file_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Vec<(String, Option<String>, String)>> {
        let parts = parts(body.as_bytes(), "x-1")?;
        Some(
            parts
                .into_iter()
                .map(|p| {
                    (
                        p.name,
                        p.file_name,
                        String::from_utf8_lossy(p.data).into_owned(),
                    )
                })
                .collect(),
        )
    }

    #[test]
    fn what_browsers_send_is_read() {
        let body = "--x-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a; b.png\"\r\nContent-Type: image/png\r\n\r\n\r\n--x\r\n\0\r\n--x-1\r\ncontent-disposition: form-data; name=other\r\n\r\n\r\n--x-1--\r\n";
        let parts = read(body).expect("parts");
        assert_eq!(
            parts[0],
            (
                "file".into(),
                Some("a; b.png".into()),
                "\r\n--x\r\n\0".into()
            )
        );
        assert_eq!(parts[1], ("other".into(), None, String::new()));
        assert_eq!(parts.len(), 2);
        assert_eq!(
            boundary("multipart/form-data; boundary=x-1"),
            Some("x-1".into())
        );
        assert_eq!(
            boundary("Multipart/Form-Data;charset=utf-8; Boundary=\"x-1\""),
            Some("x-1".into())
        );
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let part = "--x-1\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\ndata\r\n--x-1--";
        assert!(read(part).is_some());
        for (from, to) in [
            ("--x-1\r\nC", "preamble\r\n--x-1\r\nC"),
            ("--x-1--", "--x-1--epilogue"),
            ("--x-1--", "--x-1"),
            ("--x-1--", "--x-2--"),
            ("\r\n\r\ndata", "\n\ndata"),
            ("form-data;", "attachment;"),
            ("; name=\"file\"", ""),
            ("name=\"file\"", "name=\"file\"; name=\"b\""),
            ("name=\"file\"", "name=\"file\"; filename*=UTF-8''a"),
            ("name=\"file\"", "name=\"fi\tle\""),
            ("name=\"file\"", "name=\"file"),
            (
                "\r\n\r\ndata",
                "\r\nContent-Transfer-Encoding: base64\r\n\r\ndata",
            ),
            (
                "\r\n\r\ndata",
                "\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\ndata",
            ),
            ("\r\n\r\ndata", "\r\n folded\r\n\r\ndata"),
        ] {
            assert!(read(&part.replacen(from, to, 1)).is_none(), "{from} → {to}");
        }
        let many = format!(
            "{}--x-1--",
            "--x-1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n".repeat(17)
        );
        assert!(read(&many).is_none());
        for kind in [
            "multipart/mixed; boundary=x",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=a; boundary=b",
            "multipart/form-data; boundary=\"a b\"",
            "multipart/form-data; boundary=\"a",
            "application/json",
        ] {
            assert_eq!(boundary(kind), None, "{kind}");
        }
    }
}
