//! Instagram. It tells no address.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const INSTAGRAM: Provider = Provider {
    key: "instagram",
    name: "Instagram",
    authorize: "https://www.instagram.com/oauth/authorize",
    token: "https://api.instagram.com/oauth/access_token",
    source: Source::Get(
        "https://graph.instagram.com/me?fields=user_id,username,name,profile_picture_url",
    ),
    scopes: &["instagram_business_basic"],
    scope_separator: ",",
    read,
    ..OAUTH
};

fn read(user: &Value, _: &Value) -> Option<Profile> {
    Some(Profile {
        username: text(user, "username"),
        image_url: picture(user, "profile_picture_url"),
        ..Profile::of(text(user, "user_id")?).named(text(user, "name"))
    })
}
