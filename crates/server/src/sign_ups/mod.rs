//! Sign-ups: an attempt to become a user, on one client.
//!
//! Tables: `sign_ups`.
//! Invariants: what is missing or unverified is computed by `flow`, stored nowhere; a user is made only when nothing is;
//! the password waits as a hash; a completed attempt has exactly one user and one session.
//! Not here: what makes a user (`users::ops::create`), what a code is (`verifications`).
//! Reference: contract fapi §8.6.
pub mod bapi;
pub mod fapi;
pub mod flow;
pub mod link;
pub mod model;
pub mod ops;
pub mod resource;
pub mod social;
pub mod store;
pub mod verify;
mod wallet;
