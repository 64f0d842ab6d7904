//! Signing in with a wallet: the message, and the signature that answers it.
//!
//! A wallet's address is public. So whoever names one is told of nothing that its user has besides, and proves to be its user by
//! its signature only; and what is offered is the same whether anybody has the wallet or not.
use super::factors::{Factor, pretended_id};
use super::model::SignInRow;
use super::ops::{
    Done, check_not_signed_in, conclude, current, finish, fresh, mine, resource, told,
};
use super::resource::SignInResource;
use super::store;
use crate::access::ops::{self as access, Door};
use crate::audit;
use crate::clients::ops as clients;
use crate::clients::store as client_store;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::wallets::model::{Purpose, Wallet, WalletRow};
use crate::identifiers::wallets::proof;
use crate::sessions;
use crate::strategies::Strategy;
use crate::users;
use crate::users::model::UserRow;
use crate::verifications::store as verification_store;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// The wallet that an identifier is, where wallets sign in.
pub(super) fn named(cx: &Cx, identifier: Option<&str>) -> Option<Wallet> {
    Wallet::offered(&cx.instance.settings.attributes, identifier?)
}

/// The one verdict on how an attempt may go on: who named a wallet proves it by a signature, and nobody else does.
///
/// # Errors
/// 400 `strategy_for_user_invalid`.
pub(super) fn check_way(cx: &Cx, row: &SignInRow, strategy: Strategy) -> Result<()> {
    let wallet = named(cx, row.identifier.as_deref());
    if wallet.is_some() == strategy.chain().is_some() {
        Ok(())
    } else {
        Err(refuse::strategy_for_user_invalid().into())
    }
}

/// Whose wallet it is.
async fn owner(tx: &mut Tx, wallet: &Wallet) -> Result<Option<(WalletRow, UserRow)>> {
    let Some(row) = identifiers::store::claimed::<WalletRow>(tx, &wallet.normal()).await? else {
        return Ok(None);
    };
    let user = users::store::find(tx, &row.user_id).await?;
    Ok(user.map(|user| (row, user)))
}

/// The ways that are open to prove a wallet.
pub(super) async fn ways(cx: &Cx, tx: &mut Tx, wallet: &Wallet) -> Result<Vec<Factor>> {
    let owner = owner(tx, wallet).await?;
    let (id, primary) = match &owner {
        Some((row, user)) => (
            row.id.as_str().to_owned(),
            user.primary_web3_wallet_id.as_ref() == Some(&row.id),
        ),
        None => (pretended_id(cx, &wallet.normal()), true),
    };
    // Where nobody may learn who there is, nobody learns which wallet is a user's first.
    let primary = primary || cx.instance.settings.enumeration_protection;
    let attributes = &cx.instance.settings.attributes;
    let strategies = attributes.wallet_strategies(wallet.chain());
    Ok(strategies
        .map(|strategy| Factor::Wallet {
            id: id.clone(),
            primary,
            strategy,
        })
        .collect())
}

/// Starts an attempt of whoever says to hold a wallet; with a strategy, also asks for the signature.
///
/// # Errors
/// 422 for wallets that nobody has proved (unless protected); 400 where the client is signed in already, and for strategies that
/// the wallet cannot sign for; 403 by the lists.
pub(super) async fn create(
    cx: &Cx,
    wallet: Wallet,
    strategy: Option<Strategy>,
) -> Result<SignInResource> {
    let settings = &cx.instance.settings;
    if strategy.is_some_and(|s| !wallet.takes(&settings.attributes, s)) {
        return Err(refuse::strategy_for_user_invalid().into());
    }
    let mut view = cx.read().await?;
    if let Some(client) = &cx.client {
        check_not_signed_in(cx, &mut view, &client.id, None).await?;
    }
    access::check_wallet(cx, &mut view, &wallet, Door::SignIn).await?;
    let user = owner(&mut view, &wallet).await?.map(|(_, user)| user);
    drop(view);
    if user.is_none() && !settings.enumeration_protection {
        return Err(refuse::form_identifier_not_found("identifier")
            .at("identifier")
            .into());
    }
    let (held, row) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let held = clients::hold_or_create(cx, &mut tx).await?;
        check_not_signed_in(cx, &mut tx, &held.row.id, user.as_ref().map(|u| &u.id)).await?;
        let mut row = SignInRow {
            identifier: Some(wallet.as_str().to_owned()),
            user_id: user.as_ref().map(|u| u.id.clone()),
            ..fresh(cx, &held)
        };
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.created", &row));
        client_store::set_sign_in(&mut tx, &held.row.id, Some(&row.id), cx.now).await?;
        if let Some(strategy) = strategy {
            ask(cx, &mut tx, &mut row, &wallet, strategy).await?;
        }
        Ok::<_, Error>((held, row))
    })?;
    conclude(cx, (held, row, Done::default())).await
}

