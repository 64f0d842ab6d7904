//! GitLab.
use crate::social::provider::{OPENID, Oidc, Provider};

/// See the module.
pub(super) const GITLAB: Provider = Provider {
    key: "gitlab",
    name: "GitLab",
    authorize: "https://gitlab.com/oauth/authorize",
    token: "https://gitlab.com/oauth/token",
    more: Some("https://gitlab.com/oauth/userinfo"),
    oidc: Some(Oidc {
        issuer: "https://gitlab.com",
        jwks: "https://gitlab.com/oauth/discovery/keys",
        nonce: true,
    }),
    read: super::claims_and_more,
    ..OPENID
};
