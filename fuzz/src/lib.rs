//! Fuzzing of every parser that Usher owns, on stable Rust: plain functions that state what must hold of any input, and a
//! deterministic mutator over a seed corpus. Beyond "it does not panic" each target states a property: one form for each
//! value, nothing accepted that another reader reads differently, results within their bounds.
//!
//! `cargo test -p usher-fuzz` runs every target for a moment; `cargo run -p usher-fuzz --release -- --seconds 600 [target]`
//! for as long as is wanted. Why not a coverage-guided fuzzer: docs/decisions/0019-fuzzing.md.
pub mod mutate;
pub mod targets;

use mutate::{Dice, mutate};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// A parser under test.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of its language.
    pub words: &'static [&'static str],
    /// Holds an input against the property; true when the parser accepted it. Panics where the property is broken.
    pub run: fn(&[u8]) -> bool,
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After so many inputs.
    Inputs(u64),
    /// After so long.
    Elapsed(Duration),
}

/// What a run did.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Inputs that were tried.
    pub executions: u64,
    /// Of them, those that the parser accepted.
    pub accepted: u64,
}

/// Accepted inputs that are kept to mutate further.
const CORPUS: usize = 2000;

/// Runs a target from a seed.
///
/// # Errors
/// The input that broke the property.
pub fn run(target: &Target, seed: u64, until: Until) -> Result<Outcome, Vec<u8>> {
    let mut dice = Dice::new(seed);
    let mut corpus = (target.seeds)();
    let seeds = corpus.len();
    let mut outcome = Outcome {
        executions: 0,
        accepted: 0,
    };
    let started = Instant::now();
    loop {
        let index = usize::try_from(outcome.executions).unwrap_or(usize::MAX);
        let over = match until {
            Until::Inputs(count) => outcome.executions >= count,
            // The clock is asked now and then only: many targets take less than that.
            Until::Elapsed(time) => index % 64 == 0 && started.elapsed() >= time,
        };
        if over && index >= seeds {
            return Ok(outcome);
        }
        let input = match corpus.get(index) {
            Some(seed) if index < seeds => seed.clone(),
            _ => mutate(&mut dice, &corpus, target.words),
        };
        let accepted =
            catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).map_err(|_| input.clone())?;
        outcome.executions += 1;
        if accepted {
            outcome.accepted += 1;
            if corpus.len() < CORPUS {
                corpus.push(input);
            } else {
                // The seeds stay; what was found later makes room.
                let at = seeds + dice.below(CORPUS - seeds);
                corpus[at] = input;
            }
        }
    }
}
