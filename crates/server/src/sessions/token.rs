//! Session tokens: short-lived RS256 JWTs with version-2 claims (contract fapi §6.1, bapi §5.3). Minting is the hot path:
//! the claims are assembled by hand and signed with a key that was parsed once.
use super::model::SessionRow;
use crate::app::Minted;
use crate::cx::Cx;
use crate::organizations::model::Active;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use usher_crypto::jwt::{self, Category};
use usher_types::id::SessionId;
use usher_types::{Fault, Result, Timestamp};

/// Seconds a session token lives.
pub const LIFE_SECS: i64 = 60;
/// Seconds of clock skew that `nbf` allows for.
const SKEW_SECS: i64 = 10;
/// Seconds that official SDKs let an `iat` lie ahead of their clock.
const LEAD_SECS: i64 = 5;
/// A minted token younger than this is handed out again in resources. `POST …/tokens` always signs.
const REUSE_MS: i64 = 10_000;

/// The instant of a noted change, in Unix seconds, as it is shown at `now`. One that lies ahead by more than nodes' clocks may
/// differ was noted by a clock that was wrong: shown as it is, it would have server SDKs refuse every token until it comes.
#[must_use]
pub fn shown_stamp(now: Timestamp, noted: Timestamp) -> i64 {
    if noted.secs() > now.secs() + LEAD_SECS {
        now.secs()
    } else {
        noted.secs()
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Signs a token for a live session that acts in `organization`. Without an `azp` (a server that names no origin) the claim is left out. `life_secs` is 60 but where a server asks for another.
///
/// # Errors
/// The signer's.
pub fn mint(
    cx: &Cx,
    session: &SessionRow,
    organization: Option<&Active>,
    azp: &str,
    life_secs: i64,
    client_authenticated_at: Timestamp,
) -> Result<String> {
    // A token is never older than the last change of the client's sessions, or server SDKs would refuse it.
    let iat = cx
        .now
        .secs()
        .max(shown_stamp(cx.now, client_authenticated_at));
    let [first, second] = session.factor_ages(cx.now);
    let mut claims = String::with_capacity(512);
    // Writing to a String cannot fail.
    let _infallible = write!(
        claims,
        "{{{}\"exp\":{},\"fva\":[{first},{second}],\"iat\":{iat},\"iss\":{},\"jti\":\"{}\",\"nbf\":{},\"sid\":\"{}\",\"sts\":\"{}\",\"sub\":\"{}\",\"v\":2",
        if azp.is_empty() {
            String::new()
        } else {
            format!("\"azp\":{},", quoted(azp))
        },
        iat + life_secs,
        quoted(&cx.instance.issuer),
        cx.app.rng.base62(20),
        iat - SKEW_SECS,
        session.id,
        if session.is_active(cx.now, &cx.instance.settings) {
            "active"
        } else {
            "pending"
        },
        session.user_id,
    );
    if let Some(actor) = &session.actor {
        claims.push_str(",\"act\":");
        claims.push_str(actor);
    }
    if let Some(organization) = organization {
        let _infallible = write!(claims, ",\"o\":{}", organization.claim());
    }
    claims.push('}');
    cx.app.metrics.tokens_minted.fetch_add(1, Ordering::Relaxed);
    cx.instance
        .keys
        .signing(cx.now)
        .signer
        .sign(Category::Session, iat, &claims)
        .map_err(|e| Fault::new(format!("signing: {e}")).into())
}

/// A token for a resource: one minted moments ago for the same session, origin, organization and state, or a new one.
///
/// # Errors
/// The signer's.
pub fn mint_or_reuse(
    cx: &Cx,
    session: &SessionRow,
    organization: Option<&Active>,
    azp: &str,
    client_authenticated_at: Timestamp,
) -> Result<String> {
    // What a token would say of the organization, role included, is part of what it is kept by.
    let acts_in = organization.map_or_else(String::new, |o| format!(" {}", o.claim()));
    let key = (session.id.as_str().to_owned(), format!("{azp}{acts_in}"));
    let at = |time: Option<Timestamp>| time.map_or(-1, |at| at.0);
    let stamp = [
        session.updated_at.0.max(client_authenticated_at.0),
        at(session.first_factor_at),
        at(session.second_factor_at),
        i64::from(session.is_active(cx.now, &cx.instance.settings)),
    ];
    if let Some(minted) = cx
        .app
        .minted
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&key)
        && minted.stamp == stamp
        // A key that was replaced in an emergency is on no token that goes out after.
        && minted.kid == cx.instance.keys.signing(cx.now).row.id
        && (0..REUSE_MS).contains(&cx.now.since(minted.minted_at))
    {
        return Ok(minted.jwt.to_string());
    }
    let jwt = mint(
        cx,
        session,
        organization,
        azp,
        LIFE_SECS,
        client_authenticated_at,
    )?;
    let mut cache = cx.app.minted.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= 8192 {
        cache.retain(|_, m| cx.now.since(m.minted_at) < REUSE_MS);
        if cache.len() >= 8192 {
            cache.clear();
        }
    }
    cache.insert(
        key,
        Minted {
            jwt: jwt.as_str().into(),
            minted_at: cx.now,
            stamp,
            kid: cx.instance.keys.signing(cx.now).row.id.clone(),
        },
    );
    Ok(jwt)
}

/// Forgets what was minted for a session that ended.
pub fn forget(app: &crate::app::App, session: &str) {
    app.minted
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|(id, _), _| id != session);
}

/// Seconds that another node's clock may be ahead of ours.
const AHEAD_SECS: i64 = 5;

/// The claims of a token of this instance whose signature holds, and that was not made in the future. Whether it has expired is
/// the caller's to check.
#[must_use]
pub fn verify(cx: &Cx, token: &str) -> Option<Value> {
    let verified = jwt::verify(token, |kid| cx.instance.keys.verifier(kid, cx.now)).ok()?;
    let session = verified.header.get("cat").and_then(Value::as_str) == Some("cl_B7d4PD111AAA");
    // A handshake token carries the same category and no session: it is none.
    let named = verified.claims.get("sid").is_some_and(Value::is_string);
    let made = verified.claims.get("iat").and_then(Value::as_i64);
    let past = made.is_none_or(|iat| iat <= cx.now.secs().saturating_add(AHEAD_SECS));
    (session && named && past).then_some(verified.claims)
}

/// The session that a valid session token of this instance is of; it may have ended meanwhile.
#[must_use]
pub fn session_of(cx: &Cx, token: &str) -> Option<SessionId> {
    let claims = verify(cx, token)?;
    let secs = |name: &str| claims.get(name).and_then(Value::as_i64);
    let now = cx.now.secs();
    let valid = secs("exp").is_some_and(|exp| exp > now)
        && secs("nbf").is_some_and(|nbf| nbf <= now)
        && secs("iat").is_some();
    claims
        .get("sid")
        .and_then(Value::as_str)
        .filter(|_| valid)
        .and_then(SessionId::parse)
}
