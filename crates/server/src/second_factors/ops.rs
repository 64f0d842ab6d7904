//! Use cases of second factors: setting one up, proving one, taking one away.
use super::backup_codes;
use super::model::TotpRow;
use super::resource::TotpResource;
use super::store;
use crate::audit::{self, Event};
use crate::clients::ops as clients;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::contact::{Channel, Contact};
use crate::identifiers::phones;
use crate::identifiers::phones::model::PhoneRow;
use crate::messages;
use crate::sessions;
use crate::sessions::model::SessionRow;
use crate::strategies::Strategy;
use crate::templates::Slug;
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::failures::{self, Failure};
use crate::verifications::model::VerificationRow;
use crate::verifications::ops::{self as codes, Code, Delivery, Outcome};
use crate::verifications::store as verifications;
use serde_json::json;
use usher_crypto::totp::{self, TotpSecret};
use usher_db::Tx;
use usher_http::percent;
use usher_types::error::codes as refuse;
use usher_types::id::{BackupCodesId, TotpId, UserId, VerificationId};
use usher_types::{ApiError, Error, Fault, Result, Secret};

/// What a secret is sealed for: it opens for its user only.
fn purpose(user: &UserId) -> String {
    format!("totp:{user}")
}

pub(super) fn seal(cx: &Cx, user: &UserId, secret: &[u8]) -> String {
    cx.instance
        .data_key
        .seal(&cx.app.rng, &purpose(user), secret)
}

fn open(cx: &Cx, row: &TotpRow) -> Result<TotpSecret> {
    let secret = cx
        .instance
        .data_key
        .open(&purpose(&row.user_id), &row.secret_sealed);
    let secret = secret.map_err(|e| Fault::new(format!("TOTP secret {}: {e}", row.id)))?;
    Ok(TotpSecret::new(secret))
}

/// What an authenticator app reads from a QR code.
fn uri(cx: &Cx, user: &UserRow, secret: &str) -> String {
    let issuer = percent::encode(&cx.instance.settings.application_name);
    let name = user.identifier().unwrap_or(user.id.as_str());
    format!(
        "otpauth://totp/{issuer}:{}?algorithm=SHA1&digits={}&issuer={issuer}&period={}&secret={secret}",
        percent::encode(name),
        totp::DIGITS,
        totp::STEP_SECS
    )
}

/// Starts setting up an authenticator app: a new secret, which proves nothing until a first code of it was right. One
/// that was started before and not verified is replaced.
///
/// # Errors
/// 400 `totp_disabled`, `totp_already_enabled`.
pub async fn begin_totp(cx: &Cx, user: &UserRow) -> Result<TotpResource> {
    if !cx.instance.settings.attributes.authenticator_app {
        return Err(refuse::totp_disabled().into());
    }
    let secret = totp::generate(&cx.app.rng);
    let row = TotpRow {
        instance_id: cx.instance.row.id.clone(),
        user_id: user.id.clone(),
        id: TotpId::compose(cx.now, &cx.fresh()),
        secret_sealed: seal(cx, &user.id, &secret),
        verified_at: None,
        last_step: 0,
        created_at: cx.now,
        updated_at: cx.now,
    };
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let user = users::store::find_locked(&mut tx, &user.id).await?.ok_or_else(refuse::authentication_invalid)?;
        if user.totp_enabled {
            return Err(refuse::totp_already_enabled().into());
        }
        store::put_totp(&mut tx, &row).await?;
        audit::record(cx, &mut tx, Event::new("user.totp.created").user(&user.id).about(row.id.as_str()));
        Ok::<_, Error>(())
    })?;
    let text = totp::base32(&secret);
    let uri = uri(cx, user, &text);
    Ok(TotpResource::waiting(&row, text, uri))
}

