//! SQLite: WAL, `synchronous=FULL`, one writer whose commits are shared.
//!
//! Group commit: a write runs in a savepoint of the batch that is open on the writer connection. Ending it does not
//! commit; it asks the committer thread, which queues for the connection like everybody else. Writes that were already
//! waiting therefore join the batch, and one sync pays for all of them. A write's caller is answered only after the sync.
use crate::db::{DbError, DbErrorKind};
use crate::row::Row;
use crate::value::Value;
use reader::Reader;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, oneshot};

mod reader;
pub(crate) use reader::SqliteRead;

/// Milliseconds a connection waits for another process.
const BUSY_MS: u64 = 5000;
const STATEMENTS: usize = 256;
/// The WAL file is emptied when it is longer, in bytes. SQLite carries it over from 8 MB on but starts it anew only at a
/// moment without readers, which a busy server may not have.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;
/// Commits between two looks at its length.
const LOG_LOOK: u32 = 32;

#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

struct Inner {
    path: PathBuf,
    writer: Arc<AsyncMutex<Writer>>,
    /// Idle read connections, the last used one last.
    readers: Arc<Mutex<Vec<Reader>>>,
    wake: mpsc::Sender<()>,
    commits: Arc<Commits>,
    closed: AtomicBool,
}

/// What readers know of the writer: whether the view they have is still the present.
#[derive(Default)]
struct Commits {
    /// Batches committed, counted before anybody is told.
    count: AtomicU64,
    /// A commit is under way: SQLite may be carrying the log over into the file, and views would be in its way.
    running: AtomicBool,
}

struct Writer {
    connection: Connection,
    /// A batch (`BEGIN IMMEDIATE`) is open.
    batch: bool,
    /// Who waits for the batch's commit.
    waiting: Vec<oneshot::Sender<Result<(), DbError>>>,
    readers: Arc<Mutex<Vec<Reader>>>,
    commits: Arc<Commits>,
    log: PathBuf,
    /// Commits since the last look at its length.
    unseen: u32,
}

fn failed(e: &rusqlite::Error) -> DbError {
    let kind = match e.sqlite_error() {
        Some(f)
            if f.code == ErrorCode::ConstraintViolation
                && matches!(f.extended_code, 2067 | 1555) =>
        {
            DbErrorKind::Unique
        }
        Some(f) if matches!(f.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            DbErrorKind::Transient
        }
        Some(f) if matches!(f.code, ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            DbErrorKind::Unavailable
        }
        Some(f)
            if matches!(
                f.code,
                ErrorCode::NotADatabase | ErrorCode::CannotOpen | ErrorCode::ReadOnly
            ) =>
        {
            DbErrorKind::Setup
        }
        _ => DbErrorKind::Other,
    };
    DbError::new(kind, e.to_string())
}

fn connect(path: &Path, writer: bool) -> Result<Connection, DbError> {
    let flags = if writer {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    } else {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    };
    let connection = Connection::open_with_flags(
        path,
        flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI,
    )
    .map_err(|e| {
        let mut e = failed(&e);
        e.text = format!("{}: {}", path.display(), e.text);
        e.kind = DbErrorKind::Setup;
        e
    })?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let setup = || -> rusqlite::Result<()> {
        connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
        // Plans do not look at bound values, or statements with partial indexes in reach are compiled at every use.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        if writer {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "wal_autocheckpoint", 2000)?;
        }
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "cache_size", -8000)?;
        connection.pragma_update(None, "mmap_size", 268_435_456_i64)
    };
    setup().map_err(|e| {
        let mut e = failed(&e);
        e.text = format!("{}: {}", path.display(), e.text);
        e
    })?;
    Ok(connection)
}

