//! What is particular to browsers: the origin verdict, the client cookie, cookies out, CORS.
use super::Incoming;
use crate::clients::{dev_browser, store};
use crate::cx::Cx;
use crate::route::{Guard, Op, Reply};
use usher_crypto::digest;
use usher_http::cookie::{self, SetCookie};
use usher_http::origin::{Url, split_host};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

/// Seconds that `__client` and `__client_uat` live in a browser: the longest that browsers keep a cookie (400 days).
pub const COOKIE_LIFE_SECS: i64 = 400 * 24 * 3600;

/// The application's origin when it proxies us, else our own.
fn own_origin(cx: &Cx) -> String {
    let scheme = if cx.request.https { "https" } else { "http" };
    format!("{scheme}://{}", cx.request.host)
}

/// One verdict on an origin, used for requests and redirects alike.
#[must_use]
pub fn origin_allowed(cx: &Cx, origin: &str) -> bool {
    if let Some(satellite) = &cx.satellite {
        return Url::parse(origin).is_some_and(|url| satellite.has_page(&url));
    }
    if cx.instance.allows_origin(origin) {
        return true;
    }
    // The host that the request came to is ours (or the proxy's that proved itself): a page there is same-origin.
    Url::parse(origin).is_some_and(|u| u.origin() == own_origin(cx))
        && (cx.request.proxy_url.is_some() || cx.app.options.development)
}

/// What an origin that is not allowed is told. Refusals of pages are worth a line: a browser that somebody is signed in with
/// was there.
fn foreign(cx: &Cx, origin: &str) -> ApiError {
    let with_cookie = cookie::all(&cx.request.cookies, "__client")
        .next()
        .is_some();
    if with_cookie {
        tracing::warn!(event = "origin.refused", instance.id = %cx.tenant(), trace.id = %cx.trace,
            "A request with a client cookie came from a foreign origin");
    }
    if cx.satellite.is_none() && cx.instance.is_neighbour(origin) {
        refuse::subdomain_not_allowed()
    } else {
        refuse::origin_invalid()
    }
}

/// Refuses foreign origins on everything, and state-changing requests that carry the client but do not say where they
/// come from (contract fapi §3.7; OWASP CSRF: verify origin with standard headers).
///
/// # Errors
/// 400 `origin_invalid`, `origin_missing`.
pub fn check_origin(cx: &Cx, request: &Incoming, effective: &str, op: &Op) -> Result<()> {
    if op.guard == Guard::Public && matches!(effective, "GET" | "HEAD") {
        return Ok(());
    }
    // A provider's page posts its answer: it changes nothing, and leads to the GET that asks whose it is.
    if op.navigated && effective == "POST" {
        return Ok(());
    }
    if request.headers.get_all("origin").iter().count() > 1 {
        return Err(refuse::origin_invalid().into());
    }
    if cx.request.origin.is_some() && request.headers.contains_key("authorization") {
        return Err(refuse::origin_authorization_headers_conflict().into());
    }
    if let Some(origin) = &cx.request.origin {
        return if origin_allowed(cx, origin) {
            Ok(())
        } else {
            Err(foreign(cx, origin).into())
        };
    }
    if matches!(effective, "GET" | "HEAD") {
        // No SDK reads across sites without an origin; only where browsers are sent on purpose may another site send them.
        let crossing = cx.request.fetch_site == "cross-site";
        let sent_here = op.navigated && request.header("sec-fetch-mode") == Some("navigate");
        return if crossing && !sent_here {
            Err(refuse::origin_invalid().into())
        } else {
            Ok(())
        };
    }
    match request.header("sec-fetch-site") {
        Some("same-origin") => return Ok(()),
        Some("cross-site") => return Err(refuse::origin_invalid().into()),
        _ => {}
    }
    if let Some(referer) = request.header("referer") {
        let allowed = Url::parse(referer).is_some_and(|u| origin_allowed(cx, &u.origin()));
        return if allowed {
            Ok(())
        } else {
            Err(refuse::origin_invalid().into())
        };
    }
    // No browser sends a POST without any of them. What has no cookie has nothing to protect.
    if cookie::all(&cx.request.cookies, "__client")
        .next()
        .is_some()
    {
        Err(refuse::origin_missing().into())
    } else {
        Ok(())
    }
}

/// The cookie that binds `__client` to this host. Any neighbour below the root domain can plant a `__client` here, but no
/// cookie with this prefix: browsers take it from this very host only, over https, without `Domain` (RFC 6265bis §4.1.3.2).
const BINDING: &str = "__Host-usher_binding";

/// The binding of a token: nothing that opens anything, and nothing that needs to be kept.
fn binding(token: &str) -> String {
    digest::sha256_hex(&format!("binding:{token}"))
}

/// Tokens in the cookies at most; more are somebody's attempt to crowd ours out.
const CANDIDATES: usize = 4;

