//! The laws of ARCHITECTURE.md, held against the sources: who writes which table, who imports what, who reads the clock,
//! where SQL stands, which names files may not have.
use crate::Report;
use crate::files::{self, File};
use crate::source::{Found, Source};
use std::path::Path;

const SERVER: &str = "crates/server/src/";

/// Law 1: who writes which table.
const OWNERS: &[(&str, &[&str])] = &[
    ("access", &["listed_identifiers"]),
    ("agents", &["agent_tasks"]),
    ("audit", &["audit_heads", "audit_logs"]),
    ("captcha", &["captcha_passes"]),
    (
        "clients",
        &[
            "client_trusts",
            "clients",
            "handshakes",
            "satellite_links",
            "satellite_tokens",
        ],
    ),
    ("domains", &["domains"]),
    (
        "identifiers",
        &["email_addresses", "phone_numbers", "web3_wallets"],
    ),
    (
        "instances",
        &[
            "applications",
            "instances",
            "secret_keys",
            "server_facts",
            "signing_keys",
        ],
    ),
    ("images", &["images"]),
    ("jwt_templates", &["jwt_templates"]),
    ("messages", &["messages"]),
    (
        "organizations",
        &[
            "organization_invitations",
            "organization_memberships",
            "organizations",
        ],
    ),
    ("passkeys", &["passkeys"]),
    ("redirect_urls", &["redirect_urls"]),
    ("reverifications", &["reverifications"]),
    ("second_factors", &["backup_codes", "totps"]),
    (
        "sessions",
        &["refresh_tokens", "sessions", "testing_tokens"],
    ),
    ("sign_ins", &["sign_ins"]),
    ("sign_ups", &["sign_ups"]),
    ("social", &["external_accounts", "social_flows"]),
    ("templates", &["templates"]),
    ("tickets", &["tickets"]),
    ("trusted_devices", &["trusted_devices"]),
    ("usage", &["usage_months"]),
    ("users", &["users"]),
    ("verifications", &["verifications"]),
    ("waitlist", &["waitlist_entries"]),
];

/// Files that face HTTP: nothing of another slice imports them.
const EDGES: &[&str] = &["api", "app_links", "bapi", "fapi", "handshake", "satellite"];

/// What may be imported from the edge all the same.
struct Exception {
    /// Files that end so.
    file: &'static str,
    /// Paths that begin so.
    path: &'static str,
    /// Why.
    reason: &'static str,
}

/// Law 2: its exceptions. One that nothing uses any more is a finding too.
const EXCEPTIONS: &[Exception] = &[
    Exception {
        file: "server/src/lib.rs",
        path: "*",
        reason: "collects the operations of every slice",
    },
    Exception {
        file: "server/src/listen/exchange.rs",
        path: "surface",
        reason: "the listener hands requests to the surface",
    },
    Exception {
        file: "/fapi.rs",
        path: "clients::fapi::envelope",
        reason: "every answer to a browser carries the whole client",
    },
    Exception {
        file: "/fapi.rs",
        path: "social::fapi::ways",
        reason: "there is one reading of where trips to providers lead",
    },
    Exception {
        file: "/fapi.rs",
        path: "clients::handshake::redirect_target",
        reason: "there is one check of redirect targets",
    },
    Exception {
        file: "agents/fapi.rs",
        path: "clients::handshake",
        reason: "a task's link leads back to the application as a handshake does",
    },
    Exception {
        file: "clients/handshake.rs",
        path: "surface::browser",
        reason: "one verdict on origins, one width of cookies",
    },
    Exception {
        file: "clients/ops.rs",
        path: "surface::browser::COOKIE_LIFE_SECS",
        reason: "a token lives as long as its cookie",
    },
    Exception {
        file: "sessions/bapi/refresh.rs",
        path: "surface::browser::COOKIE_LIFE_SECS",
        reason: "cookies that servers set live as long as ours",
    },
];

