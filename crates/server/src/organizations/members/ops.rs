//! Use cases of memberships: joining, changing, leaving.
use crate::answers::Window;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::organizations::model::{MembershipRow, OrganizationRow};
use crate::organizations::ops::{self, Metadata};
use crate::organizations::policy::{self, By, Need};
use crate::organizations::resource::MembershipResource;
use crate::organizations::roles::{Permission, Role};
use crate::organizations::search::{self, Members};
use crate::organizations::store;
use crate::sessions;
use crate::usage;
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::metadata::How;
use crate::users::resource::Audience;
use crate::users::search::{Order, Page, Picks, Search};
use std::collections::HashMap;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{self, OrganizationId, UserId};
use usher_types::{ApiError, Error, Result};

/// What ids of memberships start with (contract bapi §1.10).
const PREFIX: &str = "orgmem_";

/// A membership with its organization and its user.
#[derive(Clone, Debug)]
pub struct Member {
    /// The membership.
    pub row: MembershipRow,
    /// The organization.
    pub organization: OrganizationRow,
    /// The user.
    pub user: UserRow,
}

/// A role that a request names.
///
/// # Errors
/// 404 `resource_not_found` at `role` for one that there is not.
pub fn role(key: &str) -> Result<Role, ApiError> {
    Role::parse(key).ok_or_else(|| refuse::resource_not_found("role").at("role"))
}

/// Makes a user a member of an organization that is held. The count in `organization` moves along.
///
/// # Errors
/// 400 `already_a_member_in_organization`; 403 `organization_membership_quota_exceeded`; 422 for metadata that is too large.
pub async fn join(
    cx: &Cx,
    tx: &mut Tx,
    organization: &mut OrganizationRow,
    user: &UserId,
    role: Role,
    metadata: &Metadata,
) -> Result<MembershipRow> {
    let known = store::membership(tx, &organization.id, user).await?;
    if known.is_some() {
        return Err(refuse::already_a_member_in_organization().into());
    }
    let limit = organization.limit(cx.instance.settings.organizations.max_allowed_memberships);
    if limit > 0 && organization.members_count >= limit {
        return Err(refuse::organization_membership_quota_exceeded().into());
    }
    let mut row = MembershipRow {
        instance_id: organization.instance_id.clone(),
        organization_id: organization.id.clone(),
        user_id: user.clone(),
        id: id::compose(PREFIX, cx.now, &cx.fresh()),
        role: role.key().to_owned(),
        public_metadata: "{}".to_owned(),
        private_metadata: "{}".to_owned(),
        created_at: cx.now,
        updated_at: cx.now,
    };
    let (public, private) = (&mut row.public_metadata, &mut row.private_metadata);
    metadata.apply(public, private, How::Merge)?;
    store::insert_membership(tx, &row).await?;
    store::recount(tx, &organization.id).await?;
    organization.members_count += 1;
    usage::ops::joined(tx, &organization.id, cx.now).await?;
    audit::record(cx, tx, told("organization_membership.created", &row));
    Ok(row)
}

/// An event of a membership. It names the membership: who acts is in the row already.
fn told(name: &'static str, row: &MembershipRow) -> Event {
    Event::new(name).about(&row.id)
}

/// Adds a user to an organization.
///
/// # Errors
/// As [`ops::hold`] and [`join`]; 404 for unknown users.
pub async fn add(
    cx: &Cx,
    organization: &str,
    by: By<'_>,
    user: &str,
    role: Role,
    metadata: &Metadata,
) -> Result<Member> {
    let need = Need::Permission(Permission::MembershipsManage);
    let missing = || refuse::resource_not_found("user").at("user_id");
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        // Whoever may not add anybody does not learn who exists.
        ops::open(cx, &mut tx, organization, by, need).await?;
        // Users are locked before organizations, here as where a user is deleted.
        let id = UserId::parse(user).ok_or_else(missing)?;
        let user = users::store::find_locked(&mut tx, &id).await?.ok_or_else(missing)?;
        let mut organization = ops::hold(cx, &mut tx, organization, by, need).await?;
        let row = join(cx, &mut tx, &mut organization, &user.id, role, metadata).await?;
        Ok::<_, Error>(Member { row, organization, user })
    })
}

/// The member with this user's id, of an organization that is held.
async fn member(tx: &mut Tx, organization: &OrganizationId, user: &str) -> Result<MembershipRow> {
    let found = match UserId::parse(user) {
        Some(id) => store::membership(tx, organization, &id).await?,
        None => None,
    };
    Ok(found.ok_or_else(|| refuse::resource_not_found("organization membership"))?)
}

async fn user_of(tx: &mut Tx, row: &MembershipRow) -> Result<UserRow> {
    let user = users::store::find(tx, &row.user_id).await?;
    Ok(user.ok_or_else(|| refuse::resource_not_found("user"))?)
}

/// Gives a member another role.
///
/// # Errors
/// As [`ops::hold`]; 404 for who is no member; 400 `organization_minimum_permissions_needed` for the last admin.
pub async fn set_role(
    cx: &Cx,
    organization: &str,
    by: By<'_>,
    user: &str,
    role: Role,
) -> Result<Member> {
    let need = Need::Permission(Permission::MembershipsManage);
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let organization = ops::hold(cx, &mut tx, organization, by, need).await?;
        let mut row = member(&mut tx, &organization.id, user).await?;
        if row.role != role.key() {
            let running = store::with_role(&mut tx, &organization.id, Role::Admin.key()).await?;
            policy::check_running(row.role(), Some(role), running)?;
            role.key().clone_into(&mut row.role);
            row.updated_at = cx.now;
            store::update_membership(&mut tx, &row).await?;
            audit::record(cx, &mut tx, told("organization_membership.updated", &row).changed(["role"]));
        }
        let user = user_of(&mut tx, &row).await?;
        Ok::<_, Error>(Member { row, organization, user })
    })
}

