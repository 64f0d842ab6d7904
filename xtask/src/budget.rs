//! Sizes: no source over the hard limit, documents that stay readable.
use crate::{Report, files};
use std::path::Path;

/// Lines a source may have.
const LIMIT: usize = 700;
/// Sources that may be longer, each with its reason. None is.
const EXCEPTIONS: &[(&str, &str)] = &[];
/// What most files should stay under; printed, not enforced.
const MEDIAN: usize = 150;
const P90: usize = 400;
/// Lines a document may have.
const DOCUMENTS: &[(&str, usize)] = &[("ARCHITECTURE.md", 200), ("CONTRIBUTING.md", 120)];
/// Lines a decision may have.
const DECISION: usize = 60;

/// Checks the sizes.
pub(crate) fn run(root: &Path) -> Result<Report, String> {
    let sources = files::rust(root, &["crates", "tests", "xtask", "fuzz"])?;
    let sizes: Vec<(String, usize)> = sources
        .into_iter()
        .map(|f| (f.path, f.text.lines().count()))
        .collect();
    let mut findings = Vec::new();
    for (path, lines) in sizes.iter().filter(|(_, lines)| *lines > LIMIT) {
        if !EXCEPTIONS.iter().any(|(p, _)| p == path) {
            findings.push(format!(
                "{path}:{LIMIT}: {lines} lines, {LIMIT} at most: make it a folder of the same name"
            ));
        }
    }
    for (path, limit) in DOCUMENTS {
        over(&mut findings, path, &files::read(root, path)?, *limit);
    }
    let folder = root.join("docs/decisions");
    let mut decisions: Vec<_> = std::fs::read_dir(&folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?
        .filter_map(Result::ok)
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|n| n.ends_with(".md"))
        .collect();
    decisions.sort();
    for name in &decisions {
        let path = format!("docs/decisions/{name}");
        over(&mut findings, &path, &files::read(root, &path)?, DECISION);
    }
    let counts: Vec<usize> = sizes.iter().map(|(_, n)| *n).collect();
    let largest = sizes
        .iter()
        .max_by_key(|(_, n)| *n)
        .map(|(path, n)| format!("{path} {n}"))
        .unwrap_or_default();
    let summary = format!(
        "{} sources, {} lines, median {} (aim {MEDIAN}), p90 {} (aim {P90}), largest {largest}; {} decisions",
        sizes.len(),
        counts.iter().sum::<usize>(),
        percentile(&counts, 50),
        percentile(&counts, 90),
        decisions.len()
    );
    Ok(Report { summary, findings })
}

fn over(findings: &mut Vec<String>, path: &str, text: &str, limit: usize) {
    let lines = text.lines().count();
    if lines > limit {
        findings.push(format!("{path}:{limit}: {lines} lines, {limit} at most"));
    }
}

/// The smallest size that `percent` of all do not exceed; 0 for none.
fn percentile(sizes: &[usize], percent: usize) -> usize {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_sizes_of_real_files() {
        let sizes: Vec<usize> = (1..=10).rev().collect();
        assert_eq!(
            (
                percentile(&sizes, 50),
                percentile(&sizes, 90),
                percentile(&[7], 50),
                percentile(&[], 50)
            ),
            (5, 9, 7, 0)
        );
    }

    #[test]
    fn a_document_over_its_limit_is_a_finding() {
        let mut findings = Vec::new();
        over(&mut findings, "A.md", "1\n2\n3\n", 3);
        assert!(findings.is_empty());
        over(&mut findings, "A.md", "1\n2\n3\n4\n", 3);
        assert_eq!(findings, ["A.md:3: 4 lines, 3 at most"]);
    }
}
