//! HubSpot. What it knows of a token is at the token's own address.
use crate::social::profile::{Profile, text};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const HUBSPOT: Provider = Provider {
    key: "hubspot",
    name: "HubSpot",
    authorize: "https://app.hubspot.com/oauth/authorize",
    token: "https://api.hubapi.com/oauth/v1/token",
    source: Source::Get("https://api.hubapi.com/oauth/v1/access-tokens/{token}"),
    scopes: &["oauth"],
    read,
    ..OAUTH
};

fn read(token: &Value, _: &Value) -> Option<Profile> {
    Some(Profile {
        email_address: text(token, "user"),
        ..Profile::of(text(token, "user_id")?)
    })
}
