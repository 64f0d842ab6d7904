//! What a provider handed out, for the operator's servers: the access tokens of a user, fresh ones where the old have ended.
use super::model::{ExternalAccountRow, Tokens};
use super::registry::Connection;
use super::{accounts, exchange, store};
use crate::cx::Cx;
use crate::users::ops::list;
use std::sync::Arc;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// Milliseconds before its end at which a token counts as ended: it has to arrive somewhere first.
const EARLY_MS: i64 = 30 * 1000;

/// An account with its tokens.
pub struct Access {
    /// The account.
    pub row: ExternalAccountRow,
    /// Its tokens.
    pub tokens: Tokens,
}

/// The provider that a server means: `oauth_google`, or `google`.
///
/// # Errors
/// 404 `oauth_token_provider_not_enabled`.
fn provider(cx: &Cx, word: &str) -> Result<Arc<Connection>> {
    let social = &cx.instance.social;
    let found = social.by_strategy(word).or_else(|| social.by_key(word));
    let found = found.filter(|c| c.settings.enabled).cloned();
    Ok(found.ok_or_else(refuse::oauth_token_provider_not_enabled)?)
}

/// The tokens of a user's accounts at a provider, oldest account first.
///
/// # Errors
/// 404 for unknown users and providers; 422 `oauth_missing_access_token`, `oauth_missing_refresh_token`; 400
/// `oauth_token_retrieval_error`.
pub async fn of_user(cx: &Cx, user: &str, word: &str) -> Result<Vec<Access>> {
    let id = list::parse_id(user)?;
    let mut view = cx.read().await?;
    crate::users::store::find(&mut view, &id)
        .await?
        .ok_or_else(|| refuse::resource_not_found("user"))?;
    let connection = provider(cx, word)?;
    let mut rows = store::of_user(&mut view, &id).await?;
    drop(view);
    rows.retain(|row| row.is_verified() && row.provider == connection.key);
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let tokens = accounts::open(cx, &row)?
            .filter(|t| !t.access_token.is_empty())
            .ok_or_else(refuse::oauth_missing_access_token)?;
        let over = |at: i64| at <= cx.now.0 + EARLY_MS;
        let tokens = if tokens.expire_at.is_some_and(over) {
            fresh(cx, &connection, &row, &tokens).await?
        } else {
            tokens
        };
        all.push(Access { row, tokens });
    }
    Ok(all)
}

/// Asks for a new token and keeps it. Of two that ask at once the second finds the first one's: providers that rotate refresh
/// tokens give a new one to one caller only.
async fn fresh(
    cx: &Cx,
    connection: &Connection,
    row: &ExternalAccountRow,
    old: &Tokens,
) -> Result<Tokens> {
    let refresh = old
        .refresh_token
        .as_deref()
        .ok_or_else(refuse::oauth_missing_refresh_token)?;
    let asked = exchange::refresh(cx, connection, refresh).await;
    let new = match asked {
        Ok(mut new) => {
            new.id_token = new.id_token.or_else(|| old.id_token.clone());
            new
        }
        Err(refused) => return elsewhere(cx, row).await?.ok_or_else(|| refused.into()),
    };
    let sealed = accounts::seal(cx, &row.id, &new)?;
    let kept = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        Ok::<_, Error>(store::replace_tokens(&mut tx, &row.id, row.tokens_sealed.as_deref(), &sealed, cx.now).await?)
    })?;
    if kept {
        return Ok(new);
    }
    Ok(elsewhere(cx, row)
        .await?
        .ok_or_else(refuse::oauth_missing_access_token)?)
}

/// What another request has put in place meanwhile.
async fn elsewhere(cx: &Cx, row: &ExternalAccountRow) -> Result<Option<Tokens>> {
    let now = store::account(&mut cx.read().await?, &row.id).await?;
    match now.filter(|now| now.tokens_sealed != row.tokens_sealed) {
        Some(now) => accounts::open(cx, &now),
        None => Ok(None),
    }
}
