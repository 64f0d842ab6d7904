//! A verification's row and its pure rules.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{ClientId, InstanceId, VerificationId};

/// Milliseconds a code lives.
pub const CODE_LIFE_MS: i64 = 10 * 60 * 1000;
/// Wrong tries that end a code.
pub const CODE_TRIES: i64 = 5;
/// Milliseconds between two codes for one purpose.
pub const RESEND_AFTER_MS: i64 = 30 * 1000;

row! {
    /// A verification.
    pub struct VerificationRow {
        pub instance_id: InstanceId,
        pub id: VerificationId,
        pub strategy: String,
        pub status: String,
        pub target: Option<String>,
        pub mailbox: Option<String>,
        pub code_hash: Option<String>,
        pub attempts: i64,
        pub verified_at_client: Option<ClientId>,
        pub expire_at: Timestamp,
        pub created_at: Timestamp,
    }
}

impl VerificationRow {
    /// The status as it is now: an open one past its end is expired.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> &str {
        if self.status == "unverified" && self.expire_at <= now {
            "expired"
        } else {
            &self.status
        }
    }
}
