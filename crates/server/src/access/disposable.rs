//! Domains of mail that anybody can have for ten minutes. Our own short list of the best-known ones; the operator adds
//! more by a file (`access.disposable_domains_file`), for such domains are many and change by the day.
use std::collections::HashSet;

const KNOWN: &str = include_str!("disposable_domains.txt");

/// The domain, or one that it is under, is on our list or among `more`.
#[must_use]
pub fn is(more: &HashSet<String>, domain: &str) -> bool {
    let mut rest = Some(domain);
    while let Some(name) = rest {
        if more.contains(name) || KNOWN.lines().any(|line| line == name) {
            return true;
        }
        rest = name.split_once('.').map(|(_, parent)| parent);
    }
    false
}

/// Reads an operator's list: a domain a line; empty lines and those that begin with `#` say nothing.
///
/// # Errors
/// The number of the first line that is no domain, counted from 1.
pub fn read(text: &str) -> Result<HashSet<String>, usize> {
    let mut all = HashSet::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim().to_lowercase();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if crate::identifiers::email::EmailAddress::parse(&format!("x@{line}")).is_none() {
            return Err(index + 1);
        }
        all.insert(line);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, is, read};
    use std::collections::HashSet;

    #[test]
    fn a_domain_and_all_under_it_are_disposable() {
        let more = read("# ours\n\n Throw.Example \n").expect("a list");
        for domain in [
            "mailinator.com",
            "a.b.mailinator.com",
            "throw.example",
            "x.throw.example",
        ] {
            assert!(is(&more, domain), "{domain}");
        }
        for domain in ["example.com", "com", "notmailinator.com", "example"] {
            assert!(!is(&more, domain), "{domain}");
        }
        assert_eq!(read("a.example\nnot a domain"), Err(2));
    }

    #[test]
    fn our_list_is_in_order_and_holds_domains() {
        let lines: Vec<&str> = KNOWN.lines().collect();
        assert!(lines.is_sorted() && lines.len() > 50);
        let read = read(KNOWN).expect("domains");
        assert_eq!(
            read,
            lines
                .iter()
                .map(|l| (*l).to_owned())
                .collect::<HashSet<_>>()
        );
        assert_eq!(read.len(), lines.len());
    }
}
