//! A reverification's row.
use super::flow::{Facts, Level};
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{InstanceId, SessionId, VerificationId};

/// Seconds that an attempt stays open: as long as a code.
pub const LIFE_SECS: i64 = 600;

row! {
    /// A reverification.
    pub struct ReverificationRow {
        pub instance_id: InstanceId,
        pub session_id: SessionId,
        /// What is demanded, after the fallback for users without a second factor.
        pub level: String,
        pub first_factor_id: Option<VerificationId>,
        pub first_factor_strategy: Option<String>,
        pub first_factor_at: Option<Timestamp>,
        pub second_factor_id: Option<VerificationId>,
        pub second_factor_strategy: Option<String>,
        pub second_factor_at: Option<Timestamp>,
        pub expire_at: Timestamp,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

impl ReverificationRow {
    /// What is known of it.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts {
            // A word that nobody wrote demands everything.
            level: Level::parse(&self.level).unwrap_or(Level::MultiFactor),
            first_factor: self.first_factor_at.is_some(),
            second_factor: self.second_factor_at.is_some(),
        }
    }
}
