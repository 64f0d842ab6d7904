//! `GET /v1/agents/tasks`: where the link of a task leads (contract fapi §9.3).
use super::ops;
use crate::clients::handshake;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, Op, Reply};
use usher_http::form::{Field, secret};
use usher_types::Result;

const TICKET: &[Field] = &[secret("ticket", 256).query().required()];

/// Operations.
pub const OPS: &[Op] = &[Op::fapi(
    "GET",
    "/v1/agents/tasks",
    "createAgentTask",
    Guard::Browser,
    handler!(accept),
)
.fields(TICKET)
.navigated()
.once()];

/// The one GET that makes a session: its ticket is single-use, signed, and made by the operator's server alone.
async fn accept(cx: &Cx, call: &Call) -> Result<Reply> {
    let task = ops::find(cx, call.form.text("ticket").unwrap_or_default()).await?;
    // The settings may have changed since the task was made.
    let target = handshake::page_target(cx, &task.redirect_url)?;
    let held = ops::accept(cx, &task).await?;
    handshake::send_back(cx, Some(&held.row), held.token.as_ref(), &target, true).await
}
