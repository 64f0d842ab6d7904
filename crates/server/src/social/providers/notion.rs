//! Notion. Who allowed it is told with the token.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{ClientAuth, OAUTH, Provider};
use serde_json::Value;

/// See the module.
pub(super) const NOTION: Provider = Provider {
    key: "notion",
    name: "Notion",
    authorize: "https://api.notion.com/v1/oauth/authorize",
    token: "https://api.notion.com/v1/oauth/token",
    auth: ClientAuth::Basic,
    params: &[("owner", "user")],
    json_body: true,
    read,
    ..OAUTH
};

fn read(answer: &Value, _: &Value) -> Option<Profile> {
    let user = &answer["owner"]["user"];
    Some(Profile {
        email_address: text(user, "person.email"),
        image_url: picture(user, "avatar_url"),
        ..Profile::of(text(user, "id")?).named(text(user, "name"))
    })
}
