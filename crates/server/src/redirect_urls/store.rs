//! SQL of `redirect_urls`.
use super::model::RedirectUrlRow;
use usher_db::{DbError, Tx, params};

/// Every listed URL, oldest first: loaded with the instance.
pub async fn urls(tx: &mut Tx, instance: &str) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT url FROM redirect_urls WHERE instance_id = ? ORDER BY created_at, id",
            params![instance],
        )
        .await?;
    Ok(rows.into_iter().map(|(url,)| url).collect())
}

/// A page of the list, newest first.
pub async fn page(tx: &mut Tx, limit: i64, offset: i64) -> Result<Vec<RedirectUrlRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all("SELECT instance_id, id, url, created_at, updated_at FROM redirect_urls WHERE instance_id = ? ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?", params![tenant, limit, offset]).await
}

pub async fn count(tx: &mut Tx) -> Result<i64, DbError> {
    let tenant = tx.tenant().to_owned();
    let row: Option<(i64,)> = tx
        .first(
            "SELECT count(*) FROM redirect_urls WHERE instance_id = ?",
            params![tenant],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<RedirectUrlRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, url, created_at, updated_at FROM redirect_urls WHERE instance_id = ? AND id = ?", params![tenant, id]).await
}

pub async fn insert(tx: &mut Tx, row: &RedirectUrlRow) -> Result<(), DbError> {
    tx.insert("redirect_urls", RedirectUrlRow::COLUMNS, &row.values())
        .await
        .map(drop)
}

/// Takes a URL off the list; how many that were.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM redirect_urls WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}
