//! Use cases of organizations: creating, reading, changing, deleting.
use super::members::ops as members;
use super::model::{self, MembershipRow, OrganizationRow};
use super::policy::{self, By, Need};
use super::roles::{Permission, Role};
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::sessions;
use crate::tickets;
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::metadata::{How, MAX_BYTES, merge};
use serde_json::{Map, Value};
use std::collections::HashMap;
use usher_db::Tx;
use usher_http::form::Form;
use usher_types::error::codes as refuse;
use usher_types::id::{OrganizationId, UserId};
use usher_types::{ApiError, Error, Result};

/// Organizations are on.
///
/// # Errors
/// 403 `organization_not_enabled_in_instance`.
pub fn enabled(cx: &Cx) -> Result<(), ApiError> {
    if cx.instance.settings.organizations.enabled {
        return Ok(());
    }
    Err(refuse::organization_not_enabled_in_instance())
}

/// The organization with this id, as far as `by` may see it.
///
/// # Errors
/// As [`enabled`] and [`policy::check`].
pub async fn open(
    cx: &Cx,
    tx: &mut Tx,
    id: &str,
    by: By<'_>,
    need: Need,
) -> Result<OrganizationRow> {
    judge(cx, tx, id, Held::No, by, need).await
}

/// As [`open`], locked until the transaction ends: nobody else changes the organization or its members meanwhile.
///
/// # Errors
/// As [`open`].
pub async fn hold(
    cx: &Cx,
    tx: &mut Tx,
    id: &str,
    by: By<'_>,
    need: Need,
) -> Result<OrganizationRow> {
    judge(cx, tx, id, Held::Yes, by, need).await
}

/// Whether an organization is locked until the transaction ends.
#[derive(Clone, Copy)]
enum Held {
    Yes,
    No,
}

async fn judge(
    cx: &Cx,
    tx: &mut Tx,
    id: &str,
    held: Held,
    by: By<'_>,
    need: Need,
) -> Result<OrganizationRow> {
    enabled(cx)?;
    let found = match (OrganizationId::parse(id), held) {
        (Some(id), Held::Yes) => store::find_locked(tx, &id).await?,
        (Some(id), Held::No) => store::find(tx, &id).await?,
        (None, _) => None,
    };
    let membership = match (by, &found) {
        (By::User(user), Some(found)) => store::membership(tx, &found.id, user).await?,
        (By::User(_), None) | (By::Server, _) => None,
    };
    Ok(policy::check(by, need, found, membership.as_ref())?)
}

/// The organization with this id or slug, for servers.
///
/// # Errors
/// As [`enabled`]; 404.
pub async fn by_id_or_slug(cx: &Cx, tx: &mut Tx, text: &str) -> Result<OrganizationRow> {
    enabled(cx)?;
    let found = match OrganizationId::parse(text) {
        Some(id) => store::find(tx, &id).await?,
        None => store::by_slug(tx, text).await?,
    };
    Ok(found.ok_or_else(|| refuse::resource_not_found("organization"))?)
}

/// Metadata that was sent; `None` is unchanged.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// Read by members.
    pub public: Option<Map<String, Value>>,
    /// Servers only.
    pub private: Option<Map<String, Value>>,
}

impl Metadata {
    /// What a request carries.
    #[must_use]
    pub fn read(form: &Form) -> Self {
        Self {
            public: form.object("public_metadata").cloned(),
            private: form.object("private_metadata").cloned(),
        }
    }
    /// Changes what is stored.
    ///
    /// # Errors
    /// 422 `form_param_exceeds_allowed_size`, naming the first object that was sent.
    pub fn apply(&self, public: &mut String, private: &mut String, how: How) -> Result<()> {
        let mut named = None;
        let fields = [
            ("public_metadata", &self.public, &mut *public),
            ("private_metadata", &self.private, &mut *private),
        ];
        for (param, sent, kept) in fields {
            let Some(sent) = sent else {
                continue;
            };
            named = named.or(Some(param));
            // Merging into nothing drops nulls, as the merge into something does.
            let mut target: Map<String, Value> = match how {
                How::Merge => serde_json::from_str(kept).unwrap_or_default(),
                How::Replace => Map::new(),
            };
            match how {
                How::Merge => merge(&mut target, sent),
                How::Replace => target.clone_from(sent),
            }
            *kept = Value::Object(target).to_string();
        }
        match named {
            Some(param) if public.len() + private.len() > MAX_BYTES => {
                Err(refuse::form_param_exceeds_allowed_size(param)
                    .at(param)
                    .into())
            }
            _ => Ok(()),
        }
    }
}

