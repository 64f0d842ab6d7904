//! Social connections: signing in, signing up and connecting with an account elsewhere, by OAuth 2 and OpenID Connect.
//!
//! Tables: `external_accounts`, `social_flows`.
//! Invariants: a `state` is used once, by the browser that it was made for, within ten minutes; PKCE S256 wherever the
//! provider knows it; an ID token counts only with the provider's signature, our client id and our nonce; a provider's
//! address links an account only where the provider *and* this server have verified it; what a provider handed out is
//! sealed at rest.
//! Not here: what an attempt needs next (`sign_ins`, `sign_ups`), what an address is (`identifiers`).
//! Reference: contract fapi §3.6, §8.5, §8.6, bapi §10; RFC 6749, 7636, 9207, 9700; OpenID Connect Core; decision 28.
pub mod accounts;
pub mod bapi;
pub mod connect;
pub mod exchange;
pub mod fapi;
pub mod flow;
pub mod id_token;
pub mod keys;
pub mod model;
pub mod native;
pub mod ops;
pub mod profile;
pub mod provider;
pub mod providers;
pub mod registry;
pub mod resource;
pub mod settings;
pub mod store;
pub mod tokens;