/// Law 3: crates without input or output, and what they may not touch. Addresses (`std::net::IpAddr`) are data.
const PURE: &[&str] = &[
    "crates/crypto/src/",
    "crates/http/src/",
    "crates/types/src/",
];
const OUTSIDE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::process",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "tokio::fs",
    "tokio::io",
    "tokio::net",
    "tokio::process",
];

/// Law 4: the only readers of the system's clock and entropy. Measuring how long something takes (`Instant`) is no time of day.
const CLOCK: &str = "crates/types/src/clock.rs";
const ENTROPY: &[&str] = &[
    "crates/crypto/src/custom.rs",
    "crates/crypto/src/ec.rs",
    "crates/crypto/src/rng.rs",
    "crates/crypto/src/signing.rs",
];

const FORBIDDEN_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "service", "services", "util", "utils",
];

/// Checks every law.
pub(crate) fn run(root: &Path) -> Result<Report, String> {
    let all = files::rust(root, &["crates", "xtask"])?;
    let mut findings = Vec::new();
    let mut used = vec![false; EXCEPTIONS.len()];
    let slices = slices(&all);
    for file in &all {
        names(file, &mut findings);
        // The chores' own sources speak of all this without doing any of it; generated and build files are not the program.
        if !file.path.contains("/src/") || file.path.starts_with("xtask/") {
            continue;
        }
        let source = Source::parse(&file.text);
        let paths = source.paths();
        tables(file, &source, &mut findings);
        sql(file, &source, &mut findings);
        imports(file, &source, &paths, &slices, &mut used, &mut findings);
        outside(file, &source, &paths, &mut findings);
    }
    for (exception, _) in EXCEPTIONS.iter().zip(used).filter(|(_, used)| !used) {
        findings.push(format!(
            "xtask/src/layers.rs:1: the exception for {} to use {} ({}) is not needed any more",
            exception.file, exception.path, exception.reason
        ));
    }
    let migrations = migrations(root, &mut findings)?;
    Ok(Report {
        summary: format!(
            "{} files, {} slices, {migrations} tables, {} exceptions",
            all.len(),
            slices.len(),
            EXCEPTIONS.len()
        ),
        findings,
    })
}

/// The folders of the server.
fn slices(all: &[File]) -> Vec<String> {
    let mut out: Vec<String> = all
        .iter()
        .filter_map(|f| f.path.strip_prefix(SERVER)?.split_once('/'))
        .map(|(folder, _)| folder.to_owned())
        .filter(|f| f != "surface")
        .collect();
    out.dedup();
    out
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs") || path.contains("/benches/")
}

fn names(file: &File, findings: &mut Vec<String>) {
    if let Some(part) = file
        .path
        .trim_end_matches(".rs")
        .split('/')
        .find(|p| FORBIDDEN_NAMES.contains(p))
    {
        findings.push(format!(
            "{}:1: nothing is called `{part}`: find its owner, or make it a slice",
            file.path
        ));
    }
}

/// The first word of a text.
fn word(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(text.len())]
}

/// The tables that a statement writes.
fn written(statement: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for verb in ["INSERT INTO ", "UPDATE ", "DELETE FROM "] {
        for (at, _) in statement.match_indices(verb) {
            let rest = &statement[at + verb.len()..];
            let table = word(rest);
            // An `UPDATE` of a table has a `SET`: `DO UPDATE SET` and `FOR UPDATE` name none.
            let whole = verb != "UPDATE " || rest[table.len()..].trim_start().starts_with("SET");
            if whole
                && !table.is_empty()
                && table
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
            {
                out.push(table);
            }
        }
    }
    out
}

