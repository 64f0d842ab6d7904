//! `POST /v1/client/sessions/{id}/tokens/{template}` (contract fapi §6.5).
use super::ops;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions;
use crate::sessions::resource::TokenResource;
use usher_types::Result;
use usher_types::error::codes as refuse;

/// Operations.
pub const OPS: &[Op] = &[Op::fapi(
    "POST",
    "/v1/client/sessions/{session_id}/tokens/{template_name}",
    "createSessionTokenWithTemplate",
    Guard::SignedIn,
    handler!(token),
)
.answers::<TokenResource>()];

async fn token(cx: &Cx, call: &Call) -> Result<Reply> {
    let session = sessions::ops::own(cx, call.param("session_id")).await?;
    // Other services cannot tell a pending session from an active one: their tokens do not say.
    if !session.is_active(cx.now, &cx.instance.settings) {
        return Err(refuse::authorization_invalid().into());
    }
    let name = call.param("template_name");
    let jwt = ops::mint(cx, &session, name, &cx.request.azp, None).await?;
    sessions::ops::note_activity(cx, &session).await?;
    Reply::json(&TokenResource::new(jwt))
}
