//! Invitations to an organization on the wire (contract fapi §8.9, bapi appendix B).
use super::model::InvitationRow;
use crate::cx::Cx;
use crate::organizations::model::OrganizationRow;
use crate::organizations::resource::image_url;
use crate::tickets;
use crate::users::model::UserRow;
use crate::users::resource::{Audience, PublicUserData, metadata};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What the invited may see of an organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "PublicOrganizationData")]
pub struct PublicOrganizationData {
    /// `org_…`.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Unique in the instance.
    pub slug: String,
    /// A picture of ours.
    pub image_url: String,
    /// It was uploaded.
    pub has_image: bool,
}

/// Who invited.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrganizationInviter")]
pub struct Inviter {
    /// `user_…`.
    pub user_id: String,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// A picture.
    pub image_url: String,
    /// The user uploaded it.
    pub has_image: bool,
    /// Primary address, number or name.
    pub identifier: String,
}

/// An invitation to an organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrganizationInvitation")]
pub struct InvitationResource {
    /// `organization_invitation`.
    pub object: &'static str,
    /// `orginv_…`.
    pub id: String,
    /// Who is invited.
    pub email_address: String,
    /// `org:admin`, `org:member`.
    pub role: String,
    /// For people.
    pub role_name: &'static str,
    /// `org_…`.
    pub organization_id: String,
    /// Who invited; on BAPI only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inviter_id: Option<Option<String>>,
    /// The same, to show; on BAPI, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_inviter_data: Option<Option<Inviter>>,
    /// `pending`, `accepted`, `revoked` or `expired`.
    pub status: String,
    /// Becomes the membership's.
    pub public_metadata: Value,
    /// Servers only: absent on FAPI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_metadata: Option<Value>,
    /// The organization, where it does not follow from the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_organization_data: Option<PublicOrganizationData>,
    /// The link of the mail: servers only, while it leads somewhere.
    pub url: Option<String>,
    /// Unix ms.
    pub expires_at: Option<i64>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl InvitationResource {
    /// As members and the invited see it, or as servers do.
    #[must_use]
    pub fn new(cx: &Cx, row: &InvitationRow, audience: Audience) -> Self {
        let server = audience == Audience::Server;
        let status = row.status_at(cx.now);
        let role = row.role();
        let open = server && status == "pending";
        Self {
            object: "organization_invitation",
            id: row.id.clone(),
            email_address: row.email_address.clone(),
            role: role.key().to_owned(),
            role_name: role.name(),
            organization_id: row.organization_id.as_str().to_owned(),
            inviter_id: server.then(|| row.inviter_id.clone()),
            public_inviter_data: server.then_some(None),
            status: status.to_owned(),
            public_metadata: metadata(&row.public_metadata),
            private_metadata: server.then(|| metadata(&row.private_metadata)),
            public_organization_data: None,
            url: open.then(|| tickets::ops::url(cx, &row.id)),
            expires_at: Some(row.expire_at.0),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
    /// With who invited.
    #[must_use]
    pub fn by(mut self, cx: &Cx, user: &UserRow) -> Self {
        let data = PublicUserData::new(user, &cx.instance);
        self.public_inviter_data = Some(Some(Inviter {
            user_id: data.user_id,
            first_name: data.first_name,
            last_name: data.last_name,
            image_url: data.image_url,
            has_image: data.has_image,
            identifier: data.identifier,
        }));
        self
    }
    /// With the organization.
    #[must_use]
    pub fn to(mut self, cx: &Cx, row: &OrganizationRow) -> Self {
        self.public_organization_data = Some(PublicOrganizationData {
            id: row.id.as_str().to_owned(),
            name: row.name.clone(),
            slug: row.slug.clone(),
            image_url: image_url(&cx.instance, row),
            has_image: row.image_id.is_some(),
        });
        self
    }
}
