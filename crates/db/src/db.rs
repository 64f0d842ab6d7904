//! [`Db`], the database of a process, and [`Tx`], what a use case reads and writes through.
use crate::postgres::{Postgres, PostgresTx};
use crate::row::{FromRow, Row};
use crate::sqlite::{Sqlite, SqliteRead, SqliteWrite};
use crate::value::Value;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use usher_types::{Error, Fault};

/// What can go wrong in the database.
#[derive(Clone, Debug)]
pub struct DbError {
    /// For the log.
    pub text: String,
    /// What a caller may want to tell apart.
    pub kind: DbErrorKind,
}

/// The kinds that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DbErrorKind {
    /// A unique index refused the row.
    Unique,
    /// Trying the whole transaction again may succeed.
    Transient,
    /// It cannot serve at the moment: a full disk, a server that is away, a commit whose outcome is unknown. Nothing is tried
    /// again here: a commit that did happen would happen twice.
    Unavailable,
    /// The configuration or the data directory is at fault; the text says what to change.
    Setup,
    /// Anything else.
    Other,
}

impl DbError {
    pub(crate) fn new(kind: DbErrorKind, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            kind,
        }
    }
    pub(crate) fn shape(text: String) -> Self {
        Self::new(DbErrorKind::Other, text)
    }
    /// True when a unique index refused the row.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.kind == DbErrorKind::Unique
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl std::error::Error for DbError {}

impl From<DbError> for Error {
    #[track_caller]
    fn from(e: DbError) -> Self {
        let mut fault = Fault::new(format!("database: {}", e.text));
        fault.transient = e.kind == DbErrorKind::Transient;
        fault.unavailable = e.kind == DbErrorKind::Unavailable;
        Error::Fault(fault)
    }
}

/// A database. Cheap to clone.
#[derive(Clone)]
pub enum Db {
    /// Embedded.
    Sqlite(Sqlite),
    /// A server.
    Postgres(Postgres),
}

impl Db {
    /// Opens (creating it if needed) a SQLite file.
    ///
    /// # Errors
    /// `Setup` when the file cannot be opened or is no database.
    pub fn open_sqlite(path: &Path) -> Result<Self, DbError> {
        Sqlite::open(path).map(Self::Sqlite)
    }
    /// Connects to PostgreSQL 15 or newer, by URL (`postgres://user:password@host/name?sslmode=verify-full`: encrypted and
    /// verified; without it in clear).
    ///
    /// # Errors
    /// `Setup` when the URL is wrong or the server does not answer.
    pub async fn open_postgres(url: &str, connections: usize) -> Result<Self, DbError> {
        Postgres::connect(url, connections)
            .await
            .map(Self::Postgres)
    }
    /// The engine's name: `sqlite` or `postgres`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
    /// A view to read through: every statement sees what is committed when it runs.
    ///
    /// # Errors
    /// A connection that cannot be had.
    pub async fn read(&self, tenant: &str) -> Result<Tx, DbError> {
        let engine = match self {
            Self::Sqlite(db) => Engine::SqliteRead(db.reader()?),
            Self::Postgres(db) => Engine::Postgres(Box::new(db.reader().await?)),
        };
        Ok(Tx {
            engine,
            tenant: tenant.to_owned(),
            at_end: Vec::new(),
        })
    }
    /// A write transaction. It is rolled back unless [`Tx::commit`] is called. Nothing but SQL may be awaited while it
    /// is open: on SQLite it is the only writer.
    ///
    /// # Errors
    /// A connection that cannot be had.
    pub async fn write(&self, tenant: &str) -> Result<Tx, DbError> {
        let engine = match self {
            Self::Sqlite(db) => Engine::SqliteWrite(db.writer().await?),
            Self::Postgres(db) => Engine::Postgres(Box::new(db.writer().await?)),
        };
        Ok(Tx {
            engine,
            tenant: tenant.to_owned(),
            at_end: Vec::new(),
        })
    }
    /// Flushes and closes what can be closed; the last thing a process does.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
            Self::Postgres(db) => db.close(),
        }
    }
}

enum Engine {
    SqliteRead(SqliteRead),
    SqliteWrite(SqliteWrite),
    Postgres(Box<PostgresTx>),
}

/// A view or a transaction, bound to one tenant (an instance).
pub struct Tx {
    engine: Engine,
    tenant: String,
    at_end: Vec<Box<dyn AtEnd>>,
}

/// Work that a transaction gathers while it runs and does last, right before its commit: a row that every transaction
/// locks is so locked for as short as can be, and always after all others.
pub trait AtEnd: Any + Send {
    /// Does the work. Nothing but SQL is awaited.
    fn run<'a>(
        &'a mut self,
        tx: &'a mut Tx,
    ) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + 'a>>;
}

