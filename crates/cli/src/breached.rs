//! `usher breached`: making and verifying the file of breached passwords.
use crate::process::say;
use clap::Subcommand;
use std::path::PathBuf;
use usher_breached::{Filter, Input, Plan};
use usher_types::Clock;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Build a file from dumps of digests (lines of SHA1:count) or from lists of passwords.
    Build {
        /// Files to read; all of one kind.
        #[arg(long, required = true, num_args = 1..)]
        input: Vec<PathBuf>,
        /// The file to write. Temporary files, 8 bytes for each digest, stand beside it meanwhile.
        #[arg(long)]
        output: PathBuf,
        /// The input is passwords, one a line.
        #[arg(long)]
        plain: bool,
        /// Leave out digests that were counted less often.
        #[arg(long, default_value_t = 0)]
        min_count: u64,
    },
    /// Read a whole file and hold it against its checksums.
    Verify {
        /// The file.
        file: PathBuf,
    },
}

pub(crate) fn run(action: Action) -> Result<(), String> {
    match action {
        Action::Build {
            input,
            output,
            plain,
            min_count,
        } => {
            let built = usher_breached::build(&Plan {
                inputs: input,
                kind: if plain {
                    Input::Passwords
                } else {
                    Input::Digests
                },
                output: output.clone(),
                min_count,
                now: Clock::System.now(),
            })
            .map_err(|e| format!("{}: {e}", output.display()))?;
            say(&format!(
                "{}: {} passwords in {} bytes; {} lines were left out",
                output.display(),
                built.keys,
                built.bytes,
                built.skipped
            ));
            Ok(())
        }
        Action::Verify { file } => {
            let told = |e: usher_breached::FilterError| format!("{}: {e}", file.display());
            let filter = Filter::open(&file).map_err(told)?;
            filter.verify().map_err(told)?;
            say(&format!(
                "{}: whole; {} passwords, built at {} (Unix ms)",
                file.display(),
                filter.keys(),
                filter.built_at().0
            ));
            Ok(())
        }
    }
}
