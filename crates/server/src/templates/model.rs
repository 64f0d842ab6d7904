//! What an operator changed of a template.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::InstanceId;

row! {
    /// A changed template; what is not set is as shipped.
    pub struct TemplateRow {
        pub instance_id: InstanceId,
        pub template_type: String,
        pub slug: String,
        pub name: Option<String>,
        pub subject: Option<String>,
        pub markup: Option<String>,
        pub body: Option<String>,
        pub from_email_name: Option<String>,
        pub reply_to_email_name: Option<String>,
        pub delivered: bool,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

impl TemplateRow {
    /// Something of what is shipped was replaced.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        let texts = [
            &self.name,
            &self.subject,
            &self.markup,
            &self.body,
            &self.from_email_name,
            &self.reply_to_email_name,
        ];
        texts.iter().any(|t| t.is_some())
    }
}

/// A sender's name before the `@`, as the operator may choose it: short, and nothing that a header could be made of.
#[must_use]
pub fn is_local_part(text: &str) -> bool {
    let atom = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+');
    (1..=64).contains(&text.len())
        && text.bytes().all(atom)
        && !text.starts_with('.')
        && !text.ends_with('.')
        && !text.contains("..")
}
