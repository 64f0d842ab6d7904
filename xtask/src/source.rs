//! Just enough of Rust's syntax to ask a file what it imports and which texts it holds: comments, literals, `use` trees.

/// A source without comments.
pub(crate) struct Source {
    /// The code, with comments and the contents of literals blanked; every character stands where it stood.
    pub(crate) code: String,
    /// String literals: where each begins, and its content.
    pub(crate) strings: Vec<(usize, String)>,
    starts: Vec<usize>,
}

/// A path of at least two segments, such as `crate::clients::fapi::envelope`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its segments.
    pub(crate) segments: Vec<String>,
    /// Where it stands.
    pub(crate) at: usize,
}

impl Source {
    /// Reads a text. An inline `#[cfg(test)] mod` at the end is left out: tests may look behind every wall.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text
            .find("#[cfg(test)]\nmod tests {")
            .map_or(text, |end| &text[..end]);
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(i, _)| i + 1))
            .collect();
        let (code, strings) = split(text);
        Self {
            code,
            strings,
            starts,
        }
    }

    /// The line (from 1) of an offset.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|s| *s <= at)
    }

    /// Every path in the code, those of `use` trees written out.
    pub(crate) fn paths(&self) -> Vec<Found> {
        let mut out = Vec::new();
        let mut rest = String::with_capacity(self.code.len());
        let mut from = 0;
        for (at, _) in self.code.match_indices("use ") {
            let word = at == 0
                || !self.code[..at]
                    .ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '\'');
            let Some(end) = self.code[at..]
                .find(';')
                .map(|e| at + e)
                .filter(|_| word && at >= from)
            else {
                continue;
            };
            expand(&self.code, at + 4, end, &[], &mut out);
            rest.push_str(&self.code[from..at]);
            rest.extend(std::iter::repeat_n(' ', end - at));
            from = end;
        }
        rest.push_str(&self.code[from..]);
        inline(&rest, &mut out);
        out
    }
}

fn ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Writes out one `use` tree, from `from` to `to`.
fn expand(code: &str, from: usize, to: usize, head: &[String], out: &mut Vec<Found>) {
    let mut segments = head.to_vec();
    let mut at = from;
    let mut began = None;
    while at < to {
        let rest = &code[at..to];
        let Some(c) = rest.chars().next() else { break };
        if ident(c) {
            let end = rest.find(|c| !ident(c)).unwrap_or(rest.len());
            if &rest[..end] == "as" {
                break;
            }
            began.get_or_insert(at);
            segments.push(rest[..end].to_owned());
            at += end;
        } else if c == '{' {
            for (start, end) in parts(code, at + 1, to) {
                expand(code, start, end, &segments, out);
            }
            return;
        } else {
            at += c.len_utf8();
        }
    }
    if let Some(at) = began
        && segments.len() > 1
    {
        out.push(Found { segments, at });
    }
}

/// The parts of a `{…}` group between commas at its own depth.
fn parts(code: &str, from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let (mut depth, mut start) = (0_usize, from);
    for (offset, c) in code[from..to].char_indices() {
        let at = from + offset;
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                out.push((start, at));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                out.push((start, at));
                start = at + 1;
            }
            _ => {}
        }
    }
    out
}

/// Paths written where they are used.
fn inline(code: &str, out: &mut Vec<Found>) {
    let mut at = 0;
    while let Some(offset) = code[at..].find(ident) {
        let begin = at + offset;
        let mut segments = Vec::new();
        at = begin;
        loop {
            let end = code[at..]
                .find(|c| !ident(c))
                .map_or(code.len(), |e| at + e);
            if end > at {
                segments.push(code[at..end].to_owned());
            }
            at = end;
            if code[at..].starts_with("::") && code[at + 2..].starts_with(ident) {
                at += 2;
            } else {
                break;
            }
        }
        if segments.len() > 1 {
            out.push(Found {
                segments,
                at: begin,
            });
        }
    }
}

/// Blanks comments and literals, and collects the strings.
fn split(text: &str) -> (String, Vec<(usize, String)>) {
    let mut code = String::with_capacity(text.len());
    let mut strings = Vec::new();
    let blank = |out: &mut String, part: &str| {
        out.extend(part.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }))
    };
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let before = text[..at].chars().next_back();
        let raw = rest
            .strip_prefix('r')
            .filter(|_| before.is_none_or(|b| !ident(b) || b == 'b'));
        let hashes = raw.map(|r| r.len() - r.trim_start_matches('#').len());
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |e| e + 2)
        } else if let (Some(raw), Some(hashes)) = (raw, hashes)
            && raw[hashes..].starts_with('"')
        {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = &raw[hashes + 1..];
            let length = body.find(&close).unwrap_or(body.len());
            strings.push((at, body[..length].to_owned()));
            (1 + hashes + 1 + length + close.len()).min(rest.len())
        } else if c == '"' {
            let length = closing(&rest[1..], '"');
            strings.push((at, rest[1..=length].to_owned()));
            (length + 2).min(rest.len())
        } else if c == '\'' && is_character(rest) {
            (closing(&rest[1..], '\'') + 2).min(rest.len())
        } else {
            code.push(c);
            at += c.len_utf8();
            // What is not ASCII keeps its width, so that offsets stay true.
            continue;
        };
        blank(&mut code, &rest[..end]);
        at += end;
    }
    (code, strings)
}

/// Where a literal ends, escapes skipped.
fn closing(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at;
        }
    }
    body.len()
}

/// A character literal, not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        Source::parse(text)
            .paths()
            .iter()
            .map(|p| p.segments.join("::"))
            .collect()
    }

    #[test]
    fn use_trees_are_written_out_and_inline_paths_are_found() {
        assert_eq!(
            paths(
                "use crate::{a, b::{self, c as d}};\nfn f() { e::g::<T>(); 'x'; let _: &'a str = \"h::i\"; } // j::k\n"
            ),
            ["crate::a", "crate::b::self", "crate::b::c", "e::g"]
        );
        assert_eq!(
            paths("pub(crate) use super::x::*;\nlet use_it = 1;"),
            ["super::x"]
        );
    }

    #[test]
    fn literals_and_comments_are_told_apart() {
        let source = Source::parse(
            "let a = \"say \\\"x\\\" // no\"; /* \"y\" */ let b = r#\"raw \"z\"\"#; let c = '\"'; // \"w\"\nlet d = \"ü\";",
        );
        let texts: Vec<&str> = source.strings.iter().map(|(_, s)| s.as_str()).collect();
        assert_eq!(texts, ["say \\\"x\\\" // no", "raw \"z\"", "ü"]);
        assert_eq!(source.line(source.strings[2].0), 2);
    }

    #[test]
    fn inline_tests_are_left_out() {
        assert!(paths("fn a() {}\n#[cfg(test)]\nmod tests {\n use x::y;\n}").is_empty());
    }
}
