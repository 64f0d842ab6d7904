//! The edge: from a raw request to an operation and back. In this order, outermost first:
//! trace id → path → pages and scripts → which API → instance → origin (FAPI) or secret key (BAPI) → limits → guard →
//! fields → limits that need them → operation → error rendering → cookies and CORS → recorder. Each step is one function
//! below or beside.
pub mod body;
pub mod browser;
mod dev_provider;
mod forwarded;
mod headers;
pub mod pages;
mod pictures;
pub mod recorder;
pub mod render;
pub mod router;

use crate::app::App;
use crate::clients::dev_browser;
use crate::cx::{Caller, Cx, RequestFacts};
use crate::domains;
use crate::instances::{Instance, keys, store};
use crate::route::{Api, Call, Guard, Op, Reply, Sent};
use crate::{limits, sessions};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use usher_http::form::{Form, Raw};
use usher_http::origin;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// A request as it came off the wire.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// HTTP method.
    pub method: Method,
    /// Path, still percent-encoded.
    pub path: String,
    /// Query string without `?`.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, within the limit; `None` when it was over it.
    pub body: Option<Bytes>,
    /// The peer's address.
    pub peer: IpAddr,
}

impl Incoming {
    /// A header as text; `None` when it is absent or not ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
    /// Query pairs; a value that is no UTF-8 drops the query to nothing (the operation then says what is missing).
    fn query_pairs(&self) -> Result<Vec<(String, String)>> {
        Ok(body::pairs(&self.query).ok_or_else(refuse::malformed_request_parameters)?)
    }
}

/// The largest body, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// The largest body of an upload: the largest image (10 MB), as a form or as base64.
pub const UPLOAD_LIMIT: usize = 14 * 1024 * 1024;

/// API versions that are known, besides every later date (contract fapi §0.25, bapi §1.2).
const VERSIONS: &[&str] = &[
    "2021-02-05",
    "2024-10-01",
    "2025-03-12",
    "2025-04-10",
    "2025-11-10",
    "2026-05-12",
];

/// Answers a request. Never fails and never panics past here.
pub async fn answer(app: &Arc<App>, request: Incoming) -> Reply {
    let trace = app.rng.base62(20);
    let path = normal_path(&request.path);
    let started = std::time::Instant::now();
    let mut reply = dispatch(app, &request, &path, &trace).await;
    reply.headers.push(("clerk-trace-id", trace.clone()));
    headers::complete(app, &mut reply);
    if let Ok(mut counts) = app.metrics.requests.lock() {
        *counts.entry((surface_of(&path), reply.status)).or_default() += 1;
    }
    // The path only: a query can carry tokens.
    tracing::info!(http.method = %request.method, http.path = %path, http.status = reply.status, trace.id = %trace,
        duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX), "{} {path} {}", request.method, reply.status);
    reply
}

fn surface_of(path: &str) -> &'static str {
    if path.starts_with("/v1/") {
        "api"
    } else if path.starts_with("/npm/") {
        "scripts"
    } else {
        "pages"
    }
}

/// Repeated slashes are one, a trailing one is none (contract fapi §1.2): SDKs make both.
fn normal_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for part in path.split('/').filter(|p| !p.is_empty()) {
        out.push('/');
        out.push_str(part);
    }
    if out.is_empty() { "/".to_owned() } else { out }
}

