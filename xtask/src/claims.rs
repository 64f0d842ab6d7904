//! The tables of claims in `docs/security`: what we say that we do, and the tests that say so. A table is tab-separated;
//! its first line names the columns, its last column but one names tests, its last says why there are none.
use crate::named::Tests;
use crate::{Report, files};
use std::collections::BTreeSet;
use std::path::Path;

/// A table.
pub(crate) struct Table {
    /// Its path.
    pub(crate) path: &'static str,
    /// Its columns.
    columns: &'static [&'static str],
    /// Rows with tests that it must have at least.
    least: usize,
}

/// Requirements of OWASP ASVS 5.0.0.
pub(crate) const ASVS: Table = Table {
    path: "docs/security/asvs.tsv",
    columns: &["row", "level", "what we do", "tests", "note"],
    least: 150,
};
/// The promises, by the names of their tests.
pub(crate) const PROMISES: Table = Table {
    path: "docs/security/promises.tsv",
    columns: &["id", "what must hold", "tests", "note"],
    least: 10,
};
/// Attacks and past flaws of others.
pub(crate) const ATTACKS: Table = Table {
    path: "docs/security/attacks.tsv",
    columns: &["id", "attack", "tests", "note"],
    least: 100,
};
/// All of them.
pub(crate) const TABLES: &[&Table] = &[&ASVS, &PROMISES, &ATTACKS];

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its line.
    pub(crate) line: usize,
    /// Its first cell.
    pub(crate) id: String,
    /// The tests that it names; none where `-` stands.
    pub(crate) tests: Vec<String>,
}

/// Checks every table.
pub(crate) fn run(root: &Path) -> Result<Report, String> {
    let tests = Tests::read(root)?;
    let mut findings = Vec::new();
    let mut counts = Vec::new();
    for table in TABLES {
        let rows = table.read(root, &mut findings)?;
        let held = rows.iter().filter(|row| !row.tests.is_empty()).count();
        for row in &rows {
            for name in &row.tests {
                if let Some(fault) = tests.fault(name) {
                    findings.push(format!("{}:{}: {}: {fault}", table.path, row.line, row.id));
                }
            }
        }
        if held < table.least {
            findings.push(format!(
                "{}:1: {held} rows with tests, {} at least",
                table.path, table.least
            ));
        }
        counts.push(format!("{} {held} of {}", table.name(), rows.len()));
    }
    Ok(Report {
        summary: format!(
            "rows with tests: {}; {} tests",
            counts.join(", "),
            tests.count()
        ),
        findings,
    })
}

impl Table {
    /// `asvs`, …
    pub(crate) fn name(&self) -> &'static str {
        let file = self.path.rsplit('/').next().unwrap_or_default();
        file.trim_end_matches(".tsv")
    }

    /// Its rows. What is malformed goes to the findings.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn read(&self, root: &Path, findings: &mut Vec<String>) -> Result<Vec<Row>, String> {
        Ok(self.parse(&files::read(root, self.path)?, findings))
    }

    fn parse(&self, text: &str, findings: &mut Vec<String>) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut seen = BTreeSet::new();
        let mut at = |line: usize, text: String| {
            findings.push(format!("{}:{line}: {text}", self.path));
        };
        let mut lines = text.lines().enumerate();
        if lines.next().map(|(_, head)| head) != Some(&self.columns.join("\t")) {
            at(
                1,
                format!("the first line must name: {}", self.columns.join(", ")),
            );
        }
        for (index, line) in lines {
            let number = index + 1;
            let cells: Vec<&str> = line.split('\t').collect();
            let [id, .., tests, note] = cells.as_slice() else {
                at(number, "a row has too few cells".to_owned());
                continue;
            };
            if cells.len() != self.columns.len() {
                let wanted = self.columns.len();
                at(number, format!("{} cells, {wanted} expected", cells.len()));
                continue;
            }
            // Only the note may be left out, and only where there are tests.
            if let Some(empty) = cells[..cells.len() - 1]
                .iter()
                .position(|c| c.trim().is_empty())
            {
                at(number, format!("{} is empty", self.columns[empty]));
            }
            if *tests == "-" && note.trim().is_empty() {
                at(number, "without tests the note must say why".to_owned());
            }
            if self.columns[1] == "level" && !(asvs_id(id) && matches!(cells[1], "1" | "2" | "3")) {
                at(
                    number,
                    format!("{id} {} is no row of the standard", cells[1]),
                );
            }
            if !seen.insert((*id).to_owned()) {
                at(number, format!("{id} is here twice"));
            }
            let named = tests.split(" | ").map(str::trim).filter(|t| *t != "-");
            rows.push(Row {
                line: number,
                id: (*id).to_owned(),
                tests: named.map(str::to_owned).collect(),
            });
        }
        rows
    }
}

/// `6.2.10`: chapter, section, requirement.
fn asvs_id(id: &str) -> bool {
    let parts: Vec<Option<u32>> = id.split('.').map(|p| p.parse().ok()).collect();
    parts.len() == 3 && parts.iter().all(Option::is_some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table {
        path: "t.tsv",
        columns: &["row", "level", "what we do", "tests", "note"],
        least: 0,
    };

    #[test]
    fn rows_are_read_with_their_tests() {
        let mut findings = Vec::new();
        let text = "row\tlevel\twhat we do\ttests\tnote\n1.1.1\t2\twe do\ta | b\t\n1.1.2\t1\twe do not\t-\tlater";
        let rows = TABLE.parse(text, &mut findings);
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(rows[0].tests, ["a", "b"]);
        assert!(rows[1].tests.is_empty());
    }

    #[test]
    fn malformed_rows_are_findings() {
        let head = "row\tlevel\twhat we do\ttests\tnote\n";
        for (rows, part) in [
            ("1.1\t2\twe do\ta\t", "no row of the standard"),
            ("1.1.1\t4\twe do\ta\t", "no row of the standard"),
            ("1.1.1\t2\twe do\ta", "4 cells"),
            ("1.1.1\t2\t\ta\t", "what we do is empty"),
            ("1.1.1\t2\twe do\t-\t", "say why"),
            ("1.1.1\t2\tx\ta\t\n1.1.1\t2\tx\ta\t", "twice"),
        ] {
            let mut findings = Vec::new();
            drop(TABLE.parse(&format!("{head}{rows}"), &mut findings));
            assert!(
                findings.iter().any(|f| f.contains(part)),
                "{rows}: {findings:?}"
            );
        }
        let mut findings = Vec::new();
        drop(TABLE.parse("id\tx", &mut findings));
        assert_eq!(findings.len(), 1);
    }
}
