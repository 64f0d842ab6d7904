//! Plain text of HTML, for mail programs and people that want no HTML.

/// Elements whose content nobody reads.
const UNREAD: &[&str] = &["head", "style", "script", "title"];
/// Elements after which a line ends.
const LINES: &[&str] = &[
    "br",
    "p",
    "div",
    "tr",
    "table",
    "li",
    "ul",
    "ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "blockquote",
    "hr",
];

/// What is left of HTML when the tags are gone: text, and the addresses of links. Never fails; what is no HTML is text.
#[must_use]
pub fn of_html(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    let mut link: Option<String> = None;
    while let Some(at) = rest.find('<') {
        text_into(&rest[..at], &mut out);
        let tail = &rest[at + 1..];
        if let Some(comment) = tail.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = tail.find('>') else {
            rest = "";
            break;
        };
        let tag = &tail[..end];
        rest = &tail[end + 1..];
        let closes = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        if !closes && UNREAD.contains(&name.as_str()) {
            let mark = format!("</{name}");
            let lower = rest.to_ascii_lowercase();
            rest = lower.find(&mark).map_or("", |at| &rest[at..]);
        } else if name == "a" && !closes {
            link = attribute(tag, "href");
        } else if name == "a" {
            if let Some(url) = link.take().filter(|u| u.starts_with("http")) {
                out.push_str(": ");
                out.push_str(&url);
            }
        } else if LINES.contains(&name.as_str()) {
            out.push('\n');
        } else if name == "td" && closes {
            out.push(' ');
        }
    }
    text_into(rest, &mut out);
    tidy(&out)
}

/// The value of an attribute, unescaped.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let at = lower.find(&format!("{name}="))? + name.len() + 1;
    let value = tag.get(at..)?;
    let value = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next()?,
        _ => value.split_whitespace().next()?,
    };
    let mut out = String::new();
    text_into(value, &mut out);
    Some(out)
}

fn text_into(text: &str, out: &mut String) {
    const NAMED: &[(&str, &str)] = &[
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&#x60;", "`"),
        ("&#x3D;", "="),
        ("&nbsp;", " "),
        ("&copy;", "©"),
    ];
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match NAMED.iter().find(|(mark, _)| rest.starts_with(mark)) {
            Some((mark, character)) => {
                out.push_str(character);
                rest = &rest[mark.len()..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
}

/// Words one space apart, and no more than one empty line.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() && (out.is_empty() || out.ends_with("\n\n")) {
            continue;
        }
        out.push_str(&line);
        out.push('\n');
    }
    out.trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_and_links_are_left() {
        let html = "<html><head><title>x</title><style>a > b {}</style></head><body><p>Hello &lt;Ada&gt; &amp; co</p><!-- <p>no</p> --><p><a class='b' href=\"https://example.com/?a=1&amp;b=2\">Go  on</a></p><br><br><br>end<";
        assert_eq!(
            super::of_html(html),
            "Hello <Ada> & co\n\nGo on: https://example.com/?a=1&b=2\n\nend\n"
        );
        for odd in [
            "",
            "<",
            "<a href=",
            "<a href>x</a>",
            "<style>",
            "&",
            "&amp",
            "<é>",
            "<!--",
        ] {
            assert!(super::of_html(odd).len() <= odd.len() + 8, "{odd}");
        }
    }
}
