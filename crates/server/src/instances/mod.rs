//! Instances: one user base each, with its host, keys and settings; what is built from them is kept in memory.
//!
//! Tables: `applications`, `instances`, `secret_keys`, `signing_keys`, `server_facts`.
//! Invariants: a publishable key has one canonical form (unpadded base64); a `kid` is unique everywhere and never used
//! again; a secret key is stored as a hash and sealed, a private key sealed only, both under the instance's data key, which
//! the master key seals; what is internal is keyed by the data key and by nothing that the JWKS shows; settings and keys
//! change together with `generation`.
//! Not here: what the settings mean in a flow (`sign_ins::flow`, `users::password`).
//! Reference: contract fapi §1, §7, bapi §1.1, §2.12.
pub mod app_links;
pub mod bapi;
pub mod beta;
pub mod communication;
pub mod environment;
pub mod fapi;
pub mod keyring;
pub mod keys;
pub mod limits;
pub mod loaded;
pub mod model;
pub mod ops;
pub mod retention;
pub mod rotation;
pub mod settings;
pub mod setup;
pub mod sms;
pub mod standing;
pub mod store;

pub use loaded::Instance;
