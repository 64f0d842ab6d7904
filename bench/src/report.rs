//! What was measured, as a table for the terminal and for the documentation.
use std::fmt::Write as _;
use std::process::Command;

/// One figure with its goal.
pub(crate) struct Row {
    what: String,
    figure: String,
    goal: String,
    met: Option<bool>,
}

/// Tables with their titles.
#[derive(Default)]
pub(crate) struct Report {
    sections: Vec<(&'static str, &'static str, Vec<Row>)>,
}

/// The middle value.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A number with as many digits as it deserves, thousands apart.
pub(crate) fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

impl Report {
    /// Begins a table; `how` tells how its figures were measured.
    pub(crate) fn section(&mut self, title: &'static str, how: &'static str) {
        self.sections.push((title, how, Vec::new()));
    }
    /// A figure without a goal.
    pub(crate) fn plain(&mut self, what: &str, figure: String) {
        self.row(what, figure, String::new(), None);
    }
    /// A figure with a goal.
    pub(crate) fn goal(&mut self, what: &str, figure: String, goal: &str, met: bool) {
        self.row(what, figure, goal.to_owned(), Some(met));
    }
    fn row(&mut self, what: &str, figure: String, goal: String, met: Option<bool>) {
        if let Some((_, _, rows)) = self.sections.last_mut() {
            rows.push(Row {
                what: what.to_owned(),
                figure,
                goal,
                met,
            });
        }
    }

    /// The document. `notes` are paragraphs between the head and the tables.
    pub(crate) fn markdown(&self, notes: &[String]) -> String {
        let mut out = String::from("# Benchmarks\n\nWritten by `make bench`; do not edit. ");
        for note in notes {
            out.push_str(note);
            out.push_str("\n\n");
        }
        for (title, how, rows) in &self.sections {
            // Writing to a String cannot fail.
            let _infallible = writeln!(
                out,
                "## {title}\n\n{how}\n\n| what | measured | goal | |\n|---|---|---|---|"
            );
            for row in rows {
                let met = row.met.map_or("", |m| if m { "met" } else { "**missed**" });
                let _infallible = writeln!(
                    out,
                    "| {} | {} | {} | {met} |",
                    row.what, row.figure, row.goal
                );
            }
            out.push('\n');
        }
        format!("{}\n", out.trim_end())
    }
}

/// What a command prints, in one line.
fn says(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output();
    out.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// When and where this was measured.
pub(crate) fn surroundings() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text
            .lines()
            .find(|l| l.starts_with(name))
            .unwrap_or_default()
            .to_owned();
        line.split_once(':')
            .map_or(String::new(), |(_, v)| v.trim().to_owned())
    };
    let cpuinfo = read("/proc/cpuinfo");
    let memory: f64 = field(&read("/proc/meminfo"), "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or_default();
    let load = read("/proc/loadavg");
    format!(
        "Measured on {} at commit {} on {} × {}, {:.0} GB of memory, Linux {}, {}. Load average before the run: {}.",
        says("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        says("git", &["rev-parse", "--short", "HEAD"]),
        crate::raw::cores(),
        field(&cpuinfo, "model name"),
        memory / 1024.0 / 1024.0,
        says("uname", &["-r"]),
        says("rustc", &["--version"]),
        load.split_whitespace().next().unwrap_or_default(),
    )
}
