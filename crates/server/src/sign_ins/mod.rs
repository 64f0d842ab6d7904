//! Sign-ins: an attempt to prove to be a user, on one client.
//!
//! Tables: `sign_ins`.
//! Invariants: the status is computed by `flow::status` and stored nowhere; a completed attempt has exactly one session and every proof that the
//! user's factors demand, and the code that an unknown browser needs;
//! only a client's current attempt can be acted on; unknown and known identifiers are alike where protection is on.
//! Not here: what a code is (`verifications`), what a session is (`sessions`).
//! Reference: contract fapi §8.5; OWASP ASVS 5.0 6.3.
mod client_trust;
mod code;
mod device;
pub mod factors;
pub mod fapi;
pub mod flow;
pub mod link;
pub mod model;
pub mod ops;
mod passkey;
pub mod resource;
mod second;
pub mod social;
pub mod store;
mod ticket;
pub mod transfer;
mod wallet;
