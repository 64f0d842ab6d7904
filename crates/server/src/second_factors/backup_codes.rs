//! Backup codes: making a set, and using one of it up.
use super::model::{BACKUP_CODES, BackupCodeRow, code_mac, new_code};
use super::store;
use crate::cx::Cx;
use crate::users::model::UserRow;
use crate::users::{self, password};
use usher_db::Tx;
use usher_types::Result;
use usher_types::id::{BackupCodesId, UserId};

/// A new set; the one before is dead with the commit. The codes are in the answer and nowhere else. The held user's row
/// says that there are some; writing it is the caller's.
///
/// # Errors
/// The database's.
pub(super) async fn renew(
    cx: &Cx,
    tx: &mut Tx,
    user: &mut UserRow,
) -> Result<(BackupCodesId, Vec<String>)> {
    let codes: Vec<String> = (0..BACKUP_CODES).map(|_| new_code(&cx.app.rng)).collect();
    let hashes = codes
        .iter()
        .map(|code| code_mac(&cx.instance.code_key, &user.id, code))
        .collect();
    let id = put(cx, tx, user, hashes).await?;
    Ok((id, codes))
}

/// Keeps a set by what is stored of its codes.
pub(super) async fn put(
    cx: &Cx,
    tx: &mut Tx,
    user: &mut UserRow,
    mut hashes: Vec<String>,
) -> Result<BackupCodesId> {
    let set_id = BackupCodesId::compose(cx.now, &cx.fresh());
    store::delete_backup_codes(tx, &user.id).await?;
    hashes.sort_unstable();
    hashes.dedup();
    user.set_second_factors(user.totp_enabled, !hashes.is_empty(), cx.now);
    for code_hash in hashes {
        let row = BackupCodeRow {
            instance_id: cx.instance.row.id.clone(),
            user_id: user.id.clone(),
            code_hash,
            set_id: set_id.clone(),
            created_at: cx.now,
        };
        store::add_backup_code(tx, &row).await?;
    }
    Ok(set_id)
}

/// What is stored of the code that was given, if it is one of the user's. Slow where another system made the digests:
/// never inside a transaction. Finding it uses nothing up.
///
/// # Errors
/// 429 when the hashing queue is full.
pub(super) async fn find(cx: &Cx, user: &UserId, given: &str) -> Result<Option<String>> {
    let rows = store::backup_codes(&mut cx.read().await?, user).await?;
    let mac = code_mac(&cx.instance.code_key, user, given);
    if rows.iter().any(|row| row.code_hash == mac) {
        return Ok(Some(mac));
    }
    for row in rows.iter().filter(|row| row.is_imported_digest()) {
        if password::verify(cx, Some(&row.code_hash), given.trim()).await? {
            return Ok(Some(row.code_hash.clone()));
        }
    }
    Ok(None)
}

/// Uses a code up: true for exactly one caller. The last one says so in the user's row.
///
/// # Errors
/// The database's.
pub(super) async fn take(cx: &Cx, tx: &mut Tx, user: &UserId, code_hash: &str) -> Result<bool> {
    if !store::take_backup_code(tx, user, code_hash).await? {
        return Ok(false);
    }
    if store::backup_codes(tx, user).await?.is_empty()
        && let Some(mut row) = users::store::find_locked(tx, user).await?
    {
        row.set_second_factors(row.totp_enabled, false, cx.now);
        users::store::update(tx, &row).await?;
    }
    Ok(true)
}
