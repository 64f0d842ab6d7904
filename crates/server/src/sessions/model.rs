//! A session's row and its pure rules.
use super::tasks;
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
        pub city: Option<String>,
        pub country: Option<String>,
        pub needs_reset_password: bool,
        pub needs_setup_mfa: bool,
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
    /// abandoned, one with something left to do is pending.
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
        if !tasks::left(self, settings).is_empty() {
            return "pending";
        }
        "active"
    }
    /// Not ended: active or pending.
    #[must_use]
    pub fn is_live(&self, now: Timestamp, settings: &Settings) -> bool {
        matches!(self.status_at(now, settings), "active" | "pending")
    }
    /// Active: its user is signed in.
    #[must_use]
    pub fn is_active(&self, now: Timestamp, settings: &Settings) -> bool {
        self.status_at(now, settings) == "active"
    }
    /// A second factor was proved in this session, at some time.
    #[must_use]
    pub fn has_second_factor(&self) -> bool {
        self.second_factor_at.is_some_and(|at| at > NEVER_PROVED)
    }
    /// A session of the tests of pure functions: nothing is proved, and it has a day to go.
    #[cfg(test)]
    pub(crate) fn for_tests(now: Timestamp) -> Self {
        Self {
            instance_id: InstanceId::trusted("ins_x".into()),
            id: SessionId::trusted("sess_x".into()),
            client_id: ClientId::trusted("client_x".into()),
            user_id: UserId::trusted("user_x".into()),
            status: "active".to_owned(),
            actor: None,
            last_active_organization_id: None,
            first_factor_at: None,
            second_factor_at: None,
            browser_name: None,
            browser_version: None,
            device_type: None,
            is_mobile: false,
            ip_address: None,
            city: None,
            country: None,
            needs_reset_password: false,
            needs_setup_mfa: false,
            last_active_at: now,
            expire_at: now.plus_secs(24 * 3600),
            abandon_at: now.plus_secs(24 * 3600),
            created_at: now,
            updated_at: now,
        }
    }
    /// `fva` (contract fapi §6.1): whole minutes since the first and the second factor; -1 where there is none.
    #[must_use]
    pub fn factor_ages(&self, now: Timestamp) -> [i64; 2] {
        [self.first_factor_at, self.second_factor_at]
            .map(|at| at.map_or(-1, |at| (now.since(at) / 60_000).max(0)))
    }
}
