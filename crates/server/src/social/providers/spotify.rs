//! Spotify. It says itself that its addresses are not verified.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{ClientAuth, OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const SPOTIFY: Provider = Provider {
    key: "spotify",
    name: "Spotify",
    authorize: "https://accounts.spotify.com/authorize",
    token: "https://accounts.spotify.com/api/token",
    source: Source::Get("https://api.spotify.com/v1/me"),
    scopes: &["user-read-email", "user-read-private"],
    pkce: true,
    auth: ClientAuth::Basic,
    read,
    ..OAUTH
};

fn read(user: &Value, _: &Value) -> Option<Profile> {
    Some(Profile {
        email_address: text(user, "email"),
        email_verified: Some(false),
        image_url: picture(user, "images.0.url"),
        ..Profile::of(text(user, "id")?).named(text(user, "display_name"))
    })
}
