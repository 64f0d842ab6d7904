//! Changing keys while servers run: signing keys with an overlap, secret keys with a delay, the master key by sealing anew.
//!
//! Every change is one transaction, and what follows from it in time follows from the clock. A process that dies in the
//! middle leaves the state before or the state after; running the same command again is safe.
use super::loaded::{audit_key, data_key, data_purpose};
use super::model::{InstanceRow, KeyState, SecretKeyRow, SigningKeyRow};
use super::setup::{self, Tools};
use super::{keys, store};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::instances::keyring;
use usher_db::{Tx, write_tx};
use usher_types::id::InstanceId;
use usher_types::{Error, Fault, Result, Timestamp};

/// How long a new key is published before it signs, in seconds: verifiers may keep a key set for an hour.
pub const AHEAD_SECS: i64 = 3600;
/// How long an old key is published after its last signature, in seconds: an expired session token is exchanged for a new
/// one for a day (`sessions::bapi::refresh`), and clocks differ.
pub const KEEP_SECS: i64 = 25 * 3600;
/// Days after which a signing key should be replaced.
pub const ROTATE_AFTER_DAYS: i64 = 90;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// What became of the wish for a new signing key.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// A new key is published, and signs from its `active_at` on.
    Started(SigningKeyRow),
    /// A new key is published already and does not sign yet: nothing was changed.
    UnderWay(SigningKeyRow),
}

/// The overlap of a rotation, in seconds; tests and drills shorten it.
#[derive(Clone, Copy, Debug)]
pub struct Overlap {
    /// From publication to the first signature.
    pub ahead_secs: i64,
    /// From the last signature to the end of publication.
    pub keep_secs: i64,
}

impl Default for Overlap {
    fn default() -> Self {
        Self {
            ahead_secs: AHEAD_SECS,
            keep_secs: KEEP_SECS,
        }
    }
}

/// Publishes a new signing key. It signs after the overlap's first part; the present one stays published until everything
/// that it signed has expired. Nobody is signed out.
///
/// # Errors
/// The database's; key generation.
pub async fn rotate(tools: &Tools<'_>, row: &InstanceRow, overlap: Overlap) -> Result<Rotation> {
    let active_at = tools.now.plus_secs(overlap.ahead_secs);
    let fresh = fresh_key(tools, row, active_at).await?;
    write_tx!(tools.db, row.id.as_str(), tx => {
        let known = locked_keys(&mut tx, &row.id).await?;
        if let Some(pending) = known.iter().find(|k| k.state(tools.now) == KeyState::Pending) {
            return Ok::<_, Error>(Rotation::UnderWay(pending.clone()));
        }
        for old in known.iter().filter(|k| k.retire_at.is_none()) {
            let remove_at = active_at.plus_secs(overlap.keep_secs).max(old.signed_until);
            store::schedule_signing_key(&mut tx, &old.id, active_at, remove_at).await?;
        }
        store::add_signing_key(&mut tx, &fresh).await?;
        store::changed(&mut tx, &row.id, tools.now).await?;
        note(tools, &mut tx, row, Event::new("signing_key.rotated").about(&fresh.id))?;
        Ok(Rotation::Started(fresh.clone()))
    })
}

/// Replaces every signing key at once: for one that somebody else may have. What the old ones signed is refused here as soon
/// as a process has read the change, and elsewhere when cached key sets expire. Sessions go on; their next token is signed
/// by the new key.
///
/// # Errors
/// As [`rotate`].
pub async fn replace_now(tools: &Tools<'_>, row: &InstanceRow) -> Result<SigningKeyRow> {
    let fresh = fresh_key(tools, row, tools.now).await?;
    write_tx!(tools.db, row.id.as_str(), tx => {
        for old in locked_keys(&mut tx, &row.id).await? {
            if old.state(tools.now) != KeyState::Removed {
                let retire_at = old.retire_at.map_or(tools.now, |at| at.min(tools.now));
                store::schedule_signing_key(&mut tx, &old.id, retire_at, tools.now).await?;
            }
        }
        store::add_signing_key(&mut tx, &fresh).await?;
        store::changed(&mut tx, &row.id, tools.now).await?;
        note(tools, &mut tx, row, Event::new("signing_key.replaced").about(&fresh.id))?;
        Ok::<_, Error>(fresh.clone())
    })
}

/// A key made outside of the transaction: it takes up to a second.
async fn fresh_key(
    tools: &Tools<'_>,
    row: &InstanceRow,
    active_at: Timestamp,
) -> Result<SigningKeyRow> {
    let data = data_key(row, tools.master)?;
    // A key that cannot be opened would be published by nobody: better to learn it now.
    let mut view = tools.db.read(row.id.as_str()).await?;
    keyring::Keyring::load(&store::signing_keys(&mut view, &row.id).await?, &data)?;
    drop(view);
    Ok(SigningKeyRow {
        active_at,
        ..setup::signing_key(tools, &row.id, &data)?
    })
}

/// The signing keys, under the instance's lock: two operators at once are one after the other.
async fn locked_keys(tx: &mut Tx, instance: &InstanceId) -> Result<Vec<SigningKeyRow>> {
    store::settings_locked(tx, instance)
        .await?
        .ok_or_else(|| Fault::new("an instance without its row"))?;
    Ok(store::signing_keys(tx, instance).await?)
}

