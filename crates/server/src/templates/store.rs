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

/// What was changed of the templates of a type.
pub async fn of_type(tx: &mut Tx, template_type: &str) -> Result<Vec<TemplateRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all("SELECT instance_id, template_type, slug, name, subject, markup, body, from_email_name, reply_to_email_name, delivered, created_at, updated_at FROM templates WHERE instance_id = ? AND template_type = ? ORDER BY slug", params![tenant, template_type]).await
}

/// Writes a changed template, in the place of the one before.
pub async fn put(tx: &mut Tx, row: &TemplateRow) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO templates (instance_id, template_type, slug, name, subject, markup, body, from_email_name, reply_to_email_name, delivered, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (instance_id, template_type, slug) DO UPDATE SET name = excluded.name, subject = excluded.subject, markup = excluded.markup, body = excluded.body, from_email_name = excluded.from_email_name, reply_to_email_name = excluded.reply_to_email_name, delivered = excluded.delivered, updated_at = excluded.updated_at",
        &row.values(),
    )
    .await
    .map(drop)
}
