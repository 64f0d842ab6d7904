//! Making instances with their keys, at the first start; finding them again at every later one.
use super::loaded::{audit_key, data_key, data_purpose};
use super::model::{InstanceRow, SecretKeyRow, SigningKeyRow};
use super::settings::Settings;
use super::{keyring, keys, store};
use crate::audit::{self, Event};
use crate::social::settings::{self as social, Social};
use usher_crypto::rng::Rng;
use usher_crypto::seal::Master;
use usher_crypto::signing::SigningKey;
use usher_db::{Db, write_tx};
use usher_types::id::{ApplicationId, InstanceId};
use usher_types::{Error, Fault, Result, Timestamp};

/// What an instance is made from.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Unique name.
    pub name: String,
    /// Frontend-API host.
    pub host: String,
    /// `production` or `development`.
    pub environment: String,
    /// A pinned secret key, or a fresh one.
    pub secret_key: Option<String>,
    /// The form of its keys.
    pub keys: KeyForm,
    /// Its settings.
    pub settings: Settings,
    /// The settings given here replace the stored ones (`usher dev --instances`).
    pub overwrite: bool,
}

/// The form of an instance's keys (decision 32).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyForm {
    /// `pk_live_…` and `sk_live_…`, in development too.
    #[default]
    Live,
    /// `pk_test_…` and `sk_test_…`: SDKs develop across sites.
    Test {
        /// The host that the publishable key names, where it is not the instance's.
        host: Option<String>,
    },
}

impl Wanted {
    /// The publishable key that is wanted. Production has one form.
    fn publishable_key(&self) -> String {
        match &self.keys {
            KeyForm::Test { host } if self.environment != "production" => {
                keys::test_publishable(host.as_deref().unwrap_or(&self.host))
            }
            KeyForm::Test { .. } | KeyForm::Live => keys::publishable(&self.host),
        }
    }
}

/// What a start needs besides the wish.
pub struct Tools<'a> {
    /// The database.
    pub db: &'a Db,
    /// Seals keys.
    pub master: &'a Master,
    /// Randomness.
    pub rng: &'a Rng,
    /// The present.
    pub now: Timestamp,
}

/// The fact that names the master key of the database.
pub(super) const MASTER_KEY_ID: &str = "master_key_id";

/// Holds the database against the master key: the first start notes the key's id, every later one compares it. While the
/// master key is being changed the one before it fits too.
///
/// # Errors
/// `Ok(Err(line))` when the key is another one than the database was made with.
pub async fn check_master(tools: &Tools<'_>) -> Result<Result<(), String>> {
    let noted = store::fact(&mut tools.db.read("").await?, MASTER_KEY_ID).await?;
    let fits = |id: &String| {
        *id == tools.master.key_id()
            || tools
                .master
                .previous()
                .is_some_and(|previous| *id == previous.key_id())
    };
    match noted {
        Some(id) if fits(&id) => Ok(Ok(())),
        Some(_) => Ok(Err("this master key is not the one the database was made with; set keys.master (or the key file) to that one".to_owned())),
        None => {
            write_tx!(tools.db, "", tx => { Ok::<_, Error>(store::set_fact(&mut tx, MASTER_KEY_ID, &tools.master.key_id()).await?) })?;
            Ok(Ok(()))
        }
    }
}

/// Finds the wanted instance by name, or makes it: application, signing key, secret key. Host and environment follow
/// the wish; settings follow it only where it says so.
///
/// # Errors
/// The database's; key generation.
pub async fn ensure(tools: &Tools<'_>, wanted: &Wanted) -> Result<()> {
    let mut view = tools.db.read("").await?;
    let known = store::all(&mut view)
        .await?
        .into_iter()
        .find(|row| row.name == wanted.name);
    drop(view);
    let publishable = wanted.publishable_key();
    let Some(row) = known else {
        return make(tools, wanted, publishable).await;
    };
    let moved = row.host != wanted.host
        || row.environment_type != wanted.environment
        || row.publishable_key != publishable;
    let prefix = keys::secret_prefix(&publishable);
    let fitting = secrets(tools.db, tools.master, &row, tools.now).await?;
    let missing = !fitting.iter().any(|key| key.starts_with(prefix))
        && keys::is_test(&publishable) != keys::is_test(&row.publishable_key);
    let fresh =
        (wanted.secret_key.is_none() && missing).then(|| keys::secret(tools.rng, &publishable));
    let pinned = wanted.secret_key.as_deref().or(fresh.as_deref());
    let data = data_key(&row, tools.master)?;
    let settings = next_settings(tools, wanted, &row, &data)?;
    let changed = row.settings != settings;
    let seal = audit_key(&data);
    write_tx!(tools.db, row.id.as_str(), tx => {
        if moved {
            store::update_host(&mut tx, &row.id, &wanted.host, &publishable, &wanted.environment, tools.now).await?;
            let event = Event::new("instance.updated").about(row.id.as_str()).changed(["host", "environment_type"]);
            audit::record_as(&mut tx, row.id.as_str(), seal, tools.rng, tools.now, &event);
        }
        if changed {
            store::update_settings(&mut tx, &row.id, &settings, tools.now).await?;
            let changes = audit::changed_fields(&serde_json::from_str(&row.settings)?, &serde_json::from_str(&settings)?);
            let event = Event::new("instance.updated").about(row.id.as_str()).changed(changes);
            audit::record_as(&mut tx, row.id.as_str(), seal, tools.rng, tools.now, &event);
        }
        if let Some(key) = pinned
            && !store::secret_key_known(&mut tx, &keys::secret_hash(key)).await?
        {
            store::add_secret_key(&mut tx, &secret_row(tools, &row.id, &data, key)).await?;
            let event = Event::new("secret_key.created").about(&keys::hint(key));
            audit::record_as(&mut tx, row.id.as_str(), seal, tools.rng, tools.now, &event);
        }
        Ok::<_, Error>(())
    })
}

