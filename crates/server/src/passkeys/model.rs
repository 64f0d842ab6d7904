//! A passkey's row.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{IdentificationId, InstanceId, UserId, VerificationId};

/// Passkeys of one user at most (contract bapi §6).
pub const MAX: usize = 10;

row! {
    /// A passkey of a user. Without a credential it is only asked for yet.
    pub struct PasskeyRow {
        pub instance_id: InstanceId,
        pub id: IdentificationId,
        pub user_id: UserId,
        pub name: String,
        pub credential_id: Option<String>,
        pub credential: Option<String>,
        pub verification_id: Option<VerificationId>,
        pub last_used_at: Option<Timestamp>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}
