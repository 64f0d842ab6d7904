//! An instance as requests see it: its row and everything built from it once (keys parsed, documents rendered).
use super::environment;
use super::keyring::Keyring;
use super::model::{InstanceRow, SigningKeyRow};
use super::settings::Settings;
use crate::app::Options;
use crate::domains::model::DomainRow;
use crate::social::registry::Connections;
use bytes::Bytes;
use std::collections::HashSet;
use usher_crypto::digest;
use usher_crypto::seal::Master;
use usher_http::origin;
use usher_types::{Fault, Result};

/// A document rendered once, with its entity tag.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its bytes.
    pub body: Bytes,
    /// Its strong entity tag, quoted.
    pub etag: String,
}

impl Document {
    /// Renders a document.
    #[must_use]
    pub fn new(text: String) -> Self {
        let etag = format!("\"{}\"", &digest::sha256_hex(&text)[..24]);
        Self {
            body: Bytes::from(text),
            etag,
        }
    }
}

/// What the data key of an instance is sealed for.
pub(super) fn data_purpose(row: &InstanceRow) -> String {
    format!("data:{}", row.id)
}

/// The data key of an instance: everything that is sealed or derived for it hangs on this one, so that a new master key
/// means sealing this again and nothing else (decision 17).
///
/// # Errors
/// Another master key, or a damaged row.
pub fn data_key(row: &InstanceRow, master: &Master) -> Result<Master> {
    master
        .unwrap_key(&data_purpose(row), &row.data_key_sealed)
        .map_err(|e| Fault::new(format!("data key of {}: {e}", row.id)).into())
}

/// The key that seals the rows of an instance's audit log, from its data key.
#[must_use]
pub fn audit_key(data_key: &Master) -> [u8; 32] {
    data_key.derive("audit")
}

/// See the module.
pub struct Instance {
    /// The row.
    pub row: InstanceRow,
    /// Its settings, parsed.
    pub settings: Settings,
    /// Signs and verifies session tokens, and is published as the JWKS. Nothing internal is keyed by it.
    pub keys: Keyring,
    /// Seals what is the instance's; what is internal derives from it.
    pub data_key: Master,
    /// `/v1/environment`.
    pub environment: Document,
    /// The suffix of its cookies.
    pub cookie_suffix: String,
    /// `https` (or `http` on loopback development hosts).
    pub scheme: &'static str,
    /// `iss` of its tokens: scheme and the host of the publishable key.
    pub issuer: String,
    /// The registrable domain that its apps share; none on loopback.
    pub root_domain: Option<String>,
    /// Keys HMACs of one-time codes.
    pub code_key: [u8; 32],
    /// Seals the rows of the audit log.
    pub audit_key: [u8; 32],
    /// Makes and checks tickets; nothing else is signed with it, and it is published nowhere.
    pub ticket_key: [u8; 32],
    /// Names images, so that nobody can work a name out.
    pub image_key: [u8; 32],
    /// Peppers passwords.
    pub pepper: [u8; 32],
    /// The portal's origin.
    pub portal_origin: String,
    /// Accounts elsewhere that sign in.
    pub social: Connections,
    /// Redirect targets beyond its origins, each a whole URL.
    redirect_urls: HashSet<String>,
    /// Further domains whose applications share its sessions; none on development instances.
    pub satellites: Vec<DomainRow>,
}

/// What an instance is made of besides its row.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Its signing keys.
    pub signing_keys: Vec<SigningKeyRow>,
    /// Redirect targets beyond its origins.
    pub redirect_urls: Vec<String>,
    /// Further domains.
    pub satellites: Vec<DomainRow>,
}

