//! Templates of operators, read once: a mail does not pay for parsing one.
use super::model::TemplateRow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use usher_notify::template::{Template, TemplateError};
use usher_types::Timestamp;

/// Templates that are kept at most: an operator has about twenty for each instance.
const MOST: usize = 256;

/// A template of an operator, ready to be rendered.
#[derive(Debug)]
pub struct Custom {
    updated_at: Timestamp,
    /// Of mail, where it was changed.
    pub subject: Option<Template>,
    /// HTML of mail, or the text of a text message, where it was changed.
    pub body: Option<Template>,
    failed: AtomicBool,
}

impl Custom {
    /// Says once in the log that the shipped one is sent instead.
    pub fn failed(&self, row: &TemplateRow, why: &TemplateError) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            tracing::warn!(instance.id = %row.instance_id, "The {} template {} is broken, the shipped one is sent: {why}", row.template_type, row.slug);
        }
    }
}

/// Reads a template of an operator.
///
/// # Errors
/// What is wrong with it.
pub fn parse(source: &str) -> Result<Template, TemplateError> {
    Template::parse(source, &partial)
}

/// The partials that operators' templates know (contract bapi §4.5).
fn partial(name: &str) -> Option<&'static str> {
    Some(match name {
        "app_logo" => {
            "{{#if @root.app.logo_image_url}}<img src=\"{{@root.app.logo_image_url}}\" alt=\"{{@root.app.name}}\" height=\"32\">{{else}}{{@root.app.name}}{{/if}}"
        }
        "org_logo" => {
            "{{#if @root.org.logo_image_url}}<img src=\"{{@root.org.logo_image_url}}\" alt=\"{{@root.org.name}}\" height=\"32\">{{else}}{{@root.org.name}}{{/if}}"
        }
        "copyright" => "&copy; {{@root.current_year}} {{@root.app.name}}",
        _ => return None,
    })
}

type Key = (String, String, String);

/// See the module.
#[derive(Default)]
pub struct Cache(Mutex<HashMap<Key, Arc<Custom>>>);

impl Cache {
    /// The template of a row: as kept, or read now where it is new or was changed.
    pub fn of(&self, row: &TemplateRow) -> Arc<Custom> {
        let key = (
            row.instance_id.as_str().to_owned(),
            row.template_type.clone(),
            row.slug.clone(),
        );
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(&key).filter(|c| c.updated_at == row.updated_at) {
            return Arc::clone(known);
        }
        let mut custom = Custom {
            updated_at: row.updated_at,
            subject: None,
            body: None,
            failed: AtomicBool::new(false),
        };
        for (source, place) in [
            (&row.subject, &mut custom.subject),
            (&row.body, &mut custom.body),
        ] {
            match source.as_deref().map(parse) {
                Some(Ok(template)) => *place = Some(template),
                // It was checked when it was stored: another version did.
                Some(Err(e)) => {
                    tracing::warn!(instance.id = %row.instance_id, "The {} template {} is broken, the shipped one is sent: {e}", row.template_type, row.slug)
                }
                None => {}
            }
        }
        if kept.len() >= MOST {
            kept.clear();
        }
        let custom = Arc::new(custom);
        kept.insert(key, Arc::clone(&custom));
        custom
    }
}
