//! A ticket's row, its kinds and what they allow.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{InstanceId, UserId};

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Signs a user in.
    SignInToken,
    /// Signs somebody else in as a user.
    ActorToken,
    /// Lets the owner of an address sign up.
    Invitation,
    /// Makes the owner of an address a member of an organization.
    OrganizationInvitation,
}

impl Kind {
    /// The name on the wire and in the table.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::SignInToken => "sign_in_token",
            Self::ActorToken => "actor_token",
            Self::Invitation => "invitation",
            Self::OrganizationInvitation => "organization_invitation",
        }
    }
    /// What ids of this kind start with (contract bapi §1.10).
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::SignInToken => "sit_",
            Self::ActorToken => "act_",
            Self::Invitation => "inv_",
            Self::OrganizationInvitation => "orginv_",
        }
    }
    /// The event that one was made.
    #[must_use]
    pub fn created(self) -> &'static str {
        match self {
            Self::SignInToken => "sign_in_token.created",
            Self::ActorToken => "actor_token.created",
            Self::Invitation => "invitation.created",
            Self::OrganizationInvitation => "organization_invitation.created",
        }
    }
    /// The event that one was revoked.
    #[must_use]
    pub fn revoked(self) -> &'static str {
        match self {
            Self::SignInToken => "sign_in_token.revoked",
            Self::ActorToken => "actor_token.revoked",
            Self::Invitation => "invitation.revoked",
            Self::OrganizationInvitation => "organization_invitation.revoked",
        }
    }
    /// The event that one was used up.
    #[must_use]
    pub fn accepted(self) -> &'static str {
        match self {
            Self::SignInToken => "sign_in_token.accepted",
            Self::ActorToken => "actor_token.accepted",
            Self::Invitation => "invitation.accepted",
            Self::OrganizationInvitation => "organization_invitation.accepted",
        }
    }
    /// By name.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::SignInToken,
            Self::ActorToken,
            Self::Invitation,
            Self::OrganizationInvitation,
        ]
        .into_iter()
        .find(|k| k.word() == word)
    }
}

row! {
    /// A ticket. Its id has the prefix of its kind.
    pub struct TicketRow {
        pub instance_id: InstanceId,
        pub id: String,
        pub kind: String,
        pub status: String,
        pub user_id: Option<UserId>,
        pub email_address: Option<String>,
        pub actor: Option<String>,
        pub session_life_secs: Option<i64>,
        pub public_metadata: String,
        pub redirect_url: Option<String>,
        pub expire_at: Timestamp,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

impl TicketRow {
    /// The status as it is now: a pending one past its end is expired.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> &str {
        if self.status == "pending" && self.expire_at <= now {
            "expired"
        } else {
            &self.status
        }
    }
}
