//! Exchanging an expired session token for a new one, without a redirect through the Frontend API. What it takes: the
//! expired token (it proves session, origin and age) and the refresh token that the last handshake put into the browser
//! (its hash is kept). Every refusal is a 401: the SDK then falls back to the handshake.
//!
//! A refresh token is good for one exchange and is replaced by its successor. One that comes a second time was stolen, or its
//! successor was: the session ends (RFC 9700 §4.14.2). Requests of one page load come at the same moment with the same token;
//! within [`GRACE_MS`] they are given the same successor, which is derived from the token and therefore kept nowhere.
//! Reference: contract fapi §5.6, bapi §2.3.
use crate::cx::Cx;
use crate::organizations;
use crate::sessions::model::{RefreshRow, SessionRow};
use crate::sessions::{ops, store, token};
use crate::surface::browser::COOKIE_LIFE_SECS;
use crate::{clients, users};
use serde_json::Value;
use usher_crypto::digest;
use usher_http::cookie::SetCookie;
use usher_http::origin::Url;
use usher_types::error::codes as refuse;
use usher_types::id::SessionId;
use usher_types::{ApiError, Error, Result};

/// Seconds since it was made after which an expired token is not exchanged. A browser that was closed overnight comes back
/// without a redirect; a cookie that was stolen long ago is worth nothing without the client cookie, which the handshake
/// asks for.
const MAX_AGE_SECS: i64 = 24 * 3600;

/// Milliseconds in which a used token is taken for a request that was under way beside the first.
const GRACE_MS: i64 = 10_000;

/// Seconds that a used token is remembered.
const MEMORY_SECS: i64 = MAX_AGE_SECS;

/// How the caller wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Cookies for the browser, the successor of the refresh token among them.
    Cookies,
    /// The session token alone: nobody could keep a successor, so the refresh token stays what it is.
    Token,
}

/// What came.
pub(super) struct Refresh<'a> {
    /// The session in the path.
    pub(super) session: &'a str,
    /// The token that expired.
    pub(super) expired: &'a str,
    /// The refresh token.
    pub(super) refresh: &'a str,
    /// The origin that the browser's request came to.
    pub(super) origin: &'a str,
    /// How the caller wants its answer.
    pub(super) answer: Answer,
}

/// A new session token, and the cookies that carry it.
///
/// # Errors
/// 401.
pub(super) async fn refresh(cx: &Cx, request: &Refresh<'_>) -> Result<(String, Vec<String>)> {
    let origin = Url::parse(request.origin).ok_or_else(refuse::refresh_request_origin_invalid)?;
    let id =
        SessionId::parse(request.session).ok_or_else(refuse::session_refresh_session_not_found)?;
    let user = check_token(cx, request.expired, &id, &origin)?;
    let mut tx = cx.read().await?;
    let session = store::find(&mut tx, &id)
        .await?
        .ok_or_else(refuse::session_refresh_session_not_found)?;
    if session.user_id.as_str() != user {
        return Err(refuse::expired_session_token_invalid().into());
    }
    if !session.is_live(cx.now, &cx.instance.settings) {
        return Err(refuse::session_refresh_inactive_session().into());
    }
    let hash = digest::sha256_hex(request.refresh);
    let kept = store::refresh(&mut tx, &hash, cx.now)
        .await?
        .filter(|kept| kept.session_id == id && kept.origin == origin.origin())
        .ok_or_else(refuse::refresh_token_not_found)?;
    let user = users::store::find(&mut tx, &session.user_id)
        .await?
        .ok_or_else(refuse::session_refresh_user_not_found)?;
    if user.banned {
        return Err(refuse::session_refresh_inactive_session().into());
    }
    let client = clients::store::find(&mut tx, &session.client_id)
        .await?
        .ok_or_else(refuse::session_refresh_session_not_found)?;
    drop(tx);
    let organization = organizations::active::of_session(cx, &session).await?;
    let jwt = token::mint(
        cx,
        &session,
        organization.as_ref(),
        &origin.origin(),
        token::LIFE_SECS,
        client.authenticated_at,
    )?;
    let next = successor(cx, request.refresh);
    let good = match request.answer {
        Answer::Cookies => rotate(cx, &session, &origin, &hash, &next).await?,
        Answer::Token => is_fresh(cx, &kept),
    };
    if !good {
        ops::revoke(cx, &session).await?;
        tracing::warn!(event = "session.refresh_reused", instance.id = %cx.tenant(), session.id = %id, trace.id = %cx.trace,
            "A refresh token came a second time; session {id} was ended");
        return Err(refuse::refresh_token_not_found().into());
    }
    ops::note_activity(cx, &session).await?;
    let cookies = cookies(cx, &origin, &jwt, &next);
    Ok((jwt, cookies))
}

