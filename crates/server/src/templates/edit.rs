//! What operators do to templates: change, revert, preview, and say who delivers. Nothing is stored that does not render.
use super::cache;
use super::model::{TemplateRow, is_local_part};
use super::ops::{data, one_line, sample};
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use usher_http::form::Patch;
use usher_notify::catalog::{self, Kind, Shipped, Slug};
use usher_notify::template::{Escape, Template};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error, Fault, Result};

/// Characters of a text message at most: three parts on the way.
const SMS: usize = 480;

/// A template, found.
#[derive(Debug)]
pub struct Found {
    /// By what it travels.
    pub kind: Kind,
    /// What it is.
    pub slug: Slug,
    /// What is shipped, in the instance's language.
    pub shipped: Shipped,
    /// What the operator changed.
    pub row: Option<TemplateRow>,
}

/// The kind that a path names.
///
/// # Errors
/// 400 `template_type_unsupported`.
pub fn kind(word: &str) -> Result<Kind, ApiError> {
    Kind::parse(word).ok_or_else(refuse::template_type_unsupported)
}

fn shipped(cx: &Cx, kind: Kind, slug: Slug) -> Option<Shipped> {
    let locale = catalog::locale([cx.instance.settings.locale.as_str()]);
    catalog::shipped(kind, slug, locale)
}

/// The templates of a kind, in their order.
///
/// # Errors
/// The database's.
pub async fn list(cx: &Cx, kind: Kind) -> Result<Vec<Found>> {
    let mut rows = store::of_type(&mut cx.read().await?, kind.word()).await?;
    let mut all = Vec::new();
    for slug in Slug::ALL.iter().copied() {
        if let Some(shipped) = shipped(cx, kind, slug) {
            let at = rows.iter().position(|r| r.slug == slug.word());
            let row = at.map(|at| rows.swap_remove(at));
            all.push(Found {
                kind,
                slug,
                shipped,
                row,
            });
        }
    }
    Ok(all)
}

/// What a path names, as shipped.
fn named(cx: &Cx, kind_word: &str, slug: &str) -> Result<(Kind, Slug, Shipped), ApiError> {
    let kind = kind(kind_word)?;
    let missing = || refuse::resource_not_found("template");
    let slug = Slug::parse(slug).ok_or_else(missing)?;
    let shipped = shipped(cx, kind, slug).ok_or_else(missing)?;
    Ok((kind, slug, shipped))
}

/// The template that a path names.
///
/// # Errors
/// 400 `template_type_unsupported`; 404.
pub async fn find(cx: &Cx, kind_word: &str, slug: &str) -> Result<Found> {
    let (kind, slug, shipped) = named(cx, kind_word, slug)?;
    let row = store::find(&mut cx.read().await?, kind.word(), slug.word()).await?;
    Ok(Found {
        kind,
        slug,
        shipped,
        row,
    })
}

/// A change; what was not sent stays, what was sent empty is as shipped again.
#[derive(Clone, Debug)]
pub struct Change {
    /// For people.
    pub name: Patch<String>,
    /// Of mail.
    pub subject: Patch<String>,
    /// As an editor keeps it.
    pub markup: Patch<String>,
    /// HTML, or the text of a text message.
    pub body: Patch<String>,
    /// Before the `@` of the sender.
    pub from_email_name: Patch<String>,
    /// Before the `@` of where answers go.
    pub reply_to_email_name: Patch<String>,
    /// It is sent by us.
    pub delivered: Option<bool>,
}

impl Change {
    /// A change that only says who delivers.
    #[must_use]
    pub fn delivery(delivered: bool) -> Self {
        Self {
            name: Patch::Absent,
            subject: Patch::Absent,
            markup: Patch::Absent,
            body: Patch::Absent,
            from_email_name: Patch::Absent,
            reply_to_email_name: Patch::Absent,
            delivered: Some(delivered),
        }
    }
}

/// Texts that a preview shows.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Of mail.
    pub subject: Option<String>,
    /// With sample values in it.
    pub body: String,
}

