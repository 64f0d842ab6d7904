//! `/v1/beta_features/instance_settings`: an older way to a few settings (contract bapi §2.12).
use super::ops;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, flag, text};
use usher_types::Result;
use usher_types::error::codes as refuse;

const SETTINGS: &[Field] = &[
    flag("restricted_to_allowlist").about("Who is on the allow-list may sign up, and nobody else."),
    text("from_email_address", 64).about("Only null: templates name who sends each kind of mail."),
    flag("progressive_sign_up").about("Only true: a sign-up asks for what is missing."),
    flag("test_mode")
        .about("Test identities take the code 424242. Without effect on production instances."),
];

/// What is served.
pub const OPS: &[Op] = &[Op::bapi(
    "PATCH",
    "/v1/beta_features/instance_settings",
    "UpdateInstanceAuthConfig",
    handler!(patch),
)
.fields(SETTINGS)
.answers::<InstanceSettings>()];

/// The settings that are shown here.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "InstanceSettings")]
pub struct InstanceSettings {
    /// `instance_settings`.
    pub object: &'static str,
    /// `ins_…`.
    pub id: String,
    /// Who is on the allow-list may sign up, and nobody else.
    pub restricted_to_allowlist: bool,
    /// Before the `@` of the sender, where no template names another.
    pub from_email_address: String,
    /// True.
    pub progressive_sign_up: bool,
    /// False: mail goes out by the operator's own server.
    pub enhanced_email_deliverability: bool,
}

async fn patch(cx: &Cx, call: &Call) -> Result<Reply> {
    let invalid = |param: &str| refuse::form_param_value_invalid(param).at(param);
    if call.form.text("from_email_address").is_some() {
        return Err(invalid("from_email_address").into());
    }
    if call.form.flag("progressive_sign_up") == Some(false) {
        return Err(invalid("progressive_sign_up").into());
    }
    let allowlist = call.form.flag("restricted_to_allowlist");
    let test_mode = call.form.flag("test_mode");
    if allowlist.is_some() || test_mode.is_some() {
        ops::change_settings(cx, |settings| {
            settings.test_mode = test_mode.unwrap_or(settings.test_mode);
            settings.restrictions.allowlist = allowlist.unwrap_or(settings.restrictions.allowlist);
        })
        .await?;
    }
    let from = &cx.app.options.mail_from;
    let address = from.split_once('<').map_or(from.as_str(), |p| p.1);
    let local = address.split_once('@').map_or("", |p| p.0);
    let before = cx.instance.settings.restrictions.allowlist;
    Reply::json(&InstanceSettings {
        object: "instance_settings",
        id: cx.instance.row.id.as_str().to_owned(),
        restricted_to_allowlist: allowlist.unwrap_or(before),
        from_email_address: local.to_owned(),
        progressive_sign_up: true,
        enhanced_email_deliverability: false,
    })
}