impl Tx {
    /// The instance that this transaction acts for: the first predicate of every statement on its rows.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }
    /// Several short reads and nothing else follow: on SQLite they see one state and pay for one lock instead of one
    /// each. On PostgreSQL, and in a write, this is nothing.
    ///
    /// # Errors
    /// What the database says.
    pub fn snapshot(&mut self) -> Result<(), DbError> {
        match &mut self.engine {
            Engine::SqliteRead(tx) => tx.snapshot(),
            Engine::SqliteWrite(_) | Engine::Postgres(_) => Ok(()),
        }
    }
    /// Adds to the work of kind `T` that this transaction does last. A transaction that is rolled back does none.
    pub fn at_end<T: AtEnd + Default>(&mut self, add: impl FnOnce(&mut T)) {
        for work in &mut self.at_end {
            let work: &mut dyn Any = &mut **work;
            if let Some(known) = work.downcast_mut::<T>() {
                add(known);
                return;
            }
        }
        let mut work = T::default();
        add(&mut work);
        self.at_end.push(Box::new(work));
    }
    /// Every row of a query.
    ///
    /// # Errors
    /// What the database says.
    pub async fn all<T: FromRow>(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Vec<T>, DbError> {
        let mut rows: Vec<Row> = match &mut self.engine {
            Engine::SqliteRead(tx) => tx.query(sql, values)?,
            Engine::SqliteWrite(tx) => tx.query(sql, values)?,
            Engine::Postgres(tx) => tx.query(sql, values).await?,
        };
        rows.iter_mut().map(T::from_row).collect()
    }
    /// The first row of a query.
    ///
    /// # Errors
    /// What the database says.
    pub async fn first<T: FromRow>(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Option<T>, DbError> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }
    /// Runs a statement; the number of rows it changed.
    ///
    /// # Errors
    /// What the database says; `Unique` when a unique index refused.
    pub async fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, DbError> {
        match &mut self.engine {
            Engine::SqliteRead(_) => {
                Err(DbError::new(DbErrorKind::Other, "a write in a read view"))
            }
            Engine::SqliteWrite(tx) => tx.execute(sql, values),
            Engine::Postgres(tx) => tx.execute(sql, values).await,
        }
    }
    /// Inserts one row of `table`.
    ///
    /// # Errors
    /// As [`Tx::run`].
    pub async fn insert(
        &mut self,
        table: &'static str,
        columns: &[&str],
        values: &[Value],
    ) -> Result<u64, DbError> {
        let marks = vec!["?"; columns.len()].join(", ");
        self.run(
            &format!(
                "INSERT INTO {table} ({}) VALUES ({marks})",
                columns.join(", ")
            ),
            values,
        )
        .await
    }
    /// Runs several statements of a migration.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        match &mut self.engine {
            Engine::SqliteRead(_) => {
                Err(DbError::new(DbErrorKind::Other, "a write in a read view"))
            }
            Engine::SqliteWrite(tx) => tx.batch(sql),
            Engine::Postgres(tx) => tx.batch(sql).await,
        }
    }
    /// The engine's name: `sqlite` or `postgres`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match self.engine {
            Engine::SqliteRead(_) | Engine::SqliteWrite(_) => "sqlite",
            Engine::Postgres(_) => "postgres",
        }
    }
    /// Makes the writes durable. When this returns `Ok`, a power cut loses nothing of them.
    ///
    /// # Errors
    /// The commit failed; nothing of the transaction is kept.
    pub async fn commit(mut self) -> Result<(), DbError> {
        for mut work in std::mem::take(&mut self.at_end) {
            work.run(&mut self).await?;
        }
        match self.engine {
            Engine::SqliteRead(_) => Ok(()),
            Engine::SqliteWrite(tx) => tx.commit().await,
            Engine::Postgres(tx) => tx.commit().await,
        }
    }
}

/// Runs the body as one write transaction of `$db` for `$tenant`: committed when the body is `Ok`, rolled back when it
/// is `Err`. The body awaits nothing but SQL; a refusal that must be counted is an `Ok` value, so that it commits.
/// Where the database asks for another try (a deadlock, a serialization failure) the body runs again, 5 times at most.
#[macro_export]
macro_rules! write_tx {
    ($db:expr, $tenant:expr, $tx:ident => $body:block) => {{
        let mut tries = 0;
        loop {
            tries += 1;
            let mut $tx = match $db.write($tenant).await {
                Ok(tx) => tx,
                Err(e) => break Err(::usher_types::Error::from(e)),
            };
            let out: ::std::result::Result<_, ::usher_types::Error> = async { $body }.await;
            let out = match out {
                Ok(value) => match $tx.commit().await {
                    Ok(()) => Ok(value),
                    Err(e) => Err(::usher_types::Error::from(e)),
                },
                Err(e) => {
                    drop($tx);
                    Err(e)
                }
            };
            match out {
                Err(::usher_types::Error::Fault(fault)) if fault.transient && tries < 5 => continue,
                other => break other,
            }
        }
    }};
}
