//! Signing up with an account elsewhere: the trip to the provider, and what the attempt takes from it.
use super::flow::{self, Status};
use super::model::SignUpRow;
use super::ops::{check_free, check_mode, conclude, current, finish, resource, told};
use super::resource::SignUpResource;
use super::store;
use crate::access::ops::{self as access, Door};
use crate::audit;
use crate::clients::ops::{self as clients, Held};
use crate::cx::Cx;
use crate::social::accounts::{self, Known};
use crate::social::flow::{Verdict, judge};
use crate::social::model::{Account, FlowRow, Purpose};
use crate::social::native::{self, Native};
use crate::social::ops::{self as social, Arrival, For, Ready, Ways};
use crate::social::registry::Connection;
use crate::social::store as social_store;
use crate::users;
use crate::users::model::{UserRow, normal_username};
use crate::users::ops::create::check_username;
use std::sync::Arc;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{SignUpId, VerificationId};
use usher_types::{ApiError, Error, Result};

/// The connection of a strategy that signs up.
///
/// # Errors
/// 422 for words that are none; 400 for those that only sign in or connect.
pub(super) fn offered(cx: &Cx, strategy: &str) -> Result<Arc<Connection>, ApiError> {
    let connection = social::authenticating(cx, strategy)?;
    if connection.settings.sign_up {
        Ok(connection)
    } else {
        Err(refuse::oauth_non_authenticatable_provider())
    }
}

/// Learns where the trip to a provider leads, before any transaction.
///
/// # Errors
/// As [`offered`]; 400 for providers that cannot be asked.
pub(super) async fn ready(cx: &Cx, strategy: &str, ways: Ways) -> Result<Ready> {
    let connection = offered(cx, strategy)?;
    Ok(social::ready(cx, connection, ways).await?)
}

/// Starts the trip of an attempt.
///
/// # Errors
/// The database's.
pub(super) async fn begin(
    cx: &Cx,
    tx: &mut Tx,
    held: &Held,
    row: &mut SignUpRow,
    ready: &Ready,
) -> Result<()> {
    let what = For {
        purpose: Purpose::SignUp,
        subject: row.id.as_str().to_owned(),
        client: held.row.id.clone(),
        user: None,
    };
    let flow = social::begin(cx, tx, ready, what).await?;
    row.external_flow_id = Some(flow.id);
    row.external_verified = false;
    row.updated_at = cx.now;
    Ok(store::update(tx, row).await?)
}

/// What an attempt begins with besides its fields.
pub enum By {
    /// A trip to a provider.
    Trip(Ready),
    /// A token that the app got from a provider by itself.
    Token(Native),
}

/// Takes what a token says into a new attempt.
///
/// # Errors
/// 400 `external_account_exists` for somebody who is a user already; what refuses the one who joins.
pub(super) async fn by_token(
    cx: &Cx,
    tx: &mut Tx,
    held: &Held,
    row: &mut SignUpRow,
    given: &Native,
) -> Result<()> {
    let connection = &given.connection;
    if !connection.settings.sign_up {
        return Err(refuse::oauth_non_authenticatable_provider().into());
    }
    let known = accounts::know(tx, connection, &given.account).await?;
    let with_address = match judge(known.facts) {
        Verdict::Owner | Verdict::Link => return Err(refuse::external_account_exists().into()),
        Verdict::Unproved => {
            return Err(refuse::external_account_email_address_verification_required().into());
        }
        Verdict::Nobody { with_address } => with_address,
    };
    let purpose = Purpose::SignUp;
    let flow = native::spend(cx, tx, given, purpose, row.id.as_str(), &held.row.id).await?;
    social::keep(cx, tx, &flow, &given.account).await?;
    take(
        cx,
        tx,
        row,
        (connection, &flow, &given.account),
        &known,
        with_address,
    )
    .await?;
    check_free(cx, tx, row).await?;
    Ok(store::update(tx, row).await?)
}

/// Takes the current attempt to a provider. The answer says where the browser goes.
///
/// # Errors
/// 400 where the attempt is over.
pub(super) async fn prepare(cx: &Cx, id: &str, ready: &Ready) -> Result<SignUpResource> {
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (held, mut row) = current(cx, &mut tx, id).await?;
        check_mode(cx, row.ticket_id.is_some())?;
        begin(cx, &mut tx, &held, &mut row, ready).await?;
        audit::record(cx, &mut tx, told("sign_up.updated", &row).changed(["external_account"]));
        Ok::<_, Error>(row)
    })?;
    resource(cx, &mut cx.read().await?, &row).await
}

