//! Users, for the operator's servers (contract bapi §2.1, §3).
mod fields;
mod read;

use super::ops::list::{self, Found};
use super::ops::metadata::How;
use super::ops::moderate::{Decision, Sessions, decide};
use super::ops::{metadata, remove, update};
use super::resource::{Audience, UserResource};
use crate::cx::Cx;
use crate::handler;
use crate::identifiers;
use crate::identifiers::claims::Standing;
use crate::identifiers::email::EmailAddress;
use crate::identifiers::ops::Tell;
use crate::identifiers::resource::EmailResource;
use crate::route::{Call, Op, Reply};
use crate::social::resource::of_user;
use schemars::JsonSchema;
use serde::Serialize;
use usher_types::Result;
use usher_types::error::codes as refuse;

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi("GET", "/v1/users", "GetUserList", handler!(get_list))
        .fields(fields::LIST)
        .answers::<Vec<UserResource>>(),
    Op::bapi(
        "GET",
        "/v1/users/count",
        "GetUsersCount",
        handler!(get_count),
    )
    .fields(fields::COUNT)
    .answers::<TotalCount>(),
    Op::bapi("POST", "/v1/users", "CreateUser", handler!(post))
        .fields(fields::CREATE)
        .answers::<UserResource>(),
    Op::bapi("GET", "/v1/users/{user_id}", "GetUser", handler!(get)).answers::<UserResource>(),
    Op::bapi(
        "PATCH",
        "/v1/users/{user_id}",
        "UpdateUser",
        handler!(patch),
    )
    .fields(fields::UPDATE)
    .answers::<UserResource>(),
    Op::bapi(
        "DELETE",
        "/v1/users/{user_id}",
        "DeleteUser",
        handler!(delete),
    )
    .answers::<DeletedUser>(),
    Op::bapi(
        "PATCH",
        "/v1/users/{user_id}/metadata",
        "UpdateUserMetadata",
        handler!(patch_metadata),
    )
    .fields(fields::METADATA)
    .answers::<UserResource>(),
    Op::bapi(
        "PUT",
        "/v1/users/{user_id}/metadata",
        "ReplaceUserMetadata",
        handler!(put_metadata),
    )
    .fields(fields::METADATA)
    .answers::<UserResource>(),
    Op::bapi("POST", "/v1/users/ban", "UsersBan", handler!(ban_many))
        .fields(fields::BULK)
        .answers::<Vec<UserResource>>(),
    Op::bapi(
        "POST",
        "/v1/users/unban",
        "UsersUnban",
        handler!(unban_many),
    )
    .fields(fields::BULK)
    .answers::<Vec<UserResource>>(),
    Op::bapi("POST", "/v1/users/{user_id}/ban", "BanUser", handler!(ban)).answers::<UserResource>(),
    Op::bapi(
        "POST",
        "/v1/users/{user_id}/unban",
        "UnbanUser",
        handler!(unban),
    )
    .answers::<UserResource>(),
    Op::bapi(
        "POST",
        "/v1/users/{user_id}/lock",
        "LockUser",
        handler!(lock),
    )
    .answers::<UserResource>(),
    Op::bapi(
        "POST",
        "/v1/users/{user_id}/unlock",
        "UnlockUser",
        handler!(unlock),
    )
    .answers::<UserResource>(),
    Op::bapi(
        "POST",
        "/v1/users/{user_id}/verify_password",
        "VerifyPassword",
        handler!(verify_password),
    )
    .fields(fields::VERIFY_PASSWORD)
    .answers::<PasswordVerified>(),
    Op::bapi(
        "POST",
        "/v1/users/{user_id}/remove_password",
        "RemoveUserPassword",
        handler!(remove_password),
    )
    .fields(fields::REMOVE_PASSWORD)
    .answers::<UserResource>(),
    Op::bapi(
        "POST",
        "/v1/users/{user_id}/password/set_compromised",
        "SetUserPasswordCompromised",
        handler!(distrust_password),
    )
    .fields(fields::DISTRUST_PASSWORD)
    .answers::<UserResource>(),
    Op::bapi(
        "POST",
        "/v1/users/{user_id}/password/unset_compromised",
        "UnsetUserPasswordCompromised",
        handler!(trust_password),
    )
    .answers::<UserResource>(),
    Op::bapi(
        "PUT",
        "/v1/users/{user_id}/email_address",
        "ReplaceUserEmailAddress",
        handler!(put_email_address),
    )
    .fields(fields::REPLACE_EMAIL)
    .answers::<EmailResource>(),
];

/// How many there are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "TotalCount")]
pub struct TotalCount {
    /// `total_count`.
    pub object: &'static str,
    /// How many.
    pub total_count: i64,
}

