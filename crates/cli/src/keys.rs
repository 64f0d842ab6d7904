//! `usher keys`: making a master key, showing an instance's keys.
use crate::process::say;
use crate::serve;
use clap::Subcommand;
use std::path::PathBuf;
use usher_crypto::rng::Rng;
use usher_crypto::seal::Master;
use usher_server::instances::{setup, store};

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Print a fresh master key: 64 hex digits. Keep it apart from the database's backups.
    Master,
    /// Show the keys of the instances: publishable key, secret keys, signing key ids.
    Show {
        /// The configuration file.
        #[arg(long, default_value = "usher.toml")]
        config: PathBuf,
        /// Only this instance.
        #[arg(long)]
        name: Option<String>,
    },
}

pub(crate) async fn run(action: Action) -> Result<(), String> {
    let (config, name) = match action {
        Action::Master => {
            say(&Master::generate(&Rng::system()).to_hex());
            return Ok(());
        }
        Action::Show { config, name } => (config, name),
    };
    let (config, db) = serve::opened(&config).await?;
    let master = serve::master(&config)?;
    let told = |e: usher_types::Error| e.to_string();
    let mut tx = db.read("").await.map_err(|e| e.to_string())?;
    let rows = store::all(&mut tx)
        .await
        .map_err(|e| format!("{e}; run `usher migrate` first"))?;
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|r| name.as_ref().is_none_or(|n| *n == r.name))
        .collect();
    if rows.is_empty() {
        return Err("there is no such instance; it is made at the first `usher serve`".to_owned());
    }
    for row in rows {
        say(&format!(
            "{} ({}, {})",
            row.name, row.environment_type, row.host
        ));
        say(&format!("  publishable key  {}", row.publishable_key));
        for secret in setup::secrets(&db, &master, &row.id).await.map_err(told)? {
            say(&format!("  secret key       {secret}"));
        }
        for key in store::signing_keys(&mut tx, &row.id)
            .await
            .map_err(|e| e.to_string())?
        {
            say(&format!("  signing key      {}", key.id));
        }
    }
    Ok(())
}
