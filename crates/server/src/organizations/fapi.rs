//! `/v1/organizations/…` for members (contract fapi §8.9). Every route asks the one policy, by way of `ops` and `members`.
use super::model::{NAME, OrganizationRow, SLUG};
use super::ops::{self, Change, New};
use super::policy::{By, Need};
use super::resource::OrganizationResource;
use crate::answers::Deleted;
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions::ops::{acting, acting_in_person};
use crate::users::resource::Audience;
use usher_http::form::{Field, text};
use usher_types::Result;

const CREATE: &[Field] = &[
    text("name", NAME).required(),
    text("slug", SLUG).about("Made of the name when left out."),
];
const UPDATE: &[Field] = &[text("name", NAME), text("slug", SLUG)];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "POST",
        "/v1/organizations",
        "createOrganization",
        Guard::SignedIn,
        handler!(create),
    )
    .fields(CREATE)
    .envelopes::<OrganizationResource>(),
    Op::fapi(
        "GET",
        "/v1/organizations/{organization_id}",
        "getOrganization",
        Guard::SignedIn,
        handler!(get),
    )
    .envelopes::<OrganizationResource>(),
    Op::fapi(
        "PATCH",
        "/v1/organizations/{organization_id}",
        "updateOrganization",
        Guard::SignedIn,
        handler!(update),
    )
    .fields(UPDATE)
    .envelopes::<OrganizationResource>(),
    Op::fapi(
        "DELETE",
        "/v1/organizations/{organization_id}",
        "deleteOrganization",
        Guard::SignedIn,
        handler!(delete),
    )
    .envelopes::<Deleted>(),
];

async fn shown(cx: &Cx, row: &OrganizationRow) -> Result<Reply> {
    envelope(cx, OrganizationResource::new(cx, row, Audience::Browser)).await
}

async fn create(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let new = New {
        name: call.form.text("name").unwrap_or_default().to_owned(),
        slug: call.form.text("slug").map(str::to_owned),
        ..New::default()
    };
    shown(cx, &ops::create_own(cx, &user, &new).await?).await
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting(cx).await?;
    let (id, by) = (call.param("organization_id"), By::User(&user.id));
    let row = ops::open(cx, &mut cx.read().await?, id, by, Need::Membership).await?;
    shown(cx, &row).await
}

async fn update(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let change = Change {
        name: call.form.text("name").map(str::to_owned),
        slug: call.form.text("slug").map(str::to_owned),
        ..Change::default()
    };
    let (id, by) = (call.param("organization_id"), By::User(&user.id));
    shown(cx, &ops::update(cx, id, by, &change).await?).await
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let row = ops::delete(cx, call.param("organization_id"), By::User(&user.id)).await?;
    envelope(cx, Deleted::new("organization", row.id.as_str())).await
}
