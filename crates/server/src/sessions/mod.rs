//! Sessions: a user signed in on one client.
//!
//! Tables: `sessions`, `testing_tokens`.
//! Invariants: a session never changes its user or its client; every stored status but `active` is final; one with a
//! task is pending, and its token says so; a token is minted
//! only after the session, its client and its user were read in the same request.
//! Not here: cookies (`surface::browser`), handshakes (`clients::handshake`).
//! Reference: contract fapi §6, §8.2, bapi §2.3, §5; OWASP ASVS 5.0 7.x.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod resource;
pub mod store;
pub mod tasks;
pub mod token;
