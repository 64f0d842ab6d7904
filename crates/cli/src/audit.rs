//! `usher audit`: holding the log against its chain, and writing it out.
use crate::process::say;
use crate::serve;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use usher_crypto::seal::Master;
use usher_db::Db;
use usher_server::audit::model::AuditRow;
use usher_server::audit::verify::{self, Checkpoint, Verdict};
use usher_server::audit::{export, store};
use usher_server::instances::loaded::{audit_key, data_key};
use usher_server::instances::model::InstanceRow;
use usher_server::instances::store::all;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Walk the log of every instance from its first row to its sealed end; names the first broken row.
    Verify {
        #[command(flatten)]
        place: Place,
        /// An end that was noted earlier, as `verify` prints it: SEQ:HASH. Needs --name.
        #[arg(long, requires = "name")]
        checkpoint: Option<String>,
    },
    /// Print the log as JSON lines, oldest first.
    Export {
        #[command(flatten)]
        place: Place,
        /// Only rows after this one.
        #[arg(long, default_value_t = 0)]
        after: i64,
    },
}

/// Whose log.
#[derive(Args)]
pub(crate) struct Place {
    /// The configuration file.
    #[arg(long, default_value = "usher.toml")]
    config: PathBuf,
    /// Only this instance.
    #[arg(long, id = "name")]
    name: Option<String>,
}

/// Rows that are read at once.
const STEP: i64 = 1000;

pub(crate) async fn run(action: Action) -> Result<(), String> {
    match action {
        Action::Verify { place, checkpoint } => {
            let checkpoint = checkpoint.as_deref().map(parse).transpose()?;
            let (master, db, rows) = opened(&place).await?;
            let mut broken = 0;
            for row in &rows {
                if !verified(&db, &master, row, checkpoint.as_ref()).await? {
                    broken += 1;
                }
            }
            if broken > 0 {
                return Err(format!(
                    "the audit log of {broken} of {} instances is broken",
                    rows.len()
                ));
            }
            Ok(())
        }
        Action::Export { place, after } => {
            let (_, db, rows) = opened(&place).await?;
            for row in &rows {
                export_one(&db, row, after).await?;
            }
            Ok(())
        }
    }
}

fn parse(text: &str) -> Result<Checkpoint, String> {
    let told = "--checkpoint must be SEQ:HASH, as `usher audit verify` prints it";
    let (seq, hash) = text.split_once(':').ok_or(told)?;
    Ok(Checkpoint {
        seq: seq.parse().map_err(|_| told)?,
        hash: hash.to_owned(),
    })
}

async fn opened(place: &Place) -> Result<(Master, Db, Vec<InstanceRow>), String> {
    let (config, db) = serve::opened(&place.config).await?;
    let master = serve::master(&config)?;
    let mut tx = db.read("").await.map_err(|e| e.to_string())?;
    let rows = all(&mut tx)
        .await
        .map_err(|e| format!("{e}; run `usher migrate` first"))?;
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|r| place.name.as_ref().is_none_or(|n| *n == r.name))
        .collect();
    if rows.is_empty() {
        return Err("there is no such instance; it is made at the first `usher serve`".to_owned());
    }
    Ok((master, db, rows))
}

/// Tells of one instance; false where its log is broken.
async fn verified(
    db: &Db,
    master: &Master,
    row: &InstanceRow,
    checkpoint: Option<&Checkpoint>,
) -> Result<bool, String> {
    let mut tx = db.read(row.id.as_str()).await.map_err(|e| e.to_string())?;
    let seal = audit_key(&data_key(row, master).map_err(|e| e.to_string())?);
    let verdict = verify::walk(&mut tx, &seal, checkpoint)
        .await
        .map_err(|e| e.to_string())?;
    Ok(match verdict {
        Verdict::Whole { rows, erased, hash } => {
            say(&format!(
                "{}: {rows} rows, whole; personal data of {erased} erased; checkpoint {rows}:{hash}",
                row.name
            ));
            true
        }
        Verdict::Broken { seq, what } => {
            say(&format!("{}: row {seq} is broken: {what}", row.name));
            false
        }
    })
}

async fn export_one(db: &Db, row: &InstanceRow, mut after: i64) -> Result<(), String> {
    let mut tx = db.read(row.id.as_str()).await.map_err(|e| e.to_string())?;
    loop {
        let rows: Vec<AuditRow> = store::after(&mut tx, after, STEP)
            .await
            .map_err(|e| e.to_string())?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.seq;
        for row in &rows {
            say(&export::line(row));
        }
    }
}