impl Sqlite {
    pub fn open(path: &Path) -> Result<Self, DbError> {
        let connection = connect(path, true)?;
        let (wake, woken) = mpsc::channel();
        let readers: Arc<Mutex<Vec<Reader>>> = Arc::default();
        let commits: Arc<Commits> = Arc::default();
        let writer = Arc::new(AsyncMutex::new(Writer {
            connection,
            batch: false,
            waiting: Vec::new(),
            readers: Arc::clone(&readers),
            commits: Arc::clone(&commits),
            log: {
                let mut log = path.as_os_str().to_owned();
                log.push("-wal");
                log.into()
            },
            unseen: 0,
        }));
        let own = Arc::clone(&writer);
        std::thread::Builder::new()
            .name("sqlite-commit".to_owned())
            .spawn(move || {
                while woken.recv().is_ok() {
                    // Several wishes are one commit.
                    while woken.try_recv().is_ok() {}
                    own.blocking_lock().end_batch();
                }
            })
            .map_err(|e| DbError::new(DbErrorKind::Other, e.to_string()))?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            writer,
            readers,
            wake,
            commits,
            closed: AtomicBool::new(false),
        })))
    }

    pub(crate) fn reader(&self) -> Result<SqliteRead, DbError> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(DbError::new(DbErrorKind::Other, "the database is closed"));
        }
        SqliteRead::open(&self.0)
    }

    pub(crate) async fn writer(&self) -> Result<SqliteWrite, DbError> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(DbError::new(DbErrorKind::Other, "the database is closed"));
        }
        let mut guard = Arc::clone(&self.0.writer).lock_owned().await;
        if !guard.batch {
            control(&guard.connection, "BEGIN IMMEDIATE")?;
            guard.batch = true;
        }
        control(&guard.connection, "SAVEPOINT w")?;
        Ok(SqliteWrite {
            guard: Some(guard),
            wake: self.0.wake.clone(),
        })
    }

    pub(crate) async fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        // Views would keep the last checkpoint from emptying the log.
        self.0
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let mut writer = self.0.writer.lock().await;
        writer.end_batch();
        if let Err(e) = writer
            .connection
            .execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);")
        {
            tracing::warn!("The last checkpoint failed: {e}");
        }
    }
}

impl Writer {
    /// Commits the open batch and answers everybody in it. Rolls back when the commit fails.
    fn end_batch(&mut self) {
        if !self.batch {
            return;
        }
        self.batch = false;
        self.commits.running.store(true, Ordering::SeqCst);
        reader::end_views(&self.readers);
        let outcome = control(&self.connection, "COMMIT");
        self.commits.count.fetch_add(1, Ordering::SeqCst);
        if outcome.is_err()
            && !self.connection.is_autocommit()
            && self.connection.execute_batch("ROLLBACK").is_err()
        {
            tracing::error!("A failed commit could not be rolled back");
        }
        for waiter in self.waiting.drain(..) {
            // A caller that is gone needs no answer.
            let _gone = waiter.send(outcome.clone());
        }
        self.unseen += 1;
        if self.unseen >= LOG_LOOK {
            self.unseen = 0;
            if std::fs::metadata(&self.log).is_ok_and(|m| m.len() > LOG_LIMIT) {
                self.empty_log();
            }
        }
        self.commits.running.store(false, Ordering::SeqCst);
    }

    /// Waits for the readers that are at work, up to a tenth of a second; another time if that is not enough. New ones read
    /// from the file meanwhile.
    fn empty_log(&self) {
        let patience = |millis| {
            self.connection
                .busy_timeout(std::time::Duration::from_millis(millis))
        };
        let emptied = patience(100)
            .and_then(|()| {
                self.connection
                    .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            })
            .and(patience(BUSY_MS));
        if let Err(e) = emptied {
            tracing::warn!("The write-ahead log could not be emptied: {e}");
        }
    }
}

/// A write in the open batch; rolled back on drop.
pub(crate) struct SqliteWrite {
    guard: Option<OwnedMutexGuard<Writer>>,
    wake: mpsc::Sender<()>,
}