/// Finds the client by its cookie. Several of the name are possible, because a neighbour can toss one; their order says
/// nothing. Only a token with its binding counts, where bindings are. Where they are not, the one that is a live token wins,
/// and of several live ones none: or a neighbour could make this browser act for somebody else's client.
///
/// # Errors
/// The database's.
pub async fn find_client(cx: &mut Cx, query: &[(String, String)]) -> Result<()> {
    // Where a cookie came it counts, and it alone: the two ways to name a client are never mixed.
    if cookie::all(&cx.request.cookies, "__client")
        .next()
        .is_none()
        && let Some((_, token)) = query.iter().find(|(name, _)| name == "__clerk_db_jwt")
    {
        return dev_browser::find(cx, token).await;
    }
    let mut tokens: Vec<&str> = Vec::new();
    let bindings: Vec<&str> = cookie::all(&cx.request.cookies, BINDING).collect();
    let mut unbound = false;
    for token in cookie::all(&cx.request.cookies, "__client") {
        let fits = (20..=128).contains(&token.len());
        if !fits || tokens.contains(&token) {
            continue;
        }
        let expected = binding(token);
        let counts = !cx.request.bound
            || bindings
                .iter()
                .any(|b| digest::equal(b.as_bytes(), expected.as_bytes()));
        if counts {
            tokens.push(token);
        } else {
            unbound = true;
        }
    }
    if unbound {
        tracing::warn!(event = "client.cookie_unbound", instance.id = %cx.tenant(), trace.id = %cx.trace,
            "A client cookie came without its binding and was not believed");
    }
    let mut live = Vec::new();
    if !tokens.is_empty() && tokens.len() <= CANDIDATES {
        let mut tx = cx.read().await?;
        for token in &tokens {
            let hash = digest::sha256_hex(token);
            let found = match &cx.satellite {
                Some(domain) => {
                    store::by_satellite_token(&mut tx, &domain.id, &hash, cx.now).await?
                }
                None => store::by_token(&mut tx, &hash).await?,
            };
            live.extend(found.filter(|client| client.expire_at > cx.now));
        }
    }
    if tokens.len() > CANDIDATES || live.len() > 1 {
        tracing::warn!(event = "client.cookie_ambiguous", instance.id = %cx.tenant(), trace.id = %cx.trace,
            "Several client cookies came; none was believed");
        cx.ambiguous = true;
    } else if let Some(client) = live.pop() {
        cx.set_client(client);
    }
    Ok(())
}

/// The `Domain` of `__client_uat` and of the handshake nonce: the root domain that our host shares with the apps. None
/// on loopback and behind an application's proxy, where they stay on the host.
#[must_use]
pub fn shared_domain(cx: &Cx) -> Option<&str> {
    if cx.request.proxy_url.is_some() {
        return None;
    }
    if let Some(satellite) = &cx.satellite {
        return Some(&satellite.name);
    }
    let root = cx.instance.root_domain.as_deref()?;
    let (host, _) = split_host(&cx.request.host)?;
    (host == root || host.ends_with(&format!(".{root}"))).then_some(root)
}

/// Cookies and CORS headers of an answer. `__client` is the last cookie: one official proxy keeps only the last
/// (contract fapi §0.18).
pub fn finish(cx: &Cx, reply: &mut Reply) {
    let outgoing = cx.take_outgoing();
    if cx.dev_browser.is_some() {
        // Its cookies would be a third party's: scripts keep the token, and write the stamp themselves.
        let token = match (outgoing.forget_client, outgoing.client_token) {
            (true, _) => Some(dev_browser::nobody(cx)),
            (false, token) => token,
        };
        reply
            .headers
            .extend(token.map(|token| ("clerk-db-jwt", token)));
        return open_to_origin(cx, reply);
    }
    let secure = cx.request.https;
    let suffixed = format!("__client_uat_{}", cx.instance.cookie_suffix);
    if let Some(stamp) = outgoing.client_uat {
        let value = stamp.to_string();
        for name in ["__client_uat", suffixed.as_str()] {
            let cookie = SetCookie {
                name,
                value: Some(&value),
                domain: shared_domain(cx),
                http_only: false,
                secure,
                max_age_secs: COOKIE_LIFE_SECS,
            };
            reply.cookies.push(cookie.render());
        }
    }
    let client = SetCookie {
        name: "__client",
        value: None,
        domain: None,
        http_only: true,
        secure,
        max_age_secs: COOKIE_LIFE_SECS,
    };
    let bind = |value: Option<&str>| {
        let name = BINDING;
        SetCookie {
            name,
            value,
            ..client.clone()
        }
        .render()
    };
    if outgoing.forget_client {
        if cx.request.bound {
            reply.cookies.push(bind(None));
        }
        reply.cookies.push(client.render());
    } else if let Some(token) = &outgoing.client_token {
        if cx.request.bound {
            reply.cookies.push(bind(Some(&binding(token))));
        }
        reply.cookies.push(
            SetCookie {
                value: Some(token),
                ..client
            }
            .render(),
        );
    }
    open_to_origin(cx, reply);
}

/// CORS headers.
fn open_to_origin(cx: &Cx, reply: &mut Reply) {
    reply.headers.push(("vary", "Origin".to_owned()));
    if let Some(origin) = &cx.request.origin
        && origin_allowed(cx, origin)
    {
        reply
            .headers
            .push(("access-control-allow-origin", origin.clone()));
        reply
            .headers
            .push(("access-control-allow-credentials", "true".to_owned()));
        reply.headers.push((
            "access-control-expose-headers",
            "Authorization, Clerk-Db-Jwt, X-Country, Retry-After, Clerk-Trace-Id".to_owned(),
        ));
    }
}

/// The answer to a preflight: what is allowed, to those who are.
#[must_use]
pub fn preflight(cx: &Cx) -> Reply {
    let mut reply = Reply::empty(204);
    finish(cx, &mut reply);
    if reply
        .headers
        .iter()
        .any(|(n, _)| *n == "access-control-allow-origin")
    {
        reply.headers.push((
            "access-control-allow-methods",
            "GET, POST, PUT, PATCH, DELETE".to_owned(),
        ));
        reply.headers.push((
            "access-control-allow-headers",
            "Authorization, Content-Type".to_owned(),
        ));
        reply
            .headers
            .push(("access-control-max-age", "600".to_owned()));
    }
    reply
}
