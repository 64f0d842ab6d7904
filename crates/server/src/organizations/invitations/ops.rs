//! Inviting to an organization, accepting, revoking.
use super::model::{InvitationRow, PlaceRow};
use super::store;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::email::{EmailAddress, EmailRow};
use crate::messages;
use crate::organizations::members::ops as members;
use crate::organizations::model::OrganizationRow;
use crate::organizations::ops::{self, Metadata};
use crate::organizations::policy::{self, By, Need};
use crate::organizations::resource::image_url;
use crate::organizations::roles::{Permission, Role};
use crate::organizations::store as organization_store;
use crate::tickets;
use crate::tickets::model::Kind;
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::metadata::How;
use serde_json::{Map, Value};
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::UserId;
use usher_types::{Error, Fault, Result};

/// What a member needs to invite, and to see who is invited.
pub const NEED: Need = Need::Permission(Permission::MembershipsManage);

/// An invitation to make.
#[derive(Clone, Debug)]
pub struct New {
    /// Who is invited.
    pub address: EmailAddress,
    /// What the member will be.
    pub role: Role,
    /// Who invites.
    pub inviter: Option<UserId>,
    /// Becomes the membership's.
    pub metadata: Metadata,
    /// The page that takes the ticket; the sign-in or sign-up page when left out.
    pub redirect_url: Option<String>,
    /// Days until it expires.
    pub days: i64,
    /// The link is mailed.
    pub notify: bool,
}

/// Invites people: all of them or nobody.
///
/// # Errors
/// As [`ops::hold`]; 400 `already_a_member_in_organization`, `organization_invitation_not_unique`; 403
/// `organization_membership_quota_exceeded`, `not_a_member_in_organization` for who is said to invite; 422 for redirects that do
/// not lead to the instance's places and for metadata that is too large.
pub async fn invite(
    cx: &Cx,
    organization: &str,
    by: By<'_>,
    all: &[New],
) -> Result<Vec<InvitationRow>> {
    ops::enabled(cx)?;
    for one in all {
        tickets::ops::check_target(cx, one.redirect_url.as_deref())?;
    }
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let organization = ops::hold(cx, &mut tx, organization, by, NEED).await?;
        let mut made = Vec::with_capacity(all.len());
        for one in all {
            made.push(invite_one(cx, &mut tx, &organization, one).await?);
        }
        Ok::<_, Error>(made)
    })
}

async fn invite_one(
    cx: &Cx,
    tx: &mut Tx,
    organization: &OrganizationRow,
    new: &New,
) -> Result<InvitationRow> {
    let address = new.address.as_str();
    let inviter = match &new.inviter {
        Some(id) => Some(inviter(tx, organization, id).await?),
        None => None,
    };
    if let Some(known) = identifiers::store::claimed::<EmailRow>(tx, address).await? {
        let member = organization_store::membership(tx, &organization.id, &known.user_id).await?;
        if member.is_some() {
            return Err(refuse::already_a_member_in_organization()
                .at("email_address")
                .into());
        }
    }
    if store::pending(tx, &organization.id, Some(address), cx.now).await? > 0 {
        return Err(refuse::organization_invitation_not_unique()
            .at("email_address")
            .into());
    }
    // Whoever is invited has a place, or the last to accept would find none.
    let limit = organization.limit(cx.instance.settings.organizations.max_allowed_memberships);
    let waiting = store::pending(tx, &organization.id, None, cx.now).await?;
    if limit > 0 && organization.members_count + waiting >= limit {
        return Err(refuse::organization_membership_quota_exceeded().into());
    }
    let (mut public, mut private) = ("{}".to_owned(), "{}".to_owned());
    new.metadata.apply(&mut public, &mut private, How::Merge)?;
    let place = tickets::ops::Place {
        address: &new.address,
        redirect_url: new.redirect_url.as_deref(),
        public_metadata: public,
        days: new.days,
    };
    let ticket = tickets::ops::to_organization(cx, tx, place).await?;
    let row = PlaceRow {
        instance_id: organization.instance_id.clone(),
        ticket_id: ticket.id.clone(),
        organization_id: organization.id.clone(),
        role: new.role.key().to_owned(),
        inviter_id: new.inviter.as_ref().map(|id| id.as_str().to_owned()),
        private_metadata: private,
    };
    store::insert(tx, &row).await?;
    if new.notify {
        let link = tickets::ops::url(cx, &ticket.id);
        let invited = messages::ops::Invited {
            link: &link,
            days: new.days,
            public_metadata: new.metadata.public.as_ref(),
        };
        let to = messages::ops::ToOrganization {
            name: &organization.name,
            logo: &image_url(&cx.instance, organization),
            inviter: inviter.as_ref().map(shown_name),
        };
        messages::ops::organization_invitation(cx, tx, &new.address, invited, to).await?;
    }
    let made = store::find(tx, &ticket.id).await?;
    Ok(made.ok_or_else(|| Fault::new("an invitation that was just made"))?)
}

