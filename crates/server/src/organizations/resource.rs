//! Organizations, memberships, roles and permissions on the wire (contract fapi §8.9, bapi appendix B).
use super::members::ops::Member;
use super::model::{MembershipRow, OrganizationRow};
use super::roles::{Permission, Role};
use crate::cx::Cx;
use crate::instances::Instance;
use crate::users::model::UserRow;
use crate::users::resource::{Audience, PublicUserData, drawn_url, metadata, uploaded_url};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// An organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Organization")]
pub struct OrganizationResource {
    /// `organization`.
    pub object: &'static str,
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
    /// On BAPI where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_count: Option<i64>,
    /// Nobody can run it; on BAPI where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_member_with_elevated_permissions: Option<bool>,
    /// 0 is without limit.
    pub max_allowed_memberships: i64,
    /// Admins may delete it.
    pub admin_delete_enabled: bool,
    /// Read by members, written by servers.
    pub public_metadata: Value,
    /// Servers only: absent on FAPI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_metadata: Option<Value>,
    /// On BAPI, where a user created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

/// Where an organization's picture is: the uploaded one, or one that we draw from its name.
#[must_use]
pub fn image_url(instance: &Instance, row: &OrganizationRow) -> String {
    match &row.image_id {
        Some(id) => uploaded_url(instance, id),
        None => drawn_url(instance, row.id.as_str(), [Some(&row.name), None]),
    }
}

impl OrganizationResource {
    /// As members see it, with the number of them; or as servers do, without.
    #[must_use]
    pub fn new(cx: &Cx, row: &OrganizationRow, audience: Audience) -> Self {
        let server = audience == Audience::Server;
        let settings = &cx.instance.settings.organizations;
        Self {
            object: "organization",
            id: row.id.as_str().to_owned(),
            name: row.name.clone(),
            slug: row.slug.clone(),
            image_url: image_url(&cx.instance, row),
            has_image: row.image_id.is_some(),
            members_count: (!server).then_some(row.members_count),
            missing_member_with_elevated_permissions: None,
            max_allowed_memberships: row.limit(settings.max_allowed_memberships),
            admin_delete_enabled: row.admin_delete_enabled && settings.admin_delete_enabled,
            public_metadata: metadata(&row.public_metadata),
            private_metadata: server.then(|| metadata(&row.private_metadata)),
            created_by: row.created_by.clone().filter(|_| server),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

/// A member, as others see one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrganizationMember")]
pub struct MemberUser {
    /// What others may see of a user.
    #[serde(flatten)]
    pub user: PublicUserData,
    /// The picture again, under its old name; on BAPI only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_image_url: Option<String>,
    /// May not sign in; on BAPI only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banned: Option<bool>,
}

/// A membership.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrganizationMembership")]
pub struct MembershipResource {
    /// `organization_membership`.
    pub object: &'static str,
    /// `orgmem_…`.
    pub id: String,
    /// `org:admin`, `org:member`.
    pub role: String,
    /// For people.
    pub role_name: &'static str,
    /// What the role allows.
    pub permissions: Vec<&'static str>,
    /// Read by members, written by servers.
    pub public_metadata: Value,
    /// Servers only: absent on FAPI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_metadata: Option<Value>,
    /// The organization.
    pub organization: OrganizationResource,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_user_data: Option<MemberUser>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl MembershipResource {
    /// A membership with both its sides.
    #[must_use]
    pub fn new(
        cx: &Cx,
        row: &MembershipRow,
        organization: &OrganizationRow,
        user: &UserRow,
        audience: Audience,
    ) -> Self {
        let server = audience == Audience::Server;
        let public = PublicUserData::new(user, &cx.instance);
        let role = row.role();
        Self {
            object: "organization_membership",
            id: row.id.clone(),
            role: role.key().to_owned(),
            role_name: role.name(),
            permissions: role.permissions().iter().map(|p| p.key()).collect(),
            public_metadata: metadata(&row.public_metadata),
            private_metadata: server.then(|| metadata(&row.private_metadata)),
            organization: OrganizationResource::new(cx, organization, audience),
            public_user_data: Some(MemberUser {
                profile_image_url: server.then(|| public.image_url.clone()),
                banned: server.then_some(user.banned),
                user: public,
            }),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
    /// Of what a use case answered.
    #[must_use]
    pub fn of(cx: &Cx, member: &Member, audience: Audience) -> Self {
        Self::new(
            cx,
            &member.row,
            &member.organization,
            &member.user,
            audience,
        )
    }
}

/// A permission.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Permission")]
pub struct PermissionResource {
    /// `permission`.
    pub object: &'static str,
    /// `perm_…`.
    pub id: String,
    /// For people.
    pub name: &'static str,
    /// `org:sys_profile:manage`, …
    pub key: &'static str,
    /// For people.
    pub description: String,
    /// `system`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Unix ms: the instance's.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl PermissionResource {
    /// On the wire.
    #[must_use]
    pub fn new(cx: &Cx, permission: Permission) -> Self {
        Self {
            object: "permission",
            id: permission.id(),
            name: permission.name(),
            key: permission.key(),
            description: permission.about(),
            kind: "system",
            created_at: cx.instance.row.created_at.0,
            updated_at: cx.instance.row.created_at.0,
        }
    }
}

/// A role.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Role")]
pub struct RoleResource {
    /// `role`.
    pub object: &'static str,
    /// `role_…`.
    pub id: String,
    /// For people.
    pub name: &'static str,
    /// `org:admin`, `org:member`.
    pub key: &'static str,
    /// For people.
    pub description: &'static str,
    /// Who creates an organization can have it.
    pub is_creator_eligible: bool,
    /// What it allows.
    pub permissions: Vec<PermissionResource>,
    /// Unix ms: the instance's.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl RoleResource {
    /// On the wire.
    #[must_use]
    pub fn new(cx: &Cx, role: Role) -> Self {
        let permissions = role.permissions().iter();
        Self {
            object: "role",
            id: role.id(),
            name: role.name(),
            key: role.key(),
            description: role.about(),
            is_creator_eligible: role.runs(),
            permissions: permissions
                .map(|p| PermissionResource::new(cx, *p))
                .collect(),
            created_at: cx.instance.row.created_at.0,
            updated_at: cx.instance.row.created_at.0,
        }
    }
}