/// Verifies the authenticator app by its first code: from then on sign-ins need it. The session at hand has proved it with
/// that, the user's other ones have not; the client's token changes. Backup codes come with it where the user has none.
///
/// # Errors
/// 404 where nothing was started; 400 where it is verified already; 422 `form_code_incorrect`.
pub async fn verify_totp(
    cx: &Cx,
    session: &SessionRow,
    user: &UserRow,
    code: &str,
) -> Result<TotpResource> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let with_codes = cx.instance.settings.attributes.backup_code;
    let (held, row, codes, ended) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        let mut user = users::store::find_locked(&mut tx, &user.id).await?.ok_or_else(refuse::authentication_invalid)?;
        let mut row = store::totp(&mut tx, &user.id).await?.ok_or_else(|| refuse::resource_not_found("authenticator app"))?;
        if row.verified_at.is_some() {
            return Err(refuse::totp_already_enabled().into());
        }
        let step = totp::matching_step(&open(cx, &row)?, cx.now.secs(), code.trim(), row.last_step);
        let step = step.ok_or_else(|| refuse::form_code_incorrect("code").at("code"))?;
        if !store::take_step(&mut tx, &user.id, step, cx.now).await? || !store::verify_totp(&mut tx, &user.id, cx.now).await? {
            return Err(refuse::totp_already_enabled().into());
        }
        row.updated_at = cx.now;
        let before = user.two_factor_enabled();
        user.set_second_factors(true, user.backup_code_enabled, cx.now);
        let codes = if with_codes && !user.backup_code_enabled {
            Some(backup_codes::renew(cx, &mut tx, &mut user).await?.1)
        } else {
            None
        };
        users::store::update(&mut tx, &user).await?;
        let ended = sessions::ops::enrolled(cx, &mut tx, &user.id, Some(&session.id)).await?;
        audit::record(cx, &mut tx, Event::new("user.totp.verified").user(&user.id).about(row.id.as_str()));
        tell(cx, &mut tx, &user, before).await?;
        if codes.is_some() {
            audit::record(cx, &mut tx, Event::new("user.backup_codes.created").user(&user.id));
        }
        clients::rotate(cx, &mut tx, &mut held).await?;
        Ok::<_, Error>((held, row, codes, ended))
    })?;
    clients::announce(cx, &held, None);
    users::ops::moderate::forget_tokens(cx, &ended);
    Ok(TotpResource::verified(&row, codes))
}

/// Takes the own authenticator app away. The client's token changes.
///
/// # Errors
/// 404 where there is none.
pub async fn remove_totp(cx: &Cx, user: &UserRow) -> Result<TotpId> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let (held, id) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        let mut user = users::store::find_locked(&mut tx, &user.id).await?.ok_or_else(refuse::authentication_invalid)?;
        let row = store::totp(&mut tx, &user.id).await?.ok_or_else(|| refuse::resource_not_found("authenticator app"))?;
        let before = user.two_factor_enabled();
        drop_totp(cx, &mut tx, &mut user).await?;
        users::store::update(&mut tx, &user).await?;
        tell(cx, &mut tx, &user, before).await?;
        audit::record(cx, &mut tx, Event::new("user.totp.deleted").user(&user.id).about(row.id.as_str()));
        clients::rotate(cx, &mut tx, &mut held).await?;
        Ok::<_, Error>((held, row.id))
    })?;
    clients::announce(cx, &held, None);
    Ok(id)
}

/// Takes the authenticator app of a held user away, and backup codes with it where nothing else is left for them to stand
/// in for. Writing the user's row is the caller's.
async fn drop_totp(cx: &Cx, tx: &mut Tx, user: &mut UserRow) -> Result<()> {
    store::delete_totp(tx, &user.id).await?;
    user.set_second_factors(false, user.backup_code_enabled, cx.now);
    if !user.two_factor_enabled() {
        no_second_factor(cx, tx, user).await?;
    }
    Ok(())
}

/// Tells a user that a second factor is asked for from now on, or no more. `before`: one was.
async fn tell(cx: &Cx, tx: &mut Tx, user: &UserRow, before: bool) -> Result<()> {
    let slug = match (before, user.two_factor_enabled()) {
        (false, true) => Slug::MfaEnabled,
        (true, false) => Slug::MfaDisabled,
        (false, false) | (true, true) => return Ok(()),
    };
    messages::ops::notice(cx, tx, user, slug, json!({})).await
}

