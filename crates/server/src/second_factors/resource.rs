//! The wire's second factors (contract fapi §8.3, bapi §2.1).
use super::model::TotpRow;
use crate::strategies::Strategy;
use schemars::JsonSchema;
use serde::Serialize;
use usher_types::Timestamp;
use usher_types::id::{BackupCodesId, UserId};

/// An authenticator app.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "TOTP")]
pub struct TotpResource {
    /// `totp`.
    pub object: &'static str,
    /// `totp_…`.
    pub id: String,
    /// Base32; null once it is verified.
    pub secret: Option<String>,
    /// What a QR code shows (`otpauth://totp/…`); null once it is verified.
    pub uri: Option<String>,
    /// A code of it was right.
    pub verified: bool,
    /// The backup codes that were made with it: shown this once.
    pub backup_codes: Option<Vec<String>>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl TotpResource {
    /// One that waits for its first code.
    #[must_use]
    pub fn waiting(row: &TotpRow, secret: String, uri: String) -> Self {
        Self {
            secret: Some(secret),
            uri: Some(uri),
            ..Self::verified(row, None)
        }
        .unverified()
    }
    /// One that is verified.
    #[must_use]
    pub fn verified(row: &TotpRow, backup_codes: Option<Vec<String>>) -> Self {
        Self {
            object: "totp",
            id: row.id.as_str().to_owned(),
            secret: None,
            uri: None,
            verified: true,
            backup_codes,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
    fn unverified(mut self) -> Self {
        self.verified = false;
        self
    }
}

/// A set of backup codes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "BackupCodes")]
pub struct BackupCodesResource {
    /// `backup_code`.
    pub object: &'static str,
    /// `bkpc_…`.
    pub id: String,
    /// The codes: shown this once.
    pub codes: Vec<String>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl BackupCodesResource {
    /// A set that was just made.
    #[must_use]
    pub fn new(id: &BackupCodesId, codes: Vec<String>, now: Timestamp) -> Self {
        Self {
            object: "backup_code",
            id: id.as_str().to_owned(),
            codes,
            created_at: now.0,
            updated_at: now.0,
        }
    }
}

/// A code was right.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "CodeVerified")]
pub struct CodeVerified {
    /// True; a wrong code is a refusal.
    pub verified: bool,
    /// `totp` or `backup_code`.
    pub code_type: &'static str,
}

impl CodeVerified {
    /// By what it was.
    #[must_use]
    pub fn new(by: Strategy) -> Self {
        Self {
            verified: true,
            code_type: by.word(),
        }
    }
}

/// Whose second factors were taken away.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SecondFactorsDisabled")]
pub struct Disabled {
    /// `user_…`.
    pub user_id: String,
}

impl Disabled {
    /// The user's.
    #[must_use]
    pub fn new(user: &UserId) -> Self {
        Self {
            user_id: user.as_str().to_owned(),
        }
    }
}