fn template(param: &str, source: &str) -> Result<Template, ApiError> {
    cache::parse(source).map_err(|e| refuse::invalid_template_body(&e.text).at(param))
}

/// Renders texts with sample values.
fn shown(cx: &Cx, kind: Kind, subject: Option<&str>, body: &str) -> Result<Shown> {
    let locale = catalog::locale([cx.instance.settings.locale.as_str()]);
    let data = data(cx, locale, sample(cx))?;
    let escape = if kind == Kind::Email {
        Escape::Html
    } else {
        Escape::Plain
    };
    let rendered = |param: &'static str, source: &str, escape| {
        let made = template(param, source)?.render(&data, escape);
        made.map_err(|e| refuse::invalid_template_body(&e.text).at(param))
    };
    let body = rendered("body", body, escape)?;
    let subject = subject
        .map(|s| rendered("subject", s, Escape::Plain))
        .transpose()?;
    Ok(Shown {
        subject: subject.map(|s| one_line(&s)),
        body,
    })
}

/// Refuses what must not be sent: a body that does not say what it is for, runs something, or leads away from https.
fn check(cx: &Cx, kind: Kind, slug: Slug, subject: Option<&str>, body: &str) -> Result<()> {
    let parsed = template("body", body)?;
    if let Some(name) = slug.required().iter().find(|name| !parsed.mentions(name)) {
        return Err(refuse::required_variable_missing(name).at("body").into());
    }
    let shown = shown(cx, kind, subject, body)?;
    match kind {
        Kind::Email => {
            if let Some(what) = unfit(cx, &shown.body) {
                return Err(refuse::invalid_template_body(&what).at("body").into());
            }
        }
        Kind::Sms if shown.body.chars().count() > SMS => {
            return Err(refuse::sms_max_length_exceeded(&SMS.to_string())
                .at("body")
                .into());
        }
        Kind::Sms => {}
    }
    Ok(())
}

/// What does not belong into mail: elements that run, ask or load something, and links to anywhere but https.
fn unfit(cx: &Cx, html: &str) -> Option<String> {
    const ELEMENTS: &[&str] = &[
        "<script", "<iframe", "<object", "<embed", "<form", "<base", "<link", "<svg", "<math",
    ];
    let lower = html.to_ascii_lowercase();
    if let Some(element) = ELEMENTS.iter().find(|e| lower.contains(**e)) {
        return Some(format!("{element}> does not belong into mail"));
    }
    for attribute in ["href", "src", "action", "background"] {
        let mut rest = lower.as_str();
        while let Some(at) = rest.find(attribute) {
            rest = &rest[at + attribute.len()..];
            let Some(value) = rest.trim_start().strip_prefix('=') else {
                continue;
            };
            let value = value.trim_start().trim_start_matches(['"', '\'']);
            let own = [
                cx.instance.issuer.as_str(),
                cx.instance.portal_origin.as_str(),
            ];
            let fits = ["https://", "mailto:", "tel:", "#", "\"", "'"]
                .iter()
                .any(|p| value.starts_with(p))
                || own.iter().any(|origin| value.starts_with(origin));
            if !fits {
                return Some(format!("{attribute} must lead to https, mailto or tel"));
            }
        }
    }
    None
}

