//! `POST /v1/client/verify` (contract fapi §3.5, §8.12).
use super::ops;
use crate::clients::fapi::envelope;
use crate::clients::resource::{self, ClientResource};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, Op, Reply};
use usher_http::form::{Field, text, word};
use usher_types::Result;

const VERIFY: &[Field] = &[
    text("captcha_token", 4096),
    text("captcha_widget_type", 32),
    text("captcha_error", 256),
    word("captcha_action", &["verify", "heartbeat"]),
];

/// Operations.
pub const OPS: &[Op] = &[Op::fapi(
    "POST",
    "/v1/client/verify",
    "verifyClient",
    Guard::Browser,
    handler!(verify),
)
.fields(VERIFY)
.envelopes::<Option<ClientResource>>()];

async fn verify(cx: &Cx, call: &Call) -> Result<Reply> {
    ops::verify(cx, &call.form).await?;
    let client = resource::unchanged(cx).await?;
    envelope(cx, client).await
}
