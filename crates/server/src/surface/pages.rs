//! Everything that is no API operation: health, metrics, scripts, avatars, the account portal, the development inbox,
//! the OpenAPI documents.
use super::{Incoming, dev_provider, facts, pictures};
use crate::app::App;
use crate::cx::Cx;
use crate::instances::Instance;
use crate::messages::store as messages;
use crate::openapi;
use crate::route::{Api, JSON, Reply};
use bytes::Bytes;
use http::Method;
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use usher_assets::Asset;
use usher_http::percent;
use usher_types::{Error, Result};

/// The answer of a page, or `None` when the path is an API's.
pub async fn answer(app: &Arc<App>, request: &Incoming, path: &str) -> Option<Reply> {
    if path.starts_with("/v1/") || path.starts_with("/oauth/") || path.starts_with("/.well-known/")
    {
        return None;
    }
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    if path.starts_with("/inbox") && app.options.development {
        return Some(
            inbox(app, request, path)
                .await
                .unwrap_or_else(|e| super::render::error(app, &e, "")),
        );
    }
    if path.starts_with(dev_provider::PATH) && app.options.development {
        return Some(dev_provider::answer(app, request, path));
    }
    if !reads {
        return None;
    }
    match path {
        "/healthz" => return Some(Reply::bytes(200, "text/plain", Bytes::from_static(b"ok\n"))),
        "/readyz" => return Some(ready(app).await),
        "/metrics" => return Some(metrics(app, request)),
        "/openapi/fapi.json" => return Some(document(Api::Fapi)),
        "/openapi/bapi.json" => return Some(document(Api::Bapi)),
        "/favicon.ico" => {
            return Some(
                usher_assets::find("/_usher/logo.svg")
                    .map_or_else(|| Reply::empty(404), |a| asset(request, a, 3600)),
            );
        }
        _ => {}
    }
    if let Some(rest) = path.strip_prefix("/npm/") {
        return Some(script(request, rest));
    }
    if path.starts_with("/_usher/") {
        return Some(usher_assets::find(path).map_or_else(
            || plain(404, "There is no such file.\n"),
            |a| asset(request, a, 0),
        ));
    }
    if let Some(rest) = path.strip_prefix("/avatars/") {
        return Some(pictures::avatar(request, rest));
    }
    if let Some(rest) = path.strip_prefix("/images/") {
        let shown = pictures::uploaded(app, request, rest).await;
        return Some(shown.unwrap_or_else(|e| super::render::error(app, &e, "")));
    }
    if let Some(rest) = path.strip_prefix("/logos/") {
        return Some(logo(rest));
    }
    let page = match path.split('/').nth(1).unwrap_or_default() {
        "" => "home",
        "sign-in" => "sign-in",
        "sign-up" => "sign-up",
        "user" => "user",
        "organization" => "organization",
        "create-organization" => "create-organization",
        "waitlist" => "waitlist",
        "sso-callback" => "sso-callback",
        _ => return None,
    };
    let seen = facts(app, request, false);
    app.instance_by_host(&seen.host)
        .map(|instance| portal(app, &instance, &seen.host, seen.https, page))
}

pub(super) fn plain(status: u16, text: &str) -> Reply {
    Reply::bytes(
        status,
        "text/plain; charset=utf-8",
        Bytes::from(text.to_owned()),
    )
}

async fn ready(app: &App) -> Reply {
    let works = async {
        let mut tx = app.db.read("").await?;
        crate::instances::store::generation(&mut tx).await
    };
    match works.await {
        Ok(_) => plain(200, "ready\n"),
        Err(e) => {
            tracing::warn!("Not ready: {e}");
            plain(503, "not ready: the database does not answer\n")
        }
    }
}

