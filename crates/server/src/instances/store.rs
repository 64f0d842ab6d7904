//! SQL of instances and their keys. These tables are what tenancy is made of, so most statements span instances.
use super::model::{InstanceRow, SecretKeyRow, SigningKeyRow};
use usher_db::{DbError, Tx, params};
use usher_types::Timestamp;
use usher_types::id::{ApplicationId, InstanceId};

pub async fn add_application(
    tx: &mut Tx,
    id: &ApplicationId,
    name: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO applications (id, name, created_at) VALUES (?, ?, ?)",
        params![id, name, now],
    )
    .await
    .map(drop)
}

pub async fn add(tx: &mut Tx, instance: &InstanceRow) -> Result<(), DbError> {
    tx.insert("instances", InstanceRow::COLUMNS, &instance.values())
        .await
        .map(drop)
}

pub async fn add_signing_key(tx: &mut Tx, key: &SigningKeyRow) -> Result<(), DbError> {
    tx.insert("signing_keys", SigningKeyRow::COLUMNS, &key.values())
        .await
        .map(drop)
}

pub async fn add_secret_key(tx: &mut Tx, key: &SecretKeyRow) -> Result<(), DbError> {
    tx.insert("secret_keys", SecretKeyRow::COLUMNS, &key.values())
        .await
        .map(drop)
}

/// Every instance, oldest first.
pub async fn all(tx: &mut Tx) -> Result<Vec<InstanceRow>, DbError> {
    tx.all("SELECT id, application_id, name, environment_type, host, publishable_key, settings, data_key_sealed, generation, created_at, updated_at FROM instances ORDER BY created_at, id", params![]).await
}

/// The settings of an instance, locked until the transaction ends.
pub async fn settings_locked(tx: &mut Tx, id: &InstanceId) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = tx
        .first(
            "SELECT settings FROM instances WHERE id = ? $LOCK",
            params![id],
        )
        .await?;
    Ok(row.map(|(settings,)| settings))
}

/// The sum of all generations: it changes whenever any instance's settings or keys do.
pub async fn generation(tx: &mut Tx) -> Result<i64, DbError> {
    let row: Option<(i64,)> = tx
        .first(
            "SELECT CAST(COALESCE(SUM(generation), 0) AS BIGINT) FROM instances",
            params![],
        )
        .await?;
    Ok(row.map_or(0, |(sum,)| sum))
}

/// The keys of an instance, newest first.
pub async fn signing_keys(
    tx: &mut Tx,
    instance: &InstanceId,
) -> Result<Vec<SigningKeyRow>, DbError> {
    tx.all("SELECT id, instance_id, public_jwk, private_sealed, created_at, active_at, retire_at, remove_at, signed_until FROM signing_keys WHERE instance_id = ? ORDER BY active_at DESC, id", params![instance]).await
}

/// The secret keys of an instance, oldest first.
pub async fn secret_keys(tx: &mut Tx, instance: &InstanceId) -> Result<Vec<SecretKeyRow>, DbError> {
    tx.all("SELECT hash, id, instance_id, sealed, ending, name, created_at, retire_at FROM secret_keys WHERE instance_id = ? ORDER BY created_at, hash", params![instance]).await
}