/// Changes a membership's metadata: merged.
///
/// # Errors
/// As [`ops::hold`]; 404 for who is no member; 422 `form_param_exceeds_allowed_size`.
pub async fn set_metadata(
    cx: &Cx,
    organization: &str,
    user: &str,
    new: &Metadata,
) -> Result<Member> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let organization = ops::hold(cx, &mut tx, organization, By::Server, Need::Membership).await?;
        let mut row = member(&mut tx, &organization.id, user).await?;
        new.apply(&mut row.public_metadata, &mut row.private_metadata, How::Merge)?;
        row.updated_at = cx.now;
        store::update_membership(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("organization_membership.metadata.updated", &row));
        let user = user_of(&mut tx, &row).await?;
        Ok::<_, Error>(Member { row, organization, user })
    })
}

/// Takes a member out of an organization. The member's sessions act in it no more, and their next token does not name it.
///
/// # Errors
/// As [`set_role`].
pub async fn remove(cx: &Cx, organization: &str, by: By<'_>, user: &str) -> Result<Member> {
    let need = Need::Permission(Permission::MembershipsManage);
    take_out(cx, organization, by, need, user).await
}

/// A user leaves an organization.
///
/// # Errors
/// 404 `organization_not_found_or_unauthorized`; 400 `organization_minimum_permissions_needed` for the last admin.
pub async fn leave(cx: &Cx, organization: &str, user: &UserId) -> Result<Member> {
    let by = By::User(user);
    take_out(cx, organization, by, Need::Membership, user.as_str()).await
}

async fn take_out(
    cx: &Cx,
    organization: &str,
    by: By<'_>,
    need: Need,
    user: &str,
) -> Result<Member> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut organization = ops::hold(cx, &mut tx, organization, by, need).await?;
        let row = member(&mut tx, &organization.id, user).await?;
        let running = store::with_role(&mut tx, &organization.id, Role::Admin.key()).await?;
        policy::check_running(row.role(), None, running)?;
        let user = user_of(&mut tx, &row).await?;
        forget(cx, &mut tx, &row).await?;
        organization.members_count -= 1;
        Ok::<_, Error>(Member { row, organization, user })
    })
}

/// Ends a membership in an organization that is held.
async fn forget(cx: &Cx, tx: &mut Tx, row: &MembershipRow) -> Result<()> {
    let (organization, user) = (&row.organization_id, &row.user_id);
    sessions::store::user_leaves_organization(tx, organization, user, cx.now).await?;
    store::delete_membership(tx, organization, user).await?;
    store::recount(tx, organization).await?;
    audit::record(cx, tx, told("organization_membership.deleted", row));
    Ok(())
}

/// Ends every membership of a user who is about to be deleted; an organization may be left without an admin. Called in the
/// transaction that holds the user.
///
/// # Errors
/// The database's.
pub async fn forget_user(cx: &Cx, tx: &mut Tx, user: &UserId) -> Result<()> {
    let mut all = store::memberships_of_user(tx, user).await?;
    // In one order everywhere, so that two deletions do not wait for each other.
    all.sort_by(|a, b| a.organization_id.cmp(&b.organization_id));
    for row in &all {
        store::find_locked(tx, &row.organization_id).await?;
        forget(cx, tx, row).await?;
    }
    Ok(())
}

/// A page of members, with their users.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    filter: &Members,
    order: &'static str,
    window: Window,
) -> Result<Vec<(MembershipRow, UserRow)>> {
    let rows = search::members(tx, filter, order, window).await?;
    let ids: Vec<String> = rows.iter().map(|m| m.user_id.as_str().to_owned()).collect();
    let users = users_with(tx, ids).await?;
    let with = |row: MembershipRow| {
        let user = users.get(&row.user_id)?.clone();
        Some((row, user))
    };
    Ok(rows.into_iter().filter_map(with).collect())
}

/// Users by id.
///
/// # Errors
/// The database's.
pub async fn users_with(tx: &mut Tx, mut ids: Vec<String>) -> Result<HashMap<UserId, UserRow>> {
    ids.sort();
    ids.dedup();
    let limit = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let Some(order) = Order::read("created_at").filter(|_| limit > 0) else {
        return Ok(HashMap::new());
    };
    let search = Search {
        ids: Picks {
            include: ids,
            exclude: Vec::new(),
        },
        ..Search::default()
    };
    let page = Page {
        order,
        limit,
        offset: 0,
        after: None,
    };
    let users = users::search::list(tx, &search, &page).await?;
    Ok(users.into_iter().map(|u| (u.id.clone(), u)).collect())
}

/// A user's memberships as the own browser sees them, oldest first; none where organizations are off.
///
/// # Errors
/// The database's.
pub async fn shown_to(cx: &Cx, tx: &mut Tx, user: &UserRow) -> Result<Vec<MembershipResource>> {
    let all = ops::of_user(cx, tx, &user.id).await?;
    let shown = |(row, organization): &(MembershipRow, OrganizationRow)| {
        MembershipResource::new(cx, row, organization, user, Audience::Browser)
    };
    Ok(all.iter().map(shown).collect())
}