/// Prometheus text, for this machine and trusted proxies only: counts tell how busy an operator's users are.
fn metrics(app: &App, request: &Incoming) -> Reply {
    if !request.peer.is_loopback() && !app.options.trusts(&request.peer) {
        return plain(404, "not found\n");
    }
    let m = &app.metrics;
    let mut out = String::from("# TYPE usher_http_requests_total counter\n");
    if let Ok(counts) = m.requests.lock() {
        let mut rows: Vec<_> = counts.iter().collect();
        rows.sort();
        for ((surface, status), count) in rows {
            // Writing to a String cannot fail.
            let _infallible = writeln!(
                out,
                "usher_http_requests_total{{surface=\"{surface}\",status=\"{status}\"}} {count}"
            );
        }
    }
    for (name, kind, value) in [
        (
            "usher_session_tokens_minted_total",
            "counter",
            m.tokens_minted.load(Ordering::Relaxed),
        ),
        (
            "usher_passwords_hashed_total",
            "counter",
            m.passwords_hashed.load(Ordering::Relaxed),
        ),
        (
            "usher_faults_total",
            "counter",
            m.faults.load(Ordering::Relaxed),
        ),
        (
            "usher_hash_queue_depth",
            "gauge",
            u64::try_from(app.hashing.depth()).unwrap_or(u64::MAX),
        ),
    ] {
        let _infallible = writeln!(out, "# TYPE {name} {kind}\n{name} {value}");
    }
    Reply::bytes(200, "text/plain; version=0.0.4", Bytes::from(out))
}

fn document(api: Api) -> Reply {
    Reply::bytes(200, JSON, openapi::rendered(api))
        .header("access-control-allow-origin", "*")
        .header("cache-control", "public, max-age=300")
}

/// A file in the encoding that the client takes.
fn asset(request: &Incoming, asset: &'static Asset, max_age: u32) -> Reply {
    let tag = request
        .header("if-none-match")
        .is_some_and(|t| t == asset.etag);
    let takes = |word: &str| {
        request.header("accept-encoding").is_some_and(|v| {
            v.split(',').any(|part| {
                part.split(';').next().is_some_and(|n| n.trim() == word)
                    && !part.replace(' ', "").contains(";q=0.0")
                    && !part.replace(' ', "").ends_with(";q=0")
            })
        })
    };
    let mut reply = if tag {
        Reply::empty(304)
    } else if takes("br") {
        Reply::bytes(200, asset.mime, Bytes::from_static(asset.brotli))
            .header("content-encoding", "br")
    } else if takes("gzip") {
        Reply::bytes(200, asset.mime, Bytes::from_static(asset.gzip))
            .header("content-encoding", "gzip")
    } else {
        Reply::bytes(200, asset.mime, Bytes::from(usher_assets::plain(asset)))
    };
    reply.headers.push(("etag", asset.etag.to_owned()));
    reply.headers.push(("vary", "Accept-Encoding".to_owned()));
    let immutable = if max_age > 100_000 { ", immutable" } else { "" };
    reply.headers.push((
        "cache-control",
        format!("public, max-age={max_age}{immutable}"),
    ));
    reply
}

/// `/npm/@clerk/<package>@<version>/…`: the official scripts, from the binary (contract fapi §2). Any page may load them.
fn script(request: &Incoming, rest: &str) -> Reply {
    let open = |reply: Reply| {
        reply
            .header("access-control-allow-origin", "*")
            .header("cross-origin-resource-policy", "cross-origin")
    };
    let rest = percent::decode(rest, false).unwrap_or_default();
    let parts = rest
        .strip_prefix("@clerk/")
        .and_then(|r| r.split_once('/'))
        .and_then(|(package, file)| {
            package
                .split_once('@')
                .map(|(name, selector)| (name, selector, file))
        });
    let Some((name, selector, file)) = parts else {
        return open(plain(
            404,
            "Scripts are served as /npm/@clerk/<package>@<version>/dist/<file>.\n",
        ));
    };
    let package = format!("@clerk/{name}");
    let served = usher_assets::versions(&package);
    let Some(exact) = usher_assets::resolve(&package, selector) else {
        let text = match (usher_assets::built(), served.is_empty()) {
            (false, _) => "The scripts are not in this binary: build it with `make build`, which fetches them.\n".to_owned(),
            (true, true) => format!("{package} is not served here.\n"),
            (true, false) => format!("{package}@{selector} is not served here; served: {}.\n", served.join(", ")),
        };
        return open(plain(404, &text));
    };
    match usher_assets::find(&format!("/npm/{package}@{exact}/{file}")) {
        Some(found) => open(asset(
            request,
            found,
            if selector == exact { 31_536_000 } else { 300 },
        )),
        None => open(plain(
            404,
            &format!("{package}@{exact} has no file {file}.\n"),
        )),
    }
}

