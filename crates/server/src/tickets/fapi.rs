//! `/v1/tickets/accept`: where the links of tickets lead (contract fapi §8.6).
use super::ops;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, Op, Reply};
use usher_http::form::{Field, secret};
use usher_types::Result;

const ACCEPT: &[Field] = &[secret("ticket", 256).query().required()];

/// Operations.
pub const OPS: &[Op] = &[Op::fapi(
    "GET",
    "/v1/tickets/accept",
    "acceptTicket",
    Guard::Browser,
    handler!(accept),
)
.fields(ACCEPT)
.navigated()];

async fn accept(cx: &Cx, call: &Call) -> Result<Reply> {
    let ticket = call.form.text("ticket").unwrap_or_default();
    Ok(Reply::redirect(303, &ops::destination(cx, ticket).await?))
}
