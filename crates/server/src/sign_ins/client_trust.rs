//! Client trust: a right password on a browser on which its user was never signed in is half a sign-in. The other half is a
//! code to an address or a number of the user's, where the user has no second factor that says more (contract fapi §8.5, bapi §6.5).
//!
//! What is known is a row of client and user, written when a sign-in or sign-up completes, and gone with the client's cookie,
//! with the user's word and with a password that was changed for everybody.
use super::factors::safe_number;
use super::flow::{Facts, Status, status};
use super::model::SignInRow;
use super::ops::{advance, conclude, hold, mine, resource, told};
use super::resource::{FactorResource, SignInResource};
use super::store;
use crate::audit;
use crate::clients::store as client_store;
use crate::cx::Cx;
use crate::identifiers::contact::{Channel, Contact};
use crate::identifiers::email::redacted;
use crate::identifiers::resource::VerificationResource;
use crate::sessions::ops as sessions;
use crate::strategies::{Medium, Strategy};
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::failures::{self, Failure};
use crate::users::ops::list::{self, Found};
use crate::verifications::ops::{self as codes, Code, Delivery, Outcome};
use crate::verifications::store as verification_store;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// What the log calls a wrong code.
const WRONG_CODE: &str = "sign_in.client_trust.code_failed";

/// The addresses and numbers that can prove it. Somebody who only knows a username and a password is not told them.
fn ways(cx: &Cx, row: &SignInRow, found: &Found) -> Vec<(FactorResource, Contact)> {
    let given = row.identifier.as_deref();
    let shown = |full: &str, safe: String| {
        if given == Some(full) {
            full.to_owned()
        } else {
            safe
        }
    };
    let user = &found.user;
    let emails = found.emails.iter().filter(|e| e.is_verified());
    let mut ways: Vec<_> = emails
        .filter_map(|email| {
            let safe = shown(&email.email_address, redacted(&email.email_address));
            let primary = user.primary_email_address_id.as_ref() == Some(&email.id);
            let way = FactorResource::code(Strategy::EmailCode, email.id.as_str(), &safe, primary);
            Some((way, Contact::stored(&email.email_normal)?))
        })
        .collect();
    if cx.instance.settings.attributes.phone_number.enabled() {
        let phones = found.phones.iter().filter(|p| p.is_first_factor());
        ways.extend(phones.filter_map(|phone| {
            let safe = shown(&phone.phone_number, safe_number(phone));
            let primary = user.primary_phone_number_id.as_ref() == Some(&phone.id);
            let way = FactorResource::code(Strategy::PhoneCode, phone.id.as_str(), &safe, primary);
            Some((way, Contact::stored(&phone.phone_number)?))
        }));
    }
    ways
}

/// The attempt has to prove an address or a number before it completes. Who has none that could be proved is not locked out.
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
    let found = list::load(tx, user.clone()).await?;
    Ok(!ways(cx, row, &found).is_empty())
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
    if let Some(found) = found.filter(|_| row.client_trust_required) {
        let ways = ways(cx, row, found).into_iter();
        shown.supported_second_factors = Some(ways.map(|(way, _)| way).collect());
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

/// What sends a code here; other strategies are refused.
fn check_way(by: Strategy) -> Result<()> {
    if [Strategy::EmailCode, Strategy::PhoneCode].contains(&by) {
        Ok(())
    } else {
        Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into())
    }
}

/// Sends a code to an address or a number of the user's: the one that is named, else the primary one.
///
/// # Errors
/// 400 for other strategies and where the step is not due; 404 for one that is not offered; 429 for a second code too soon;
/// 403 for locked and banned users and for countries that get no messages.
pub(super) async fn prepare(
    cx: &Cx,
    id: &str,
    by: Strategy,
    to: Option<&str>,
    channel: Channel,
) -> Result<SignInResource> {
    check_way(by)?;
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, mut row) = hold(cx, &mut tx, id, Status::NeedsClientTrust).await?;
        let user = owner(cx, &mut tx, &row).await?;
        let found = list::load(&mut tx, user).await?;
        let wanted = ways(cx, &row, &found).into_iter().find(|(way, _)| way.strategy == by.word() && match to {
            Some(id) => way.id() == Some(id),
            None => way.primary == Some(true),
        });
        let (_, contact) = wanted.ok_or_else(|| refuse::resource_not_found(by.medium().map_or("factor", Medium::noun)))?;
        let previous = row.client_trust_id.clone();
        let delivery = Delivery::Send(found.user.locale.as_deref().or(row.locale.as_deref()));
        let wanted = Code { strategy: by, to: &contact, channel, previous: previous.as_ref(), link: None, delivery };
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

/// Proves the address or number by the code, and completes the attempt: from then on the browser is known.
///
/// # Errors
/// 422 when it is wrong; 400 when it is spent or was never sent, and for other strategies; 403 for locked and banned users.
pub(super) async fn attempt(cx: &Cx, id: &str, by: Strategy, code: &str) -> Result<SignInResource> {
    check_way(by)?;
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = hold(cx, &mut tx, id, Status::NeedsClientTrust).await?;
        let user = owner(cx, &mut tx, &row).await?;
        let sent = row.client_trust_id.clone().ok_or_else(refuse::verification_missing)?;
        let verification = verification_store::find(&mut tx, &sent).await?.filter(|v| v.strategy == by.word());
        let target = verification.ok_or_else(refuse::verification_missing)?.target;
        match codes::attempt(cx, &mut tx, &sent, code, Some(&held.row.id)).await? {
            Outcome::Refused(refusal) => {
                if refusal.code == "form_code_incorrect" {
                    failures::count(cx, &mut tx, &user, Failure::Code, WRONG_CODE).await?;
                }
                return Ok(Err(refusal));
            }
            Outcome::Verified => {}
        }
        // Between the code's going out and its coming back it can have become somebody else's.
        let found = list::load(&mut tx, user).await?;
        if !ways(cx, &row, &found).iter().any(|(_, to)| Some(to.as_str()) == target.as_deref()) {
            return Err(refuse::verification_missing().into());
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
