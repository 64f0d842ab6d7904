//! Message templates, for the operator's servers (contract bapi §2.13, §4.5).
use super::edit::{self, Change, Found};
use super::model::is_local_part;
use super::resource::TemplateResource;
use crate::answers::{self, List, Window};
use crate::cx::Cx;
use crate::handler;
use crate::messages;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, flag, int, text};
use usher_notify::catalog::Kind;
use usher_notify::template::MAX_SOURCE;
use usher_types::Result;
use usher_types::error::codes as refuse;

const LIST: &[Field] = &[
    answers::PAGINATED,
    int("limit", 1, 500)
        .query()
        .about("Templates at most; all when left out."),
    answers::OFFSET,
];
const UPDATE: &[Field] = &[
    text("name", 256),
    text("subject", 1000).about("Of mail only. Empty is as shipped."),
    text("markup", MAX_SOURCE).about("Kept for an editor; nothing is made of it."),
    text("body", MAX_SOURCE)
        .about("HTML of mail, text of text messages; Handlebars. Empty is as shipped."),
    flag("delivered_by_clerk").about("False: the message is not sent."),
    text("from_email_name", 64).about("Before the `@` of the sender."),
    text("reply_to_email_name", 64).about("Before the `@` of where answers go."),
];
const PREVIEW: &[Field] = &[
    text("subject", 1000),
    text("body", MAX_SOURCE),
    text("from_email_name", 64),
    text("reply_to_email_name", 64),
];
const TOGGLE: &[Field] = &[flag("delivered_by_clerk").required()];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/templates/{template_type}",
        "GetTemplateList",
        handler!(list),
    )
    .fields(LIST)
    .answers::<List<TemplateResource>>(),
    Op::bapi(
        "GET",
        "/v1/templates/{template_type}/{slug}",
        "GetTemplate",
        handler!(get),
    )
    .answers::<TemplateResource>(),
    Op::bapi(
        "PUT",
        "/v1/templates/{template_type}/{slug}",
        "UpsertTemplate",
        handler!(put),
    )
    .fields(UPDATE)
    .answers::<TemplateResource>(),
    Op::bapi(
        "POST",
        "/v1/templates/{template_type}/{slug}/revert",
        "RevertTemplate",
        handler!(revert),
    )
    .answers::<TemplateResource>(),
    Op::bapi(
        "POST",
        "/v1/templates/{template_type}/{slug}/preview",
        "PreviewTemplate",
        handler!(preview),
    )
    .fields(PREVIEW)
    .answers::<Preview>(),
    Op::bapi(
        "POST",
        "/v1/templates/{template_type}/{slug}/toggle_delivery",
        "ToggleTemplateDelivery",
        handler!(toggle),
    )
    .fields(TOGGLE)
    .answers::<TemplateResource>(),
];

/// A template with sample values in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "TemplatePreview")]
pub struct Preview {
    /// Of mail.
    pub subject: Option<String>,
    /// HTML of mail, text of text messages.
    pub body: String,
    /// Who sends it.
    pub from_email_address: Option<String>,
    /// Where answers go.
    pub reply_to_email_address: Option<String>,
}

fn resource(cx: &Cx, found: Found) -> TemplateResource {
    TemplateResource::new(
        cx,
        found.kind,
        found.slug,
        found.shipped,
        found.row.as_ref(),
    )
}

async fn list(cx: &Cx, call: &Call) -> Result<Reply> {
    let kind = edit::kind(call.param("template_type"))?;
    let all = edit::list(cx, kind).await?;
    Window::or_all(&call.form)
        .of(all, |found| resource(cx, found))
        .await
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    let found = edit::find(cx, call.param("template_type"), call.param("slug")).await?;
    Reply::json(&resource(cx, found))
}

async fn put(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let change = Change {
        name: form.patch("name"),
        subject: form.patch("subject"),
        markup: form.patch("markup"),
        body: form.patch("body"),
        from_email_name: form.patch("from_email_name"),
        reply_to_email_name: form.patch("reply_to_email_name"),
        delivered: form.flag("delivered_by_clerk"),
    };
    let found = edit::change(cx, call.param("template_type"), call.param("slug"), &change).await?;
    Reply::json(&resource(cx, found))
}

async fn revert(cx: &Cx, call: &Call) -> Result<Reply> {
    let found = edit::revert(cx, call.param("template_type"), call.param("slug")).await?;
    Reply::json(&resource(cx, found))
}

async fn preview(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    for param in ["from_email_name", "reply_to_email_name"] {
        if form.text(param).is_some_and(|name| !is_local_part(name)) {
            return Err(refuse::form_param_format_invalid("name of a sender")
                .at(param)
                .into());
        }
    }
    let (found, shown) = edit::preview(
        cx,
        call.param("template_type"),
        call.param("slug"),
        form.text("subject"),
        form.text("body"),
    )
    .await?;
    let row = found.row.as_ref();
    let own = |param: &str, kept: Option<&String>| {
        let name = form.text(param).map(str::to_owned).or(kept.cloned());
        messages::ops::sender(&cx.app.options.mail_from, name.as_deref())
    };
    let mail = found.kind == Kind::Email;
    Reply::json(&Preview {
        subject: shown.subject,
        body: shown.body,
        from_email_address: mail.then(|| {
            own(
                "from_email_name",
                row.and_then(|r| r.from_email_name.as_ref()),
            )
        }),
        reply_to_email_address: mail.then(|| {
            own(
                "reply_to_email_name",
                row.and_then(|r| r.reply_to_email_name.as_ref()),
            )
        }),
    })
}

async fn toggle(cx: &Cx, call: &Call) -> Result<Reply> {
    let change = Change::delivery(call.form.flag("delivered_by_clerk") == Some(true));
    let found = edit::change(cx, call.param("template_type"), call.param("slug"), &change).await?;
    Reply::json(&resource(cx, found))
}
