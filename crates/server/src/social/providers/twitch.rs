//! Twitch. It puts an address into the ID token when it is asked for by name.
use crate::social::provider::{OPENID, Oidc, Provider};

/// See the module.
pub(super) const TWITCH: Provider = Provider {
    key: "twitch",
    name: "Twitch",
    authorize: "https://id.twitch.tv/oauth2/authorize",
    token: "https://id.twitch.tv/oauth2/token",
    oidc: Some(Oidc {
        issuer: "https://id.twitch.tv/oauth2",
        jwks: "https://id.twitch.tv/oauth2/keys",
        nonce: true,
    }),
    scopes: &["openid", "user:read:email"],
    pkce: false,
    params: &[(
        "claims",
        r#"{"id_token":{"email":null,"email_verified":null,"picture":null,"preferred_username":null}}"#,
    )],
    ..OPENID
};