/// The row of a secret key.
pub(super) fn secret_row(
    tools: &Tools<'_>,
    instance: &InstanceId,
    data: &Master,
    key: &str,
) -> SecretKeyRow {
    let hash = keys::secret_hash(key);
    SecretKeyRow {
        id: format!("key_{}", tools.rng.base62(27)),
        sealed: data.seal(tools.rng, &secret_purpose(&hash), key.as_bytes()),
        ending: key
            .get(key.len().saturating_sub(4)..)
            .unwrap_or_default()
            .to_owned(),
        hash,
        instance_id: instance.clone(),
        name: "default".to_owned(),
        created_at: tools.now,
        retire_at: None,
    }
}

fn secret_purpose(hash: &str) -> String {
    format!("secret:{hash}")
}

/// A new signing key that signs from now on. Its id is the JWT's `kid`: unique everywhere, never used again.
///
/// # Errors
/// Key generation.
pub(super) fn signing_key(
    tools: &Tools<'_>,
    instance: &InstanceId,
    data: &Master,
) -> Result<SigningKeyRow> {
    let (key, der) =
        SigningKey::generate().map_err(|e| Fault::new(format!("key generation: {e}")))?;
    let id = format!("ins_{}", tools.rng.base62(27));
    Ok(SigningKeyRow {
        public_jwk: key.jwk(&id).to_string(),
        private_sealed: data.seal(tools.rng, &keyring::purpose(&id), &der),
        id,
        instance_id: instance.clone(),
        created_at: tools.now,
        active_at: tools.now,
        retire_at: None,
        remove_at: None,
        signed_until: tools.now,
    })
}

/// The settings after this start: those of the file where they replace the stored ones, else the stored ones. Connections to
/// providers are the file's wherever it names any: a credential has no other way in.
fn next_settings(
    tools: &Tools<'_>,
    wanted: &Wanted,
    row: &InstanceRow,
    data: &Master,
) -> Result<String> {
    let stored: Settings = serde_json::from_str(&row.settings)?;
    let mut next = if wanted.overwrite {
        wanted.settings.clone()
    } else if wanted.settings.social.is_empty() {
        return Ok(row.settings.clone());
    } else {
        Settings {
            social: wanted.settings.social.clone(),
            ..stored.clone()
        }
    };
    social::seal(&mut next.social, &stored.social, data, tools.rng);
    Ok(serde_json::to_string(&next)?)
}

async fn make(tools: &Tools<'_>, wanted: &Wanted, publishable_key: String) -> Result<()> {
    let application = ApplicationId::compose(tools.now, &tools.rng.base62(21));
    let data = Master::generate(tools.rng);
    let mut settings = wanted.settings.clone();
    social::seal(&mut settings.social, &Social::new(), &data, tools.rng);
    let mut row = InstanceRow {
        id: InstanceId::compose(tools.now, &tools.rng.base62(21)),
        application_id: application.clone(),
        name: wanted.name.clone(),
        environment_type: wanted.environment.clone(),
        host: wanted.host.clone(),
        publishable_key,
        settings: serde_json::to_string(&settings)?,
        data_key_sealed: String::new(),
        generation: 1,
        created_at: tools.now,
        updated_at: tools.now,
    };
    row.data_key_sealed = tools.master.wrap(tools.rng, &data_purpose(&row), &data);
    let signing = signing_key(tools, &row.id, &data)?;
    let key = wanted
        .secret_key
        .clone()
        .unwrap_or_else(|| keys::secret(tools.rng, &row.publishable_key));
    let secret = secret_row(tools, &row.id, &data, &key);
    write_tx!(tools.db, row.id.as_str(), tx => {
        store::add_application(&mut tx, &application, &wanted.settings.application_name, tools.now).await?;
        store::add(&mut tx, &row).await?;
        store::add_signing_key(&mut tx, &signing).await?;
        store::add_secret_key(&mut tx, &secret).await?;
        let seal = audit_key(&data);
        let event = Event::new("instance.created").about(row.id.as_str());
        audit::record_as(&mut tx, row.id.as_str(), seal, tools.rng, tools.now, &event);
        Ok::<_, Error>(())
    })
}

/// The valid secret keys of an instance in clear, oldest first, for the operator at the console.
///
/// # Errors
/// Keys that do not open.
pub async fn secrets(
    db: &Db,
    master: &Master,
    instance: &InstanceRow,
    now: Timestamp,
) -> Result<Vec<String>> {
    let data = data_key(instance, master)?;
    let mut tx = db.read(instance.id.as_str()).await?;
    let rows = store::secret_keys(&mut tx, &instance.id).await?;
    rows.iter()
        .filter(|row| row.is_valid(now))
        .map(|row| {
            let opened = data
                .open(&secret_purpose(&row.hash), &row.sealed)
                .map_err(|e| Fault::new(format!("secret key: {e}")))?;
            String::from_utf8(opened).map_err(|_| Fault::new("secret key: not text").into())
        })
        .collect()
}
