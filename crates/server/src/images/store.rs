//! SQL of `images`.
use super::model::ImageRow;
use usher_db::{DbError, Tx, params};
use usher_types::id::UserId;

pub async fn insert(tx: &mut Tx, image: &ImageRow) -> Result<(), DbError> {
    tx.insert("images", ImageRow::COLUMNS, &image.values())
        .await
        .map(drop)
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<ImageRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, user_id, content_type, content, created_at FROM images WHERE instance_id = ? AND id = ?", params![tenant, id]).await
}

/// Forgets every image of a user.
pub async fn forget(tx: &mut Tx, user: &UserId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM images WHERE instance_id = ? AND user_id = ?",
        params![tenant, user],
    )
    .await
}
