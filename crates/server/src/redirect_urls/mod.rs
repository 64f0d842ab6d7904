//! Redirect URLs: where browsers may be sent beyond the instance's own origins, as exact URLs (contract bapi §2.12).
//!
//! Tables: `redirect_urls`. Emits: `redirect_url.created`, `redirect_url.deleted`.
//! Invariants: an entry is a whole URL in its one form, never an origin or a pattern; nothing that runs in a browser
//! (`javascript:`, `data:`) gets in; http is for this machine only; every process holds the list with its instance.
//! Not here: the one check of redirect targets (`clients::handshake::redirect_target`).
//! Reference: contract fapi §3.7, bapi §2.12; RFC 8252 §7; requirements RD-*.
pub mod bapi;
pub mod model;
pub mod ops;
pub mod store;
