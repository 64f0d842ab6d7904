//! `openapi/*.json`: the documents of the repository are those that the server prints.
use crate::{Report, files};
use std::path::Path;

/// Compares the documents; with `write`, replaces them.
pub(crate) fn run(root: &Path, write: bool) -> Result<Report, String> {
    let mut findings = Vec::new();
    let mut written = 0;
    for api in ["fapi", "bapi"] {
        let path = format!("openapi/{api}.json");
        let printed = files::openapi(root, api)?;
        let kept = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
        let Some(line) = difference(&kept, &printed) else {
            continue;
        };
        if write {
            std::fs::create_dir_all(root.join("openapi"))
                .and_then(|()| std::fs::write(root.join(&path), &printed))
                .map_err(|e| format!("{path}: {e}"))?;
            written += 1;
        } else {
            findings.push(format!("{path}:{line}: differs from `usher openapi {api}`; refresh it with `cargo xtask openapi --write`"));
        }
    }
    Ok(Report {
        summary: format!(
            "2 documents{}",
            if write {
                format!(", {written} written")
            } else {
                String::new()
            }
        ),
        findings,
    })
}

/// The first line that differs.
fn difference(kept: &str, printed: &str) -> Option<usize> {
    if kept == printed {
        return None;
    }
    let same = kept
        .lines()
        .zip(printed.lines())
        .take_while(|(a, b)| a == b)
        .count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(difference("a\n", "a\nb\n"), Some(2));
        assert_eq!(difference("", "a\n"), Some(1));
    }
}
