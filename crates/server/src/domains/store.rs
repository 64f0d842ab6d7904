//! SQL of `domains`.
use super::model::DomainRow;
use usher_db::{DbError, Tx, params};

/// The satellites of an instance, oldest first: loaded with it.
pub async fn of_instance(tx: &mut Tx, instance: &str) -> Result<Vec<DomainRow>, DbError> {
    tx.all("SELECT instance_id, id, name, proxy_url, created_at, updated_at FROM domains WHERE instance_id = ? ORDER BY created_at, id", params![instance]).await
}

pub async fn lock(tx: &mut Tx, id: &str) -> Result<Option<DomainRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, name, proxy_url, created_at, updated_at FROM domains WHERE instance_id = ? AND id = ? $LOCK", params![tenant, id]).await
}

pub async fn insert(tx: &mut Tx, row: &DomainRow) -> Result<(), DbError> {
    tx.insert("domains", DomainRow::COLUMNS, &row.values())
        .await
        .map(drop)
}

pub async fn rename(tx: &mut Tx, row: &DomainRow) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "UPDATE domains SET name = ?, updated_at = ? WHERE instance_id = ? AND id = ?",
        params![row.name, row.updated_at, tenant, row.id],
    )
    .await
}

/// Deletes a satellite; how many that were.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM domains WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}
