//! SQL of `usage_months`.
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::OrganizationId;

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

/// Counts the organizations of a user who became active in a month, as far as they have another member.
pub async fn count_organizations_of(
    tx: &mut Tx,
    month: &str,
    user: &str,
    now: Timestamp,
) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("INSERT INTO usage_months (instance_id, month, kind, subject, first_at) SELECT m.instance_id, CAST(? AS TEXT), 'organization', m.organization_id, CAST(? AS BIGINT) FROM organization_memberships m JOIN organizations o ON o.instance_id = m.instance_id AND o.id = m.organization_id WHERE m.instance_id = ? AND m.user_id = ? AND o.members_count >= 2 ON CONFLICT (instance_id, month, kind, subject) DO NOTHING", params![month, now, tenant, user]).await
}

/// Counts an organization in a month in which one of its members is counted, where it has two or more.
pub async fn count_organization(
    tx: &mut Tx,
    month: &str,
    organization: &OrganizationId,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("INSERT INTO usage_months (instance_id, month, kind, subject, first_at) SELECT o.instance_id, CAST(? AS TEXT), 'organization', o.id, CAST(? AS BIGINT) FROM organizations o WHERE o.instance_id = ? AND o.id = ? AND o.members_count >= 2 AND EXISTS (SELECT 1 FROM organization_memberships m JOIN usage_months u ON u.instance_id = m.instance_id AND u.month = ? AND u.kind = 'user' AND u.subject = m.user_id WHERE m.instance_id = o.instance_id AND m.organization_id = o.id) ON CONFLICT (instance_id, month, kind, subject) DO NOTHING", params![month, now, tenant, organization, month]).await.map(drop)
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
