//! A user's row and the pure rules about it.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{IdentificationId, InstanceId, UserId};

/// Wrong passwords in a row that disable a password (NIST SP 800-63B §3.2.2: no more than 100).
pub const PASSWORD_FAILURES: i64 = 100;

row! {
    /// A user.
    pub struct UserRow {
        pub instance_id: InstanceId,
        pub id: UserId,
        pub external_id: Option<String>,
        pub username: Option<String>,
        pub username_normal: Option<String>,
        pub first_name: Option<String>,
        pub last_name: Option<String>,
        pub locale: Option<String>,
        pub primary_email_address_id: Option<IdentificationId>,
        pub primary_email_normal: Option<String>,
        pub primary_phone_number_id: Option<IdentificationId>,
        pub primary_phone_number: Option<String>,
        /// Numbers that the user has, so that who has none costs no look.
        pub phone_number_count: i64,
        pub password_stored: Option<String>,
        pub password_updated_at: Option<Timestamp>,
        pub password_compromised: bool,
        pub public_metadata: String,
        pub private_metadata: String,
        pub unsafe_metadata: String,
        pub banned: bool,
        pub locked: bool,
        pub locked_until: Option<Timestamp>,
        pub failed_attempts: i64,
        pub password_failures: i64,
        pub totp_enabled: bool,
        /// A number is reserved for the second factor.
        pub phone_second_factor: bool,
        pub backup_code_enabled: bool,
        pub mfa_enabled_at: Option<Timestamp>,
        pub mfa_disabled_at: Option<Timestamp>,
        pub delete_self_enabled: bool,
        pub create_organization_enabled: bool,
        pub create_organizations_limit: Option<i64>,
        pub bypass_client_trust: bool,
        pub passkeys: i64,
        pub legal_accepted_at: Option<Timestamp>,
        pub image_id: Option<String>,
        pub last_sign_in_at: Option<Timestamp>,
        pub last_active_at: Option<Timestamp>,
        pub search: String,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
        pub primary_web3_wallet_id: Option<IdentificationId>,
        /// Its address, as it is shown.
        pub primary_web3_wallet: Option<String>,
        /// How many wallets there are, proved or not.
        pub web3_wallets: i64,
    }
}

