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
        pub generation: i64,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

row! {
    /// An RSA key that signs, or has signed, session tokens. `id` is the JWT's `kid`.
    pub struct SigningKeyRow {
        pub id: String,
        pub instance_id: InstanceId,
        pub public_jwk: String,
        pub private_sealed: String,
        pub created_at: Timestamp,
        pub retired_at: Option<Timestamp>,
    }
}

row! {
    /// A secret key: found by its hash, sealed for the operator who may read it again.
    pub struct SecretKeyRow {
        pub hash: String,
        pub instance_id: InstanceId,
        pub sealed: String,
        pub name: String,
        pub created_at: Timestamp,
    }
}
