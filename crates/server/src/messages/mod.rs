//! Messages: mail and text messages to people. Written in the transaction of what they tell about, sent after it by a job, never inside it.
//! On `usher dev` they stay in the inbox and go nowhere.
//!
//! Tables: `messages`.
//! Invariants: a message is sent by one process at a time (a claimed row's `run_at` moves ahead); a sent one keeps no body.
//! Reference: contract bapi §6.3, §1.3 (no call may block on mail).
pub mod job;
pub mod model;
pub mod ops;
pub mod store;