async fn dispatch(app: &Arc<App>, request: &Incoming, path: &str, trace: &str) -> Reply {
    if let Some(reply) = pages::answer(app, request, path).await {
        return reply;
    }
    let bearer = request.header("authorization").filter(|a| {
        a.get(..7)
            .is_some_and(|s| s.eq_ignore_ascii_case("bearer "))
    });
    let api_host =
        app.options.api_host.is_some() && request.header("host") == app.options.api_host.as_deref();
    let known_fapi = router::find(Api::Fapi, path).is_some();
    let known_bapi = router::find(Api::Bapi, path).is_some();
    if !known_fapi
        && !known_bapi
        && request.method != Method::OPTIONS
        && !path.starts_with("/v1/")
        && !path.starts_with("/oauth/")
        && !path.starts_with("/.well-known/")
        && !path.starts_with("/api_keys")
    {
        return render::error(app, &refuse::not_found().into(), trace);
    }
    let api = if bearer.is_some() || api_host || (known_bapi && !known_fapi) {
        Api::Bapi
    } else {
        Api::Fapi
    };
    let (mut reply, effective) = match api {
        Api::Fapi => fapi(app, request, path, trace).await,
        Api::Bapi => bapi(app, request, path, trace).await,
    };
    if let Some(retry) = reply
        .headers
        .iter()
        .find(|(n, _)| *n == "retry-after")
        .map(|(_, v)| v.clone())
    {
        reply.headers.retain(|(n, _)| *n != "retry-after");
        reply.headers.push(("retry-after", retry));
    }
    recorder::record(app, api, &effective, request, path, &reply);
    reply
}

/// Who called and how, before anything is believed of it.
fn facts(app: &App, request: &Incoming, proved_proxy: bool) -> RequestFacts {
    let told = forwarded::read(&app.options, request, proved_proxy);
    let host = told
        .host
        .or_else(|| request.header("host"))
        .unwrap_or_default()
        .to_ascii_lowercase();
    let scheme = told.scheme.unwrap_or(app.options.scheme);
    let https = scheme == "https";
    let ip = told.address.unwrap_or(request.peer);
    // One that is not even text is still one, and foreign.
    let origin = request
        .headers
        .get("origin")
        .map(|v| v.to_str().unwrap_or("invalid").to_owned());
    let referer = request
        .header("referer")
        .and_then(origin::Url::parse)
        .map(|u| u.origin());
    let page = origin
        .as_deref()
        .and_then(origin::Url::parse)
        .map(|u| u.origin())
        .or(referer);
    let azp = page.clone().unwrap_or_else(|| format!("{scheme}://{host}"));
    let cookies = request
        .headers
        .get_all("cookie")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .collect::<Vec<_>>()
        .join("; ");
    RequestFacts {
        azp,
        origin,
        ip: ip.to_string(),
        user_agent: request
            .header("user-agent")
            .unwrap_or_default()
            .chars()
            .take(512)
            .collect(),
        host,
        https,
        bound: https && !proved_proxy,
        page,
        fetch_site: request
            .header("sec-fetch-site")
            .unwrap_or_default()
            .to_owned(),
        fetch_dest: request
            .header("sec-fetch-dest")
            .unwrap_or_default()
            .to_owned(),
        cookies,
        proxy_url: if proved_proxy {
            request.header("clerk-proxy-url").map(str::to_owned)
        } else {
            None
        },
        api_version: String::new(),
        forwarded_for: request
            .header("x-forwarded-for")
            .unwrap_or_default()
            .to_owned(),
    }
}

/// The requested API version; a date that is not known and not newer than ours is refused.
fn version(request: &Incoming, query: &[(String, String)]) -> Result<String> {
    let newest = VERSIONS[VERSIONS.len() - 1];
    let asked = request.header("clerk-api-version").or_else(|| {
        query
            .iter()
            .find(|(n, _)| n == "__clerk_api_version")
            .map(|(_, v)| v.as_str())
    });
    let Some(asked) = asked.filter(|v| !v.is_empty()) else {
        return Ok(newest.to_owned());
    };
    let b = asked.as_bytes();
    let dated = b.len() == 10
        && b.iter().enumerate().all(|(i, c)| {
            if i == 4 || i == 7 {
                *c == b'-'
            } else {
                c.is_ascii_digit()
            }
        });
    if VERSIONS.contains(&asked) || (dated && asked > newest) {
        return Ok(asked.to_owned());
    }
    Err(refuse::api_version_invalid().into())
}

