//! Invitations, as members make them and as the invited take them (contract fapi §8.9).
use super::model::{InvitationRow, STATUSES};
use super::ops::{self, NEED, New};
use super::resource::InvitationResource;
use super::store::{self, Filter};
use crate::answers::{LIMIT, List, OFFSET, PAGINATED, Page, Window};
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::email::EmailAddress;
use crate::organizations::members::ops as members;
use crate::organizations::ops as organizations;
use crate::organizations::ops::Metadata;
use crate::organizations::policy::By;
use crate::organizations::store as organization_store;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions::ops::{acting, acting_in_person};
use crate::users::model::UserRow;
use crate::users::resource::Audience;
use usher_http::form::{Field, Form, flag, text, texts};
use usher_types::error::codes as refuse;
use usher_types::{Error, Fault, Result};

/// Days until an invitation of a member expires.
const DAYS: i64 = 30;
/// Addresses in one request.
const ITEMS: usize = 10;
const CREATE: &[Field] = &[
    text("email_address", 320).required(),
    text("role", 128).required(),
    flag("notify").about("The link is mailed; true when left out."),
];
const CREATE_ALL: &[Field] = &[
    texts("email_address", ITEMS, 320).required(),
    text("role", 128).required(),
    flag("notify").about("The links are mailed; true when left out."),
];
const LIST: &[Field] = &[PAGINATED, LIMIT, OFFSET, texts("status", 4, 16).query()];
const WINDOW: &[Field] = &[PAGINATED, LIMIT, OFFSET];
const MINE: &[Field] = &[LIMIT, OFFSET, texts("status", 4, 16).query()];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "POST",
        "/v1/organizations/{organization_id}/invitations",
        "createOrganizationInvitations",
        Guard::SignedIn,
        handler!(create),
    )
    .fields(CREATE)
    .envelopes::<InvitationResource>(),
    Op::fapi(
        "POST",
        "/v1/organizations/{organization_id}/invitations/bulk",
        "bulkCreateOrganizationInvitations",
        Guard::SignedIn,
        handler!(create_all),
    )
    .fields(CREATE_ALL)
    .envelopes::<Vec<InvitationResource>>(),
    Op::fapi(
        "GET",
        "/v1/organizations/{organization_id}/invitations",
        "getOrganizationInvitations",
        Guard::SignedIn,
        handler!(list),
    )
    .fields(LIST)
    .envelopes::<List<InvitationResource>>(),
    Op::fapi(
        "GET",
        "/v1/organizations/{organization_id}/invitations/pending",
        "getAllPendingOrganizationInvitations",
        Guard::SignedIn,
        handler!(pending),
    )
    .fields(WINDOW)
    .envelopes::<List<InvitationResource>>(),
    Op::fapi(
        "POST",
        "/v1/organizations/{organization_id}/invitations/{invitation_id}/revoke",
        "revokePendingOrganizationInvitation",
        Guard::SignedIn,
        handler!(revoke),
    )
    .envelopes::<InvitationResource>(),
    Op::fapi(
        "GET",
        "/v1/me/organization_invitations",
        "getUsersOrganizationInvitations",
        Guard::SignedIn,
        handler!(mine),
    )
    .fields(MINE)
    .envelopes::<Page<InvitationResource>>(),
    Op::fapi(
        "POST",
        "/v1/me/organization_invitations/{invitation_id}/accept",
        "acceptOrganizationInvitation",
        Guard::SignedIn,
        handler!(accept),
    )
    .envelopes::<InvitationResource>(),
];

fn shown(cx: &Cx, row: &InvitationRow) -> InvitationResource {
    InvitationResource::new(cx, row, Audience::Browser)
}

fn new(form: &Form, address: &str, user: &UserRow) -> Result<New> {
    let role = members::role(form.text("role").unwrap_or_default())?;
    let address = EmailAddress::parse(address)
        .ok_or_else(|| refuse::form_param_format_invalid("email address").at("email_address"))?;
    Ok(New {
        address,
        role,
        inviter: Some(user.id.clone()),
        metadata: Metadata::default(),
        redirect_url: None,
        days: DAYS,
        notify: form.flag("notify") != Some(false),
    })
}

