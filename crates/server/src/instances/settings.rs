//! The settings of an instance: one document with one set of names, for `usher.toml`, BAPI and the database.
//! Every field has a default, so that a stored document of an older version is read by a newer one.
pub use super::limits::Limits;
pub use super::retention::Retention;
use super::sms::Sms;
use crate::organizations::settings::Organizations;
use crate::social::settings::Social;
use crate::strategies::{Chain, Strategy};
use crate::trusted_devices::settings::Native;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use usher_notify::catalog::{LOCALES, Slug};

/// Whether an attribute is asked for at sign-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Not offered.
    Off,
    /// Offered.
    On,
    /// Demanded.
    Required,
}

impl Presence {
    /// Offered or demanded.
    #[must_use]
    pub fn enabled(self) -> bool {
        self != Self::Off
    }
    /// Demanded.
    #[must_use]
    pub fn required(self) -> bool {
        self == Self::Required
    }
    /// `off`, `on` or `required`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Required => "required",
        }
    }
}

/// Who may sign up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignUpMode {
    /// Everybody.
    Public,
    /// The invited.
    Restricted,
    /// Those taken from the waitlist.
    Waitlist,
}

/// How a captcha looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Widget {
    /// It is seen where the service wants a person to do something.
    Smart,
    /// It is never seen.
    Invisible,
}

impl Widget {
    /// `smart` or `invisible`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Smart => "smart",
            Self::Invisible => "invisible",
        }
    }
}

/// What a person gives and can sign in with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attributes {
    /// Email addresses.
    pub email_address: Presence,
    /// Email addresses sign in by a code.
    pub email_code: bool,
    /// Email addresses sign in, and are proved, by a link.
    pub email_link: bool,
    /// Phone numbers.
    pub phone_number: Presence,
    /// Phone numbers sign in by a code.
    pub phone_code: bool,
    /// A code to a phone number as a second factor. Off, nobody sets one up any more; who has one still needs it.
    pub phone_second_factor: bool,
    /// Usernames.
    pub username: Presence,
    /// Passwords.
    pub password: Presence,
    /// First names.
    pub first_name: Presence,
    /// Last names.
    pub last_name: Presence,
    /// Passkeys sign in.
    pub passkey: bool,
    /// Authenticator apps as a second factor. Off, nobody sets one up any more; who has one still needs it.
    pub authenticator_app: bool,
    /// Backup codes for when the second factor is not at hand.
    pub backup_code: bool,
    /// The ways in which wallets sign in, as `web3_metamask_signature`; without any, nobody has wallets.
    pub web3_wallet: Vec<Strategy>,
}

impl Attributes {
    /// Wallets are offered where there is a way to sign by one. No instance demands one.
    #[must_use]
    pub fn wallets(&self) -> Presence {
        if self.web3_wallet.is_empty() {
            Presence::Off
        } else {
            Presence::On
        }
    }
    /// The ways that a chain's wallets are signed with.
    pub fn wallet_strategies(&self, chain: Chain) -> impl Iterator<Item = Strategy> {
        let ways = self.web3_wallet.iter().copied();
        ways.filter(move |strategy| strategy.chain() == Some(chain))
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            email_address: Presence::Required,
            email_code: true,
            email_link: false,
            phone_number: Presence::Off,
            phone_code: true,
            phone_second_factor: false,
            username: Presence::Off,
            password: Presence::Required,
            first_name: Presence::On,
            last_name: Presence::On,
            passkey: false,
            authenticator_app: false,
            backup_code: false,
            web3_wallet: Vec::new(),
        }
    }
}

/// Whose rules a password follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Profile {
    /// The reference's: 8 characters, codes by mail are a factor.
    #[default]
    #[serde(rename = "clerk")]
    Clerk,
    /// NIST SP 800-63B-4: 15 characters while the password is the only factor, no composition rules, and mail proves an
    /// address or recovers an account but signs nobody in (§3.1.1.2, §3.1.3.1).
    #[serde(rename = "nist-63b-4")]
    Nist63b4,
}

/// What becomes of a new password that the breach service could not be asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unchecked {
    /// It is taken: the lists on this machine have been asked.
    #[default]
    Accept,
    /// 503; the person tries again.
    Refuse,
}