impl Instance {
    /// Builds an instance from its rows, for a process that runs like this.
    ///
    /// # Errors
    /// A key that does not open or parse: a wrong master key, or a damaged row.
    pub fn load(
        row: InstanceRow,
        parts: Parts,
        master: &Master,
        options: &Options,
    ) -> Result<Self> {
        let scheme = options.scheme;
        let settings: Settings = serde_json::from_str(&row.settings)?;
        let data_key = data_key(&row, master)?;
        let keys = Keyring::load(&parts.signing_keys, &data_key)?;
        let (name, port) = origin::split_host(&row.host)
            .ok_or_else(|| Fault::new(format!("instance {}: bad host", row.id)))?;
        let root_domain = origin::registrable(&name).map(str::to_owned);
        let portal_host = match (name.strip_prefix("clerk."), port) {
            (Some(rest), None) if root_domain.is_some() => format!("accounts.{rest}"),
            // The default development host: the key needs a dot in it, people open `localhost`.
            _ if name == "127.0.0.1" => row.host.replacen("127.0.0.1", "localhost", 1),
            _ => row.host.clone(),
        };
        let encoded = super::keys::encoded_host(&row.publishable_key)
            .ok_or_else(|| Fault::new(format!("instance {}: bad publishable key", row.id)))?;
        let issuer = format!("{scheme}://{encoded}");
        let portal_origin = format!("{scheme}://{portal_host}");
        let development = row.environment_type != "production" && settings.development_provider;
        let social = Connections::load(
            &settings.social,
            &data_key,
            development.then_some(portal_origin.as_str()),
        );
        let environment = Document::new(
            environment::document(&row, &settings, &portal_origin, &social, options).to_string(),
        );
        Ok(Self {
            cookie_suffix: super::keys::cookie_suffix(&row.publishable_key),
            code_key: data_key.derive("codes"),
            audit_key: audit_key(&data_key),
            ticket_key: data_key.derive("tickets"),
            image_key: data_key.derive("images"),
            pepper: data_key.derive("pepper"),
            environment,
            social,
            portal_origin,
            issuer,
            root_domain,
            scheme,
            redirect_urls: parts.redirect_urls.into_iter().collect(),
            satellites: if row.environment_type == "production" {
                parts.satellites
            } else {
                Vec::new()
            },
            keys,
            data_key,
            settings,
            row,
        })
    }

    /// Where pictures of users are: at the Frontend API. Where a developer's machine has two names, at the one that people
    /// open, whose pages may show nothing else.
    #[must_use]
    pub fn pictures_origin(&self) -> &str {
        if self.root_domain.is_some() {
            &self.issuer
        } else {
            &self.portal_origin
        }
    }

    /// True on development instances.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.row.environment_type != "production"
    }

    /// Browsers may carry their client as a development-browser token, which scripts can read: development instances whose
    /// key says so, and no others.
    #[must_use]
    pub fn has_dev_browsers(&self) -> bool {
        self.is_development() && super::keys::is_test(&self.row.publishable_key)
    }

    /// Test identities work: development instances with test mode on, and no others.
    #[must_use]
    pub fn test_mode(&self) -> bool {
        self.is_development() && self.settings.test_mode
    }

    /// The operator listed this very URL as a redirect target.
    #[must_use]
    pub fn lists_redirect(&self, url: &origin::Url) -> bool {
        self.redirect_urls.contains(&url.href())
    }

    /// Where its Frontend API is. The issuer is the same, but where a test key names another host.
    #[must_use]
    pub fn own_origin(&self) -> String {
        format!("{}://{}", self.scheme, self.row.host)
    }

    /// A host below the root domain is one of those that the operator listed, where a list is.
    fn listed(&self, url: &origin::Url) -> bool {
        let listed = &self.settings.allowed_subdomains;
        let own = [self.own_origin(), self.portal_origin.clone()];
        listed.is_empty() || listed.contains(&url.host) || own.contains(&url.origin())
    }

    /// True for origins of hosts below the root domain: neighbours, which the operator may or may not have listed.
    #[must_use]
    pub fn is_neighbour(&self, text: &str) -> bool {
        let (Some(url), Some(root)) = (origin::Url::parse(text), &self.root_domain) else {
            return false;
        };
        url.scheme == self.scheme && url.port.is_none_or(|p| p == 443) && is_below(&url.host, root)
    }

    /// The one verdict on an origin (`scheme://host[:port]`): may a page there use this instance's Frontend API and be
    /// redirected to? Its own host and root domain (https), listed origins, and loopback pages of development instances.
    #[must_use]
    pub fn allows_origin(&self, text: &str) -> bool {
        let Some(url) = origin::Url::parse(text) else {
            return false;
        };
        if self.settings.allowed_origins.contains(&url.origin()) {
            return true;
        }
        if self.is_development() && origin::is_loopback(&url.host) {
            return true;
        }
        if url.scheme != self.scheme {
            return false;
        }
        match &self.root_domain {
            Some(root) => {
                url.port.is_none_or(|p| p == 443)
                    && (url.host == *root || is_below(&url.host, root) && self.listed(&url))
            }
            None => url.origin() == self.own_origin() || url.origin() == self.portal_origin,
        }
    }
}

/// `app.example.com` is below `example.com`.
fn is_below(host: &str, root: &str) -> bool {
    host.strip_suffix(root).is_some_and(|h| h.ends_with('.'))
}
