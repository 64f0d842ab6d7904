//! What boots a process: `usher.toml` and `USHER_…` variables (`…_FILE` reads a secret from a file). Everything that an
//! operator sets for an instance is in `instances::settings`, under `[[instances]]` here and in the database after.
use crate::captcha::judge::{Captcha, TURNSTILE};
use crate::instances::settings::Settings;
use crate::instances::setup::KeyForm;
use crate::listen::tls;
use crate::places::Places;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use usher_http::network::Network;
use usher_notify::{SmsProvider, Twilio, Webhook};
use usher_types::Secret;

/// `usher.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens.
    #[serde(default)]
    pub server: Server,
    /// Where it stores.
    #[serde(default)]
    pub database: Database,
    /// Secrets of the process.
    #[serde(default)]
    pub keys: Keys,
    /// How mail goes out.
    #[serde(default)]
    pub mail: Mail,
    /// How text messages go out.
    #[serde(default)]
    pub sms: Sms,
    /// Who may not join.
    #[serde(default)]
    pub access: Access,
    /// Where addresses are.
    #[serde(default)]
    pub geo: GeoConfig,
    /// Who judges captchas.
    #[serde(default)]
    pub captcha: CaptchaConfig,
    /// What it may connect to.
    #[serde(default)]
    pub outbound: Outbound,
    /// Where known passwords are looked up.
    #[serde(default)]
    pub breached_passwords: BreachedPasswords,
    /// What it serves.
    #[serde(default)]
    pub instances: Vec<InstanceConfig>,
}

/// `[server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port.
    pub listen: String,
    /// `https` (behind a proxy that terminates TLS) or, on loopback hosts only, `http`.
    pub scheme: String,
    /// The Backend API's own host.
    pub api_host: Option<String>,
    /// Addresses (`192.0.2.1`) and networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<String>,
    /// Connections at once; further ones wait.
    pub max_connections: usize,
    /// Connections at once from one address that is neither this machine nor a trusted proxy.
    pub max_connections_per_address: usize,
    /// Certificates, where TLS is spoken here and not by a proxy in front.
    pub tls: Option<Tls>,
}

/// `[server.tls]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// A certificate for each host, or one for several.
    pub certificates: Vec<tls::Files>,
    /// Address and port of a second, plain-http socket that sends browsers on to https, as `0.0.0.0:80`.
    pub redirect_from: Option<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:4500".to_owned(),
            scheme: "https".to_owned(),
            api_host: None,
            trusted_proxies: Vec::new(),
            max_connections: 10_000,
            max_connections_per_address: 256,
            tls: None,
        }
    }
}

/// `[database]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// Connections to PostgreSQL.
    pub connections: usize,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: String::new(),
            connections: 16,
        }
    }
}

/// `[keys]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// 64 hex digits, or empty when `master_file` is set.
    pub master: String,
    /// A file with 64 hex digits.
    pub master_file: Option<PathBuf>,
    /// The master key before this one, while it is being changed: it opens, and seals nothing.
    pub previous_master: String,
    /// A file with it.
    pub previous_master_file: Option<PathBuf>,
}

/// `[mail]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// `smtps://user:password@host:465`, …
    pub smtp_url: String,
    /// Sender.
    pub from: String,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            smtp_url: String::new(),
            from: "no-reply@localhost".to_owned(),
        }
    }
}

/// `[sms]`: one of its tables.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sms {
    /// Twilio, or what speaks its API.
    pub twilio: Option<SmsTwilio>,
    /// Anybody else.
    pub webhook: Option<SmsWebhook>,
}

/// `[sms.twilio]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmsTwilio {
    /// `AC…`.
    pub account_sid: String,
    /// Its secret, or empty when `auth_token_file` is set.
    pub auth_token: String,
    /// A file with it.
    pub auth_token_file: Option<PathBuf>,
    /// The sender: a number or a name.
    pub from: String,
    /// `MG…`: a messaging service in the place of `from`.
    pub messaging_service_sid: String,
    /// The sender on WhatsApp: a number.
    pub whatsapp_from: String,
    /// Another server that speaks the same API.
    pub base_url: Option<String>,
}

/// `[sms.webhook]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmsWebhook {
    /// Where messages are posted.
    pub url: String,
    /// What requests are signed with, or empty when `secret_file` is set.
    pub secret: String,
    /// A file with it.
    pub secret_file: Option<PathBuf>,
    /// It takes messages for WhatsApp too.
    pub whatsapp: bool,
}

