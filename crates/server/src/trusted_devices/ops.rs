//! Use cases of trusted devices: enrolling, revoking, saying whether one can sign in.
use super::challenge::{self, Bound, ChallengeResource};
use super::model::{DeviceRow, MAX, NewDevice};
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::users::model::UserRow;
use crate::users::ops::list;
use usher_crypto::es256::PublicKey;
use usher_types::error::codes as refuse;
use usher_types::id::{TrustedDeviceId, UserId};
use usher_types::{ApiError, Error, Fault, Result};

/// The one verdict on which apps may use devices: the instance lets devices sign in, and the app is one of the operator's.
///
/// # Errors
/// 400 `verification_strategy_invalid`, `trusted_device_app_identifier_not_configured`.
pub fn check_app(cx: &Cx, app_identifier: &str) -> Result<(), ApiError> {
    let native = &cx.instance.settings.native;
    if !native.trusted_devices {
        return Err(refuse::verification_strategy_invalid());
    }
    if native
        .app_identifiers
        .iter()
        .any(|app| app == app_identifier)
    {
        Ok(())
    } else {
        Err(refuse::trusted_device_app_identifier_not_configured().at("app_identifier"))
    }
}

/// Asks a device to prove that it holds the key that it names.
///
/// # Errors
/// As [`check_app`]; 409 `trusted_device_already_enrolled`; 400 `trusted_device_credential_quota_exceeded`.
pub async fn prepare(cx: &Cx, user: &UserRow, new: &NewDevice) -> Result<ChallengeResource> {
    check_app(cx, &new.app_identifier)?;
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let bound = Bound::enrolment(&client.id, &user.id, new);
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let known = store::active(&mut tx, &user.id).await?;
        if known.iter().any(|d| d.thumbprint == new.key.thumbprint()) {
            return Err(refuse::trusted_device_already_enrolled().into());
        }
        if known.len() >= MAX {
            return Err(refuse::trusted_device_credential_quota_exceeded().into());
        }
        let (_, resource) = challenge::ask(cx, &mut tx, &bound).await?;
        audit::record(cx, &mut tx, Event::new("trusted_device.enrollment.prepared").user(&user.id));
        Ok::<_, Error>(resource)
    })
}

/// Enrols a device that signed the challenge.
///
/// # Errors
/// 422 for other data than was handed out, and for another device than it was handed to; 400 for challenges that are spent or too
/// old and signatures that do not verify; 409 where somebody has the key.
pub async fn attempt(
    cx: &Cx,
    user: &UserRow,
    new: &NewDevice,
    client_data: &str,
    signature: &str,
) -> Result<DeviceRow> {
    check_app(cx, &new.app_identifier)?;
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let checked = challenge::check(cx, &mut cx.read().await?, client_data).await?;
    if checked.bound != Bound::enrolment(&client.id, &user.id, new) {
        return Err(refuse::trusted_device_binding_mismatch()
            .at("client_data")
            .into());
    }
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        // The user's lock: what follows counts the devices.
        list::hold(&mut tx, &user.id).await?;
        if let Err(refused) = checked.spend(cx, &mut tx, &new.key, signature).await? {
            audit::record(cx, &mut tx, Event::new("trusted_device.enrollment.failed").user(&user.id).failed());
            return Ok(Err(refused));
        }
        if store::active(&mut tx, &user.id).await?.len() >= MAX {
            return Ok(Err(refuse::trusted_device_credential_quota_exceeded()));
        }
        let row = DeviceRow {
            instance_id: cx.instance.row.id.clone(),
            id: TrustedDeviceId::compose(cx.now, &cx.fresh()),
            user_id: user.id.clone(),
            platform: new.platform.clone(),
            app_identifier: new.app_identifier.clone(),
            name: new.name.clone(),
            public_key_jwk: new.key.jwk(),
            thumbprint: new.key.thumbprint(),
            last_used_at: None,
            revoked_at: None,
            created_at: cx.now,
            updated_at: cx.now,
        };
        store::insert(&mut tx, &row).await.map_err(|e| if e.is_unique() { Error::from(refuse::trusted_device_already_enrolled()) } else { e.into() })?;
        audit::record(cx, &mut tx, told("trusted_device.created", &row));
        Ok::<_, Error>(Ok(row))
    })?;
    Ok(outcome?)
}

/// Revokes a device of a user, for good.
///
/// # Errors
/// 404 for others' and for those that are revoked.
pub async fn revoke(cx: &Cx, user: &UserId, id: &str) -> Result<DeviceRow> {
    let missing = || refuse::resource_not_found("trusted device");
    let id = TrustedDeviceId::parse(id).ok_or_else(missing)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut row = store::find(&mut tx, &id).await?.filter(|d| d.user_id == *user).ok_or_else(missing)?;
        if !store::revoke(&mut tx, &id, cx.now).await? {
            return Err(missing().into());
        }
        row.revoked_at = Some(cx.now);
        row.updated_at = cx.now;
        audit::record(cx, &mut tx, told("trusted_device.revoked", &row));
        Ok::<_, Error>(row)
    })
}

/// The device with this id, where it can sign in.
///
/// # Errors
/// 422 `trusted_device_not_registered` for unknown and revoked ones; as [`check_app`].
pub async fn usable(cx: &Cx, tx: &mut usher_db::Tx, id: &str) -> Result<DeviceRow> {
    let missing = || refuse::trusted_device_not_registered().at("trusted_device_id");
    let id = TrustedDeviceId::parse(id).ok_or_else(missing)?;
    let row = store::find(tx, &id).await?.filter(DeviceRow::is_active);
    let row = row.ok_or_else(missing)?;
    check_app(cx, &row.app_identifier)?;
    Ok(row)
}

/// A stored device's key.
///
/// # Errors
/// A fault: what is stored was read before.
pub fn key(row: &DeviceRow) -> Result<PublicKey> {
    let key = PublicKey::from_jwk(&row.public_key_jwk);
    Ok(key.ok_or_else(|| Fault::new("a stored key that is none"))?)
}

/// An event of a device.
fn told(name: &'static str, row: &DeviceRow) -> Event {
    Event::new(name).user(&row.user_id).about(row.id.as_str())
}
