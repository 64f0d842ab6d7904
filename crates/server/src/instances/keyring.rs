//! The signing keys of an instance as a process holds them. What signs, what verifies and what is published follow from the
//! keys' times and the clock alone: nodes that have loaded the same rows agree at every instant, without a word between them.
use super::loaded::Document;
use super::model::{KeyState, SigningKeyRow};
use serde_json::{Value, json};
use usher_crypto::jwt::Signer;
use usher_crypto::seal::Master;
use usher_crypto::signing::{PublicKey, SigningKey};
use usher_types::{Fault, Result, Timestamp};

/// One key.
pub struct Held {
    /// Its row: the `kid` and the times.
    pub row: SigningKeyRow,
    /// Signs with it.
    pub signer: Signer,
    /// Verifies what it signed.
    pub public: PublicKey,
    jwk: Value,
}

/// See the module.
pub struct Keyring {
    /// Oldest first; never empty.
    keys: Vec<Held>,
    /// The key sets, each with the instant from which it is the right one; in their order, never empty.
    documents: Vec<(Timestamp, Document)>,
}

/// What a signing key is sealed for.
pub(super) fn purpose(kid: &str) -> String {
    format!("signing:{kid}")
}

impl Keyring {
    /// Opens keys. Those whose private half was erased have ended and are left out.
    ///
    /// # Errors
    /// A key that does not open or parse; no key at all.
    pub fn load(rows: &[SigningKeyRow], data: &Master) -> Result<Self> {
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|row| !row.private_sealed.is_empty()) {
            let fault =
                |e: &dyn std::fmt::Display| Fault::new(format!("signing key {}: {e}", row.id));
            // The published half comes out of the sealed one: who can write the database alone publishes nothing.
            let der = data
                .open(&purpose(&row.id), &row.private_sealed)
                .map_err(|e| fault(&e))?;
            let key = SigningKey::from_pkcs8(&der).map_err(|e| fault(&e))?;
            keys.push(Held {
                public: key.public(),
                jwk: key.jwk(&row.id),
                signer: Signer::new(key, &row.id),
                row: row.clone(),
            });
        }
        if keys.is_empty() {
            return Err(Fault::new("an instance without a signing key").into());
        }
        keys.sort_by(|a, b| (a.row.active_at, &a.row.id).cmp(&(b.row.active_at, &b.row.id)));
        let mut changes: Vec<Timestamp> = keys
            .iter()
            .flat_map(|k| [Some(k.row.active_at), k.row.retire_at, k.row.remove_at])
            .flatten()
            .chain([Timestamp(i64::MIN)])
            .collect();
        changes.sort_unstable();
        changes.dedup();
        let documents = changes
            .into_iter()
            .map(|at| (at, key_set(&keys, at)))
            .collect();
        Ok(Self { keys, documents })
    }

    /// The keys, oldest first.
    #[must_use]
    pub fn keys(&self) -> &[Held] {
        &self.keys
    }

    /// The key that signs now.
    #[must_use]
    pub fn signing(&self, now: Timestamp) -> &Held {
        active(&self.keys, now)
    }

    /// The key of a `kid`, unless it is removed. One that is only published as yet verifies too: another node's clock may
    /// be ahead of this one's.
    #[must_use]
    pub fn verifier(&self, kid: &str, now: Timestamp) -> Option<PublicKey> {
        let held = self.keys.iter().find(|k| k.row.id == kid)?;
        (held.row.state(now) != KeyState::Removed).then(|| held.public.clone())
    }

    /// `/v1/jwks` and `/.well-known/jwks.json`: the key that signs first, then those to come, then those that have signed.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> &Document {
        let next = self.documents.partition_point(|(from, _)| *from <= now);
        &self.documents[next.saturating_sub(1)].1
    }
}

/// Active ones end where the next begins. Before the first begins (a clock that was set back) the oldest signs.
fn active(keys: &[Held], now: Timestamp) -> &Held {
    keys.iter()
        .rev()
        .find(|k| k.row.state(now) == KeyState::Active)
        .or_else(|| keys.iter().find(|k| k.row.state(now) != KeyState::Removed))
        .unwrap_or(&keys[0])
}

fn key_set(keys: &[Held], at: Timestamp) -> Document {
    let first = &active(keys, at).row.id;
    let mut shown: Vec<&Held> = keys
        .iter()
        .filter(|k| k.row.state(at) != KeyState::Removed)
        .collect();
    let rank = |k: &Held| match k.row.state(at) {
        _ if k.row.id == *first => 0,
        KeyState::Active | KeyState::Pending => 1,
        KeyState::Retiring | KeyState::Removed => 2,
    };
    shown.sort_by_key(|k| rank(k));
    let jwks: Vec<&Value> = shown.into_iter().map(|k| &k.jwk).collect();
    Document::new(json!({ "keys": jwks }).to_string())
}
