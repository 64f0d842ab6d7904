//! Signing in with an account elsewhere: the trip to the provider, and what comes of it.
use super::flow::{Facts, Status, status};
use super::model::SignInRow;
use super::ops::{Done, check_not_signed_in, conclude, current, finish, fresh, mine, told};
use super::resource::SignInResource;
use super::store;
use crate::audit;
use crate::clients::ops::{self as clients, Held};
use crate::clients::store as client_store;
use crate::cx::Cx;
use crate::instances::settings::SignUpMode;
use crate::sessions::ops as sessions;
use crate::sign_ups;
use crate::social::flow::{Verdict, judge};
use crate::social::model::{Account, FlowRow, Purpose};
use crate::social::ops::{self as social, Arrival, For, Ways};
use crate::social::registry::Connection;
use crate::social::{accounts, native, store as social_store};
use crate::strategies::{Proves, Strategy};
use crate::users;
use crate::users::model::UserRow;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::SignInId;
use usher_types::{ApiError, Error, Result};

fn trip(row: &SignInRow) -> For {
    For {
        purpose: Purpose::SignIn,
        subject: row.id.as_str().to_owned(),
        client: row.client_id.clone(),
        user: None,
    }
}

/// Starts an attempt by an account elsewhere; it replaces the client's current one. The answer says where the browser goes.
///
/// # Errors
/// 422 for strategies that are not offered; 400 where the client is signed in already, and for providers that cannot be asked.
pub(super) async fn create(cx: &Cx, strategy: &str, ways: Ways) -> Result<SignInResource> {
    let connection = social::authenticating(cx, strategy)?;
    let strategy = connection.strategy;
    let ready = social::ready(cx, connection, ways).await?;
    let (held, row) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let held = clients::hold_or_create(cx, &mut tx).await?;
        check_not_signed_in(cx, &mut tx, &held.row.id, None).await?;
        let mut row = fresh(cx, &held);
        let flow = social::begin(cx, &mut tx, &ready, trip(&row)).await?;
        row.first_factor_id = Some(flow.id);
        row.first_factor_strategy = Some(strategy.to_owned());
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.created", &row));
        client_store::set_sign_in(&mut tx, &held.row.id, Some(&row.id), cx.now).await?;
        Ok::<_, Error>((held, row))
    })?;
    conclude(cx, (held, row, Done::default())).await
}

/// Signs in with a token that the app got from the provider by itself.
///
/// # Errors
/// 404 `external_account_not_found`: the token can be spent on a sign-up then; 422 for tokens that do not hold; what refuses the
/// user.
pub(super) async fn by_token(cx: &Cx, word: &str, token: Option<&str>) -> Result<SignInResource> {
    let given = native::read(cx, word, token).await?;
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold_or_create(cx, &mut tx).await?;
        check_not_signed_in(cx, &mut tx, &held.row.id, None).await?;
        let mut row = fresh(cx, &held);
        let flow = native::spend(cx, &mut tx, &given, Purpose::SignIn, row.id.as_str(), &held.row.id).await?;
        row.first_factor_id = Some(flow.id.clone());
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.created", &row));
        client_store::set_sign_in(&mut tx, &held.row.id, Some(&row.id), cx.now).await?;
        let by = By { connection: &given.connection, strategy: given.strategy, flow: &flow, account: &given.account };
        let done = enter(cx, &mut tx, &mut held, &mut row, by).await?;
        if row.user_id.is_none() {
            // Nothing is kept: the same token may sign up.
            return Err(refuse::external_account_not_found().into());
        }
        Ok::<_, Error>((held, row, done))
    })?;
    conclude(cx, outcome).await
}

