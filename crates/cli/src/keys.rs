//! `usher keys`: signing keys, secret keys and the master key, on the database of a running or stopped server.
use crate::process::{self, say};
use crate::serve;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use usher_crypto::rng::Rng;
use usher_crypto::seal::Master;
use usher_db::Db;
use usher_server::config::Config;
use usher_server::instances::model::{InstanceRow, KeyState};
use usher_server::instances::rotation::{self, Overlap, Rotation};
use usher_server::instances::setup::{self, Tools};
use usher_server::instances::{keyring::Keyring, loaded, store};
use usher_types::{Clock, Error, Timestamp};

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Make or change the master key. Alone it prints a fresh one: 64 hex digits, to be kept apart from the database's backups.
    Master {
        #[command(subcommand)]
        action: Option<MasterAction>,
    },
    /// Show keys in clear: publishable key, secret keys, and the public key for networkless verification (`CLERK_JWT_KEY`).
    Show(Place),
    /// List signing keys: their state, and when each begins to sign, stops, and is published no more.
    List(Place),
    /// Replace the signing key with an overlap: publish a new one now, sign with it later, keep the old one until all that it signed has expired.
    Rotate {
        #[command(flatten)]
        place: Place,
        /// Emergency: the new key signs at once, and every old one is removed at once. What they signed is refused.
        #[arg(long, conflicts_with_all = ["ahead", "keep"])]
        now: bool,
        /// How long the new key is published before it signs.
        #[arg(long, default_value = "1h", value_parser = duration)]
        ahead: i64,
        /// How long the old key is published after it has stopped signing.
        #[arg(long, default_value = "25h", value_parser = duration)]
        keep: i64,
    },
    /// The keys of the Backend API.
    Secret {
        #[command(subcommand)]
        action: SecretAction,
    },
}

/// What to do with the master key.
#[derive(Subcommand)]
pub(crate) enum MasterAction {
    /// Seal everything under `keys.master`, opening it with `keys.previous_master`.
    Rotate {
        /// The configuration file.
        #[arg(long, default_value = "usher.toml")]
        config: PathBuf,
    },
}

/// What to do with secret keys.
#[derive(Subcommand)]
pub(crate) enum SecretAction {
    /// Make another one, and print it.
    Create {
        #[command(flatten)]
        place: Place,
        /// What to remember it by.
        #[arg(long, default_value = "default")]
        label: String,
    },
    /// List them: id, last four characters, and until when each is valid.
    List(Place),
    /// End one after a while, so that servers can be moved to another.
    Retire {
        #[command(flatten)]
        place: Place,
        /// Its id, as `usher keys secret list` shows it.
        id: String,
        /// When: `90m`, `24h`, `7d`.
        #[arg(long, default_value = "24h", value_parser = duration)]
        after: i64,
    },
    /// End one now.
    Revoke {
        #[command(flatten)]
        place: Place,
        /// Its id, as `usher keys secret list` shows it.
        id: String,
    },
}

/// Which database, and which instance in it.
#[derive(Args)]
pub(crate) struct Place {
    /// The configuration file.
    #[arg(long, default_value = "usher.toml")]
    config: PathBuf,
    /// The data directory of `usher dev`, instead of a configuration file.
    #[arg(long, conflicts_with = "config")]
    data: Option<PathBuf>,
    /// The instance's name. Needed for a change where there are several.
    #[arg(long, alias = "name")]
    instance: Option<String>,
}

/// An opened place.
struct Opened {
    db: Db,
    master: Master,
    rng: Rng,
    now: Timestamp,
    instances: Vec<InstanceRow>,
}

pub(crate) async fn run(action: Action) -> Result<(), String> {
    match action {
        Action::Master { action: None } => {
            say(&Master::generate(&Rng::system()).to_hex());
            Ok(())
        }
        Action::Master {
            action: Some(MasterAction::Rotate { config }),
        } => rotate_master(&config).await,
        Action::Show(place) => show(&place.open().await?).await,
        Action::List(place) => list(&place.open().await?).await,
        Action::Rotate {
            place,
            now,
            ahead,
            keep,
        } => {
            let overlap = Overlap {
                ahead_secs: ahead,
                keep_secs: keep,
            };
            rotate(&place.open().await?, (!now).then_some(overlap)).await
        }
        Action::Secret { action } => secret(action).await,
    }
}

