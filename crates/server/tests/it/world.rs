//! The server under test: an `App` on a database of its own, a clock that only tests move, the inbox, and a view of every
//! row, so that "nothing changed" can be asserted.
use crate::answer::Answer;
use crate::browser::{Browser, PASSWORD};
use crate::server::Server;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Once};
use usher_crypto::digest;
use usher_crypto::rng::Rng;
use usher_crypto::seal::Master;
use usher_db::{Db, DbError, FromRow, Row, testdb};
use usher_server::app::{App, Options};
use usher_server::instances::settings::{Limits, Settings};
use usher_server::instances::setup::{self, Tools, Wanted};
use usher_server::instances::{Instance, store};
use usher_server::surface::{self, Incoming};
use usher_types::{Clock, Error, Timestamp};

/// Where the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// How the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As `usher dev` does: one development instance, an inbox.
    Development,
    /// As `usher serve` does: one production instance at `https://clerk.example.com`.
    Production,
}

/// When the world begins: 2026-01-02T03:04:05.678Z.
pub(crate) const BEGIN: Timestamp = Timestamp(1_767_323_045_678);

/// See the module. Clones are the same world.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) kind: Kind,
    pub(crate) secret: String,
}

/// The rows of every table, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(pub(crate) BTreeMap<String, Vec<String>>);

/// A user that was made for a test.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email_id: String,
}

/// Runs a test in a fresh world, and takes the world away whatever comes of it.
pub(crate) fn run<F, T>(engine: Engine, kind: Kind, name: &str, test: F)
where
    F: FnOnce(World) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    if engine == Engine::Postgres && testdb::postgres_url().is_none() {
        static SAID: Once = Once::new();
        // Past libtest's capture, so that nobody takes a skipped engine for a tested one.
        let mut out = std::io::stderr();
        SAID.call_once(|| {
            writeln!(out, "postgres: skipped (USHER_TEST_POSTGRES is not set)").unwrap()
        });
        return;
    }
    let place = Place::new(engine, name);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // An unoptimized future is moved over the stack at every await, and a test that walks every operation is a large one.
        .thread_stack_size(16 << 20)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let db = place.open().await;
        let world = World::open(db.clone(), kind, name).await;
        let outcome = tokio::spawn(test(world)).await;
        place.remove(&db).await;
        if let Err(e) = outcome {
            std::panic::resume_unwind(e.into_panic());
        }
    });
}

/// A database of one test.
struct Place {
    engine: Engine,
    name: String,
    file: PathBuf,
}

impl Place {
    fn new(engine: Engine, name: &str) -> Self {
        let name = format!(
            "it_{}_{}",
            std::process::id(),
            &digest::sha256_hex(name)[..12]
        );
        Self {
            engine,
            file: std::env::temp_dir().join(format!("usher-test-{}-{name}.db", std::process::id())),
            name,
        }
    }

    async fn open(&self) -> Db {
        match self.engine {
            Engine::Sqlite => testdb::sqlite(&self.name).await.unwrap().0,
            Engine::Postgres => testdb::postgres(&testdb::postgres_url().unwrap(), &self.name)
                .await
                .unwrap(),
        }
    }