/// Takes the current attempt's user to a provider where the user has an account.
///
/// # Errors
/// 400 `strategy_for_user_invalid` where the user has none there.
pub(super) async fn prepare(
    cx: &Cx,
    id: &str,
    strategy: &str,
    ways: Ways,
) -> Result<SignInResource> {
    let mut view = cx.read().await?;
    let row = mine(cx, &mut view, id).await?;
    let connection = social::authenticating(cx, strategy)?;
    let strategy = connection.strategy;
    let open = social::ways_of(cx, &mut view, row.user_id.as_ref()).await?;
    drop(view);
    if !open.contains(&strategy) {
        return Err(refuse::strategy_for_user_invalid().into());
    }
    let ready = social::ready(cx, connection, ways).await?;
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, mut row) = current(cx, &mut tx, id).await?;
        let flow = social::begin(cx, &mut tx, &ready, trip(&row)).await?;
        row.first_factor_id = Some(flow.id);
        row.first_factor_strategy = Some(strategy.to_owned());
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.prepare_first_factor.passed", &row));
        Ok::<_, Error>(row)
    })?;
    super::ops::resource(cx, &mut cx.read().await?, &row).await
}

/// Goes on with the attempt that a trip was for.
///
/// # Errors
/// 400 where the attempt is another one by now; what refuses the user; what refuses a stranger.
pub async fn complete(cx: &Cx, flow: &FlowRow, account: &Account) -> Result<Arrival> {
    let connection = social::offered(cx, &flow.strategy)?;
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::oauth_callback_invalid)?;
    let (held, row, done) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        let row = match SignInId::parse(&flow.subject) {
            Some(id) => store::find(&mut tx, &id).await?,
            None => None,
        };
        let open = |row: &SignInRow| {
            let stage = status(Facts::of(row, cx.now));
            row.client_id == held.row.id
                && held.row.sign_in_id.as_ref() == Some(&row.id)
                && row.first_factor_id.as_ref() == Some(&flow.id)
                && matches!(stage, Status::NeedsIdentifier | Status::NeedsFirstFactor)
        };
        let mut row = row.filter(open).ok_or_else(refuse::oauth_callback_invalid)?;
        let by = By { connection: &connection, strategy: connection.strategy, flow, account };
        let done = enter(cx, &mut tx, &mut held, &mut row, by).await?;
        Ok::<_, Error>((held, row, done))
    })?;
    let arrival = if row.created_session_id.is_some() {
        Arrival::Session
    } else {
        Arrival::Open
    };
    conclude(cx, (held, row, done)).await?;
    Ok(arrival)
}

/// Whoever has no account here yet would have to sign up: says why not, where that is so already.
async fn check_may_sign_up(
    cx: &Cx,
    tx: &mut Tx,
    connection: &Connection,
    known: &accounts::Known,
) -> Result<()> {
    match cx.instance.settings.sign_up_mode {
        SignUpMode::Public => {}
        SignUpMode::Restricted => return Err(refuse::sign_up_mode_restricted().into()),
        SignUpMode::Waitlist => return Err(refuse::sign_up_restricted_waitlist().into()),
    }
    if !connection.settings.sign_up {
        return Err(refuse::not_allowed_to_sign_up().into());
    }
    if let Some(address) = known.address.as_ref().filter(|_| !known.facts.claimed) {
        crate::access::ops::check(cx, tx, address, crate::access::ops::Door::Join).await?;
    }
    Ok(())
}

/// What came home, from where, and under which name.
struct By<'a> {
    connection: &'a Connection,
    strategy: &'static str,
    flow: &'a FlowRow,
    account: &'a Account,
}

