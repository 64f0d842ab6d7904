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
        /// The hash of the new password, until the attempt completes.
        pub new_password_stored: Option<String>,
        /// With the new password the user's other sessions end.
        pub end_other_sessions: bool,
        /// The user had a second factor when the first one was proved.
        pub second_factor_required: bool,
        /// The code of the second factor that is under way.
        pub second_factor_id: Option<VerificationId>,
        pub second_factor_strategy: Option<String>,
        pub second_factor_at: Option<Timestamp>,
        /// The password was right, and the browser is one that the user was never signed in on.
        pub client_trust_required: bool,
        pub client_trust_id: Option<VerificationId>,
        pub client_trust_at: Option<Timestamp>,
        pub sign_up_if_missing: bool,
        /// The language that the page is in: of messages, where the user has none.
        pub locale: Option<String>,
        pub created_session_id: Option<SessionId>,
        pub abandon_at: Timestamp,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

impl SignInRow {
    /// An attempt of a client that has said nothing yet.
    #[must_use]
    pub fn blank(
        instance_id: InstanceId,
        id: SignInId,
        client_id: ClientId,
        now: Timestamp,
    ) -> Self {
        Self {
            instance_id,
            id,
            client_id,
            identifier: None,
            user_id: None,
            first_factor_id: None,
            first_factor_strategy: None,
            first_factor_at: None,
            needs_new_password: false,
            new_password_stored: None,
            end_other_sessions: false,
            second_factor_required: false,
            second_factor_id: None,
            second_factor_strategy: None,
            second_factor_at: None,
            client_trust_required: false,
            client_trust_id: None,
            client_trust_at: None,
            sign_up_if_missing: false,
            locale: None,
            created_session_id: None,
            abandon_at: now.plus_ms(LIFE_MS),
            created_at: now,
            updated_at: now,
        }
    }
}
