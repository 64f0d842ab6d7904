//! Use cases of sign-ins. Each: read, slow work, one write transaction, announce after the commit.
use super::client_trust;
use super::code;
use super::factors::{Factor, Known, factors, name};
use super::flow::{Facts, Status, status};
use super::model::SignInRow;
use super::resource::{Proofs, SignInResource};
use super::store;
use super::wallet;
use crate::access::ops::{self as access, Door};
use crate::audit::{self, Event};
use crate::clients::ops::{self as clients, Held};
use crate::clients::store as client_store;
use crate::cx::Cx;
use crate::identifiers::contact::{Channel, Contact};
use crate::instances::settings::SignUpMode;
use crate::sessions;
use crate::sessions::model::SessionRow;
use crate::sessions::tasks::Proof;
use crate::social::ops as social;
use crate::strategies::{Proves, Strategy};
use crate::users::model::UserRow;
use crate::users::ops::failures::{self, Failure};
use crate::users::ops::list;
use crate::users::{self, password};
use crate::verifications::store as verification_store;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, SignInId, UserId};
use usher_types::{ApiError, Error, Result};

/// What an attempt starts with.
#[derive(Clone, Debug, Default)]
pub struct Start<'a> {
    /// An address, a number or a username.
    pub identifier: Option<&'a str>,
    /// A password.
    pub password: Option<&'a str>,
    /// A strategy.
    pub strategy: Option<Strategy>,
    /// How a code gets to a telephone.
    pub channel: Channel,
    /// The page that a link leads to; an allowed one.
    pub redirect_url: Option<&'a str>,
    /// A code for an unknown address may end in a sign-up.
    pub sign_up_if_missing: bool,
    /// The language that the page is in.
    pub locale: Option<&'a str>,
}

/// The attempt with everything that its resource shows.
pub(super) async fn resource(cx: &Cx, tx: &mut Tx, row: &SignInRow) -> Result<SignInResource> {
    let user = match &row.user_id {
        Some(id) => users::store::find(tx, id).await?,
        None => None,
    };
    let found = match user {
        Some(user) => Some(list::load(tx, user).await?),
        None => None,
    };
    let under_way = Proofs {
        first: match &row.first_factor_id {
            Some(id) => verification_store::find(tx, id).await?,
            None => None,
        },
        second: match &row.second_factor_id {
            Some(id) => verification_store::find(tx, id).await?,
            None => None,
        },
    };
    let known = Known {
        identifier: row.identifier.as_deref().unwrap_or_default(),
        found: found.as_ref(),
    };
    let mut ways = match wallet::named(cx, row.identifier.as_deref()) {
        Some(wallet) => wallet::ways(cx, tx, &wallet).await?,
        None => factors(cx, &known),
    };
    if row.identifier.is_some() {
        let elsewhere = social::ways_of(cx, tx, row.user_id.as_ref()).await?;
        ways.extend(elsewhere.into_iter().map(Factor::Social));
    }
    let mut shown = SignInResource::new(cx, row, found.as_ref(), &ways, &under_way);
    if under_way.first.is_none()
        && let Some(trip) = social::shown(cx, tx, row.first_factor_id.as_ref()).await?
    {
        shown.first_factor_verification = Some(trip);
    }
    client_trust::show(cx, tx, row, found.as_ref(), &mut shown).await?;
    Ok(shown)
}

/// The client's open attempt, for its resource; `None` once it is over.
///
/// # Errors
/// The database's.
pub async fn open(
    cx: &Cx,
    tx: &mut Tx,
    id: &SignInId,
    client: &ClientId,
) -> Result<Option<SignInResource>> {
    let Some(row) = store::find(tx, id)
        .await?
        .filter(|r| r.client_id == *client)
    else {
        return Ok(None);
    };
    match status(Facts::of(&row, cx.now)) {
        Status::Complete | Status::Abandoned => Ok(None),
        Status::NeedsIdentifier
        | Status::NeedsFirstFactor
        | Status::NeedsNewPassword
        | Status::NeedsSecondFactor
        | Status::NeedsClientTrust => resource(cx, tx, &row).await.map(Some),
    }
}

