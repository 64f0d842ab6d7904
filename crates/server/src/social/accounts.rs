//! Accounts elsewhere, once they are known to be somebody's.
use super::flow::Facts;
use super::model::{Account, ExternalAccountRow, FlowRow, Tokens};
use super::registry::Connection;
use super::store;
use crate::access::ops::{self as access, Door};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::email::{EmailAddress, EmailRow};
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{ExternalAccountId, IdentificationId, UserId, VerificationId};
use usher_types::{Error, Fault, Result};

/// Accounts that one user may have.
pub const MOST: usize = 20;

fn purpose(id: &ExternalAccountId) -> String {
    format!("social-tokens:{id}")
}

/// What a provider handed out, sealed for its account.
///
/// # Errors
/// Text that is none.
pub fn seal(cx: &Cx, id: &ExternalAccountId, tokens: &Tokens) -> Result<String> {
    let plain = serde_json::to_vec(tokens)?;
    let key = &cx.instance.data_key;
    Ok(key.seal(&cx.app.rng, &purpose(id), &plain))
}

/// What a provider handed out; `None` where it was revoked.
///
/// # Errors
/// A row that does not open.
pub fn open(cx: &Cx, row: &ExternalAccountRow) -> Result<Option<Tokens>> {
    let Some(sealed) = &row.tokens_sealed else {
        return Ok(None);
    };
    let plain = cx.instance.data_key.open(&purpose(&row.id), sealed);
    let plain = plain.map_err(|e| Fault::new(format!("tokens of {}: {e}", row.id)))?;
    Ok(Some(serde_json::from_slice(&plain)?))
}

/// An event of an account.
#[must_use]
pub fn told(name: &'static str, row: &ExternalAccountRow) -> Event {
    Event::new(name).user(&row.user_id).about(row.id.as_str())
}

/// What is known of an account that came home, and whose it is or may become.
pub struct Known {
    /// For the verdict.
    pub facts: Facts,
    /// The account here.
    pub account: Option<ExternalAccountRow>,
    /// The provider's address, where it is one.
    pub address: Option<EmailAddress>,
    /// The same address here, where it is kept for a user.
    pub email: Option<EmailRow>,
}

/// Looks an account up.
///
/// # Errors
/// The database's.
pub async fn know(tx: &mut Tx, connection: &Connection, account: &Account) -> Result<Known> {
    let profile = &account.profile;
    let row = store::by_subject(tx, connection.key, &profile.subject).await?;
    let address = profile
        .email_address
        .as_deref()
        .and_then(EmailAddress::parse);
    let email = match &address {
        Some(address) => identifiers::store::claimed::<EmailRow>(tx, address.as_str()).await?,
        None => None,
    };
    Ok(Known {
        facts: Facts {
            owned: row.is_some(),
            provider_verified: address.is_some() && profile.email_verified == Some(true),
            claimed: email.is_some(),
            locally_verified: email.as_ref().is_some_and(EmailRow::is_verified),
        },
        account: row,
        address,
        email,
    })
}

/// An account with its last trip, where that is still known.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The account.
    pub row: ExternalAccountRow,
    /// The trip.
    pub flow: Option<FlowRow>,
}

/// The accounts of several users, oldest first.
///
/// # Errors
/// The database's.
pub async fn of_users(tx: &mut Tx, users: &[UserId]) -> Result<Vec<Shown>> {
    let rows = store::of_users(tx, users).await?;
    let ids: Vec<&VerificationId> = rows.iter().filter_map(|r| r.flow_id.as_ref()).collect();
    let flows = store::flows(tx, &ids).await?;
    let with_flow = |row: ExternalAccountRow| Shown {
        flow: flows
            .iter()
            .find(|f| Some(&f.id) == row.flow_id.as_ref())
            .cloned(),
        row,
    };
    Ok(rows.into_iter().map(with_flow).collect())
}

/// A row of a user's, empty as yet.
#[must_use]
pub fn blank(cx: &Cx, user: &UserId, provider: &str) -> ExternalAccountRow {
    ExternalAccountRow {
        instance_id: cx.instance.row.id.clone(),
        id: ExternalAccountId::compose(cx.now, &cx.fresh()),
        identification_id: IdentificationId::compose(cx.now, &cx.fresh()),
        user_id: user.clone(),
        provider: provider.to_owned(),
        provider_user_id: None,
        approved_scopes: String::new(),
        email_address: None,
        email_verified: None,
        first_name: None,
        last_name: None,
        username: None,
        image_url: None,
        tokens_sealed: None,
        flow_id: None,
        created_at: cx.now,
        updated_at: cx.now,
    }
}

/// The account became another user's in the same instant.
pub(super) fn claimed(e: usher_db::DbError) -> Error {
    if e.is_unique() {
        refuse::oauth_identification_claimed().into()
    } else {
        e.into()
    }
}

/// Takes over what the provider says now, and its tokens. A refresh token that came once and not again is kept.
///
/// # Errors
/// The database's.
pub async fn renew(
    cx: &Cx,
    tx: &mut Tx,
    row: &mut ExternalAccountRow,
    account: &Account,
) -> Result<()> {
    let before = open(cx, row)?;
    let scopes = row.approved_scopes.clone();
    row.take(account, cx.now);
    if account.tokens.access_token.is_empty() {
        // What an app got by itself opens nothing: what there was stays.
        row.approved_scopes = scopes;
    } else {
        let mut tokens = account.tokens.clone();
        let kept = before.and_then(|t| t.refresh_token);
        tokens.refresh_token = tokens.refresh_token.or(kept);
        row.tokens_sealed = Some(seal(cx, &row.id, &tokens)?);
    }
    store::update_account(tx, row).await.map_err(claimed)?;
    Ok(())
}

/// Makes an account a user's.
///
/// # Errors
/// 400 `oauth_identification_claimed` where it became somebody else's meanwhile; 403 `quota_exceeded`.
pub async fn attach(
    cx: &Cx,
    tx: &mut Tx,
    user: &UserId,
    provider: &str,
    account: &Account,
) -> Result<ExternalAccountRow> {
    if store::of_user(tx, user).await?.len() >= MOST {
        return Err(refuse::quota_exceeded().into());
    }
    let mut row = blank(cx, user, provider);
    row.take(account, cx.now);
    row.tokens_sealed = Some(seal(cx, &row.id, &account.tokens)?);
    store::insert_account(tx, &row).await.map_err(claimed)?;
    audit::record(cx, tx, told("user.external_account.connected", &row));
    Ok(row)
}

/// Makes the provider's verified address the user's, where nobody has it and it may be taken. What may not is left out: the
/// account counts without it.
///
/// # Errors
/// The database's.
pub async fn adopt_address(
    cx: &Cx,
    tx: &mut Tx,
    user: &UserId,
    connection: &Connection,
    known: &Known,
) -> Result<()> {
    let Some(address) = known
        .address
        .as_ref()
        .filter(|_| known.facts.provider_verified && !known.facts.claimed)
    else {
        return Ok(());
    };
    if !cx.instance.settings.attributes.email_address.enabled() || refuses(connection, address) {
        return Ok(());
    }
    match access::check(cx, tx, address, Door::Join).await {
        Ok(()) => {}
        Err(Error::Api(_)) => return Ok(()),
        Err(fault) => return Err(fault),
    }
    identifiers::provider::adopt(cx, tx, user, address, connection.proof).await
}

/// The connection takes no such address.
#[must_use]
pub fn refuses(connection: &Connection, address: &EmailAddress) -> bool {
    connection.settings.block_email_subaddresses && address.is_subaddress()
}