fn tables(file: &File, source: &Source, findings: &mut Vec<String>) {
    if file.path.starts_with("crates/db/") || is_test(&file.path) {
        return;
    }
    let slice = file
        .path
        .strip_prefix(SERVER)
        .and_then(|p| p.split_once('/'))
        .map_or("", |(folder, _)| folder);
    let owned = OWNERS
        .iter()
        .find(|(s, _)| *s == slice)
        .map_or(&[][..], |(_, t)| t);
    for (at, text) in &source.strings {
        let inserted = source.code[..*at].trim_end().ends_with(".insert(")
            && source.code[..*at].trim_end().ends_with("tx.insert(");
        let tables = if inserted {
            vec![text.as_str()]
        } else {
            written(text)
        };
        for table in tables.into_iter().filter(|t| !owned.contains(t)) {
            findings.push(
                match OWNERS.iter().find(|(_, tables)| tables.contains(&table)) {
                    Some((owner, _)) => format!(
                        "{}:{}: `{table}` is written by `{owner}` only",
                        file.path,
                        source.line(*at)
                    ),
                    None => format!(
                        "{}:{}: `{table}` has no owner; name it in OWNERS of xtask/src/layers.rs",
                        file.path,
                        source.line(*at)
                    ),
                },
            );
        }
    }
}

fn is_sql(text: &str) -> bool {
    let text = text.trim_start();
    let verb = text.starts_with("SELECT ")
        || text.starts_with("INSERT INTO ")
        || text.starts_with("DELETE FROM ")
        || (text.starts_with("UPDATE ") && text.contains(" SET "));
    verb || text.contains(" WHERE ") || text.contains(" ORDER BY ") || text.starts_with("WHERE ")
}

fn sql(file: &File, source: &Source, findings: &mut Vec<String>) {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    if matches!(name, "store.rs" | "search.rs")
        || file.path.starts_with("crates/db/")
        || is_test(&file.path)
    {
        return;
    }
    for (at, _) in source.strings.iter().filter(|(_, text)| is_sql(text)) {
        findings.push(format!(
            "{}:{}: SQL stands in `store.rs` (or `search.rs`)",
            file.path,
            source.line(*at)
        ));
    }
}

/// The slice and the layer that a path leads to, from inside `slice`.
fn led<'a>(found: &'a Found, slice: &'a str, slices: &[String]) -> Option<(&'a str, &'a [String])> {
    let segments = &found.segments[..];
    let known = |s: &str| s == "surface" || slices.iter().any(|k| k == s);
    match segments[0].as_str() {
        "crate" | "usher_server" => {
            known(&segments[1]).then(|| (segments[1].as_str(), &segments[2..]))
        }
        "super" | "self" => {
            let rest = segments.iter().position(|s| s != "super" && s != "self")?;
            Some((slice, &segments[rest..]))
        }
        first => known(first).then(|| (first, &segments[1..])),
    }
}

fn imports(
    file: &File,
    source: &Source,
    paths: &[Found],
    slices: &[String],
    used: &mut [bool],
    findings: &mut Vec<String>,
) {
    let Some(inner) = file.path.strip_prefix(SERVER) else {
        return;
    };
    let slice = inner.split_once('/').map_or("", |(folder, _)| folder);
    if slice == "surface" || is_test(&file.path) {
        return;
    }
    let layer = inner
        .split('/')
        .nth(1)
        .unwrap_or_default()
        .trim_end_matches(".rs");
    for found in paths {
        let Some((to, rest)) = led(found, slice, slices) else {
            continue;
        };
        let edge = rest.first().is_some_and(|s| EDGES.contains(&s.as_str()));
        let wrong = match (to == "surface", to == slice) {
            (true, _) => true,
            // Within a slice, the edge may be split over several files.
            (false, true) => edge && !EDGES.contains(&layer) && layer != "mod",
            (false, false) => edge,
        };
        if !wrong {
            continue;
        }
        let mut whole = to.to_owned();
        for segment in rest {
            whole.push_str("::");
            whole.push_str(segment);
        }
        let excused = EXCEPTIONS.iter().position(|e| {
            file.path.ends_with(e.file)
                && (e.path == "*" || whole == e.path || whole.starts_with(&format!("{}::", e.path)))
        });
        match excused {
            Some(index) => used[index] = true,
            None => findings.push(format!(
                "{}:{}: `{whole}` faces HTTP; nothing imports it",
                file.path,
                source.line(found.at)
            )),
        }
    }
}

