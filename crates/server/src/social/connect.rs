//! Connecting an account elsewhere to the user who is signed in, asking for more of it, and taking it away.
use super::accounts::{self, MOST, Shown, told};
use super::flow::{Verdict, judge};
use super::model::{Account, ExternalAccountRow, FlowRow, Purpose};
use super::ops::{self, Arrival, For, Ways};
use super::store;
use crate::audit;
use crate::clients::ops as clients;
use crate::cx::Cx;
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::{list, ways};
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{ExternalAccountId, UserId};
use usher_types::{Error, Result};

/// A user's own account.
///
/// # Errors
/// 404 for others' and unknown ones.
pub async fn own(tx: &mut Tx, user: &UserId, id: &str) -> Result<ExternalAccountRow> {
    let missing = || refuse::resource_not_found("external account");
    let id = ExternalAccountId::parse(id).ok_or_else(missing)?;
    let found = store::account(tx, &id).await?;
    Ok(found.filter(|a| a.user_id == *user).ok_or_else(missing)?)
}

fn trip(cx: &Cx, row: &ExternalAccountRow) -> Result<For> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    Ok(For {
        purpose: Purpose::Connect,
        subject: row.id.as_str().to_owned(),
        client: client.id.clone(),
        user: Some(row.user_id.clone()),
    })
}

/// Starts to connect an account: a row that waits for its trip. Those of the same provider that wait already are replaced.
///
/// # Errors
/// 422 for strategies that are not offered; 400 for providers that cannot be asked; 403 `quota_exceeded`.
pub async fn create(cx: &Cx, user: &UserRow, strategy: &str, ways: Ways) -> Result<Shown> {
    let connection = ops::offered(cx, strategy)?;
    let key = connection.key;
    let ready = ops::ready(cx, connection, ways).await?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        users::store::find_locked(&mut tx, &user.id).await?.ok_or_else(refuse::authentication_invalid)?;
        let mut count = 0;
        for old in store::of_user(&mut tx, &user.id).await? {
            if !old.is_verified() && old.provider == key {
                store::delete_account(&mut tx, &old.id).await?;
            } else {
                count += 1;
            }
        }
        if count >= MOST {
            return Err(refuse::quota_exceeded().into());
        }
        let mut row = accounts::blank(cx, &user.id, key);
        let flow = ops::begin(cx, &mut tx, &ready, trip(cx, &row)?).await?;
        row.flow_id = Some(flow.id.clone());
        store::insert_account(&mut tx, &row).await?;
        touch(cx, &mut tx, &user.id).await?;
        audit::record(cx, &mut tx, told("user.external_account.connection_initiated", &row));
        Ok::<_, Error>(Shown { row, flow: Some(flow) })
    })
}

/// Starts a trip for more of a connected account, or for one whose first trip failed.
///
/// # Errors
/// 404; 422 where the provider is not offered any more; 400 for providers that cannot be asked.
pub async fn reauthorize(cx: &Cx, user: &UserRow, id: &str, ways: Ways) -> Result<Shown> {
    let row = own(&mut cx.read().await?, &user.id, id).await?;
    let connection = ops::offered(cx, &row.strategy())?;
    let ready = ops::ready(cx, connection, ways).await?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        users::store::find_locked(&mut tx, &user.id).await?.ok_or_else(refuse::authentication_invalid)?;
        let mut row = own(&mut tx, &user.id, id).await?;
        let flow = ops::begin(cx, &mut tx, &ready, trip(cx, &row)?).await?;
        row.flow_id = Some(flow.id.clone());
        row.updated_at = cx.now;
        store::update_account(&mut tx, &row).await?;
        touch(cx, &mut tx, &user.id).await?;
        audit::record(cx, &mut tx, told("user.external_account.connection_initiated", &row));
        Ok::<_, Error>(Shown { row, flow: Some(flow) })
    })
}

async fn touch(cx: &Cx, tx: &mut Tx, user: &UserId) -> Result<()> {
    let mut user = users::store::find_locked(tx, user)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    user.updated_at = cx.now;
    Ok(users::store::update(tx, &user).await?)
}

