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
    tx.all("SELECT id, application_id, name, environment_type, host, publishable_key, settings, generation, created_at, updated_at FROM instances ORDER BY created_at, id", params![]).await
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
    tx.all("SELECT id, instance_id, public_jwk, private_sealed, created_at, retired_at FROM signing_keys WHERE instance_id = ? ORDER BY created_at DESC, id", params![instance]).await
}

/// The secret keys of an instance, oldest first.
pub async fn secret_keys(tx: &mut Tx, instance: &InstanceId) -> Result<Vec<SecretKeyRow>, DbError> {
    tx.all("SELECT hash, instance_id, sealed, name, created_at FROM secret_keys WHERE instance_id = ? ORDER BY created_at, hash", params![instance]).await
}

/// Whose secret key this is.
pub async fn secret_key_owner(tx: &mut Tx, hash: &str) -> Result<Option<InstanceId>, DbError> {
    let row: Option<(InstanceId,)> = tx
        .first(
            "SELECT instance_id FROM secret_keys WHERE hash = ?",
            params![hash],
        )
        .await?;
    Ok(row.map(|(id,)| id))
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
