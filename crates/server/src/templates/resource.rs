//! A template on the wire (contract bapi §2.13).
use super::model::TemplateRow;
use super::ops;
use crate::cx::Cx;
use schemars::JsonSchema;
use serde::Serialize;
use usher_notify::catalog::{Kind, Shipped, Slug};

/// A message template.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Template")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "named as the wire names them"
)]
pub struct TemplateResource {
    /// `template`.
    pub object: &'static str,
    /// `tmpl_…`.
    pub id: String,
    /// `ins_…` of a changed one; null as shipped.
    pub instance_id: Option<String>,
    /// `system` as shipped, `user` once changed.
    pub resource_type: &'static str,
    /// `email` or `sms`.
    pub template_type: &'static str,
    /// For people.
    pub name: String,
    /// What the message is.
    pub slug: &'static str,
    /// Place in the list.
    pub position: usize,
    /// It was changed.
    pub can_revert: bool,
    /// False: the message exists in any case.
    pub can_delete: bool,
    /// True.
    pub can_edit_body: bool,
    /// False: notices are switched in the settings.
    pub can_toggle: bool,
    /// Of mail.
    pub subject: Option<String>,
    /// As an editor keeps it; empty as shipped.
    pub markup: String,
    /// HTML of mail, text of text messages, before values are put in.
    pub body: String,
    /// What can be put in.
    pub available_variables: Vec<&'static str>,
    /// What must be in the body.
    pub required_variables: &'static [&'static str],
    /// Before the `@` of the sender; empty is the configured one.
    pub from_email_name: String,
    /// Before the `@` of where answers go; empty is the sender.
    pub reply_to_email_name: String,
    /// It is sent; false where the operator delivers it by other means.
    pub delivered_by_clerk: bool,
    /// False for notices that are switched off.
    pub enabled: bool,
    /// False.
    pub flagged_as_suspicious: bool,
    /// Unix ms.
    pub updated_at: i64,
    /// Unix ms.
    pub created_at: i64,
}

impl TemplateResource {
    /// What is shipped, with what the operator changed of it.
    #[must_use]
    pub fn new(
        cx: &Cx,
        kind: Kind,
        slug: Slug,
        shipped: Shipped,
        row: Option<&TemplateRow>,
    ) -> Self {
        let changed = row.filter(|r| r.is_changed());
        let own = |of: fn(&TemplateRow) -> &Option<String>| row.and_then(|r| of(r).clone());
        let born = cx.instance.row.created_at;
        Self {
            object: "template",
            id: format!("tmpl_{}_{}", kind.word(), slug.word()),
            instance_id: changed.map(|r| r.instance_id.as_str().to_owned()),
            resource_type: if changed.is_some() { "user" } else { "system" },
            template_type: kind.word(),
            name: own(|r| &r.name).unwrap_or_else(|| shipped.name.to_owned()),
            slug: slug.word(),
            position: Slug::ALL.iter().position(|s| *s == slug).unwrap_or(0),
            can_revert: changed.is_some(),
            can_delete: false,
            can_edit_body: true,
            can_toggle: false,
            subject: own(|r| &r.subject).or(shipped.subject),
            markup: own(|r| &r.markup).unwrap_or_default(),
            body: own(|r| &r.body).unwrap_or(shipped.body),
            available_variables: ops::variables(slug),
            required_variables: slug.required(),
            from_email_name: own(|r| &r.from_email_name).unwrap_or_default(),
            reply_to_email_name: own(|r| &r.reply_to_email_name).unwrap_or_default(),
            delivered_by_clerk: row.is_none_or(|r| r.delivered),
            enabled: cx.instance.settings.notices.allow(slug),
            flagged_as_suspicious: false,
            updated_at: row.map_or(born, |r| r.updated_at).0,
            created_at: row.map_or(born, |r| r.created_at).0,
        }
    }
}
