//! The proofs of a reverification, one by one.
use super::factors;
use super::flow::Status;
use super::ops::{advance, conclude, glance, open, own, resource};
use super::resource::ReverificationResource;
use super::store;
use crate::audit;
use crate::cx::Cx;
use crate::identifiers::contact::Channel;
use crate::passkeys;
use crate::second_factors::ops as second_factors;
use crate::sessions::ops as sessions;
use crate::strategies::{Medium, Strategy};
use crate::users::ops::failures::{self, Failure};
use crate::users::ops::list;
use crate::users::password;
use crate::verifications::ops::{self as codes, Code, Delivery, Outcome};
use crate::verifications::store as verification_store;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// What the log calls a wrong password.
const WRONG_PASSWORD: &str = "session.reverification.password.failed";
/// What the log calls a wrong code.
const WRONG_CODE: &str = "session.reverification.code.failed";

/// Sends a code to one of the user's addresses or numbers.
///
/// # Errors
/// 404 for one that is not offered; 429 for a second code too soon; 400 where no first factor is due; 403 for countries that
/// get no messages.
pub async fn prepare_code(
    cx: &Cx,
    id: &str,
    by: Strategy,
    to: &str,
    channel: Channel,
) -> Result<ReverificationResource> {
    let (session, _) = own(cx, id).await?;
    let open = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut open = open(cx, &mut tx, &session, Status::NeedsFirstFactor).await?;
        let found = list::load(&mut tx, open.user.clone()).await?;
        let contact = factors::contacts(cx, &found, by).into_iter().find(|(id, _)| id == to);
        let (_, contact) = contact.ok_or_else(|| refuse::resource_not_found(by.medium().map_or("factor", Medium::noun)))?;
        let previous = open.row.first_factor_id.clone();
        let delivery = Delivery::Send(open.user.locale.as_deref());
        let wanted = Code { strategy: by, to: &contact, channel, previous: previous.as_ref(), link: None, delivery };
        let verification = codes::start_code(cx, &mut tx, &wanted).await?;
        open.row.first_factor_id = Some(verification.id);
        open.row.first_factor_strategy = Some(by.word().to_owned());
        open.row.updated_at = cx.now;
        store::put(&mut tx, &open.row).await?;
        audit::record(cx, &mut tx, sessions::told("session.reverification.code_sent", &open.session));
        Ok::<_, Error>(open)
    })?;
    resource(cx, &open.session, &open.user, &open.row).await
}

/// Asks the browser for a proof by one of the user's passkeys.
///
/// # Errors
/// 400 where the user has none, and where no first factor is due.
pub async fn prepare_passkey(cx: &Cx, id: &str) -> Result<ReverificationResource> {
    let (session, _) = own(cx, id).await?;
    let open = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut open = open(cx, &mut tx, &session, Status::NeedsFirstFactor).await?;
        let known = passkeys::ops::of_user(&mut tx, &open.user).await?;
        if known.is_empty() {
            return Err(refuse::strategy_for_user_invalid().into());
        }
        let challenge = passkeys::ops::ask(cx, &known)?;
        let strategy = Strategy::Passkey.word();
        let verification = codes::start_challenge(cx, &mut tx, strategy, &challenge.options, &challenge.state).await?;
        open.row.first_factor_id = Some(verification.id);
        open.row.first_factor_strategy = Some(strategy.to_owned());
        open.row.updated_at = cx.now;
        store::put(&mut tx, &open.row).await?;
        audit::record(cx, &mut tx, sessions::told("session.reverification.challenge_sent", &open.session));
        Ok::<_, Error>(open)
    })?;
    resource(cx, &open.session, &open.user, &open.row).await
}

/// Proves the first factor by the password.
///
/// # Errors
/// 422 when it is wrong; 400 where the user has none, and where no first factor is due; 403 for locked and banned users.
pub async fn by_password(cx: &Cx, id: &str, given: &str) -> Result<ReverificationResource> {
    let (session, user) = own(cx, id).await?;
    glance(cx, &session, Status::NeedsFirstFactor).await?;
    // Nothing is looked at while a lock holds.
    sessions::check_user(cx, &user)?;
    if user.password_is_off() || user.password_compromised {
        return Err(refuse::form_password_compromised().at("password").into());
    }
    let enabled = cx.instance.settings.attributes.password.enabled();
    let stored = user
        .password_stored
        .as_deref()
        .filter(|_| enabled)
        .ok_or_else(refuse::strategy_for_user_invalid)?;
    let right = password::verify(cx, Some(stored), given).await?;
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut open = open(cx, &mut tx, &session, Status::NeedsFirstFactor).await?;
        if !right {
            failures::count(cx, &mut tx, &open.user, Failure::Password, WRONG_PASSWORD).await?;
            return Ok(Err(refuse::form_password_incorrect("password").at("password")));
        }
        // It was the right one a moment ago, and somebody has changed it since.
        if open.user.password_updated_at != user.password_updated_at || open.user.password_compromised {
            return Err(refuse::form_password_incorrect("password").at("password").into());
        }
        open.row.first_factor_id = None;
        open.row.first_factor_strategy = Some(Strategy::Password.word().to_owned());
        open.row.first_factor_at = Some(cx.now);
        advance(cx, &mut tx, &mut open).await?;
        Ok::<_, Error>(Ok(open))
    })?;
    conclude(cx, outcome?).await
}

