//! Slack.
use crate::social::provider::{OPENID, Oidc, Provider};

/// See the module.
pub(super) const SLACK: Provider = Provider {
    key: "slack",
    name: "Slack",
    authorize: "https://slack.com/openid/connect/authorize",
    token: "https://slack.com/api/openid.connect.token",
    oidc: Some(Oidc {
        issuer: "https://slack.com",
        jwks: "https://slack.com/openid/connect/keys",
        nonce: true,
    }),
    pkce: false,
    ..OPENID
};
