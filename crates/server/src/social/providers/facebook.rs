//! Facebook. It does not say whether an address was verified, so none counts as that.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const FACEBOOK: Provider = Provider {
    key: "facebook",
    name: "Facebook",
    authorize: "https://www.facebook.com/v21.0/dialog/oauth",
    token: "https://graph.facebook.com/v21.0/oauth/access_token",
    source: Source::Get(
        "https://graph.facebook.com/v21.0/me?fields=id,email,first_name,last_name,picture",
    ),
    scopes: &["email", "public_profile"],
    scope_separator: ",",
    read,
    ..OAUTH
};

fn read(user: &Value, _: &Value) -> Option<Profile> {
    Some(Profile {
        email_address: text(user, "email"),
        first_name: text(user, "first_name"),
        last_name: text(user, "last_name"),
        image_url: picture(user, "picture.data.url"),
        ..Profile::of(text(user, "id")?)
    })
}
