//! The names of every test that `make test` runs, read from the sources: `#[test]`, `#[tokio::test]`, the tests inside
//! `both!` (which run on both databases), and those of the suites under `tests/e2e`.
use crate::files::{self, File};
use std::collections::BTreeMap;
use std::path::Path;

/// Where each test stands: its name, and the modules or the suite that it may be named by.
pub(crate) struct Tests(BTreeMap<String, Vec<String>>);

impl Tests {
    /// Reads the sources.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for file in files::rust(root, &["crates", "xtask", "bench", "fuzz"])? {
            for name in rust(&file.text) {
                all.entry(name).or_default().push(module(&file));
            }
        }
        let suites = root.join("tests/e2e");
        let entries = std::fs::read_dir(&suites).map_err(|e| format!("tests/e2e: {e}"))?;
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(suite) = name.strip_suffix(".test.mjs") {
                let text = files::read(root, &format!("tests/e2e/{name}"))?;
                for title in suite_titles(&text) {
                    all.entry(format!("e2e/{suite}: {title}"))
                        .or_default()
                        .push(suite.to_owned());
                }
            }
        }
        Ok(Self(all))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// What is wrong with naming a test like this: it is not there, or there are several.
    pub(crate) fn fault(&self, name: &str) -> Option<String> {
        let (module, bare) = split(name);
        let Some(places) = self.0.get(bare) else {
            return Some(format!("there is no test `{name}`"));
        };
        let fits = |place: &&String| module.is_none_or(|m| m == place.as_str());
        match places.iter().filter(fits).count() {
            0 => Some(format!("there is no test `{name}`")),
            1 => None,
            _ => Some(format!(
                "`{name}` names several tests (in {}): put one of those and `::` before it",
                places.join(", ")
            )),
        }
    }
}

/// A name in a table: `test`, or `module::test` where several are called so.
pub(crate) fn split(name: &str) -> (Option<&str>, &str) {
    if name.starts_with("e2e/") {
        return (None, name);
    }
    name.rsplit_once("::")
        .map_or((None, name), |(module, bare)| (Some(module), bare))
}

/// What a file's tests are called by: its own name, or its folder's where it is a `mod.rs` or a `tests.rs`.
fn module(file: &File) -> String {
    let mut parts = file.path.trim_end_matches(".rs").rsplit('/');
    let own = parts.next().unwrap_or_default();
    if matches!(own, "mod" | "tests" | "lib" | "main") {
        let folder = parts.find(|p| *p != "src").unwrap_or(own);
        return folder.to_owned();
    }
    own.to_owned()
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

/// The tests of a Rust source. Those that are ignored do not run and are none.
fn rust(text: &str) -> Vec<String> {
    let both = text.contains("both! {");
    let mut out = Vec::new();
    let mut attributes: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
            continue;
        }
        let function = line
            .trim_start_matches("production ")
            .trim_start_matches("async ")
            .strip_prefix("fn ");
        if let Some(rest) = function {
            let is = |wanted: &str| attributes.iter().any(|a| a.starts_with(wanted));
            let attributed = is("#[test]") || is("#[tokio::test");
            let in_both = both && line.contains("async fn ") && line.contains(": World) {");
            if (attributed || in_both) && !is("#[ignore") {
                out.push(word(rest));
            }
        }
        if !line.is_empty() && !line.starts_with("//") {
            attributes.clear();
        }
    }
    out
}

/// The titles of a suite of Node's test runner: `test('…'` at the beginning of a line.
fn suite_titles(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let rest = line.strip_prefix("test(")?;
            let quote = rest.chars().next()?;
            let rest = &rest[1..];
            rest.find(&format!("{quote},"))
                .map(|end| rest[..end].to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_and_ignored_ones_and_helpers_are_not() {
        let plain =
            "#[test]\n#[expect(x)]\nfn one() {}\n#[test]\n#[ignore]\nfn two() {}\nfn three() {}";
        assert_eq!(rust(plain), ["one"]);
        let both = "both! {\n    async fn a(world: World) {\n    }\n    production async fn b(world: World) {\n    }\n}\nasync fn help(world: &World) {\n}";
        assert_eq!(rust(both), ["a", "b"]);
        assert_eq!(
            suite_titles("test('it is', () => 1)\n  test('no', 1)"),
            ["it is"]
        );
    }

    #[test]
    fn a_name_must_lead_to_one_test() {
        let mut all = BTreeMap::new();
        all.insert("one".to_owned(), vec!["a".to_owned()]);
        all.insert("two".to_owned(), vec!["a".to_owned(), "b".to_owned()]);
        let tests = Tests(all);
        assert_eq!(tests.fault("one"), None);
        assert_eq!(tests.fault("b::two"), None);
        assert!(tests.fault("two").is_some_and(|f| f.contains("several")));
        for missing in ["three", "c::two", "b::one"] {
            assert!(tests.fault(missing).is_some(), "{missing}");
        }
        assert_eq!(tests.count(), 3);
    }
}
