//! Repository chores. `cargo xtask` lists them; `make check` runs them. Each prints one summary line and fails with one
//! line per finding: `file:line: what is wrong`.
#[cfg(test)]
mod absences;
mod budget;
mod claims;
mod documents;
mod evidence;
mod files;
mod layers;
mod named;
mod sbom;
mod source;
mod unserved;
mod words;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// What a chore found.
pub(crate) struct Report {
    /// One line about what was looked at.
    pub(crate) summary: String,
    /// What is wrong, each with its place.
    pub(crate) findings: Vec<String>,
}

const MENU: &str = "cargo xtask layers                who may write which table, import what, read the clock
cargo xtask budget                sizes of files and documents
cargo xtask words                 words that do not belong into the project
cargo xtask unserved [--write]    contract/unserved.txt lists nothing that is served, and only shrinks
cargo xtask openapi [--write]     openapi/*.json equal what the server prints
cargo xtask claims                every row of docs/security/*.tsv names tests that exist
cargo xtask sbom                  the bill of materials, held against Cargo.lock, into the target folder
cargo xtask evidence              what the last run of the tests proved, into target/evidence.json";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = files::root();
    let (name, outcome) = match words.as_slice() {
        ["layers"] => ("layers", layers::run(&root)),
        ["budget"] => ("budget", budget::run(&root)),
        ["words"] => ("words", words::run(&root)),
        ["words", "--hash", word] => {
            say(&format!("0x{:016x}", words::hash(&word.to_lowercase())));
            return ExitCode::SUCCESS;
        }
        ["unserved"] => ("unserved", unserved::run(&root, false)),
        ["unserved", "--write"] => ("unserved", unserved::run(&root, true)),
        ["openapi"] => ("openapi", documents::run(&root, false)),
        ["openapi", "--write"] => ("openapi", documents::run(&root, true)),
        ["claims"] => ("claims", claims::run(&root)),
        ["sbom"] => ("sbom", sbom::run(&root)),
        ["evidence"] => ("evidence", evidence::run(&root)),
        _ => {
            say(MENU);
            return if words.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
    };
    conclude(name, &root, outcome)
}

fn conclude(name: &str, root: &Path, outcome: Result<Report, String>) -> ExitCode {
    match outcome {
        Ok(report) if report.findings.is_empty() => {
            say(&format!("{name}: {}: ok", report.summary));
            ExitCode::SUCCESS
        }
        Ok(report) => {
            for finding in &report.findings {
                say(finding);
            }
            say(&format!(
                "{name}: {}: {} findings",
                report.summary,
                report.findings.len()
            ));
            ExitCode::FAILURE
        }
        Err(text) => {
            say(&format!("{name}: {text} (in {})", root.display()));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line. A closed pipe is not our problem.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}
