//! SQL of `listed_identifiers`.
use super::model::{List, ListedRow};
use usher_db::{DbError, Tx, params};

/// An entry that is one of `normals` is on the list. Six are asked for at a time: most addresses have fewer.
pub async fn lists_any(tx: &mut Tx, list: List, normals: &[String]) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    for six in normals.chunks(6) {
        let at = |index: usize| six.get(index).or(six.first());
        let row: Option<(String,)> = tx
            .first(
                "SELECT id FROM listed_identifiers WHERE instance_id = ? AND list = ? AND identifier_normal IN (?, ?, ?, ?, ?, ?) LIMIT 1",
                params![tenant, list.word(), at(0), at(1), at(2), at(3), at(4), at(5)],
            )
            .await?;
        if row.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A page of a list, newest first.
pub async fn page(
    tx: &mut Tx,
    list: List,
    limit: i64,
    offset: i64,
) -> Result<Vec<ListedRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all("SELECT instance_id, id, list, identifier, identifier_normal, identifier_type, invitation_id, created_at, updated_at FROM listed_identifiers WHERE instance_id = ? AND list = ? ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?", params![tenant, list.word(), limit, offset]).await
}

pub async fn count(tx: &mut Tx, list: List) -> Result<i64, DbError> {
    let tenant = tx.tenant().to_owned();
    let row: Option<(i64,)> = tx
        .first(
            "SELECT count(*) FROM listed_identifiers WHERE instance_id = ? AND list = ?",
            params![tenant, list.word()],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

pub async fn insert(tx: &mut Tx, row: &ListedRow) -> Result<(), DbError> {
    tx.insert("listed_identifiers", ListedRow::COLUMNS, &row.values())
        .await
        .map(drop)
}

/// Takes an entry off its list; how many that were.
pub async fn delete(tx: &mut Tx, list: List, id: &str) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM listed_identifiers WHERE instance_id = ? AND list = ? AND id = ?",
        params![tenant, list.word(), id],
    )
    .await
}
