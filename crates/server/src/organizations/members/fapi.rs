//! Members of an organization, as other members see and change them (contract fapi §8.9).
use super::ops::{self as members, Member};
use crate::answers::{LIMIT, List, OFFSET, PAGINATED, Page, Window};
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::organizations::ops::{self, Metadata};
use crate::organizations::policy::{By, Need};
use crate::organizations::resource::{MembershipResource, RoleResource};
use crate::organizations::roles::{Permission, Role};
use crate::organizations::search::{self, Members};
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions::ops::{acting, acting_in_person};
use crate::users::resource::Audience;
use crate::users::search::Search;
use usher_http::form::{Field, text, texts};
use usher_types::{Error, Result};

const LIST: &[Field] = &[
    PAGINATED,
    LIMIT,
    OFFSET,
    text("query", 256)
        .query()
        .about("Part of a name or an identifier."),
    texts("role", 20, 128).query(),
];
const WINDOW: &[Field] = &[LIMIT, OFFSET];
const CREATE: &[Field] = &[text("user_id", 80).required(), text("role", 128).required()];
const UPDATE: &[Field] = &[text("role", 128).required()];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "GET",
        "/v1/organizations/{organization_id}/memberships",
        "ListOrganizationMemberships",
        Guard::SignedIn,
        handler!(list),
    )
    .fields(LIST)
    .envelopes::<List<MembershipResource>>(),
    Op::fapi(
        "POST",
        "/v1/organizations/{organization_id}/memberships",
        "CreateOrganizationMembership",
        Guard::SignedIn,
        handler!(create),
    )
    .fields(CREATE)
    .envelopes::<MembershipResource>(),
    Op::fapi(
        "PATCH",
        "/v1/organizations/{organization_id}/memberships/{user_id}",
        "UpdateOrganizationMembership",
        Guard::SignedIn,
        handler!(update),
    )
    .fields(UPDATE)
    .envelopes::<MembershipResource>(),
    Op::fapi(
        "DELETE",
        "/v1/organizations/{organization_id}/memberships/{user_id}",
        "removeOrganizationMember",
        Guard::SignedIn,
        handler!(remove),
    )
    .envelopes::<MembershipResource>(),
    Op::fapi(
        "GET",
        "/v1/organizations/{organization_id}/roles",
        "ListOrganizationRoles",
        Guard::SignedIn,
        handler!(roles),
    )
    .fields(WINDOW)
    .envelopes::<Page<RoleResource>>(),
];

async fn shown(cx: &Cx, member: &Member) -> Result<Reply> {
    envelope(cx, MembershipResource::of(cx, member, Audience::Browser)).await
}

async fn list(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting(cx).await?;
    let (form, id, by) = (
        &call.form,
        call.param("organization_id"),
        By::User(&user.id),
    );
    let need = Need::Permission(Permission::MembershipsRead);
    let mut tx = cx.read().await?;
    let organization = ops::open(cx, &mut tx, id, by, need).await?;
    let filter = Members {
        organization: Some(organization.id.clone()),
        roles: form.texts("role").into_iter().map(str::to_owned).collect(),
        users: form.text("query").map(|query| Search {
            query: Some(query.to_owned()),
            ..Search::default()
        }),
        ..Members::default()
    };
    let window = Window::read(form);
    let order = search::NEWEST;
    let found = members::page(&mut tx, &filter, order, window).await?;
    let shown =
        |(row, user)| MembershipResource::new(cx, &row, &organization, &user, Audience::Browser);
    let data = found.into_iter().map(shown).collect();
    let total = async { Ok::<_, Error>(search::count_members(&mut tx, &filter).await?) };
    let list = window.list(data, total).await?;
    drop(tx);
    envelope(cx, list).await
}

async fn create(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let role = members::role(call.form.text("role").unwrap_or_default())?;
    let (id, by) = (call.param("organization_id"), By::User(&user.id));
    let added = call.form.text("user_id").unwrap_or_default();
    let member = members::add(cx, id, by, added, role, &Metadata::default()).await?;
    shown(cx, &member).await
}

async fn update(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let role = members::role(call.form.text("role").unwrap_or_default())?;
    let (id, by) = (call.param("organization_id"), By::User(&user.id));
    let member = members::set_role(cx, id, by, call.param("user_id"), role).await?;
    shown(cx, &member).await
}

async fn remove(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let (id, by) = (call.param("organization_id"), By::User(&user.id));
    let member = members::remove(cx, id, by, call.param("user_id")).await?;
    shown(cx, &member).await
}

async fn roles(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting(cx).await?;
    let (id, by) = (call.param("organization_id"), By::User(&user.id));
    ops::open(cx, &mut cx.read().await?, id, by, Need::Membership).await?;
    let window = Window::read(&call.form);
    let all = Role::ALL.iter().map(|role| RoleResource::new(cx, *role));
    envelope(cx, window.page(all.collect())).await
}