/// An attempt of the browser's client, also a completed one (flows in other windows poll it).
///
/// # Errors
/// 404 for others' and unknown ones.
pub async fn show(cx: &Cx, id: &str) -> Result<SignInResource> {
    let mut tx = cx.read().await?;
    let row = mine(cx, &mut tx, id).await?;
    resource(cx, &mut tx, &row).await
}

pub(super) async fn mine(cx: &Cx, tx: &mut Tx, id: &str) -> Result<SignInRow> {
    let client = cx
        .client_id()
        .ok_or_else(|| refuse::resource_not_found("sign-in"))?;
    let id = SignInId::parse(id).ok_or_else(|| refuse::resource_not_found("sign-in"))?;
    let found = store::find(tx, &id)
        .await?
        .filter(|r| r.client_id == client);
    Ok(found.ok_or_else(|| refuse::resource_not_found("sign-in"))?)
}

/// What the log calls a wrong password.
const WRONG_PASSWORD: &str = "sign_in.password.failed";

/// An event of an attempt.
pub(super) fn told(name: &'static str, row: &SignInRow) -> Event {
    let event = Event::new(name)
        .about(row.id.as_str())
        .client(row.client_id.as_str());
    match &row.user_id {
        // Who only names a user is not the user yet.
        Some(user) if row.first_factor_at.is_some() => event.user(user),
        _ => event,
    }
}

/// What a wrong password is answered with: the same for everybody where protection is on.
fn wrong_password(cx: &Cx) -> ApiError {
    if cx.instance.settings.enumeration_protection {
        refuse::form_password_or_identifier_incorrect().at("password")
    } else {
        refuse::form_password_incorrect("password").at("password")
    }
}

/// Refuses a second sign-in where the client is signed in already.
pub(super) async fn check_not_signed_in(
    cx: &Cx,
    tx: &mut Tx,
    client: &ClientId,
    user: Option<&UserId>,
) -> Result<()> {
    let live = clients::live_sessions(cx, tx, client).await?;
    if cx.instance.settings.single_session_mode && !live.is_empty() {
        return Err(refuse::session_exists().into());
    }
    match live.iter().find(|s| Some(&s.user_id) == user) {
        Some(session) => Err(refuse::identifier_already_signed_in(session.id.as_str()).into()),
        None => Ok(()),
    }
}

/// A new attempt of a held client.
pub(super) fn fresh(cx: &Cx, held: &Held) -> SignInRow {
    SignInRow::blank(
        cx.instance.row.id.clone(),
        SignInId::compose(cx.now, &cx.fresh()),
        held.row.id.clone(),
        cx.now,
    )
}

