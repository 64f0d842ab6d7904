//! SQL of `trusted_devices`.
use super::model::DeviceRow;
use crate::users::store::const_format;
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::{TrustedDeviceId, UserId};

const SELECT: &str = "SELECT instance_id, id, user_id, platform, app_identifier, name, public_key_jwk, thumbprint, last_used_at, revoked_at, created_at, updated_at FROM trusted_devices";

pub async fn find(tx: &mut Tx, id: &TrustedDeviceId) -> Result<Option<DeviceRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        &const_format(SELECT, " WHERE instance_id = ? AND id = ?"),
        params![tenant, id],
    )
    .await
}

/// A user's devices that are not revoked, oldest first.
pub async fn active(tx: &mut Tx, user: &UserId) -> Result<Vec<DeviceRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.all(
        &const_format(
            SELECT,
            " WHERE instance_id = ? AND user_id = ? AND revoked_at IS NULL ORDER BY created_at, id",
        ),
        params![tenant, user],
    )
    .await
}

pub async fn insert(tx: &mut Tx, device: &DeviceRow) -> Result<(), DbError> {
    tx.insert("trusted_devices", DeviceRow::COLUMNS, &device.values())
        .await
        .map(drop)
}

/// Ends a device: true for exactly one caller.
pub async fn revoke(tx: &mut Tx, id: &TrustedDeviceId, now: Timestamp) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE trusted_devices SET revoked_at = ?, updated_at = ? WHERE instance_id = ? AND id = ? AND revoked_at IS NULL", params![now, now, tenant, id]).await? == 1)
}

/// Notes a sign-in, where the device is not revoked: a device that is ended at the same time signs nobody in.
pub async fn used(tx: &mut Tx, id: &TrustedDeviceId, now: Timestamp) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE trusted_devices SET last_used_at = ? WHERE instance_id = ? AND id = ? AND revoked_at IS NULL", params![now, tenant, id]).await? == 1)
}
