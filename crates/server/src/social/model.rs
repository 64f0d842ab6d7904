//! Rows of accounts elsewhere and of trips to providers.
use super::profile::Profile;
use serde::{Deserialize, Serialize};
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{
    ClientId, ExternalAccountId, IdentificationId, InstanceId, UserId, VerificationId,
};

/// Milliseconds a trip may take.
pub const TRIP_LIFE_MS: i64 = 10 * 60 * 1000;

row! {
    /// An account at a provider.
    pub struct ExternalAccountRow {
        pub instance_id: InstanceId,
        pub id: ExternalAccountId,
        pub identification_id: IdentificationId,
        pub user_id: UserId,
        /// `google`, `custom_acme`.
        pub provider: String,
        /// The account's id there; none until the first trip succeeded.
        pub provider_user_id: Option<String>,
        pub approved_scopes: String,
        pub email_address: Option<String>,
        pub email_verified: Option<bool>,
        pub first_name: Option<String>,
        pub last_name: Option<String>,
        pub username: Option<String>,
        pub image_url: Option<String>,
        pub tokens_sealed: Option<String>,
        /// The last trip that the user started for it.
        pub flow_id: Option<VerificationId>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

row! {
    /// A trip to a provider and back.
    pub struct FlowRow {
        pub instance_id: InstanceId,
        pub id: VerificationId,
        pub client_id: ClientId,
        pub purpose: String,
        /// The sign-in, the sign-up or the account that it is for.
        pub subject: String,
        /// Who is signed in, where an account is connected.
        pub user_id: Option<UserId>,
        pub strategy: String,
        pub state_hash: String,
        pub trip_sealed: String,
        pub redirect_url: String,
        pub complete_url: Option<String>,
        /// `unverified`, `verified`, `failed` or `transferable`.
        pub status: String,
        pub error: Option<String>,
        pub account_sealed: Option<String>,
        pub used_at: Option<Timestamp>,
        pub expire_at: Timestamp,
        pub created_at: Timestamp,
    }
}

/// What a trip is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing in.
    SignIn,
    /// Signing up.
    SignUp,
    /// Connecting an account, or asking for more of a connected one.
    Connect,
}

impl Purpose {
    /// The word in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignUp => "sign_up",
            Self::Connect => "connect",
        }
    }
    /// By its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::SignIn, Self::SignUp, Self::Connect]
            .into_iter()
            .find(|p| p.word() == word)
    }
}

/// What must be remembered of a trip to tell that an answer is to it; kept sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Trip {
    /// Where the browser is sent.
    pub authorize_url: String,
    /// Where it comes back to.
    pub redirect_uri: String,
    /// What proves that the code is ours (RFC 7636).
    pub verifier: String,
    /// What proves that the ID token is to this trip.
    pub nonce: String,
    /// What was asked for.
    pub scopes: String,
}

/// What a provider handed out.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// For the provider's API; empty after the tokens were revoked, and where none was asked for.
    pub access_token: String,
    /// For another access token.
    #[serde(default)]
    pub refresh_token: Option<String>,
    /// As it came.
    #[serde(default)]
    pub id_token: Option<String>,
    /// Unix ms; `None` where it does not end.
    #[serde(default)]
    pub expire_at: Option<i64>,
}

/// What a trip brings home.
#[derive(Clone, Serialize, Deserialize)]
pub struct Account {
    /// Who.
    pub profile: Profile,
    /// With what.
    pub tokens: Tokens,
    /// What was granted, separated by spaces.
    pub scopes: String,
}

impl FlowRow {
    /// The status as it is now.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> &str {
        if self.status == "unverified" && self.expire_at <= now {
            "expired"
        } else {
            &self.status
        }
    }
}

impl ExternalAccountRow {
    /// Proved to be the user's.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.provider_user_id.is_some()
    }
    /// `oauth_google`.
    #[must_use]
    pub fn strategy(&self) -> String {
        format!("oauth_{}", self.provider)
    }
    /// Takes over what the provider says now. The id stays: it is what the account was found by.
    pub fn take(&mut self, account: &Account, now: Timestamp) {
        let profile = account.profile.clone();
        self.provider_user_id = Some(profile.subject);
        self.approved_scopes.clone_from(&account.scopes);
        self.email_address = profile.email_address;
        self.email_verified = profile.email_verified;
        self.first_name = profile.first_name;
        self.last_name = profile.last_name;
        self.username = profile.username;
        self.image_url = profile.image_url;
        self.updated_at = now;
    }
}
