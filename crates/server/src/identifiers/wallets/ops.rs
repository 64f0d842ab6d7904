//! Wallets: adding, proving, removing. The user's row is locked first, so that its primary wallet and its wallets never disagree.
use super::model::{MAX, Purpose, Wallet, WalletRow};
use super::proof;
use crate::audit;
use crate::cx::Cx;
use crate::identifiers::claims::{self, one, told};
use crate::identifiers::store;
use crate::strategies::Strategy;
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::list::{self, Found};
use crate::users::ops::ways;
use crate::verifications::model::VerificationRow;
use crate::verifications::store as verification_store;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{IdentificationId, UserId};
use usher_types::{Error, Fault, Result, Timestamp};

/// The wallets of a user, oldest first. Who has none costs no look.
///
/// # Errors
/// The database's.
pub async fn of_user(tx: &mut Tx, user: &UserRow) -> Result<Vec<WalletRow>> {
    if user.web3_wallets == 0 {
        return Ok(Vec::new());
    }
    Ok(store::of_user(tx, &user.id).await?)
}

/// The signature that an unproved wallet waits for.
///
/// # Errors
/// The database's.
pub async fn under_way(cx: &Cx, row: &WalletRow) -> Result<Option<VerificationRow>> {
    match &row.verification_id {
        Some(id) if !row.is_verified() => {
            Ok(verification_store::find(&mut cx.read().await?, id).await?)
        }
        _ => Ok(None),
    }
}

/// A row for a wallet; proved where something proved it.
#[must_use]
pub fn row(
    cx: &Cx,
    user: &UserId,
    wallet: &Wallet,
    verified_by: Option<&str>,
    at: Timestamp,
) -> WalletRow {
    WalletRow {
        instance_id: cx.instance.row.id.clone(),
        id: IdentificationId::compose(cx.now, &cx.fresh()),
        user_id: user.clone(),
        web3_wallet: wallet.as_str().to_owned(),
        wallet_normal: wallet.normal(),
        claimed: verified_by.is_some(),
        verification_strategy: verified_by.map(str::to_owned),
        verification_id: None,
        created_at: at,
        updated_at: at,
    }
}

/// Adds a wallet that its user has yet to prove; one that waits for that already is the answer again, for a person who
/// declined to sign tries once more. Where enumeration protection is on, somebody else's wallet is taken for show: whoever
/// proves it is told.
///
/// # Errors
/// 422 `form_identifier_exists` when it is proved by the user already, or by anybody and that may be told; 403
/// `quota_exceeded`.
pub async fn add(cx: &Cx, user: &UserId, wallet: &Wallet) -> Result<WalletRow> {
    let param = "web3_wallet";
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut found = list::hold(&mut tx, user).await?;
        if let Some(known) = found.wallets.iter().find(|w| w.wallet_normal == wallet.normal()) {
            return if known.is_verified() { Err(refuse::identifier_taken(param).into()) } else { Ok(known.clone()) };
        }
        claims::check_free_to_try::<WalletRow>(cx, &mut tx, &wallet.normal()).await?;
        if found.user.web3_wallets >= MAX {
            return Err(refuse::quota_exceeded().into());
        }
        let row = row(cx, user, wallet, None, cx.now);
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("web3_wallet.created", &row));
        found.wallets.push(row.clone());
        save(cx, &mut tx, &mut found).await?;
        Ok::<_, Error>(row)
    })
}

/// Asks for a signature that proves a wallet. A message that was asked for before is worth nothing any more.
///
/// # Errors
/// 404; 400 `verification_already_verified`, and for strategies that this wallet cannot sign for.
pub async fn prepare(
    cx: &Cx,
    user: &UserId,
    id: &IdentificationId,
    strategy: Strategy,
) -> Result<(WalletRow, VerificationRow)> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_, mut row) = hold(&mut tx, user, id).await?;
        if row.is_verified() {
            return Err(refuse::verification_already_verified().into());
        }
        let wallet = address(&row)?;
        if !wallet.takes(&cx.instance.settings.attributes, strategy) {
            return Err(refuse::verification_strategy_invalid().at("strategy").into());
        }
        if let Some(old) = &row.verification_id {
            verification_store::fail(&mut tx, old).await?;
        }
        let verification = proof::ask(cx, &mut tx, &client.id, &wallet, strategy, Purpose::Connect).await?;
        row.verification_id = Some(verification.id.clone());
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("web3_wallet.verification.prepared", &row));
        Ok::<_, Error>((row, verification))
    })
}

