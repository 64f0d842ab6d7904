//! A sign-up's row.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{ClientId, InstanceId, SessionId, SignUpId, UserId, VerificationId};

/// Milliseconds an attempt stays open.
pub const LIFE_MS: i64 = 24 * 3600 * 1000;

row! {
    /// A sign-up.
    pub struct SignUpRow {
        pub instance_id: InstanceId,
        pub id: SignUpId,
        pub client_id: ClientId,
        pub email_address: Option<String>,
        pub username: Option<String>,
        pub first_name: Option<String>,
        pub last_name: Option<String>,
        pub password_stored: Option<String>,
        pub unsafe_metadata: String,
        pub external_id: Option<String>,
        pub custom_action: bool,
        pub ticket_id: Option<String>,
        pub public_metadata: String,
        pub locale: Option<String>,
        pub legal_accepted_at: Option<Timestamp>,
        pub email_verification_id: Option<VerificationId>,
        pub email_verified: bool,
        pub phone_number: Option<String>,
        pub phone_verification_id: Option<VerificationId>,
        pub phone_verified: bool,
        pub created_user_id: Option<UserId>,
        pub created_session_id: Option<SessionId>,
        /// The trip whose account the attempt brings along.
        pub external_flow_id: Option<VerificationId>,
        /// That trip succeeded.
        pub external_verified: bool,
        /// What proved the address, where a provider did: `from_oauth_google`.
        pub email_proof: Option<String>,
        pub abandon_at: Timestamp,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
        pub web3_wallet: Option<String>,
        pub web3_verification_id: Option<VerificationId>,
        /// The strategy that proved the wallet.
        pub web3_verified_by: Option<String>,
    }
}
