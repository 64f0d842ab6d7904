//! SQL of `organizations` and `organization_memberships`.
use super::model::{Active, MembershipRow, OrganizationRow};
use crate::users::store::const_format;
use usher_db::{DbError, Tx, Value, params};
use usher_types::Timestamp;
use usher_types::id::{OrganizationId, UserId};

/// Every column of an organization, in the order of the struct.
pub(super) const ORGANIZATIONS: &str = "SELECT instance_id, id, name, slug, public_metadata, private_metadata, max_allowed_memberships, admin_delete_enabled, created_by, members_count, image_id, search, created_at, updated_at FROM organizations";
/// Every column of a membership, in the order of the struct.
pub(super) const MEMBERSHIPS: &str = "SELECT instance_id, organization_id, user_id, id, role, public_metadata, private_metadata, created_at, updated_at FROM organization_memberships";

pub async fn find(tx: &mut Tx, id: &OrganizationId) -> Result<Option<OrganizationRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = const_format(ORGANIZATIONS, " WHERE instance_id = ? AND id = ?");
    tx.first(&sql, params![tenant, id]).await
}

/// The organization with this id, locked until the transaction ends.
pub async fn find_locked(
    tx: &mut Tx,
    id: &OrganizationId,
) -> Result<Option<OrganizationRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = const_format(ORGANIZATIONS, " WHERE instance_id = ? AND id = ? $LOCK");
    tx.first(&sql, params![tenant, id]).await
}

pub async fn by_slug(tx: &mut Tx, slug: &str) -> Result<Option<OrganizationRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = const_format(ORGANIZATIONS, " WHERE instance_id = ? AND slug = ?");
    tx.first(&sql, params![tenant, slug]).await
}

/// The organizations that a user is a member of.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Vec<OrganizationRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = const_format(
        ORGANIZATIONS,
        " WHERE instance_id = ? AND id IN (SELECT organization_id FROM organization_memberships WHERE instance_id = ? AND user_id = ?) ORDER BY id",
    );
    tx.all(&sql, params![tenant, tenant, user]).await
}

/// How many organizations a user has created that are there still.
pub async fn created_by(tx: &mut Tx, user: &UserId) -> Result<i64, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = "SELECT count(*) FROM organizations WHERE instance_id = ? AND created_by = ?";
    let row: Option<(i64,)> = tx.first(sql, params![tenant, user]).await?;
    Ok(row.map_or(0, |(n,)| n))
}

pub async fn insert(tx: &mut Tx, row: &OrganizationRow) -> Result<(), DbError> {
    tx.insert("organizations", OrganizationRow::COLUMNS, &row.values())
        .await
        .map(drop)
}

/// Writes every column of an organization that was read under lock in the same transaction.
pub async fn update(tx: &mut Tx, row: &OrganizationRow) -> Result<(), DbError> {
    let sets: Vec<String> = OrganizationRow::COLUMNS
        .iter()
        .skip(2)
        .map(|c| format!("{c} = ?"))
        .collect();
    let mut values: Vec<Value> = row.values().split_off(2);
    values.extend(params![row.instance_id, row.id].iter().cloned());
    let sql = format!(
        "UPDATE organizations SET {} WHERE instance_id = ? AND id = ?",
        sets.join(", ")
    );
    tx.run(&sql, &values).await.map(drop)
}

pub async fn delete(tx: &mut Tx, id: &OrganizationId) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = "DELETE FROM organizations WHERE instance_id = ? AND id = ?";
    tx.run(sql, params![tenant, id]).await
}

/// Counts the members anew. Called under the organization's lock, after every change of a membership.
pub async fn recount(tx: &mut Tx, id: &OrganizationId) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = "UPDATE organizations SET members_count = (SELECT count(*) FROM organization_memberships WHERE instance_id = ? AND organization_id = ?) WHERE instance_id = ? AND id = ?";
    tx.run(sql, params![tenant, id, tenant, id]).await.map(drop)
}

pub async fn membership(
    tx: &mut Tx,
    organization: &OrganizationId,
    user: &UserId,
) -> Result<Option<MembershipRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = const_format(
        MEMBERSHIPS,
        " WHERE instance_id = ? AND organization_id = ? AND user_id = ?",
    );
    tx.first(&sql, params![tenant, organization, user]).await
}

/// A user's memberships, oldest first.
pub async fn memberships_of_user(
    tx: &mut Tx,
    user: &UserId,
) -> Result<Vec<MembershipRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = const_format(
        MEMBERSHIPS,
        " WHERE instance_id = ? AND user_id = ? ORDER BY created_at, id",
    );
    tx.all(&sql, params![tenant, user]).await
}

/// How many members have this role.
pub async fn with_role(
    tx: &mut Tx,
    organization: &OrganizationId,
    role: &str,
) -> Result<i64, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = "SELECT count(*) FROM organization_memberships WHERE instance_id = ? AND organization_id = ? AND role = ?";
    let row: Option<(i64,)> = tx.first(sql, params![tenant, organization, role]).await?;
    Ok(row.map_or(0, |(n,)| n))
}

pub async fn insert_membership(tx: &mut Tx, row: &MembershipRow) -> Result<(), DbError> {
    tx.insert(
        "organization_memberships",
        MembershipRow::COLUMNS,
        &row.values(),
    )
    .await
    .map(drop)
}

/// Writes what can change of a membership.
pub async fn update_membership(tx: &mut Tx, row: &MembershipRow) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = "UPDATE organization_memberships SET role = ?, public_metadata = ?, private_metadata = ?, updated_at = ? WHERE instance_id = ? AND organization_id = ? AND user_id = ?";
    let values = params![
        row.role,
        row.public_metadata,
        row.private_metadata,
        row.updated_at,
        tenant,
        row.organization_id,
        row.user_id
    ];
    tx.run(sql, values).await.map(drop)
}

pub async fn delete_membership(
    tx: &mut Tx,
    organization: &OrganizationId,
    user: &UserId,
) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = "DELETE FROM organization_memberships WHERE instance_id = ? AND organization_id = ? AND user_id = ?";
    tx.run(sql, params![tenant, organization, user]).await
}

/// What a user's tokens say of an organization; `None` for one that the user is no member of.
pub async fn active(
    tx: &mut Tx,
    organization: &OrganizationId,
    user: &UserId,
) -> Result<Option<Active>, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = "SELECT o.id, o.slug, m.role FROM organization_memberships m JOIN organizations o ON o.instance_id = m.instance_id AND o.id = m.organization_id WHERE m.instance_id = ? AND m.organization_id = ? AND m.user_id = ?";
    tx.first(sql, params![tenant, organization, user]).await
}

/// The time of the last change of an organization moves.
pub async fn set_image(
    tx: &mut Tx,
    id: &OrganizationId,
    image: Option<&str>,
    now: Timestamp,
) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    let sql =
        "UPDATE organizations SET image_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?";
    tx.run(sql, params![image, now, tenant, id]).await.map(drop)
}
