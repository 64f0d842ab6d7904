//! Agent tasks: a program acts on behalf of a user, in a session of its own kind (contract bapi §2.3, fapi §9.3).
//!
//! Tables: `agent_tasks`. Emits: `agent_task.created`, `agent_task.revoked`, `agent_task.accepted`.
//! Invariants: a ticket is the task's id and a MAC of it under a key that is published nowhere; it is used once, in the
//! transaction that makes the session; the session names its agent in `act`, has its own length and proves no factor;
//! the redirect is checked when the task is made and again when it is used.
//! Not here: the session (`sessions::ops::impersonate`), the way back to the application (`clients::handshake`).
//! Reference: contract bapi §2.3; decision 24.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod store;
