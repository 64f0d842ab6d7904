//! What an operator sets for a connection: `[instances.settings.social.google]`. The client's secret is in the file only as long
//! as the operator keeps it there; in the database it is sealed under the instance's data key.
use super::providers;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use usher_crypto::rng::Rng;
use usher_crypto::seal::Master;
use usher_http::origin::Url;
use usher_types::Secret;

/// The connections of an instance by key: `google`, `custom_acme`.
pub type Social = BTreeMap<String, ConnectionSettings>;

/// Where a custom provider puts what a profile is made of; empty is the standard claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Claims {
    /// The account's id; `sub`.
    pub subject: String,
    /// `email`.
    pub email_address: String,
    /// `email_verified`.
    pub email_verified: String,
    /// `given_name`.
    pub first_name: String,
    /// `family_name`.
    pub last_name: String,
    /// `preferred_username`.
    pub username: String,
    /// `picture`.
    pub image_url: String,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, as the operator writes them"
)]
pub struct ConnectionSettings {
    /// Offered.
    pub enabled: bool,
    /// It signs in; otherwise users who are signed in can connect it, and that is all.
    pub sign_in: bool,
    /// It signs up.
    pub sign_up: bool,
    /// Our id at the provider.
    pub client_id: String,
    /// Our secret there (for Apple: the key file's content); never written to the database.
    #[serde(skip_serializing, deserialize_with = "plain")]
    pub client_secret: Secret<String>,
    /// The provider's ids of our apps for phones: ID tokens that were made for them count too.
    pub native_client_ids: Vec<String>,
    /// The secret, sealed.
    pub client_secret_sealed: String,
    /// Asked for besides what is always asked for.
    pub additional_scopes: Vec<String>,
    /// Addresses with a subaddress are not taken from it.
    pub block_email_subaddresses: bool,
    /// The provider lets the person choose an account each time.
    pub select_account: bool,
    /// Microsoft: whose accounts; `common`, or a tenant's id.
    pub tenant: String,
    /// Apple: the team.
    pub team_id: String,
    /// Apple: the key.
    pub key_id: String,
    /// Custom: what people call it.
    pub name: String,
    /// Custom: its issuer, below which its discovery document is.
    pub issuer: String,
    /// Authorization endpoint, where no document names it.
    pub authorize_url: String,
    /// Token endpoint.
    pub token_url: String,
    /// User-info endpoint.
    pub userinfo_url: String,
    /// Keys.
    pub jwks_url: String,
    /// Custom: what is asked for instead of `openid email profile`.
    pub scopes: Vec<String>,
    /// Custom: it knows PKCE.
    pub pkce: bool,
    /// Custom: the secret goes into the body, not into `Authorization`.
    pub secret_in_body: bool,
    /// Custom, and Microsoft with a tenant of one's own: its addresses count as verified, whatever it says of them. Only for
    /// providers whose users cannot write addresses themselves.
    pub trust_email_addresses: bool,
    /// Custom: where it puts things.
    pub claims: Claims,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            sign_in: true,
            sign_up: true,
            client_id: String::new(),
            client_secret: Secret::new(String::new()),
            client_secret_sealed: String::new(),
            native_client_ids: Vec::new(),
            additional_scopes: Vec::new(),
            block_email_subaddresses: false,
            select_account: false,
            tenant: "common".to_owned(),
            team_id: String::new(),
            key_id: String::new(),
            name: String::new(),
            issuer: String::new(),
            authorize_url: String::new(),
            token_url: String::new(),
            userinfo_url: String::new(),
            jwks_url: String::new(),
            scopes: Vec::new(),
            pkce: true,
            secret_in_body: false,
            trust_email_addresses: false,
            claims: Claims::default(),
        }
    }
}

fn plain<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(from).map(Secret::new)
}

/// The key of a custom connection: `acme` of `custom_acme`.
#[must_use]
pub fn custom(key: &str) -> Option<&str> {
    key.strip_prefix("custom_")
}

