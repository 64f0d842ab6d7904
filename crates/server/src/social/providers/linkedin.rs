//! LinkedIn: its first protocol, which takes no new applications, and OpenID Connect.
use crate::social::profile::{Profile, text};
use crate::social::provider::{OAUTH, OPENID, Oidc, Provider, Source};
use serde_json::Value;

const AUTHORIZE: &str = "https://www.linkedin.com/oauth/v2/authorization";
const TOKEN: &str = "https://www.linkedin.com/oauth/v2/accessToken";

/// The first one.
pub(super) const LINKEDIN: Provider = Provider {
    key: "linkedin",
    name: "LinkedIn",
    authorize: AUTHORIZE,
    token: TOKEN,
    source: Source::Get("https://api.linkedin.com/v2/me"),
    more: Some(
        "https://api.linkedin.com/v2/emailAddress?q=members&projection=(elements*(handle~))",
    ),
    scopes: &["r_liteprofile", "r_emailaddress"],
    deprecated: true,
    read,
    ..OAUTH
};

/// The one of today. Its ID tokens carry no nonce.
pub(super) const LINKEDIN_OIDC: Provider = Provider {
    key: "linkedin_oidc",
    name: "LinkedIn",
    authorize: AUTHORIZE,
    token: TOKEN,
    more: Some("https://api.linkedin.com/v2/userinfo"),
    oidc: Some(Oidc {
        issuer: "https://www.linkedin.com/oauth",
        jwks: "https://www.linkedin.com/oauth/openid/jwks",
        nonce: false,
    }),
    pkce: false,
    read: super::claims_and_more,
    ..OPENID
};

fn read(user: &Value, emails: &Value) -> Option<Profile> {
    Some(Profile {
        email_address: text(emails, "elements.0.handle~.emailAddress"),
        first_name: text(user, "localizedFirstName"),
        last_name: text(user, "localizedLastName"),
        ..Profile::of(text(user, "id")?)
    })
}
