//! `/v1/jwt_templates`, and tokens from them, for the operator's servers (contract bapi §2.3, §2.4).
use super::model::{CLAIMS_BYTES, TemplateRow};
use super::ops::{self, Wanted};
use super::store;
use crate::answers::{self, Deleted, List, Window};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use crate::sessions::resource::TokenResource;
use crate::{sessions, users};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use usher_http::form::{Field, flag, int, object, secret, text};
use usher_types::error::codes as refuse;
use usher_types::id::SessionId;
use usher_types::{Fault, Result};

const TEMPLATE: &[Field] = &[
    text("name", 64)
        .required()
        .about("Letters, digits, dash and underscore."),
    object("claims", CLAIMS_BYTES)
        .required()
        .about("Claims with shortcodes such as `{{user.id}}`."),
    int("lifetime", 30, 315_360_000).about("Seconds; 60 when left out."),
    int("allowed_clock_skew", 0, 300).about("Seconds; 5 when left out."),
    flag("custom_signing_key").about("Sign with a key of your own."),
    text("signing_algorithm", 16)
        .about("HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384 or ES512."),
    secret("signing_key", 16_384).about("The secret, or a private key as PEM. It is never shown."),
];
const TOKEN: &[Field] =
    &[int("expires_in_seconds", 30, 315_360_000).about("The template's lifetime when left out.")];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/jwt_templates",
        "ListJWTTemplates",
        handler!(get_list),
    )
    .fields(answers::WINDOW)
    .answers::<List<JwtTemplate>>(),
    Op::bapi(
        "POST",
        "/v1/jwt_templates",
        "CreateJWTTemplate",
        handler!(post),
    )
    .fields(TEMPLATE)
    .answers::<JwtTemplate>(),
    Op::bapi(
        "GET",
        "/v1/jwt_templates/{template_id}",
        "GetJWTTemplate",
        handler!(get),
    )
    .answers::<JwtTemplate>(),
    Op::bapi(
        "PATCH",
        "/v1/jwt_templates/{template_id}",
        "UpdateJWTTemplate",
        handler!(patch),
    )
    .fields(TEMPLATE)
    .answers::<JwtTemplate>(),
    Op::bapi(
        "DELETE",
        "/v1/jwt_templates/{template_id}",
        "DeleteJWTTemplate",
        handler!(delete),
    )
    .answers::<Deleted>(),
    Op::bapi(
        "POST",
        "/v1/sessions/{session_id}/tokens/{template_name}",
        "CreateSessionTokenFromTemplate",
        handler!(post_token),
    )
    .fields(TOKEN)
    .answers::<TokenResource>(),
];

/// A template.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "JWTTemplate")]
pub struct JwtTemplate {
    /// `jwt_template`.
    pub object: &'static str,
    /// `jtmp_…`.
    pub id: String,
    /// By which tokens are asked for.
    pub name: String,
    /// Claims with shortcodes.
    pub claims: Map<String, Value>,
    /// Seconds.
    pub lifetime: i64,
    /// Seconds.
    pub allowed_clock_skew: i64,
    /// It signs with a key of the operator's own, which is not shown.
    pub custom_signing_key: bool,
    /// `RS256` with the instance's keys.
    pub signing_algorithm: String,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl JwtTemplate {
    fn new(row: &TemplateRow) -> Result<Self> {
        Ok(Self {
            object: "jwt_template",
            id: row.id.clone(),
            name: row.name.clone(),
            claims: serde_json::from_str(&row.claims)
                .map_err(|e| Fault::new(format!("claims of {}: {e}", row.id)))?,
            lifetime: row.lifetime,
            allowed_clock_skew: row.allowed_clock_skew,
            custom_signing_key: row.signing_key_sealed.is_some(),
            signing_algorithm: row.signing_algorithm.clone(),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        })
    }
}

async fn get_list(cx: &Cx, call: &Call) -> Result<Reply> {
    let window = Window::read(&call.form);
    let mut tx = cx.read().await?;
    let rows = store::page(&mut tx, window.limit, window.offset).await?;
    let data = rows
        .iter()
        .map(JwtTemplate::new)
        .collect::<Result<Vec<_>>>()?;
    window.answer(data, store::count(&mut tx)).await
}

/// The fields of a template. Name and claims are demanded, by an update too.
fn wanted<'a>(call: &'a Call, nothing: &'a Map<String, Value>) -> Wanted<'a> {
    let form = &call.form;
    Wanted {
        name: form.text("name").unwrap_or_default(),
        claims: form.object("claims").unwrap_or(nothing),
        lifetime: form.int("lifetime"),
        allowed_clock_skew: form.int("allowed_clock_skew"),
        custom_signing_key: form.flag("custom_signing_key"),
        signing_algorithm: form.text("signing_algorithm"),
        signing_key: form.text("signing_key"),
    }
}

async fn post(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = ops::create(cx, &wanted(call, &Map::new())).await?;
    Reply::json(&JwtTemplate::new(&row)?)
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = store::find(&mut cx.read().await?, call.param("template_id")).await?;
    let row = row.ok_or_else(|| refuse::resource_not_found("JWT template"))?;
    Reply::json(&JwtTemplate::new(&row)?)
}

async fn patch(cx: &Cx, call: &Call) -> Result<Reply> {
    let nothing = Map::new();
    let row = ops::update(cx, call.param("template_id"), &wanted(call, &nothing)).await?;
    Reply::json(&JwtTemplate::new(&row)?)
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("template_id");
    ops::remove(cx, id).await?;
    Reply::json(&Deleted::new("jwt_template", id.to_owned()))
}

/// A token for a live session of a user who is not banned.
async fn post_token(cx: &Cx, call: &Call) -> Result<Reply> {
    let missing = || refuse::resource_not_found("active session");
    let id = SessionId::parse(call.param("session_id")).ok_or_else(missing)?;
    let mut tx = cx.read().await?;
    let session = sessions::store::find(&mut tx, &id)
        .await?
        .filter(|s| s.is_active(cx.now, &cx.instance.settings))
        .ok_or_else(missing)?;
    users::store::find(&mut tx, &session.user_id)
        .await?
        .filter(|u| !u.banned)
        .ok_or_else(missing)?;
    drop(tx);
    let azp = cx.request.origin.as_deref().unwrap_or_default();
    let life = call.form.int("expires_in_seconds");
    let jwt = ops::mint(cx, &session, call.param("template_name"), azp, life).await?;
    Reply::json(&TokenResource::new(jwt))
}
