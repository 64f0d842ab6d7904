//! Discord.
use crate::social::profile::{Profile, text, truth};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const DISCORD: Provider = Provider {
    key: "discord",
    name: "Discord",
    authorize: "https://discord.com/oauth2/authorize",
    token: "https://discord.com/api/oauth2/token",
    source: Source::Get("https://discord.com/api/users/@me"),
    scopes: &["identify", "email"],
    pkce: true,
    read,
    ..OAUTH
};

fn read(user: &Value, _: &Value) -> Option<Profile> {
    let id = text(user, "id")?;
    let image = text(user, "avatar")
        .map(|hash| format!("https://cdn.discordapp.com/avatars/{id}/{hash}.png"));
    Some(Profile {
        email_address: text(user, "email"),
        email_verified: truth(user, "verified"),
        username: text(user, "username"),
        image_url: image,
        ..Profile::of(id).named(text(user, "global_name"))
    })
}
