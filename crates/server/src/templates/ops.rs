//! Rendering: from a slug, a language and values to what is sent.
use super::cache::Custom;
use super::store;
use crate::cx::{Caller, Cx};
use serde_json::{Map, Value, json};
use usher_db::Tx;
use usher_http::agent;
use usher_http::origin::{self, Url};
use usher_notify::catalog::{self, Kind, Ready, Slug};
use usher_notify::plain;
use usher_notify::template::{Escape, TemplateError};
use usher_types::{Fault, Result};

/// Characters of a subject at most.
const SUBJECT: usize = 200;

/// What goes out.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Of mail: one line. Empty for text messages.
    pub subject: String,
    /// Plain text; all that a text message is.
    pub text: String,
    /// HTML of mail.
    pub html: Option<String>,
    /// What stands before the `@` of the sender, where the operator chose it.
    pub from_name: Option<String>,
    /// The same of where answers go.
    pub reply_to_name: Option<String>,
}

/// Renders the message `slug`, in the language of `locale` (the user's, or the attempt's; the instance's where it is
/// `None` or not shipped), with `vars` (an object) beside what every message knows: `app`, `requested_at`,
/// `requested_from`, `ip_address`, `current_year`. `None` where the operator has switched the notice off, or delivers it by
/// other means.
///
/// # Errors
/// The database's; a fault for an `action_url` that leads away from https.
pub async fn render(
    cx: &Cx,
    tx: &mut Tx,
    kind: Kind,
    slug: Slug,
    locale: Option<&str>,
    vars: Value,
) -> Result<Option<Rendered>> {
    if !cx.instance.settings.notices.allow(slug) {
        return Ok(None);
    }
    let row = store::find(tx, kind.word(), slug.word()).await?;
    if row.as_ref().is_some_and(|r| !r.delivered) {
        return Ok(None);
    }
    let own = cx.instance.settings.locale.as_str();
    let locale = catalog::locale(locale.into_iter().chain([own]));
    let data = data(cx, locale, vars)?;
    let shipped = catalog::ready(kind, slug, locale)
        .ok_or_else(|| Fault::new(format!("no {} {}", kind.word(), slug.word())))?;
    let custom = row.as_ref().map(|row| (row, cx.app.templates.of(row)));
    let mut rendered = match &custom {
        Some((row, custom)) => match written(kind, shipped, Some(custom), &data) {
            Ok(rendered) => rendered,
            Err(e) => {
                custom.failed(row, &e);
                written(kind, shipped, None, &data).map_err(broken)?
            }
        },
        None => written(kind, shipped, None, &data).map_err(broken)?,
    };
    if let Some(row) = row {
        rendered.from_name = row.from_email_name;
        rendered.reply_to_name = row.reply_to_email_name;
    }
    Ok(Some(rendered))
}

fn broken(e: TemplateError) -> Fault {
    Fault::new(format!("a shipped template: {e}"))
}

/// The parts, each as the operator has it, else as shipped.
fn written(
    kind: Kind,
    shipped: &Ready,
    custom: Option<&Custom>,
    data: &Value,
) -> Result<Rendered, TemplateError> {
    let subject = custom
        .and_then(|c| c.subject.as_ref())
        .or(shipped.subject.as_ref());
    let subject = match subject {
        Some(template) => one_line(&template.render(data, Escape::Plain)?),
        None => String::new(),
    };
    let body = custom.and_then(|c| c.body.as_ref());
    let (text, html) = match (kind, body) {
        (Kind::Sms, body) => (
            body.unwrap_or(&shipped.text).render(data, Escape::Plain)?,
            None,
        ),
        (Kind::Email, Some(body)) => {
            let html = body.render(data, Escape::Html)?;
            (plain::of_html(&html), Some(html))
        }
        (Kind::Email, None) => (
            shipped.text.render(data, Escape::Plain)?,
            match &shipped.html {
                Some(html) => Some(html.render(data, Escape::Html)?),
                None => None,
            },
        ),
    };
    Ok(Rendered {
        subject,
        text,
        html,
        from_name: None,
        reply_to_name: None,
    })
}