/// Starts an attempt; it replaces the client's current one. With a password it may complete at once; with `email_code`
/// the code goes out at once.
///
/// # Errors
/// 422 for unknown identifiers (unless protected) and wrong passwords; 400 where the client is signed in already.
pub async fn create(cx: &Cx, start: Start<'_>) -> Result<SignInResource> {
    let settings = &cx.instance.settings;
    // Where not everybody may sign up, a sign-in does not turn into a sign-up, and no stranger gets mail for it.
    let sign_up_if_missing =
        start.sign_up_if_missing && settings.sign_up_mode == SignUpMode::Public;
    let mut named = None;
    if let Some(identifier) = start.identifier {
        let mut tx = cx.read().await?;
        if let Some(client) = &cx.client {
            check_not_signed_in(cx, &mut tx, &client.id, None).await?;
        }
        let found = name(cx, &mut tx, identifier).await?;
        if let Some(contact) = &found.contact {
            access::check_contact(cx, &mut tx, contact, Door::SignIn).await?;
        }
        if found.found.is_none() && !settings.enumeration_protection {
            let may_sign_up = sign_up_if_missing && found.proves_by_code(settings);
            if !may_sign_up {
                return Err(refuse::form_identifier_not_found("identifier")
                    .at("identifier")
                    .into());
            }
        }
        named = Some(found);
    }
    let user = named.as_ref().and_then(|n| n.user().cloned());
    // Slow work before the transaction. Locked accounts are told so before their password is looked at, unless that
    // would tell that they exist.
    let by_password = start
        .password
        .filter(|_| named.is_some() && matches!(start.strategy, None | Some(Strategy::Password)));
    let mut proved = None;
    if let Some(given) = by_password {
        proved = Some(check_password(cx, user.as_ref(), given).await?);
    }
    if start.strategy == Some(Strategy::Password) && named.is_some() && start.password.is_none() {
        return Err(refuse::form_param_missing("password").at("password").into());
    }
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold_or_create(cx, &mut tx).await?;
        check_not_signed_in(cx, &mut tx, &held.row.id, user.as_ref().map(|u| &u.id)).await?;
        if proved == Some(false) {
            return Ok(Err(count_wrong_password(cx, &mut tx, user.as_ref()).await?));
        }
        let mut row = SignInRow {
            identifier: named.as_ref().map(|n| n.identifier.clone()),
            user_id: user.as_ref().map(|u| u.id.clone()),
            sign_up_if_missing,
            locale: start.locale.map(str::to_owned),
            ..fresh(cx, &held)
        };
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.created", &row));
        client_store::set_sign_in(&mut tx, &held.row.id, Some(&row.id), cx.now).await?;
        let mut done = Done::default();
        if proved == Some(true) {
            done = finish(cx, &mut tx, &mut held, &mut row, Strategy::Password, Proves::First).await?;
        } else if let (Some(strategy), Some(named)) = (start.strategy.filter(|s| s.medium().is_some()), &named) {
            let to = code::given(cx, named, strategy).ok_or_else(refuse::strategy_for_user_invalid)?;
            let wanted = code::Wanted { strategy, to: &to, channel: start.channel, redirect_url: start.redirect_url };
            code::prepare_code(cx, &mut tx, &mut row, &wanted).await?;
        } else if start.strategy == Some(Strategy::Passkey) {
            super::passkey::prepare(cx, &mut tx, &mut row).await?;
        }
        Ok::<_, Error>(Ok((held, row, done)))
    })?;
    conclude(cx, outcome?).await
}

/// Checks a password against a user who may not exist. Takes the same time either way.
async fn check_password(cx: &Cx, user: Option<&UserRow>, given: &str) -> Result<bool> {
    let allowed = cx.instance.settings.attributes.password.enabled();
    let locked = user.is_some_and(|u| u.is_locked(cx.now));
    if locked
        && !cx.instance.settings.enumeration_protection
        && let Some(user) = user
    {
        sessions::ops::check_user(cx, user)?;
    }
    if !cx.instance.settings.enumeration_protection
        && user.is_some_and(|u| u.password_stored.is_none())
    {
        return Err(refuse::strategy_for_user_invalid().into());
    }
    if !cx.instance.settings.enumeration_protection && user.is_some_and(UserRow::password_is_off) {
        return Err(refuse::form_password_compromised().at("password").into());
    }
    let stored = user
        .filter(|u| allowed && !locked && !u.password_is_off())
        .and_then(|u| u.password_stored.as_deref());
    let right = password::verify(cx, stored, given).await?;
    if right && let Some(user) = user {
        password::upgrade(cx, user, given).await?;
        // A ban is told of where the session would start, and ends the matter.
        if !user.banned && password::is_refused_at_sign_in(cx, given).await? {
            users::ops::own::distrust_password(cx, user).await?;
            return Err(refuse::form_password_pwned().at("password").into());
        }
    }
    Ok(right)
}

/// Notes a wrong password; the refusal is a value, so that the count is committed.
async fn count_wrong_password(cx: &Cx, tx: &mut Tx, user: Option<&UserRow>) -> Result<ApiError> {
    if let Some(user) = user.filter(|u| !u.password_is_off()) {
        failures::count(cx, tx, user, Failure::Password, WRONG_PASSWORD).await?;
    }
    Ok(wrong_password(cx))
}

/// What a completed attempt changed besides itself.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The stamp of the client's sessions when they changed.
    pub(super) changed: Option<i64>,
    /// Sessions that ended; their tokens are forgotten after the commit.
    pub(super) ended: Vec<SessionRow>,
}

