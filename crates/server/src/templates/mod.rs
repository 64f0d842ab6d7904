//! Message templates: what every mail and text message says, in the user's language; shipped, and editable by the operator.
//!
//! Tables: `templates` (what an operator changed; what is shipped is in `usher-notify`).
//! Invariants: a template that does not render falls back to the shipped one and never stops who signs in; every value is
//! escaped where it stands in HTML; a subject is one line; `action_url` is https, or of this instance.
//! Not here: who is told what and when (`messages`), the language itself (`usher_notify::template`).
//! Reference: contract bapi §2.13, §4.5; docs/decisions/0031-templates.md.
pub mod bapi;
pub mod cache;
pub mod edit;
pub mod model;
pub mod ops;
pub mod resource;
pub mod store;

pub use ops::{Rendered, render};
pub use usher_notify::catalog::{Kind, Slug};
