//! The connections of an instance as a process holds them: provider and settings put together, secrets opened.
use super::profile::{Profile, picture, text, truth};
use super::provider::{ClientAuth, Provider, Source};
use super::providers::{self, CUSTOM};
use super::settings::{self, ConnectionSettings, Social};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use usher_crypto::seal::Master;
use usher_types::Secret;

/// The key of the development server's own provider.
pub const DEVELOPMENT: &str = "custom_mock";

/// Where a connection's requests go. What is empty is in the discovery document of the issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// `iss`; empty where the provider has no ID tokens.
    pub issuer: String,
    /// Authorization endpoint.
    pub authorize: String,
    /// Token endpoint.
    pub token: String,
    /// User-info endpoint, or another place with the profile.
    pub userinfo: String,
    /// Keys.
    pub jwks: String,
    /// The authorization response names the issuer (RFC 9207 §3), so one that does not is not the provider's.
    pub names_issuer: bool,
}

/// A connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// `google`.
    pub key: &'static str,
    /// `oauth_google`.
    pub strategy: &'static str,
    /// `oauth_token_google`: an ID token that an app got by itself.
    pub native: &'static str,
    /// `from_oauth_google`: what verified an address that came with it.
    pub proof: &'static str,
    /// What people call it.
    pub name: String,
    /// What kind of provider it is.
    pub provider: &'static Provider,
    /// What the operator set.
    pub settings: ConnectionSettings,
    /// Our secret there.
    pub client_secret: Secret<String>,
    /// Where requests go.
    pub endpoints: Endpoints,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Connections(Vec<Arc<Connection>>);

/// A word that lives as long as the process. Words are keys of the operator's settings: few, and each is kept once.
fn kept(word: &str) -> &'static str {
    static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = words.get(word) {
        return known;
    }
    let word: &'static str = Box::leak(word.to_owned().into_boxed_str());
    words.insert(word);
    word
}

fn or(own: &str, given: &str) -> String {
    if own.is_empty() { given } else { own }.to_owned()
}

impl Connection {
    fn new(key: &str, settings: &ConnectionSettings, client_secret: Secret<String>) -> Self {
        let built_in = providers::find(key);
        let provider = built_in.unwrap_or(&CUSTOM);
        let oidc = provider.oidc;
        let placed = |url: &str| url.replace("{tenant}", &settings.tenant);
        let userinfo = provider.more.unwrap_or(match provider.source {
            Source::Get(url) => url,
            _ => "",
        });
        let name = match (settings.name.as_str(), built_in) {
            ("", Some(provider)) => provider.name.to_owned(),
            ("", None) => settings::custom(key).unwrap_or(key).to_owned(),
            (name, _) => name.to_owned(),
        };
        Self {
            key: kept(key),
            strategy: kept(&format!("oauth_{key}")),
            native: kept(&format!("oauth_token_{key}")),
            proof: kept(&format!("from_oauth_{key}")),
            name,
            provider,
            endpoints: Endpoints {
                issuer: or(&settings.issuer, oidc.map_or("", |o| o.issuer)),
                authorize: or(&settings.authorize_url, &placed(provider.authorize)),
                token: or(&settings.token_url, &placed(provider.token)),
                userinfo: or(&settings.userinfo_url, userinfo),
                jwks: or(&settings.jwks_url, &placed(oidc.map_or("", |o| o.jwks))),
                names_issuer: false,
            },
            settings: settings.clone(),
            client_secret,
        }
    }

