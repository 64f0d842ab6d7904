//! Removing users, and passwords of users.
use super::list::{self, Found};
use super::moderate::{Sessions, end_sessions, forget_tokens};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::messages;
use crate::organizations;
use crate::sessions;
use crate::templates::Slug;
use crate::users::model::UserRow;
use crate::users::store;
use serde_json::json;
use usher_types::{Error, Result};

/// Deletes a user for good; addresses and sessions go with the row. The row as it was comes back.
///
/// # Errors
/// 404.
pub async fn remove(cx: &Cx, id: &str) -> Result<UserRow> {
    let id = list::parse_id(id)?;
    let (user, ended) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let found = list::hold(&mut tx, &id).await?;
        let ended = sessions::ops::end_of_user(cx, &mut tx, &id, "revoked", None).await?;
        organizations::members::ops::forget_user(cx, &mut tx, &id).await?;
        store::delete(&mut tx, &id).await?;
        audit::record(cx, &mut tx, Event::new("user.deleted").user(&id));
        audit::erase(cx, &mut tx, &id);
        Ok::<_, Error>((found.user, ended))
    })?;
    forget_tokens(cx, &ended);
    Ok(user)
}

/// Takes a user's password away, even where nothing else is left to sign in with. Nothing changes without one.
///
/// # Errors
/// 404.
pub async fn remove_password(cx: &Cx, id: &str, live: Sessions) -> Result<Found> {
    let id = list::parse_id(id)?;
    let (found, ended) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut found = list::hold(&mut tx, &id).await?;
        if found.user.password_stored.is_none() {
            return Ok::<_, Error>((found, Vec::new()));
        }
        found.user.password_stored = None;
        found.user.password_updated_at = None;
        found.user.password_compromised = false;
        crate::sessions::store::password_reset(&mut tx, &found.user.id, cx.now).await?;
        found.user.updated_at = cx.now;
        store::update(&mut tx, &found.user).await?;
        audit::record(cx, &mut tx, Event::new("user.password.deleted").user(&id).changed(["password"]));
        messages::ops::notice(cx, &mut tx, &found.user, Slug::PasswordRemoved, json!({})).await?;
        let ended = match live {
            Sessions::End => end_sessions(cx, &mut tx, &id).await?,
            Sessions::Keep => Vec::new(),
        };
        Ok((found, ended))
    })?;
    forget_tokens(cx, &ended);
    Ok(found)
}
