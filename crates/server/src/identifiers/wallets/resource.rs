//! The wire's wallet (contract fapi §8.4, bapi appendix B).
use super::model::WalletRow;
use crate::identifiers::resource::VerificationResource;
use crate::strategies::Strategy;
use crate::verifications::model::VerificationRow;
use schemars::JsonSchema;
use serde::Serialize;
use usher_types::Timestamp;

/// A wallet.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Web3Wallet")]
pub struct WalletResource {
    /// `idn_…`.
    pub id: String,
    /// `web3_wallet`.
    pub object: &'static str,
    /// The address.
    pub web3_wallet: String,
    /// What proves it, or is to prove it.
    pub verification: Option<VerificationResource>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl WalletResource {
    /// From the row alone: what verified it, or null.
    #[must_use]
    pub fn new(row: &WalletRow) -> Self {
        let proved = row.verification_strategy.as_deref().map(|strategy| {
            Strategy::parse(strategy)
                .map_or_else(VerificationResource::admin, VerificationResource::proved)
        });
        Self {
            id: row.id.as_str().to_owned(),
            object: "web3_wallet",
            web3_wallet: row.web3_wallet.clone(),
            verification: proved,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
    /// With the verification that is under way, where it is not proved yet.
    #[must_use]
    pub fn under_way(
        row: &WalletRow,
        verification: Option<&VerificationRow>,
        now: Timestamp,
    ) -> Self {
        let mut resource = Self::new(row);
        if !row.is_verified() {
            resource.verification = verification.map(|v| VerificationResource::otp(v, now));
        }
        resource
    }
}