async fn fapi(app: &Arc<App>, request: &Incoming, path: &str, trace: &str) -> (Reply, String) {
    let mut effective = request.method.as_str().to_owned();
    // A secret key in `Clerk-Secret-Key` proves the application's own proxy and names the instance (contract fapi §1.7).
    let mut proved = None;
    if let Some(key) = request.header("clerk-secret-key") {
        match owner(app, key).await {
            Ok(found) => proved = found,
            Err(e) => return (render::error(app, &e, trace), effective),
        }
    }
    let facts = facts(app, request, proved.is_some());
    let (named, satellite) = match app.satellite_by_host(&facts.host) {
        Some((instance, satellite)) if proved.is_none() => (Some(instance), Some(satellite)),
        _ => (
            proved.or_else(|| app.instance_by_api_host(&facts.host)),
            None,
        ),
    };
    let Some(instance) = named else {
        return (
            render::error(app, &refuse::invalid_host().into(), trace),
            effective,
        );
    };
    let mut cx = Cx::new(Arc::clone(app), instance, trace.to_owned(), facts);
    cx.satellite = satellite;
    if request.method == Method::OPTIONS {
        return (browser::preflight(&cx), effective);
    }
    let outcome = fapi_operation(&mut cx, request, path, &mut effective).await;
    let mut reply = match outcome {
        Ok(reply) => reply,
        Err(e) => render::error(app, &e, trace),
    };
    browser::finish(&cx, &mut reply);
    (reply, effective)
}

async fn fapi_operation(
    cx: &mut Cx,
    request: &Incoming,
    path: &str,
    effective: &mut String,
) -> Result<Reply> {
    let query = request.query_pairs()?;
    // `_method` tunnels through POST and only through POST: a link must never change state.
    if request.method == Method::POST
        && let Some((_, method)) = query.iter().find(|(n, _)| n == "_method")
    {
        let method = method.to_ascii_uppercase();
        if !matches!(method.as_str(), "PUT" | "PATCH" | "DELETE" | "POST") {
            return Err(refuse::method_not_allowed().into());
        }
        *effective = method;
    }
    let (op, params) = pick(Api::Fapi, effective, path)?;
    cx.operation = op.id;
    browser::check_origin(cx, request, effective, op)?;
    if cx.satellite.is_some() && !domains::model::serves(op.id) {
        return Err(refuse::operation_not_allowed_on_satellite_domain().into());
    }
    let native = query.iter().any(|(n, v)| n == "_is_native" && v == "1");
    cx.request.api_version = version(request, &query)?;
    cx.acting_session = query
        .iter()
        .find(|(n, _)| n == "_clerk_session_id")
        .map(|(_, v)| v.clone());
    if native {
        // Programs without a browser carry their token themselves (not served yet). If the cookie counted as well, a script
        // could ask for the token in a header.
        cx.request.cookies.clear();
    }
    find_testing_token(cx, &query).await?;
    limits::arrive(cx, op)?;
    browser::find_client(cx, &query).await?;
    if !op.navigated && op.guard != Guard::Public {
        dev_browser::check(cx)?;
    }
    if op.guard == Guard::SignedIn && cx.client.is_none() {
        return Err(refuse::authentication_invalid().into());
    }
    let call = read(request, op, params, query, false)?;
    limits::admit(cx, op, &call)?;
    (op.handler)(cx, &call).await
}

/// Looks a testing token up where one came; one that is unknown or has expired means nothing.
async fn find_testing_token(cx: &mut Cx, query: &[(String, String)]) -> Result<()> {
    let token = query
        .iter()
        .find(|(n, _)| n == "__clerk_testing_token")
        .map(|(_, v)| v.as_str());
    if let Some(token) = token {
        cx.testing = sessions::ops::is_testing(cx, token).await?;
    }
    Ok(())
}

async fn bapi(app: &Arc<App>, request: &Incoming, path: &str, trace: &str) -> (Reply, String) {
    let effective = request.method.as_str().to_owned();
    let outcome = bapi_operation(app, request, path, trace, &effective).await;
    let reply = match outcome {
        Ok(reply) => reply,
        Err(e) => render::error(app, &e, trace),
    };
    (reply, effective)
}

