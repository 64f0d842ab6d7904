//! Tickets: what the operator hands out so that somebody gets in: sign-in tokens, actor tokens and invitations.
//!
//! Tables: `tickets`.
//! Invariants: a ticket is its id and a MAC of it under a key of the instance that signs nothing else and is published
//! nowhere; it is accepted once, in the transaction that makes the session or the user; `accepted` and `revoked` are final.
//! Not here: the session that a ticket gives (`sign_ins::ticket`), the user that an invitation makes (`sign_ups`).
//! Reference: contract fapi §8.5, §8.6, bapi §2.5, §2.11.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod resource;
pub mod store;
