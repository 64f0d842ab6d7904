//! Domains: where an instance is reached, and its satellites: further domains whose applications share the primary's
//! sessions (contract bapi §2.12, fapi §5.5; decision 34).
//!
//! Tables: `domains` (satellites only). Emits: `domain.created`, `domain.updated`, `domain.deleted`.
//! Invariants: a satellite is one instance's, registrable, and apart from every instance's own domain; every process holds
//! the satellites with their instance; on a satellite's host pages of that satellite count as origins and no others.
//! Not here: how a client gets there (`clients::satellite`).
//! Reference: contract bapi §2.12, fapi §5.5.
pub mod bapi;
pub mod model;
pub mod ops;
pub mod proxy;
pub mod store;
