//! Durable writes of the database layer: 64 writers that share commits, against one after the other.
use crate::http::{Res, told};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use usher_db::{Db, params};

/// Commits per second.
pub(crate) struct Writes {
    /// SQLite alone: one connection, one commit per row.
    pub(crate) autocommit: f64,
    /// The layer with one writer.
    pub(crate) alone: f64,
    /// The layer with 64 writers.
    pub(crate) crowd: f64,
    /// The same with keys all over the index.
    pub(crate) scattered: f64,
}

/// In which order the keys of rows come.
#[derive(Clone, Copy)]
pub(crate) enum Keys {
    /// In the order of time, as this server's ids do: neighbours share pages.
    InTime,
    /// Each writer's somewhere else.
    Scattered,
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS bench (id TEXT PRIMARY KEY, body TEXT NOT NULL, at BIGINT NOT NULL)";
const INSERT: &str = "INSERT INTO bench (id, body, at) VALUES (?, ?, ?)";
const BODY: &str = "about what a session row holds: ids, an address, a browser's name, a status, five instants and a few flags in between, 200 bytes of text or so in all, which is small";

/// One writer after the other, straight through rusqlite with the server's pragmas.
pub(crate) fn autocommit(path: &Path, time: Duration) -> Res<f64> {
    let run = || -> rusqlite::Result<f64> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 2000)?;
        connection.execute_batch(TABLE)?;
        connection.execute("DELETE FROM bench", [])?;
        let mut statement = connection.prepare(INSERT)?;
        let began = Instant::now();
        let mut count = 0_i64;
        while began.elapsed() < time {
            statement.execute((format!("row_{count:012}"), BODY, count))?;
            count += 1;
        }
        Ok(count as f64 / began.elapsed().as_secs_f64())
    };
    run().map_err(|e| told("autocommit")(&e))
}

/// `writers` tasks, each committing one small row after the other through the layer.
pub(crate) fn layer(path: &Path, writers: usize, keys: Keys, time: Duration) -> Res<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| told("runtime")(&e))?;
    let run = async {
        let db = Db::open_sqlite(path)?;
        let mut tx = db.write("").await?;
        tx.run(TABLE, &[]).await?;
        tx.run("DELETE FROM bench", &[]).await?;
        tx.commit().await?;
        let began = Instant::now();
        let mut tasks = Vec::new();
        let next = Arc::new(AtomicI64::new(0));
        for writer in 0..writers {
            let (db, next) = (db.clone(), Arc::clone(&next));
            tasks.push(tokio::spawn(async move {
                let mut count = 0_i64;
                while began.elapsed() < time {
                    let mut tx = db.write("").await?;
                    let key = match keys {
                        Keys::InTime => format!("row_{:012}", next.fetch_add(1, Ordering::Relaxed)),
                        Keys::Scattered => format!("row_{writer:03}_{count:012}"),
                    };
                    tx.run(INSERT, params![key, BODY, count]).await?;
                    tx.commit().await?;
                    count += 1;
                }
                Ok::<_, usher_db::DbError>(count)
            }));
        }
        let mut count = 0;
        for task in tasks {
            count += match task.await {
                Ok(outcome) => outcome?,
                Err(_) => 0,
            };
        }
        let rate = count as f64 / began.elapsed().as_secs_f64();
        db.close().await;
        Ok::<_, usher_db::DbError>(rate)
    };
    runtime
        .block_on(run)
        .map_err(|e| told("the database layer")(&e))
}

/// All of them.
pub(crate) fn all(folder: &Path, time: Duration) -> Res<Writes> {
    Ok(Writes {
        autocommit: autocommit(&folder.join("autocommit.db"), time)?,
        alone: layer(&folder.join("layer.db"), 1, Keys::InTime, time)?,
        crowd: layer(&folder.join("layer.db"), 64, Keys::InTime, time)?,
        scattered: layer(&folder.join("layer.db"), 64, Keys::Scattered, time)?,
    })
}

/// Microseconds that appending 4 KiB and syncing it takes on this disk; the median of 200.
pub(crate) fn sync(folder: &Path) -> Res<f64> {
    use std::io::Write;
    let run = || -> std::io::Result<f64> {
        let mut file = std::fs::File::create(folder.join("sync"))?;
        let mut micros = Vec::new();
        for _ in 0..200 {
            let began = Instant::now();
            file.write_all(&[0; 4096])?;
            file.sync_data()?;
            micros.push(began.elapsed().as_secs_f64() * 1e6);
        }
        Ok(crate::report::median(micros))
    };
    run().map_err(|e| told("syncing")(&e))
}