fn outside(file: &File, source: &Source, paths: &[Found], findings: &mut Vec<String>) {
    let pure = PURE.iter().any(|p| file.path.starts_with(p)) && !is_test(&file.path);
    for found in paths {
        let whole = found.segments.join("::");
        let begins = |p: &&&str| whole == **p || whole.starts_with(&format!("{p}::"));
        if pure && let Some(way) = OUTSIDE.iter().find(begins) {
            findings.push(format!(
                "{}:{}: `{way}` is outside; this crate does no input or output",
                file.path,
                source.line(found.at)
            ));
        }
        let clock = whole.ends_with("SystemTime::now")
            || whole.ends_with("Utc::now")
            || whole.ends_with("OffsetDateTime::now_utc");
        if clock && file.path != CLOCK {
            findings.push(format!(
                "{}:{}: only {CLOCK} reads the system's clock",
                file.path,
                source.line(found.at)
            ));
        }
        let entropy = [
            "rand::fill",
            "rand::SystemRandom",
            "SystemRandom::new",
            "OsRng::default",
        ]
        .iter()
        .any(|p| whole.ends_with(p))
            || found.segments[0] == "getrandom";
        if entropy && !ENTROPY.contains(&file.path.as_str()) {
            findings.push(format!(
                "{}:{}: only crypto's `rng` asks the system for entropy",
                file.path,
                source.line(found.at)
            ));
        }
    }
}

/// Every table of the migrations has an owner, and every owned one exists; how many there are.
fn migrations(root: &Path, findings: &mut Vec<String>) -> Result<usize, String> {
    let folder = root.join("crates/db/migrations");
    let mut tables = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let path = entry.map_err(|e| e.to_string())?.path();
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        tables.extend(created(&text));
    }
    let owned: Vec<&str> = OWNERS.iter().flat_map(|(_, t)| t.iter().copied()).collect();
    for table in tables.iter().filter(|t| !owned.contains(&t.as_str())) {
        findings.push(format!("crates/db/migrations:1: `{table}` has no owner; name it in OWNERS of xtask/src/layers.rs"));
    }
    for table in owned.iter().filter(|t| !tables.iter().any(|k| k == *t)) {
        findings.push(format!(
            "xtask/src/layers.rs:1: `{table}` is in no migration"
        ));
    }
    Ok(tables.len())
}