impl Place {
    async fn open(&self) -> Result<Opened, String> {
        let (db, master) = match &self.data {
            Some(data) => {
                let rng = Rng::system();
                let file = data.join("usher.db");
                if !file.exists() {
                    return Err(format!(
                        "{}: there is no database; `usher dev` makes it",
                        file.display()
                    ));
                }
                let db = Db::open_sqlite(&file).map_err(|e| e.to_string())?;
                (db, process::master_file(&data.join("master.key"), &rng)?)
            }
            None => {
                let (config, db) = serve::opened(&self.config).await?;
                (db, serve::master(&config)?)
            }
        };
        let mut opened = Opened {
            db,
            master,
            rng: Rng::system(),
            now: Clock::System.now(),
            instances: Vec::new(),
        };
        let rows = all(&opened.db).await?;
        setup::check_master(&opened.tools()).await.map_err(told)??;
        opened.instances = rows
            .into_iter()
            .filter(|r| self.instance.as_ref().is_none_or(|n| *n == r.name))
            .collect();
        if opened.instances.is_empty() {
            return Err(
                "there is no such instance; it is made at the first `usher serve`".to_owned(),
            );
        }
        Ok(opened)
    }
}

impl Opened {
    fn tools(&self) -> Tools<'_> {
        Tools {
            db: &self.db,
            master: &self.master,
            rng: &self.rng,
            now: self.now,
        }
    }

    /// The one instance to change.
    fn one(&self) -> Result<&InstanceRow, String> {
        match self.instances.as_slice() {
            [one] => Ok(one),
            several => Err(format!(
                "there are several instances; choose one with --instance: {}",
                several
                    .iter()
                    .map(|r| r.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }

    /// The signing keys, opened.
    async fn keyring(&self, row: &InstanceRow) -> Result<Keyring, String> {
        let data = loaded::data_key(row, &self.master).map_err(told)?;
        let mut tx = self.db.read(row.id.as_str()).await.map_err(failed)?;
        let keys = store::signing_keys(&mut tx, &row.id)
            .await
            .map_err(failed)?;
        Keyring::load(&keys, &data).map_err(told)
    }
}

fn told(e: Error) -> String {
    e.to_string()
}

fn failed(e: usher_db::DbError) -> String {
    e.to_string()
}

async fn all(db: &Db) -> Result<Vec<InstanceRow>, String> {
    let mut tx = db.read("").await.map_err(failed)?;
    store::all(&mut tx)
        .await
        .map_err(|e| format!("{e}; run `usher migrate` first"))
}

/// Seconds of `90s`, `15m`, `24h` or `7d`; `0` is 0.
fn duration(text: &str) -> Result<i64, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        "" if text == "0" => 1,
        _ => return Err("write 90s, 15m, 24h or 7d".to_owned()),
    };
    text[..text.len() - unit.len()]
        .parse::<i64>()
        .ok()
        .and_then(|n| n.checked_mul(secs))
        .filter(|n| *n <= 3650 * 24 * 3600)
        .ok_or_else(|| "write 90s, 15m, 24h or 7d, ten years at most".to_owned())
}

/// An instant as people write it, in UTC.
fn when(at: Timestamp) -> String {
    at.to_rfc3339()
}

fn heading(row: &InstanceRow) {
    say(&format!(
        "{} ({}, {})",
        row.name, row.environment_type, row.host
    ));
}

async fn show(opened: &Opened) -> Result<(), String> {
    for row in &opened.instances {
        heading(row);
        say(&format!("  publishable key  {}", row.publishable_key));
        for secret in setup::secrets(&opened.db, &opened.master, row, opened.now)
            .await
            .map_err(told)?
        {
            say(&format!("  secret key       {secret}"));
        }
        let ring = opened.keyring(row).await?;
        let signing = ring.signing(opened.now);
        say(&format!("  signing key      {}", signing.row.id));
        if let Some(next) = ring
            .keys()
            .iter()
            .find(|k| k.row.state(opened.now) == KeyState::Pending)
        {
            say(&format!(
                "  a rotation is under way: where CLERK_JWT_KEY is set, put the second key there at {}, or unset it until then",
                when(next.row.active_at)
            ));
            say(&format!(
                "{}\n{}",
                signing.public.public_pem(),
                next.public.public_pem()
            ));
        } else {
            say(&signing.public.public_pem());
        }
    }
    Ok(())
}

async fn list(opened: &Opened) -> Result<(), String> {
    let mut tx = opened.db.read("").await.map_err(failed)?;
    for row in &opened.instances {
        heading(row);
        let keys = store::signing_keys(&mut tx, &row.id)
            .await
            .map_err(failed)?;
        for key in &keys {
            let state = key.state(opened.now);
            let mut line = format!(
                "  {}  {:8}  made {}  signs from {}",
                key.id,
                state.as_str(),
                when(key.created_at),
                when(key.active_at)
            );
            if let Some(at) = key.retire_at {
                line.push_str(&format!("  until {}", when(at)));
            }
            if let Some(at) = key.remove_at {
                line.push_str(&format!("  published until {}", when(at)));
            }
            let days = opened.now.since(key.active_at) / (24 * 3600 * 1000);
            if state == KeyState::Active && days >= rotation::ROTATE_AFTER_DAYS {
                line.push_str(&format!("  ({days} days old: `usher keys rotate`)"));
            }
            say(&line);
        }
    }
    Ok(())
}

/// With an overlap, or without one in an emergency.
async fn rotate(opened: &Opened, overlap: Option<Overlap>) -> Result<(), String> {
    let (tools, row) = (opened.tools(), opened.one()?);
    let fresh = match overlap {
        Some(overlap) => match rotation::rotate(&tools, row, overlap).await.map_err(told)? {
            Rotation::UnderWay(pending) => {
                say(&format!(
                    "a rotation of {} is under way: {} signs from {} on; nothing was changed",
                    row.name,
                    pending.id,
                    when(pending.active_at)
                ));
                return Ok(());
            }
            Rotation::Started(fresh) => {
                say(&format!(
                    "{} is published, and signs from {} on; the old key stays published until what it signed has expired (`usher keys list`)",
                    fresh.id,
                    when(fresh.active_at)
                ));
                if overlap.ahead_secs < rotation::AHEAD_SECS
                    || overlap.keep_secs < rotation::KEEP_SECS
                {
                    process::say_error(
                        "usher: with an overlap this short, servers that keep key sets may refuse good tokens for a while",
                    );
                }
                fresh
            }
        },
        None => {
            let fresh = rotation::replace_now(&tools, row).await.map_err(told)?;
            say(&format!(
                "{} signs from now on, and every older key is removed; running servers follow within 2 seconds, key sets that applications keep within 5 minutes",
                fresh.id
            ));
            fresh
        }
    };
    process::say_error(&format!(
        "usher: applications that verify with CLERK_JWT_KEY do not follow by themselves: give them this key at {}, and unset the variable until then",
        when(fresh.active_at)
    ));
    let ring = opened.keyring(row).await?;
    if let Some(held) = ring.keys().iter().find(|k| k.row.id == fresh.id) {
        say(&held.public.public_pem());
    }
    Ok(())
}

async fn rotate_master(path: &std::path::Path) -> Result<(), String> {
    let config = Config::read(path)?;
    let master = serve::master(&config)?;
    let db = process::open(&config.database.url, config.database.connections).await?;
    let (rng, now) = (Rng::system(), Clock::System.now());
    let tools = Tools {
        db: &db,
        master: &master,
        rng: &rng,
        now,
    };
    all(&db).await?;
    setup::check_master(&tools).await.map_err(told)??;
    let outcome = rotation::reseal(&tools).await.map_err(|e| {
        format!("nothing was changed: {e}; keys.master must be the new key and keys.previous_master the old one")
    })?;
    say(&format!(
        "{} of {} data keys were sealed anew; all are under master key {} now, and keys.previous_master can go",
        outcome.changed,
        outcome.all,
        master.key_id()
    ));
    Ok(())
}

async fn secret(action: SecretAction) -> Result<(), String> {
    match action {
        SecretAction::Create { place, label } => {
            let opened = place.open().await?;
            let (key, clear) = rotation::add_secret(&opened.tools(), opened.one()?, &label)
                .await
                .map_err(told)?;
            say(&format!(
                "{} ({}) is valid from now on:\n{clear}",
                key.id, key.name
            ));
            Ok(())
        }
        SecretAction::List(place) => {
            let opened = place.open().await?;
            let mut tx = opened.db.read("").await.map_err(failed)?;
            for row in &opened.instances {
                heading(row);
                for key in store::secret_keys(&mut tx, &row.id).await.map_err(failed)? {
                    let until = match key.retire_at {
                        None => "valid".to_owned(),
                        Some(at) if key.is_valid(opened.now) => format!("valid until {}", when(at)),
                        Some(at) => format!("ended {}", when(at)),
                    };
                    say(&format!(
                        "  {}  …{}  {}  made {}  {until}",
                        key.id,
                        key.ending,
                        key.name,
                        when(key.created_at)
                    ));
                }
            }
            Ok(())
        }
        SecretAction::Retire { place, id, after } => end_secret(&place, &id, after).await,
        SecretAction::Revoke { place, id } => end_secret(&place, &id, 0).await,
    }
}

async fn end_secret(place: &Place, id: &str, after_secs: i64) -> Result<(), String> {
    let opened = place.open().await?;
    let at = opened.now.plus_secs(after_secs);
    let ended = rotation::retire_secret(&opened.tools(), opened.one()?, id, at)
        .await
        .map_err(told)??;
    say(&format!(
        "{} (…{}) is refused from {} on, on every node",
        ended.id,
        ended.ending,
        when(at)
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_read_and_nonsense_is_not() {
        for (text, secs) in [
            ("0", 0),
            ("90s", 90),
            ("15m", 900),
            ("24h", 86_400),
            ("7d", 604_800),
        ] {
            assert_eq!(duration(text), Ok(secs), "{text}");
        }
        for text in [
            "",
            "h",
            "1",
            "-1h",
            "1.5h",
            "1 h",
            "24hours",
            "99999999999999999999s",
            "5000d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