/// Notes that the present key is about to sign a token that outlives the usual overlap, so that it stays published for it.
/// Whole days are noted: servers that ask for long tokens all the time cause one write a day.
///
/// # Errors
/// The database's.
pub async fn note_long_life(cx: &Cx, life_secs: i64) -> Result<()> {
    if life_secs < KEEP_SECS {
        return Ok(());
    }
    let held = &cx.instance.keys.signing(cx.now).row;
    let expire_at = cx.now.plus_secs(life_secs);
    if held.signed_until >= expire_at {
        return Ok(());
    }
    let until = Timestamp((expire_at.0 / DAY_MS + 1) * DAY_MS);
    write_tx!(cx.app.db, cx.tenant(), tx => {
        store::signed_until(&mut tx, &held.id, until, cx.now).await?;
        store::changed(&mut tx, &cx.instance.row.id, cx.now).await?;
        Ok::<_, Error>(())
    })?;
    cx.app.reload().await?;
    Ok(())
}

/// Adds a secret key; its row and the key in clear, which is shown once.
///
/// # Errors
/// The database's.
pub async fn add_secret(
    tools: &Tools<'_>,
    row: &InstanceRow,
    name: &str,
) -> Result<(SecretKeyRow, String)> {
    let key = keys::secret(tools.rng, &row.publishable_key);
    let data = data_key(row, tools.master)?;
    let fresh = SecretKeyRow {
        name: name.to_owned(),
        ..setup::secret_row(tools, &row.id, &data, &key)
    };
    write_tx!(tools.db, row.id.as_str(), tx => {
        store::add_secret_key(&mut tx, &fresh).await?;
        note(tools, &mut tx, row, Event::new("secret_key.created").about(&keys::hint(&key)))?;
        Ok::<_, Error>(())
    })?;
    Ok((fresh, key))
}

/// Ends a secret key at an instant, on every node at that instant: each request looks the key up. Again with an earlier
/// instant brings the end forward; with a later one it is put off, while the key is valid.
///
/// # Errors
/// `Ok(Err(line))` for a key that is not there or has ended, and where no other key would be left by then.
pub async fn retire_secret(
    tools: &Tools<'_>,
    row: &InstanceRow,
    id: &str,
    at: Timestamp,
) -> Result<Result<SecretKeyRow, String>> {
    write_tx!(tools.db, row.id.as_str(), tx => {
        locked_keys(&mut tx, &row.id).await?;
        let all = store::secret_keys(&mut tx, &row.id).await?;
        let Some(found) = all.iter().find(|k| k.id == id) else {
            return Ok::<_, Error>(Err(format!("there is no secret key {id}; `usher keys secret list` shows them")));
        };
        if !found.is_valid(tools.now) {
            return Ok(Err(format!("{id} has ended already")));
        }
        if !all.iter().any(|k| k.id != id && k.is_valid(at)) {
            return Ok(Err(format!("{id} is the only secret key by then; make another one first, with `usher keys secret create`")));
        }
        store::retire_secret_key(&mut tx, &row.id, id, at).await?;
        note(tools, &mut tx, row, Event::new("secret_key.retired").about(id))?;
        Ok(Ok(SecretKeyRow { retire_at: Some(at), ..found.clone() }))
    })
}

/// What sealing anew came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resealed {
    /// Data keys that were sealed under the key before.
    pub changed: usize,
    /// Data keys there are.
    pub all: usize,
}

/// Seals every data key under the present master key, and notes that key as the database's. Each is opened first, and what
/// hangs on it: with a wrong key nothing is changed. It is one transaction, and running it again changes nothing.
///
/// # Errors
/// A key that does not open; the database's.
pub async fn reseal(tools: &Tools<'_>) -> Result<Resealed> {
    let (outcome, changed) = write_tx!(tools.db, "", tx => {
        let rows = store::all(&mut tx).await?;
        let mut outcome = Resealed { changed: 0, all: rows.len() };
        let mut changed = Vec::new();
        for row in rows {
            let data = data_key(&row, tools.master)?;
            keyring::Keyring::load(&store::signing_keys(&mut tx, &row.id).await?, &data)?;
            if tools.master.sealed(&row.data_key_sealed) {
                continue;
            }
            let new = tools.master.wrap(tools.rng, &data_purpose(&row), &data);
            // Another process may have done this one.
            if store::reseal(&mut tx, &row.id, &row.data_key_sealed, &new).await? == 1 {
                outcome.changed += 1;
                changed.push(row);
            }
        }
        store::set_fact(&mut tx, setup::MASTER_KEY_ID, &tools.master.key_id()).await?;
        Ok::<_, Error>((outcome, changed))
    })?;
    // A chain of records belongs to one instance, so each has a transaction of its own.
    for row in &changed {
        write_tx!(tools.db, row.id.as_str(), tx => {
            note(tools, &mut tx, row, Event::new("master_key.changed").about(row.id.as_str()))?;
            Ok::<_, Error>(())
        })?;
    }
    Ok(outcome)
}

/// Records what the operator did to an instance's keys.
fn note(tools: &Tools<'_>, tx: &mut Tx, row: &InstanceRow, event: Event) -> Result<()> {
    let seal = audit_key(&data_key(row, tools.master)?);
    audit::record_as(tx, row.id.as_str(), seal, tools.rng, tools.now, &event);
    Ok(())
}