impl Sms {
    /// Reads secrets from files, and from the environment over them.
    fn read_secrets(&mut self) -> Result<(), String> {
        if let Some(twilio) = &mut self.twilio {
            secret(
                "USHER_SMS_AUTH_TOKEN",
                &mut twilio.auth_token,
                twilio.auth_token_file.as_deref(),
            )?;
        }
        if let Some(webhook) = &mut self.webhook {
            secret(
                "USHER_SMS_WEBHOOK_SECRET",
                &mut webhook.secret,
                webhook.secret_file.as_deref(),
            )?;
        }
        Ok(())
    }

    /// Who delivers; `None` where nobody is named.
    ///
    /// # Errors
    /// One line that says what to change.
    pub fn provider(&self) -> Result<Option<SmsProvider>, String> {
        match (&self.twilio, &self.webhook) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err("sms.twilio and sms.webhook are both set; keep one of them".to_owned())
            }
            (Some(twilio), None) => twilio.provider().map(Some),
            (None, Some(webhook)) => webhook.provider().map(Some),
        }
    }
}

impl SmsTwilio {
    fn provider(&self) -> Result<SmsProvider, String> {
        if self.account_sid.is_empty() || self.auth_token.is_empty() {
            return Err(
                "sms.twilio needs account_sid, and auth_token or auth_token_file".to_owned(),
            );
        }
        let sid_is_plain = self.account_sid.bytes().all(|b| b.is_ascii_alphanumeric());
        if !sid_is_plain {
            return Err("sms.twilio.account_sid must be letters and digits".to_owned());
        }
        if self.from.is_empty() == self.messaging_service_sid.is_empty() {
            return Err("sms.twilio needs one of from and messaging_service_sid".to_owned());
        }
        let base_url = self.base_url.as_deref().unwrap_or("https://api.twilio.com");
        Ok(SmsProvider::Twilio(Twilio {
            base_url: base_url.trim_end_matches('/').to_owned(),
            account_sid: self.account_sid.clone(),
            auth_token: Secret::new(self.auth_token.clone()),
            from: self.from.clone(),
            messaging_service_sid: self.messaging_service_sid.clone(),
            whatsapp_from: self.whatsapp_from.clone(),
        }))
    }
}

impl SmsWebhook {
    fn provider(&self) -> Result<SmsProvider, String> {
        if usher_http::origin::Url::parse(&self.url).is_none() {
            return Err("sms.webhook.url must be an absolute URL".to_owned());
        }
        let secret = usher_notify::webhook_secret(&self.secret)
            .ok_or("sms.webhook needs secret or secret_file, of 16 bytes or more")?;
        Ok(SmsProvider::Webhook(Webhook {
            url: self.url.clone(),
            secret: Secret::new(secret),
            whatsapp: self.whatsapp,
        }))
    }
}

/// A secret: the environment's, else as it stands, else a file's.
fn secret(name: &str, slot: &mut String, file: Option<&Path>) -> Result<(), String> {
    if let Some(value) = variable(name)? {
        *slot = value;
    }
    if let Some(file) = file
        && slot.is_empty()
    {
        *slot = read_secret(file)?;
    }
    Ok(())
}

/// `[access]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// A file with further disposable mail domains, one a line; read at the start.
    pub disposable_domains_file: Option<PathBuf>,
}

/// `[geo]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeoConfig {
    /// A file in MaxMind's format, of cities or countries; none is no places.
    pub database: Option<PathBuf>,
}

impl GeoConfig {
    /// The places, where there are any.
    ///
    /// # Errors
    /// One line that says what to change.
    pub fn open(&self) -> Result<Option<Places>, String> {
        let file = self.database.as_deref();
        file.map(Places::open)
            .transpose()
            .map_err(|e| format!("geo.database: {e}"))
    }
}

/// `[captcha]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaptchaConfig {
    /// The site's public key; empty is no captcha.
    pub site_key: String,
    /// Its public key for widgets that nobody sees; empty is `site_key`.
    pub invisible_site_key: String,
    /// What the service knows us by, or empty when `secret_file` is set.
    pub secret: String,
    /// A file with it.
    pub secret_file: Option<PathBuf>,
    /// Where tokens are judged: Turnstile, or a service that speaks as it does.
    pub verify_url: String,
    /// Sign-ups go on while the service does not answer.
    pub accept_unjudged: bool,
}

impl Default for CaptchaConfig {
    fn default() -> Self {
        Self {
            site_key: String::new(),
            invisible_site_key: String::new(),
            secret: String::new(),
            secret_file: None,
            verify_url: TURNSTILE.to_owned(),
            accept_unjudged: false,
        }
    }
}