/// An organization to create.
#[derive(Clone, Debug, Default)]
pub struct New {
    /// What it is called.
    pub name: String,
    /// Its slug; made of the name when left out.
    pub slug: Option<String>,
    /// Its metadata.
    pub metadata: Metadata,
    /// Members at most; the instance's number when left out.
    pub limit: Option<i64>,
}

/// Creates an organization for a user, who is its first admin.
///
/// # Errors
/// As [`enabled`]; 403 `user_create_organization_not_enabled`, `organization_quota_exceeded`, `organization_slugs_disabled`; 400
/// `duplicate_record` for a taken slug; 422 for what is no name and no slug.
pub async fn create_own(cx: &Cx, user: &UserRow, new: &New) -> Result<OrganizationRow> {
    enabled(cx)?;
    if !user.create_organization_enabled {
        return Err(refuse::user_create_organization_not_enabled().into());
    }
    create(cx, new, Some(&user.id)).await
}

/// Creates an organization; `creator` is its first admin.
///
/// # Errors
/// As [`create_own`], but for the user's own right; 400 `organization_creator_not_found`.
pub async fn create(cx: &Cx, new: &New, creator: Option<&UserId>) -> Result<OrganizationRow> {
    enabled(cx)?;
    let name = model::name(&new.name)?;
    let slug = match &new.slug {
        Some(_) if cx.instance.settings.organizations.slug_disabled => {
            return Err(refuse::organization_slugs_disabled().at("slug").into());
        }
        Some(text) => model::slug(text)?,
        None => model::slug_for(&name, &cx.app.rng.base62(8)),
    };
    let mut row = OrganizationRow {
        instance_id: cx.instance.row.id.clone(),
        id: OrganizationId::compose(cx.now, &cx.fresh()),
        name,
        slug,
        public_metadata: "{}".to_owned(),
        private_metadata: "{}".to_owned(),
        max_allowed_memberships: new.limit,
        admin_delete_enabled: true,
        created_by: creator.map(|id| id.as_str().to_owned()),
        members_count: 0,
        image_id: None,
        search: String::new(),
        created_at: cx.now,
        updated_at: cx.now,
    };
    let (public, private) = (&mut row.public_metadata, &mut row.private_metadata);
    new.metadata.apply(public, private, How::Merge)?;
    row.refresh();
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut row = row.clone();
        if let Some(creator) = creator {
            let user = users::store::find_locked(&mut tx, creator).await?;
            let user = user.ok_or_else(|| refuse::organization_creator_not_found().at("created_by"))?;
            // 0 is without limit.
            let limit = user.create_organizations_limit.unwrap_or(0);
            if limit > 0 && store::created_by(&mut tx, creator).await? >= limit {
                return Err(refuse::organization_quota_exceeded().into());
            }
        }
        store::insert(&mut tx, &row).await.map_err(slug_taken)?;
        audit::record(cx, &mut tx, Event::new("organization.created").about(row.id.as_str()));
        if let Some(creator) = creator {
            members::join(cx, &mut tx, &mut row, creator, Role::Admin, &Metadata::default()).await?;
        }
        Ok::<_, Error>(row)
    })
}

fn slug_taken(e: usher_db::DbError) -> Error {
    if e.is_unique() {
        refuse::duplicate_record("organization slug")
            .at("slug")
            .into()
    } else {
        Error::from(e)
    }
}

/// What a request changes; `None` is unchanged.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What it is called.
    pub name: Option<String>,
    /// Its slug.
    pub slug: Option<String>,
    /// Members at most.
    pub limit: Option<i64>,
    /// Admins may delete it.
    pub admin_delete_enabled: Option<bool>,
}