/// A tile with the first letter of a provider's key. Pages that know the provider draw its own mark.
fn logo(rest: &str) -> Reply {
    let key = rest.strip_suffix(".svg").unwrap_or_default();
    let name = key.strip_prefix("custom_").unwrap_or(key);
    let letter = name.chars().next().filter(char::is_ascii_alphanumeric);
    let (Some(letter), true) = (letter, key.len() <= 64) else {
        return plain(404, "There is no such picture.\n");
    };
    let letter = letter.to_ascii_uppercase();
    let degrees = u32::from(usher_crypto::digest::sha256(key.as_bytes())[0]) * 360 / 256;
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\" width=\"64\" height=\"64\"><rect width=\"64\" height=\"64\" rx=\"14\" fill=\"hsl({degrees} 45% 42%)\"/>\
         <text x=\"32\" y=\"34\" fill=\"#fff\" font-family=\"system-ui,sans-serif\" font-size=\"36\" font-weight=\"700\" text-anchor=\"middle\" dominant-baseline=\"central\">{letter}</text></svg>"
    );
    picture(svg)
}

fn picture(svg: String) -> Reply {
    Reply::bytes(200, "image/svg+xml", Bytes::from(svg))
        .header("cache-control", "public, max-age=86400")
        .header("access-control-allow-origin", "*")
        .header("cross-origin-resource-policy", "cross-origin")
        .header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        )
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Where Turnstile's widget comes from: clerk-js loads it from there and from nowhere else.
const WIDGET: &str = " https://challenges.cloudflare.com";

/// A page with its strict policy: our own scripts by nonce, and nothing from anywhere else but the `api`'s answers, where that
/// has an origin of its own (as ` https://…`), and the frame of a `widget`, where there is one.
pub(super) fn page(html: String, nonce: &str, api: &str, widget: &str) -> Reply {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; connect-src 'self'{api}{widget}; img-src 'self'{api} data: blob:; style-src 'self' 'unsafe-inline'; \
         font-src 'self'; worker-src 'self' blob:; frame-src 'self'{widget}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    Reply::bytes(200, "text/html; charset=utf-8", Bytes::from(html))
        .header("content-security-policy", policy)
        .header("referrer-policy", "strict-origin-when-cross-origin")
        .header("x-frame-options", "DENY")
        .header(
            "permissions-policy",
            "camera=(), microphone=(), geolocation=()",
        )
        .header("cross-origin-opener-policy", "same-origin")
}

fn portal(app: &App, instance: &Instance, host: &str, https: bool, name: &str) -> Reply {
    if !usher_assets::built() {
        return Reply::bytes(
            200,
            "text/html; charset=utf-8",
            Bytes::from_static(usher_assets::UNBUILT_HTML.as_bytes()),
        );
    }
    let nonce = app.rng.token();
    let version = |package: &str| {
        usher_assets::versions(package)
            .last()
            .copied()
            .unwrap_or_default()
    };
    let origin = format!("{}://{host}", if https { "https" } else { "http" });
    // On a host of its own the portal calls the Frontend API where the apps do, or its visitors would have two `__client`.
    let apart = !app.options.development && instance.row.host != host;
    let (proxy, api) = if apart {
        ("", format!(" {}", instance.issuer))
    } else {
        (origin.as_str(), String::new())
    };
    let mut origins = vec![origin.clone()];
    origins.extend(instance.settings.allowed_origins.iter().cloned());
    if let Some(root) = &instance.root_domain {
        origins.push(format!("https://{root}"));
        origins.push(format!("https://*.{root}"));
    }
    for satellite in &instance.satellites {
        origins.push(format!("https://{}", satellite.name));
        origins.push(format!("https://*.{}", satellite.name));
    }
    if instance.is_development() {
        origins.push("http://localhost:*".to_owned());
        origins.push("http://127.0.0.1:*".to_owned());
    }
    let application = &instance.settings.application_name;
    let title = match name {
        "sign-in" => format!("Sign in to {application}"),
        "sign-up" => format!("Sign up for {application}"),
        "user" => format!("Your account at {application}"),
        "organization" => format!("Your organization at {application}"),
        "create-organization" => format!("A new organization at {application}"),
        "waitlist" => format!("The waitlist of {application}"),
        "sso-callback" => format!("Signing in to {application}"),
        _ => application.clone(),
    };
    let mut html = usher_assets::PORTAL_HTML.to_owned();
    for (mark, value) in [
        ("{{nonce}}", nonce.as_str()),
        ("{{title}}", &title),
        ("{{page}}", name),
        ("{{publishable_key}}", &instance.row.publishable_key),
        ("{{proxy_url}}", proxy),
        ("{{allowed_redirect_origins}}", &json!(origins).to_string()),
        ("{{js_version}}", version("@clerk/clerk-js")),
        ("{{ui_version}}", version("@clerk/ui")),
        // Last, so that nothing in the name is taken for a mark.
        ("{{application_name}}", application),
    ] {
        html = html.replace(mark, &escape(value));
    }
    let widget = if instance.settings.bot_protection {
        WIDGET
    } else {
        ""
    };
    page(html, &nonce, &api, widget)
}

