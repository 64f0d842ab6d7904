//! A sign-in's row.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{ClientId, InstanceId, SessionId, SignInId, UserId, VerificationId};

/// Milliseconds an attempt stays open.
pub const LIFE_MS: i64 = 24 * 3600 * 1000;

row! {
    /// A sign-in.
    pub struct SignInRow {
        pub instance_id: InstanceId,
        pub id: SignInId,
        pub client_id: ClientId,
        pub identifier: Option<String>,
        pub user_id: Option<UserId>,
        pub first_factor_id: Option<VerificationId>,
        pub first_factor_strategy: Option<String>,
        pub first_factor_at: Option<Timestamp>,
        pub needs_new_password: bool,
        pub sign_up_if_missing: bool,
        pub created_session_id: Option<SessionId>,
        pub abandon_at: Timestamp,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}