/// Proves the first factor by the code that was sent.
///
/// # Errors
/// 422 when it is wrong; 400 when it is spent or was never sent, and where no first factor is due; 403 for locked users.
pub async fn by_code(
    cx: &Cx,
    id: &str,
    by: Strategy,
    code: &str,
) -> Result<ReverificationResource> {
    let (session, _) = own(cx, id).await?;
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut open = open(cx, &mut tx, &session, Status::NeedsFirstFactor).await?;
        if open.row.first_factor_strategy.as_deref() != Some(by.word()) {
            return Err(refuse::verification_missing().into());
        }
        let sent = open.row.first_factor_id.clone().ok_or_else(refuse::verification_missing)?;
        match codes::attempt(cx, &mut tx, &sent, code, Some(&open.held.row.id)).await? {
            Outcome::Refused(refusal) => {
                if refusal.code == "form_code_incorrect" {
                    failures::count(cx, &mut tx, &open.user, Failure::Code, WRONG_CODE).await?;
                }
                return Ok(Err(refusal));
            }
            Outcome::Verified => {}
        }
        // Between the code's going out and its coming back an address can be gone, or a number a second factor.
        let found = list::load(&mut tx, open.user.clone()).await?;
        let target = verification_store::find(&mut tx, &sent).await?.and_then(|v| v.target);
        if !factors::contacts(cx, &found, by).iter().any(|(_, to)| Some(to.as_str()) == target.as_deref()) {
            return Err(refuse::verification_missing().into());
        }
        open.row.first_factor_at = Some(cx.now);
        advance(cx, &mut tx, &mut open).await?;
        Ok::<_, Error>(Ok(open))
    })?;
    conclude(cx, outcome?).await
}

/// Proves the first factor by a passkey; both, where its authenticator verified the user.
///
/// # Errors
/// 400 for proofs that do not verify and challenges that are spent, 404 for passkeys of others, 422 for what is no credential.
pub async fn by_passkey(cx: &Cx, id: &str, given: &str) -> Result<ReverificationResource> {
    let (session, user) = own(cx, id).await?;
    let row = glance(cx, &session, Status::NeedsFirstFactor).await?;
    let missing = || refuse::passkey_invalid_verification();
    if row.first_factor_strategy.as_deref() != Some(Strategy::Passkey.word()) {
        return Err(missing().into());
    }
    let challenge = row.first_factor_id.ok_or_else(missing)?;
    let mut view = cx.read().await?;
    let verification = verification_store::find(&mut view, &challenge)
        .await?
        .ok_or_else(missing)?;
    let proof = passkeys::ops::check(cx, &mut view, &verification, given, Some(&user.id)).await?;
    drop(view);
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut open = open(cx, &mut tx, &session, Status::NeedsFirstFactor).await?;
        // The challenge that was answered is still the attempt's.
        if open.row.first_factor_id.as_ref() != Some(&challenge) {
            return Err(missing().into());
        }
        let proof = match passkeys::ops::spend(cx, &mut tx, &challenge, proof.clone()).await? {
            Ok(proof) => proof,
            Err(refused) => return Ok(Err(refused)),
        };
        open.row.first_factor_at = Some(cx.now);
        if proof.user_verified && open.user.two_factor_enabled() {
            open.row.second_factor_at = Some(cx.now);
        }
        advance(cx, &mut tx, &mut open).await?;
        Ok::<_, Error>(Ok(open))
    })?;
    conclude(cx, outcome?).await
}

/// Sends a code that proves the second factor: to the number that is named, or to the default one.
///
/// # Errors
/// 400 where the user has no such factor, and where no second factor is due; 404 for other numbers; 403 for locked users and
/// for countries that get no messages; 429 for a second code too soon.
pub async fn prepare_text(
    cx: &Cx,
    id: &str,
    to: Option<&str>,
    channel: Channel,
) -> Result<ReverificationResource> {
    let (session, _) = own(cx, id).await?;
    let open = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut open = open(cx, &mut tx, &session, Status::NeedsSecondFactor).await?;
        let previous = open.row.second_factor_id.clone();
        let sent = second_factors::send(cx, &mut tx, &open.user.id, to, channel, previous.as_ref()).await?;
        open.row.second_factor_id = Some(sent.id);
        open.row.second_factor_strategy = Some(Strategy::PhoneCode.word().to_owned());
        open.row.updated_at = cx.now;
        store::put(&mut tx, &open.row).await?;
        audit::record(cx, &mut tx, sessions::told("session.reverification.code_sent", &open.session));
        Ok::<_, Error>(open)
    })?;
    resource(cx, &open.session, &open.user, &open.row).await
}

/// Proves the second factor by a code of the authenticator app or of a message, or by a backup code.
///
/// # Errors
/// 422 when it is wrong; 400 where the user has no such factor, and where no second factor is due; 403 for locked users.
pub async fn second(cx: &Cx, id: &str, by: Strategy, code: &str) -> Result<ReverificationResource> {
    let (session, user) = own(cx, id).await?;
    let row = glance(cx, &session, Status::NeedsSecondFactor).await?;
    let sent = row.second_factor_id.as_ref();
    let given = second_factors::given(cx, &user, by, code, sent).await?;
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut open = open(cx, &mut tx, &session, Status::NeedsSecondFactor).await?;
        if let Err(refused) = second_factors::prove(cx, &mut tx, &user.id, &given).await? {
            return Ok(Err(refused));
        }
        open.row.second_factor_id = None;
        open.row.second_factor_strategy = Some(by.word().to_owned());
        open.row.second_factor_at = Some(cx.now);
        advance(cx, &mut tx, &mut open).await?;
        Ok::<_, Error>(Ok(open))
    })?;
    conclude(cx, outcome?).await
}
