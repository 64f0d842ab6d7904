//! Profile images, for the operator's servers (contract bapi §2.1).
use super::{ops, upload};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use crate::users;
use crate::users::resource::{Audience, UserResource};
use usher_types::Result;

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "POST",
        "/v1/users/{user_id}/profile_image",
        "SetUserProfileImage",
        handler!(set),
    )
    .uploads()
    .answers::<UserResource>(),
    Op::bapi(
        "DELETE",
        "/v1/users/{user_id}/profile_image",
        "DeleteUserProfileImage",
        handler!(remove),
    )
    .answers::<UserResource>(),
];

async fn shown(cx: &Cx, id: &str) -> Result<Reply> {
    let found = users::ops::list::one(cx, id).await?;
    Reply::json(&UserResource::new(
        &found,
        &cx.instance,
        cx.now,
        Audience::Server,
    ))
}

async fn set(cx: &Cx, call: &Call) -> Result<Reply> {
    // Before anything slow is done for nobody.
    let found = users::ops::list::one(cx, call.param("user_id")).await?;
    let file = upload::file(&call.sent)?;
    ops::set(cx, &found.user.id, file.content).await?;
    shown(cx, call.param("user_id")).await
}

async fn remove(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = users::ops::list::parse_id(call.param("user_id"))?;
    ops::remove(cx, &id).await?;
    shown(cx, call.param("user_id")).await
}