async fn bapi_operation(
    app: &Arc<App>,
    request: &Incoming,
    path: &str,
    trace: &str,
    method: &str,
) -> Result<Reply> {
    let Some(header) = request.header("authorization") else {
        return Err(refuse::authentication_invalid().into());
    };
    let key = header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim());
    let key = key
        .filter(|k| !k.is_empty() && k.len() <= 256)
        .ok_or_else(refuse::authorization_header_format_invalid)?;
    let instance = owner(app, key)
        .await?
        .ok_or_else(refuse::clerk_key_invalid)?;
    let (op, params) = pick(Api::Bapi, method, path)?;
    let query = request.query_pairs()?;
    let mut facts = facts(app, request, false);
    facts.api_version = version(request, &query)?;
    let mut cx = Cx::new(Arc::clone(app), instance, trace.to_owned(), facts);
    cx.operation = op.id;
    cx.caller = Caller::SecretKey {
        hint: keys::hint(key),
    };
    limits::arrive(&cx, op)?;
    let call = read(request, op, params, query, true)?;
    limits::admit(&cx, op, &call)?;
    (op.handler)(&cx, &call).await
}

/// Body and query, held against what the operation declares. A body of the Backend API is JSON where it does not say, and may
/// hold nothing else.
fn read(
    request: &Incoming,
    op: &Op,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    server: bool,
) -> Result<Call> {
    let query = usher_http::form::group(query);
    let strict = server && !op.lenient;
    let mut call = Call {
        path,
        ..Call::default()
    };
    if op.upload {
        call.form = Form::check(op.fields, query, Raw::new(), strict)?;
        call.sent = Sent {
            content_type: request
                .header("content-type")
                .unwrap_or_default()
                .to_owned(),
            body: request.body.clone(),
        };
    } else if op.items > 0 {
        let items = body::items(request, op.items)?;
        call.items = Form::check_all(op.fields, items, strict)?;
    } else {
        let body = body::decode(request, server)?;
        call.form = Form::check(op.fields, query, body, strict)?;
    }
    Ok(call)
}

/// Bytes that a body at this place may have: an upload more than others.
#[must_use]
pub fn body_limit(method: &Method, path: &str) -> usize {
    let path = normal_path(path);
    let uploads =
        |api| router::find(api, &path).is_some_and(|(ops, _)| ops.iter().any(|op| op.upload));
    if *method == Method::POST
        && path.ends_with("_image")
        && (uploads(Api::Fapi) || uploads(Api::Bapi))
    {
        UPLOAD_LIMIT
    } else {
        BODY_LIMIT
    }
}

/// The instance that a secret key belongs to.
async fn owner(app: &App, key: &str) -> Result<Option<Arc<Instance>>> {
    let mut tx = app.db.read("").await?;
    let found = store::secret_key_owner(&mut tx, &keys::secret_hash(key), app.clock.now()).await?;
    Ok(found.and_then(|id| app.instance(&id)))
}

/// The operation of a method and path: unknown paths are 404, unserved reference operations 501, other methods 405.
fn pick(api: Api, method: &str, path: &str) -> Result<(&'static Op, Vec<(String, String)>)> {
    let Some((ops, params)) = router::find(api, path) else {
        return Err(match router::unserved(api, method, path) {
            Some(name) => refuse::feature_not_implemented(name).into(),
            None => refuse::not_found().into(),
        });
    };
    if let Some(op) = ops
        .iter()
        .find(|op| op.method == method || (method == "HEAD" && op.method == "GET" && !op.once))
    {
        return Ok((op, params));
    }
    Err(match router::unserved(api, method, path) {
        Some(name) => refuse::feature_not_implemented(name).into(),
        None => refuse::method_not_allowed().into(),
    })
}

/// Counts a fault; the text goes to the log only.
pub(crate) fn count_fault(app: &App, error: &Error, trace: &str) {
    if let Error::Fault(fault) = error {
        app.metrics.faults.fetch_add(1, Ordering::Relaxed);
        tracing::error!(trace.id = %trace, "Fault: {fault}");
    }
}