/// The development inbox: a page, and JSON for tests. It exists on `usher dev` only, which binds loopback only; other
/// origins can neither read it (no CORS) nor empty it.
async fn inbox(app: &Arc<App>, request: &Incoming, path: &str) -> Result<Reply> {
    let seen = facts(app, request, false);
    let host_name = seen
        .host
        .rsplit_once(':')
        .map_or(seen.host.as_str(), |(h, _)| h);
    // A foreign name that resolves to this machine (DNS rebinding) reads nobody's codes.
    if !usher_http::origin::is_loopback(host_name) {
        return Ok(plain(403, "The inbox answers under localhost only.\n"));
    }
    let Some(instance) = app.instance_by_host(&seen.host) else {
        return Ok(plain(404, "There is no instance.\n"));
    };
    let own = format!("http://{}", seen.host);
    let foreign = seen.origin.as_deref().is_some_and(|o| o != own)
        || matches!(
            request.header("sec-fetch-site"),
            Some("cross-site" | "same-site")
        );
    let cx = Cx::new(Arc::clone(app), instance, String::new(), seen);
    match (request.method.as_str(), path) {
        ("GET" | "HEAD", "/inbox") => {
            let nonce = app.rng.token();
            Ok(page(
                usher_assets::INBOX_HTML.replace("{{nonce}}", &nonce),
                &nonce,
                "",
                "",
            ))
        }
        ("GET" | "HEAD", "/inbox/messages") => {
            let pairs = percent::pairs(&request.query).unwrap_or_default();
            let to = pairs
                .iter()
                .find(|(n, v)| n == "to" && !v.is_empty())
                .map(|(_, v)| v.trim().to_lowercase());
            let limit = pairs
                .iter()
                .find(|(n, _)| n == "limit")
                .and_then(|(_, v)| v.parse::<i64>().ok())
                .unwrap_or(50)
                .clamp(1, 500);
            let mut tx = cx.read().await?;
            let (rows, total) = messages::inbox(&mut tx, to.as_deref(), limit).await?;
            let data: Vec<_> = rows
                .iter()
                .map(|m| {
                    json!({ "id": m.id, "channel": m.channel, "to": m.recipient, "from": m.sender, "subject": m.subject, "text": m.text_body, "html": m.html_body, "code": m.code, "created_at": m.created_at.0 })
                })
                .collect();
            Reply::json(&json!({ "data": data, "total_count": total }))
        }
        ("DELETE", "/inbox/messages") if !foreign => {
            usher_db::write_tx!(app.db, cx.tenant(), tx => { Ok::<_, Error>(messages::empty_inbox(&mut tx).await?) })?;
            Ok(Reply::empty(204))
        }
        ("DELETE", "/inbox/messages") => {
            Ok(plain(403, "Only the inbox page itself can empty it.\n"))
        }
        _ => Ok(plain(404, "There is no such page.\n")),
    }
}