async fn create(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let form = &call.form;
    let new = new(form, form.text("email_address").unwrap_or_default(), &user)?;
    let (id, by) = (call.param("organization_id"), By::User(&user.id));
    let made = ops::invite(cx, id, by, &[new]).await?;
    let row = made.first();
    let row = row.ok_or_else(|| Fault::new("an invitation that was just made"))?;
    envelope(cx, shown(cx, row)).await
}

async fn create_all(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let form = &call.form;
    let addresses = form.texts("email_address");
    let all = addresses.iter().map(|a| new(form, a, &user));
    let all = all.collect::<Result<Vec<_>>>()?;
    let (id, by) = (call.param("organization_id"), By::User(&user.id));
    let made = ops::invite(cx, id, by, &all).await?;
    let shown: Vec<InvitationResource> = made.iter().map(|row| shown(cx, row)).collect();
    envelope(cx, shown).await
}

/// The statuses that a list asks for. One that there is not fits nothing, as `completed`, which pages ask for.
fn statuses(form: &Form) -> Vec<String> {
    let all = form.texts("status").into_iter().filter(|s| !s.is_empty());
    all.map(str::to_owned).collect()
}

async fn page(cx: &Cx, call: &Call, statuses: Vec<String>) -> Result<Reply> {
    let (_, user) = acting(cx).await?;
    let (id, by) = (call.param("organization_id"), By::User(&user.id));
    let mut tx = cx.read().await?;
    let organization = organizations::open(cx, &mut tx, id, by, NEED).await?;
    let filter = Filter {
        organization: Some(organization.id),
        statuses,
        ..Filter::default()
    };
    let window = Window::read(&call.form);
    let rows = store::list(&mut tx, &filter, "-created_at", cx.now, window).await?;
    let data = rows.iter().map(|row| shown(cx, row)).collect();
    let total = async { Ok::<_, Error>(store::count(&mut tx, &filter, cx.now).await?) };
    let list = window.list(data, total).await?;
    drop(tx);
    envelope(cx, list).await
}

async fn list(cx: &Cx, call: &Call) -> Result<Reply> {
    page(cx, call, statuses(&call.form)).await
}

async fn pending(cx: &Cx, call: &Call) -> Result<Reply> {
    page(cx, call, vec![STATUSES[0].to_owned()]).await
}

async fn revoke(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let (id, by) = (call.param("organization_id"), By::User(&user.id));
    let row = ops::revoke(cx, id, by, call.param("invitation_id"), None).await?;
    envelope(cx, shown(cx, &row)).await
}

async fn mine(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting(cx).await?;
    organizations::enabled(cx)?;
    let mut tx = cx.read().await?;
    let filter = Filter {
        statuses: statuses(&call.form),
        addresses: Some(ops::addresses(&mut tx, &user).await?),
        ..Filter::default()
    };
    let window = Window::read(&call.form);
    let rows = store::list(&mut tx, &filter, "-created_at", cx.now, window).await?;
    let mut data = Vec::with_capacity(rows.len());
    for row in &rows {
        let organization = organization_store::find(&mut tx, &row.organization_id).await?;
        data.extend(organization.map(|o| shown(cx, row).to(cx, &o)));
    }
    let total_count = store::count(&mut tx, &filter, cx.now).await?;
    drop(tx);
    envelope(cx, Page { data, total_count }).await
}

async fn accept(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let row = ops::accept(cx, &user, call.param("invitation_id")).await?;
    let mut tx = cx.read().await?;
    let organization = organization_store::find(&mut tx, &row.organization_id).await?;
    drop(tx);
    let resource = shown(cx, &row);
    let resource = match &organization {
        Some(organization) => resource.to(cx, organization),
        None => resource,
    };
    envelope(cx, resource).await
}