/// Characters that a password needs where it is the only factor (NIST SP 800-63B-4 §3.1.1.2).
const NIST_ONLY_FACTOR: i64 = 15;

/// The password policy (NIST SP 800-63B-4 §3.1.1.2: a length floor, no composition rules unless asked for).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordPolicy {
    /// Whose rules it follows.
    pub profile: Profile,
    /// Characters at least (8 is the floor).
    pub min_length: i64,
    /// Characters at most (64 is the least that is allowed); and no more than 512 bytes.
    pub max_length: i64,
    /// A special character is demanded.
    pub require_special_char: bool,
    /// A digit is demanded.
    pub require_numbers: bool,
    /// An upper-case letter is demanded.
    pub require_uppercase: bool,
    /// A lower-case letter is demanded.
    pub require_lowercase: bool,
    /// UIs show how strong a password is while it is typed.
    pub show_zxcvbn: bool,
    /// zxcvbn's score that is demanded, 0 (none) to 4.
    pub min_zxcvbn_strength: u8,
    /// A password that is known from breaches is refused at sign-in too, and must be reset.
    pub enforce_hibp_on_sign_in: bool,
    /// What becomes of a new password when the breach service does not answer.
    pub without_breach_check: Unchecked,
    /// A change of password always takes the present one, never a proof of the last ten minutes in its place: for
    /// applications with forms of their own, as the official one does not ask for it where reverification is on.
    pub disable_password_reverification: bool,
    /// bcrypt's cost, 10 at least.
    pub bcrypt_cost: u32,
}

impl PasswordPolicy {
    /// Characters that a new password needs: the operator's number, or the profile's where that is higher.
    #[must_use]
    pub fn floor(&self) -> i64 {
        match self.profile {
            Profile::Clerk => self.min_length,
            // There is no second factor yet: a password is always the only one.
            Profile::Nist63b4 => self.min_length.max(NIST_ONLY_FACTOR),
        }
    }
    fn has_composition_rules(&self) -> bool {
        self.require_special_char
            || self.require_numbers
            || self.require_uppercase
            || self.require_lowercase
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            profile: Profile::Clerk,
            min_length: 8,
            max_length: 128,
            require_special_char: false,
            require_numbers: false,
            require_uppercase: false,
            require_lowercase: false,
            show_zxcvbn: false,
            min_zxcvbn_strength: 0,
            enforce_hibp_on_sign_in: false,
            without_breach_check: Unchecked::Accept,
            disable_password_reverification: false,
            bcrypt_cost: 10,
        }
    }
}

/// Addresses of the application's own pages; empty means "the account portal's".
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paths {
    /// The application's home.
    pub home_url: String,
    /// Its sign-in page.
    pub sign_in_url: String,
    /// Its sign-up page.
    pub sign_up_url: String,
    /// Where to go after sign-in.
    pub after_sign_in_url: String,
    /// Where to go after sign-up.
    pub after_sign_up_url: String,
    /// Where to go after sign-out.
    pub after_sign_out_url: String,
    /// Terms of service.
    pub terms_url: String,
    /// Privacy policy.
    pub privacy_policy_url: String,
}

/// Who may not join (contract bapi §2.12, §6.6). The lists themselves are in the database.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, named as the wire names them"
)]
pub struct Restrictions {
    /// Only who is on the allow-list may sign up; nobody where it is empty. Counts where sign-ups are public.
    pub allowlist: bool,
    /// Who is on the block-list may not sign up.
    pub blocklist: bool,
    /// The lists say nothing to users who sign in.
    pub allowlist_blocklist_disabled_on_sign_in: bool,
    /// New addresses may not have a subaddress.
    pub block_email_subaddresses: bool,
    /// New addresses may not be of a disposable domain.
    pub block_disposable_email_domains: bool,
}