/// Goes on with the attempt that a trip was for.
///
/// # Errors
/// 400 where the attempt is another one by now; 403 for those who may not join.
pub async fn complete(cx: &Cx, trip: &FlowRow, account: &Account) -> Result<Arrival> {
    let connection = offered(cx, &trip.strategy)?;
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::oauth_callback_invalid)?;
    let (held, row, changed) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        let row = match SignUpId::parse(&trip.subject) {
            Some(id) => store::find(&mut tx, &id).await?,
            None => None,
        };
        let open = |row: &SignUpRow| {
            row.client_id == held.row.id
                && held.row.sign_up_id.as_ref() == Some(&row.id)
                && row.external_flow_id.as_ref() == Some(&trip.id)
                && flow::status(row, cx.now) == Status::MissingRequirements
        };
        let mut row = row.filter(open).ok_or_else(refuse::oauth_callback_invalid)?;
        check_mode(cx, row.ticket_id.is_some())?;
        let known = accounts::know(&mut tx, &connection, account).await?;
        let changed = match judge(known.facts) {
            Verdict::Owner | Verdict::Link => {
                social::hand_over(cx, &mut tx, trip, account, &refuse::external_account_exists()).await?;
                audit::record(cx, &mut tx, told("sign_up.failed", &row).failed());
                None
            }
            Verdict::Unproved => return Err(refuse::external_account_email_address_verification_required().into()),
            Verdict::Nobody { with_address } => {
                social::keep(cx, &mut tx, trip, account).await?;
                take(cx, &mut tx, &mut row, (&connection, trip, account), &known, with_address).await?;
                check_free(cx, &mut tx, &row).await?;
                store::update(&mut tx, &row).await?;
                finish(cx, &mut tx, &mut held, &mut row).await?
            }
        };
        Ok::<_, Error>((held, row, changed))
    })?;
    conclude(cx, &held, &row, changed).await?;
    Ok(if row.created_session_id.is_some() {
        Arrival::Session
    } else {
        Arrival::Open
    })
}

/// Writes what came home into the attempt. What the person gave before stays; an invitation's address stays too.
async fn take(
    cx: &Cx,
    tx: &mut Tx,
    row: &mut SignUpRow,
    (connection, trip, account): (&Connection, &FlowRow, &Account),
    known: &Known,
    with_address: bool,
) -> Result<()> {
    let a = &cx.instance.settings.attributes;
    let profile = &account.profile;
    // Somebody's address is left out, unless that would tell that it is somebody's: the code tells its owner, and nobody else.
    let hidden = known.facts.claimed && !cx.instance.settings.enumeration_protection;
    let free = known
        .address
        .as_ref()
        .filter(|_| a.email_address.enabled() && row.ticket_id.is_none() && !hidden);
    if let Some(address) = free {
        if accounts::refuses(connection, address) {
            return Err(refuse::form_email_address_blocked()
                .at("email_address")
                .into());
        }
        access::check(cx, tx, address, Door::Join).await?;
        // An address that was given and proved by a code counts more than one that is only told.
        if with_address || row.email_address.is_none() {
            row.email_address = Some(address.as_str().to_owned());
            row.email_verified = with_address;
            row.email_verification_id = None;
            row.email_proof = with_address.then(|| connection.proof.to_owned());
        }
    }
    if a.first_name.enabled() && row.first_name.is_none() {
        row.first_name.clone_from(&profile.first_name);
    }
    if a.last_name.enabled() && row.last_name.is_none() {
        row.last_name.clone_from(&profile.last_name);
    }
    if a.username.enabled()
        && row.username.is_none()
        && let Some(name) = profile.username.as_deref()
        && let Ok(name) = check_username(&cx.instance.settings, name)
        && users::store::by_username(tx, &normal_username(&name))
            .await?
            .is_none()
    {
        row.username = Some(name);
    }
    row.external_flow_id = Some(trip.id.clone());
    row.external_verified = true;
    row.updated_at = cx.now;
    audit::record(cx, tx, told("sign_up.external_account.connected", row));
    Ok(())
}

/// Takes over what a sign-in brought home for nobody: true where it did.
///
/// # Errors
/// What refuses the one who joins.
pub(super) async fn take_over(
    cx: &Cx,
    tx: &mut Tx,
    held: &Held,
    row: &mut SignUpRow,
) -> Result<bool> {
    let Some(trip) = crate::sign_ins::transfer::trip(tx, held).await? else {
        return Ok(false);
    };
    let Some((trip, account)) = social::take_over(cx, tx, &trip, &held.row.id).await? else {
        return Ok(false);
    };
    let connection = offered(cx, &trip.strategy)?;
    // What held when it came home need not hold any more.
    let known = accounts::know(tx, &connection, &account).await?;
    let Verdict::Nobody { with_address } = judge(known.facts) else {
        return Err(refuse::external_account_exists().into());
    };
    social::keep(cx, tx, &trip, &account).await?;
    take(
        cx,
        tx,
        row,
        (&connection, &trip, &account),
        &known,
        with_address,
    )
    .await?;
    Ok(true)
}

/// Gives the new user the account that the attempt brought along. The strategy it came by.
///
/// # Errors
/// 400 `oauth_identification_claimed` where the account became somebody else's meanwhile.
pub(super) async fn attach(
    cx: &Cx,
    tx: &mut Tx,
    row: &SignUpRow,
    user: &UserRow,
) -> Result<Option<String>> {
    let Some(id) = row
        .external_flow_id
        .as_ref()
        .filter(|_| row.external_verified)
    else {
        return Ok(None);
    };
    let trip = social_store::flow(tx, id)
        .await?
        .ok_or_else(refuse::oauth_callback_invalid)?;
    let account = social::open_account(cx, &trip)?.ok_or_else(refuse::oauth_callback_invalid)?;
    let provider = native::provider(&trip.strategy);
    accounts::attach(cx, tx, &user.id, provider, &account).await?;
    social::fulfil(tx, &trip).await?;
    Ok(Some(trip.strategy))
}

/// The trip of an attempt.
///
/// # Errors
/// The database's.
pub async fn trip(tx: &mut Tx, id: &SignUpId) -> Result<Option<VerificationId>> {
    Ok(store::find(tx, id)
        .await?
        .and_then(|row| row.external_flow_id))
}
