//! PostgreSQL: a pool, statements prepared once per connection, READ COMMITTED transactions.
use crate::db::{DbError, DbErrorKind};
use crate::row::Row;
use crate::tls::Wish;
use crate::value::Value;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Config, NoTls};

#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
    /// `?` numbered once per text.
    numbered: Arc<Mutex<HashMap<String, Arc<str>>>>,
}

fn failed(e: &tokio_postgres::Error) -> DbError {
    let kind = match e.code().map(tokio_postgres::error::SqlState::code) {
        Some("23505") => DbErrorKind::Unique,
        Some("40001" | "40P01" | "57P01" | "57P02" | "57P03" | "53300") => DbErrorKind::Transient,
        // No space, no memory, a disk that fails.
        Some("53100" | "53200" | "58000" | "58030") => DbErrorKind::Unavailable,
        None if e.is_closed() || is_io(e) => DbErrorKind::Transient,
        _ => DbErrorKind::Other,
    };
    let text = e.as_db_error().map_or_else(
        || e.to_string(),
        |d| format!("{} ({})", d.message(), d.code().code()),
    );
    DbError::new(kind, text)
}

/// A connection that broke under a statement.
fn is_io(e: &tokio_postgres::Error) -> bool {
    std::error::Error::source(e).is_some_and(|source| source.is::<std::io::Error>())
}

impl Postgres {
    pub(crate) async fn connect(url: &str, connections: usize) -> Result<Self, DbError> {
        let (url, wish) = Wish::take(url)?;
        let mut config: Config = url.parse().map_err(|_| {
            DbError::new(DbErrorKind::Setup, "database.url is not a PostgreSQL URL")
        })?;
        if config.get_application_name().is_none() {
            config.application_name("usher");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(std::time::Duration::from_secs(5));
        }
        let options = format!(
            "{} -c statement_timeout=15000 -c idle_in_transaction_session_timeout=30000",
            config.get_options().unwrap_or("")
        );
        config.options(options.trim());
        let connector = wish.connector()?;
        let away = config.get_hosts().iter().find_map(|host| match host {
            Host::Tcp(name) if !is_here(name) => Some(name.clone()),
            Host::Tcp(_) | Host::Unix(_) => None,
        });
        if let (Some(host), None) = (away, &connector) {
            tracing::warn!(
                "The connection to PostgreSQL at {host} is not encrypted; add sslmode=verify-full to database.url"
            );
        }
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match connector {
            Some(connector) => {
                config.ssl_mode(SslMode::Require);
                Manager::from_config(config, connector, recycling)
            }
            None => Manager::from_config(config, NoTls, recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(connections)
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .wait_timeout(Some(std::time::Duration::from_secs(10)))
            .build()
            .map_err(|e| DbError::new(DbErrorKind::Setup, e.to_string()))?;
        let this = Self {
            pool,
            numbered: Arc::default(),
        };
        let version: i32 = {
            let connection = this.pool.get().await.map_err(|e| {
                DbError::new(
                    DbErrorKind::Setup,
                    format!("PostgreSQL does not answer: {}", chain(&e)),
                )
            })?;
            let row = connection
                .query_one("SELECT current_setting('server_version_num')::int", &[])
                .await
                .map_err(|e| failed(&e))?;
            row.get(0)
        };
        this.warn_of_lossy_commits().await?;
        if version < 150_000 {
            return Err(DbError::new(
                DbErrorKind::Setup,
                "PostgreSQL 15 or newer is needed",
            ));
        }
        Ok(this)
    }

    /// Answers are given when a commit is durable; a server that is set otherwise makes that untrue.
    async fn warn_of_lossy_commits(&self) -> Result<(), DbError> {
        let connection = self.take().await?;
        let row = connection
            .query_one(
                "SELECT current_setting('fsync') = 'on', current_setting('synchronous_commit') <> 'off'",
                &[],
            )
            .await
            .map_err(|e| failed(&e))?;
        if !(row.get::<_, bool>(0) && row.get::<_, bool>(1)) {
            tracing::warn!(
                "PostgreSQL runs with fsync or synchronous_commit off: a power cut there loses what was answered here"
            );
        }
        Ok(())
    }

    async fn take(&self) -> Result<Object, DbError> {
        self.pool.get().await.map_err(|e| {
            DbError::new(
                DbErrorKind::Unavailable,
                format!("no connection: {}", chain(&e)),
            )
        })
    }

    pub(crate) async fn reader(&self) -> Result<PostgresTx, DbError> {
        Ok(PostgresTx {
            connection: Some(self.take().await?),
            numbered: Arc::clone(&self.numbered),
            open: false,
        })
    }

    pub(crate) async fn writer(&self) -> Result<PostgresTx, DbError> {
        let connection = self.take().await?;
        connection
            .batch_execute("BEGIN")
            .await
            .map_err(|e| failed(&e))?;
        Ok(PostgresTx {
            connection: Some(connection),
            numbered: Arc::clone(&self.numbered),
            open: true,
        })
    }

    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// What a failed commit means. A refusal by the server is one: nothing was committed, and conflicts may be tried again. Where
/// the connection broke nobody knows, so it is not.
fn uncommitted(e: &tokio_postgres::Error) -> DbError {
    let mut error = failed(e);
    let conflict = matches!(
        e.code().map(tokio_postgres::error::SqlState::code),
        Some("40001" | "40P01")
    );
    if error.kind == DbErrorKind::Transient && !conflict {
        error.kind = DbErrorKind::Unavailable;
        error.text = format!("the outcome of a commit is unknown: {}", error.text);
    }
    error
}

/// An error with its causes, in one line.
fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut next = e.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}

/// True for names of this machine.
fn is_here(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A connection, with a transaction open on it when writing.
pub(crate) struct PostgresTx {
    connection: Option<Object>,
    numbered: Arc<Mutex<HashMap<String, Arc<str>>>>,
    open: bool,
}

impl PostgresTx {
    fn connection(&self) -> Result<&Object, DbError> {
        self.connection
            .as_ref()
            .ok_or_else(|| DbError::new(DbErrorKind::Other, "the transaction has ended"))
    }

    fn text(&self, sql: &str) -> Arc<str> {
        let mut known = self.numbered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known.get(sql) {
            return Arc::clone(text);
        }
        let text: Arc<str> = number(sql).into();
        if known.len() < 4096 {
            known.insert(sql.to_owned(), Arc::clone(&text));
        }
        text
    }

    pub(crate) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, DbError> {
        let text = self.text(sql);
        let connection = self.connection()?;
        let statement = connection
            .prepare_cached(&text)
            .await
            .map_err(|e| failed(&e))?;
        let bound: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
        let rows = connection
            .query(&statement, &bound)
            .await
            .map_err(|e| failed(&e))?;
        rows.iter().map(read).collect()
    }

    pub(crate) async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, DbError> {
        let text = self.text(sql);
        let connection = self.connection()?;
        let statement = connection
            .prepare_cached(&text)
            .await
            .map_err(|e| failed(&e))?;
        let bound: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
        connection
            .execute(&statement, &bound)
            .await
            .map_err(|e| failed(&e))
    }

    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        self.connection()?
            .batch_execute(sql)
            .await
            .map_err(|e| failed(&e))
    }

    pub(crate) async fn commit(mut self) -> Result<(), DbError> {
        if self.open {
            self.connection()?
                .batch_execute("COMMIT")
                .await
                .map_err(|e| uncommitted(&e))?;
            self.open = false;
        }
        Ok(())
    }
}

impl Drop for PostgresTx {
    fn drop(&mut self) {
        // A transaction that was not committed: the rollback goes out before the connection can be used again.
        if let (true, Some(connection)) = (self.open, self.connection.take()) {
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    if connection.batch_execute("ROLLBACK").await.is_err() {
                        drop(Object::take(connection));
                    }
                });
            } else {
                drop(Object::take(connection));
            }
        }
    }
}

