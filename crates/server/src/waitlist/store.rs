//! SQL of `waitlist_entries`.
use super::model::EntryRow;
use usher_db::{DbError, Tx, Value, params};
use usher_types::Timestamp;

/// How entries can be ordered, as the wire writes it.
pub const ORDERS: &[&str] = &[
    "-created_at",
    "+created_at",
    "created_at",
    "-email_address",
    "+email_address",
    "email_address",
    "-invited_at",
    "+invited_at",
    "invited_at",
];

pub async fn insert(tx: &mut Tx, row: &EntryRow) -> Result<(), DbError> {
    tx.insert("waitlist_entries", EntryRow::COLUMNS, &row.values())
        .await
        .map(drop)
}

/// The entry with this id, held until the transaction ends.
pub async fn hold(tx: &mut Tx, id: &str) -> Result<Option<EntryRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, email_address, status, invitation_id, created_at, updated_at FROM waitlist_entries WHERE instance_id = ? AND id = ? $LOCK", params![tenant, id]).await
}

/// The entry of this address.
pub async fn of_address(tx: &mut Tx, address: &str) -> Result<Option<EntryRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, email_address, status, invitation_id, created_at, updated_at FROM waitlist_entries WHERE instance_id = ? AND email_address = ?", params![tenant, address]).await
}

/// Notes what was decided.
pub async fn decide(
    tx: &mut Tx,
    id: &str,
    status: &str,
    invitation: Option<&str>,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("UPDATE waitlist_entries SET status = ?, invitation_id = COALESCE(?, invitation_id), updated_at = ? WHERE instance_id = ? AND id = ?", params![status, invitation, now, tenant, id]).await.map(drop)
}

pub async fn delete(tx: &mut Tx, id: &str) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run(
        "DELETE FROM waitlist_entries WHERE instance_id = ? AND id = ?",
        params![tenant, id],
    )
    .await
}

/// Which entries are listed.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// With this status.
    pub status: Option<&'a str>,
    /// Whose address or id contains this.
    pub query: Option<&'a str>,
}

impl Filter<'_> {
    fn sql(&self, tenant: &str) -> (String, Vec<Value>) {
        let mut text = " WHERE instance_id = ?".to_owned();
        let mut values = params![tenant].to_vec();
        if let Some(status) = self.status {
            text.push_str(" AND status = ?");
            values.extend_from_slice(params![status]);
        }
        if let Some(query) = self.query {
            let pattern = usher_db::containing(query);
            text.push_str(" AND (id = ? OR email_address LIKE ? ESCAPE '\\')");
            values.extend_from_slice(params![query, pattern]);
        }
        (text, values)
    }
}

/// A page of the list.
pub async fn list(
    tx: &mut Tx,
    filter: Filter<'_>,
    order: &str,
    limit: i64,
    offset: i64,
) -> Result<Vec<EntryRow>, DbError> {
    let (clauses, mut values) = filter.sql(tx.tenant());
    values.extend_from_slice(params![limit, offset]);
    let by = match order {
        "+created_at" | "created_at" => " ORDER BY created_at, id LIMIT ? OFFSET ?",
        "-email_address" => " ORDER BY email_address DESC LIMIT ? OFFSET ?",
        "+email_address" | "email_address" => " ORDER BY email_address LIMIT ? OFFSET ?",
        "-invited_at" => " ORDER BY invitation_id DESC, id DESC LIMIT ? OFFSET ?",
        "+invited_at" | "invited_at" => " ORDER BY invitation_id, id LIMIT ? OFFSET ?",
        _ => " ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
    };
    let columns = EntryRow::COLUMNS.join(", ");
    tx.all(
        &["SELECT ", &columns, " FROM waitlist_entries", &clauses, by].concat(),
        &values,
    )
    .await
}

/// How many entries fit.
pub async fn count(tx: &mut Tx, filter: Filter<'_>) -> Result<i64, DbError> {
    let (clauses, values) = filter.sql(tx.tenant());
    let row: Option<(i64,)> = tx
        .first(
            &["SELECT count(*) FROM waitlist_entries", &clauses].concat(),
            &values,
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}