/// A user that is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletedUser")]
pub struct DeletedUser {
    /// `user`.
    pub object: &'static str,
    /// `user_…`.
    pub id: String,
    /// True.
    pub deleted: bool,
    /// The operator's own id, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// The password is the user's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "PasswordVerified")]
pub struct PasswordVerified {
    /// True; a wrong password is a refusal.
    pub verified: bool,
}

fn shown(cx: &Cx, found: &Found) -> UserResource {
    UserResource::new(found, &cx.instance, cx.now, Audience::Server).with_accounts(of_user(
        cx,
        &found.accounts,
        &found.user.id,
    ))
}

fn all_shown(cx: &Cx, found: &[Found]) -> Vec<UserResource> {
    found.iter().map(|f| shown(cx, f)).collect()
}

async fn get_list(cx: &Cx, call: &Call) -> Result<Reply> {
    let search = read::search(cx, &call.form)?;
    let page = read::page(cx, &call.form).await?;
    Reply::json(&all_shown(cx, &list::page(cx, &search, &page).await?))
}

async fn get_count(cx: &Cx, call: &Call) -> Result<Reply> {
    let total_count = list::count(cx, &read::search(cx, &call.form)?).await?;
    Reply::json(&TotalCount {
        object: "total_count",
        total_count,
    })
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    Reply::json(&shown(cx, &list::one(cx, call.param("user_id")).await?))
}

async fn post(cx: &Cx, call: &Call) -> Result<Reply> {
    let new = read::new_user(cx, &call.form)?;
    let password = read::new_password(&call.form)?;
    let second_factors = read::second_factors(cx, &call.form)?;
    let found = update::admit(cx, new, password, second_factors).await?;
    Reply::json(&shown(cx, &found))
}

async fn patch(cx: &Cx, call: &Call) -> Result<Reply> {
    let change = read::change(cx, &call.form)?;
    Reply::json(&shown(
        cx,
        &update::update(cx, call.param("user_id"), &change).await?,
    ))
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let user = remove::remove(cx, call.param("user_id")).await?;
    Reply::json(&DeletedUser {
        object: "user",
        id: user.id.into(),
        deleted: true,
        external_id: user.external_id,
    })
}

async fn patch_metadata(cx: &Cx, call: &Call) -> Result<Reply> {
    change_metadata(cx, call, How::Merge).await
}

async fn put_metadata(cx: &Cx, call: &Call) -> Result<Reply> {
    change_metadata(cx, call, How::Replace).await
}

async fn change_metadata(cx: &Cx, call: &Call, how: How) -> Result<Reply> {
    let new = read::metadata(&call.form);
    Reply::json(&shown(
        cx,
        &metadata::update(cx, call.param("user_id"), &new, how).await?,
    ))
}

async fn ban(cx: &Cx, call: &Call) -> Result<Reply> {
    decide_one(cx, call, Decision::Ban).await
}

async fn unban(cx: &Cx, call: &Call) -> Result<Reply> {
    decide_one(cx, call, Decision::Unban).await
}

async fn lock(cx: &Cx, call: &Call) -> Result<Reply> {
    decide_one(cx, call, Decision::Lock).await
}

async fn unlock(cx: &Cx, call: &Call) -> Result<Reply> {
    decide_one(cx, call, Decision::Unlock).await
}

async fn distrust_password(cx: &Cx, call: &Call) -> Result<Reply> {
    decide_one(
        cx,
        call,
        Decision::DistrustPassword(sessions(call, "revoke_all_sessions")),
    )
    .await
}

async fn trust_password(cx: &Cx, call: &Call) -> Result<Reply> {
    decide_one(cx, call, Decision::TrustPassword).await
}

async fn decide_one(cx: &Cx, call: &Call, decision: Decision) -> Result<Reply> {
    let id = list::parse_id(call.param("user_id"))?;
    let found = decide(cx, &[id], decision).await?;
    let found = found
        .first()
        .ok_or_else(|| refuse::resource_not_found("user"))?;
    Reply::json(&shown(cx, found))
}

async fn ban_many(cx: &Cx, call: &Call) -> Result<Reply> {
    decide_many(cx, call, Decision::Ban).await
}

async fn unban_many(cx: &Cx, call: &Call) -> Result<Reply> {
    decide_many(cx, call, Decision::Unban).await
}

async fn decide_many(cx: &Cx, call: &Call, decision: Decision) -> Result<Reply> {
    let ids = call.form.texts("user_ids");
    if ids.is_empty() {
        return Err(refuse::form_param_nil("user ids").at("user_ids").into());
    }
    if ids.len() > fields::BULK_LIMIT {
        return Err(refuse::bulk_size_exceeded(&fields::BULK_LIMIT.to_string())
            .at("user_ids")
            .into());
    }
    let ids = ids
        .into_iter()
        .map(list::parse_id)
        .collect::<Result<Vec<_>>>()?;
    Reply::json(&all_shown(cx, &decide(cx, &ids, decision).await?))
}

async fn verify_password(cx: &Cx, call: &Call) -> Result<Reply> {
    update::verify_password(
        cx,
        call.param("user_id"),
        call.form.text("password").unwrap_or_default(),
    )
    .await?;
    Reply::json(&PasswordVerified { verified: true })
}

async fn remove_password(cx: &Cx, call: &Call) -> Result<Reply> {
    let sessions = sessions(call, "sign_out_of_other_sessions");
    Reply::json(&shown(
        cx,
        &remove::remove_password(cx, call.param("user_id"), sessions).await?,
    ))
}

fn sessions(call: &Call, flag: &str) -> Sessions {
    if call.form.flag(flag) == Some(true) {
        Sessions::End
    } else {
        Sessions::Keep
    }
}

async fn put_email_address(cx: &Cx, call: &Call) -> Result<Reply> {
    let param = "email_address";
    let address = call
        .form
        .text(param)
        .and_then(EmailAddress::parse)
        .ok_or_else(|| refuse::form_param_format_invalid("email address").at(param))?;
    let standing = Standing::read(call.form.text("identification_status"));
    let user = list::parse_id(call.param("user_id"))?;
    let row =
        identifiers::ops::replace(cx, &user, &address, standing, Tell::read(&call.form)).await?;
    Reply::json(&EmailResource::new(&row))
}
