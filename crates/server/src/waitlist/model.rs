//! An entry of the waitlist.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::InstanceId;

row! {
    /// An entry: `pending`, `invited`, `rejected` or `completed`.
    pub struct EntryRow {
        pub instance_id: InstanceId,
        pub id: String,
        pub email_address: String,
        pub status: String,
        pub invitation_id: Option<String>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}
