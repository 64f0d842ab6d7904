//! Exchanging an expired session token for a new one, without a redirect through the Frontend API. What it takes: the
//! expired token (it proves session, origin and age) and the refresh token that the last handshake put into the browser
//! (its hash is kept with the session). Every refusal is a 401: the SDK then falls back to the handshake.
//! Reference: contract fapi §5.6, bapi §2.3.
use crate::cx::Cx;
use crate::sessions::model::SessionRow;
use crate::sessions::{ops, store, token};
use crate::surface::browser::COOKIE_LIFE_SECS;
use crate::{clients, users};
use serde_json::Value;
use usher_crypto::digest;
use usher_http::cookie::SetCookie;
use usher_http::origin::Url;
use usher_types::error::codes as refuse;
use usher_types::id::SessionId;
use usher_types::{ApiError, Result};

/// Seconds since it was made after which an expired token is not exchanged. A browser that was closed overnight comes back
/// without a redirect; a cookie that was stolen long ago is worth nothing without the client cookie, which the handshake
/// asks for.
const MAX_AGE_SECS: i64 = 24 * 3600;

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
    check_refresh(&session, request.refresh)?;
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
    let jwt = token::mint(
        cx,
        &session,
        &origin.origin(),
        token::LIFE_SECS,
        client.authenticated_at,
    )?;
    ops::note_activity(cx, &session).await?;
    let cookies = cookies(cx, &origin, &jwt);
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

fn check_refresh(session: &SessionRow, given: &str) -> Result<(), ApiError> {
    let kept = session.refresh_hash.as_deref().unwrap_or_default();
    if digest::equal(kept.as_bytes(), digest::sha256_hex(given).as_bytes()) {
        Ok(())
    } else {
        Err(refuse::refresh_token_not_found())
    }
}

/// For the application's host, as the handshake's directives are. `__client_uat` has not changed and is left alone: whether
/// it stands on this host or on the root domain is not known here, and two of them would contradict each other one day.
fn cookies(cx: &Cx, origin: &Url, jwt: &str) -> Vec<String> {
    let suffixed = format!("__session_{}", cx.instance.cookie_suffix);
    let secure = origin.scheme == "https";
    let render = |name: &str| {
        SetCookie {
            name,
            value: Some(jwt),
            domain: None,
            http_only: false,
            secure,
            max_age_secs: COOKIE_LIFE_SECS,
        }
        .render()
    };
    // SDKs read the token from the last one.
    vec![render(&suffixed), render("__session")]
}