/// A subject: one line, without anything that could begin another header.
pub(super) fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .take(SUBJECT)
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What templates know: what is true of every message, and over it what this one tells.
pub(super) fn data(cx: &Cx, locale: &str, vars: Value) -> Result<Value> {
    if let Some(url) = vars.get("action_url").and_then(Value::as_str) {
        check_link(cx, url)?;
    }
    let settings = &cx.instance.settings;
    let portal = Url::parse(&cx.instance.portal_origin);
    let domain = match &cx.instance.root_domain {
        Some(root) => root.clone(),
        None => portal.map(|url| url.host).unwrap_or_default(),
    };
    let at = cx.now.to_rfc3339();
    // By the minute: nobody reads seconds.
    let requested_at = format!("{} UTC", at.get(..16).unwrap_or(&at).replace('T', " "));
    let mut data = json!({
        "app": {
            "name": settings.application_name, "domain_name": domain, "logo_image_url": null,
            "url": cx.instance.portal_origin, "support_email": settings.support_email,
        },
        "locale": locale,
        "current_year": at.get(..4).unwrap_or_default(),
        "requested_at": requested_at,
    });
    if cx.caller == Caller::Browser && !cx.request.ip.is_empty() {
        data["requested_from"] = device(&cx.request.user_agent).into();
        data["ip_address"] = cx.request.ip.as_str().into();
    }
    if let (Value::Object(all), Value::Object(more)) = (&mut data, vars) {
        all.extend(more);
    }
    Ok(data)
}

/// A browser and what it runs on, as far as it says.
fn device(user_agent: &str) -> String {
    let seen = agent::read(user_agent);
    let parts: Vec<String> = [seen.browser_name, seen.device_type]
        .into_iter()
        .flatten()
        .collect();
    parts.join(", ")
}

/// A link in a message leads to https, or to this instance.
fn check_link(cx: &Cx, url: &str) -> Result<()> {
    let fits = Url::parse(url).is_some_and(|parsed| {
        parsed.scheme == "https"
            || parsed.origin() == cx.instance.issuer
            || parsed.origin() == cx.instance.portal_origin
            || cx.instance.is_development() && origin::is_loopback(&parsed.host)
    });
    if fits {
        return Ok(());
    }
    Err(Fault::new("a message with a link that leads away from https").into())
}

/// The variables of a message, for those who write templates.
#[must_use]
pub fn variables(slug: Slug) -> Vec<&'static str> {
    let mut all = vec![
        "app.name",
        "app.domain_name",
        "app.logo_image_url",
        "app.url",
        "app.support_email",
        "locale",
        "current_year",
        "requested_at",
        "requested_from",
        "ip_address",
    ];
    let more: &[&str] = match slug {
        Slug::VerificationCode | Slug::ResetPasswordCode => &["otp_code", "ttl_minutes"],
        Slug::MagicLinkSignIn | Slug::MagicLinkSignUp | Slug::MagicLinkUserProfile => {
            &["action_url", "ttl_minutes"]
        }
        Slug::Invitation | Slug::WaitlistInvitation => &[
            "action_url",
            "invitation.expires_in_days",
            "invitation.one_day",
            "invitation.public_metadata",
            "inviter.name",
        ],
        Slug::OrganizationInvitation => &[
            "action_url",
            "invitation.expires_in_days",
            "invitation.one_day",
            "invitation.public_metadata",
            "inviter.name",
            "org.name",
            "org.logo_image_url",
        ],
        Slug::WaitlistConfirmation => &[],
        Slug::PasswordChanged
        | Slug::PasswordRemoved
        | Slug::NewDeviceSignIn
        | Slug::MfaEnabled
        | Slug::MfaDisabled => &["user.first_name", "user.last_name"],
        Slug::PrimaryEmailAddressChanged => {
            &["primary_email_address", "user.first_name", "user.last_name"]
        }
        Slug::PasskeyAdded | Slug::PasskeyRemoved => {
            &["passkey.name", "user.first_name", "user.last_name"]
        }
        Slug::AccountLocked => &["lockout_minutes", "user.first_name", "user.last_name"],
    };
    all.extend(more);
    all
}

/// Values that stand in for real ones in a preview, and prove that a new template renders.
#[must_use]
pub fn sample(cx: &Cx) -> Value {
    let url = format!(
        "{}/v1/tickets/accept?ticket=sample",
        cx.instance.portal_origin
    );
    let mut metadata = Map::new();
    metadata.insert("team".to_owned(), "Analytical engines".into());
    json!({
        "otp_code": "424242", "ttl_minutes": 10, "action_url": url,
        "invitation": { "expires_in_days": 30, "one_day": false, "public_metadata": metadata },
        "inviter": { "name": "Charles Babbage" },
        "org": { "name": "Analytical engines", "logo_image_url": null },
        "user": { "first_name": "Ada", "last_name": "Lovelace" },
        "primary_email_address": "ada@example.com", "passkey": { "name": "Laptop" }, "lockout_minutes": 60,
        "requested_from": "Firefox, Linux", "ip_address": "203.0.113.7",
    })
}
