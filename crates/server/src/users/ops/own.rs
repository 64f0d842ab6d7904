//! What users do to their own account: a new password, no password, no account. Each changes the client's token, because
//! whoever held the old one may be the reason.
use super::failures::{self, Failure};
use super::list;
use super::moderate::forget_tokens;
use super::ways;
use crate::audit::{self, Event};
use crate::clients::ops as clients;
use crate::cx::Cx;
use crate::messages;
use crate::organizations;
use crate::reverifications::ops as reverifications;
use crate::sessions;
use crate::sessions::model::SessionRow;
use crate::templates::Slug;
use crate::users::model::UserRow;
use crate::users::{password, store};
use serde_json::json;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::UserId;
use usher_types::{Error, Result};

/// Stores a hash as the user's password.
///
/// # Errors
/// The database's.
pub async fn put_password(cx: &Cx, tx: &mut Tx, id: &UserId, stored: &str) -> Result<()> {
    let mut user = store::find_locked(tx, id)
        .await?
        .ok_or_else(|| refuse::resource_not_found("user"))?;
    user.password_stored = Some(stored.to_owned());
    user.password_updated_at = Some(cx.now);
    user.password_compromised = false;
    user.password_failures = 0;
    user.updated_at = cx.now;
    store::update(tx, &user).await?;
    sessions::store::password_reset(tx, id, cx.now).await?;
    let event = Event::new("user.password.changed").user(id);
    audit::record(cx, tx, event.changed(["password"]));
    messages::ops::notice(cx, tx, &user, Slug::PasswordChanged, json!({})).await
}

/// Proves the present password, where there is one; a wrong one counts towards the lock.
async fn prove_current(cx: &Cx, user: &UserRow, given: Option<&str>) -> Result<()> {
    let Some(stored) = user.password_stored.as_deref() else {
        return Ok(());
    };
    sessions::ops::check_user(cx, user)?;
    if user.password_is_off() {
        return Err(refuse::form_password_compromised()
            .at("current_password")
            .into());
    }
    let given = given
        .ok_or_else(|| refuse::form_param_missing("current_password").at("current_password"))?;
    if password::verify(cx, Some(stored), given).await? {
        return Ok(());
    }
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        failures::count(cx, &mut tx, user, Failure::Password, "user.password.change_failed").await?;
        Ok::<_, Error>(())
    })?;
    Err(refuse::form_password_incorrect("password")
        .at("current_password")
        .into())
}

/// Holds what a change or removal of the password takes: a recent proof or, where the instance asks for none or wants
/// passwords apart from it, the present password. One that is given has to be right in any case.
async fn prove_change(
    cx: &Cx,
    session: &SessionRow,
    user: &UserRow,
    given: Option<&str>,
) -> Result<()> {
    let settings = &cx.instance.settings;
    let present = !settings.reverification || settings.password.disable_password_reverification;
    // The task was given to a session that proved something else: what others may know is no proof.
    let told_to = session.needs_reset_password && user.password_compromised;
    if user.password_stored.is_none() || told_to {
        return reverifications::check(cx, session, user);
    }
    if !present {
        reverifications::check(cx, session, user)?;
        if given.is_none() {
            return Ok(());
        }
    }
    prove_current(cx, user, given).await
}

/// Changes, or sets, the password. The other sessions of the user end where that is asked for.
///
/// # Errors
/// 422 for a wrong present password and for new ones that the policy refuses; 403 where the session proved itself too long ago.
pub async fn change_password(
    cx: &Cx,
    session: &SessionRow,
    user: &UserRow,
    current: Option<&str>,
    new: &str,
    end_others: bool,
) -> Result<()> {
    if !cx.instance.settings.attributes.password.enabled() {
        return Err(refuse::form_param_unknown("new_password")
            .at("new_password")
            .into());
    }
    let found = list::one(cx, user.id.as_str()).await?;
    let own = found.identifiers();
    prove_change(cx, session, user, current).await?;
    if user.password_stored.is_some() && current == Some(new) {
        return Err(refuse::form_new_password_matches_current()
            .at("new_password")
            .into());
    }
    password::verdict(cx, "new_password", new, &own).await??;
    // Where the present one was not asked for, the new one may still not be it.
    if current.is_none() && password::verify(cx, user.password_stored.as_deref(), new).await? {
        return Err(refuse::form_new_password_matches_current()
            .at("new_password")
            .into());
    }
    let stored = password::hash(cx, new).await?;
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let (held, ended) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        put_password(cx, &mut tx, &user.id, &stored).await?;
        let mut ended = Vec::new();
        if end_others {
            ended = sessions::ops::end_of_user(cx, &mut tx, &user.id, "revoked", Some(&session.id)).await?;
        }
        clients::rotate(cx, &mut tx, &mut held).await?;
        Ok::<_, Error>((held, ended))
    })?;
    clients::announce(cx, &held, None);
    forget_tokens(cx, &ended);
    Ok(())
}

