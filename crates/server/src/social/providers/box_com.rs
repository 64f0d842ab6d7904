//! Box.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const BOX: Provider = Provider {
    key: "box",
    name: "Box",
    authorize: "https://account.box.com/api/oauth2/authorize",
    token: "https://api.box.com/oauth2/token",
    source: Source::Get("https://api.box.com/2.0/users/me"),
    read,
    ..OAUTH
};

fn read(user: &Value, _: &Value) -> Option<Profile> {
    Some(Profile {
        email_address: text(user, "login"),
        image_url: picture(user, "avatar_url"),
        ..Profile::of(text(user, "id")?).named(text(user, "name"))
    })
}