/// Numbers the `?` of a text and gives `$LOCK` its meaning. Texts hold no `?` inside literals.
fn number(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut next = 0;
    for c in sql.chars() {
        if c == '?' {
            next += 1;
            out.push('$');
            out.push_str(&next.to_string());
        } else {
            out.push(c);
        }
    }
    out.replace("$LOCK", "FOR UPDATE")
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(v) if *ty == Type::INT4 => i32::try_from(*v)?.to_sql(ty, out),
            Value::Int(v) => v.to_sql(ty, out),
            Value::Bool(v) => v.to_sql(ty, out),
            // PostgreSQL's text cannot hold NUL; the edge refuses it, this keeps a mistake there from being a 500.
            Value::Text(v) if v.contains('\0') => v.replace('\0', "\u{fffd}").to_sql(ty, out),
            Value::Text(v) => v.to_sql(ty, out),
            Value::Bytes(v) => v.to_sql(ty, out),
        }
    }
    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT8
                | Type::INT4
                | Type::BOOL
                | Type::TEXT
                | Type::VARCHAR
                | Type::BYTEA
                | Type::UNKNOWN
        )
    }
    to_sql_checked!();
}

fn read(row: &tokio_postgres::Row) -> Result<Row, DbError> {
    let mut values = Vec::with_capacity(row.len());
    for (index, column) in row.columns().iter().enumerate() {
        let value = match *column.type_() {
            Type::INT8 => row
                .try_get::<_, Option<i64>>(index)
                .map(|v| v.map_or(Value::Null, Value::Int)),
            Type::INT4 => row
                .try_get::<_, Option<i32>>(index)
                .map(|v| v.map_or(Value::Null, |v| Value::Int(i64::from(v)))),
            Type::BOOL => row
                .try_get::<_, Option<bool>>(index)
                .map(|v| v.map_or(Value::Null, Value::Bool)),
            Type::TEXT | Type::VARCHAR | Type::NAME => row
                .try_get::<_, Option<String>>(index)
                .map(|v| v.map_or(Value::Null, Value::Text)),
            Type::BYTEA => row
                .try_get::<_, Option<Vec<u8>>>(index)
                .map(|v| v.map_or(Value::Null, Value::Bytes)),
            ref other => {
                return Err(DbError::shape(format!(
                    "column {index} has the type {other}"
                )));
            }
        };
        values.push(value.map_err(|e| failed(&e))?);
    }
    Ok(Row(values))
}
