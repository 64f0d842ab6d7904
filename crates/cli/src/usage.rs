//! `usher usage`: who was active, month by month.
use crate::process::say;
use crate::serve;
use clap::Args;
use std::path::PathBuf;
use usher_server::instances::store;
use usher_server::usage::ops;

/// How it is asked.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The configuration file.
    #[arg(long, default_value = "usher.toml")]
    config: PathBuf,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), String> {
    let (_, db) = serve::opened(&arguments.config).await?;
    let mut tx = db.read("").await.map_err(|e| e.to_string())?;
    let rows = store::all(&mut tx)
        .await
        .map_err(|e| format!("{e}; run `usher migrate` first"))?;
    let mut lines = Vec::new();
    let mut data = Vec::new();
    for row in rows {
        let mut tx = db.read(row.id.as_str()).await.map_err(|e| e.to_string())?;
        let months = ops::months(&mut tx, None)
            .await
            .map_err(|e| e.to_string())?;
        for m in months {
            lines.push(format!(
                "{}  {:>20}  {:>28}  {}",
                m.month, m.users, m.organizations, row.name
            ));
            data.push(serde_json::json!({
                "instance": row.name,
                "month": m.month,
                "monthly_active_users": m.users,
                "monthly_active_organizations": m.organizations,
            }));
        }
    }
    if arguments.json {
        say(&serde_json::json!({ "object": "usage", "data": data }).to_string());
        return Ok(());
    }
    say("month    monthly active users  monthly active organizations  instance");
    for line in lines {
        say(&line);
    }
    Ok(())
}