/// Whose secret key this is, while it is valid.
pub async fn secret_key_owner(
    tx: &mut Tx,
    hash: &str,
    now: Timestamp,
) -> Result<Option<InstanceId>, DbError> {
    let row: Option<(InstanceId,)> = tx
        .first(
            "SELECT instance_id FROM secret_keys WHERE hash = ? AND (retire_at IS NULL OR retire_at > ?)",
            params![hash, now],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

/// True when there is, or has been, such a secret key.
pub async fn secret_key_known(tx: &mut Tx, hash: &str) -> Result<bool, DbError> {
    let row: Option<(InstanceId,)> = tx
        .first(
            "SELECT instance_id FROM secret_keys WHERE hash = ?",
            params![hash],
        )
        .await?;
    Ok(row.is_some())
}

/// Ends a secret key at an instant.
pub async fn retire_secret_key(
    tx: &mut Tx,
    instance: &InstanceId,
    id: &str,
    at: Timestamp,
) -> Result<u64, DbError> {
    tx.run(
        "UPDATE secret_keys SET retire_at = ? WHERE instance_id = ? AND id = ?",
        params![at, instance, id],
    )
    .await
}

/// Sets when a signing key stops signing and when it is published no more.
pub async fn schedule_signing_key(
    tx: &mut Tx,
    id: &str,
    retire_at: Timestamp,
    remove_at: Timestamp,
) -> Result<u64, DbError> {
    tx.run(
        "UPDATE signing_keys SET retire_at = ?, remove_at = ? WHERE id = ?",
        params![retire_at, remove_at, id],
    )
    .await
}

/// Notes that a key signed a token that lives until `expire_at`: it stays published so long, unless it is removed already.
pub async fn signed_until(
    tx: &mut Tx,
    id: &str,
    expire_at: Timestamp,
    now: Timestamp,
) -> Result<u64, DbError> {
    tx.run(
        "UPDATE signing_keys SET signed_until = ?, remove_at = CASE WHEN remove_at > ? AND remove_at < ? THEN ? ELSE remove_at END WHERE id = ? AND signed_until < ?",
        params![expire_at, now, expire_at, expire_at, id, expire_at],
    )
    .await
}

/// Makes every process load the instance anew.
pub async fn changed(tx: &mut Tx, id: &InstanceId, now: Timestamp) -> Result<u64, DbError> {
    tx.run(
        "UPDATE instances SET generation = generation + 1, updated_at = ? WHERE id = ?",
        params![now, id],
    )
    .await
}

/// Replaces the sealed form of an instance's data key, if it is still `old`.
pub async fn reseal(tx: &mut Tx, id: &InstanceId, old: &str, new: &str) -> Result<u64, DbError> {
    tx.run(
        "UPDATE instances SET data_key_sealed = ? WHERE id = ? AND data_key_sealed = ?",
        params![new, id, old],
    )
    .await
}

/// Erases the secrets of keys that have ended; their names and times stay.
pub async fn erase_ended_keys(tx: &mut Tx, now: Timestamp) -> Result<(), DbError> {
    tx.run(
        "UPDATE signing_keys SET private_sealed = '' WHERE remove_at <= ? AND private_sealed <> ''",
        params![now],
    )
    .await?;
    tx.run(
        "UPDATE secret_keys SET sealed = '' WHERE retire_at <= ? AND sealed <> ''",
        params![now],
    )
    .await
    .map(drop)
}

pub async fn update_settings(
    tx: &mut Tx,
    id: &InstanceId,
    settings: &str,
    now: Timestamp,
) -> Result<u64, DbError> {
    tx.run("UPDATE instances SET settings = ?, generation = generation + 1, updated_at = ? WHERE id = ?", params![settings, now, id]).await
}

pub async fn update_host(
    tx: &mut Tx,
    id: &InstanceId,
    host: &str,
    publishable_key: &str,
    environment_type: &str,
    now: Timestamp,
) -> Result<u64, DbError> {
    tx.run("UPDATE instances SET host = ?, publishable_key = ?, environment_type = ?, generation = generation + 1, updated_at = ? WHERE id = ?", params![host, publishable_key, environment_type, now, id]).await
}

/// A fact about the whole server (the id of its master key).
pub async fn fact(tx: &mut Tx, name: &str) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = tx
        .first(
            "SELECT content FROM server_facts WHERE name = ?",
            params![name],
        )
        .await?;
    Ok(row.map(|(content,)| content))
}

pub async fn set_fact(tx: &mut Tx, name: &str, content: &str) -> Result<(), DbError> {
    tx.run("INSERT INTO server_facts (name, content) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content", params![name, content]).await.map(drop)
}
