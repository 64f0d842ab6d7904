//! Clients: one browser, with its sessions and its open attempts.
//!
//! Tables: `client_trusts` (who has been signed in on which client), `clients`, `handshakes`.
//! Invariants: the client's token is the only credential that mints tokens; it travels in the HttpOnly `__client` cookie
//! and nowhere else, is stored as a hash, and is replaced at every sign-in and sign-out: the old one is dead at once.
//! `authenticated_at` moves exactly when the set of live sessions changes.
//! Reference: contract fapi §3.3, §4, §5.3, §8.1; OWASP ASVS 5.0 7.2.4.
pub mod bapi;
pub mod dev_browser;
pub mod fapi;
pub mod handshake;
pub mod model;
pub mod ops;
pub mod resource;
pub mod satellite;
pub mod store;
