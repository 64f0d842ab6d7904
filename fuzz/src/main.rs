//! `usher-fuzz [--seconds N] [--seed N] [--out FILE] [TARGET…]`: runs targets, N seconds each; prints what was done.
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use usher_fuzz::{Until, run, targets};

struct Plan {
    seconds: u64,
    seed: u64,
    out: Option<PathBuf>,
    only: Vec<String>,
}

fn say(line: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}

fn plan() -> Result<Plan, String> {
    let mut plan = Plan {
        seconds: 5,
        seed: 1,
        out: None,
        only: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().unwrap_or_default();
            text.parse::<u64>()
                .map_err(|_| format!("{argument} takes a number, not {text:?}"))
        };
        match argument.as_str() {
            "--seconds" => plan.seconds = number()?,
            "--seed" => plan.seed = number()?,
            "--out" => plan.out = arguments.next().map(PathBuf::from),
            name if targets::ALL.iter().any(|t| t.name == name) => plan.only.push(argument),
            other => {
                let names: Vec<&str> = targets::ALL.iter().map(|t| t.name).collect();
                return Err(format!(
                    "{other:?} is no target; there are {}",
                    names.join(", ")
                ));
            }
        }
    }
    Ok(plan)
}

fn main() -> ExitCode {
    match plan().and_then(|plan| go(&plan)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            say(&format!("usher-fuzz: {line}"));
            ExitCode::FAILURE
        }
    }
}

fn go(plan: &Plan) -> Result<(), String> {
    let mut done = serde_json::Map::new();
    let mut total = 0;
    let wanted = targets::ALL
        .iter()
        .filter(|t| plan.only.is_empty() || plan.only.iter().any(|n| n == t.name));
    for target in wanted {
        let until = Until::Elapsed(Duration::from_secs(plan.seconds));
        let outcome = run(target, plan.seed, until).map_err(|input| {
            format!(
                "{} (seed {}): broken by {:?}",
                target.name,
                plan.seed,
                String::from_utf8_lossy(&input)
            )
        })?;
        say(&format!(
            "{:12} {:>10} inputs, {:>9} accepted",
            target.name, outcome.executions, outcome.accepted
        ));
        total += outcome.executions;
        done.insert(target.name.to_owned(), outcome.executions.into());
    }
    say(&format!("{total} inputs, no property broken"));
    if let Some(path) = &plan.out {
        let figures =
            serde_json::json!({ "executions": total, "seed": plan.seed, "targets": done });
        std::fs::write(path, format!("{figures}\n"))
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}
