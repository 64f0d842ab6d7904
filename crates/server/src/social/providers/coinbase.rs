//! Coinbase.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const COINBASE: Provider = Provider {
    key: "coinbase",
    name: "Coinbase",
    authorize: "https://login.coinbase.com/oauth2/auth",
    token: "https://login.coinbase.com/oauth2/token",
    source: Source::Get("https://api.coinbase.com/v2/user"),
    scopes: &["wallet:user:read", "wallet:user:email"],
    read,
    ..OAUTH
};

fn read(answer: &Value, _: &Value) -> Option<Profile> {
    Some(Profile {
        email_address: text(answer, "data.email"),
        username: text(answer, "data.username"),
        image_url: picture(answer, "data.avatar_url"),
        ..Profile::of(text(answer, "data.id")?).named(text(answer, "data.name"))
    })
}
