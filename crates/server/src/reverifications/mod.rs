//! Reverifications: proving again who one is, within a session that is under way; and the one question whether a session has
//! done so recently enough for what cannot be undone.
//!
//! Tables: `reverifications`.
//! Invariants: one attempt a session, by its own client, never by somebody who acts as the user; a session's factor ages move
//! when everything that the level demands is proved, with the times of the proofs, and not before; an attempt completes once.
//! Wrong proofs count as they do at sign-ins.
//! Not here: what a code or an authenticator app is (`verifications`, `second_factors`).
//! Reference: contract fapi §6.2, §8.7, bapi §6.7; OWASP ASVS 5.0 7.5.1, 7.5.3; NIST SP 800-63B §4.1.2.
pub mod factors;
pub mod fapi;
pub mod flow;
pub mod model;
pub mod ops;
pub mod proofs;
pub mod resource;
pub mod store;
