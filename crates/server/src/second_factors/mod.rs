//! Second factors: an authenticator app (TOTP), and backup codes for when it is not at hand.
//!
//! Tables: `totps`, `backup_codes`.
//! Invariants: a secret is sealed and shown until it is verified, never after; a step of it is accepted once; a backup code
//! is stored as a MAC, shown once and used once; wrong ones count as wrong passwords do; backup codes go with the last
//! other factor; whoever removes a factor has proved it.
//! Not here: when a sign-in asks for one (`sign_ins::flow`), and when a session asks again (`reverifications`).
//! Reference: contract fapi §8.3, bapi §2.1; RFC 6238; NIST SP 800-63B §3.1.2, §3.1.4; OWASP ASVS 5.0 6.5.
pub mod backup_codes;
pub mod bapi;
pub mod fapi;
pub mod import;
pub mod model;
pub mod ops;
pub mod resource;
pub mod store;
