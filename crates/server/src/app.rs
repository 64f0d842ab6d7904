//! What a process has: the database, the keys, the clock, the hashing pool, the instances it serves.
use crate::domains;
use crate::domains::model::DomainRow;
use crate::instances::loaded::Parts;
use crate::instances::{Instance, store};
use crate::limits::bucket::Limiter;
use crate::redirect_urls;
use crate::social::keys::Published;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use usher_crypto::pool::HashPool;
use usher_crypto::rng::Rng;
use usher_crypto::seal::Master;
use usher_db::Db;
use usher_http::network::Network;
use usher_types::id::InstanceId;
use usher_types::{Clock, Result, Timestamp};

/// How a process runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// `usher dev`: one origin, an inbox instead of mail.
    pub development: bool,
    /// `http` or `https`: how browsers reach us.
    pub scheme: &'static str,
    /// The host of the Backend API, if it has one of its own.
    pub api_host: Option<String>,
    /// Peers whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<Network>,
    /// Where every API exchange is written, for tests; never in production, because it holds secrets.
    pub exchanges: Option<std::path::PathBuf>,
    /// Disposable mail domains beyond our own list.
    pub disposable_domains: std::collections::HashSet<String>,
    /// Who judges captchas, where there is one.
    pub captcha: Option<crate::captcha::judge::Captcha>,
    /// Where addresses are, where the operator has a database of that.
    pub places: Option<crate::places::Places>,
    /// The one way out for requests that this server makes.
    pub outbound: usher_outbound::Client,
    /// Sets of passwords that are known from breaches.
    pub breached: usher_breached::Breached,
    /// Who delivers text messages; without one they wait.
    pub texts: Option<usher_notify::SmsProvider>,
    /// Sender of mail, as `Name <address>` or an address.
    pub mail_from: String,
}

impl Options {
    /// True for peers whose `X-Forwarded-*` are believed.
    #[must_use]
    pub fn trusts(&self, address: &IpAddr) -> bool {
        self.trusted_proxies.iter().any(|n| n.contains(address))
    }
}

