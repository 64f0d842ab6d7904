//! `contract/unserved.txt`: the reference's operations that are not served yet, one `api METHOD path` a line. It lists
//! nothing that is served, and no line is ever added.
use crate::{Report, files};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const LIST: &str = "contract/unserved.txt";

/// An operation, its path's parameters without their names.
type Operation = (String, String, String);

/// Compares the list with what the server declares; with `write`, removes the lines of served operations.
pub(crate) fn run(root: &Path, write: bool) -> Result<Report, String> {
    let mut served = BTreeSet::new();
    for api in ["fapi", "bapi"] {
        served.extend(operations(api, &files::openapi(root, api)?)?);
    }
    let text = files::read(root, LIST)?;
    let (kept, gone) = sift(&text, &served);
    let mut findings = Vec::new();
    if write && !gone.is_empty() {
        let mut list = kept.join("\n");
        list.push('\n');
        std::fs::write(root.join(LIST), list).map_err(|e| format!("{LIST}: {e}"))?;
    } else {
        findings.extend(gone.iter().map(|(number, line)| {
            format!(
                "{LIST}:{number}: {line} is served; remove it with `cargo xtask unserved --write`"
            )
        }));
    }
    if let Some(before) = before(root, &text) {
        findings.extend(added(&before, &text).into_iter().map(|(number, line)| {
            format!("{LIST}:{number}: {line} was not listed before; the list only shrinks")
        }));
    }
    let removed = if write {
        format!(", {} removed", gone.len())
    } else {
        String::new()
    };
    Ok(Report {
        summary: format!(
            "{} operations served, {} listed as not served{removed}",
            served.len(),
            kept.len()
        ),
        findings,
    })
}

fn normal(path: &str) -> String {
    path.split('/')
        .map(|part| {
            if part.starts_with('{') && part.ends_with('}') {
                "{}"
            } else {
                part
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// The operations of an OpenAPI document.
fn operations(api: &str, document: &str) -> Result<BTreeSet<Operation>, String> {
    let document: Value =
        serde_json::from_str(document).map_err(|e| format!("openapi {api}: {e}"))?;
    let paths = document
        .get("paths")
        .and_then(Value::as_object)
        .ok_or_else(|| format!("openapi {api}: no paths"))?;
    let of = |(path, item): (&String, &Value)| {
        let methods: Vec<String> = item
            .as_object()
            .into_iter()
            .flat_map(|o| o.keys())
            .map(|m| m.to_ascii_uppercase())
            .collect();
        let path = normal(path);
        methods
            .into_iter()
            .map(move |method| (api.to_owned(), method, path.clone()))
            .collect::<Vec<_>>()
    };
    Ok(paths.iter().flat_map(of).collect())
}

fn operation(line: &str) -> Option<Operation> {
    let mut words = line.split_whitespace();
    Some((
        words.next()?.to_owned(),
        words.next()?.to_owned(),
        normal(words.next()?),
    ))
}

/// The lines to keep, and those of served operations with their numbers.
fn sift<'a>(text: &'a str, served: &BTreeSet<Operation>) -> (Vec<&'a str>, Vec<(usize, &'a str)>) {
    let is_served = |line: &str| operation(line).is_some_and(|o| served.contains(&o));
    let kept = text.lines().filter(|l| !is_served(l)).collect();
    let gone = text
        .lines()
        .enumerate()
        .filter(|(_, l)| is_served(l))
        .map(|(i, l)| (i + 1, l))
        .collect();
    (kept, gone)
}

/// The list as the last commit that differs has it; `None` outside a repository, or where there is no such commit.
fn before(root: &Path, text: &str) -> Option<String> {
    let at = |revision: &str| {
        files::output(root, "git", &["show", &format!("{revision}:{LIST}")])
            .and_then(|t| String::from_utf8(t).ok())
    };
    let head = at("HEAD")?;
    if head == text {
        at("HEAD~1")
    } else {
        Some(head)
    }
}

/// Lines that were not there before.
fn added<'a>(before: &str, now: &'a str) -> Vec<(usize, &'a str)> {
    let known: BTreeSet<&str> = before.lines().collect();
    now.lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty() && !known.contains(l))
        .map(|(i, l)| (i + 1, l))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"paths":{"/v1/users/{user_id}":{"get":{},"patch":{}}}}"#;

    #[test]
    fn served_operations_are_found_whatever_their_parameters_are_called() {
        let served = operations("bapi", DOCUMENT).expect("a document");
        let (kept, gone) = sift(
            "bapi GET /v1/users/{id}\nbapi DELETE /v1/users/{id}\nfapi GET /v1/users/{id}\n",
            &served,
        );
        assert_eq!(
            kept,
            ["bapi DELETE /v1/users/{id}", "fapi GET /v1/users/{id}"]
        );
        assert_eq!(gone, [(1, "bapi GET /v1/users/{id}")]);
        assert!(operations("bapi", "{}").is_err());
    }

    #[test]
    fn the_list_only_shrinks() {
        assert_eq!(added("a\nb\n", "b\n"), []);
        assert_eq!(added("a\nb\n", "b\nc\n"), [(2, "c")]);
    }
}
