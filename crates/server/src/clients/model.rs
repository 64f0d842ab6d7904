//! A client's row.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{ClientId, InstanceId, SessionId, SignInId, SignUpId};

row! {
    /// What brings a client from the primary to a satellite: hashes of the link's token, of the client's present one and of
    /// the word that the browser keeps on the satellite.
    pub struct SatelliteLinkRow {
        pub instance_id: InstanceId,
        pub token_hash: String,
        pub client_id: ClientId,
        pub client_token_hash: String,
        pub browser_hash: String,
        pub domain_id: String,
        pub expire_at: Timestamp,
    }
}

row! {
    /// A client.
    pub struct ClientRow {
        pub instance_id: InstanceId,
        pub id: ClientId,
        pub token_hash: String,
        pub sign_in_id: Option<SignInId>,
        pub sign_up_id: Option<SignUpId>,
        pub last_active_session_id: Option<SessionId>,
        pub last_authentication_strategy: Option<String>,
        pub authenticated_at: Timestamp,
        pub expire_at: Timestamp,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}
