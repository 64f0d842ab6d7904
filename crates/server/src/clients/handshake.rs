//! The handshake: a server SDK sends the browser here to learn who is signed in; we send it back with a nonce, under
//! which the SDK fetches the cookies to set on the app's host (contract fapi §5.3, §5.4).
use super::model::ClientRow;
use super::{dev_browser, ops, satellite, store};
use crate::cx::Cx;
use crate::organizations;
use crate::route::{Call, Reply};
use crate::sessions::model::SessionRow;
use crate::sessions::token;
use crate::surface::browser::{COOKIE_LIFE_SECS, origin_allowed, shared_domain};
use crate::{redirect_urls, sessions, users};
use serde::{Deserialize, Serialize};
use usher_crypto::digest;
use usher_crypto::jwt::Category;
use usher_crypto::seal::Master;
use usher_http::cookie::SetCookie;
use usher_http::origin::Url;
use usher_types::error::codes as refuse;
use usher_types::{Error, Fault, Result, Secret};

/// Seconds a nonce lives. Parallel requests of one page load read it, so it is not consumed.
const NONCE_LIFE_SECS: i64 = 60;

/// A redirect target: an absolute http(s) URL of an allowed origin, or exactly one of the URLs that the operator listed,
/// which may be a native application's. The one check on every redirect.
///
/// # Errors
/// 422 `invalid_redirect_url`, `redirect_url_not_associated_with_instance`.
pub fn redirect_target(cx: &Cx, text: &str) -> Result<Url> {
    let url = redirect_urls::model::canonical(text)
        .ok_or_else(|| refuse::invalid_redirect_url().at("redirect_url"))?;
    let satellite = cx.instance.satellites.iter().any(|s| s.has_page(&url));
    let own = url.is_page()
        && (origin_allowed(cx, &url.origin())
            || satellite
            || cx.satellite.is_some() && cx.instance.allows_origin(&url.origin()));
    if !own && !cx.instance.lists_redirect(&url) {
        return Err(refuse::redirect_url_not_associated_with_instance()
            .at("redirect_url")
            .into());
    }
    Ok(url)
}

/// As [`redirect_target`], where cookies are to be set at the target: a page.
///
/// # Errors
/// As [`redirect_target`]; 422 `invalid_redirect_url` for native applications.
pub fn page_target(cx: &Cx, text: &str) -> Result<Url> {
    let url = redirect_target(cx, text)?;
    if !url.is_page() {
        return Err(refuse::invalid_redirect_url().at("redirect_url").into());
    }
    Ok(url)
}

/// Where the cookies of a handshake are to be set.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    /// The app speaks https.
    secure: bool,
    /// The domain that the app's host shares with ours, for what is no secret.
    domain: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn of(cx: &'a Cx, secure: bool, shared: bool) -> Self {
        let domain = cx.instance.root_domain.as_deref().filter(|_| shared);
        Self { secure, domain }
    }
    /// On a satellite: its domain, which the nonce's keeper does not know.
    fn on(satellite: &'a str, secure: bool) -> Self {
        let domain = Some(satellite);
        Self { secure, domain }
    }
}

/// Who is signed in: the session token and the refresh token of the app's host.
#[derive(Serialize, Deserialize)]
struct SignedIn {
    jwt: String,
    refresh: String,
}

/// What the directives are made of, kept for a minute under the hash of a nonce and sealed by the nonce: whoever has the
/// database has neither token.
#[derive(Serialize, Deserialize)]
struct Kept {
    who: SignedIn,
    stamp: i64,
    secure: bool,
    shared: bool,
    /// The satellite's domain, where the handshake was on one.
    #[serde(default)]
    satellite: Option<String>,
    /// The application's development-browser token, on instances that have them.
    dev_browser: Option<String>,
}

/// What kept handshakes are sealed for.
const SEALED_FOR: &str = "handshake";

