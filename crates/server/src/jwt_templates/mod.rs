//! JWT templates: what tokens for other services say (contract bapi §2.4, §5.4).
//!
//! Tables: `jwt_templates`. Emits: `jwt_template.created`, `jwt_template.updated`, `jwt_template.deleted`.
//! Invariants: a template's token has the category of templates and no session in it, so that nobody can take it for a
//! session token; what this server says of a token no template can say; shortcodes are read out of the template only,
//! never out of what a user wrote; an operator's own key is sealed, and shown to nobody.
//! Not here: session tokens (`sessions::token`), keys of the instance (`instances::keyring`).
//! Reference: contract fapi §6.4, §6.5, bapi §2.4, §5.4; RFC 7519, RFC 8725 §3.11.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod render;
pub mod store;
