//! The handshake: a server SDK sends the browser here to learn who is signed in; we send it back with a nonce, under
//! which the SDK fetches the cookies to set on the app's host (contract fapi §5.3, §5.4).
use super::{ops, store};
use crate::cx::Cx;
use crate::route::{Call, Reply};
use crate::sessions::token;
use crate::surface::browser::{COOKIE_LIFE_SECS, origin_allowed, shared_domain};
use crate::{sessions, users};
use usher_crypto::digest;
use usher_crypto::jwt::Category;
use usher_http::cookie::SetCookie;
use usher_http::origin::Url;
use usher_types::error::codes as refuse;
use usher_types::{Error, Fault, Result};

/// Seconds a nonce lives. Parallel requests of one page load read it, so it is not consumed.
const NONCE_LIFE_SECS: i64 = 60;

/// A redirect target: an absolute http(s) URL of an allowed origin. The one check on every redirect.
///
/// # Errors
/// 422 `invalid_redirect_url`, `redirect_url_not_associated_with_instance`.
pub fn redirect_target(cx: &Cx, text: &str) -> Result<Url> {
    let url = Url::parse(text).ok_or_else(|| refuse::invalid_redirect_url().at("redirect_url"))?;
    if !origin_allowed(cx, &url.origin()) {
        return Err(refuse::redirect_url_not_associated_with_instance()
            .at("redirect_url")
            .into());
    }
    Ok(url)
}

/// `Set-Cookie` strings for the app's host that say who is signed in. The session cookie is readable by scripts by
/// design: it lives 60 seconds and can be exchanged for nothing.
///
/// # Errors
/// The database's, the signer's.
pub async fn directives(cx: &Cx, target: &Url) -> Result<Vec<String>> {
    let secure = target.scheme == "https";
    let suffix = &cx.instance.cookie_suffix;
    let mut session = None;
    let mut stamp = 0;
    if let Some(client) = &cx.client {
        let mut tx = cx.read().await?;
        let live = ops::live_sessions(cx, &mut tx, &client.id).await?;
        let last = client
            .last_active_session_id
            .as_ref()
            .and_then(|id| live.iter().find(|s| s.id == *id))
            .or_else(|| live.last());
        if let Some(found) = last {
            let user = users::store::find(&mut tx, &found.user_id).await?;
            if user.is_some_and(|u| !u.banned) {
                session = Some(found.clone());
            }
        }
        stamp = if session.is_some() {
            ops::uat(client, live.len())
        } else {
            0
        };
    }
    let uat = stamp.to_string();
    let domain = shared_domain(cx);
    let mut out = Vec::new();
    let mut push =
        |name: &str, value: Option<&str>, domain: Option<&str>, http_only: bool, life: i64| {
            out.push(
                SetCookie {
                    name,
                    value,
                    domain,
                    http_only,
                    secure,
                    max_age_secs: life,
                }
                .render(),
            );
        };
    // The nonce goes, or the SDK would replay this handshake on every request and undo a sign-out (fapi §0.17).
    push("__clerk_handshake_nonce", None, domain, true, 0);
    push("__clerk_handshake", None, domain, true, 0);
    push("__client_uat", Some(&uat), domain, false, COOKIE_LIFE_SECS);
    push(
        &format!("__client_uat_{suffix}"),
        Some(&uat),
        domain,
        false,
        COOKIE_LIFE_SECS,
    );
    let suffixed = format!("__session_{suffix}");
    let refresh_name = format!("__refresh_{suffix}");
    if let Some(session) = session {
        let authenticated_at = cx.client.as_ref().map_or(cx.now, |c| c.authenticated_at);
        let jwt = token::mint(
            cx,
            &session,
            &target.origin(),
            token::LIFE_SECS,
            authenticated_at,
        )?;
        let refresh = cx.app.rng.token();
        usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
            sessions::store::set_refresh(&mut tx, &session.id, &digest::sha256_hex(&refresh)).await?;
            Ok::<_, Error>(())
        })?;
        push(&refresh_name, Some(&refresh), None, true, COOKIE_LIFE_SECS);
        push(&suffixed, Some(&jwt), None, false, COOKIE_LIFE_SECS);
        push("__session", Some(&jwt), None, false, COOKIE_LIFE_SECS);
    } else {
        push(&refresh_name, None, None, true, 0);
        push(&suffixed, None, None, false, 0);
        push("__session", None, None, false, 0);
    }
    Ok(out)
}

/// `GET /v1/client/handshake`.
///
/// # Errors
/// 422 for redirect targets that are not this instance's.
pub async fn answer(cx: &Cx, call: &Call) -> Result<Reply> {
    let target = redirect_target(cx, call.form.text("redirect_url").unwrap_or_default())?;
    let directives = directives(cx, &target).await?;
    let domain = shared_domain(cx);
    let secure = cx.request.https;
    let (name, value) = if call.form.text("format") == Some("nonce") {
        let nonce = cx.app.rng.token();
        let text = serde_json::to_string(&directives)?;
        usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
            store::add_handshake(&mut tx, &digest::sha256_hex(&nonce), &text, cx.now.plus_secs(NONCE_LIFE_SECS)).await?;
            Ok::<_, Error>(())
        })?;
        ("__clerk_handshake_nonce", nonce)
    } else {
        let now = cx.now.secs();
        let claims = serde_json::json!({ "handshake": directives, "iat": now, "nbf": now - 10, "exp": now + NONCE_LIFE_SECS }).to_string();
        let token = cx
            .instance
            .signer
            .sign(Category::Session, now, &claims)
            .map_err(|e| Fault::new(format!("signing: {e}")))?;
        ("__clerk_handshake", token)
    };
    let mut reply = Reply::redirect(307, &target.href());
    reply.cookies.push(
        SetCookie {
            name,
            value: Some(&value),
            domain,
            http_only: true,
            secure,
            max_age_secs: NONCE_LIFE_SECS,
        }
        .render(),
    );
    Ok(reply)
}
