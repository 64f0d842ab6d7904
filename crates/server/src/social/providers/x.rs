//! X. An address comes only to applications that may ask for one, and is then confirmed.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{ClientAuth, OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const X: Provider = Provider {
    key: "x",
    name: "X / Twitter",
    authorize: "https://x.com/i/oauth2/authorize",
    token: "https://api.x.com/2/oauth2/token",
    source: Source::Get(
        "https://api.x.com/2/users/me?user.fields=id,name,username,profile_image_url,confirmed_email",
    ),
    scopes: &["users.read", "tweet.read", "offline.access"],
    pkce: true,
    auth: ClientAuth::Basic,
    read,
    ..OAUTH
};

fn read(answer: &Value, _: &Value) -> Option<Profile> {
    let email = text(answer, "data.confirmed_email");
    Some(Profile {
        email_verified: email.as_ref().map(|_| true),
        email_address: email,
        username: text(answer, "data.username"),
        image_url: picture(answer, "data.profile_image_url"),
        ..Profile::of(text(answer, "data.id")?).named(text(answer, "data.name"))
    })
}
