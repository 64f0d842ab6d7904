//! The instance and its public keys, for the operator's servers (contract bapi §1.12, §2.12).
use super::ops;
use super::settings::Settings;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::email::EmailAddress;
use crate::route::{Call, JSON, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use usher_http::form::{Field, Form, flag, text, texts, word};
use usher_http::origin::Url;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

/// Versions of clerk-js that are served: its present major version alone.
const CLERK_JS_VERSIONS: &[&str] = &["6"];

const UPDATE: &[Field] = &[
    flag("test_mode").about("Test identities take the code 424242. Without effect on production instances."),
    flag("hibp").about("Refuse passwords that are known from breaches."),
    text("support_email", 320).about("Null or empty clears it."),
    text("clerk_js_version", 64).about("Only the version that is served anyway; null and empty mean it too."),
    text("development_origin", 2048).about("Only an origin that is allowed already, as loopback origins are in development; add others to allowed_origins."),
    texts("allowed_origins", 100, 2048).about("Replaces the whole list; null and an empty list clear it."),
    flag("cookieless_dev").about("Only false: development instances use cookies as production ones do."),
    flag("url_based_session_syncing").about("Only false: development instances use cookies as production ones do."),
    word("preferred_sign_in_strategy_when_password_required", &["password", "otp"]).about("Null and empty mean `password`."),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi("GET", "/v1/jwks", "GetJWKS", handler!(get_jwks)).answers::<Jwks>(),
    Op::bapi("GET", "/v1/instance", "GetInstance", handler!(get)).answers::<InstanceResource>(),
    // The one body in which unknown fields are dropped (contract bapi §1.7).
    Op::bapi("PATCH", "/v1/instance", "UpdateInstance", handler!(patch))
        .fields(UPDATE)
        .lenient(),
];

/// Public keys, as RFC 7517 §5 writes them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Jwks")]
pub struct Jwks {
    /// The key that signs now first, then one that will, then those that have signed.
    pub keys: Vec<Value>,
}

/// An instance.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Instance")]
pub struct InstanceResource {
    /// `instance`.
    pub object: &'static str,
    /// `ins_…`.
    pub id: String,
    /// `development` or `production`.
    pub environment_type: String,
    /// Origins beyond the instance's own domain.
    pub allowed_origins: Vec<String>,
    /// There are no workspaces here.
    pub workspace_id: Option<String>,
}

async fn get_jwks(cx: &Cx, _call: &Call) -> Result<Reply> {
    let document = cx.instance.keys.jwks(cx.now);
    Ok(Reply::bytes(200, JSON, document.body.clone()))
}

async fn get(cx: &Cx, _call: &Call) -> Result<Reply> {
    Reply::json(&InstanceResource {
        object: "instance",
        id: cx.instance.row.id.as_str().to_owned(),
        environment_type: cx.instance.row.environment_type.clone(),
        allowed_origins: cx.instance.settings.allowed_origins.clone(),
        workspace_id: None,
    })
}

async fn patch(cx: &Cx, call: &Call) -> Result<Reply> {
    let change = read(cx, &call.form)?;
    ops::change_settings(cx, |settings| change.apply(settings)).await?;
    Ok(Reply::empty(204))
}

/// What a request changes; `None` is unchanged.
struct Change {
    test_mode: Option<bool>,
    hibp: Option<bool>,
    support_email: Option<String>,
    allowed_origins: Option<Vec<String>>,
    preferred_sign_in_strategy: Option<String>,
}

impl Change {
    fn apply(&self, settings: &mut Settings) {
        settings.test_mode = self.test_mode.unwrap_or(settings.test_mode);
        settings.hibp = self.hibp.unwrap_or(settings.hibp);
        settings.support_email = self
            .support_email
            .clone()
            .unwrap_or_else(|| settings.support_email.clone());
        settings.allowed_origins = self
            .allowed_origins
            .clone()
            .unwrap_or_else(|| settings.allowed_origins.clone());
        settings.preferred_sign_in_strategy = self
            .preferred_sign_in_strategy
            .clone()
            .unwrap_or_else(|| settings.preferred_sign_in_strategy.clone());
    }
}

/// Reads a change. What is asked for and cannot be had is refused by name.
fn read(cx: &Cx, form: &Form) -> Result<Change, ApiError> {
    let invalid = |param: &str| refuse::form_param_value_invalid(param).at(param);
    for param in ["cookieless_dev", "url_based_session_syncing"] {
        if form.flag(param) == Some(true) {
            return Err(invalid(param));
        }
    }
    if form
        .text("clerk_js_version")
        .is_some_and(|v| !CLERK_JS_VERSIONS.contains(&v))
    {
        return Err(invalid("clerk_js_version"));
    }
    if form
        .text("development_origin")
        .is_some_and(|o| !cx.instance.allows_origin(o))
    {
        return Err(refuse::form_invalid_origin("development_origin").at("development_origin"));
    }
    let address = match form.text("support_email") {
        Some(text) => EmailAddress::parse(text)
            .ok_or_else(|| refuse::form_param_format_invalid("support email").at("support_email"))?
            .as_str()
            .to_owned(),
        None => String::new(),
    };
    let preferred = "preferred_sign_in_strategy_when_password_required";
    Ok(Change {
        test_mode: form.flag("test_mode"),
        hibp: form.flag("hibp"),
        support_email: form.sent("support_email").then_some(address),
        allowed_origins: form
            .sent("allowed_origins")
            .then(|| origins(form))
            .transpose()?,
        preferred_sign_in_strategy: form
            .sent(preferred)
            .then(|| form.text(preferred).unwrap_or("password").to_owned()),
    })
}

/// Origins in their canonical form, each once.
fn origins(form: &Form) -> Result<Vec<String>, ApiError> {
    let param = "allowed_origins";
    let mut origins = Vec::new();
    for text in form.texts(param).into_iter().filter(|t| !t.is_empty()) {
        let url = Url::parse(text).filter(|u| matches!(u.rest.as_str(), "" | "/"));
        let origin = url
            .ok_or_else(|| refuse::form_invalid_origin(param).at(param))?
            .origin();
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(origins)
}
