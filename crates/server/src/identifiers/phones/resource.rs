//! The wire's phone number (contract fapi §8.4, bapi appendix B).
use super::model::PhoneRow;
use crate::identifiers::resource::{LinkResource, VerificationResource};
use schemars::JsonSchema;
use serde::Serialize;

/// A phone number.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "PhoneNumber")]
pub struct PhoneResource {
    /// `idn_…`.
    pub id: String,
    /// `phone_number`.
    pub object: &'static str,
    /// The number (E.164).
    pub phone_number: String,
    /// A code to it proves the second factor.
    pub reserved_for_second_factor: bool,
    /// Of those that do, the one that is offered first.
    pub default_second_factor: bool,
    /// Kept for the user though unverified.
    pub reserved: bool,
    /// What proves it.
    pub verification: Option<VerificationResource>,
    /// Linked accounts.
    pub linked_to: Vec<LinkResource>,
    /// Backup codes that were made with the second factor: shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_codes: Option<Vec<String>>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl PhoneResource {
    /// From the row alone: what verified it, or null.
    #[must_use]
    pub fn new(row: &PhoneRow) -> Self {
        let by = row.verification_strategy.as_deref().unwrap_or("admin");
        Self {
            id: row.id.as_str().to_owned(),
            object: "phone_number",
            phone_number: row.phone_number.clone(),
            reserved_for_second_factor: row.reserved_for_second_factor,
            default_second_factor: row.default_second_factor,
            reserved: row.reserved,
            verification: row
                .is_verified()
                .then(|| VerificationResource::done(by, row.updated_at)),
            linked_to: Vec::new(),
            backup_codes: None,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}
