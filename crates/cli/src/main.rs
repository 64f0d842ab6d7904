//! The one binary: `usher dev`, `usher serve` and the chores around them.
mod audit;
mod breached;
mod dev;
mod keys;
mod openapi;
mod outside;
mod process;
mod serve;
mod usage;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "usher",
    version,
    about = "A self-hosted, Clerk-compatible authentication and user-management server"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a development server on this machine: one command, no set-up.
    Dev {
        /// The port on loopback.
        #[arg(long, default_value_t = 4500)]
        port: u16,
        /// Where data and keys are kept.
        #[arg(long, default_value = ".usher")]
        data: PathBuf,
        /// Run the instances of a file instead of the default one (names, hosts, fixed keys, settings).
        #[arg(long)]
        instances: Option<PathBuf>,
        /// A PostgreSQL URL to store in, instead of a file in the data directory.
        #[arg(long, env = "USHER_DEV_DATABASE_URL", hide_env_values = true)]
        database_url: Option<String>,
        /// Hand out `pk_test_` and `sk_test_` keys: for development across sites (see README).
        #[arg(long)]
        test_keys: bool,
    },
    /// Run in production, by a configuration file.
    Serve {
        /// The file.
        #[arg(long, default_value = "usher.toml")]
        config: PathBuf,
    },
    /// Bring the database's schema to this version.
    Migrate {
        /// The configuration file.
        #[arg(long, default_value = "usher.toml")]
        config: PathBuf,
        /// Only tell what would run.
        #[arg(long)]
        check: bool,
    },
    /// Show, make, replace and end keys: signing keys, secret keys, the master key.
    Keys {
        #[command(subcommand)]
        action: keys::Action,
    },
    /// Verify the audit log, or write it out.
    Audit {
        #[command(subcommand)]
        action: audit::Action,
    },
    /// Show how many users were active in which month.
    Usage(usage::Arguments),
    /// Build or verify a file of breached passwords.
    Breached {
        #[command(subcommand)]
        action: breached::Action,
    },
    /// Print an OpenAPI document.
    Openapi {
        /// `fapi` or `bapi`.
        api: String,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => return fail(&format!("the runtime does not start: {e}")),
    };
    let outcome = runtime.block_on(async move {
        match arguments.command {
            Command::Dev {
                port,
                data,
                instances,
                database_url,
                test_keys,
            } => {
                let instances = instances.as_deref();
                dev::run(port, &data, instances, database_url.as_deref(), test_keys).await
            }
            Command::Serve { config } => serve::run(&config).await,
            Command::Migrate { config, check } => serve::migrate(&config, check).await,
            Command::Keys { action } => keys::run(action).await,
            Command::Audit { action } => audit::run(action).await,
            Command::Usage(arguments) => usage::run(&arguments).await,
            Command::Breached { action } => breached::run(action),
            Command::Openapi { api } => openapi::run(&api),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => fail(&line),
    }
}

/// One line that says what is wrong and what to change.
fn fail(line: &str) -> ExitCode {
    process::say_error(&format!("usher: {line}"));
    ExitCode::FAILURE
}
