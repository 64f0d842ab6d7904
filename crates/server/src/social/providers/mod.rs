//! The providers: a file each, and this list.
pub mod apple;
mod atlassian;
mod bitbucket;
mod box_com;
mod coinbase;
mod custom;
mod discord;
mod dropbox;
mod enstall;
mod facebook;
mod github;
mod gitlab;
mod google;
mod hubspot;
mod huggingface;
mod instagram;
mod line;
mod linear;
mod linkedin;
mod microsoft;
mod notion;
mod slack;
mod spotify;
mod tiktok;
mod twitch;
mod vercel;
mod x;
mod xero;

use super::profile::Profile;
use super::provider::Provider;
pub use custom::CUSTOM;
use serde_json::Value;

/// Every built-in provider, by key.
pub const ALL: &[Provider] = &[
    apple::APPLE,
    atlassian::ATLASSIAN,
    bitbucket::BITBUCKET,
    box_com::BOX,
    coinbase::COINBASE,
    discord::DISCORD,
    dropbox::DROPBOX,
    enstall::ENSTALL,
    facebook::FACEBOOK,
    github::GITHUB,
    gitlab::GITLAB,
    google::GOOGLE,
    hubspot::HUBSPOT,
    huggingface::HUGGINGFACE,
    instagram::INSTAGRAM,
    line::LINE,
    linear::LINEAR,
    linkedin::LINKEDIN,
    linkedin::LINKEDIN_OIDC,
    microsoft::MICROSOFT,
    notion::NOTION,
    slack::SLACK,
    spotify::SPOTIFY,
    tiktok::TIKTOK,
    twitch::TWITCH,
    vercel::VERCEL,
    x::X,
    xero::XERO,
];

/// The built-in provider of a key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Provider> {
    ALL.iter().find(|provider| provider.key == key)
}

/// What the ID token says, and the user-info endpoint where the token says nothing. Both are the same account's: another
/// `sub` there is somebody else (OpenID Connect Core §5.3.2).
fn claims_and_more(claims: &Value, more: &Value) -> Option<Profile> {
    let first = Profile::claims(claims);
    if more.is_null() {
        return first;
    }
    let second = Profile::claims(more)?;
    let Some(first) = first else {
        return Some(second);
    };
    if first.subject != second.subject {
        return None;
    }
    // Address and flag belong together.
    let (email_address, email_verified) = if first.email_address.is_some() {
        (first.email_address, first.email_verified)
    } else {
        (second.email_address, second.email_verified)
    };
    Some(Profile {
        subject: first.subject,
        email_address,
        email_verified,
        first_name: first.first_name.or(second.first_name),
        last_name: first.last_name.or(second.last_name),
        username: first.username.or(second.username),
        image_url: first.image_url.or(second.image_url),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use usher_http::origin::Url;

    #[test]
    fn every_provider_speaks_https_and_is_listed_once_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].key < pair[1].key));
        for provider in ALL.iter().filter(|p| p.key != "enstall") {
            for url in [provider.authorize, provider.token] {
                let url = Url::parse(url).unwrap_or_else(|| panic!("{url}"));
                assert!(
                    url.scheme == "https" && url.port.is_none(),
                    "{}",
                    provider.key
                );
            }
            assert!(
                provider.params.iter().all(|(name, _)| ![
                    "state",
                    "nonce",
                    "redirect_uri",
                    "scope"
                ]
                .contains(name))
            );
        }
    }

    #[test]
    fn user_info_of_another_account_is_refused() {
        let claims = json!({ "sub": "1" });
        assert!(claims_and_more(&claims, &json!({ "sub": "2", "email": "a@b.cd" })).is_none());
        let both = claims_and_more(
            &claims,
            &json!({ "sub": "1", "email": "a@b.cd", "email_verified": true }),
        );
        assert_eq!(both.and_then(|p| p.email_verified), Some(true));
        // A flag never moves to another address.
        let claims = json!({ "sub": "1", "email": "x@b.cd" });
        let both = claims_and_more(
            &claims,
            &json!({ "sub": "1", "email": "a@b.cd", "email_verified": true }),
        );
        assert_eq!(both.and_then(|p| p.email_verified), None);
    }
}