/// Asks the attempt's wallet for a signature. A message that was asked for before is worth nothing any more.
async fn ask(
    cx: &Cx,
    tx: &mut Tx,
    row: &mut SignInRow,
    wallet: &Wallet,
    strategy: Strategy,
) -> Result<()> {
    if !cx.instance.settings.enumeration_protection
        && let Some((_, user)) = owner(tx, wallet).await?
    {
        sessions::ops::check_user(cx, &user)?;
    }
    if let Some(old) = &row.first_factor_id {
        verification_store::fail(tx, old).await?;
    }
    let verification =
        proof::ask(cx, tx, &row.client_id, wallet, strategy, Purpose::SignIn).await?;
    row.first_factor_id = Some(verification.id);
    row.first_factor_strategy = Some(strategy.word().to_owned());
    row.updated_at = cx.now;
    store::update(tx, row).await?;
    audit::record(cx, tx, told("sign_in.prepare_first_factor.passed", row));
    Ok(())
}

/// Asks the wallet of the current attempt for a signature.
///
/// # Errors
/// 404 for wallets that are not offered; 400 where no wallet was named; 403 for locked and banned users.
pub(super) async fn prepare(
    cx: &Cx,
    id: &str,
    strategy: Strategy,
    wallet_id: &str,
) -> Result<SignInResource> {
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, mut row) = current(cx, &mut tx, id).await?;
        let wallet = named(cx, row.identifier.as_deref()).ok_or_else(refuse::strategy_for_user_invalid)?;
        let open = ways(cx, &mut tx, &wallet).await?;
        let offered = open.iter().any(|f| matches!(f, Factor::Wallet { id, strategy: s, .. } if id == wallet_id && *s == strategy));
        if !offered {
            return Err(refuse::resource_not_found("wallet").into());
        }
        ask(cx, &mut tx, &mut row, &wallet, strategy).await?;
        Ok::<_, Error>(row)
    })?;
    resource(cx, &mut cx.read().await?, &row).await
}

/// Proves the first factor by a wallet's signature. Who holds a wallet that is nobody's is told so: by then there is nothing
/// left to protect.
///
/// # Errors
/// 422 for wrong signatures, and for wallets that nobody has; 400 for messages that are spent or too old; 403 for locked and
/// banned users.
pub(super) async fn attempt(
    cx: &Cx,
    id: &str,
    strategy: Strategy,
    signature: &str,
) -> Result<SignInResource> {
    let mut view = cx.read().await?;
    let row = mine(cx, &mut view, id).await?;
    let wallet =
        named(cx, row.identifier.as_deref()).ok_or_else(refuse::strategy_for_user_invalid)?;
    if !wallet.takes(&cx.instance.settings.attributes, strategy) {
        return Err(refuse::strategy_for_user_invalid().into());
    }
    let asked = row.first_factor_id.as_ref();
    let checked = proof::check(cx, &mut view, asked, &wallet, Some(strategy), signature).await?;
    drop(view);
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = current(cx, &mut tx, id).await?;
        if !checked.answers(row.first_factor_id.as_ref()) {
            return Err(refuse::verification_missing().into());
        }
        if let Err(refused) = proof::spend(cx, &mut tx, &checked).await? {
            audit::record(cx, &mut tx, told("sign_in.web3_signature.failed", &row).failed());
            return Ok(Err(refused));
        }
        // Whose it is now: it may have changed hands since the attempt began.
        let Some((_, user)) = owner(&mut tx, &wallet).await? else {
            return Ok(Err(refuse::form_identifier_not_found("identifier").at("identifier")));
        };
        row.user_id = Some(user.id);
        let done = finish(cx, &mut tx, &mut held, &mut row, strategy, strategy.proves()).await?;
        Ok::<_, Error>(Ok((held, row, done)))
    })?;
    conclude(cx, outcome?).await
}