    async fn remove(&self, db: &Db) {
        if self.engine == Engine::Postgres {
            let mut tx = db.write("").await.unwrap();
            tx.run(&format!("DROP SCHEMA {} CASCADE", self.name), &[])
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
        db.close().await;
        if self.engine == Engine::Sqlite {
            for suffix in ["", "-wal", "-shm"] {
                // The journals may be gone already.
                let _absent = std::fs::remove_file(format!("{}{suffix}", self.file.display()));
            }
        }
    }
}

fn wanted(name: &str, host: &str, environment: &str) -> Wanted {
    Wanted {
        name: name.to_owned(),
        host: host.to_owned(),
        environment: environment.to_owned(),
        secret_key: None,
        keys: setup::KeyForm::Live,
        // Tests stand still in time and do much in one instant; those of the limits switch them on.
        settings: Settings {
            limits: Limits {
                factor: 0,
                ..Limits::default()
            },
            ..Settings::default()
        },
        overwrite: false,
    }
}

impl World {
    async fn open(db: Db, kind: Kind, name: &str) -> Self {
        let seed = digest::sha256(name.as_bytes());
        let rng = Rng::seeded(u64::from_le_bytes(seed[..8].try_into().unwrap()));
        let master = Master::generate(&rng);
        let clock = Clock::manual(BEGIN);
        let development = kind == Kind::Development;
        let first = if development {
            wanted("development", "127.0.0.1:8787", "development")
        } else {
            wanted("production", "clerk.example.com", "production")
        };
        setup::ensure(
            &Tools {
                db: &db,
                master: &master,
                rng: &rng,
                now: clock.now(),
            },
            &first,
        )
        .await
        .unwrap();
        let options = Options {
            development,
            scheme: if development { "http" } else { "https" },
            api_host: (!development).then(|| "api.example.com".to_owned()),
            trusted_proxies: Vec::new(),
            exchanges: std::env::var_os("EXCHANGES")
                .filter(|path| !path.is_empty())
                .map(Into::into),
            disposable_domains: std::collections::HashSet::new(),
            captcha: None,
            places: None,
            outbound: usher_outbound::Client::new(usher_outbound::Policy::default()).unwrap(),
            breached: usher_breached::Breached::default(),
            texts: None,
            mail_from: "Usher <no-reply@localhost>".to_owned(),
        };
        let app = App::start(db, master, rng, clock, options).await.unwrap();
        let mut world = Self {
            app,
            kind,
            secret: String::new(),
        };
        world.secret = world.secret_of(&world.instance()).await;
        world
    }

    /// The same database and clock under another process.
    pub(crate) async fn restarted(&self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = self.app.options.clone();
        change(&mut options);
        let old = &self.app;
        let (db, master, rng, clock) = (
            old.db.clone(),
            old.master.clone(),
            old.rng.clone(),
            old.clock.clone(),
        );
        let app = App::start(db, master, rng, clock, options).await.unwrap();
        Self {
            app,
            ..self.clone()
        }
    }

    /// The first instance, as it is now.
    pub(crate) fn instance(&self) -> Arc<Instance> {
        self.app.instances().first().unwrap().clone()
    }

    pub(crate) async fn secret_of(&self, instance: &Instance) -> String {
        setup::secrets(&self.app.db, &self.app.master, &instance.row, self.now())
            .await
            .unwrap()
            .pop()
            .unwrap()
    }

    /// The modulus of an instance's signing key.
    pub(crate) fn modulus(&self, instance: &Instance) -> Value {
        let keys: Value = serde_json::from_slice(&instance.keys.jwks(self.now()).body).unwrap();
        keys["keys"][0]["n"].clone()
    }

    pub(crate) fn scheme(&self) -> &'static str {
        self.app.options.scheme
    }

    /// The host that browsers reach the first instance at.
    pub(crate) fn host(&self) -> String {
        match self.kind {
            Kind::Development => "localhost:8787".to_owned(),
            Kind::Production => "clerk.example.com".to_owned(),
        }
    }

    /// A fresh browser on the application's page.
    pub(crate) fn browser(&self) -> Browser {
        let origin = match self.kind {
            Kind::Development => "http://localhost:8787",
            Kind::Production => "https://app.example.com",
        };
        Browser::new(self, &self.host(), origin)
    }

    /// Another process over the same database, with `proxies` in front of it.
    pub(crate) async fn node(&self, proxies: &[&str]) -> Self {
        let app = &self.app;
        let mut options = app.options.clone();
        options.trusted_proxies = proxies.iter().map(|p| p.parse().unwrap()).collect();
        let started = App::start(
            app.db.clone(),
            app.master.clone(),
            app.rng.clone(),
            app.clock.clone(),
            options,
        );
        Self {
            app: started.await.unwrap(),
            ..self.clone()
        }
    }

    /// The operator's server.
    pub(crate) fn server(&self) -> Server {
        Server::new(self, &self.secret)
    }

