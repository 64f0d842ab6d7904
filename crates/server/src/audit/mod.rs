//! The audit log: who changed what, when and from where.
//!
//! Tables: `audit_logs`, `audit_heads`. A change calls [`record`] inside its transaction; the rows are written right before
//! the commit, or not at all. Every instance has one gap-free chain of hashes; its head is sealed by a key that is not in the
//! database.
//! Invariants: a row is never changed, but for erasing its personal data; values of fields are never recorded, only their names.
//! Not here: what happened in a request that changed nothing; that is in the process's log.
//! Reference: contract bapi §1.3 and Appendix C; requirements §7; decision 11.
pub mod bapi;
pub mod chain;
pub mod export;
pub mod model;
pub mod ops;
pub mod resource;
pub mod store;
pub mod verify;

pub use model::Event;
pub use ops::{changed_fields, erase, record, record_as};