/// Which security notices users get by mail. A notice that is off is not sent; what it tells of happens all the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, one for each message"
)]
pub struct Notices {
    /// The password is another one.
    pub password_changed: bool,
    /// There is no password any more.
    pub password_removed: bool,
    /// Another address is the primary one; told to the one that was.
    pub primary_email_address_changed: bool,
    /// A sign-in on a browser that the user was never signed in on.
    pub new_device_sign_in: bool,
    /// A passkey came.
    pub passkey_added: bool,
    /// A passkey went.
    pub passkey_removed: bool,
    /// A second factor is asked for from now on.
    pub mfa_enabled: bool,
    /// No second factor is asked for any more.
    pub mfa_disabled: bool,
    /// Failed attempts have locked the account.
    pub account_locked: bool,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            password_changed: true,
            password_removed: true,
            primary_email_address_changed: true,
            new_device_sign_in: true,
            passkey_added: true,
            passkey_removed: true,
            mfa_enabled: true,
            mfa_disabled: true,
            account_locked: true,
        }
    }
}

impl Notices {
    /// True unless the message is a notice that is switched off.
    #[must_use]
    pub fn allow(&self, slug: Slug) -> bool {
        match slug {
            Slug::PasswordChanged => self.password_changed,
            Slug::PasswordRemoved => self.password_removed,
            Slug::PrimaryEmailAddressChanged => self.primary_email_address_changed,
            Slug::NewDeviceSignIn => self.new_device_sign_in,
            Slug::PasskeyAdded => self.passkey_added,
            Slug::PasskeyRemoved => self.passkey_removed,
            Slug::MfaEnabled => self.mfa_enabled,
            Slug::MfaDisabled => self.mfa_disabled,
            Slug::AccountLocked => self.account_locked,
            Slug::VerificationCode
            | Slug::ResetPasswordCode
            | Slug::MagicLinkSignIn
            | Slug::MagicLinkSignUp
            | Slug::MagicLinkUserProfile
            | Slug::Invitation
            | Slug::OrganizationInvitation
            | Slug::WaitlistConfirmation
            | Slug::WaitlistInvitation => true,
        }
    }
}

/// Everything that an operator sets for an instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The application's name on pages and in mail.
    pub application_name: String,
    /// The language of messages to those whose own is not known or not shipped: `en`, `de`, `es`, `fr` or `pt-BR`.
    pub locale: String,
    /// What a person gives and can sign in with.
    pub attributes: Attributes,
    /// The password policy.
    pub password: PasswordPolicy,
    /// Usernames: characters at least.
    pub username_min_length: i64,
    /// Usernames: characters at most.
    pub username_max_length: i64,
    /// Who may sign up.
    pub sign_up_mode: SignUpMode,
    /// One account at a time in a browser.
    pub single_session_mode: bool,
    /// Seconds a session lives.
    pub session_lifetime_secs: i64,
    /// Seconds without activity that end a session; 0 is off.
    pub session_inactivity_secs: i64,
    /// `+clerk_test` addresses take the code 424242. Never effective on production instances.
    pub test_mode: bool,
    /// Unknown identifiers look like known ones.
    pub enumeration_protection: bool,
    /// `password` or `otp`: which factor a sign-in shows first.
    pub preferred_sign_in_strategy: String,
    /// What changes ways to sign in, signs others out or ends the account needs a proof of the last ten minutes.
    pub reverification: bool,
    /// Every user sets a second factor up: until then sessions are pending.
    pub second_factor_required: bool,
    /// A password on a browser on which its user was never signed in needs a code to an address as well, where the user has no
    /// second factor.
    pub client_trust: bool,
    /// Users may delete themselves.
    pub delete_self: bool,
    /// A sign-up needs the consent to terms and privacy policy (`paths.terms_url`, `paths.privacy_policy_url`).
    pub legal_consent_enabled: bool,
    /// Where people find help.
    pub support_email: String,
    /// Origins beyond the instance's own domain that may call the Frontend API, as `https://app.example.org`.
    pub allowed_origins: Vec<String>,
    /// Hosts below the root domain that may call the Frontend API, as `app.example.com`; empty allows every one. The root
    /// domain, the Frontend API and the account portal always may. A subdomain that somebody else runs can do nothing then.
    pub allowed_subdomains: Vec<String>,
    /// The breach service is asked about new passwords. The lists on this machine are asked in any case.
    pub hibp: bool,
    /// Failed attempts that lock an account.
    pub lockout_max_attempts: i64,
    /// Minutes that a locked account stays locked.
    pub lockout_minutes: i64,
    /// Who signs up shows first that a person does it; needs `[captcha]`.
    pub bot_protection: bool,
    /// How the captcha looks.
    pub captcha_widget: Widget,
    /// Organizations.
    pub organizations: Organizations,
    /// Apps on phones.
    pub native: Native,
    /// Who may not join.
    pub restrictions: Restrictions,
    /// Text messages: which countries get them.
    pub sms: Sms,
    /// How often a caller may use an operation.
    pub limits: Limits,
    /// Which security notices users get by mail.
    pub notices: Notices,
    /// How long things are kept that have ended.
    pub retention: Retention,
    /// Addresses of the application's own pages.
    pub paths: Paths,
    /// Accounts elsewhere that sign in, by provider: `google`, `custom_acme`.
    pub social: Social,
    /// The development server's own provider is offered, for trying things out. Never on production instances.
    pub development_provider: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            application_name: "My application".to_owned(),
            locale: LOCALES[0].to_owned(),
            attributes: Attributes::default(),
            password: PasswordPolicy::default(),
            username_min_length: 4,
            username_max_length: 64,
            sign_up_mode: SignUpMode::Public,
            single_session_mode: true,
            session_lifetime_secs: 7 * 24 * 3600,
            session_inactivity_secs: 0,
            test_mode: true,
            enumeration_protection: false,
            preferred_sign_in_strategy: "password".to_owned(),
            reverification: true,
            second_factor_required: false,
            client_trust: false,
            delete_self: true,
            legal_consent_enabled: false,
            support_email: String::new(),
            allowed_origins: Vec::new(),
            allowed_subdomains: Vec::new(),
            hibp: true,
            lockout_max_attempts: 10,
            lockout_minutes: 60,
            bot_protection: false,
            captcha_widget: Widget::Smart,
            organizations: Organizations::default(),
            native: Native::default(),
            restrictions: Restrictions::default(),
            sms: Sms::default(),
            limits: Limits::default(),
            notices: Notices::default(),
            retention: Retention::default(),
            paths: Paths::default(),
            social: Social::new(),
            development_provider: false,
        }
    }
}