/// Counters of `/metrics`.
#[derive(Default)]
pub struct Metrics {
    /// Requests by (surface, status class).
    pub requests: Mutex<HashMap<(&'static str, u16), u64>>,
    /// Session tokens signed.
    pub tokens_minted: AtomicU64,
    /// Passwords hashed or checked.
    pub passwords_hashed: AtomicU64,
    /// Faults (5xx of our own making).
    pub faults: AtomicU64,
}

/// A minted token that is young enough to be handed out again.
#[derive(Clone)]
pub struct Minted {
    pub(crate) jwt: Arc<str>,
    pub(crate) minted_at: Timestamp,
    /// What it says beyond whose it is: of another state another one is made.
    pub(crate) stamp: [i64; 4],
    pub(crate) kid: String,
}

/// Images that wait to be decoded at most; each is as large as it was sent.
const IMAGES_WAITING: usize = 4;
/// Large bodies at a time.
const UPLOADS: usize = 6;

/// See the module.
pub struct App {
    /// The database.
    pub db: Db,
    /// The master key.
    pub master: Master,
    /// Randomness.
    pub rng: Rng,
    /// Time.
    pub clock: Clock,
    /// Where passwords are hashed.
    pub hashing: HashPool,
    /// Where images are decoded: one at a time, because each takes memory.
    pub imaging: HashPool,
    /// Leave to send a large body: so many at a time.
    pub uploads: Arc<tokio::sync::Semaphore>,
    /// How the process runs.
    pub options: Options,
    /// Counters.
    pub metrics: Metrics,
    /// How often who called what.
    pub limiter: Limiter,
    /// What providers publish about themselves.
    pub published: Published,
    instances: RwLock<Vec<Arc<Instance>>>,
    generation: AtomicI64,
    /// Minted tokens by session and origin; a cache of signatures, never of verdicts.
    pub(crate) minted: Mutex<HashMap<(String, String), Minted>>,
    /// Sessions whose last activity was written, and when: it is written once a minute at most.
    pub(crate) touched: Mutex<HashMap<String, Timestamp>>,
    /// The recorder of exchanges, in tests.
    pub(crate) exchanges: Option<Mutex<std::fs::File>>,
    /// Templates of operators, read.
    pub(crate) templates: crate::templates::cache::Cache,
    /// Woken when a message was queued.
    pub mail_wake: tokio::sync::Notify,
}

impl App {
    /// Assembles a process over a migrated database and loads its instances.
    ///
    /// # Errors
    /// A database that does not answer; keys that do not open with this master key.
    pub async fn start(
        db: Db,
        master: Master,
        rng: Rng,
        clock: Clock,
        options: Options,
    ) -> Result<Arc<Self>> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let exchanges = options.exchanges.as_ref().and_then(|path| {
            let file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path);
            file.inspect_err(|e| tracing::warn!("Exchanges cannot be written: {e}"))
                .ok()
                .map(Mutex::new)
        });
        let app = Arc::new(Self {
            db,
            master,
            rng,
            clock,
            hashing: HashPool::new(threads, 64 * threads),
            imaging: HashPool::new(1, IMAGES_WAITING),
            uploads: Arc::new(tokio::sync::Semaphore::new(UPLOADS)),
            options,
            metrics: Metrics::default(),
            limiter: Limiter::default(),
            published: Published::default(),
            instances: RwLock::new(Vec::new()),
            generation: AtomicI64::new(-1),
            minted: Mutex::default(),
            touched: Mutex::default(),
            exchanges,
            templates: crate::templates::cache::Cache::default(),
            mail_wake: tokio::sync::Notify::new(),
        });
        app.reload().await?;
        Ok(app)
    }

    /// Loads the instances anew where any of them changed; true when they did.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn reload(&self) -> Result<bool> {
        let mut tx = self.db.read("").await?;
        let generation = store::generation(&mut tx).await?;
        let rows = store::all(&mut tx).await?;
        let known = self.instances();
        if generation == self.generation.load(Ordering::Acquire) && rows.len() == known.len() {
            return Ok(false);
        }
        let mut loaded = Vec::with_capacity(rows.len());
        for row in rows {
            let unchanged = known
                .iter()
                .find(|i| i.row.id == row.id && i.row.generation == row.generation);
            if let Some(instance) = unchanged {
                loaded.push(Arc::clone(instance));
                continue;
            }
            let parts = Parts {
                signing_keys: store::signing_keys(&mut tx, &row.id).await?,
                redirect_urls: redirect_urls::store::urls(&mut tx, row.id.as_str()).await?,
                satellites: domains::store::of_instance(&mut tx, row.id.as_str()).await?,
            };
            loaded.push(Arc::new(Instance::load(
                row,
                parts,
                &self.master,
                &self.options,
            )?));
        }
        *self
            .instances
            .write()
            .unwrap_or_else(PoisonError::into_inner) = loaded;
        self.generation.store(generation, Ordering::Release);
        Ok(true)
    }

    /// The instances, oldest first.
    #[must_use]
    pub fn instances(&self) -> Vec<Arc<Instance>> {
        self.instances
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// An instance by id.
    #[must_use]
    pub fn instance(&self, id: &InstanceId) -> Option<Arc<Instance>> {
        self.instances
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find(|i| i.row.id == *id)
            .cloned()
    }

    /// The instance whose Frontend API a host is. The portal's host is none of its own on production: a browser has one
    /// `__client` for an instance, on one host.
    #[must_use]
    pub fn instance_by_api_host(&self, host: &str) -> Option<Arc<Instance>> {
        self.instance_by_host(host)
            .filter(|i| self.options.development || i.row.host == host)
    }

    /// The satellite that a host is the Frontend API of, with its instance.
    #[must_use]
    pub fn satellite_by_host(&self, host: &str) -> Option<(Arc<Instance>, DomainRow)> {
        self.instances().into_iter().find_map(|instance| {
            let found = instance.satellites.iter().find(|s| s.host() == host);
            let found = found.cloned();
            found.map(|satellite| (instance, satellite))
        })
    }

    /// The instance that a host names: its Frontend-API host or its portal's. In development the only (or first)
    /// instance answers for every other host, because an app's own proxy forwards its own `Host`.
    #[must_use]
    pub fn instance_by_host(&self, host: &str) -> Option<Arc<Instance>> {
        let instances = self
            .instances
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let named = instances.iter().find(|i| {
            i.row.host == host
                || i.portal_origin
                    .split_once("://")
                    .is_some_and(|(_, h)| h == host)
        });
        named
            .or_else(|| {
                if self.options.development {
                    instances.first()
                } else {
                    None
                }
            })
            .cloned()
    }
}
