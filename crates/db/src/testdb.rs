//! Databases for tests: a fresh SQLite file, or a fresh schema of the PostgreSQL server that `USHER_TEST_POSTGRES` names.
use crate::db::{Db, DbError};
use std::path::PathBuf;

/// The URL of the server for tests, when there is one. `make test` starts it.
#[must_use]
pub fn postgres_url() -> Option<String> {
    std::env::var("USHER_TEST_POSTGRES")
        .ok()
        .filter(|url| !url.is_empty())
}

/// A fresh, migrated SQLite file in the temporary directory.
///
/// # Errors
/// What the database says.
pub async fn sqlite(name: &str) -> Result<(Db, PathBuf), DbError> {
    let path = std::env::temp_dir().join(format!("usher-test-{}-{name}.db", std::process::id()));
    for suffix in ["", "-wal", "-shm"] {
        // Left from a killed run, or not there at all.
        let _absent = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    let db = Db::open_sqlite(&path)?;
    crate::migrate::run(&db).await?;
    Ok((db, path))
}

/// A fresh, migrated schema `name` on the PostgreSQL server for tests.
///
/// # Errors
/// What the database says.
pub async fn postgres(url: &str, name: &str) -> Result<Db, DbError> {
    let admin = Db::open_postgres(url, 1).await?;
    let mut tx = admin.write("").await?;
    tx.batch(&format!(
        "DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}"
    ))
    .await?;
    tx.commit().await?;
    admin.close().await;
    let join = if url.contains('?') { '&' } else { '?' };
    let db = Db::open_postgres(&format!("{url}{join}options=-csearch_path%3D{name}"), 8).await?;
    crate::migrate::run(&db).await?;
    Ok(db)
}
