//! Invitations to organizations, for the operator's servers (contract bapi §2.7).
use super::model::{InvitationRow, STATUSES};
use super::ops::{self, NEED, New};
use super::resource::InvitationResource;
use super::store::{self, Filter};
use crate::answers::{LIMIT, OFFSET, Page, Window};
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::email::EmailAddress;
use crate::organizations::members::ops as members;
use crate::organizations::ops as organizations;
use crate::organizations::ops::Metadata;
use crate::organizations::policy::By;
use crate::organizations::store as organization_store;
use crate::route::{Call, Op, Reply};
use crate::users;
use crate::users::resource::Audience;
use usher_db::Tx;
use usher_http::form::{Field, Form, flag, int, object, text, texts, word};
use usher_types::error::codes as refuse;
use usher_types::id::UserId;
use usher_types::{Fault, Result};

const CREATE: &[Field] = &[
    text("email_address", 320).required(),
    text("role", 128).required(),
    text("inviter_user_id", 80).about("A member who may invite."),
    object("public_metadata", 8192).about("Becomes the membership's."),
    object("private_metadata", 8192).about("Becomes the membership's."),
    text("redirect_url", 4096)
        .about("The page that takes the ticket; the sign-in or sign-up page when left out."),
    int("expires_in_days", 1, 365).about("30 when left out."),
    flag("notify").about("The link is mailed; true when left out."),
];
const ORDERS: &[&str] = &[
    "-created_at",
    "+created_at",
    "created_at",
    "-email_address",
    "+email_address",
    "email_address",
];
const ORDER: Field = word("order_by", ORDERS)
    .query()
    .about("-created_at when left out.");
const STATUS: Field = texts("status", 4, 16).query();
const LIST: &[Field] = &[
    STATUS,
    text("email_address", 320).query(),
    ORDER,
    LIMIT,
    OFFSET,
];
const PENDING: &[Field] = &[LIMIT, OFFSET];
const ALL: &[Field] = &[
    STATUS,
    text("query", 320)
        .query()
        .about("A part of the address, or an id."),
    ORDER,
    LIMIT,
    OFFSET,
];
const OF_USER: &[Field] = &[STATUS, LIMIT, OFFSET];
const REVOKE: &[Field] = &[text("requesting_user_id", 80).about("A member who may revoke it.")];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "POST",
        "/v1/organizations/{organization_id}/invitations",
        "CreateOrganizationInvitation",
        handler!(create),
    )
    .fields(CREATE)
    .answers::<InvitationResource>(),
    Op::bapi(
        "POST",
        "/v1/organizations/{organization_id}/invitations/bulk",
        "CreateOrganizationInvitationBulk",
        handler!(create_all),
    )
    .fields(CREATE)
    .items(10)
    .answers::<Page<InvitationResource>>(),
    Op::bapi(
        "GET",
        "/v1/organizations/{organization_id}/invitations",
        "ListOrganizationInvitations",
        handler!(list),
    )
    .fields(LIST)
    .answers::<Page<InvitationResource>>(),
    Op::bapi(
        "GET",
        "/v1/organizations/{organization_id}/invitations/pending",
        "ListPendingOrganizationInvitations",
        handler!(pending),
    )
    .fields(PENDING)
    .answers::<Page<InvitationResource>>(),
    Op::bapi(
        "GET",
        "/v1/organizations/{organization_id}/invitations/{invitation_id}",
        "GetOrganizationInvitation",
        handler!(get),
    )
    .answers::<InvitationResource>(),
    Op::bapi(
        "POST",
        "/v1/organizations/{organization_id}/invitations/{invitation_id}/revoke",
        "RevokeOrganizationInvitation",
        handler!(revoke),
    )
    .fields(REVOKE)
    .answers::<InvitationResource>(),
    Op::bapi(
        "GET",
        "/v1/organization_invitations",
        "ListInstanceOrganizationInvitations",
        handler!(all),
    )
    .fields(ALL)
    .answers::<Page<InvitationResource>>(),
    Op::bapi(
        "GET",
        "/v1/users/{user_id}/organization_invitations",
        "UsersGetOrganizationInvitations",
        handler!(of_user),
    )
    .fields(OF_USER)
    .answers::<Page<InvitationResource>>(),
];

/// With who invited.
async fn shown(cx: &Cx, tx: &mut Tx, rows: &[InvitationRow]) -> Result<Vec<InvitationResource>> {
    let inviters = rows.iter().filter_map(|row| row.inviter_id.clone());
    let users = members::users_with(tx, inviters.collect()).await?;
    let one = |row: &InvitationRow| {
        let resource = InvitationResource::new(cx, row, Audience::Server);
        let inviter = row.inviter_id.as_deref().and_then(UserId::parse);
        match inviter.and_then(|id| users.get(&id)) {
            Some(user) => resource.by(cx, user),
            None => resource,
        }
    };
    Ok(rows.iter().map(one).collect())
}

/// An invitation to make, from its fields.
fn read(form: &Form) -> Result<New> {
    let address = form.text("email_address").unwrap_or_default();
    let address = EmailAddress::parse(address)
        .ok_or_else(|| refuse::form_param_format_invalid("email address").at("email_address"))?;
    let unknown = || refuse::not_a_member_in_organization().at("inviter_user_id");
    let inviter = match form.text("inviter_user_id") {
        Some(id) => Some(UserId::parse(id).ok_or_else(unknown)?),
        None => None,
    };
    Ok(New {
        address,
        role: members::role(form.text("role").unwrap_or_default())?,
        inviter,
        metadata: Metadata::read(form),
        redirect_url: form.text("redirect_url").map(str::to_owned),
        days: form.int("expires_in_days").unwrap_or(30),
        notify: form.flag("notify") != Some(false),
    })
}

