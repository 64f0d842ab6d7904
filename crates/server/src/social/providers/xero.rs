//! Xero.
use crate::social::provider::{ClientAuth, OPENID, Oidc, Provider};

/// See the module.
pub(super) const XERO: Provider = Provider {
    key: "xero",
    name: "Xero",
    authorize: "https://login.xero.com/identity/connect/authorize",
    token: "https://identity.xero.com/connect/token",
    oidc: Some(Oidc {
        issuer: "https://identity.xero.com",
        jwks: "https://identity.xero.com/.well-known/openid-configuration/jwks",
        nonce: true,
    }),
    auth: ClientAuth::Basic,
    ..OPENID
};