impl CaptchaConfig {
    /// The captcha, where there is one.
    ///
    /// # Errors
    /// One line that says what to change.
    pub fn open(&self) -> Result<Option<Captcha>, String> {
        let secret = match &self.secret_file {
            Some(file) if self.secret.is_empty() => read_secret(file)?,
            _ => self.secret.clone(),
        };
        match (self.site_key.is_empty(), secret.is_empty()) {
            (true, true) => return Ok(None),
            (false, false) => {}
            (true, false) => return Err("captcha.site_key is missing".to_owned()),
            (false, true) => {
                return Err("captcha.secret (or captcha.secret_file) is missing".to_owned());
            }
        }
        if usher_http::origin::Url::parse(&self.verify_url).is_none() {
            return Err("captcha.verify_url must be an address such as https://captcha.example.com/siteverify".to_owned());
        }
        let invisible = if self.invisible_site_key.is_empty() {
            &self.site_key
        } else {
            &self.invisible_site_key
        };
        Ok(Some(Captcha {
            site_key: self.site_key.clone(),
            invisible_site_key: invisible.clone(),
            secret: Secret::new(secret),
            verify_url: self.verify_url.clone(),
            accept_unjudged: self.accept_unjudged,
        }))
    }
}

/// `[outbound]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outbound {
    /// What requests may go to beyond the public internet over https on port 443: networks (`10.1.0.0/16`) and hosts
    /// (`idp.internal:8443`).
    pub allow: Vec<String>,
    /// Certificate authorities beyond the public ones: a PEM file.
    pub authorities_file: Option<PathBuf>,
}

/// `[breached_passwords]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreachedPasswords {
    /// The range service, up to the five digits; `off` asks nobody. Left out: Have I Been Pwned in `usher serve`, nobody in
    /// `usher dev`.
    pub range_url: Option<String>,
    /// A file that `usher breached build` made.
    pub file: Option<PathBuf>,
}

/// `[[instances]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceConfig {
    /// Unique; the instance is found again by it.
    pub name: String,
    /// Frontend-API host, with its port where that is not the scheme's.
    pub host: String,
    /// `production` or `development`.
    #[serde(default = "production")]
    pub environment: String,
    /// A fixed secret key. `usher dev --instances` only: test suites pin it.
    #[serde(default)]
    pub secret_key: Option<String>,
    /// Development instances only: `pk_test_` and `sk_test_` keys, for development across sites (decision 32).
    #[serde(default)]
    pub test_keys: bool,
    /// The host that a test key names, where it is not `host`. SDKs send users there where they are given no proxy URL: name no
    /// host that is somebody else's unless you mean to.
    #[serde(default)]
    pub test_key_host: Option<String>,
    /// Its settings; in `usher.toml` they are written at the first start and are the database's afterwards.
    #[serde(default)]
    pub settings: Settings,
}

fn production() -> String {
    "production".to_owned()
}

impl Config {
    /// Reads a file and the environment over it.
    ///
    /// # Errors
    /// One line that says what to change.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut config = Self::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let set = |name: &str, slot: &mut String| -> Result<(), String> {
            if let Some(value) = variable(name)? {
                *slot = value;
            }
            Ok(())
        };
        set("USHER_LISTEN", &mut config.server.listen)?;
        set("USHER_DATABASE_URL", &mut config.database.url)?;
        set("USHER_MASTER_KEY", &mut config.keys.master)?;
        set(
            "USHER_PREVIOUS_MASTER_KEY",
            &mut config.keys.previous_master,
        )?;
        set("USHER_SMTP_URL", &mut config.mail.smtp_url)?;
        set("USHER_MAIL_FROM", &mut config.mail.from)?;
        set("USHER_CAPTCHA_SITE_KEY", &mut config.captcha.site_key)?;
        set("USHER_CAPTCHA_SECRET", &mut config.captcha.secret)?;
        set("USHER_CAPTCHA_VERIFY_URL", &mut config.captcha.verify_url)?;
        let keys = &mut config.keys;
        for (slot, file) in [
            (&mut keys.master, &keys.master_file),
            (&mut keys.previous_master, &keys.previous_master_file),
        ] {
            if let Some(file) = file
                && slot.is_empty()
            {
                *slot = read_secret(file)?;
            }
        }
        config.sms.read_secrets()?;
        if let Some(url) = variable("USHER_HIBP_URL")? {
            config.breached_passwords.range_url = Some(url);
        }
        Ok(config)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// One line: the key that is unknown or the value that does not fit, with its place.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|e| {
            e.to_string()
                .lines()
                .map(str::trim)
                .filter(|l| !l.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        })?;
        config.server.proxies()?;
        if config.server.max_connections < 16 || config.server.max_connections_per_address < 1 {
            return Err("server.max_connections must be 16 or more, server.max_connections_per_address 1 or more".to_owned());
        }
        for instance in &config.instances {
            instance.check()?;
        }
        Ok(config)
    }
}

impl Server {
    /// The trusted proxies.
    ///
    /// # Errors
    /// The first that is neither an address nor a network.
    pub fn proxies(&self) -> Result<Vec<Network>, String> {
        let read = |text: &String| {
            let found = text.parse::<Network>();
            found.map_err(|e| format!("server.trusted_proxies: {e}"))
        };
        self.trusted_proxies.iter().map(read).collect()
    }
}