async fn create(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("organization_id");
    let made = ops::invite(cx, id, By::Server, &[read(&call.form)?]).await?;
    let shown = shown(cx, &mut cx.read().await?, &made).await?;
    let one = shown.first();
    Reply::json(one.ok_or_else(|| Fault::new("an invitation that was just made"))?)
}

async fn create_all(cx: &Cx, call: &Call) -> Result<Reply> {
    let all = call.items.iter().map(read).collect::<Result<Vec<_>>>()?;
    let made = ops::invite(cx, call.param("organization_id"), By::Server, &all).await?;
    let data = shown(cx, &mut cx.read().await?, &made).await?;
    let total_count = i64::try_from(data.len()).unwrap_or(i64::MAX);
    Reply::json(&Page { data, total_count })
}

/// The statuses that a list asks for.
///
/// # Errors
/// 422 for words that are none.
pub(super) fn statuses(form: &Form) -> Result<Vec<String>> {
    let all = form.texts("status").into_iter().filter(|s| !s.is_empty());
    let all: Vec<String> = all.map(str::to_owned).collect();
    if all.iter().any(|s| !STATUSES.contains(&s.as_str())) {
        return Err(refuse::form_param_value_invalid("status")
            .at("status")
            .into());
    }
    Ok(all)
}

async fn page(cx: &Cx, tx: &mut Tx, filter: &Filter, form: &Form) -> Result<Reply> {
    let order = form.text("order_by").unwrap_or("-created_at");
    let rows = store::list(tx, filter, order, cx.now, Window::read(form)).await?;
    let data = shown(cx, tx, &rows).await?;
    let total_count = store::count(tx, filter, cx.now).await?;
    Reply::json(&Page { data, total_count })
}

async fn list(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let statuses = statuses(form)?;
    let mut tx = cx.read().await?;
    let id = call.param("organization_id");
    let organization = organizations::open(cx, &mut tx, id, By::Server, NEED).await?;
    let address = form.text("email_address");
    let filter = Filter {
        organization: Some(organization.id),
        statuses,
        addresses: address.map(|a| vec![a.to_ascii_lowercase()]),
        query: None,
    };
    page(cx, &mut tx, &filter, form).await
}

async fn pending(cx: &Cx, call: &Call) -> Result<Reply> {
    let mut tx = cx.read().await?;
    let id = call.param("organization_id");
    let organization = organizations::open(cx, &mut tx, id, By::Server, NEED).await?;
    let filter = Filter {
        organization: Some(organization.id),
        statuses: vec!["pending".to_owned()],
        ..Filter::default()
    };
    page(cx, &mut tx, &filter, &call.form).await
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    let mut tx = cx.read().await?;
    let (id, invitation) = (call.param("organization_id"), call.param("invitation_id"));
    let row = ops::one(cx, &mut tx, id, By::Server, invitation).await?;
    let shown = shown(cx, &mut tx, std::slice::from_ref(&row)).await?;
    Reply::json(
        shown
            .first()
            .ok_or_else(|| Fault::new("an invitation that was just read"))?,
    )
}

async fn revoke(cx: &Cx, call: &Call) -> Result<Reply> {
    let (id, invitation) = (call.param("organization_id"), call.param("invitation_id"));
    let unknown = || refuse::not_a_member_in_organization().at("requesting_user_id");
    let user = match call.form.text("requesting_user_id") {
        Some(id) => Some(UserId::parse(id).ok_or_else(unknown)?),
        None => None,
    };
    let row = ops::revoke(cx, id, By::Server, invitation, user.as_ref()).await?;
    let shown = shown(cx, &mut cx.read().await?, &[row]).await?;
    Reply::json(
        shown
            .first()
            .ok_or_else(|| Fault::new("an invitation that was just revoked"))?,
    )
}

/// Invitations of several organizations, each with its own.
async fn mixed(cx: &Cx, tx: &mut Tx, filter: &Filter, form: &Form) -> Result<Reply> {
    let order = form.text("order_by").unwrap_or("-created_at");
    let rows = store::list(tx, filter, order, cx.now, Window::read(form)).await?;
    let mut data = Vec::with_capacity(rows.len());
    for (row, one) in rows.iter().zip(shown(cx, tx, &rows).await?) {
        let organization = organization_store::find(tx, &row.organization_id).await?;
        data.extend(organization.map(|o| one.to(cx, &o)));
    }
    let total_count = store::count(tx, filter, cx.now).await?;
    Reply::json(&Page { data, total_count })
}

async fn all(cx: &Cx, call: &Call) -> Result<Reply> {
    organizations::enabled(cx)?;
    let filter = Filter {
        statuses: statuses(&call.form)?,
        query: call.form.text("query").map(str::to_owned),
        ..Filter::default()
    };
    mixed(cx, &mut cx.read().await?, &filter, &call.form).await
}

async fn of_user(cx: &Cx, call: &Call) -> Result<Reply> {
    organizations::enabled(cx)?;
    let found = users::ops::list::one(cx, call.param("user_id")).await?;
    let mut tx = cx.read().await?;
    let filter = Filter {
        statuses: statuses(&call.form)?,
        addresses: Some(ops::addresses(&mut tx, &found.user).await?),
        ..Filter::default()
    };
    mixed(cx, &mut tx, &filter, &call.form).await
}
