//! `target/evidence.json`: what the last run of the tests proved, counted from what ran. Reads what `make test`, the
//! fuzzers and the bill of materials left in the target folder; types no number in.
use crate::named::split;
use crate::{Report, claims, files, sbom};
use serde_json::{Map, Value, json};
use std::path::Path;

/// A test that ran: its path (`module::name::sqlite`, `e2e/suite: title`) and whether it passed.
struct Ran {
    path: String,
    passed: bool,
}

/// Whether a test that a table names ran and passed, on each database that it ran on.
fn holds(all: &[Ran], name: &str) -> bool {
    let (module, bare) = split(name);
    let mut found = all.iter().filter(|ran| {
        if bare.starts_with("e2e/") {
            return ran.path == bare;
        }
        let mut segments = ran.path.split("::");
        segments.clone().any(|s| s == bare)
            && module.is_none_or(|m| segments.any(|s| s == m) || !ran.path.contains("::"))
    });
    let mut some = false;
    let every = found.all(|ran| {
        some = true;
        ran.passed
    });
    some && every
}

fn read(root: &Path, name: &str, made_by: &str) -> Result<Value, String> {
    let path = files::target(root).join(name);
    let text = std::fs::read_to_string(&path)
        .map_err(|_| format!("{} is not there; {made_by} makes it", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The sum of each figure that tests wrote down while they ran, one JSON object a line.
fn figures(text: &str) -> Map<String, Value> {
    let mut sums = Map::new();
    for line in text.lines() {
        let Ok(Value::Object(line)) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        for (name, value) in line {
            let sum = sums.get(&name).and_then(Value::as_u64).unwrap_or(0);
            sums.insert(name, (sum + value.as_u64().unwrap_or(0)).into());
        }
    }
    sums
}

fn said(root: &Path, program: &str, arguments: &[&str]) -> Value {
    files::output(root, program, arguments)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map_or(Value::Null, |text| text.trim().into())
}

/// Writes the file and prints it.
pub(crate) fn run(root: &Path) -> Result<Report, String> {
    let tests = read(root, "tests.json", "make test")?;
    let fuzz = read(
        root,
        "fuzz.json",
        "cargo run -p usher-fuzz -- --out target/fuzz.json",
    )?;
    let all: Vec<Ran> = tests["cases"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|case| Ran {
            path: case["name"].as_str().unwrap_or_default().to_owned(),
            passed: case["passed"] == true,
        })
        .collect();
    let mut findings = Vec::new();
    let mut rows = Map::new();
    let mut past_flaws = 0;
    let mut promises = 0;
    for table in claims::TABLES {
        let read = table.read(root, &mut findings)?;
        let mut held = 0;
        for row in read.iter().filter(|row| !row.tests.is_empty()) {
            if let Some(name) = row.tests.iter().find(|name| !holds(&all, name)) {
                findings.push(format!(
                    "{}:{}: {}: `{name}` did not run, or failed",
                    table.path, row.line, row.id
                ));
                continue;
            }
            held += 1;
            past_flaws += usize::from(row.id.starts_with('T') && !row.id.starts_with("TN-"));
            if table.path == claims::PROMISES.path {
                promises += row.tests.len();
            }
        }
        rows.insert(
            table.name().to_owned(),
            json!({ "rows": read.len(), "verified": held }),
        );
    }
    let bill = std::fs::read_to_string(files::target(root).join(sbom::PATH))
        .map_err(|_| "the bill of materials is not there; cargo xtask sbom makes it")?;
    let sums = std::fs::read_to_string(files::target(root).join("figures.jsonl"))
        .map(|text| figures(&text))
        .unwrap_or_default();
    let sum = |name: &str| sums.get(name).and_then(Value::as_u64).unwrap_or(0);
    let commit = said(root, "git", &["rev-parse", "HEAD"]);
    if tests["commit"] != commit {
        findings.push("target/tests.json:1: the tests ran on another commit".to_owned());
    }
    let contract = read(root, "contract.json", "make test").unwrap_or(Value::Null);
    let evidence = json!({
        "commit": commit,
        "uncommitted_changes": said(root, "git", &["status", "--porcelain"]) != "",
        "asvs_rows_verified": rows["asvs"]["verified"],
        "promise_tests_passed": promises,
        "cve_tests_passed": past_flaws,
        "attack_rows_verified": rows["attacks"]["verified"],
        "tables": rows,
        "tests": { "passed": tests["passed"], "failed": tests["failed"], "skipped": tests["skipped"], "seconds": tests["seconds"], "at": tests["at"] },
        "fuzz_executions": fuzz["executions"].as_u64().unwrap_or(0) + sum("fuzz_executions"),
        "fuzz_targets": fuzz["targets"].as_object().map_or(0, Map::len),
        "race_attempts": sum("race_attempts"),
        "race_extra_winners": sum("race_extra_winners"),
        "power_cuts": sum("power_cuts"),
        "power_cut_losses": sum("power_cut_losses"),
        "figures": sums,
        "contract": { "fapi_operations_succeeded": contract["fapi"]["succeeded"], "bapi_operations_succeeded": contract["bapi"]["succeeded"] },
        "sbom": { "file": sbom::PATH, "sha256": usher_crypto::digest::sha256_hex(&bill), "components": serde_json::from_str::<Value>(&bill).ok().and_then(|b| b["components"].as_array().map(Vec::len)) },
        "tools": {
            "rustc": said(root, "rustc", &["--version"]), "node": said(root, "node", &["--version"]), "chromium": said(root, "chromium", &["--version"]),
            "postgresql": said(root, "psql", &["--version"]), "cargo-deny": said(root, "cargo-deny", &["--version"]),
        },
    });
    let text = format!("{evidence:#}\n");
    crate::say(text.trim_end());
    let path = files::target(root).join("evidence.json");
    std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(Report {
        summary: format!("{} tests ran; {}", all.len(), path.display()),
        findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_holds_where_it_passed_on_every_database_that_it_ran_on() {
        let all: Vec<Ran> = [
            ("sessions::one::sqlite", true),
            ("sessions::one::postgres", true),
            ("sessions::two::sqlite", true),
            ("sessions::two::postgres", false),
            ("jwt::tests::three", true),
            ("e2e/html: it works", true),
        ]
        .map(|(path, passed)| Ran {
            path: path.to_owned(),
            passed,
        })
        .into();
        for held in [
            "one",
            "three",
            "jwt::three",
            "sessions::one",
            "e2e/html: it works",
        ] {
            assert!(holds(&all, held), "{held}");
        }
        for not in ["two", "four", "users::one", "e2e/html: it does not"] {
            assert!(!holds(&all, not), "{not}");
        }
    }

    #[test]
    fn figures_are_summed() {
        let sums = figures("{\"a\":1}\n{\"a\":2,\"b\":3}\nnonsense\n");
        assert_eq!((&sums["a"], &sums["b"]), (&json!(3), &json!(3)));
    }
}