    /// Another instance in the same process, with its browser and its server.
    pub(crate) async fn other_instance(&self, name: &str) -> (Browser, Server, Arc<Instance>) {
        // Instances are ordered by their age: this one is not the first.
        self.advance_ms(1);
        let host = match self.kind {
            Kind::Development => format!("{name}.localhost:8787"),
            Kind::Production => format!("clerk.{name}.org"),
        };
        let environment = if self.kind == Kind::Development {
            "development"
        } else {
            "production"
        };
        let tools = Tools {
            db: &self.app.db,
            master: &self.app.master,
            rng: &self.app.rng,
            now: self.app.clock.now(),
        };
        setup::ensure(&tools, &wanted(name, &host, environment))
            .await
            .unwrap();
        self.app.reload().await.unwrap();
        let instance = self
            .app
            .instances()
            .into_iter()
            .find(|i| i.row.name == name)
            .unwrap();
        let key = self.secret_of(&instance).await;
        let origin = format!("{}://{host}", self.scheme());
        (
            Browser::new(self, &host, &origin),
            Server::new(self, &key),
            instance,
        )
    }

    pub(crate) async fn answer(&self, incoming: Incoming, asked: String) -> Answer {
        Answer::new(surface::answer(&self.app, incoming).await, asked)
    }

    /// Changes the settings of the first instance.
    pub(crate) async fn settings(&self, change: impl FnOnce(&mut Settings)) {
        self.settings_of(&self.instance(), change).await;
    }

    pub(crate) async fn settings_of(
        &self,
        instance: &Instance,
        change: impl FnOnce(&mut Settings),
    ) {
        let mut settings = instance.settings.clone();
        change(&mut settings);
        settings.check().unwrap();
        let text = serde_json::to_string(&settings).unwrap();
        let write = async || {
            usher_db::write_tx!(self.app.db, instance.row.id.as_str(), tx => {
                store::update_settings(&mut tx, &instance.row.id, &text, self.app.clock.now()).await?;
                Ok::<_, Error>(())
            })
        };
        write().await.unwrap();
        assert!(self.app.reload().await.unwrap());
    }

    pub(crate) fn advance_ms(&self, ms: i64) {
        self.app.clock.advance_ms(ms);
    }
    pub(crate) fn advance_secs(&self, secs: i64) {
        self.advance_ms(secs * 1000);
    }
    pub(crate) fn advance_minutes(&self, minutes: i64) {
        self.advance_secs(minutes * 60);
    }
    pub(crate) fn advance_days(&self, days: i64) {
        self.advance_minutes(days * 24 * 60);
    }
    pub(crate) fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    /// The newest code for an address: from the development inbox, or out of the queued mail.
    pub(crate) async fn code(&self, to: &str) -> String {
        let film = to.len() == 12 && to.starts_with("+1") && to.get(5..10) == Some("55501");
        if (to.contains("+clerk_test") || film) && self.kind == Kind::Development {
            return "424242".to_owned();
        }
        self.codes(to)
            .await
            .pop()
            .unwrap_or_else(|| panic!("no code was sent to {to}"))
    }

    /// Every code that was sent to an address, oldest first.
    pub(crate) async fn codes(&self, to: &str) -> Vec<String> {
        if self.kind == Kind::Development {
            let target = format!("/inbox/messages?to={}", usher_http::percent::encode(to));
            let inbox = self.browser().get(&target).await.ok();
            let codes = inbox["data"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|m| m["code"].as_str().map(str::to_owned));
            return codes.rev().collect();
        }
        let rows = self
            .rows(
                "SELECT text_body FROM messages WHERE recipient = ? ORDER BY created_at, id",
                &[usher_db::Value::Text(to.to_owned())],
            )
            .await;
        let digits = |text: &String| {
            text.split(|c: char| !c.is_ascii_digit())
                .find(|w| w.len() == 6)
                .map(str::to_owned)
        };
        // Notices carry none.
        rows.iter().filter_map(digits).collect()
    }

    /// A user with a verified address and the usual password.
    pub(crate) async fn user(&self, address: &str) -> User {
        self.user_with(address, json!({ "password": PASSWORD }))
            .await
    }