/// `Set-Cookie` strings for the app's host that say who is signed in. The session cookie is readable by scripts by
/// design: it lives 60 seconds and can be exchanged for nothing.
fn directives(
    cx: &Cx,
    place: Place<'_>,
    stamp: i64,
    who: Option<&SignedIn>,
    dev_browser: Option<&str>,
) -> Vec<String> {
    let suffix = &cx.instance.cookie_suffix;
    let uat = stamp.to_string();
    let mut out = Vec::with_capacity(9);
    let mut push = |name: &str, value: Option<&str>, shared: bool, http_only: bool| {
        let cookie = SetCookie {
            name,
            value,
            domain: place.domain.filter(|_| shared),
            http_only,
            secure: place.secure,
            max_age_secs: COOKIE_LIFE_SECS,
        };
        out.push(cookie.render());
    };
    // The nonce goes, or the SDK would replay this handshake on every request and undo a sign-out (fapi §0.17).
    push("__clerk_handshake_nonce", None, true, true);
    push("__clerk_handshake", None, true, true);
    if dev_browser.is_some() {
        // Scripts read it: it is what they name the browser by, on development instances only.
        push("__clerk_db_jwt", dev_browser, false, false);
        let suffixed = format!("__clerk_db_jwt_{suffix}");
        push(&suffixed, dev_browser, false, false);
    }
    push("__client_uat", Some(&uat), true, false);
    push(&format!("__client_uat_{suffix}"), Some(&uat), true, false);
    let jwt = who.map(|w| w.jwt.as_str());
    push(
        &format!("__refresh_{suffix}"),
        who.map(|w| w.refresh.as_str()),
        false,
        true,
    );
    push(&format!("__session_{suffix}"), jwt, false, false);
    push("__session", jwt, false, false);
    out
}

/// The session that the browser's client acts for, and the stamp of the client's sessions.
async fn acting(cx: &Cx, client: Option<&ClientRow>) -> Result<Option<(SessionRow, i64)>> {
    let Some(client) = client else {
        return Ok(None);
    };
    let mut tx = cx.read().await?;
    let live = ops::live_sessions(cx, &mut tx, &client.id).await?;
    let last = client.last_active_session_id.as_ref();
    let Some(session) = last
        .and_then(|id| live.iter().find(|s| s.id == *id))
        .or_else(|| live.last())
    else {
        return Ok(None);
    };
    let user = users::store::find(&mut tx, &session.user_id).await?;
    Ok(user
        .filter(|u| !u.banned)
        .map(|_| (session.clone(), ops::uat_now(cx, client, live.len()))))
}

/// What a nonce of a handshake without a session starts with.
const NOBODY: &str = "nobody.";

/// The nonce of a handshake that found nobody signed in. It says so by itself and is kept nowhere: a page that anybody can
/// load must not make the database grow. It holds no secret; the MAC keeps others from writing one.
fn nobody_nonce(cx: &Cx, place: Place<'_>, satellite: &str, expire_at: i64) -> String {
    let said = format!(
        "{NOBODY}{expire_at}.{}{}{satellite}",
        u8::from(place.secure),
        u8::from(place.domain.is_some())
    );
    let mac = digest::hmac_sha256(
        &cx.instance.code_key,
        format!("handshake:{said}").as_bytes(),
    );
    format!("{said}.{}", digest::b64url(&mac))
}

/// The directives of a nonce: read out of it where it says "nobody", else from what was kept under it.
///
/// # Errors
/// 400 `invalid_handshake` for unknown, expired and forged nonces.
pub async fn payload(cx: &Cx, nonce: &str) -> Result<Vec<String>> {
    if nonce.starts_with(NOBODY) {
        let told = nonce.strip_prefix(NOBODY).and_then(|rest| {
            let (expire_at, rest) = rest.split_once('.')?;
            Some((
                expire_at.parse::<i64>().ok()?,
                rest.as_bytes().first()? == &b'1',
                rest.as_bytes().get(1)? == &b'1',
                rest.get(2..)?.split('.').next()?,
            ))
        });
        let (expire_at, secure, shared, satellite) = told.ok_or_else(refuse::invalid_handshake)?;
        let named = cx.instance.satellites.iter().find(|s| s.id == satellite);
        let place = match named {
            Some(satellite) => Place::on(&satellite.name, secure),
            None => Place::of(cx, secure, shared),
        };
        let genuine = digest::equal(
            nobody_nonce(cx, place, satellite, expire_at).as_bytes(),
            nonce.as_bytes(),
        );
        if !genuine || expire_at <= cx.now.secs() {
            return Err(refuse::invalid_handshake().into());
        }
        let token = cx
            .instance
            .has_dev_browsers()
            .then(|| dev_browser::nobody(cx));
        return Ok(directives(cx, place, 0, None, token.as_deref()));
    }
    let kept = store::handshake(&mut cx.read().await?, &digest::sha256_hex(nonce), cx.now).await?;
    let plain = kept.and_then(|sealed| Master::of_token(nonce).open(SEALED_FOR, &sealed).ok());
    let kept: Kept = serde_json::from_slice(&plain.ok_or_else(refuse::invalid_handshake)?)?;
    let place = match &kept.satellite {
        Some(name) => Place::on(name, kept.secure),
        None => Place::of(cx, kept.secure, kept.shared),
    };
    let token = kept.dev_browser.as_deref();
    Ok(directives(cx, place, kept.stamp, Some(&kept.who), token))
}

