//! Tickets on the wire (contract bapi appendix B).
use super::model::TicketRow;
use super::ops::{secret, url};
use crate::cx::Cx;
use crate::users::resource::metadata;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A sign-in token.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignInToken")]
pub struct SignInToken {
    /// `sign_in_token`.
    pub object: &'static str,
    /// `sit_…`.
    pub id: String,
    /// `pending`, `accepted` or `revoked`.
    pub status: String,
    /// Whom it signs in.
    pub user_id: String,
    /// The ticket, in the answer that makes it only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// A link with the ticket, in the answer that makes it only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

/// An actor token.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ActorToken")]
pub struct ActorToken {
    /// `actor_token`.
    pub object: &'static str,
    /// `act_…`.
    pub id: String,
    /// `pending`, `accepted` or `revoked`.
    pub status: String,
    /// Whom it acts as.
    pub user_id: String,
    /// Who acts: becomes the claim `act`.
    pub actor: Value,
    /// The ticket, in the answer that makes it only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// A link with the ticket, in the answer that makes it only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

/// An invitation.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub struct Invitation {
    /// `invitation`.
    pub object: &'static str,
    /// `inv_…`.
    pub id: String,
    /// Who is invited.
    pub email_address: String,
    /// Becomes the user's.
    pub public_metadata: Value,
    /// It was revoked.
    pub revoked: bool,
    /// `pending`, `accepted`, `revoked` or `expired`.
    pub status: String,
    /// The link of the mail; left out once it leads nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Unix ms.
    pub expires_at: Option<i64>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

/// Who has read the answer can use the ticket: only its making shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// With the ticket.
    Whole,
    /// Without.
    WithoutSecret,
}

fn user_id(row: &TicketRow) -> String {
    row.user_id
        .as_ref()
        .map(|id| id.as_str().to_owned())
        .unwrap_or_default()
}

impl SignInToken {
    /// From its row.
    #[must_use]
    pub fn new(cx: &Cx, row: &TicketRow, shown: Shown) -> Self {
        let whole = shown == Shown::Whole;
        Self {
            object: "sign_in_token",
            id: row.id.clone(),
            status: row.status.clone(),
            user_id: user_id(row),
            token: whole.then(|| secret(cx, &row.id)),
            url: whole.then(|| url(cx, &row.id)),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

impl ActorToken {
    /// From its row.
    #[must_use]
    pub fn new(cx: &Cx, row: &TicketRow, shown: Shown) -> Self {
        let whole = shown == Shown::Whole;
        Self {
            object: "actor_token",
            id: row.id.clone(),
            status: row.status.clone(),
            user_id: user_id(row),
            actor: metadata(row.actor.as_deref().unwrap_or("{}")),
            token: whole.then(|| secret(cx, &row.id)),
            url: whole.then(|| url(cx, &row.id)),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

impl Invitation {
    /// From its row.
    #[must_use]
    pub fn new(cx: &Cx, row: &TicketRow) -> Self {
        let status = row.status_at(cx.now);
        Self {
            object: "invitation",
            id: row.id.clone(),
            email_address: row.email_address.clone().unwrap_or_default(),
            public_metadata: metadata(&row.public_metadata),
            revoked: status == "revoked",
            status: status.to_owned(),
            url: (status == "pending").then(|| url(cx, &row.id)),
            expires_at: Some(row.expire_at.0),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}
