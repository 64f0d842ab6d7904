//! SQL of `jwt_templates`.
use super::model::TemplateRow;
use usher_db::{DbError, Tx, params};

/// A page of templates, newest first.
pub async fn page(tx: &mut Tx, limit: i64, offset: i64) -> Result<Vec<TemplateRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all("SELECT instance_id, id, name, claims, lifetime, allowed_clock_skew, signing_algorithm, signing_key_sealed, created_at, updated_at FROM jwt_templates WHERE instance_id = ? ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?", params![tenant, limit, offset]).await
}

pub async fn count(tx: &mut Tx) -> Result<i64, DbError> {
    let tenant = tx.tenant().to_owned();
    let row: Option<(i64,)> = tx
        .first(
            "SELECT count(*) FROM jwt_templates WHERE instance_id = ?",
            params![tenant],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<TemplateRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, name, claims, lifetime, allowed_clock_skew, signing_algorithm, signing_key_sealed, created_at, updated_at FROM jwt_templates WHERE instance_id = ? AND id = ?", params![tenant, id]).await
}

pub async fn lock(tx: &mut Tx, id: &str) -> Result<Option<TemplateRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, name, claims, lifetime, allowed_clock_skew, signing_algorithm, signing_key_sealed, created_at, updated_at FROM jwt_templates WHERE instance_id = ? AND id = ? $LOCK", params![tenant, id]).await
}

pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<TemplateRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, name, claims, lifetime, allowed_clock_skew, signing_algorithm, signing_key_sealed, created_at, updated_at FROM jwt_templates WHERE instance_id = ? AND name = ?", params![tenant, name]).await
}

pub async fn insert(tx: &mut Tx, row: &TemplateRow) -> Result<(), DbError> {
    tx.insert("jwt_templates", TemplateRow::COLUMNS, &row.values())
        .await
        .map(drop)
}

pub async fn update(tx: &mut Tx, row: &TemplateRow) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE jwt_templates SET name = ?, claims = ?, lifetime = ?, allowed_clock_skew = ?, signing_algorithm = ?, signing_key_sealed = ?, updated_at = ? WHERE instance_id = ? AND id = ?", params![row.name, row.claims, row.lifetime, row.allowed_clock_skew, row.signing_algorithm, row.signing_key_sealed, row.updated_at, tenant, row.id]).await.map(drop)
}

/// Deletes a template; how many that were.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM jwt_templates WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}
