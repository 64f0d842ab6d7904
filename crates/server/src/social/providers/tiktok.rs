//! TikTok. It tells no address.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const TIKTOK: Provider = Provider {
    key: "tiktok",
    name: "TikTok",
    authorize: "https://www.tiktok.com/v2/auth/authorize/",
    token: "https://open.tiktokapis.com/v2/oauth/token/",
    source: Source::Get(
        "https://open.tiktokapis.com/v2/user/info/?fields=open_id,avatar_url,display_name",
    ),
    scopes: &["user.info.basic"],
    scope_separator: ",",
    client_id: "client_key",
    read,
    ..OAUTH
};

fn read(answer: &Value, _: &Value) -> Option<Profile> {
    Some(Profile {
        image_url: picture(answer, "data.user.avatar_url"),
        ..Profile::of(text(answer, "data.user.open_id")?)
            .named(text(answer, "data.user.display_name"))
    })
}
