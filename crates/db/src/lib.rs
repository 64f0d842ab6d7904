//! The database: one SQL text for SQLite and PostgreSQL behind [`Db`] and [`Tx`].
//!
//! SQLite has one writer connection; writes that wait for it share one durable commit (see `sqlite.rs`).
//! PostgreSQL has a pool; each write is a READ COMMITTED transaction, and what must not be raced locks its row with
//! `$LOCK` or is one conditional statement whose row count is the answer.
//! Words in a statement: `?` a parameter; `$LOCK` (`FOR UPDATE`, nothing on SQLite). In a migration: `$JSON`, `$BYTES`.
mod db;
pub mod migrate;
mod postgres;
mod row;
mod sqlite;
pub mod testdb;
mod tls;
mod value;

pub use db::{AtEnd, Db, DbError, Tx};
pub use row::{FromRow, Row};
pub use value::{ToValue, Value, containing};
