//! SQL of `templates`.
use super::model::TemplateRow;
use usher_db::{DbError, Tx, params};

pub async fn find(
    tx: &mut Tx,
    template_type: &str,
    slug: &str,
) -> Result<Option<TemplateRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, template_type, slug, name, subject, markup, body, from_email_name, reply_to_email_name, delivered, created_at, updated_at FROM templates WHERE instance_id = ? AND template_type = ? AND slug = ?", params![tenant, template_type, slug]).await
}