impl SqliteWrite {
    fn connection(&self) -> Result<&Connection, DbError> {
        self.guard
            .as_ref()
            .map(|g| &g.connection)
            .ok_or_else(|| DbError::new(DbErrorKind::Other, "the transaction has ended"))
    }
    pub(crate) fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, DbError> {
        query(self.connection()?, sql, values)
    }
    pub(crate) fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, DbError> {
        let sql = plain(sql);
        let mut statement = self
            .connection()?
            .prepare_cached(&sql)
            .map_err(|e| failed(&e))?;
        let count = statement
            .execute(rusqlite::params_from_iter(values.iter().map(Bind)))
            .map_err(|e| failed(&e))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
    pub(crate) fn batch(&self, sql: &str) -> Result<(), DbError> {
        self.connection()?
            .execute_batch(sql)
            .map_err(|e| failed(&e))
    }
    pub(crate) async fn commit(mut self) -> Result<(), DbError> {
        let Some(mut guard) = self.guard.take() else {
            return Ok(());
        };
        if let Err(e) = control(&guard.connection, "RELEASE w") {
            // Rolled back by SQLite itself, or now: `Drop` sees to either.
            self.guard = Some(guard);
            return Err(e);
        }
        let (done, wait) = oneshot::channel();
        guard.waiting.push(done);
        drop(guard);
        self.wake
            .send(())
            .map_err(|_| DbError::new(DbErrorKind::Other, "the committer has stopped"))?;
        match wait.await {
            Ok(outcome) => outcome,
            Err(_) => Err(DbError::new(
                DbErrorKind::Other,
                "the committer has stopped",
            )),
        }
    }
}

impl Drop for SqliteWrite {
    fn drop(&mut self) {
        let Some(mut guard) = self.guard.take() else {
            return;
        };
        // After some errors (a full disk) SQLite has rolled the whole batch back by itself.
        if guard.connection.is_autocommit() {
            guard.batch = false;
            for waiter in guard.waiting.drain(..) {
                let _gone = waiter.send(Err(DbError::new(
                    DbErrorKind::Unavailable,
                    "the batch was rolled back with a write that failed",
                )));
            }
            return;
        }
        let ended = control(&guard.connection, "ROLLBACK TO w")
            .and_then(|()| control(&guard.connection, "RELEASE w"));
        if let Err(e) = ended {
            tracing::error!("A write could not be rolled back: {e}");
        }
        drop(guard);
        // The batch may be empty or may hold others' writes: the committer ends it either way.
        let _stopped = self.wake.send(());
    }
}

struct Bind<'a>(&'a Value);

impl rusqlite::ToSql for Bind<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(v) => ValueRef::Integer(*v),
            Value::Bool(v) => ValueRef::Integer(i64::from(*v)),
            Value::Text(v) => ValueRef::Text(v.as_bytes()),
            Value::Bytes(v) => ValueRef::Blob(v),
        }))
    }
}

/// A statement that controls transactions; compiled once per connection.
fn control(connection: &Connection, sql: &str) -> Result<(), DbError> {
    let mut statement = connection.prepare_cached(sql).map_err(|e| failed(&e))?;
    statement.execute([]).map(drop).map_err(|e| failed(&e))
}

fn plain(sql: &str) -> std::borrow::Cow<'_, str> {
    if sql.contains("$LOCK") {
        sql.replace("$LOCK", "").into()
    } else {
        sql.into()
    }
}

fn query(connection: &Connection, sql: &str, values: &[Value]) -> Result<Vec<Row>, DbError> {
    let sql = plain(sql);
    let mut statement = connection.prepare_cached(&sql).map_err(|e| failed(&e))?;
    let width = statement.column_count();
    let mut rows = statement
        .query(rusqlite::params_from_iter(values.iter().map(Bind)))
        .map_err(|e| failed(&e))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(|e| failed(&e))? {
        let mut columns = Vec::with_capacity(width);
        for index in 0..width {
            columns.push(match row.get_ref(index).map_err(|e| failed(&e))? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(v) => Value::Int(v),
                ValueRef::Real(_) => {
                    return Err(DbError::shape("a floating-point column".to_owned()));
                }
                // Checking whole is faster than looking for what to replace, which is there in damaged files only.
                ValueRef::Text(v) => Value::Text(match std::str::from_utf8(v) {
                    Ok(text) => text.to_owned(),
                    Err(_) => String::from_utf8_lossy(v).into_owned(),
                }),
                ValueRef::Blob(v) => Value::Bytes(v.to_vec()),
            });
        }
        found.push(Row(columns));
    }
    Ok(found)
}