/// Notes on a held user whether a number is a second factor, and what follows: with the last second factor the backup codes go.
/// Nobody has proved it in any session yet. Writing the user's row is the caller's.
///
/// # Errors
/// The database's.
pub async fn set_phone(cx: &Cx, tx: &mut Tx, user: &mut UserRow, on: bool) -> Result<()> {
    let before = user.two_factor_enabled();
    user.set_phone_second_factor(on, cx.now);
    tell(cx, tx, user, before).await?;
    match (before, user.two_factor_enabled()) {
        (false, true) => sessions::store::enrolled(tx, &user.id, None, cx.now).await?,
        (true, false) => no_second_factor(cx, tx, user).await?,
        (false, false) | (true, true) => {}
    }
    Ok(())
}

/// The first set of backup codes of a held user who has a second factor now; `None` where the instance offers none or the
/// user has some. Writing the user's row is done.
///
/// # Errors
/// The database's.
pub async fn first_backup_codes(
    cx: &Cx,
    tx: &mut Tx,
    user: &mut UserRow,
) -> Result<Option<Vec<String>>> {
    if !cx.instance.settings.attributes.backup_code || user.backup_code_enabled {
        return Ok(None);
    }
    let (_, codes) = backup_codes::renew(cx, tx, user).await?;
    users::store::update(tx, user).await?;
    let event = Event::new("user.backup_codes.created").user(&user.id);
    audit::record(cx, tx, event);
    Ok(Some(codes))
}

/// The last second factor of a held user is gone: nothing is left for backup codes to stand in for.
async fn no_second_factor(cx: &Cx, tx: &mut Tx, user: &mut UserRow) -> Result<()> {
    store::delete_backup_codes(tx, &user.id).await?;
    user.set_second_factors(user.totp_enabled, false, cx.now);
    sessions::store::no_second_factor(tx, &user.id, cx.now).await?;
    if cx.instance.settings.second_factor_required {
        sessions::store::needs_mfa(tx, &user.id, cx.now).await?;
    }
    Ok(())
}

/// A new set of backup codes in the place of the old one.
///
/// # Errors
/// 400 `backup_codes_not_available` where the instance has none, or the user nothing that they could stand in for.
pub async fn renew_backup_codes(cx: &Cx, user: &UserRow) -> Result<(BackupCodesId, Vec<String>)> {
    if !cx.instance.settings.attributes.backup_code {
        return Err(refuse::backup_codes_not_available().into());
    }
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut user = users::store::find_locked(&mut tx, &user.id).await?.ok_or_else(refuse::authentication_invalid)?;
        if !user.two_factor_enabled() {
            return Err(refuse::backup_codes_need_a_factor().into());
        }
        let made = backup_codes::renew(cx, &mut tx, &mut user).await?;
        users::store::update(&mut tx, &user).await?;
        audit::record(cx, &mut tx, Event::new("user.backup_codes.created").user(&user.id));
        Ok::<_, Error>(made)
    })
}

/// What an operator takes away from a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The authenticator app.
    Totp,
    /// The backup codes.
    BackupCodes,
    /// Every second factor.
    Everything,
}

impl Removal {
    fn event(self) -> &'static str {
        match self {
            Self::Totp => "user.totp.deleted",
            Self::BackupCodes => "user.backup_codes.deleted",
            Self::Everything => "user.mfa.disabled",
        }
    }
}

/// Takes second factors of a user away, for the operator. Where there were none nothing changes.
///
/// # Errors
/// 404.
pub async fn remove(cx: &Cx, id: &str, removal: Removal) -> Result<UserId> {
    let id = users::ops::list::parse_id(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut user = users::store::find_locked(&mut tx, &id).await?.ok_or_else(|| refuse::resource_not_found("user"))?;
        let before = user.two_factor_enabled();
        if removal == Removal::Everything {
            phones::ops::free_second_factors(cx, &mut tx, &mut user).await?;
        }
        if removal != Removal::BackupCodes {
            drop_totp(cx, &mut tx, &mut user).await?;
        }
        if removal != Removal::Totp {
            store::delete_backup_codes(&mut tx, &id).await?;
            user.set_second_factors(user.totp_enabled, false, cx.now);
        }
        users::store::update(&mut tx, &user).await?;
        audit::record(cx, &mut tx, Event::new(removal.event()).user(&id));
        tell(cx, &mut tx, &user, before).await?;
        Ok::<_, Error>(())
    })?;
    Ok(id)
}

