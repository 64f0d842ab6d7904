//! SQL of `captcha_passes`.
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::ClientId;

/// Gives a client a pass until `expire_at`, in the place of the one that it may have.
pub async fn give(tx: &mut Tx, client: &ClientId, expire_at: Timestamp) -> Result<(), DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("INSERT INTO captcha_passes (instance_id, client_id, expire_at) VALUES (?, ?, ?) ON CONFLICT (instance_id, client_id) DO UPDATE SET expire_at = excluded.expire_at", params![tenant, client, expire_at]).await.map(drop)
}

/// Takes a client's pass: true for exactly one caller.
pub async fn take(tx: &mut Tx, client: &ClientId, now: Timestamp) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    let taken = tx
        .run(
            "DELETE FROM captcha_passes WHERE instance_id = ? AND client_id = ? AND expire_at > ?",
            params![tenant, client, now],
        )
        .await?;
    Ok(taken == 1)
}

/// Forgets passes that are over, of every instance: the housekeeping job's.
pub async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM captcha_passes WHERE expire_at <= ?",
        params![now],
    )
    .await
}
