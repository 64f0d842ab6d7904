//! Usage, for the operator's servers. The reference has no such operation (contract/deviations.md).
use super::{month, ops};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, text};
use usher_types::Result;
use usher_types::error::codes as refuse;

const FIELDS: &[Field] = &[text("month", 7)
    .query()
    .about("Only this month, as `2026-11` (UTC).")];

/// What is served.
pub const OPS: &[Op] = &[Op::bapi("GET", "/v1/usage", "GetUsage", handler!(show))
    .fields(FIELDS)
    .answers::<Usage>()];

/// Who was active, month by month.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Usage")]
pub struct Usage {
    /// `usage`.
    pub object: &'static str,
    /// Newest first; months without activity are not listed.
    pub data: Vec<UsageMonth>,
}

/// One month.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "UsageMonth")]
pub struct UsageMonth {
    /// `2026-11`, in UTC.
    pub month: String,
    /// Users with activity in a session, each counted once; deleted ones too, impersonated ones not.
    pub monthly_active_users: i64,
    /// Organizations of two members or more with activity of one of them, each counted once; deleted ones too.
    pub monthly_active_organizations: i64,
}

async fn show(cx: &Cx, call: &Call) -> Result<Reply> {
    let only = match call.form.text("month") {
        Some(text) => Some(
            month::parse(text)
                .ok_or_else(|| refuse::form_param_format_invalid("month").at("month"))?,
        ),
        None => None,
    };
    let months = ops::months(&mut cx.read().await?, only.as_deref()).await?;
    Reply::json(&Usage {
        object: "usage",
        data: months
            .into_iter()
            .map(|m| UsageMonth {
                month: m.month,
                monthly_active_users: m.users,
                monthly_active_organizations: m.organizations,
            })
            .collect(),
    })
}
