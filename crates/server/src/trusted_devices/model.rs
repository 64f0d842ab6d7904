//! A trusted device's row.
use usher_crypto::es256::PublicKey;
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{InstanceId, TrustedDeviceId, UserId};

/// Devices of one user at most.
pub const MAX: usize = 10;
/// Operating systems whose devices hold keys.
pub const PLATFORMS: &[&str] = &["ios", "android"];
/// Algorithms of those keys.
pub const ALGORITHMS: &[&str] = &["ES256"];

row! {
    /// A device of a user. A revoked one stays to say so.
    pub struct DeviceRow {
        pub instance_id: InstanceId,
        pub id: TrustedDeviceId,
        pub user_id: UserId,
        pub platform: String,
        pub app_identifier: String,
        pub name: Option<String>,
        pub public_key_jwk: String,
        pub thumbprint: String,
        pub last_used_at: Option<Timestamp>,
        pub revoked_at: Option<Timestamp>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

impl DeviceRow {
    /// It can sign its user in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.revoked_at.is_none()
    }
}

/// A device that asks to be trusted.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// `ios` or `android`.
    pub platform: String,
    /// The app's bundle identifier or package name.
    pub app_identifier: String,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Its key.
    pub key: PublicKey,
}
