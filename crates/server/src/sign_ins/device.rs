//! Signing in with a trusted device: the challenge, and the signature that answers it.
use super::model::SignInRow;
use super::ops::{
    Done, check_not_signed_in, conclude, current, finish, fresh, mine, resource, told,
};
use super::resource::SignInResource;
use super::store;
use crate::audit;
use crate::clients::ops as clients;
use crate::clients::store as client_store;
use crate::cx::Cx;
use crate::strategies::Strategy;
use crate::trusted_devices::challenge::{self, Bound};
use crate::trusted_devices::{ops as devices, store as device_store};
use crate::users;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error, Result};

/// What is said of a device that is none, is revoked, or is another user's than was named.
fn unknown() -> ApiError {
    refuse::trusted_device_not_registered().at("trusted_device_id")
}

/// Asks a device for a signature. Where a user was named before, it must be that user's.
async fn ask(cx: &Cx, tx: &mut Tx, row: &mut SignInRow, device_id: &str) -> Result<()> {
    let device = devices::usable(cx, tx, device_id).await?;
    let named_another = row.identifier.is_some() && row.user_id.as_ref() != Some(&device.user_id);
    if named_another {
        return Err(unknown().into());
    }
    super::wallet::check_way(cx, row, Strategy::TrustedDevice)?;
    let bound = Bound::sign_in(&row.client_id, &device);
    let (verification, _) = challenge::ask(cx, tx, &bound).await?;
    row.first_factor_id = Some(verification.id);
    row.first_factor_strategy = Some(Strategy::TrustedDevice.word().to_owned());
    row.updated_at = cx.now;
    store::update(tx, row).await?;
    audit::record(cx, tx, told("sign_in.prepare_first_factor.passed", row));
    Ok(())
}

/// Starts an attempt of a device, which says by itself whose it is, and asks it for a signature.
///
/// # Errors
/// 422 `trusted_device_not_registered`; 400 where the client is signed in, devices are off, or the app is none of the operator's.
pub(super) async fn create(cx: &Cx, device_id: &str) -> Result<SignInResource> {
    let (held, row) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let device = devices::usable(cx, &mut tx, device_id).await?;
        let held = clients::hold_or_create(cx, &mut tx).await?;
        check_not_signed_in(cx, &mut tx, &held.row.id, Some(&device.user_id)).await?;
        let mut row = fresh(cx, &held);
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.created", &row));
        client_store::set_sign_in(&mut tx, &held.row.id, Some(&row.id), cx.now).await?;
        ask(cx, &mut tx, &mut row, device_id).await?;
        Ok::<_, Error>((held, row))
    })?;
    conclude(cx, (held, row, Done::default())).await
}

/// Asks a device of the current attempt for a signature.
///
/// # Errors
/// As [`create`].
pub(super) async fn prepare(cx: &Cx, id: &str, device_id: &str) -> Result<SignInResource> {
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, mut row) = current(cx, &mut tx, id).await?;
        ask(cx, &mut tx, &mut row, device_id).await?;
        Ok::<_, Error>(row)
    })?;
    resource(cx, &mut cx.read().await?, &row).await
}

/// Proves the first factor by a device's signature. It is no second factor: nothing attests that the phone asked who holds it.
///
/// # Errors
/// 422 for other data than was handed out, and devices that are revoked or another's; 400 for challenges that are spent or too old
/// and signatures that do not verify; 403 for locked and banned users.
pub(super) async fn attempt(
    cx: &Cx,
    id: &str,
    device_id: &str,
    client_data: &str,
    signature: &str,
) -> Result<SignInResource> {
    let mut view = cx.read().await?;
    mine(cx, &mut view, id).await?;
    let checked = challenge::check(cx, &mut view, client_data).await?;
    drop(view);
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = current(cx, &mut tx, id).await?;
        if !checked.answers(row.first_factor_id.as_ref()) {
            return Err(refuse::trusted_device_challenge_not_found().into());
        }
        let device = devices::usable(cx, &mut tx, device_id).await?;
        if checked.bound != Bound::sign_in(&held.row.id, &device) {
            return Err(refuse::trusted_device_binding_mismatch().at("trusted_device_id").into());
        }
        if let Err(refused) = checked.spend(cx, &mut tx, &devices::key(&device)?, signature).await? {
            audit::record(cx, &mut tx, told("sign_in.trusted_device.failed", &row).failed());
            return Ok(Err(refused));
        }
        if !device_store::used(&mut tx, &device.id, cx.now).await? {
            return Err(unknown().into());
        }
        if row.identifier.is_none() {
            let owner = users::store::find(&mut tx, &device.user_id).await?.ok_or_else(unknown)?;
            row.identifier = Some(owner.identifier().unwrap_or(owner.id.as_str()).to_owned());
        }
        row.user_id = Some(device.user_id);
        let done = finish(cx, &mut tx, &mut held, &mut row, Strategy::TrustedDevice, Strategy::TrustedDevice.proves()).await?;
        Ok::<_, Error>(Ok((held, row, done)))
    })?;
    conclude(cx, outcome?).await
}