/// What came home becomes the user's account, where it is nobody else's and the user is still signed in here, in person.
///
/// # Errors
/// 400 `oauth_callback_invalid`, `oauth_account_already_connected`, `oauth_identification_claimed`; 401.
pub async fn complete(cx: &Cx, flow: &FlowRow, account: &Account) -> Result<Arrival> {
    let connection = ops::offered(cx, &flow.strategy)?;
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::oauth_callback_invalid)?;
    let user = flow
        .user_id
        .as_ref()
        .ok_or_else(refuse::oauth_callback_invalid)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let held = clients::hold(&mut tx, client).await?;
        let live = clients::live_sessions(cx, &mut tx, &held.row.id).await?;
        if !live.iter().any(|s| s.user_id == *user && s.actor.is_none()) {
            return Err(refuse::authentication_invalid().into());
        }
        let owner = users::store::find_locked(&mut tx, user).await?.ok_or_else(refuse::authentication_invalid)?;
        crate::sessions::ops::check_user(cx, &owner)?;
        let mut row = own(&mut tx, user, &flow.subject).await.map_err(|_| refuse::oauth_callback_invalid())?;
        if row.flow_id.as_ref() != Some(&flow.id) {
            return Err(refuse::oauth_callback_invalid().into());
        }
        let known = accounts::know(&mut tx, &connection, account).await?;
        let again = row.is_verified();
        match (judge(known.facts), &known.account) {
            (Verdict::Owner, Some(other)) if other.id == row.id => {}
            (Verdict::Owner, Some(other)) if other.user_id == *user => return Err(refuse::oauth_account_already_connected().into()),
            (Verdict::Owner, _) => return Err(refuse::oauth_identification_claimed().into()),
            // Asked for more of one account, the person chose another.
            _ if again => return Err(refuse::oauth_identification_claimed().into()),
            // Whose the address is says nothing here: the user is known by the session.
            (Verdict::Link | Verdict::Unproved | Verdict::Nobody { .. }, _) => {}
        }
        row.flow_id = None;
        accounts::renew(cx, &mut tx, &mut row, account).await?;
        ops::fulfil(&mut tx, flow).await?;
        let event = if again { "user.external_account.reauthorized" } else { "user.external_account.connected" };
        audit::record(cx, &mut tx, told(event, &row));
        accounts::adopt_address(cx, &mut tx, user, &connection, &known).await?;
        touch(cx, &mut tx, user).await?;
        Ok::<_, Error>(())
    })?;
    // The session is the one that there was: the browser goes where the caller said for that.
    Ok(Arrival::Session)
}

/// Takes an account away, with what the provider handed out.
///
/// # Errors
/// 404; 400 `last_required_identification_deletion_failed` where the user could not sign in any more.
pub async fn remove(cx: &Cx, user: &UserId, id: &str) -> Result<ExternalAccountRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let owner = users::store::find_locked(&mut tx, user).await?.ok_or_else(|| refuse::resource_not_found("user"))?;
        let row = own(&mut tx, user, id).await?;
        let mut left = list::load(&mut tx, owner).await?;
        left.accounts.retain(|a| a.row.id != row.id);
        if row.is_verified() && !ways::any(&cx.instance.settings, &left) {
            return Err(refuse::last_required_identification_deletion_failed().into());
        }
        store::delete_account(&mut tx, &row.id).await?;
        touch(cx, &mut tx, user).await?;
        audit::record(cx, &mut tx, told("user.external_account.disconnected", &row));
        Ok::<_, Error>(row)
    })
}

/// Erases what the provider handed out; the account goes on signing in.
///
/// # Errors
/// 404.
pub async fn forget_tokens(cx: &Cx, user: &UserId, id: &str) -> Result<()> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        users::store::find_locked(&mut tx, user).await?.ok_or_else(refuse::authentication_invalid)?;
        let mut row = own(&mut tx, user, id).await?;
        row.tokens_sealed = None;
        row.updated_at = cx.now;
        store::update_account(&mut tx, &row).await?;
        touch(cx, &mut tx, user).await?;
        audit::record(cx, &mut tx, told("user.external_account.token_revoked", &row));
        Ok::<_, Error>(())
    })
}
