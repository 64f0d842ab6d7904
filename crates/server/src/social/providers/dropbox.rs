//! Dropbox.
use crate::social::profile::{Profile, picture, text, truth};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const DROPBOX: Provider = Provider {
    key: "dropbox",
    name: "Dropbox",
    authorize: "https://www.dropbox.com/oauth2/authorize",
    token: "https://api.dropboxapi.com/oauth2/token",
    source: Source::Post(
        "https://api.dropboxapi.com/2/users/get_current_account",
        "null",
    ),
    scopes: &["account_info.read"],
    pkce: true,
    params: &[("token_access_type", "offline")],
    read,
    ..OAUTH
};

fn read(account: &Value, _: &Value) -> Option<Profile> {
    Some(Profile {
        email_address: text(account, "email"),
        email_verified: truth(account, "email_verified"),
        first_name: text(account, "name.given_name"),
        last_name: text(account, "name.surname"),
        image_url: picture(account, "profile_photo_url"),
        ..Profile::of(text(account, "account_id")?)
    })
}
