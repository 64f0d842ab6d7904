//! Waitlist: who wants to join while sign-ups are not open, and what the operator says to that.
//!
//! Tables: `waitlist_entries`.
//! Invariants: an address stands on the list once; joining tells nobody whether it stood there, or is a user's, already; an
//! entry that is invited has its invitation in the same transaction; whoever signs up with the address is off the list.
//! Not here: what an invitation is (`tickets`), who may sign up (`sign_ups`).
//! Reference: contract fapi §8.10, bapi §2.11.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod resource;
pub mod store;
