//! Access: which identifiers may become, or be, a user's: allow-list, block-list, subaddresses, disposable domains.
//!
//! Tables: `listed_identifiers`.
//! Invariants: there is one policy, `ops::check`, called at every door of the Frontend API: sign-up, a further address, and
//! sign-in. It never depends on whether somebody has the identifier. The operator's own API passes (contract bapi §3.3).
//! Not here: who may sign up at all (`sign_ups`, by the mode).
//! Reference: contract bapi §2.11, §2.12, §6.6.
pub mod bapi;
pub mod disposable;
pub mod model;
pub mod ops;
pub mod store;
