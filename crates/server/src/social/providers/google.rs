//! Google.
use crate::social::provider::{OPENID, Oidc, Provider};

/// See the module.
pub(super) const GOOGLE: Provider = Provider {
    key: "google",
    name: "Google",
    authorize: "https://accounts.google.com/o/oauth2/v2/auth",
    token: "https://oauth2.googleapis.com/token",
    oidc: Some(Oidc {
        issuer: "https://accounts.google.com",
        jwks: "https://www.googleapis.com/oauth2/v3/certs",
        nonce: true,
    }),
    params: &[("access_type", "offline")],
    ..OPENID
};
