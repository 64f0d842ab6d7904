//! Memberships, for the operator's servers (contract bapi §2.6).
use super::ops as members;
use crate::answers::{LIMIT, OFFSET, Page, Window};
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::wallets::model::Wallet;
use crate::organizations::model::{MembershipRow, OrganizationRow};
use crate::organizations::ops::{self, Metadata};
use crate::organizations::policy::{By, Need};
use crate::organizations::resource::MembershipResource;
use crate::organizations::search::{self, Members};
use crate::organizations::store;
use crate::route::{Call, Op, Reply};
use crate::users;
use crate::users::model::{UserRow, normal_username};
use crate::users::resource::Audience;
use crate::users::search::{BOUNDS, Picks, Search};
use usher_db::Tx;
use usher_http::form::{Field, Form, int, object, text, texts};
use usher_types::error::codes as refuse;
use usher_types::{Result, Timestamp};

const ITEMS: usize = 100;
const ORDER: Field = text("order_by", 40)
    .query()
    .about("A field with + or - before it; -created_at when left out.");
const LIST: &[Field] = &[
    ORDER,
    texts("user_id", ITEMS, 80).query(),
    texts("email_address", ITEMS, 320).query(),
    texts("phone_number", ITEMS, 40).query(),
    texts("username", ITEMS, 256).query(),
    texts("web3_wallet", ITEMS, 128).query(),
    texts("role", ITEMS, 128).query(),
    text("query", 256).query(),
    text("email_address_query", 320).query(),
    text("phone_number_query", 40).query(),
    text("username_query", 256).query(),
    text("name_query", 256).query(),
    int("last_active_at_before", 0, i64::MAX)
        .query()
        .about("Unix ms."),
    int("last_active_at_after", 0, i64::MAX)
        .query()
        .about("Unix ms."),
    int("created_at_before", 0, i64::MAX)
        .query()
        .about("Unix ms: when the user came to be."),
    int("created_at_after", 0, i64::MAX)
        .query()
        .about("Unix ms: when the user came to be."),
    LIMIT,
    OFFSET,
];
const ALL: &[Field] = &[ORDER, LIMIT, OFFSET];
const WINDOW: &[Field] = &[LIMIT, OFFSET];
const CREATE: &[Field] = &[
    text("user_id", 80).required(),
    text("role", 128).required(),
    object("public_metadata", 8192),
    object("private_metadata", 8192),
];
const UPDATE: &[Field] = &[text("role", 128).required()];
const BOTH: &[Field] = &[
    object("public_metadata", 8192),
    object("private_metadata", 8192),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/organizations/{organization_id}/memberships",
        "ListOrganizationMemberships",
        handler!(list),
    )
    .fields(LIST)
    .answers::<Page<MembershipResource>>(),
    Op::bapi(
        "POST",
        "/v1/organizations/{organization_id}/memberships",
        "CreateOrganizationMembership",
        handler!(create),
    )
    .fields(CREATE)
    .answers::<MembershipResource>(),
    Op::bapi(
        "PATCH",
        "/v1/organizations/{organization_id}/memberships/{user_id}",
        "UpdateOrganizationMembership",
        handler!(update),
    )
    .fields(UPDATE)
    .answers::<MembershipResource>(),
    Op::bapi(
        "DELETE",
        "/v1/organizations/{organization_id}/memberships/{user_id}",
        "DeleteOrganizationMembership",
        handler!(delete),
    )
    .answers::<MembershipResource>(),
    Op::bapi(
        "PATCH",
        "/v1/organizations/{organization_id}/memberships/{user_id}/metadata",
        "UpdateOrganizationMembershipMetadata",
        handler!(merge),
    )
    .fields(BOTH)
    .answers::<MembershipResource>(),
    Op::bapi(
        "GET",
        "/v1/organization_memberships",
        "InstanceGetOrganizationMemberships",
        handler!(all),
    )
    .fields(ALL)
    .answers::<Page<MembershipResource>>(),
    Op::bapi(
        "GET",
        "/v1/users/{user_id}/organization_memberships",
        "UsersGetOrganizationMemberships",
        handler!(of_user),
    )
    .fields(WINDOW)
    .answers::<Page<MembershipResource>>(),
];

fn shown(
    cx: &Cx,
    row: &MembershipRow,
    organization: &OrganizationRow,
    user: &UserRow,
) -> MembershipResource {
    MembershipResource::new(cx, row, organization, user, Audience::Server)
}

fn order(form: &Form) -> Result<&'static str> {
    let text = form.text("order_by").unwrap_or("-created_at");
    let order = search::order_of_members(text);
    Ok(order.ok_or_else(|| refuse::form_param_value_invalid("order_by").at("order_by"))?)
}

