//! The wire's trusted device.
use super::model::DeviceRow;
use schemars::JsonSchema;
use serde::Serialize;

/// A device.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "TrustedDevice")]
pub struct DeviceResource {
    /// `trusted_device`.
    pub object: &'static str,
    /// `tdev_…`.
    pub id: String,
    /// `ios` or `android`.
    pub platform: String,
    /// The app's bundle identifier or package name.
    pub app_identifier: String,
    /// What its owner calls it.
    pub name: Option<String>,
    /// `ES256`.
    pub algorithm: &'static str,
    /// `active` or `revoked`.
    pub status: &'static str,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
    /// Unix ms of the last sign-in by it.
    pub last_used_at: Option<i64>,
    /// Unix ms.
    pub revoked_at: Option<i64>,
}

impl DeviceResource {
    /// From a row.
    #[must_use]
    pub fn new(row: &DeviceRow) -> Self {
        Self {
            object: "trusted_device",
            id: row.id.as_str().to_owned(),
            platform: row.platform.clone(),
            app_identifier: row.app_identifier.clone(),
            name: row.name.clone(),
            algorithm: "ES256",
            status: if row.is_active() { "active" } else { "revoked" },
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            last_used_at: row.last_used_at.map(|t| t.0),
            revoked_at: row.revoked_at.map(|t| t.0),
        }
    }
}

/// Whether a device can sign in here.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "TrustedDeviceValidation")]
pub struct ValidationResource {
    /// `trusted_device_validation`.
    pub object: &'static str,
    /// It can.
    pub valid: bool,
}
