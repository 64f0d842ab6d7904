//! `/v1/me/profile_image` (contract fapi §3.2, §8.4).
use super::{ops, upload};
use crate::answers::Deleted;
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions;
use crate::users::resource::uploaded_url;
use schemars::JsonSchema;
use serde::Serialize;
use usher_types::Result;

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "POST",
        "/v1/me/profile_image",
        "updateProfileImage",
        Guard::SignedIn,
        handler!(set),
    )
    .uploads()
    .envelopes::<ImageResource>(),
    Op::fapi(
        "DELETE",
        "/v1/me/profile_image",
        "deleteProfileImage",
        Guard::SignedIn,
        handler!(remove),
    )
    .envelopes::<Deleted>(),
];

/// An image.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Image")]
pub struct ImageResource {
    /// `image`.
    pub object: &'static str,
    /// `img_…`.
    pub id: String,
    /// What the file was called.
    pub name: String,
    /// Where it is.
    pub public_url: String,
}

async fn set(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting(cx).await?;
    let file = upload::file(&call.sent)?;
    let id = ops::set(cx, &user.id, file.content).await?;
    let image = ImageResource {
        object: "image",
        public_url: uploaded_url(&cx.instance, &id),
        id,
        name: file.name,
    };
    envelope(cx, image).await
}

async fn remove(cx: &Cx, _: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting(cx).await?;
    let id = ops::remove(cx, &user.id).await?;
    envelope(cx, Deleted::new("image", id)).await
}
