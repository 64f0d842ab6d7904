//! The wire's passkey (contract fapi §8.8, bapi appendix B).
use super::model::PasskeyRow;
use crate::verifications::model::VerificationRow;
use schemars::JsonSchema;
use serde::Serialize;
use usher_types::Timestamp;

/// What proves, or is to prove, a passkey.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "PasskeyVerification")]
pub struct PasskeyVerification {
    /// `verification_passkey`.
    pub object: &'static str,
    /// `unverified`, `verified`, `failed` or `expired`.
    pub status: String,
    /// `passkey`.
    pub strategy: &'static str,
    /// Failed attempts so far.
    pub attempts: Option<i64>,
    /// Unix ms at which the challenge ends.
    pub expire_at: i64,
    /// While it is open: `PublicKeyCredentialCreationOptions` as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// A passkey.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Passkey")]
pub struct PasskeyResource {
    /// `idn_…`.
    pub id: String,
    /// `passkey`.
    pub object: &'static str,
    /// What its owner calls it.
    pub name: String,
    /// Unix ms of the last sign-in with it. On the Backend API, whose SDKs take no null, of its making before the first one.
    pub last_used_at: Option<i64>,
    /// Null on the Backend API, which shows finished ones only.
    pub verification: Option<PasskeyVerification>,
    /// Unix ms; on the Frontend API only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// Unix ms; on the Frontend API only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
}

impl PasskeyResource {
    /// A finished one.
    #[must_use]
    pub fn new(row: &PasskeyRow) -> Self {
        Self {
            id: row.id.as_str().to_owned(),
            object: "passkey",
            name: row.name.clone(),
            last_used_at: row.last_used_at.map(|t| t.0),
            verification: Some(PasskeyVerification {
                object: "verification_passkey",
                status: if row.credential.is_some() {
                    "verified"
                } else {
                    "unverified"
                }
                .to_owned(),
                strategy: "passkey",
                attempts: None,
                expire_at: row.created_at.0,
                nonce: None,
            }),
            created_at: Some(row.created_at.0),
            updated_at: Some(row.updated_at.0),
        }
    }
    /// A finished one for the operator's servers.
    #[must_use]
    pub fn for_server(row: &PasskeyRow) -> Self {
        Self {
            last_used_at: Some(row.last_used_at.unwrap_or(row.created_at).0),
            created_at: None,
            updated_at: None,
            ..Self::new(row)
        }
    }
    /// With the challenge that is under way.
    #[must_use]
    pub fn under_way(row: &PasskeyRow, verification: &VerificationRow, now: Timestamp) -> Self {
        let mut resource = Self::new(row);
        let status = verification.status_at(now);
        resource.verification = Some(PasskeyVerification {
            object: "verification_passkey",
            status: status.to_owned(),
            strategy: "passkey",
            attempts: Some(verification.attempts),
            expire_at: verification.expire_at.0,
            nonce: (status == "unverified")
                .then(|| verification.nonce())
                .flatten(),
        });
        resource
    }
}