/// `GET /v1/client/handshake`.
///
/// # Errors
/// 422 for redirect targets that are not this instance's.
pub async fn answer(cx: &Cx, call: &Call) -> Result<Reply> {
    let target = page_target(cx, call.form.text("redirect_url").unwrap_or_default())?;
    let by_nonce = call.form.text("format") == Some("nonce");
    let reason = call.form.text("__clerk_hs_reason");
    if let Some(satellite) = &cx.satellite
        && cx.client.is_none()
        && reason == Some("satellite-needs-syncing")
    {
        // The server has found its visitor unknown here: the primary may know them.
        return Ok(satellite::to_primary(cx, satellite, &target));
    }
    send_back(cx, cx.client.as_ref(), None, &target, by_nonce).await
}

/// Sends the browser to a page with what its server needs to know who is signed in on `client`; `token` is the client's,
/// where this request replaced it.
///
/// # Errors
/// The database's, the signer's.
pub async fn send_back(
    cx: &Cx,
    client: Option<&ClientRow>,
    token: Option<&Secret<String>>,
    target: &Url,
    by_nonce: bool,
) -> Result<Reply> {
    let place = Place {
        secure: target.scheme == "https",
        domain: shared_domain(cx),
    };
    let found = acting(cx, client).await?;
    let stamp = found.as_ref().map_or(0, |(_, stamp)| *stamp);
    let who = match &found {
        Some((session, _)) => {
            let authenticated_at = client.map_or(cx.now, |c| c.authenticated_at);
            let organization = organizations::active::of_session(cx, session).await?;
            let jwt = token::mint(
                cx,
                session,
                organization.as_ref(),
                &target.origin(),
                token::LIFE_SECS,
                authenticated_at,
            )?;
            Some(SignedIn {
                jwt,
                refresh: cx.app.rng.token(),
            })
        }
        None => None,
    };
    let nonce = match &who {
        Some(_) => cx.app.rng.token(),
        None => {
            let satellite = cx.satellite.as_ref().map_or("", |s| s.id.as_str());
            nobody_nonce(cx, place, satellite, cx.now.secs() + NONCE_LIFE_SECS)
        }
    };
    let in_url = cx.instance.has_dev_browsers();
    let token = in_url.then(|| match token {
        Some(fresh) if cx.dev_browser.is_some() => fresh.expose().clone(),
        Some(_) | None => dev_browser::for_application(cx),
    });
    let said = if by_nonce {
        Vec::new()
    } else {
        directives(cx, place, stamp, who.as_ref(), token.as_deref())
    };
    if let (Some((session, _)), Some(who)) = (found, who) {
        let refresh = digest::sha256_hex(&who.refresh);
        let sealed = if by_nonce {
            let kept = Kept {
                who,
                stamp,
                secure: place.secure,
                shared: place.domain.is_some(),
                satellite: cx.satellite.as_ref().map(|s| s.name.clone()),
                dev_browser: token,
            };
            let plain = serde_json::to_vec(&kept)?;
            Some(Master::of_token(&nonce).seal(&cx.app.rng, SEALED_FOR, &plain))
        } else {
            None
        };
        // One transaction for both: a handshake pays for one durable write.
        usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
            sessions::store::replace_refresh(&mut tx, &session.id, &target.origin()).await?;
            sessions::store::add_refresh(&mut tx, &session.id, &target.origin(), &refresh, session.expire_at).await?;
            if let Some(sealed) = &sealed {
                store::add_handshake(&mut tx, &digest::sha256_hex(&nonce), sealed, cx.now.plus_secs(NONCE_LIFE_SECS)).await?;
            }
            Ok::<_, Error>(())
        })?;
    }
    let (name, value) = if by_nonce {
        ("__clerk_handshake_nonce", nonce)
    } else {
        let now = cx.now.secs();
        let claims = serde_json::json!({ "handshake": said, "iat": now, "nbf": now - 10, "exp": now + NONCE_LIFE_SECS }).to_string();
        let signed = cx
            .instance
            .keys
            .signing(cx.now)
            .signer
            .sign(Category::Session, now, &claims);
        (
            "__clerk_handshake",
            signed.map_err(|e| Fault::new(format!("signing: {e}")))?,
        )
    };
    if in_url {
        // The application is another site, whose cookies are out of our reach: SDKs take it from the URL and clean that.
        return Ok(Reply::redirect(307, &target.with_query(name, &value)));
    }
    let mut reply = Reply::redirect(307, &target.href());
    let cookie = SetCookie {
        name,
        value: Some(&value),
        domain: place.domain,
        http_only: true,
        secure: cx.request.https,
        max_age_secs: NONCE_LIFE_SECS,
    };
    reply.cookies.push(cookie.render());
    Ok(reply)
}
