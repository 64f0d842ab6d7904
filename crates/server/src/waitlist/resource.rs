//! The wire's waitlist entry (contract bapi §2.11).
use super::model::EntryRow;
use crate::cx::Cx;
use crate::tickets::model::TicketRow;
use crate::tickets::resource::Invitation;
use schemars::JsonSchema;
use serde::Serialize;

/// Who waits, for the operator's servers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "WaitlistEntry")]
pub struct WaitlistEntry {
    /// `waitlist_entry`.
    pub object: &'static str,
    /// `wle_…`.
    pub id: String,
    /// Who waits.
    pub email_address: String,
    /// `pending`, `invited`, `rejected` or `completed`.
    pub status: String,
    /// False: entries are worked on one by one.
    pub is_locked: bool,
    /// The invitation that was made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl WaitlistEntry {
    /// From its row and its invitation's.
    #[must_use]
    pub fn new(cx: &Cx, row: &EntryRow, invitation: Option<&TicketRow>) -> Self {
        Self {
            object: "waitlist_entry",
            id: row.id.clone(),
            email_address: row.email_address.clone(),
            status: row.status.clone(),
            is_locked: false,
            invitation: invitation.map(|ticket| Invitation::new(cx, ticket)),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

/// The same for who joined: that it is there, and nothing about it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "JoinedWaitlist")]
pub struct JoinedWaitlist {
    /// `waitlist_entry`.
    pub object: &'static str,
    /// `wle_…`.
    pub id: String,
}