/// A code that was given as a proof, with what had to be looked up about it outside a transaction.
#[derive(Clone, Debug)]
pub struct Given {
    by: Strategy,
    /// The verification that a code was sent with.
    sent: Option<VerificationId>,
    code: Secret<String>,
    backup: Option<Secret<String>>,
}

/// Takes a code as a proof. Slow where another system made the user's backup codes: never inside a transaction.
///
/// # Errors
/// 400 where the user has no such factor, or no code was sent; 403 for banned and locked users; 429 when the hashing queue is
/// full. `sent` is the verification of the code that was sent, for strategies that send one.
pub async fn given(
    cx: &Cx,
    user: &UserRow,
    by: Strategy,
    code: &str,
    sent: Option<&VerificationId>,
) -> Result<Given> {
    let enrolled = match by {
        Strategy::Totp => user.totp_enabled,
        Strategy::PhoneCode => user.phone_second_factor,
        Strategy::BackupCode => user.backup_code_enabled && user.two_factor_enabled(),
        _ => false,
    };
    if !enrolled {
        return Err(refuse::strategy_for_user_invalid().into());
    }
    // Nothing is looked at while a lock holds.
    sessions::ops::check_user(cx, user)?;
    if by == Strategy::PhoneCode && sent.is_none() {
        return Err(refuse::verification_missing().into());
    }
    let backup = if by == Strategy::BackupCode {
        backup_codes::find(cx, &user.id, code).await?
    } else {
        None
    };
    Ok(Given {
        by,
        sent: sent.cloned(),
        code: Secret::new(code.trim().to_owned()),
        backup: backup.map(Secret::new),
    })
}

