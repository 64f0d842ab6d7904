//! The one way out: every HTTP request that this server makes goes through [`Client`].
//!
//! Invariants: a name is resolved once and the connection goes to an address of that answer, so that nothing can be
//! rebound between check and use; an address that is not public is refused unless the operator allowed it; https on port
//! 443 unless the operator allowed the host; no redirect is followed; time and body are bounded; no proxy of the
//! environment is believed.
//! Not here: mail, which has a server of its own in the operator's configuration.
//! Reference: OWASP SSRF Prevention Cheat Sheet; the IANA special-purpose address registries (RFC 6890).
mod address;
mod client;
mod policy;

pub use address::is_public;
pub use client::{Client, Limits, OutboundError, Request, Resolve, Resolver, Response};
pub use policy::{Allowed, Policy};
