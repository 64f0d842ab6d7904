//! GitHub. The profile's own address may be anything; the list says which is primary and verified.
use crate::social::profile::{Profile, picture, text};
use crate::social::provider::{OAUTH, Provider, Source};
use serde_json::Value;

/// See the module.
pub(super) const GITHUB: Provider = Provider {
    key: "github",
    name: "GitHub",
    authorize: "https://github.com/login/oauth/authorize",
    token: "https://github.com/login/oauth/access_token",
    source: Source::Get("https://api.github.com/user"),
    more: Some("https://api.github.com/user/emails"),
    scopes: &["read:user", "user:email"],
    pkce: true,
    read,
    ..OAUTH
};

fn read(user: &Value, emails: &Value) -> Option<Profile> {
    let primary = emails
        .as_array()
        .and_then(|all| all.iter().find(|e| e["primary"] == true));
    Some(Profile {
        email_address: primary.and_then(|e| text(e, "email")),
        email_verified: primary.map(|e| e["verified"] == true),
        username: text(user, "login"),
        image_url: picture(user, "avatar_url"),
        ..Profile::of(text(user, "id")?).named(text(user, "name"))
    })
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::json;

    #[test]
    fn the_primary_address_counts_and_its_own_flag() {
        let user = json!({ "id": 7, "login": "ada", "name": "Ada L", "email": "public@b.cd" });
        let emails = json!([{ "email": "x@b.cd", "primary": false, "verified": true }, { "email": "a@b.cd", "primary": true, "verified": false }]);
        let profile = read(&user, &emails).expect("one");
        assert_eq!(
            (
                profile.subject.as_str(),
                profile.email_address.as_deref(),
                profile.email_verified
            ),
            ("7", Some("a@b.cd"), Some(false))
        );
        assert_eq!(
            read(&user, &json!({ "message": "no" })).and_then(|p| p.email_address),
            None
        );
    }
}