/// Holds the expired token against the session and the origin; the user that it names.
fn check_token(
    cx: &Cx,
    expired: &str,
    session: &SessionId,
    origin: &Url,
) -> Result<String, ApiError> {
    let claims = token::verify(cx, expired).ok_or_else(refuse::expired_session_token_invalid)?;
    let text = |name: &str| {
        claims
            .get(name)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
    };
    if text("azp").ok_or_else(refuse::expired_session_token_missing_azp)? != origin.origin() {
        return Err(refuse::refresh_request_origin_azp_mismatch());
    }
    if text("sid").ok_or_else(refuse::expired_session_token_missing_sid)? != session.as_str() {
        return Err(refuse::refresh_sid_mismatch());
    }
    let made = claims
        .get("iat")
        .and_then(Value::as_i64)
        .ok_or_else(refuse::session_refresh_expired_session_token_missing_iat)?;
    if cx.now.secs().saturating_sub(made) > MAX_AGE_SECS {
        return Err(refuse::session_refresh_expired_session_token_too_old());
    }
    text("sub")
        .map(str::to_owned)
        .ok_or_else(refuse::expired_session_token_invalid)
}

/// The token that follows a token. Only this server can derive it.
fn successor(cx: &Cx, token: &str) -> String {
    let mac = digest::hmac_sha256(&cx.instance.code_key, format!("refresh:{token}").as_bytes());
    digest::b64url(&mac)
}

/// Consumes a token and keeps its successor; false when it was consumed before, and not just now.
async fn rotate(
    cx: &Cx,
    session: &SessionRow,
    origin: &Url,
    hash: &str,
    next: &str,
) -> Result<bool> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let until = cx.now.plus_secs(MEMORY_SECS);
        if store::use_refresh(&mut tx, hash, cx.now, until).await? {
            store::add_refresh(&mut tx, &session.id, &origin.origin(), &digest::sha256_hex(next), session.expire_at).await?;
            return Ok::<_, Error>(true);
        }
        let kept = store::refresh(&mut tx, hash, cx.now).await?;
        Ok(kept.is_some_and(|kept| is_fresh(cx, &kept)))
    })
}

/// Not consumed, or consumed just now.
fn is_fresh(cx: &Cx, kept: &RefreshRow) -> bool {
    kept.used_at.is_none_or(|at| cx.now.since(at) < GRACE_MS)
}

/// For the application's host, as the handshake's directives are. `__client_uat` has not changed and is left alone: whether
/// it stands on this host or on the root domain is not known here, and two of them would contradict each other one day.
fn cookies(cx: &Cx, origin: &Url, jwt: &str, next: &str) -> Vec<String> {
    let suffix = &cx.instance.cookie_suffix;
    let secure = origin.scheme == "https";
    let render = |name: &str, value: &str, http_only: bool| {
        SetCookie {
            name,
            value: Some(value),
            domain: None,
            http_only,
            secure,
            max_age_secs: COOKIE_LIFE_SECS,
        }
        .render()
    };
    // SDKs read the token from the last one.
    vec![
        render(&format!("__refresh_{suffix}"), next, true),
        render(&format!("__session_{suffix}"), jwt, false),
        render("__session", jwt, false),
    ]
}