/// Changes an organization.
///
/// # Errors
/// As [`hold`] and [`create`].
pub async fn update(cx: &Cx, id: &str, by: By<'_>, change: &Change) -> Result<OrganizationRow> {
    enabled(cx)?;
    let name = change.name.as_deref().map(model::name).transpose()?;
    let slug = change.slug.as_deref().map(model::slug).transpose()?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut row = hold(cx, &mut tx, id, by, Need::Permission(Permission::ProfileManage)).await?;
        let mut changed = Vec::new();
        if let Some(name) = name.as_ref().filter(|name| **name != row.name) {
            row.name.clone_from(name);
            changed.push("name");
        }
        if let Some(slug) = slug.as_ref().filter(|slug| **slug != row.slug) {
            if cx.instance.settings.organizations.slug_disabled {
                return Err(refuse::organization_slugs_disabled().at("slug").into());
            }
            row.slug.clone_from(slug);
            changed.push("slug");
        }
        if change.limit.is_some() && change.limit != row.max_allowed_memberships {
            row.max_allowed_memberships = change.limit;
            changed.push("max_allowed_memberships");
        }
        if let Some(may) = change.admin_delete_enabled.filter(|may| *may != row.admin_delete_enabled) {
            row.admin_delete_enabled = may;
            changed.push("admin_delete_enabled");
        }
        if !changed.is_empty() {
            row.refresh();
            row.updated_at = cx.now;
            store::update(&mut tx, &row).await.map_err(slug_taken)?;
            audit::record(cx, &mut tx, Event::new("organization.updated").about(row.id.as_str()).changed(changed));
        }
        Ok::<_, Error>(row)
    })
}

/// Changes an organization's metadata.
///
/// # Errors
/// As [`hold`]; 422 `form_param_exceeds_allowed_size`.
pub async fn set_metadata(cx: &Cx, id: &str, new: &Metadata, how: How) -> Result<OrganizationRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut row = hold(cx, &mut tx, id, By::Server, Need::Membership).await?;
        new.apply(&mut row.public_metadata, &mut row.private_metadata, how)?;
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await?;
        audit::record(cx, &mut tx, Event::new("organization.metadata.updated").about(row.id.as_str()));
        Ok::<_, Error>(row)
    })
}

/// Deletes an organization for good, with its memberships. No session acts in it any more.
///
/// # Errors
/// As [`hold`]; 403 `organization_admin_delete_not_enabled` for members where the operator deletes alone.
pub async fn delete(cx: &Cx, id: &str, by: By<'_>) -> Result<OrganizationRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let row = hold(cx, &mut tx, id, by, Need::Permission(Permission::ProfileDelete)).await?;
        let allowed = row.admin_delete_enabled && cx.instance.settings.organizations.admin_delete_enabled;
        if matches!(by, By::User(_)) && !allowed {
            return Err(refuse::organization_admin_delete_not_enabled().into());
        }
        sessions::store::leave_organization(&mut tx, &row.id, cx.now).await?;
        tickets::store::forget_organization(&mut tx, &row.id).await?;
        store::delete(&mut tx, &row.id).await?;
        audit::record(cx, &mut tx, Event::new("organization.deleted").about(row.id.as_str()));
        Ok::<_, Error>(row)
    })
}

/// A user's memberships with their organizations, oldest first; none where organizations are off.
///
/// # Errors
/// The database's.
pub async fn of_user(
    cx: &Cx,
    tx: &mut Tx,
    user: &UserId,
) -> Result<Vec<(MembershipRow, OrganizationRow)>> {
    if enabled(cx).is_err() {
        return Ok(Vec::new());
    }
    let memberships = store::memberships_of_user(tx, user).await?;
    if memberships.is_empty() {
        return Ok(Vec::new());
    }
    let organizations = store::of_user(tx, user).await?;
    let mut by_id: HashMap<_, _> = organizations
        .into_iter()
        .map(|o| (o.id.clone(), o))
        .collect();
    let with = |membership: MembershipRow| {
        let organization = by_id.remove(&membership.organization_id)?;
        Some((membership, organization))
    };
    Ok(memberships.into_iter().filter_map(with).collect())
}
