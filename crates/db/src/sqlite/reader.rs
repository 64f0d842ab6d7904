//! Read connections and their views.
//!
//! A view is a read transaction. Taking and leaving one costs locks in the WAL index (two `fcntl` calls under a mutex of the
//! process), a fifth of the CPU time of a short read. So a connection keeps its view, even while it lies idle, for as long
//! as it is the present: until the writer commits, or for [`VIEW_LIFE`], because another process may write too (`usher
//! keys` beside a running server). Every statement asks first, so that it sees whatever was committed before it ran.
//!
//! Idle views would keep the writer from starting the WAL file anew. It ends them before each commit, in which SQLite
//! carries the log over, and no view outlives its statement while a commit runs.
use super::{Commits, Inner, connect, control, query};
use crate::db::DbError;
use crate::row::Row;
use crate::value::Value;
use rusqlite::Connection;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Idle read connections that are kept.
const READERS: usize = 16;
/// How long a view may be behind what another process wrote.
const VIEW_LIFE: Duration = Duration::from_millis(20);

/// A read connection.
pub(super) struct Reader {
    connection: Connection,
    view: Option<View>,
}

/// An open read transaction.
struct View {
    /// The writer's count before it was opened: it shows at least that much.
    commits: u64,
    since: Instant,
}

impl Reader {
    /// Leaves a view that is not the present; opens one.
    fn refresh(&mut self, commits: &Commits) -> Result<(), DbError> {
        let count = commits.count.load(Ordering::SeqCst);
        if let Some(view) = &self.view {
            if view.commits == count && view.since.elapsed() < VIEW_LIFE {
                return Ok(());
            }
            self.leave()?;
        }
        control(&self.connection, "BEGIN")?;
        self.view = Some(View {
            commits: count,
            since: Instant::now(),
        });
        Ok(())
    }
    fn leave(&mut self) -> Result<(), DbError> {
        self.view = None;
        if self.connection.is_autocommit() {
            return Ok(());
        }
        control(&self.connection, "COMMIT")
    }
}

/// Ends the views of idle connections; forgets connections whose view does not end.
pub(super) fn end_views(readers: &Mutex<Vec<Reader>>) {
    readers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain_mut(|reader| reader.leave().is_ok());
}

/// A read connection on loan, given back on drop.
pub(crate) struct SqliteRead {
    home: Arc<Inner>,
    reader: Option<Reader>,
    /// All statements see one state.
    pinned: bool,
}

impl SqliteRead {
    pub(super) fn open(home: &Arc<Inner>) -> Result<Self, DbError> {
        let kept = home
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let reader = match kept {
            Some(reader) => reader,
            None => Reader {
                connection: connect(&home.path, false)?,
                view: None,
            },
        };
        Ok(Self {
            home: Arc::clone(home),
            reader: Some(reader),
            pinned: false,
        })
    }
    pub(crate) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, DbError> {
        let Some(reader) = self.reader.as_mut() else {
            return Ok(Vec::new());
        };
        if !self.pinned {
            reader.refresh(&self.home.commits)?;
        }
        let rows = query(&reader.connection, sql, values);
        let unwanted = rows.is_err() || self.home.commits.running.load(Ordering::SeqCst);
        if unwanted && !self.pinned {
            reader.leave()?;
        }
        rows
    }
    pub(crate) fn snapshot(&mut self) -> Result<(), DbError> {
        if let Some(reader) = self.reader.as_mut()
            && !self.pinned
        {
            reader.refresh(&self.home.commits)?;
            self.pinned = true;
        }
        Ok(())
    }
}

impl Drop for SqliteRead {
    fn drop(&mut self) {
        let Some(reader) = self.reader.take() else {
            return;
        };
        let home = &self.home;
        let keep = |reader: Reader| {
            let mut kept = home.readers.lock().unwrap_or_else(PoisonError::into_inner);
            // Asked under the lock that the writer takes to end idle views: it finds this one, or this sees the writer.
            let count = home.commits.count.load(Ordering::SeqCst);
            let fits = match &reader.view {
                Some(view) => view.commits == count && !home.commits.running.load(Ordering::SeqCst),
                None => reader.connection.is_autocommit(),
            };
            if !fits {
                return Some(reader);
            }
            if kept.len() < READERS && !home.closed.load(Ordering::Acquire) {
                kept.push(reader);
            }
            None
        };
        if let Some(mut reader) = keep(reader)
            && reader.leave().is_ok()
        {
            let _unfit = keep(reader);
        }
    }
}
