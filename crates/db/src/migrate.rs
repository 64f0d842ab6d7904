//! Migrations: numbered texts, one for both engines, run in order, each in its own transaction, checksums kept.
use crate::db::{Db, DbError, DbErrorKind};
use crate::params;

/// The migrations of this build, in order. Append only; a text that was released is never edited.
pub const ALL: &[(&str, &str)] = &[
    (
        "0001_foundation",
        include_str!("../migrations/0001_foundation.sql"),
    ),
    ("0002_phones", include_str!("../migrations/0002_phones.sql")),
    ("0003_social", include_str!("../migrations/0003_social.sql")),
    ("0004_steps", include_str!("../migrations/0004_steps.sql")),
    ("0005_keys", include_str!("../migrations/0005_keys.sql")),
    (
        "0006_templates_images",
        include_str!("../migrations/0006_templates_images.sql"),
    ),
    (
        "0007_domains",
        include_str!("../migrations/0007_domains.sql"),
    ),
    (
        "0008_captcha",
        include_str!("../migrations/0008_captcha.sql"),
    ),
    (
        "0009_organizations",
        include_str!("../migrations/0009_organizations.sql"),
    ),
];

fn digest(text: &str) -> String {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes())
        .as_ref()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn words(text: &str, engine: &str) -> String {
    let (json, bytes) = if engine == "postgres" {
        ("TEXT", "BYTEA")
    } else {
        ("TEXT", "BLOB")
    };
    text.replace("$JSON", json).replace("$BYTES", bytes)
}

/// Brings the schema to this build's version; the number of migrations that ran.
/// Two processes may try at once: each step runs under a lock (SQLite's write lock, PostgreSQL's lock on the table).
///
/// # Errors
/// `Setup` when the schema is newer than this build, or a released migration was changed.
pub async fn run(db: &Db) -> Result<usize, DbError> {
    let mut tx = db.write("").await?;
    tx.batch("CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL)").await?;
    tx.commit().await?;
    let mut ran = 0;
    for (index, (name, text)) in ALL.iter().enumerate() {
        let mut tx = db.write("").await?;
        if tx.engine() == "postgres" {
            tx.batch("LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
                .await?;
        }
        let known: Vec<(String, String)> = tx
            .all(
                "SELECT name, checksum FROM schema_migrations ORDER BY name",
                params![],
            )
            .await?;
        if known.len() > ALL.len()
            || known
                .iter()
                .any(|(n, _)| !ALL.iter().any(|(name, _)| name == n))
        {
            return Err(DbError::new(
                DbErrorKind::Setup,
                "the database was made by a newer version of Usher; start that version, or restore a backup",
            ));
        }
        match known.get(index) {
            Some((known_name, checksum)) if known_name == name => {
                if *checksum != digest(text) {
                    return Err(DbError::new(
                        DbErrorKind::Setup,
                        format!(
                            "migration {name} differs from the one this database was made with"
                        ),
                    ));
                }
            }
            Some((other, _)) => {
                return Err(DbError::new(
                    DbErrorKind::Setup,
                    format!("migration {other} stands where {name} should"),
                ));
            }
            None => {
                tx.batch(&words(text, tx.engine())).await?;
                tx.run(
                    "INSERT INTO schema_migrations (name, checksum) VALUES (?, ?)",
                    params![name, digest(text)],
                )
                .await?;
                ran += 1;
            }
        }
        tx.commit().await?;
    }
    Ok(ran)
}

/// The migrations that have not run yet.
///
/// # Errors
/// What the database says.
pub async fn pending(db: &Db) -> Result<Vec<&'static str>, DbError> {
    let mut tx = db.read("").await?;
    let known: Vec<(String,)> = tx
        .all(
            "SELECT name FROM schema_migrations ORDER BY name",
            params![],
        )
        .await
        .unwrap_or_default();
    Ok(ALL
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !known.iter().any(|(k,)| k == name))
        .collect())
}