impl UserRow {
    /// A user with nothing but an id.
    #[must_use]
    pub fn blank(instance_id: InstanceId, id: UserId, now: Timestamp) -> Self {
        let empty = || "{}".to_owned();
        Self {
            instance_id,
            id,
            external_id: None,
            username: None,
            username_normal: None,
            first_name: None,
            last_name: None,
            locale: None,
            primary_email_address_id: None,
            primary_email_normal: None,
            primary_phone_number_id: None,
            primary_phone_number: None,
            phone_number_count: 0,
            password_stored: None,
            password_updated_at: None,
            password_compromised: false,
            public_metadata: empty(),
            private_metadata: empty(),
            unsafe_metadata: empty(),
            banned: false,
            locked: false,
            locked_until: None,
            failed_attempts: 0,
            password_failures: 0,
            totp_enabled: false,
            phone_second_factor: false,
            backup_code_enabled: false,
            mfa_enabled_at: None,
            mfa_disabled_at: None,
            delete_self_enabled: true,
            create_organization_enabled: true,
            create_organizations_limit: None,
            bypass_client_trust: false,
            passkeys: 0,
            legal_accepted_at: None,
            image_id: None,
            last_sign_in_at: None,
            last_active_at: None,
            search: String::new(),
            created_at: now,
            updated_at: now,
            primary_web3_wallet_id: None,
            primary_web3_wallet: None,
            web3_wallets: 0,
        }
    }
    /// What the user is called by: the primary address, the primary number, the username, the primary wallet.
    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        self.primary_email_normal
            .as_deref()
            .or(self.primary_phone_number.as_deref())
            .or(self.username.as_deref())
            .or(self.primary_web3_wallet.as_deref())
    }
    /// The password was guessed at so often, without a right one in between, that it opens nothing until it is replaced.
    #[must_use]
    pub fn password_is_off(&self) -> bool {
        self.password_stored.is_some() && self.password_failures >= PASSWORD_FAILURES
    }
    /// The names of the fields that a change of `before` into this changed, as the wire calls them; what follows from other
    /// fields is left out.
    #[must_use]
    pub fn differs_from(&self, before: &Self) -> Vec<&'static str> {
        let fields = [
            ("external_id", self.external_id != before.external_id),
            ("username", self.username != before.username),
            ("first_name", self.first_name != before.first_name),
            ("last_name", self.last_name != before.last_name),
            ("locale", self.locale != before.locale),
            (
                "primary_email_address_id",
                self.primary_email_address_id != before.primary_email_address_id,
            ),
            (
                "primary_web3_wallet_id",
                self.primary_web3_wallet_id != before.primary_web3_wallet_id,
            ),
            (
                "primary_phone_number_id",
                self.primary_phone_number_id != before.primary_phone_number_id,
            ),
            ("password", self.password_stored != before.password_stored),
            (
                "password_compromised",
                self.password_compromised != before.password_compromised,
            ),
            (
                "public_metadata",
                self.public_metadata != before.public_metadata,
            ),
            (
                "private_metadata",
                self.private_metadata != before.private_metadata,
            ),
            (
                "unsafe_metadata",
                self.unsafe_metadata != before.unsafe_metadata,
            ),
            ("totp_enabled", self.totp_enabled != before.totp_enabled),
            (
                "backup_code_enabled",
                self.backup_code_enabled != before.backup_code_enabled,
            ),
            ("banned", self.banned != before.banned),
            ("locked", self.locked != before.locked),
            (
                "delete_self_enabled",
                self.delete_self_enabled != before.delete_self_enabled,
            ),
            (
                "create_organization_enabled",
                self.create_organization_enabled != before.create_organization_enabled,
            ),
            (
                "create_organizations_limit",
                self.create_organizations_limit != before.create_organizations_limit,
            ),
            (
                "bypass_client_trust",
                self.bypass_client_trust != before.bypass_client_trust,
            ),
            (
                "legal_accepted_at",
                self.legal_accepted_at != before.legal_accepted_at,
            ),
            ("created_at", self.created_at != before.created_at),
        ];
        let changed = fields.into_iter().filter(|(_, differs)| *differs);
        changed.map(|(name, _)| name).collect()
    }
    /// Sign-ins need a second factor. Backup codes alone are none: they stand in for another one, and run out.
    #[must_use]
    pub fn two_factor_enabled(&self) -> bool {
        self.totp_enabled || self.phone_second_factor
    }
    /// Notes which second factors there are now, and since when there are any, or none.
    pub fn set_second_factors(&mut self, totp: bool, backup_codes: bool, now: Timestamp) {
        let before = self.two_factor_enabled();
        self.totp_enabled = totp;
        self.backup_code_enabled = backup_codes;
        self.note_second_factors(before, now);
    }
    /// The same, of numbers that are reserved for it.
    pub fn set_phone_second_factor(&mut self, on: bool, now: Timestamp) {
        let before = self.two_factor_enabled();
        self.phone_second_factor = on;
        self.note_second_factors(before, now);
    }
    fn note_second_factors(&mut self, before: bool, now: Timestamp) {
        match (before, self.two_factor_enabled()) {
            (false, true) => self.mfa_enabled_at = Some(now),
            (true, false) => self.mfa_disabled_at = Some(now),
            (false, false) | (true, true) => {}
        }
        self.updated_at = now;
    }
    /// Locked at this instant: for good (no end), or until an end that is still to come.
    #[must_use]
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked && self.locked_until.is_none_or(|until| until > now)
    }
    /// Whole seconds until the lock ends; `None` when there is no lock or no end.
    #[must_use]
    pub fn lock_remaining_secs(&self, now: Timestamp) -> Option<i64> {
        self.locked_until
            .filter(|_| self.is_locked(now))
            .map(|until| (until.since(now) + 999) / 1000)
    }
}

/// A username as it is compared: trimmed, Unicode lower case.
#[must_use]
pub fn normal_username(text: &str) -> String {
    text.trim().to_lowercase()
}
