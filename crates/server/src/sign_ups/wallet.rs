//! Signing up with a wallet: the message, and the signature that proves the field.
use super::model::SignUpRow;
use super::ops::{check_access, check_mode, conclude, current, finish, mine, resource, told};
use super::resource::SignUpResource;
use super::store;
use crate::audit;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::wallets::model::{Purpose, Wallet, WalletRow};
use crate::identifiers::wallets::proof;
use crate::strategies::Strategy;
use crate::verifications::store as verification_store;
use usher_http::form::{Form, Patch};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error, Result};

/// The wallet of a request. It is looked at only where wallets are offered.
///
/// # Errors
/// 422 for what is no address of a wallet that can sign here.
pub(super) fn given(cx: &Cx, form: &Form) -> Result<Patch<Wallet>, ApiError> {
    let param = "web3_wallet";
    Ok(match form.patch(param) {
        Patch::Set(text) => Patch::Set(
            Wallet::offered(&cx.instance.settings.attributes, &text)
                .ok_or_else(|| refuse::form_param_format_invalid("wallet address").at(param))?,
        ),
        Patch::Null => Patch::Null,
        Patch::Absent => Patch::Absent,
    })
}

/// Writes a given wallet into a row. Another one is unproved.
pub(super) fn apply(row: &mut SignUpRow, given: &Patch<Wallet>) {
    let wallet = match given {
        Patch::Absent => return,
        Patch::Null => None,
        Patch::Set(wallet) => Some(wallet.as_str().to_owned()),
    };
    if wallet != row.web3_wallet {
        row.web3_wallet = wallet;
        row.web3_verified_by = None;
        row.web3_verification_id = None;
    }
}

/// Asks the attempt's wallet for a signature. A message that was asked for before is worth nothing any more.
///
/// # Errors
/// 422 where there is no wallet; 400 where it is proved, and for strategies that it cannot sign for.
pub(super) async fn prepare(cx: &Cx, id: &str, strategy: Strategy) -> Result<SignUpResource> {
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, mut row) = current(cx, &mut tx, id).await?;
        if row.web3_verified_by.is_some() {
            return Err(refuse::verification_already_verified().into());
        }
        let param = "web3_wallet";
        let wallet = row.web3_wallet.as_deref().and_then(Wallet::parse).ok_or_else(|| refuse::form_param_missing(param).at(param))?;
        if !wallet.takes(&cx.instance.settings.attributes, strategy) {
            return Err(refuse::verification_strategy_invalid().at("strategy").into());
        }
        if let Some(old) = &row.web3_verification_id {
            verification_store::fail(&mut tx, old).await?;
        }
        let verification = proof::ask(cx, &mut tx, &row.client_id, &wallet, strategy, Purpose::SignUp).await?;
        row.web3_verification_id = Some(verification.id);
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_up.web3_wallet.verification.prepared", &row));
        Ok::<_, Error>(row)
    })?;
    resource(cx, &mut cx.read().await?, &row).await
}

/// Proves the wallet, and makes the user where nothing else is missing.
///
/// # Errors
/// 422 for wrong signatures, and `form_identifier_exists` where the wallet is a user's; 400 for messages that are spent, too old
/// or were never asked for.
pub(super) async fn attempt(
    cx: &Cx,
    id: &str,
    strategy: Strategy,
    signature: &str,
) -> Result<SignUpResource> {
    let mut view = cx.read().await?;
    let row = mine(cx, &mut view, id).await?;
    let wallet = row.web3_wallet.as_deref().and_then(Wallet::parse);
    let wallet = wallet.ok_or_else(refuse::verification_missing)?;
    if !wallet.takes(&cx.instance.settings.attributes, strategy) {
        return Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into());
    }
    let asked = row.web3_verification_id.as_ref();
    let checked = proof::check(cx, &mut view, asked, &wallet, Some(strategy), signature).await?;
    drop(view);
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = current(cx, &mut tx, id).await?;
        check_mode(cx, row.ticket_id.is_some())?;
        check_access(cx, &mut tx, &row).await?;
        if !checked.answers(row.web3_verification_id.as_ref()) {
            return Err(refuse::verification_missing().into());
        }
        if let Err(refused) = proof::spend(cx, &mut tx, &checked).await? {
            audit::record(cx, &mut tx, told("sign_up.web3_wallet.verification.failed", &row).failed());
            return Ok(Err(refused));
        }
        if identifiers::store::claimed::<WalletRow>(&mut tx, &wallet.normal()).await?.is_some() {
            return Ok(Err(refuse::identifier_taken("web3_wallet")));
        }
        row.web3_verified_by = Some(strategy.word().to_owned());
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_up.web3_wallet.verified", &row));
        let changed = finish(cx, &mut tx, &mut held, &mut row).await?;
        Ok::<_, Error>(Ok((held, row, changed)))
    })?;
    let (held, row, changed) = outcome?;
    conclude(cx, &held, &row, changed).await
}
