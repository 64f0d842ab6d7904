//! SQL of `usage_months`.
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;

/// Counts somebody in a month: true for the first time.
pub async fn count(
    tx: &mut Tx,
    month: &str,
    kind: &str,
    subject: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("INSERT INTO usage_months (instance_id, month, kind, subject, first_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (instance_id, month, kind, subject) DO NOTHING", params![tenant, month, kind, subject, now]).await? == 1)
}

/// Months and how many were active in each, newest first.
pub async fn months(
    tx: &mut Tx,
    kind: &str,
    only: Option<&str>,
    limit: i64,
) -> Result<Vec<(String, i64)>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all("SELECT month, count(*) FROM usage_months WHERE instance_id = ? AND kind = ? AND (CAST(? AS TEXT) IS NULL OR month = ?) GROUP BY month ORDER BY month DESC LIMIT ?", params![tenant, kind, only, only, limit]).await
}