impl InstanceConfig {
    /// The form of its keys.
    #[must_use]
    pub fn keys(&self) -> KeyForm {
        if self.test_keys || self.test_key_host.is_some() {
            let host = self.test_key_host.clone();
            KeyForm::Test { host }
        } else {
            KeyForm::Live
        }
    }

    /// Its first value that is out of bounds.
    ///
    /// # Errors
    /// One line that says what to change.
    pub fn check(&self) -> Result<(), String> {
        let at = |text: &str| format!("instances: {:?}: {text}", self.name);
        if self.name.trim().is_empty() {
            return Err("instances: name must not be empty".to_owned());
        }
        let Some((host, _)) = usher_http::origin::split_host(&self.host) else {
            return Err(at("host must be a host name, with a port where needed"));
        };
        if !host.contains('.') || host != host.to_lowercase() || self.host.contains('$') {
            return Err(at("host must be in lower case and contain a dot"));
        }
        if !matches!(self.environment.as_str(), "production" | "development") {
            return Err(at("environment must be production or development"));
        }
        let tests = self.test_keys || self.test_key_host.is_some();
        if tests && self.environment == "production" {
            return Err(at("test_keys are for development instances"));
        }
        if let Some(named) = &self.test_key_host
            && usher_http::origin::split_host(named)
                .is_none_or(|(name, _)| !name.contains('.') || *named != named.to_lowercase())
        {
            return Err(at(
                "test_key_host must be a host name in lower case with a dot",
            ));
        }
        if self
            .secret_key
            .as_deref()
            .is_some_and(|k| k.len() < 16 || !k.starts_with("sk_"))
        {
            return Err(at(
                "secret_key must start with sk_ and have 16 or more characters",
            ));
        }
        self.settings
            .check()
            .map_err(|e| at(&format!("settings.{e}")))
    }
}

/// A variable, or the content of the file that its `…_FILE` twin names.
fn variable(name: &str) -> Result<Option<String>, String> {
    if let Ok(path) = std::env::var(format!("{name}_FILE")) {
        return read_secret(Path::new(&path)).map(Some);
    }
    Ok(std::env::var(name).ok().filter(|v| !v.is_empty()))
}

fn read_secret(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map(|t| t.trim().to_owned())
        .map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn a_bad_key_or_value_is_told_in_one_line() {
        for (text, part) in [
            ("[server]\nlisten_on = 1", "listen_on"),
            ("[server]\ntrusted_proxies = ['10.0.0.0/40']", "10.0.0.0/40"),
            ("[server]\nmax_connections = 1", "max_connections"),
            ("[server.tls]\ncertificate = 'x'", "certificate"),
            ("[[instances]]\nname='a'\nhost='localhost'", "dot"),
            (
                "[[instances]]\nname='a'\nhost='a.b'\n[instances.settings.password]\nmin_length = 3",
                "password.min_length",
            ),
            (
                "[[instances]]\nname='a'\nhost='a.b'\nenvironment='x'",
                "environment",
            ),
            (
                "[[instances]]\nname='a'\nhost='a.b'\ntest_keys=true",
                "test_keys",
            ),
            (
                "[[instances]]\nname='a'\nhost='a.b'\nenvironment='development'\ntest_key_host='a'",
                "test_key_host",
            ),
        ] {
            let error = Config::parse(text).expect_err(text);
            assert!(error.contains(part) && !error.contains('\n'), "{error}");
        }
        for (text, part) in [
            ("[sms.twilio]\naccount_sid='AC1'", "auth_token"),
            ("[sms.twilio]\naccount_sid='AC1'\nauth_token='x'", "from"),
            (
                "[sms.twilio]\naccount_sid='A/1'\nauth_token='x'\nfrom='U'",
                "account_sid",
            ),
            ("[sms.webhook]\nurl='x'\nsecret='0123456789abcdef'", "url"),
            (
                "[sms.webhook]\nurl='https://a.example/'\nsecret='short'",
                "secret",
            ),
            ("[sms.webhook]\n[sms.twilio]", "both"),
        ] {
            let error = Config::parse(text)
                .expect(text)
                .sms
                .provider()
                .expect_err(text);
            assert!(error.contains(part) && !error.contains('\n'), "{error}");
        }
        let config = "[sms.webhook]\nurl='https://a.example/sms'\nsecret='0123456789abcdef'";
        assert!(Config::parse(config).is_ok_and(|c| matches!(c.sms.provider(), Ok(Some(_)))));
        assert!(Config::parse("[[instances]]\nname='a'\nhost='clerk.example.com'").is_ok());
    }
}
