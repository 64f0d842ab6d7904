//! Atlassian.
use crate::social::profile::{Profile, picture, text, truth};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const ATLASSIAN: Provider = Provider {
    key: "atlassian",
    name: "Atlassian",
    authorize: "https://auth.atlassian.com/authorize",
    token: "https://auth.atlassian.com/oauth/token",
    source: Source::Get("https://api.atlassian.com/me"),
    scopes: &["read:me"],
    params: &[("audience", "api.atlassian.com"), ("prompt", "consent")],
    read,
    ..OAUTH
};

fn read(user: &Value, _: &Value) -> Option<Profile> {
    Some(Profile {
        email_address: text(user, "email"),
        email_verified: truth(user, "email_verified"),
        username: text(user, "nickname"),
        image_url: picture(user, "picture"),
        ..Profile::of(text(user, "account_id")?).named(text(user, "name"))
    })
}
