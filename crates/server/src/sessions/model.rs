//! A session's row and its pure rules.
use crate::instances::settings::Settings;
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{ClientId, InstanceId, SessionId, UserId};

/// In the place of a second factor's time: the user has one, and this session never proved it. Its age is that of the epoch,
/// above every demand; "none" would make SDKs ask for the first factor instead (contract fapi §6.2).
pub const NEVER_PROVED: Timestamp = Timestamp(0);

row! {
    /// A session.
    pub struct SessionRow {
        pub instance_id: InstanceId,
        pub id: SessionId,
        pub client_id: ClientId,
        pub user_id: UserId,
        pub status: String,
        pub actor: Option<String>,
        pub last_active_organization_id: Option<String>,
        pub first_factor_at: Option<Timestamp>,
        pub second_factor_at: Option<Timestamp>,
        pub browser_name: Option<String>,
        pub browser_version: Option<String>,
        pub device_type: Option<String>,
        pub is_mobile: bool,
        pub ip_address: Option<String>,
        pub last_active_at: Timestamp,
        pub expire_at: Timestamp,
        pub abandon_at: Timestamp,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

row! {
    /// A refresh token, by its hash: good for one exchange at one origin.
    pub struct RefreshRow {
        pub session_id: SessionId,
        pub origin: String,
        pub used_at: Option<Timestamp>,
    }
}

/// The statuses a session can have, for filters.
pub const STATUSES: &[&str] = &[
    "abandoned",
    "active",
    "ended",
    "expired",
    "pending",
    "removed",
    "replaced",
    "revoked",
];

impl SessionRow {
    /// The status as it is now: an active session past its lifetime is expired, one without activity for too long is
    /// abandoned.
    #[must_use]
    pub fn status_at(&self, now: Timestamp, settings: &Settings) -> &str {
        if self.status != "active" {
            return &self.status;
        }
        if self.expire_at <= now {
            return "expired";
        }
        let idle = settings.session_inactivity_secs;
        if idle > 0 && now.since(self.last_active_at) > idle * 1000 {
            return "abandoned";
        }
        "active"
    }
    /// Active now.
    #[must_use]
    pub fn is_live(&self, now: Timestamp, settings: &Settings) -> bool {
        self.status_at(now, settings) == "active"
    }
    /// A second factor was proved in this session, at some time.
    #[must_use]
    pub fn has_second_factor(&self) -> bool {
        self.second_factor_at.is_some_and(|at| at > NEVER_PROVED)
    }
    /// `fva` (contract fapi §6.1): whole minutes since the first and the second factor; -1 where there is none.
    #[must_use]
    pub fn factor_ages(&self, now: Timestamp) -> [i64; 2] {
        [self.first_factor_at, self.second_factor_at]
            .map(|at| at.map_or(-1, |at| (now.since(at) / 60_000).max(0)))
    }
}
