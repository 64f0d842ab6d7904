//! A task's row.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{InstanceId, UserId};

row! {
    /// A task.
    pub struct AgentTaskRow {
        pub instance_id: InstanceId,
        pub id: String,
        pub agent_id: String,
        pub agent_name: String,
        pub task_description: String,
        pub user_id: UserId,
        pub redirect_url: String,
        pub session_life_secs: i64,
        pub status: String,
        pub expire_at: Timestamp,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}
