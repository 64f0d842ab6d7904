//! Trusted devices, for the operator's servers (contract bapi §2.1).
use super::resource::DeviceResource;
use super::{ops, store};
use crate::answers::Page;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use crate::users::ops::list;
use usher_types::Result;

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/users/{user_id}/trusted_devices",
        "ListUserTrustedDevices",
        handler!(all),
    )
    .answers::<Page<DeviceResource>>(),
    Op::bapi(
        "DELETE",
        "/v1/users/{user_id}/trusted_devices/{trusted_device_id}",
        "RevokeUserTrustedDevice",
        handler!(revoke),
    )
    .answers::<DeviceResource>(),
];

async fn all(cx: &Cx, call: &Call) -> Result<Reply> {
    let found = list::one(cx, call.param("user_id")).await?;
    let rows = store::active(&mut cx.read().await?, &found.user.id).await?;
    let data: Vec<DeviceResource> = rows.iter().map(DeviceResource::new).collect();
    let total_count = i64::try_from(data.len()).unwrap_or(i64::MAX);
    Reply::json(&Page { data, total_count })
}

async fn revoke(cx: &Cx, call: &Call) -> Result<Reply> {
    let found = list::one(cx, call.param("user_id")).await?;
    let row = ops::revoke(cx, &found.user.id, call.param("trusted_device_id")).await?;
    Reply::json(&DeviceResource::new(&row))
}
