//! Signing in with a passkey: the challenge, and the proof that answers it.
use super::model::SignInRow;
use super::ops::{conclude, current, finish, mine, resource};
use super::resource::SignInResource;
use super::store;
use super::wallet;
use crate::cx::Cx;
use crate::passkeys;
use crate::strategies::{Proves, Strategy};
use crate::users;
use crate::verifications::{ops as verifications, store as verification_store};
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// Asks the attempt's browser for a proof. Only a user who was named and may be told of gets the own passkeys listed; everybody
/// else's browser offers what it has.
pub(super) async fn prepare(cx: &Cx, tx: &mut Tx, row: &mut SignInRow) -> Result<()> {
    wallet::check_way(cx, row, Strategy::Passkey)?;
    let user = match &row.user_id {
        Some(id) => users::store::find(tx, id).await?,
        None => None,
    };
    let known = match user.filter(|_| !cx.instance.settings.enumeration_protection) {
        Some(user) => {
            let known = passkeys::ops::of_user(tx, &user).await?;
            if known.is_empty() {
                return Err(refuse::strategy_for_user_invalid().into());
            }
            known
        }
        None => Vec::new(),
    };
    let challenge = passkeys::ops::ask(cx, &known)?;
    let strategy = Strategy::Passkey.word();
    let verification =
        verifications::start_challenge(cx, tx, strategy, &challenge.options, &challenge.state)
            .await?;
    row.first_factor_id = Some(verification.id);
    row.first_factor_strategy = Some(strategy.to_owned());
    row.updated_at = cx.now;
    store::update(tx, row).await?;
    Ok(())
}

/// Asks the browser of the current attempt for a proof.
///
/// # Errors
/// 400 where the attempt takes no first factor, or the user has no passkey.
pub(super) async fn prepare_current(cx: &Cx, id: &str) -> Result<SignInResource> {
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, mut row) = current(cx, &mut tx, id).await?;
        prepare(cx, &mut tx, &mut row).await?;
        Ok::<_, Error>(row)
    })?;
    resource(cx, &mut cx.read().await?, &row).await
}

/// Proves the first factor by a passkey. Names the user where nobody was named before.
///
/// # Errors
/// 400 for proofs that do not verify and challenges that are spent, 404 for unknown passkeys, 422 for what is no credential,
/// 403 for locked and banned users.
pub(super) async fn attempt(cx: &Cx, id: &str, given: &str) -> Result<SignInResource> {
    let mut tx = cx.read().await?;
    let row = mine(cx, &mut tx, id).await?;
    let missing = || refuse::passkey_invalid_verification();
    if row.first_factor_strategy.as_deref() != Some(Strategy::Passkey.word()) {
        return Err(missing().into());
    }
    let challenge = row.first_factor_id.clone().ok_or_else(missing)?;
    let verification = verification_store::find(&mut tx, &challenge).await?;
    let verification = verification.ok_or_else(missing)?;
    let proof =
        passkeys::ops::check(cx, &mut tx, &verification, given, row.user_id.as_ref()).await?;
    drop(tx);
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = current(cx, &mut tx, id).await?;
        // The challenge that was answered is still the attempt's.
        if row.first_factor_id.as_ref() != Some(&challenge) {
            return Err(missing().into());
        }
        let proof = match passkeys::ops::spend(cx, &mut tx, &challenge, proof.clone()).await? {
            Ok(proof) => proof,
            Err(refused) => return Ok(Err(refused)),
        };
        if row.identifier.is_none() {
            let owner = users::store::find(&mut tx, &proof.owner).await?.ok_or_else(refuse::passkey_not_registered)?;
            row.identifier = Some(owner.identifier().unwrap_or_default().to_owned());
        }
        row.user_id = Some(proof.owner);
        // Something that the person has, unlocked by what the person knows or is.
        let proves = if proof.user_verified { Proves::Both } else { Proves::First };
        let done = finish(cx, &mut tx, &mut held, &mut row, Strategy::Passkey, proves).await?;
        Ok::<_, Error>(Ok((held, row, done)))
    })?;
    conclude(cx, outcome?).await
}
