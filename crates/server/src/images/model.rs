//! An image's row.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{InstanceId, UserId};

row! {
    /// An image of a user.
    pub struct ImageRow {
        pub instance_id: InstanceId,
        pub id: String,
        pub user_id: UserId,
        pub content_type: String,
        pub content: Vec<u8>,
        pub created_at: Timestamp,
    }
}