fn created(text: &str) -> Vec<String> {
    text.match_indices("CREATE TABLE ")
        .map(|(at, verb)| {
            word(text[at + verb.len()..].trim_start_matches("IF NOT EXISTS ")).to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// What all laws find in one file.
    fn findings(path: &str, text: &str) -> Vec<String> {
        let file = file(path, text);
        let source = Source::parse(text);
        let paths = source.paths();
        let slices: Vec<String> = OWNERS.iter().map(|(s, _)| (*s).to_owned()).collect();
        let mut out = Vec::new();
        let mut used = vec![false; EXCEPTIONS.len()];
        names(&file, &mut out);
        tables(&file, &source, &mut out);
        sql(&file, &source, &mut out);
        imports(&file, &source, &paths, &slices, &mut used, &mut out);
        outside(&file, &source, &paths, &mut out);
        out
    }

    #[test]
    fn a_table_is_written_by_its_owner_only() {
        let text = "fn a() { tx.run(\"UPDATE users SET a = ? WHERE b = ?\"); tx.insert(\n  \"sessions\", c); }";
        assert!(
            findings("crates/server/src/users/store.rs", text)
                .iter()
                .any(|f| f.contains(":2: `sessions`"))
        );
        assert_eq!(
            findings("crates/server/src/sessions/store.rs", text).len(),
            1
        );
        assert_eq!(
            findings(
                "crates/server/src/sessions/store.rs",
                "fn a() { b(\"INSERT INTO sessions (x) VALUES (?) ON CONFLICT (x) DO UPDATE SET x = ?\"); }"
            ),
            Vec::<String>::new()
        );
        assert!(
            findings(
                "crates/server/src/users/store.rs",
                "const A: &str = \"DELETE FROM wallets\";"
            )[0]
            .contains("no owner")
        );
    }

    #[test]
    fn sql_stands_in_store_files() {
        let text = "const A: &str = \"SELECT id FROM users\";";
        assert_eq!(
            findings("crates/server/src/users/store.rs", text),
            Vec::<String>::new()
        );
        assert_eq!(
            findings("crates/server/src/sessions/bapi/store.rs", text),
            Vec::<String>::new()
        );
        assert_eq!(findings("crates/server/src/users/ops.rs", text).len(), 1);
        assert_eq!(
            findings(
                "crates/server/src/users/ops.rs",
                "// \"SELECT id\"\nconst A: &str = \"UPDATE your password\";"
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn nothing_imports_the_edge_of_another_slice() {
        let bad = [
            "use crate::users::bapi::post;",
            "use crate::{cx::Cx, users::{self, fapi}};",
            "fn a() { users::bapi::post(); }",
            "use crate::surface::render;",
        ];
        for text in bad {
            assert_eq!(
                findings("crates/server/src/sessions/ops.rs", text).len(),
                1,
                "{text}"
            );
        }
        let good = [
            "use crate::users::ops;",
            "use crate::cx::Cx;",
            "// crate::users::bapi::post",
        ];
        for text in good {
            assert_eq!(
                findings("crates/server/src/sessions/ops.rs", text),
                Vec::<String>::new(),
                "{text}"
            );
        }
        assert_eq!(
            findings("crates/server/src/users/ops.rs", "use super::fapi::show;").len(),
            1
        );
        assert_eq!(
            findings("crates/server/src/users/bapi.rs", "use super::fapi::show;"),
            Vec::<String>::new()
        );
        assert_eq!(
            findings(
                "crates/server/src/users/fapi.rs",
                "use crate::clients::fapi::envelope;"
            ),
            Vec::<String>::new()
        );
        assert_eq!(
            findings(
                "crates/server/src/users/bapi.rs",
                "use crate::clients::fapi::envelope;"
            )
            .len(),
            1
        );
    }

    #[test]
    fn pure_crates_stay_inside_and_one_file_reads_the_clock() {
        assert_eq!(
            findings("crates/http/src/a.rs", "use std::{fmt, fs::File};").len(),
            1
        );
        assert_eq!(
            findings("crates/http/src/a.rs", "use std::net::IpAddr;"),
            Vec::<String>::new()
        );
        assert_eq!(
            findings("crates/server/src/a.rs", "use std::fs::File;"),
            Vec::<String>::new()
        );
        assert_eq!(
            findings(
                "crates/server/src/a.rs",
                "fn a() { std::time::SystemTime::now(); }"
            )
            .len(),
            1
        );
        assert_eq!(
            findings(CLOCK, "fn a() { std::time::SystemTime::now(); }"),
            Vec::<String>::new()
        );
        assert_eq!(
            findings(
                "crates/server/src/a.rs",
                "use aws_lc_rs::rand::SystemRandom;"
            )
            .len(),
            1
        );
    }

    #[test]
    fn forbidden_names_and_unowned_tables_are_found() {
        assert_eq!(findings("crates/server/src/users/utils.rs", "").len(), 1);
        assert_eq!(findings("crates/server/src/helpers/a.rs", "").len(), 1);
        assert_eq!(
            created("CREATE TABLE a (\n);\nCREATE TABLE IF NOT EXISTS b_c ("),
            ["a", "b_c"]
        );
    }
}