/// The filters by user; `None` where there are none.
fn users_that_fit(form: &Form) -> Option<Search> {
    let given = |name: &str| {
        let all = form.texts(name).into_iter().filter(|v| !v.is_empty());
        all.collect::<Vec<_>>()
    };
    let owned = |name: &str| form.text(name).map(str::to_owned);
    let digits = |text: &str| {
        text.chars()
            .filter(|c| !" -.()".contains(*c))
            .collect::<String>()
    };
    let named = LIST
        .iter()
        .any(|f| !["order_by", "role", "limit", "offset"].contains(&f.name) && form.sent(f.name));
    named.then(|| Search {
        ids: Picks::read(&given("user_id")),
        email_addresses: given("email_address")
            .iter()
            .map(|a| a.to_ascii_lowercase())
            .collect(),
        phone_numbers: given("phone_number").iter().map(|n| digits(n)).collect(),
        usernames: given("username")
            .iter()
            .map(|n| normal_username(n))
            .collect(),
        wallets: given("web3_wallet")
            .iter()
            .map(|text| Wallet::parse(text).map_or_else(|| (*text).to_owned(), |w| w.normal()))
            .collect(),
        query: owned("query"),
        email_address_query: owned("email_address_query"),
        phone_number_query: form.text("phone_number_query").map(digits),
        username_query: owned("username_query"),
        name_query: owned("name_query"),
        bounds: BOUNDS
            .iter()
            .filter_map(|(name, clause)| form.int(name).map(|at| (*clause, Timestamp(at))))
            .collect(),
        ..Search::default()
    })
}

async fn list(cx: &Cx, call: &Call) -> Result<Reply> {
    let (form, id) = (&call.form, call.param("organization_id"));
    let order = order(form)?;
    let mut tx = cx.read().await?;
    let organization = ops::open(cx, &mut tx, id, By::Server, Need::Membership).await?;
    let filter = Members {
        organization: Some(organization.id.clone()),
        roles: form.texts("role").into_iter().map(str::to_owned).collect(),
        users: users_that_fit(form),
        ..Members::default()
    };
    let found = members::page(&mut tx, &filter, order, Window::read(form)).await?;
    let data = found
        .iter()
        .map(|(row, user)| shown(cx, row, &organization, user))
        .collect();
    let total_count = search::count_members(&mut tx, &filter).await?;
    Reply::json(&Page { data, total_count })
}

/// Memberships of several organizations.
async fn mixed(cx: &Cx, tx: &mut Tx, filter: &Members, form: &Form) -> Result<Reply> {
    let found = members::page(tx, filter, order(form)?, Window::read(form)).await?;
    let mut data = Vec::with_capacity(found.len());
    for (row, user) in &found {
        let organization = store::find(tx, &row.organization_id).await?;
        data.extend(organization.map(|o| shown(cx, row, &o, user)));
    }
    let total_count = search::count_members(tx, filter).await?;
    Reply::json(&Page { data, total_count })
}

async fn all(cx: &Cx, call: &Call) -> Result<Reply> {
    ops::enabled(cx)?;
    let mut tx = cx.read().await?;
    mixed(cx, &mut tx, &Members::default(), &call.form).await
}

async fn of_user(cx: &Cx, call: &Call) -> Result<Reply> {
    ops::enabled(cx)?;
    let found = users::ops::list::one(cx, call.param("user_id")).await?;
    let filter = Members {
        user: Some(found.user.id),
        ..Members::default()
    };
    let mut tx = cx.read().await?;
    mixed(cx, &mut tx, &filter, &call.form).await
}

async fn create(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let role = members::role(form.text("role").unwrap_or_default())?;
    let (id, user) = (
        call.param("organization_id"),
        form.text("user_id").unwrap_or_default(),
    );
    let member = members::add(cx, id, By::Server, user, role, &Metadata::read(form)).await?;
    Reply::json(&MembershipResource::of(cx, &member, Audience::Server))
}

async fn update(cx: &Cx, call: &Call) -> Result<Reply> {
    let role = members::role(call.form.text("role").unwrap_or_default())?;
    let (id, user) = (call.param("organization_id"), call.param("user_id"));
    let member = members::set_role(cx, id, By::Server, user, role).await?;
    Reply::json(&MembershipResource::of(cx, &member, Audience::Server))
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let (id, user) = (call.param("organization_id"), call.param("user_id"));
    let member = members::remove(cx, id, By::Server, user).await?;
    Reply::json(&MembershipResource::of(cx, &member, Audience::Server))
}

async fn merge(cx: &Cx, call: &Call) -> Result<Reply> {
    let (id, user) = (call.param("organization_id"), call.param("user_id"));
    let member = members::set_metadata(cx, id, user, &Metadata::read(&call.form)).await?;
    Reply::json(&MembershipResource::of(cx, &member, Audience::Server))
}