/// Notes that a password, just proved, is known from breaches: nobody signs in with it again. Nothing where it was changed
/// meanwhile.
///
/// # Errors
/// The database's.
pub async fn distrust_password(cx: &Cx, proved: &UserRow) -> Result<()> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if let Some(mut user) = store::find_locked(&mut tx, &proved.id).await?
            && user.password_updated_at == proved.password_updated_at
            && !user.password_compromised
        {
            user.password_compromised = true;
            user.updated_at = cx.now;
            store::update(&mut tx, &user).await?;
        }
        Ok::<_, Error>(())
    })
}

/// Takes the password away, where another way to sign in is left.
///
/// # Errors
/// 400 `password_required`, `no_password_set`; 422 for a wrong present password; 403 where the session proved itself too long
/// ago.
pub async fn remove_password(
    cx: &Cx,
    session: &SessionRow,
    user: &UserRow,
    current: Option<&str>,
) -> Result<()> {
    let a = &cx.instance.settings.attributes;
    if user.password_stored.is_none() {
        return Err(refuse::no_password_set().into());
    }
    let found = list::one(cx, user.id.as_str()).await?;
    if a.password.required() || !ways::without_password(&cx.instance.settings, &found) {
        return Err(refuse::password_required().into());
    }
    prove_change(cx, session, user, current).await?;
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let held = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        let mut user = store::find_locked(&mut tx, &user.id).await?.ok_or_else(refuse::authentication_invalid)?;
        user.password_stored = None;
        user.password_updated_at = None;
        user.password_compromised = false;
        user.updated_at = cx.now;
        store::update(&mut tx, &user).await?;
        sessions::store::password_reset(&mut tx, &user.id, cx.now).await?;
        audit::record(cx, &mut tx, Event::new("user.password.deleted").user(&user.id).changed(["password"]));
        messages::ops::notice(cx, &mut tx, &user, Slug::PasswordRemoved, json!({})).await?;
        clients::rotate(cx, &mut tx, &mut held).await?;
        Ok::<_, Error>(held)
    })?;
    clients::announce(cx, &held, None);
    Ok(())
}

/// Deletes the own account, where instance and operator allow it. Every session ends; the client stays, signed out.
///
/// # Errors
/// 403 `user_delete_self_not_enabled`.
pub async fn delete(cx: &Cx, user: &UserRow) -> Result<()> {
    if !cx.instance.settings.delete_self || !user.delete_self_enabled {
        return Err(refuse::user_delete_self_not_enabled().into());
    }
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let (held, ended, stamp) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        let ended = sessions::ops::end_of_user(cx, &mut tx, &user.id, "revoked", None).await?;
        store::find_locked(&mut tx, &user.id).await?;
        organizations::members::ops::forget_user(cx, &mut tx, &user.id).await?;
        store::delete(&mut tx, &user.id).await?;
        audit::record(cx, &mut tx, Event::new("user.deleted").user(&user.id));
        audit::erase(cx, &mut tx, &user.id);
        let left = clients::live_sessions(cx, &mut tx, &client.id).await?;
        crate::clients::store::sessions_changed(&mut tx, &client.id, left.last().map(|s| &s.id), cx.now).await?;
        held.row.authenticated_at = cx.now;
        clients::rotate(cx, &mut tx, &mut held).await?;
        let stamp = clients::uat(&held.row, left.len());
        Ok::<_, Error>((held, ended, stamp))
    })?;
    clients::announce(cx, &held, Some(stamp));
    forget_tokens(cx, &ended);
    Ok(())
}
