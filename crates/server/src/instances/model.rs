//! Rows of instances and their keys.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{ApplicationId, InstanceId};

row! {
    /// An instance: one user base with its host, keys and settings.
    pub struct InstanceRow {
        pub id: InstanceId,
        pub application_id: ApplicationId,
        pub name: String,
        pub environment_type: String,
        pub host: String,
        pub publishable_key: String,
        pub settings: String,
        pub data_key_sealed: String,
        pub generation: i64,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

row! {
    /// An RSA key that signs, has signed or will sign session tokens. `id` is the JWT's `kid`. It is published from
    /// `created_at` to `remove_at` and signs from `active_at` to `retire_at`; `signed_until` is when the last of its tokens
    /// that outlive the usual overlap expires.
    pub struct SigningKeyRow {
        pub id: String,
        pub instance_id: InstanceId,
        pub public_jwk: String,
        pub private_sealed: String,
        pub created_at: Timestamp,
        pub active_at: Timestamp,
        pub retire_at: Option<Timestamp>,
        pub remove_at: Option<Timestamp>,
        pub signed_until: Timestamp,
    }
}

row! {
    /// A secret key: found by its hash, sealed for the operator who may read it again, told by the four characters of its
    /// ending. It is worth nothing from `retire_at` on.
    pub struct SecretKeyRow {
        pub hash: String,
        pub id: String,
        pub instance_id: InstanceId,
        pub sealed: String,
        pub ending: String,
        pub name: String,
        pub created_at: Timestamp,
        pub retire_at: Option<Timestamp>,
    }
}

/// Where a key is in its life. Nothing stores it: times and the clock say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, so that every verifier knows it before it signs.
    Pending,
    /// Signs.
    Active,
    /// Signs no more; what it signed still verifies.
    Retiring,
    /// Not published; what it signed is refused.
    Removed,
}

impl KeyState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Removed => "removed",
        }
    }
}

impl SigningKeyRow {
    /// Where it is at an instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        let past = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if past(self.remove_at) {
            KeyState::Removed
        } else if past(self.retire_at) {
            KeyState::Retiring
        } else if self.active_at <= now {
            KeyState::Active
        } else {
            KeyState::Pending
        }
    }
}

impl SecretKeyRow {
    /// True while it opens the Backend API.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.retire_at.is_none_or(|at| at > now)
    }
}
