//! ID tokens that an app got from a provider by itself: Google One Tap in a page, and the SDKs of phones (`oauth_token_google`).
//! There was no trip, so there is no state and no nonce of ours: what counts is the provider's signature, that the token was
//! made for this instance's own client, and that it is used once.
use super::model::{Account, FlowRow, Purpose, Tokens};
use super::registry::Connection;
use super::{exchange, id_token, store};
use crate::cx::Cx;
use serde_json::Value;
use std::sync::Arc;
use usher_crypto::digest;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, VerificationId};
use usher_types::{ApiError, Error, Result};

/// Google's dialogue in a page.
pub const ONE_TAP: &str = "google_one_tap";
/// What the words of phones begin with.
const TOKEN: &str = "oauth_token_";

/// What a token said.
pub struct Native {
    /// Whose it is.
    pub connection: Arc<Connection>,
    /// `google_one_tap`, `oauth_token_google`.
    pub strategy: &'static str,
    /// Who.
    pub account: Account,
    hash: String,
}

/// The word is one of these strategies, whether it is offered or not.
#[must_use]
pub fn is(word: &str) -> bool {
    word == ONE_TAP || word.starts_with(TOKEN)
}

/// The key of the provider that a strategy means.
#[must_use]
pub fn provider(strategy: &str) -> &str {
    if strategy == ONE_TAP {
        return "google";
    }
    strategy
        .strip_prefix(TOKEN)
        .or_else(|| strategy.strip_prefix("oauth_"))
        .unwrap_or_default()
}

fn offered(cx: &Cx, word: &str) -> Result<(Arc<Connection>, &'static str), ApiError> {
    let social = &cx.instance.social;
    let found = social
        .by_key(provider(word))
        .filter(|c| c.settings.enabled && c.settings.sign_in && c.has_id_tokens());
    let connection =
        found.ok_or_else(|| refuse::form_param_value_invalid("strategy").at("strategy"))?;
    let strategy = if word == ONE_TAP {
        ONE_TAP
    } else {
        connection.native
    };
    Ok((Arc::clone(connection), strategy))
}

/// Reads a token.
///
/// # Errors
/// 422 for strategies that are not offered, without a token, and for tokens that are not the provider's or not for us.
pub async fn read(cx: &Cx, word: &str, token: Option<&str>) -> Result<Native, ApiError> {
    let (connection, strategy) = offered(cx, word)?;
    let token = token.ok_or_else(|| refuse::form_param_missing("token").at("token"))?;
    let endpoints = exchange::endpoints(cx, &connection).await?;
    let refused = |why: &str| {
        tracing::warn!(event = "social.token_refused", instance.id = %cx.tenant(), trace.id = %cx.trace, provider = connection.key, "{why}");
        refuse::form_param_value_invalid("token").at("token")
    };
    let claims = id_token::verify_native(cx, &connection, &endpoints, token)
        .await
        .map_err(|e| refused(&e))?;
    let profile = connection
        .read(&claims, &Value::Null)
        .ok_or_else(|| refused("no account in it"))?;
    let account = Account {
        profile,
        // It opens nothing at the provider.
        tokens: Tokens {
            id_token: Some(token.to_owned()),
            ..Tokens::default()
        },
        scopes: String::new(),
    };
    Ok(Native {
        strategy,
        account,
        hash: digest::sha256_hex(&format!("token:{token}")),
        connection,
    })
}

/// Uses a token up: what it said is noted as a trip that is over.
///
/// # Errors
/// 422 where it was used before.
pub async fn spend(
    cx: &Cx,
    tx: &mut Tx,
    native: &Native,
    purpose: Purpose,
    subject: &str,
    client: &ClientId,
) -> Result<FlowRow> {
    let flow = FlowRow {
        instance_id: cx.instance.row.id.clone(),
        id: VerificationId::compose(cx.now, &cx.fresh()),
        client_id: client.clone(),
        purpose: purpose.word().to_owned(),
        subject: subject.to_owned(),
        user_id: None,
        strategy: native.strategy.to_owned(),
        state_hash: native.hash.clone(),
        trip_sealed: String::new(),
        redirect_url: String::new(),
        complete_url: None,
        status: "verified".to_owned(),
        error: None,
        account_sealed: None,
        used_at: Some(cx.now),
        // As long as any such token lives, and then some.
        expire_at: cx.now.plus_secs(24 * 3600),
        created_at: cx.now,
    };
    store::insert_flow(tx, &flow).await.map_err(|e| {
        if e.is_unique() {
            refuse::form_param_value_invalid("token").at("token").into()
        } else {
            Error::from(e)
        }
    })?;
    Ok(flow)
}
