//! Passkeys: WebAuthn credentials of users, as a first factor.
//!
//! Tables: `passkeys`.
//! Invariants: a credential belongs to one user of an instance; a challenge is used once and lives five minutes; a page gets
//! challenges for its own host's credentials only.
//! Not here: the verification of credentials (`crypto::webauthn`), challenges' rows (`verifications`), the sign-in (`sign_ins`).
//! Reference: contract fapi §8.8; W3C Web Authentication Level 3.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod resource;
pub mod store;