/// A person's name as mail says it.
fn shown_name(user: &UserRow) -> String {
    let names = [&user.first_name, &user.last_name];
    let known: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    if known.is_empty() {
        user.identifier().unwrap_or_default().to_owned()
    } else {
        known.join(" ")
    }
}

/// Who is said to invite: a member who may.
async fn inviter(tx: &mut Tx, organization: &OrganizationRow, id: &UserId) -> Result<UserRow> {
    let membership = organization_store::membership(tx, &organization.id, id).await?;
    let membership = membership.ok_or_else(refuse::not_a_member_in_organization)?;
    policy::check(
        By::User(id),
        NEED,
        Some(organization.clone()),
        Some(&membership),
    )?;
    let user = users::store::find(tx, id).await?;
    Ok(user.ok_or_else(refuse::not_a_member_in_organization)?)
}

/// An invitation to an organization that `by` may see the invitations of.
///
/// # Errors
/// As [`ops::open`]; 404 for one that is not this organization's.
pub async fn one(
    cx: &Cx,
    tx: &mut Tx,
    organization: &str,
    by: By<'_>,
    id: &str,
) -> Result<InvitationRow> {
    let organization = ops::open(cx, tx, organization, by, NEED).await?;
    let found = store::find(tx, id).await?;
    let own = found.filter(|i| i.organization_id == organization.id);
    Ok(own.ok_or_else(|| refuse::resource_not_found("organization invitation"))?)
}

/// Takes an invitation back that was not used.
///
/// # Errors
/// As [`one`]; 404 `organization_invitation_not_pending`.
pub async fn revoke(
    cx: &Cx,
    organization: &str,
    by: By<'_>,
    id: &str,
    requested_by: Option<&UserId>,
) -> Result<InvitationRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let held = ops::hold(cx, &mut tx, organization, by, NEED).await?;
        if let Some(user) = requested_by {
            inviter(&mut tx, &held, user).await?;
        }
        let mut row = one(cx, &mut tx, organization, by, id).await?;
        if !tickets::ops::revoke_place(cx, &mut tx, id).await? {
            return Err(refuse::organization_invitation_not_pending().into());
        }
        "revoked".clone_into(&mut row.status);
        row.updated_at = cx.now;
        Ok::<_, Error>(row)
    })
}

/// Makes who accepted an invitation a member, in the transaction that used its ticket up. Who is one already stays what they are.
///
/// # Errors
/// 400 for an invitation whose organization is gone; 403 `organization_not_enabled_in_instance`,
/// `organization_membership_quota_exceeded`.
pub async fn admit(cx: &Cx, tx: &mut Tx, ticket: &str, user: &UserId) -> Result<()> {
    ops::enabled(cx)?;
    let found = store::find(tx, ticket).await?;
    let invitation = found.ok_or_else(refuse::ticket_invalid_code)?;
    let held = organization_store::find_locked(tx, &invitation.organization_id).await?;
    let mut organization = held.ok_or_else(refuse::ticket_invalid_code)?;
    if organization_store::membership(tx, &organization.id, user)
        .await?
        .is_some()
    {
        return Ok(());
    }
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
    let metadata = Metadata {
        public: object(&invitation.public_metadata),
        private: object(&invitation.private_metadata),
    };
    let role = invitation.role();
    members::join(cx, tx, &mut organization, user, role, &metadata).await?;
    Ok(())
}

/// The addresses by which a user can be invited: those that were proved.
///
/// # Errors
/// The database's.
pub async fn addresses(tx: &mut Tx, user: &UserRow) -> Result<Vec<String>> {
    let all = identifiers::store::of_user::<EmailRow>(tx, &user.id).await?;
    let proved = all.into_iter().filter(EmailRow::is_verified);
    Ok(proved.map(|e| e.email_normal).collect())
}

/// A signed-in user accepts an invitation of one of the own, proved addresses.
///
/// # Errors
/// 404 `organization_invitation_not_found` for everybody else's; 400 for one that was used, revoked or has expired; as [`admit`].
pub async fn accept(cx: &Cx, user: &UserRow, id: &str) -> Result<InvitationRow> {
    ops::enabled(cx)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        // Users are locked before organizations.
        let user = users::store::find_locked(&mut tx, &user.id).await?.ok_or_else(refuse::authentication_invalid)?;
        let own = addresses(&mut tx, &user).await?;
        let found = store::find(&mut tx, id).await?.filter(|i| own.contains(&i.email_address));
        let mut row = found.ok_or_else(refuse::organization_invitation_not_found)?;
        tickets::ops::accept_by_id(cx, &mut tx, id, Kind::OrganizationInvitation).await?;
        admit(cx, &mut tx, id, &user.id).await?;
        "accepted".clone_into(&mut row.status);
        row.updated_at = cx.now;
        Ok::<_, Error>(row)
    })
}