fn is_scope(text: &str) -> bool {
    // RFC 6749 §3.3.
    (1..=256).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

impl ConnectionSettings {
    fn check(&self, key: &str) -> Result<(), String> {
        let own = custom(key);
        if own.is_some_and(|name| {
            !(1..=32).contains(&name.len())
                || !name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        }) {
            return Err(
                "the key after custom_ has 1 to 32 lower-case letters, digits and underscores"
                    .to_owned(),
            );
        }
        if key == "twitter" {
            return Err("twitter speaks OAuth 1.0a, which is not served; use x".to_owned());
        }
        if own.is_none() && providers::find(key).is_none() {
            return Err("is no provider; others are custom_<key>".to_owned());
        }
        if self.client_id.trim().is_empty() || self.client_id.len() > 512 {
            return Err("client_id must have between 1 and 512 characters".to_owned());
        }
        if self.client_secret.expose().is_empty() && self.client_secret_sealed.is_empty() {
            return Err("client_secret is missing".to_owned());
        }
        if let Some(scope) = self
            .scopes
            .iter()
            .chain(&self.additional_scopes)
            .find(|s| !is_scope(s))
        {
            return Err(format!("{scope:?} is no scope"));
        }
        if key == "apple" && (self.team_id.is_empty() || self.key_id.is_empty()) {
            return Err("needs team_id and key_id".to_owned());
        }
        if key == "apple"
            && !self.client_secret.expose().is_empty()
            && usher_crypto::ec::EcKey::from_pem(self.client_secret.expose()).is_err()
        {
            return Err("client_secret must be the content of Apple's .p8 file".to_owned());
        }
        let tenant_ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        if self.tenant.is_empty() || !self.tenant.bytes().all(tenant_ok) {
            return Err("tenant must be common, organizations, consumers or an id".to_owned());
        }
        let shared = ["common", "organizations", "consumers"].contains(&self.tenant.as_str());
        if self.trust_email_addresses && own.is_none() && (key != "microsoft" || shared) {
            return Err("trust_email_addresses is for custom providers and Microsoft with a tenant of one's own".to_owned());
        }
        let urls = [
            ("issuer", &self.issuer),
            ("authorize_url", &self.authorize_url),
            ("token_url", &self.token_url),
            ("userinfo_url", &self.userinfo_url),
            ("jwks_url", &self.jwks_url),
        ];
        for (name, url) in urls.iter().filter(|(_, url)| !url.is_empty()) {
            if Url::parse(url).is_none_or(|u| u.rest.contains('#')) {
                return Err(format!("{name} is no absolute URL"));
            }
        }
        if own.is_some()
            && self.issuer.is_empty()
            && (self.authorize_url.is_empty()
                || self.token_url.is_empty()
                || self.userinfo_url.is_empty())
        {
            return Err("needs an issuer, or authorize_url, token_url and userinfo_url".to_owned());
        }
        if key == "enstall"
            && (self.authorize_url.is_empty()
                || self.token_url.is_empty()
                || self.userinfo_url.is_empty())
        {
            return Err("needs authorize_url, token_url and userinfo_url".to_owned());
        }
        Ok(())
    }
}

/// The first connection that is out of bounds, as one line that says what to change.
///
/// # Errors
/// That line.
pub fn check(social: &Social) -> Result<(), String> {
    for (key, connection) in social {
        connection
            .check(key)
            .map_err(|e| format!("social.{key}: {e}"))?;
    }
    Ok(())
}

fn purpose(key: &str) -> String {
    format!("social-client:{key}")
}

/// The secret of a connection in clear; empty where it does not open.
#[must_use]
pub fn open(key: &str, connection: &ConnectionSettings, data: &Master) -> Secret<String> {
    let opened = data
        .open(&purpose(key), &connection.client_secret_sealed)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    Secret::new(opened.unwrap_or_default())
}

/// Seals what is in clear. A secret that is sealed already, and the same, stays as it is: a start that changes nothing writes
/// nothing.
pub fn seal(social: &mut Social, before: &Social, data: &Master, rng: &Rng) {
    for (key, connection) in social {
        let clear = std::mem::replace(&mut connection.client_secret, Secret::new(String::new()));
        if clear.expose().is_empty() {
            continue;
        }
        let kept = before
            .get(key)
            .filter(|old| open(key, old, data) == clear)
            .map(|old| old.client_secret_sealed.clone());
        connection.client_secret_sealed =
            kept.unwrap_or_else(|| data.seal(rng, &purpose(key), clear.expose().as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> ConnectionSettings {
        toml::from_str(text).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn a_secret_is_sealed_once_and_never_printed_or_stored_in_clear() {
        let (rng, other) = (Rng::seeded(1), Rng::seeded(2));
        let data = Master::generate(&rng);
        let text = "client_id = 'id'\nclient_secret = 'very secret'";
        let mut social = Social::from([("google".to_owned(), one(text))]);
        assert!(!format!("{social:?}").contains("very secret"));
        seal(&mut social, &Social::new(), &data, &rng);
        let stored = serde_json::to_string(&social).expect("text");
        assert!(!stored.contains("very secret"));
        let mut again = Social::from([("google".to_owned(), one(text))]);
        seal(&mut again, &social, &data, &rng);
        assert_eq!(serde_json::to_string(&again).expect("text"), stored);
        assert_eq!(
            open("google", &social["google"], &data).expose(),
            "very secret"
        );
        // For another connection, or under another key, it is nothing.
        assert_eq!(open("github", &social["google"], &data).expose(), "");
        assert_eq!(
            open("google", &social["google"], &Master::generate(&other)).expose(),
            ""
        );
    }

    #[test]
    fn what_is_out_of_bounds_is_told() {
        let secret = "client_id = 'a'\nclient_secret = 'b'\n";
        for (key, more, told) in [
            ("twitter", "", "use x"),
            ("nobody", "", "custom_"),
            ("custom_", "", "after custom_"),
            ("custom_A", "", "after custom_"),
            ("custom_a", "", "issuer"),
            ("custom_a", "issuer = 'idp'", "absolute"),
            ("apple", "", "team_id"),
            ("apple", "team_id = 'T'\nkey_id = 'K'", ".p8"),
            ("google", "additional_scopes = ['a b']", "no scope"),
            ("google", "trust_email_addresses = true", "trust_email"),
            ("microsoft", "trust_email_addresses = true", "trust_email"),
            ("microsoft", "tenant = 'a/b'", "tenant"),
            ("enstall", "", "authorize_url"),
        ] {
            let social = Social::from([(key.to_owned(), one(&format!("{secret}{more}")))]);
            let error = check(&social).expect_err(key);
            assert!(error.contains(told), "{key}: {error}");
        }
        assert!(
            check(&Social::from([(
                "google".to_owned(),
                one("client_id = 'a'")
            )]))
            .is_err()
        );
        for key in providers::ALL
            .iter()
            .map(|p| p.key)
            .filter(|k| !["apple", "enstall"].contains(k))
        {
            assert_eq!(
                check(&Social::from([(key.to_owned(), one(secret))])),
                Ok(())
            );
        }
        let custom = one(&format!("{secret}issuer = 'https://idp.example'"));
        assert_eq!(
            check(&Social::from([("custom_acme".to_owned(), custom)])),
            Ok(())
        );
    }
}