/// Signs the account's user in, or leaves what came home to a sign-up.
async fn enter(
    cx: &Cx,
    tx: &mut Tx,
    held: &mut Held,
    row: &mut SignInRow,
    by: By<'_>,
) -> Result<Done> {
    let By {
        connection,
        strategy,
        flow,
        account,
    } = by;
    let known = accounts::know(tx, connection, account).await?;
    let user = match judge(known.facts) {
        Verdict::Owner => known.account.as_ref().map(|a| a.user_id.clone()),
        Verdict::Link => known.email.as_ref().map(|e| e.user_id.clone()),
        Verdict::Unproved => {
            return Err(refuse::external_account_email_address_verification_required().into());
        }
        Verdict::Nobody { .. } => None,
    };
    let not_found = refuse::external_account_not_found();
    let Some(user) = user else {
        // An attempt that has named a user looks for that user's account, and for no new one.
        if row.user_id.is_some() {
            return Err(not_found.into());
        }
        check_may_sign_up(cx, tx, connection, &known).await?;
        social::hand_over(cx, tx, flow, account, &not_found).await?;
        return Ok(Done::default());
    };
    if row.user_id.as_ref().is_some_and(|named| *named != user) {
        return Err(not_found.into());
    }
    check_not_signed_in(cx, tx, &held.row.id, Some(&user)).await?;
    let owner = users::store::find_locked(tx, &user)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    // Before anything is linked: who may not sign in gets no new way to.
    sessions::check_user(cx, &owner)?;
    match known.account {
        Some(mut row) => accounts::renew(cx, tx, &mut row, account).await?,
        None => {
            accounts::attach(cx, tx, &user, connection.key, account).await?;
        }
    }
    social::fulfil(tx, flow).await?;
    if row.identifier.is_none() {
        row.identifier = Some(identifier(&owner, &known.email, account));
    }
    row.user_id = Some(user);
    let strategy = Strategy::Oauth(strategy);
    finish(cx, tx, held, row, strategy, Proves::First).await
}

/// What the attempt calls its user: the address that the provider told, where it is the user's here too.
fn identifier(
    owner: &UserRow,
    email: &Option<crate::identifiers::email::EmailRow>,
    account: &Account,
) -> String {
    email
        .as_ref()
        .filter(|e| e.user_id == owner.id)
        .map(|e| e.email_normal.clone())
        .or_else(|| owner.primary_email_normal.clone())
        .or_else(|| owner.username.clone())
        .unwrap_or_else(|| account.profile.subject.clone())
}

/// Takes over a sign-up whose account turned out to be an existing user's; `None` where the sign-up has none.
///
/// # Errors
/// What refuses the user.
pub(super) async fn transfer(cx: &Cx) -> Result<Option<SignInResource>> {
    let Some(client) = &cx.client else {
        return Ok(None);
    };
    let Some(sign_up) = &client.sign_up_id else {
        return Ok(None);
    };
    let waits = {
        let mut view = cx.read().await?;
        let id = sign_ups::social::trip(&mut view, sign_up).await?;
        match id {
            Some(id) => social_store::flow(&mut view, &id).await?,
            None => None,
        }
    };
    let Some(flow) = waits.filter(|flow| flow.status == "transferable") else {
        return Ok(None);
    };
    let connection = social::authenticating(cx, &flow.strategy)?;
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        let taken = social::take_over(cx, &mut tx, &flow.id, &held.row.id).await?;
        let (flow, account) = taken.ok_or_else(refuse::account_transfer_invalid)?;
        let mut row = SignInRow {
            first_factor_id: Some(flow.id.clone()),
            first_factor_strategy: Some(flow.strategy.clone()),
            ..fresh(cx, &held)
        };
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.transfer.completed", &row));
        client_store::set_sign_in(&mut tx, &held.row.id, Some(&row.id), cx.now).await?;
        let by = By { connection: &connection, strategy: connection.strategy, flow: &flow, account: &account };
        let done = enter(cx, &mut tx, &mut held, &mut row, by).await?;
        Ok::<_, Error>((held, row, done))
    })?;
    conclude(cx, outcome).await.map(Some)
}

/// The refusal of a word that is no strategy here.
pub(super) fn is_social(word: Option<&str>) -> Option<&str> {
    word.filter(|word| word.starts_with("oauth_"))
}

/// As the edge refuses strategies.
pub(super) fn check_offered(cx: &Cx, word: &str) -> Result<(), ApiError> {
    social::authenticating(cx, word).map(drop)
}