    /// A user who signs in by codes: nothing is hashed.
    pub(crate) async fn user_without_password(&self, address: &str) -> User {
        self.user_with(address, json!({ "skip_password_requirement": true }))
            .await
    }

    pub(crate) async fn user_with(&self, address: &str, more: Value) -> User {
        let mut body = json!({ "email_address": [address] });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let made = self.server().post("/v1/users", body).await.ok();
        User {
            id: made["id"].as_str().unwrap().to_owned(),
            email_id: made["primary_email_address_id"]
                .as_str()
                .unwrap()
                .to_owned(),
        }
    }

    /// A browser that is signed in as a fresh user, with the user and the session's id.
    pub(crate) async fn signed_in(&self, address: &str) -> (Browser, User, String) {
        let user = self.user_without_password(address).await;
        let browser = self.browser();
        let session = browser.sign_in(address).await;
        (browser, user, session)
    }

    /// First columns of a query.
    pub(crate) async fn rows(&self, sql: &str, values: &[usher_db::Value]) -> Vec<String> {
        let mut tx = self.app.db.read("").await.unwrap();
        let rows: Vec<Cells> = tx.all(sql, values).await.unwrap();
        rows.into_iter()
            .map(|r| r.0.into_iter().next().unwrap())
            .collect()
    }

    pub(crate) async fn count(&self, table: &str) -> usize {
        self.rows(&format!("SELECT * FROM {table}"), &[])
            .await
            .len()
    }

    /// Every row of every table.
    pub(crate) async fn snapshot(&self) -> Snapshot {
        let names = match self.app.db.engine() {
            "sqlite" => "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
            _ => {
                "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name"
            }
        };
        let mut all = BTreeMap::new();
        for table in self.rows(names, &[]).await {
            let mut tx = self.app.db.read("").await.unwrap();
            let rows: Vec<Cells> = tx
                .all(&format!("SELECT * FROM {table}"), &[])
                .await
                .unwrap();
            let mut rows: Vec<String> = rows.into_iter().map(|r| r.0.join("|")).collect();
            rows.sort();
            all.insert(table, rows);
        }
        assert!(all.len() > 10, "{all:?}");
        Snapshot(all)
    }

    /// Asserts that a request changes no row at all.
    pub(crate) async fn unchanged(&self, request: impl Future<Output = Answer>) -> Answer {
        self.changes_only(&[], request).await
    }

    /// Asserts that a request changes rows of these tables at most.
    pub(crate) async fn changes_only(
        &self,
        tables: &[&str],
        request: impl Future<Output = Answer>,
    ) -> Answer {
        let before = self.snapshot().await.0;
        let answer = request.await;
        let after = self.snapshot().await.0;
        let changed: Vec<&String> = before
            .keys()
            .filter(|t| before[*t] != after[*t])
            .filter(|t| !tables.contains(&t.as_str()))
            // A change leaves its row in the log; what changes nothing leaves none there either.
            .filter(|t| tables.is_empty() || !t.starts_with("audit_"))
            .collect();
        assert!(
            changed.is_empty(),
            "{} changed {changed:?}\n{}",
            answer.asked,
            answer.body
        );
        answer
    }
}

/// Writes down a figure for the evidence (`make evidence` sums them) where the run asks for it.
pub(crate) fn figure(name: &str, count: usize) {
    if let Some(path) = std::env::var_os("USHER_FIGURES") {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        // One write, so that lines of parallel tests do not mix.
        file.write_all(format!("{}\n", json!({ name: count })).as_bytes())
            .unwrap();
    }
}

/// A row as text.
struct Cells(Vec<String>);

impl FromRow for Cells {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        let mut cells = Vec::new();
        for index in 0.. {
            if let Ok(text) = row.get::<Option<String>>(index) {
                cells.push(text.unwrap_or_else(|| "NULL".to_owned()));
            } else if let Ok(number) = row.get::<i64>(index) {
                cells.push(number.to_string());
            } else if let Ok(bytes) = row.get::<Vec<u8>>(index) {
                cells.push(digest::b64url(&bytes));
            } else {
                break;
            }
        }
        Ok(Self(cells))
    }
}
