//! Client trust: a right password on a browser on which its user was never signed in is half a sign-in. The other half is a
//! code to an address of the user's, where the user has no second factor that says more (contract fapi §8.5, bapi §6.5).
//!
//! What is known is a row of client and user, written when a sign-in or sign-up completes, and gone with the client's cookie,
//! with the user's word and with a password that was changed for everybody.
use super::flow::{Facts, Status, status};
use super::model::SignInRow;
use super::ops::{advance, conclude, hold, mine, resource, told};
use super::resource::{FactorResource, SignInResource};
use super::store;
use crate::audit;
use crate::clients::store as client_store;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::contact::{Channel, Contact};
use crate::identifiers::email::{EmailAddress, EmailRow, redacted};
use crate::identifiers::resource::VerificationResource;
use crate::sessions::ops as sessions;
use crate::strategies::Strategy;
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::failures::{self, Failure};
use crate::users::ops::list::Found;
use crate::verifications::ops::{self as codes, Code, Delivery, Outcome};
use crate::verifications::store as verification_store;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// What the log calls a wrong code.
const WRONG_CODE: &str = "sign_in.client_trust.code_failed";

/// The addresses that can prove it. Somebody who only knows a username and a password is not told the address.
fn ways(row: &SignInRow, user: &UserRow, emails: &[EmailRow]) -> Vec<FactorResource> {
    let primary = user.primary_email_address_id.as_ref();
    let verified = emails.iter().filter(|e| e.is_verified());
    verified
        .map(|email| FactorResource {
            safe_identifier: Some(
                if row.identifier.as_deref() == Some(email.email_normal.as_str()) {
                    email.email_address.clone()
                } else {
                    redacted(&email.email_address)
                },
            ),
            email_address_id: Some(email.id.as_str().to_owned()),
            primary: Some(primary == Some(&email.id)),
            ..FactorResource::plain(Strategy::EmailCode)
        })
        .collect()
}

/// The attempt has to prove an address before it completes. Who has none that could be proved is not locked out.
///
/// # Errors
/// The database's.
pub(super) async fn is_due(
    cx: &Cx,
    tx: &mut Tx,
    row: &SignInRow,
    user: &UserRow,
    by: Strategy,
) -> Result<bool> {
    let demanded = cx.instance.settings.client_trust
        && by == Strategy::Password
        && !user.two_factor_enabled()
        && !user.bypass_client_trust;
    if !demanded || client_store::trusts(tx, &row.client_id, &user.id).await? {
        return Ok(false);
    }
    let emails = identifiers::store::of_user(tx, &user.id).await?;
    Ok(!ways(row, user, &emails).is_empty())
}

/// Adds what concerns this step to an attempt's resource.
///
/// # Errors
/// The database's.
pub(super) async fn show(
    cx: &Cx,
    tx: &mut Tx,
    row: &SignInRow,
    found: Option<&Found>,
    shown: &mut SignInResource,
) -> Result<()> {
    if !cx.instance.settings.client_trust {
        return Ok(());
    }
    let user = found.map(|f| &f.user);
    let emails = found.map_or(&[][..], |f| &f.emails);
    let known = match user {
        Some(user) if !row.client_trust_required => {
            client_store::trusts(tx, &row.client_id, &user.id).await?
        }
        Some(_) | None => false,
    };
    shown.client_trust_state = Some(match (&row.identifier, known) {
        (None, _) => "pending",
        (Some(_), true) => "known",
        (Some(_), false) => "new",
    });
    if let Some(user) = user.filter(|_| row.client_trust_required) {
        shown.supported_second_factors = Some(ways(row, user, emails));
        if let Some(id) = &row.client_trust_id {
            let sent = verification_store::find(tx, id).await?;
            shown.second_factor_verification =
                sent.map(|sent| VerificationResource::otp(&sent, cx.now));
        }
    }
    Ok(())
}

