//! Linear.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const LINEAR: Provider = Provider {
    key: "linear",
    name: "Linear",
    authorize: "https://linear.app/oauth/authorize",
    token: "https://api.linear.app/oauth/token",
    source: Source::Post(
        "https://api.linear.app/graphql",
        r#"{"query":"{ viewer { id name displayName email avatarUrl } }"}"#,
    ),
    scopes: &["read"],
    pkce: true,
    read,
    ..OAUTH
};

fn read(answer: &Value, _: &Value) -> Option<Profile> {
    let viewer = &answer["data"]["viewer"];
    Some(Profile {
        email_address: text(viewer, "email"),
        username: text(viewer, "displayName"),
        image_url: picture(viewer, "avatarUrl"),
        ..Profile::of(text(viewer, "id")?).named(text(viewer, "name"))
    })
}
