//! `/v1/organizations` and what belongs to it, for the operator's servers (contract bapi §2.5, §2.6, §2.9).
pub mod roles;
pub mod settings;

use super::model::{NAME, OrganizationRow, SLUG};
use super::ops::{self, Change, Metadata, New};
use super::policy::By;
use super::resource::OrganizationResource;
use super::roles::Role;
use super::{search, store};
use crate::answers::{Deleted, LIMIT, OFFSET, Page, Window};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use crate::users::ops::metadata::How;
use crate::users::resource::Audience;
use crate::users::search::Picks;
use usher_db::Tx;
use usher_http::form::{Field, Form, flag, int, object, text, texts};
use usher_types::Result;
use usher_types::error::codes as refuse;
use usher_types::id::UserId;

const METADATA: usize = 8192;
const COUNT: Field = flag("include_members_count").query();
const MISSING: Field = flag("include_missing_member_with_elevated_permissions")
    .query()
    .about("Say whether nobody can run it.");
const LIST: &[Field] = &[
    COUNT,
    MISSING,
    text("query", 256)
        .query()
        .about("A whole id, or part of a name or slug."),
    texts("user_id", 100, 80)
        .query()
        .about("With one of these members (`+` or nothing before it), or without them (`-`)."),
    texts("organization_id", 100, 80).query(),
    text("order_by", 40)
        .query()
        .about("A field with + or - before it; -created_at when left out."),
    LIMIT,
    OFFSET,
];
const CREATE: &[Field] = &[
    text("name", NAME).required(),
    text("created_by", 80).about("The user who is its first admin."),
    text("slug", SLUG).about("Made of the name when left out."),
    object("public_metadata", METADATA),
    object("private_metadata", METADATA),
    int("max_allowed_memberships", 0, 1_000_000).about("0 is without limit."),
];
const GET: &[Field] = &[COUNT, MISSING];
const UPDATE: &[Field] = &[
    text("name", NAME),
    text("slug", SLUG),
    int("max_allowed_memberships", 0, 1_000_000).about("0 is without limit."),
    flag("admin_delete_enabled"),
];
const BOTH: &[Field] = &[
    object("public_metadata", METADATA),
    object("private_metadata", METADATA),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/organizations",
        "ListOrganizations",
        handler!(list),
    )
    .fields(LIST)
    .answers::<Page<OrganizationResource>>(),
    Op::bapi(
        "POST",
        "/v1/organizations",
        "CreateOrganization",
        handler!(create),
    )
    .fields(CREATE)
    .answers::<OrganizationResource>(),
    Op::bapi(
        "GET",
        "/v1/organizations/{organization_id}",
        "GetOrganization",
        handler!(get),
    )
    .fields(GET)
    .answers::<OrganizationResource>(),
    Op::bapi(
        "PATCH",
        "/v1/organizations/{organization_id}",
        "UpdateOrganization",
        handler!(update),
    )
    .fields(UPDATE)
    .answers::<OrganizationResource>(),
    Op::bapi(
        "DELETE",
        "/v1/organizations/{organization_id}",
        "DeleteOrganization",
        handler!(delete),
    )
    .answers::<Deleted>(),
    Op::bapi(
        "PATCH",
        "/v1/organizations/{organization_id}/metadata",
        "MergeOrganizationMetadata",
        handler!(merge),
    )
    .fields(BOTH)
    .answers::<OrganizationResource>(),
    Op::bapi(
        "PUT",
        "/v1/organizations/{organization_id}/metadata",
        "ReplaceOrganizationMetadata",
        handler!(replace),
    )
    .fields(BOTH)
    .answers::<OrganizationResource>(),
];

fn shown(cx: &Cx, row: &OrganizationRow) -> OrganizationResource {
    OrganizationResource::new(cx, row, Audience::Server)
}

/// With what is asked for beyond the row.
async fn asked(
    cx: &Cx,
    tx: &mut Tx,
    row: &OrganizationRow,
    form: &Form,
) -> Result<OrganizationResource> {
    let mut resource = shown(cx, row);
    if form.flag(COUNT.name) == Some(true) {
        resource.members_count = Some(row.members_count);
    }
    if form.flag(MISSING.name) == Some(true) {
        let running = store::with_role(tx, &row.id, Role::Admin.key()).await?;
        resource.missing_member_with_elevated_permissions = Some(running == 0);
    }
    Ok(resource)
}

async fn list(cx: &Cx, call: &Call) -> Result<Reply> {
    ops::enabled(cx)?;
    let form = &call.form;
    let order = search::order_of_organizations(form.text("order_by").unwrap_or("-created_at"))
        .ok_or_else(|| refuse::form_param_value_invalid("order_by").at("order_by"))?;
    let filter = search::Organizations {
        query: form.text("query").map(str::to_owned),
        users: Picks::read(&form.texts("user_id")),
        ids: Picks::read(&form.texts("organization_id")),
    };
    let mut tx = cx.read().await?;
    let rows = search::organizations(&mut tx, &filter, order, Window::read(form)).await?;
    let mut data = Vec::with_capacity(rows.len());
    for row in &rows {
        data.push(asked(cx, &mut tx, row, form).await?);
    }
    let total_count = search::count_organizations(&mut tx, &filter).await?;
    Reply::json(&Page { data, total_count })
}

async fn create(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let new = New {
        name: form.text("name").unwrap_or_default().to_owned(),
        slug: form.text("slug").map(str::to_owned),
        metadata: Metadata::read(form),
        limit: form.int("max_allowed_memberships"),
    };
    let unknown = || refuse::organization_creator_not_found().at("created_by");
    let creator = match form.text("created_by") {
        Some(id) => Some(UserId::parse(id).ok_or_else(unknown)?),
        None => None,
    };
    let row = ops::create(cx, &new, creator.as_ref()).await?;
    Reply::json(&shown(cx, &row))
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    let mut tx = cx.read().await?;
    let row = ops::by_id_or_slug(cx, &mut tx, call.param("organization_id")).await?;
    Reply::json(&asked(cx, &mut tx, &row, &call.form).await?)
}

async fn update(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let change = Change {
        // Neither can be cleared: null is "unchanged", as SDKs mean it.
        name: form.text("name").map(str::to_owned),
        slug: form.text("slug").map(str::to_owned),
        limit: form.int("max_allowed_memberships"),
        admin_delete_enabled: form.flag("admin_delete_enabled"),
    };
    let row = ops::update(cx, call.param("organization_id"), By::Server, &change).await?;
    Reply::json(&shown(cx, &row))
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = ops::delete(cx, call.param("organization_id"), By::Server).await?;
    Reply::json(&Deleted::new("organization", row.id.as_str()))
}

async fn merge(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("organization_id");
    let row = ops::set_metadata(cx, id, &Metadata::read(&call.form), How::Merge).await?;
    Reply::json(&shown(cx, &row))
}

async fn replace(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("organization_id");
    let row = ops::set_metadata(cx, id, &Metadata::read(&call.form), How::Replace).await?;
    Reply::json(&shown(cx, &row))
}
