//! How an instance stands in matters that can't be changed yet: features that are off. Reads only; what
//! would change them answers 501.
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use serde_json::{Value, json};
use usher_types::Result;

/// What is served.
pub const OPS: &[Op] = &[Op::bapi(
    "GET",
    "/v1/instance/protect",
    "GetInstanceProtect",
    handler!(protect),
)
.answers::<Value>()];

async fn protect(_: &Cx, _: &Call) -> Result<Reply> {
    Reply::json(
        &json!({ "object": "instance_protect", "rules_enabled": false, "specter_enabled": false, "checks_bypassed": false }),
    )
}