    /// It is an OpenID provider of the operator's.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        providers::find(self.key).is_none()
    }

    /// Its ID tokens are proved and count.
    #[must_use]
    pub fn has_id_tokens(&self) -> bool {
        self.provider.oidc.is_some() || (self.is_custom() && !self.endpoints.issuer.is_empty())
    }

    /// Its ID tokens carry our nonce.
    #[must_use]
    pub fn has_nonce(&self) -> bool {
        self.has_id_tokens() && self.provider.oidc.is_none_or(|o| o.nonce)
    }

    /// It knows PKCE.
    #[must_use]
    pub fn pkce(&self) -> bool {
        if self.is_custom() {
            self.settings.pkce
        } else {
            self.provider.pkce
        }
    }

    /// How we prove who we are.
    #[must_use]
    pub fn auth(&self) -> ClientAuth {
        if self.is_custom() && self.settings.secret_in_body {
            ClientAuth::Post
        } else {
            self.provider.auth
        }
    }

    /// What is asked for: always, by the operator, and this time.
    #[must_use]
    pub fn scopes(&self, more: &[&str]) -> String {
        let own: Vec<&str> = if self.settings.scopes.is_empty() {
            self.provider.scopes.to_vec()
        } else {
            self.settings.scopes.iter().map(String::as_str).collect()
        };
        let additional = self.settings.additional_scopes.iter().map(String::as_str);
        let mut all: Vec<&str> = Vec::new();
        for scope in own
            .into_iter()
            .chain(additional)
            .chain(more.iter().copied())
        {
            if !all.contains(&scope) {
                all.push(scope);
            }
        }
        all.join(self.provider.scope_separator)
    }

    /// Reads the profile out of the source's answer and the second one's.
    #[must_use]
    pub fn read(&self, first: &Value, second: &Value) -> Option<Profile> {
        let mut profile = if self.is_custom() {
            self.read_custom(first, second)?
        } else {
            (self.provider.read)(first, second)?
        };
        if self.settings.trust_email_addresses && profile.email_address.is_some() {
            profile.email_verified = Some(true);
        }
        Some(profile)
    }

    fn read_custom(&self, first: &Value, second: &Value) -> Option<Profile> {
        let c = &self.settings.claims;
        if *c == settings::Claims::default() {
            return (CUSTOM.read)(first, second);
        }
        // Where names are the operator's, the two documents are held to be one account's by their subject all the same.
        let at = |own: &str, standard: &str| or(own, standard);
        let subject = at(&c.subject, "sub");
        let ids = [first, second].map(|document| text(document, &subject));
        let subject = match ids {
            [Some(one), Some(other)] if one != other => return None,
            [one, other] => one.or(other)?,
        };
        let find = |own: &str, standard: &str| {
            let path = at(own, standard);
            text(first, &path).or_else(|| text(second, &path))
        };
        let email = at(&c.email_address, "email");
        let holder = if text(first, &email).is_some() {
            first
        } else {
            second
        };
        let image = at(&c.image_url, "picture");
        Some(Profile {
            subject,
            email_address: text(holder, &email),
            email_verified: truth(holder, &at(&c.email_verified, "email_verified")),
            first_name: find(&c.first_name, "given_name"),
            last_name: find(&c.last_name, "family_name"),
            username: find(&c.username, "preferred_username"),
            image_url: picture(first, &image).or_else(|| picture(second, &image)),
        })
    }
}

impl Connections {
    /// Puts the connections together. `development` is the origin of the development server, where its provider is on.
    #[must_use]
    pub fn load(social: &Social, data: &Master, development: Option<&str>) -> Self {
        let mut all: Vec<Arc<Connection>> = social
            .iter()
            .map(|(key, settings)| {
                let secret = settings::open(key, settings, data);
                Arc::new(Connection::new(key, settings, secret))
            })
            .collect();
        if let Some(origin) = development {
            all.retain(|c| c.key != DEVELOPMENT);
            all.push(Arc::new(development_connection(origin)));
        }
        Self(all)
    }

    /// Those that are offered.
    pub fn enabled(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.0.iter().filter(|c| c.settings.enabled)
    }

    /// The one of a strategy, offered or not.
    #[must_use]
    pub fn by_strategy(&self, strategy: &str) -> Option<&Arc<Connection>> {
        self.0.iter().find(|c| c.strategy == strategy)
    }

    /// The one of a key, offered or not.
    #[must_use]
    pub fn by_key(&self, key: &str) -> Option<&Arc<Connection>> {
        self.0.iter().find(|c| c.key == key)
    }
}

/// The development server's own provider. Its secret is none: whoever reaches it is on this machine.
fn development_connection(origin: &str) -> Connection {
    let base = format!("{origin}/dev/oidc");
    let settings = ConnectionSettings {
        client_id: "development".to_owned(),
        name: "Test account".to_owned(),
        issuer: base.clone(),
        authorize_url: format!("{base}/authorize"),
        token_url: format!("{base}/token"),
        userinfo_url: format!("{base}/userinfo"),
        jwks_url: format!("{base}/jwks"),
        ..ConnectionSettings::default()
    };
    let mut connection = Connection::new(
        DEVELOPMENT,
        &settings,
        Secret::new("development".to_owned()),
    );
    connection.endpoints.names_issuer = true;
    connection
}
