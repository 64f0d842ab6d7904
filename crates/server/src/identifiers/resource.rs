//! The wire's email address and verification objects (contract fapi §8.4, bapi appendix B).
use super::email::EmailRow;
use crate::strategies::Strategy;
use crate::trusted_devices::challenge::ChallengeResource;
use crate::verifications::model::VerificationRow;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use usher_types::Timestamp;

/// What proves, or is to prove, an address.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Verification")]
pub struct VerificationResource {
    /// `verification_otp`, `verification_admin`, …
    pub object: &'static str,
    /// `unverified`, `verified`, `failed` or `expired`.
    pub status: String,
    /// `email_code`, `admin`, …
    pub strategy: String,
    /// Failed attempts so far.
    pub attempts: Option<i64>,
    /// Unix ms at which it ends; null when it does not.
    pub expire_at: Option<i64>,
    /// What the browser is asked to sign, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// What a wallet is asked to sign, as the person reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What a device is asked to sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_device_challenge: Option<ChallengeResource>,
    /// `sms` or `whatsapp`: how a code went to a phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Where the browser is to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_verification_redirect_url: Option<String>,
    /// What went wrong on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
}

impl VerificationResource {
    /// What every verification has.
    #[must_use]
    pub fn of(
        object: &'static str,
        status: impl Into<String>,
        strategy: impl Into<String>,
    ) -> Self {
        Self {
            object,
            status: status.into(),
            strategy: strategy.into(),
            attempts: None,
            expire_at: None,
            nonce: None,
            message: None,
            trusted_device_challenge: None,
            channel: None,
            external_verification_redirect_url: None,
            error: None,
        }
    }

    /// A proof that needed no preparation.
    #[must_use]
    pub fn proved(strategy: Strategy) -> Self {
        Self::of(strategy.verification_object(), "verified", strategy.word())
    }

    /// The operator's word.
    #[must_use]
    pub fn admin() -> Self {
        Self::of("verification_admin", "verified", "admin")
    }

    /// A one-time code's verification, a passkey's challenge, or a wallet's message.
    #[must_use]
    pub fn otp(row: &VerificationRow, now: Timestamp) -> Self {
        let strategy = Strategy::parse(&row.strategy);
        let by_wallet = strategy.is_some_and(|s| s.chain().is_some());
        let asked = (row.status_at(now) == "unverified")
            .then(|| row.nonce())
            .flatten();
        let by_device = strategy == Some(Strategy::TrustedDevice);
        let challenge = asked.as_deref().filter(|_| by_device);
        let trusted_device_challenge = challenge.and_then(|text| serde_json::from_str(text).ok());
        let (nonce, message) = match asked {
            Some(_) if by_device => (None, None),
            asked if by_wallet => (None, asked),
            asked => (asked, None),
        };
        let object = strategy.map_or("verification_otp", Strategy::verification_object);
        Self {
            nonce,
            message,
            trusted_device_challenge,
            attempts: Some(row.attempts),
            expire_at: Some(row.expire_at.0),
            channel: row.channel.clone(),
            ..Self::of(object, row.status_at(now), row.strategy.clone())
        }
    }
    /// What proved an identifier some time ago, at `at`.
    #[must_use]
    pub fn done(strategy: &str, at: Timestamp) -> Self {
        match strategy {
            "ticket" => Self::ticket(),
            "admin" => Self::admin(),
            by if by.starts_with("from_oauth_") => {
                Self::of("verification_from_oauth", "verified", by)
            }
            by => {
                let object =
                    Strategy::parse(by).map_or("verification_otp", Strategy::verification_object);
                Self {
                    attempts: Some(1),
                    expire_at: Some(at.0),
                    ..Self::of(object, "verified", by)
                }
            }
        }
    }
    /// What a ticket proved.
    #[must_use]
    pub fn ticket() -> Self {
        Self::of("verification_ticket", "verified", "ticket")
    }
}

/// A link to another identification: the account that an address came with.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "IdentificationLink")]
pub struct LinkResource {
    /// What kind of account it links to.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// An email address.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "EmailAddress")]
pub struct EmailResource {
    /// `idn_…`.
    pub id: String,
    /// `email_address`.
    pub object: &'static str,
    /// The address.
    pub email_address: String,
    /// Kept for the user though unverified.
    pub reserved: bool,
    /// What proves it.
    pub verification: Option<VerificationResource>,
    /// Linked accounts.
    pub linked_to: Vec<LinkResource>,
    /// The domain belongs to an enterprise connection.
    pub matches_sso_connection: bool,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl EmailResource {
    /// From the row alone: what verified it, or null.
    #[must_use]
    pub fn new(row: &EmailRow) -> Self {
        let by = row.verification_strategy.as_deref().unwrap_or("admin");
        let verification = row
            .is_verified()
            .then(|| VerificationResource::done(by, row.updated_at));
        Self {
            id: row.id.as_str().to_owned(),
            object: "email_address",
            email_address: row.email_address.clone(),
            reserved: row.reserved,
            verification,
            linked_to: Vec::new(),
            matches_sso_connection: false,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

/// A verification that the operator's server prepared.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ServerVerification")]
pub struct ServerVerification {
    /// `verification_otp`.
    pub object: &'static str,
    /// `ver_…`: an attempt names it.
    pub id: String,
    /// `unverified`, `verified`, `failed` or `expired`.
    pub status: String,
    /// `email_code` or `phone_code`.
    pub strategy: String,
    /// Attempts so far.
    pub attempts: Option<i64>,
    /// Unix ms.
    pub expire_at: Option<i64>,
    /// `sms` or `whatsapp`, for a code to a phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

impl ServerVerification {
    /// From its row.
    #[must_use]
    pub fn new(row: &VerificationRow, now: Timestamp) -> Self {
        Self {
            object: "verification_otp",
            id: row.id.as_str().to_owned(),
            status: row.status_at(now).to_owned(),
            strategy: row.strategy.clone(),
            attempts: Some(row.attempts),
            expire_at: Some(row.expire_at.0),
            channel: row.channel.clone(),
        }
    }
}