/// Proves a wallet by a signature. The first that is proved becomes the primary one.
///
/// # Errors
/// 404; 422 `form_incorrect_signature`; 400 for messages that are spent, too old or another client's, and
/// `identification_claimed` where another user has proved it.
pub async fn attempt(cx: &Cx, before: &WalletRow, signature: &str) -> Result<WalletRow> {
    if before.is_verified() {
        return Err(refuse::verification_already_verified().into());
    }
    let wallet = address(before)?;
    let id = before.verification_id.as_ref();
    let checked = proof::check(cx, &mut cx.read().await?, id, &wallet, None, signature).await?;
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, mut row) = hold(&mut tx, &before.user_id, &before.id).await?;
        if row.is_verified() || !checked.answers(row.verification_id.as_ref()) {
            return Err(refuse::verification_missing().into());
        }
        if let Err(refused) = proof::spend(cx, &mut tx, &checked).await? {
            audit::record(cx, &mut tx, told("web3_wallet.verification.failed", &row).failed());
            return Ok(Err(refused));
        }
        if claims::is_others(&mut tx, &row).await? {
            return Ok(Err(refuse::identification_claimed()));
        }
        row.claimed = true;
        row.verification_strategy = Some(checked.strategy.word().to_owned());
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await.map_err(claims::claimed)?;
        claims::put(&mut found, &row);
        if found.user.primary_web3_wallet_id.is_none() {
            found.user.primary_web3_wallet_id = Some(row.id.clone());
        }
        audit::record(cx, &mut tx, told("web3_wallet.verified", &row).changed(["verified"]));
        save(cx, &mut tx, &mut found).await?;
        Ok::<_, Error>(Ok(row))
    })?;
    Ok(outcome?)
}

/// Removes a wallet. Where it was the primary one, the oldest proved one that is left follows.
///
/// # Errors
/// 404; 400 `last_required_identification_deletion_failed` where nothing else is left to sign in with.
pub async fn remove(cx: &Cx, user: &UserId, id: &IdentificationId) -> Result<()> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, row) = hold(&mut tx, user, id).await?;
        found.wallets.retain(|w| w.id != *id);
        if row.is_verified() && !ways::any(&cx.instance.settings, &found) {
            return Err(refuse::last_required_identification_deletion_failed().into());
        }
        store::delete::<WalletRow>(&mut tx, id).await?;
        audit::record(cx, &mut tx, told("web3_wallet.deleted", &row));
        if found.user.primary_web3_wallet_id.as_ref() == Some(id) {
            found.user.primary_web3_wallet_id = found.wallets.iter().find(|w| w.is_verified()).map(|w| w.id.clone());
        }
        save(cx, &mut tx, &mut found).await?;
        Ok::<_, Error>(())
    })
}

/// The address of a stored wallet.
///
/// # Errors
/// A fault: what is stored was read before.
pub fn address(row: &WalletRow) -> Result<Wallet> {
    Ok(
        Wallet::parse(&row.web3_wallet)
            .ok_or_else(|| Fault::new("a stored wallet that is none"))?,
    )
}

/// The wallet and its user, locked until the transaction ends.
async fn hold(tx: &mut Tx, user: &UserId, id: &IdentificationId) -> Result<(Found, WalletRow)> {
    let found = list::hold(tx, user).await?;
    let row = one(&found, id)?;
    Ok((found, row))
}

async fn save(cx: &Cx, tx: &mut Tx, found: &mut Found) -> Result<()> {
    found.refresh();
    found.user.updated_at = cx.now;
    Ok(users::store::update(tx, &found.user).await?)
}
