//! LINE. Its ID tokens for the web are signed with the client secret, so the profile is asked for instead.
use crate::social::provider::{OPENID, Provider, Source};

/// See the module.
pub(super) const LINE: Provider = Provider {
    key: "line",
    name: "LINE",
    authorize: "https://access.line.me/oauth2/v2.1/authorize",
    token: "https://api.line.me/oauth2/v2.1/token",
    source: Source::Get("https://api.line.me/oauth2/v2.1/userinfo"),
    scopes: &["openid", "profile"],
    ..OPENID
};