/// Notes a proved first factor and, where nothing else is needed, completes the attempt. `proves` is
/// [`Strategy::proves`] or, where this very proof was worth both factors, `Both`.
pub(super) async fn finish(
    cx: &Cx,
    tx: &mut Tx,
    held: &mut Held,
    row: &mut SignInRow,
    strategy: Strategy,
    proves: Proves,
) -> Result<Done> {
    row.first_factor_strategy = Some(strategy.word().to_owned());
    row.first_factor_at = Some(cx.now);
    let user_id = row
        .user_id
        .clone()
        .ok_or_else(refuse::strategy_for_user_invalid)?;
    let user = users::store::find_locked(tx, &user_id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    if let Some(wallet) = wallet::named(cx, row.identifier.as_deref()) {
        access::check_wallet(cx, tx, &wallet, Door::SignIn).await?;
    }
    // A username stands for its user's address.
    let named = row.identifier.as_deref().and_then(Contact::stored);
    let primary = || user.identifier().and_then(Contact::stored);
    if let Some(contact) = named.or_else(primary) {
        access::check_contact(cx, tx, &contact, Door::SignIn).await?;
    }
    // A new password that the attempt already holds is the answer to that.
    if user.password_compromised && row.new_password_stored.is_none() {
        match strategy {
            Strategy::Password => {
                return Err(refuse::form_password_compromised().at("password").into());
            }
            // Whoever proved the address sets a new password before anything else.
            Strategy::EmailCode | Strategy::EmailLink | Strategy::PhoneCode => {
                row.needs_new_password = true;
            }
            _ => {}
        }
    }
    let two_factors = user.two_factor_enabled();
    row.second_factor_required = two_factors && proves != Proves::Both;
    row.client_trust_required = client_trust::is_due(cx, tx, row, &user, strategy).await?;
    if proves == Proves::Both {
        row.second_factor_strategy = Some(strategy.word().to_owned());
        row.second_factor_at = two_factors.then_some(cx.now);
    }
    advance(cx, tx, held, row).await
}

/// Completes the attempt where nothing else is needed, and keeps it as it is otherwise. A new password that it brought is
/// the user's from then on, not before.
pub(super) async fn advance(
    cx: &Cx,
    tx: &mut Tx,
    held: &mut Held,
    row: &mut SignInRow,
) -> Result<Done> {
    row.updated_at = cx.now;
    if status(Facts::of(row, cx.now)) != Status::Complete {
        let event = if row.second_factor_at.is_some() {
            "sign_in.attempt_second_factor.passed"
        } else {
            "sign_in.attempt_first_factor.passed"
        };
        audit::record(cx, tx, told(event, row));
        store::update(tx, row).await?;
        return Ok(Done::default());
    }
    let user = match &row.user_id {
        Some(id) => users::store::find_locked(tx, id).await?,
        None => None,
    };
    let mut user = user.ok_or_else(refuse::authentication_invalid)?;
    let mut ended = Vec::new();
    if let Some(stored) = row.new_password_stored.take() {
        users::ops::own::put_password(cx, tx, &user.id, &stored).await?;
        user.password_compromised = false;
        if row.end_other_sessions {
            ended = sessions::ops::end_of_user(cx, tx, &user.id, "revoked", None).await?;
        }
    }
    let strategy = row.first_factor_strategy.clone().unwrap_or_default();
    let passkey = row.second_factor_strategy.as_deref() == Some(Strategy::Passkey.word());
    let proof = if passkey {
        Proof::Both
    } else {
        Proof::Ordinary
    };
    let session = sessions::ops::complete_by(cx, tx, held, &user, &strategy, proof).await?;
    sessions::store::prove(
        tx,
        &session.id,
        row.first_factor_at,
        row.second_factor_at,
        cx.now,
    )
    .await?;
    audit::record(cx, tx, told("sign_in.completed", row).session(&session.id));
    row.created_session_id = Some(session.id);
    store::update(tx, row).await?;
    client_store::set_sign_in(tx, &held.row.id, None, cx.now).await?;
    client_store::set_sign_up(tx, &held.row.id, None, cx.now).await?;
    Ok(Done {
        changed: Some(clients::uat(&held.row, 1)),
        ended,
    })
}

/// The client's current attempt under the client's lock, in a state that takes a first factor.
pub(super) async fn current(cx: &Cx, tx: &mut Tx, id: &str) -> Result<(Held, SignInRow)> {
    hold(cx, tx, id, Status::NeedsFirstFactor).await
}

/// The client's current attempt under the client's lock, in the state that is `due`.
pub(super) async fn hold(cx: &Cx, tx: &mut Tx, id: &str, due: Status) -> Result<(Held, SignInRow)> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(|| refuse::resource_not_found("sign-in"))?;
    let held = clients::hold(tx, client).await?;
    let row = mine(cx, tx, id).await?;
    let stage = status(Facts::of(&row, cx.now));
    // A passkey and a device say by themselves whose they are.
    let under_way = row
        .first_factor_strategy
        .as_deref()
        .and_then(Strategy::parse);
    let open = stage == due
        || (due == Status::NeedsFirstFactor
            && stage == Status::NeedsIdentifier
            && matches!(under_way, Some(Strategy::Passkey | Strategy::TrustedDevice)));
    if held.row.sign_in_id.as_ref() != Some(&row.id) || !open {
        return Err(refuse::invalid_action_for_session().into());
    }
    Ok((held, row))
}