impl Settings {
    /// Mail is a way to sign in, by a code or by a link. It verifies addresses and resets passwords in any case.
    #[must_use]
    pub fn email_signs_in(&self) -> bool {
        self.email_code_signs_in() || self.email_link_signs_in()
    }
    /// A code by mail is a way to sign in.
    #[must_use]
    pub fn email_code_signs_in(&self) -> bool {
        self.mail_is_a_factor() && self.attributes.email_code
    }
    /// A link by mail is a way to sign in.
    #[must_use]
    pub fn email_link_signs_in(&self) -> bool {
        self.mail_is_a_factor() && self.attributes.email_link
    }
    fn mail_is_a_factor(&self) -> bool {
        self.attributes.email_address.enabled() && self.password.profile == Profile::Clerk
    }
    /// A code by text message is a way to sign in. It verifies numbers and resets passwords in any case.
    #[must_use]
    pub fn phone_signs_in(&self) -> bool {
        self.attributes.phone_number.enabled() && self.attributes.phone_code
    }
    /// The first setting that is out of bounds, as one line that says what to change.
    ///
    /// # Errors
    /// That line.
    pub fn check(&self) -> Result<(), String> {
        let p = &self.password;
        let a = &self.attributes;
        let checks = [
            (p.min_length < 8, "password.min_length must be 8 or more"),
            (
                p.max_length < 64 || p.max_length > 512,
                "password.max_length must be between 64 and 512",
            ),
            (
                p.floor() > p.max_length,
                "password.min_length must not be above password.max_length",
            ),
            (
                p.min_zxcvbn_strength > 4,
                "password.min_zxcvbn_strength must be between 0 and 4",
            ),
            (
                p.profile == Profile::Nist63b4 && p.has_composition_rules(),
                "password.profile nist-63b-4 allows no require_… rule",
            ),
            (
                p.profile == Profile::Nist63b4 && !a.password.required(),
                "password.profile nist-63b-4 needs attributes.password = \"required\": mail is no factor",
            ),
            (
                !(10..=15).contains(&p.bcrypt_cost),
                "password.bcrypt_cost must be between 10 and 15",
            ),
            (
                self.username_min_length < 1
                    || self.username_max_length > 256
                    || self.username_min_length > self.username_max_length,
                "username_min_length and username_max_length must be between 1 and 256, in order",
            ),
            (
                !(300..=315_360_000).contains(&self.session_lifetime_secs),
                "session_lifetime_secs must be between 300 and 315360000",
            ),
            (
                self.session_inactivity_secs != 0
                    && !(60..self.session_lifetime_secs).contains(&self.session_inactivity_secs),
                "session_inactivity_secs must be 0 or between 60 and session_lifetime_secs",
            ),
            (
                !matches!(self.preferred_sign_in_strategy.as_str(), "password" | "otp"),
                "preferred_sign_in_strategy must be password or otp",
            ),
            (
                !a.email_address.enabled()
                    && !a.phone_number.enabled()
                    && !a.username.enabled()
                    && !a.wallets().enabled(),
                "attributes: email_address, phone_number, username or web3_wallet must be on",
            ),
            (
                !(a.password.enabled()
                    || self.email_signs_in()
                    || self.phone_signs_in()
                    || a.wallets().enabled()),
                "attributes: password, email_code, email_link, phone_code or web3_wallet must be on, or nobody can sign in",
            ),
            (
                a.web3_wallet.iter().any(|way| way.chain().is_none()),
                "attributes.web3_wallet lists web3_…_signature strategies only",
            ),
            (
                a.password.required()
                    && !a.email_address.enabled()
                    && !a.phone_number.enabled()
                    && !a.username.enabled(),
                "attributes.password = \"required\" needs email_address, phone_number or username to be on",
            ),
            (
                a.backup_code && !(a.authenticator_app || a.phone_second_factor),
                "attributes: backup_code needs authenticator_app or phone_second_factor, which it stands in for",
            ),
            (
                self.second_factor_required && !(a.authenticator_app || a.phone_second_factor),
                "second_factor_required needs attributes.authenticator_app or attributes.phone_second_factor",
            ),
            (
                a.phone_second_factor && !a.phone_number.enabled(),
                "attributes: phone_second_factor needs phone_number",
            ),
            (
                a.username.enabled()
                    && !a.email_address.enabled()
                    && !a.password.enabled()
                    && !self.phone_signs_in(),
                "attributes: usernames alone need passwords",
            ),
            (
                self.legal_consent_enabled
                    && self.paths.terms_url.is_empty()
                    && self.paths.privacy_policy_url.is_empty(),
                "legal_consent_enabled needs paths.terms_url or paths.privacy_policy_url",
            ),
            (
                !LOCALES.contains(&self.locale.as_str()),
                "locale must be en, de, es, fr or pt-BR",
            ),
            (
                self.lockout_max_attempts < 5,
                "lockout_max_attempts must be 5 or more",
            ),
            (
                self.lockout_minutes < 1,
                "lockout_minutes must be 1 or more",
            ),
            (
                self.application_name.trim().is_empty()
                    || self.application_name.chars().count() > 256,
                "application_name must have between 1 and 256 characters",
            ),
        ];
        if let Some((_, text)) = checks.iter().find(|(wrong, _)| *wrong) {
            return Err((*text).to_owned());
        }
        for host in &self.allowed_subdomains {
            if usher_http::origin::split_host(host) != Some((host.clone(), None)) {
                return Err(format!(
                    "allowed_subdomains: {host:?} is not a host name in lower case such as app.example.com"
                ));
            }
        }
        self.organizations.check()?;
        self.native.check()?;
        self.sms.check()?;
        crate::social::settings::check(&self.social)?;
        self.limits.check()?;
        self.retention.check()?;
        for origin in &self.allowed_origins {
            if usher_http::origin::Url::parse(origin).is_none_or(|u| u.origin() != *origin) {
                return Err(format!(
                    "allowed_origins: {origin:?} is not an origin such as https://app.example.org"
                ));
            }
        }
        Ok(())
    }
}
