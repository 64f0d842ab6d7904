//! Vercel.
use crate::social::provider::{OPENID, Oidc, Provider};

/// See the module.
pub(super) const VERCEL: Provider = Provider {
    key: "vercel",
    name: "Vercel",
    authorize: "https://vercel.com/oauth/authorize",
    token: "https://api.vercel.com/login/oauth/token",
    more: Some("https://api.vercel.com/login/oauth/userinfo"),
    oidc: Some(Oidc {
        issuer: "https://vercel.com",
        jwks: "https://vercel.com/.well-known/jwks",
        nonce: true,
    }),
    read: super::claims_and_more,
    ..OPENID
};
