//! Roles and permissions, for the operator's servers: reads only (contract bapi §2.9).
use crate::answers::{LIMIT, OFFSET, Page, Window};
use crate::cx::Cx;
use crate::handler;
use crate::organizations::ops;
use crate::organizations::resource::{PermissionResource, RoleResource};
use crate::organizations::roles::{Permission, Role};
use crate::route::{Call, Op, Reply};
use usher_http::form::{Field, Form, text};
use usher_types::Result;
use usher_types::error::codes as refuse;

const LIST: &[Field] = &[
    text("query", 256)
        .query()
        .about("A whole id, or part of a name or key."),
    text("order_by", 40)
        .query()
        .about("created_at, name or key, with + or - before it."),
    LIMIT,
    OFFSET,
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/organization_roles",
        "ListOrganizationRoles",
        handler!(roles),
    )
    .fields(LIST)
    .answers::<Page<RoleResource>>(),
    Op::bapi(
        "GET",
        "/v1/organization_roles/{organization_role_id}",
        "GetOrganizationRole",
        handler!(role),
    )
    .answers::<RoleResource>(),
    Op::bapi(
        "GET",
        "/v1/organization_permissions",
        "ListOrganizationPermissions",
        handler!(permissions),
    )
    .fields(LIST)
    .answers::<Page<PermissionResource>>(),
    Op::bapi(
        "GET",
        "/v1/organization_permissions/{permission_id}",
        "GetOrganizationPermission",
        handler!(permission),
    )
    .answers::<PermissionResource>(),
];

/// The part of a fixed list that is asked for. `texts` gives id, name and key of an entry.
fn part<T: Copy>(form: &Form, all: &[T], texts: impl Fn(T) -> [String; 3]) -> Result<Page<T>> {
    let query = form.text("query").map(str::to_lowercase);
    let fits = |entry: &T| {
        query.as_deref().is_none_or(|query| {
            let [id, name, key] = texts(*entry);
            id.to_lowercase() == query
                || [name, key].iter().any(|t| t.to_lowercase().contains(query))
        })
    };
    let mut found: Vec<T> = all.iter().copied().filter(fits).collect();
    let order = form.text("order_by").unwrap_or("created_at");
    let (field, descending) = match order.strip_prefix('-') {
        Some(field) => (field, true),
        None => (order.strip_prefix('+').unwrap_or(order), false),
    };
    match field {
        // All of them are as old as the instance.
        "created_at" => {}
        "name" => found.sort_by_key(|entry| texts(*entry)[1].clone()),
        "key" => found.sort_by_key(|entry| texts(*entry)[2].clone()),
        _ => {
            return Err(refuse::form_param_value_invalid("order_by")
                .at("order_by")
                .into());
        }
    }
    if descending {
        found.reverse();
    }
    Ok(Window::read(form).page(found))
}

async fn roles(cx: &Cx, call: &Call) -> Result<Reply> {
    ops::enabled(cx)?;
    let texts = |r: Role| [r.id(), r.name().to_owned(), r.key().to_owned()];
    let found = part(&call.form, Role::ALL, texts)?;
    let data = found.data.into_iter().map(|r| RoleResource::new(cx, r));
    Reply::json(&Page {
        data: data.collect(),
        total_count: found.total_count,
    })
}

async fn role(cx: &Cx, call: &Call) -> Result<Reply> {
    ops::enabled(cx)?;
    let id = call.param("organization_role_id");
    let role = Role::ALL.iter().find(|role| role.id() == id);
    let role = role.ok_or_else(|| refuse::resource_not_found("organization role"))?;
    Reply::json(&RoleResource::new(cx, *role))
}

async fn permissions(cx: &Cx, call: &Call) -> Result<Reply> {
    ops::enabled(cx)?;
    let texts = |p: Permission| [p.id(), p.name().to_owned(), p.key().to_owned()];
    let found = part(&call.form, Permission::ALL, texts)?;
    let data = found
        .data
        .into_iter()
        .map(|p| PermissionResource::new(cx, p));
    Reply::json(&Page {
        data: data.collect(),
        total_count: found.total_count,
    })
}

async fn permission(cx: &Cx, call: &Call) -> Result<Reply> {
    ops::enabled(cx)?;
    let id = call.param("permission_id");
    let found = Permission::ALL.iter().find(|p| p.id() == id);
    let found = found.ok_or_else(|| refuse::resource_not_found("organization permission"))?;
    Reply::json(&PermissionResource::new(cx, *found))
}
