//! Trusted devices: keys in the hardware of phones that native apps sign their users in with.
//!
//! Tables: `trusted_devices`. Emits: `trusted_device.created`, `trusted_device.revoked`.
//! Invariants: a key is of one user of an instance; a challenge is signed once, within five minutes, and says whom, which app and
//! which purpose it is for; revoked is final; a device is a first factor and no more (decision 30).
//! Not here: ES256 (`crypto::es256`), challenges' rows (`verifications`), the sign-in (`sign_ins`).
//! Reference: contract fapi appendix A, bapi §2.1.
pub mod bapi;
pub mod challenge;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod resource;
pub mod settings;
pub mod store;
