//! Bitbucket.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{ClientAuth, OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const BITBUCKET: Provider = Provider {
    key: "bitbucket",
    name: "Bitbucket",
    authorize: "https://bitbucket.org/site/oauth2/authorize",
    token: "https://bitbucket.org/site/oauth2/access_token",
    source: Source::Get("https://api.bitbucket.org/2.0/user"),
    more: Some("https://api.bitbucket.org/2.0/user/emails"),
    scopes: &["account", "email"],
    auth: ClientAuth::Basic,
    read,
    ..OAUTH
};

fn read(user: &Value, emails: &Value) -> Option<Profile> {
    let primary = emails["values"]
        .as_array()
        .and_then(|all| all.iter().find(|e| e["is_primary"] == true));
    Some(Profile {
        email_address: primary.and_then(|e| text(e, "email")),
        email_verified: primary.map(|e| e["is_confirmed"] == true),
        username: text(user, "username"),
        image_url: picture(user, "links.avatar.href"),
        ..Profile::of(text(user, "uuid")?).named(text(user, "display_name"))
    })
}