/// Changes a template.
///
/// # Errors
/// As [`find`]; 422 `required_variable_missing`, `invalid_template_body`, `sms_max_length_exceeded`, and for names that are no
/// part of an address.
pub async fn change(cx: &Cx, kind_word: &str, slug: &str, change: &Change) -> Result<Found> {
    let (kind, slug, shipped) = named(cx, kind_word, slug)?;
    for (param, name) in [
        ("from_email_name", &change.from_email_name),
        ("reply_to_email_name", &change.reply_to_email_name),
    ] {
        match name {
            Patch::Set(_) if kind == Kind::Sms => {
                return Err(refuse::form_param_unknown(param).at(param).into());
            }
            Patch::Set(name) if !is_local_part(name) => {
                return Err(refuse::form_param_format_invalid("name of a sender")
                    .at(param)
                    .into());
            }
            Patch::Set(_) | Patch::Null | Patch::Absent => {}
        }
    }
    if kind == Kind::Sms && matches!(change.subject, Patch::Set(_)) {
        return Err(refuse::form_param_unknown("subject").at("subject").into());
    }
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let before = store::find(&mut tx, kind.word(), slug.word()).await?;
        let mut row = before.unwrap_or_else(|| TemplateRow {
            instance_id: cx.instance.row.id.clone(),
            template_type: kind.word().to_owned(),
            slug: slug.word().to_owned(),
            name: None,
            subject: None,
            markup: None,
            body: None,
            from_email_name: None,
            reply_to_email_name: None,
            delivered: true,
            created_at: cx.now,
            updated_at: cx.now,
        });
        let new = change.clone();
        row.name = new.name.over(row.name);
        row.subject = new.subject.over(row.subject);
        row.markup = new.markup.over(row.markup);
        row.body = new.body.over(row.body);
        row.from_email_name = new.from_email_name.over(row.from_email_name);
        row.reply_to_email_name = new.reply_to_email_name.over(row.reply_to_email_name);
        row.delivered = new.delivered.unwrap_or(row.delivered);
        // Later than every version before it, also in the same millisecond: readers tell versions apart by it.
        row.updated_at = cx.now.max(row.updated_at.plus_ms(1));
        if row.subject.is_some() || row.body.is_some() {
            let subject = row.subject.as_deref().or(shipped.subject.as_deref());
            check(cx, kind, slug, subject, row.body.as_deref().unwrap_or(&shipped.body))?;
        }
        store::put(&mut tx, &row).await?;
        audit::record(cx, &mut tx, Event::new("template.updated").about(&format!("{}/{}", kind.word(), slug.word())));
        Ok::<_, Error>(row)
    })?;
    Ok(Found {
        kind,
        slug,
        shipped,
        row: Some(row),
    })
}

/// Makes a template what is shipped again. Who delivers it stays.
///
/// # Errors
/// As [`find`]; 400 `template_revert_error` where nothing was changed.
pub async fn revert(cx: &Cx, kind_word: &str, slug: &str) -> Result<Found> {
    let (kind, slug, shipped) = named(cx, kind_word, slug)?;
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let row = store::find(&mut tx, kind.word(), slug.word()).await?;
        let Some(mut row) = row.filter(TemplateRow::is_changed) else {
            return Err(refuse::template_revert_error().into());
        };
        row.name = None;
        row.subject = None;
        row.markup = None;
        row.body = None;
        row.from_email_name = None;
        row.reply_to_email_name = None;
        row.updated_at = cx.now.max(row.updated_at.plus_ms(1));
        store::put(&mut tx, &row).await?;
        audit::record(cx, &mut tx, Event::new("template.reverted").about(&format!("{}/{}", kind.word(), slug.word())));
        Ok::<_, Error>(row)
    })?;
    Ok(Found {
        kind,
        slug,
        shipped,
        row: Some(row),
    })
}

/// Shows texts with sample values in them; stores nothing.
///
/// # Errors
/// As [`find`]; 422 `invalid_template_body`.
pub async fn preview(
    cx: &Cx,
    kind_word: &str,
    slug: &str,
    subject: Option<&str>,
    body: Option<&str>,
) -> Result<(Found, Shown)> {
    let found = find(cx, kind_word, slug).await?;
    let row = found.row.as_ref();
    let subject = subject
        .or_else(|| row.and_then(|r| r.subject.as_deref()))
        .or(found.shipped.subject.as_deref());
    let body = body
        .or_else(|| row.and_then(|r| r.body.as_deref()))
        .unwrap_or(&found.shipped.body);
    if body.is_empty() {
        return Err(Fault::new("a template without a text").into());
    }
    let shown = shown(
        cx,
        found.kind,
        subject.filter(|_| found.kind == Kind::Email),
        body,
    )?;
    if found.kind == Kind::Email
        && let Some(what) = unfit(cx, &shown.body)
    {
        return Err(refuse::invalid_template_body(&what).at("body").into());
    }
    Ok((found, shown))
}
