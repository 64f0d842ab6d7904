//! Verifications: one-time codes, made, sent and attempted; one mechanism for every door that takes a code.
//!
//! Tables: `verifications`.
//! Invariants: a code is 6 digits, lives 10 minutes, takes 5 wrong tries, and is accepted once; it is stored as an HMAC.
//! A challenge lives 5 minutes and takes as many tries.
//! Not here: who may ask for one (`sign_ins`, `sign_ups`, `identifiers`).
//! Reference: contract bapi §6.3; NIST SP 800-63B §3.1.3 (out-of-band), §3.2.2 (rate limiting).
pub mod fapi;
pub mod links;
pub mod model;
pub mod ops;
pub mod store;
