//! `/v1/redirect_urls`, for the operator's servers (contract bapi §2.12).
use super::model::RedirectUrlRow;
use super::{ops, store};
use crate::answers::{self, Deleted, List, Window};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, text};
use usher_types::Result;
use usher_types::error::codes as refuse;

const URL: &[Field] = &[text("url", 2048).required().about(
    "A whole URL: https, or the custom scheme of a native application; http for this machine only.",
)];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/redirect_urls",
        "ListRedirectURLs",
        handler!(get_list),
    )
    .fields(answers::WINDOW)
    .answers::<List<RedirectUrl>>(),
    Op::bapi(
        "POST",
        "/v1/redirect_urls",
        "CreateRedirectURL",
        handler!(post),
    )
    .fields(URL)
    .answers::<RedirectUrl>(),
    Op::bapi(
        "GET",
        "/v1/redirect_urls/{redirect_url_id}",
        "GetRedirectURL",
        handler!(get),
    )
    .answers::<RedirectUrl>(),
    Op::bapi(
        "DELETE",
        "/v1/redirect_urls/{redirect_url_id}",
        "DeleteRedirectURL",
        handler!(delete),
    )
    .answers::<Deleted>(),
];

/// An allowed redirect target.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "RedirectURL")]
pub struct RedirectUrl {
    /// `redirect_url`.
    pub object: &'static str,
    /// `ru_…`.
    pub id: String,
    /// In its one form.
    pub url: String,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl RedirectUrl {
    fn new(row: &RedirectUrlRow) -> Self {
        Self {
            object: "redirect_url",
            id: row.id.clone(),
            url: row.url.clone(),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

async fn get_list(cx: &Cx, call: &Call) -> Result<Reply> {
    let window = Window::read(&call.form);
    let mut tx = cx.read().await?;
    let rows = store::page(&mut tx, window.limit, window.offset).await?;
    let data = rows.iter().map(RedirectUrl::new).collect();
    window.answer(data, store::count(&mut tx)).await
}

async fn post(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = ops::add(cx, call.form.text("url").unwrap_or_default()).await?;
    Reply::json(&RedirectUrl::new(&row))
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = store::find(&mut cx.read().await?, call.param("redirect_url_id")).await?;
    let row = row.ok_or_else(|| refuse::resource_not_found("redirect URL"))?;
    Reply::json(&RedirectUrl::new(&row))
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("redirect_url_id");
    ops::remove(cx, id).await?;
    Reply::json(&Deleted::new("redirect_url", id.to_owned()))
}
