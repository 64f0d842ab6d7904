//! `/v1/waitlist` (contract fapi §8.10).
use super::ops;
use super::resource::JoinedWaitlist;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::email::EmailAddress;
use crate::route::{Call, Guard, Op, Reply};
use usher_http::form::{Field, text};
use usher_types::Result;
use usher_types::error::codes as refuse;

const JOIN: &[Field] = &[text("email_address", 320).required()];

/// Operations.
pub const OPS: &[Op] = &[Op::fapi(
    "POST",
    "/v1/waitlist",
    "joinWaitlist",
    Guard::Browser,
    handler!(join),
)
.fields(JOIN)
.answers::<JoinedWaitlist>()];

async fn join(cx: &Cx, call: &Call) -> Result<Reply> {
    let address = EmailAddress::parse(call.form.text("email_address").unwrap_or_default());
    let address = address
        .ok_or_else(|| refuse::form_param_format_invalid("email address").at("email_address"))?;
    let row = ops::join(cx, &address).await?;
    let joined = JoinedWaitlist {
        object: "waitlist_entry",
        id: row.id,
    };
    Reply::json(&joined)
}
