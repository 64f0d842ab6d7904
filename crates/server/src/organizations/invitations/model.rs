//! Rows of invitations.
use crate::organizations::roles::Role;
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{InstanceId, OrganizationId};

row! {
    /// What an invitation has beyond its ticket.
    pub struct PlaceRow {
        pub instance_id: InstanceId,
        pub ticket_id: String,
        pub organization_id: OrganizationId,
        pub role: String,
        /// Who invited; that user may be gone.
        pub inviter_id: Option<String>,
        pub private_metadata: String,
    }
}

row! {
    /// An invitation: the ticket and the place.
    pub struct InvitationRow {
        pub id: String,
        pub organization_id: OrganizationId,
        pub role: String,
        pub inviter_id: Option<String>,
        pub private_metadata: String,
        pub status: String,
        pub email_address: String,
        pub public_metadata: String,
        pub expire_at: Timestamp,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

impl InvitationRow {
    /// The status as it is now: a pending one past its end is expired.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> &str {
        if self.status == "pending" && self.expire_at <= now {
            "expired"
        } else {
            &self.status
        }
    }
    /// The role that it brings.
    #[must_use]
    pub fn role(&self) -> Role {
        Role::parse(&self.role).unwrap_or(Role::Member)
    }
}

/// The statuses that an invitation can have, for filters.
pub const STATUSES: &[&str] = &["pending", "accepted", "revoked", "expired"];