/// Proves the first factor by password.
///
/// # Errors
/// 422 when it is wrong; 403 for locked and banned users.
pub async fn attempt_password(cx: &Cx, id: &str, given: &str) -> Result<SignInResource> {
    let mut tx = cx.read().await?;
    let row = mine(cx, &mut tx, id).await?;
    let user = match &row.user_id {
        Some(id) => users::store::find(&mut tx, id).await?,
        None => None,
    };
    drop(tx);
    if status(Facts::of(&row, cx.now)) != Status::NeedsFirstFactor {
        return Err(refuse::invalid_action_for_session().into());
    }
    wallet::check_way(cx, &row, Strategy::Password)?;
    let right = check_password(cx, user.as_ref(), given).await?;
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = current(cx, &mut tx, id).await?;
        if !right {
            return Ok(Err(count_wrong_password(cx, &mut tx, user.as_ref()).await?));
        }
        row.first_factor_id = None;
        let done = finish(cx, &mut tx, &mut held, &mut row, Strategy::Password, Strategy::Password.proves()).await?;
        Ok::<_, Error>(Ok((held, row, done)))
    })?;
    conclude(cx, outcome?).await
}

/// Takes the new password of an attempt that proved to own the address, and completes it where no second factor is due. The
/// other sessions of the user end where that is asked for.
///
/// # Errors
/// 400 where no new password is due; 422 for passwords that the policy refuses.
pub async fn reset_password(
    cx: &Cx,
    id: &str,
    new: &str,
    end_others: bool,
) -> Result<SignInResource> {
    let mut view = cx.read().await?;
    let row = mine(cx, &mut view, id).await?;
    if status(Facts::of(&row, cx.now)) != Status::NeedsNewPassword {
        return Err(refuse::invalid_action_for_session().into());
    }
    let user_id = row
        .user_id
        .clone()
        .ok_or_else(refuse::invalid_action_for_session)?;
    let user = users::store::find(&mut view, &user_id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    let found = list::load(&mut view, user).await?;
    drop(view);
    let user = &found.user;
    password::verdict(cx, "password", new, &found.identifiers()).await??;
    // The password that is not trusted any more is no new one.
    if user.password_compromised
        && password::verify(cx, user.password_stored.as_deref(), new).await?
    {
        return Err(refuse::form_new_password_matches_current()
            .at("password")
            .into());
    }
    let stored = password::hash(cx, new).await?;
    let (held, row, done) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = hold(cx, &mut tx, id, Status::NeedsNewPassword).await?;
        row.new_password_stored = Some(stored.clone());
        row.end_other_sessions = end_others;
        row.needs_new_password = false;
        let by = row.first_factor_strategy.as_deref().and_then(Strategy::parse).unwrap_or(Strategy::ResetPasswordEmailCode);
        let done = finish(cx, &mut tx, &mut held, &mut row, by, by.proves()).await?;
        Ok::<_, Error>((held, row, done))
    })?;
    conclude(cx, (held, row, done)).await
}

pub(super) async fn conclude(
    cx: &Cx,
    (held, row, done): (Held, SignInRow, Done),
) -> Result<SignInResource> {
    users::ops::moderate::forget_tokens(cx, &done.ended);
    clients::announce(cx, &held, done.changed);
    let mut tx = cx.read().await?;
    resource(cx, &mut tx, &row).await
}
