//! Which countries get no text messages, for the operator's servers (contract bapi §2.12).
use super::ops;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::phones::number::is_country;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, texts};
use usher_types::Result;
use usher_types::error::codes as refuse;

/// More are taken than are allowed, so that the refusal names what is wrong.
const UPDATE: &[Field] = &[texts("blocked_country_codes", 250, 16).about(
    "The whole list, as ISO 3166-1 alpha-2 codes; an empty one blocks no country. Codes of no country are dropped.",
)];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/instance/communication",
        "GetInstanceCommunication",
        handler!(get),
    )
    .answers::<InstanceCommunication>(),
    Op::bapi(
        "PATCH",
        "/v1/instance/communication",
        "UpdateInstanceCommunication",
        handler!(patch),
    )
    .fields(UPDATE)
    .answers::<InstanceCommunication>(),
];

/// What the operator says of text messages.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "InstanceCommunication")]
pub struct InstanceCommunication {
    /// `instance_communication`.
    pub object: &'static str,
    /// ISO 3166-1 alpha-2.
    pub blocked_country_codes: Vec<String>,
}

impl InstanceCommunication {
    fn new(blocked_country_codes: Vec<String>) -> Self {
        Self {
            object: "instance_communication",
            blocked_country_codes,
        }
    }
}

async fn get(cx: &Cx, _: &Call) -> Result<Reply> {
    let blocked = cx.instance.settings.sms.blocked_country_codes.clone();
    Reply::json(&InstanceCommunication::new(blocked))
}

async fn patch(cx: &Cx, call: &Call) -> Result<Reply> {
    let param = "blocked_country_codes";
    if !call.form.sent(param) {
        return get(cx, call).await;
    }
    let given = call.form.texts(param);
    let mut blocked: Vec<String> = Vec::with_capacity(given.len());
    for code in given.into_iter().filter(|code| !code.is_empty()) {
        if code.len() != 2 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(refuse::form_param_format_invalid("country code")
                .at(param)
                .into());
        }
        if blocked.iter().any(|known| known == code) {
            return Err(refuse::form_param_duplicate(param).at(param).into());
        }
        blocked.push(code.to_owned());
    }
    blocked.retain(|code| is_country(code));
    ops::change_settings(cx, |settings| {
        settings.sms.blocked_country_codes.clone_from(&blocked);
    })
    .await?;
    Reply::json(&InstanceCommunication::new(blocked))
}
