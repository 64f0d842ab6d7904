//! A message's row.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{InstanceId, MessageId};

row! {
    /// A message.
    pub struct MessageRow {
        pub instance_id: InstanceId,
        pub id: MessageId,
        pub channel: String,
        pub recipient: String,
        pub sender: String,
        pub reply_to: Option<String>,
        pub subject: Option<String>,
        pub text_body: String,
        pub html_body: Option<String>,
        pub code: Option<String>,
        pub status: String,
        pub attempts: i64,
        pub run_at: Timestamp,
        pub created_at: Timestamp,
    }
}