/// The attempt waits for this step.
#[must_use]
pub(super) fn waits(cx: &Cx, row: &SignInRow) -> bool {
    status(Facts::of(row, cx.now)) == Status::NeedsClientTrust
}

/// Sends a code to an address of the user's: the one that is named, else the primary one.
///
/// # Errors
/// 400 for other strategies and where the step is not due; 404 for an address that is not offered; 429 for a second code too
/// soon; 403 for locked and banned users.
pub(super) async fn prepare(
    cx: &Cx,
    id: &str,
    by: Strategy,
    email_id: Option<&str>,
) -> Result<SignInResource> {
    if by != Strategy::EmailCode {
        return Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into());
    }
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, mut row) = hold(cx, &mut tx, id, Status::NeedsClientTrust).await?;
        let user = owner(cx, &mut tx, &row).await?;
        let emails = identifiers::store::of_user(&mut tx, &user.id).await?;
        let offered = ways(&row, &user, &emails);
        let wanted = offered.iter().find(|w| match email_id {
            Some(id) => w.email_address_id.as_deref() == Some(id),
            None => w.primary == Some(true),
        });
        let wanted = wanted.and_then(|w| w.email_address_id.as_deref());
        let email = emails.iter().find(|e| wanted == Some(e.id.as_str()));
        let address = email.and_then(|e| EmailAddress::parse(&e.email_normal)).ok_or_else(|| refuse::resource_not_found("email address"))?;
        let previous = row.client_trust_id.clone();
        let wanted = Code { strategy: by, to: &Contact::Email(address), channel: Channel::default(), previous: previous.as_ref(), link: None, delivery: Delivery::Send(user.locale.as_deref()) };
        let verification = codes::start_code(cx, &mut tx, &wanted).await?;
        row.client_trust_id = Some(verification.id);
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.client_trust.code_sent", &row));
        Ok::<_, Error>(row)
    })?;
    let mut tx = cx.read().await?;
    resource(cx, &mut tx, &row).await
}

/// Proves the address by the code, and completes the attempt: from then on the browser is known.
///
/// # Errors
/// 422 when it is wrong; 400 when it is spent or was never sent, and for other strategies; 403 for locked and banned users.
pub(super) async fn attempt(cx: &Cx, id: &str, by: Strategy, code: &str) -> Result<SignInResource> {
    if by != Strategy::EmailCode {
        return Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into());
    }
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = hold(cx, &mut tx, id, Status::NeedsClientTrust).await?;
        let user = owner(cx, &mut tx, &row).await?;
        let sent = row.client_trust_id.clone().ok_or_else(refuse::verification_missing)?;
        match codes::attempt(cx, &mut tx, &sent, code, Some(&held.row.id)).await? {
            Outcome::Refused(refusal) => {
                if refusal.code == "form_code_incorrect" {
                    failures::count(cx, &mut tx, &user, Failure::Code, WRONG_CODE).await?;
                }
                return Ok(Err(refusal));
            }
            Outcome::Verified => {}
        }
        row.client_trust_at = Some(cx.now);
        let done = advance(cx, &mut tx, &mut held, &mut row).await?;
        Ok::<_, Error>(Ok((held, row, done)))
    })?;
    conclude(cx, outcome?).await
}

/// The user of the attempt under lock, neither banned nor locked.
async fn owner(cx: &Cx, tx: &mut Tx, row: &SignInRow) -> Result<UserRow> {
    let id = row
        .user_id
        .as_ref()
        .ok_or_else(refuse::invalid_action_for_session)?;
    let user = users::store::find_locked(tx, id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    sessions::check_user(cx, &user)?;
    Ok(user)
}

/// The attempt of the path, for whoever must know which step it waits for.
///
/// # Errors
/// 404 for others'.
pub(super) async fn is_next(cx: &Cx, id: &str) -> Result<bool> {
    let row = mine(cx, &mut cx.read().await?, id).await?;
    Ok(waits(cx, &row))
}
