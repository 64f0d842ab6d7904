//! Users: the people of an instance, with their names, metadata, password and state.
//!
//! Tables: `users`.
//! Invariants: a username and an external id are unique in an instance; a password is stored as a peppered bcrypt hash
//! only; `search` and `primary_email_normal` follow the row and its email addresses in the same transaction.
//! Not here: email addresses (`identifiers`), sessions of a user (`sessions`).
//! Reference: contract fapi §8.3, bapi §3.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod password;
pub mod resource;
pub mod search;
pub mod store;