/// Proves a second factor, and uses the code up. The one place that decides it, for sign-ins, sessions and operators. A
/// refusal is a value, so that its count is committed; parallel tries wait for each other at the user's row.
///
/// # Errors
/// 403 for banned and locked users; the database's.
pub async fn prove(
    cx: &Cx,
    tx: &mut Tx,
    id: &UserId,
    given: &Given,
) -> Result<Result<(), ApiError>> {
    let user = users::store::find_locked(tx, id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    sessions::ops::check_user(cx, &user)?;
    if let (Strategy::PhoneCode, Some(sent)) = (given.by, &given.sent) {
        match take_sent(cx, tx, id, sent, given.code.expose()).await? {
            Outcome::Verified => return Ok(Ok(())),
            Outcome::Refused(refused) if refused.code != "form_code_incorrect" => {
                return Ok(Err(refused));
            }
            Outcome::Refused(_) => {}
        }
    }
    let right = match &given.backup {
        Some(hash) => backup_codes::take(cx, tx, id, hash.expose()).await?,
        None if given.by == Strategy::Totp => take_totp(cx, tx, id, given.code.expose()).await?,
        None => false,
    };
    if right {
        let event = match given.by {
            Strategy::BackupCode => "user.backup_code.used",
            _ => "user.totp.used",
        };
        audit::record(cx, tx, Event::new(event).user(id));
        return Ok(Ok(()));
    }
    failures::count(cx, tx, &user, Failure::Code, "user.second_factor.failed").await?;
    Ok(Err(refuse::form_code_incorrect("code").at("code")))
}

/// Sends a code to a number that is a held user's second factor: the one that is named, or the default one. `previous` is the
/// verification that it replaces.
///
/// # Errors
/// 400 where the user has no such factor; 404 for other numbers; 403 for banned and locked users and for countries that get no
/// messages; 429 for a second code too soon.
pub async fn send(
    cx: &Cx,
    tx: &mut Tx,
    id: &UserId,
    to: Option<&str>,
    channel: Channel,
    previous: Option<&VerificationId>,
) -> Result<VerificationRow> {
    let user = users::store::find_locked(tx, id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    if !user.phone_second_factor {
        return Err(refuse::strategy_for_user_invalid().into());
    }
    sessions::ops::check_user(cx, &user)?;
    let phones = phones::ops::of_user(tx, &user).await?;
    let mut own = phones.iter().filter(|p| p.is_second_factor());
    let phone = match to {
        Some(to) => own.find(|p| p.id.as_str() == to),
        None => own.find(|p| p.default_second_factor),
    };
    let phone =
        phone.ok_or_else(|| refuse::resource_not_found("phone number").at("phone_number_id"))?;
    let number = Contact::stored(&phone.phone_number)
        .ok_or_else(|| Fault::new("a stored number that is none"))?;
    let wanted = Code {
        strategy: Strategy::PhoneCode,
        to: &number,
        channel,
        previous,
        link: None,
        delivery: Delivery::Send(user.locale.as_deref()),
    };
    codes::start_code(cx, tx, &wanted).await
}

/// Uses a code up that was sent to a number; nothing is right of a number that is the user's second factor no more.
async fn take_sent(
    cx: &Cx,
    tx: &mut Tx,
    user: &UserId,
    sent: &VerificationId,
    code: &str,
) -> Result<Outcome> {
    let target = verifications::find(tx, sent)
        .await?
        .and_then(|row| row.target);
    let phones = identifiers::store::of_user::<PhoneRow>(tx, user).await?;
    let theirs = phones
        .iter()
        .any(|p| p.is_second_factor() && Some(&p.phone_number) == target.as_ref());
    if !theirs {
        return Ok(Outcome::Refused(refuse::verification_missing()));
    }
    let outcome = codes::attempt(cx, tx, sent, code, None).await?;
    if matches!(outcome, Outcome::Verified) {
        let event = Event::new("user.phone_code.used").user(user);
        audit::record(cx, tx, event);
    }
    Ok(outcome)
}

/// Uses the step of a code up; false for wrong codes and for those that were used.
async fn take_totp(cx: &Cx, tx: &mut Tx, user: &UserId, code: &str) -> Result<bool> {
    let Some(row) = store::totp(tx, user)
        .await?
        .filter(|row| row.verified_at.is_some())
    else {
        return Ok(false);
    };
    match totp::matching_step(&open(cx, &row)?, cx.now.secs(), code, row.last_step) {
        Some(step) => Ok(store::take_step(tx, user, step, cx.now).await?),
        None => Ok(false),
    }
}

/// Holds a code against a user's second factors, for the operator's own flows: six digits are the app's, everything else
/// is a backup code. It is used up; wrong ones count, so that no other door lets more guesses in.
///
/// # Errors
/// 404; 400 `totp_disabled`; 422 `totp_incorrect_code`, `totp_invalid_length`; 403 for locked and banned users.
pub async fn verify_for_server(cx: &Cx, id: &str, code: &str) -> Result<Strategy> {
    let id = users::ops::list::parse_id(id)?;
    let user = users::store::find(&mut cx.read().await?, &id)
        .await?
        .ok_or_else(|| refuse::resource_not_found("user"))?;
    if !(user.totp_enabled || user.two_factor_enabled() && user.backup_code_enabled) {
        return Err(refuse::totp_disabled_for_user().into());
    }
    let code = code.trim();
    let digits = code.len() == totp::DIGITS && code.bytes().all(|b| b.is_ascii_digit());
    let by = match (digits, user.backup_code_enabled) {
        (true, _) => Strategy::Totp,
        (false, true) => Strategy::BackupCode,
        (false, false) => return Err(refuse::totp_invalid_length().at("code").into()),
    };
    let mut tried = given(cx, &user, by, code, None).await?;
    // A code of six digits may be another system's backup code.
    if by == Strategy::Totp && user.backup_code_enabled {
        tried.backup = backup_codes::find(cx, &id, code).await?.map(Secret::new);
    }
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        prove(cx, &mut tx, &id, &tried).await
    })?;
    outcome.map_err(|_| refuse::totp_incorrect_code().at("code"))?;
    Ok(if tried.backup.is_some() {
        Strategy::BackupCode
    } else {
        by
    })
}
