//! Talking to a provider: its discovery document, the code for tokens, tokens for a profile, an old token for a new one. What a
//! provider answers is bounded, read as JSON and believed in nothing but what it is asked for; what goes wrong there is a
//! refusal with a code of the contract, and its text stays in our log.
use super::id_token;
use super::model::{Account, Tokens, Trip};
use super::profile::text;
use super::provider::{ClientAuth, Source};
use super::providers::apple;
use super::registry::{Connection, Endpoints};
use crate::cx::Cx;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use usher_http::origin::Url;
use usher_http::percent;
use usher_outbound::{Limits, Request};
use usher_types::ApiError;
use usher_types::error::codes as refuse;

/// How much of a provider is put up with, each time it is asked.
const LIMITS: Limits = Limits {
    total: Duration::from_secs(6),
    connect: Duration::from_secs(3),
    body: 512 * 1024,
};

/// Why a provider gave nothing, for our log; never shown.
#[derive(Debug)]
struct Trouble(String);

const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");

async fn ask(
    cx: &Cx,
    method: Method,
    url: &str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
) -> Result<Value, Trouble> {
    let mut headers = headers;
    headers.push((ACCEPT, JSON_TYPE));
    let request = Request {
        method,
        url,
        headers,
        body,
        limits: LIMITS,
    };
    let answer = cx.app.options.outbound.send(request).await;
    let answer = answer.map_err(|e| Trouble(e.to_string()))?;
    let value = usher_types::json::parse(&answer.body);
    if !(200..300).contains(&answer.status) {
        let error = value
            .ok()
            .and_then(|v| text(&v, "error"))
            .unwrap_or_default();
        return Err(Trouble(format!("status {} {error}", answer.status)));
    }
    value.map_err(|_| Trouble("the answer is no JSON".to_owned()))
}

/// Notes the trouble and gives the refusal for it.
fn told(
    cx: &Cx,
    connection: &Connection,
    what: &str,
    trouble: &Trouble,
    refusal: ApiError,
) -> ApiError {
    tracing::warn!(event = "social.provider_failed", instance.id = %cx.tenant(), trace.id = %cx.trace, provider = connection.key,
        "{what}: {}", trouble.0);
    refusal
}

/// A document that a provider publishes, from the cache where that has it.
pub(super) async fn published(cx: &Cx, url: &str, stale: bool) -> Result<Arc<Value>, String> {
    if let Some(document) = cx.app.published.get(url, cx.now, stale) {
        return Ok(document);
    }
    let document = ask(cx, Method::GET, url, Vec::new(), Bytes::new())
        .await
        .map_err(|e| e.0)?;
    let document = Arc::new(document);
    cx.app.published.put(url, Arc::clone(&document), cx.now);
    Ok(document)
}

/// Where a connection's requests go: as the settings say, and where they say nothing as the issuer's discovery document does.
///
/// # Errors
/// 400 `misconfigured_oauth_provider` where the document cannot be had or is another issuer's.
pub async fn endpoints(cx: &Cx, connection: &Connection) -> Result<Endpoints, ApiError> {
    let mut own = connection.endpoints.clone();
    let complete = !own.authorize.is_empty() && !own.token.is_empty();
    if complete && (own.issuer.is_empty() || !own.jwks.is_empty()) {
        return Ok(own);
    }
    let bad = |what: &str| {
        told(
            cx,
            connection,
            "Discovery",
            &Trouble(what.to_owned()),
            refuse::misconfigured_oauth_provider(),
        )
    };
    let url = format!(
        "{}/.well-known/openid-configuration",
        own.issuer.trim_end_matches('/')
    );
    let document = published(cx, &url, false).await.map_err(|e| bad(&e))?;
    // Who answers for another issuer could have its users taken for the other's (OpenID Connect Discovery §4.3).
    if text(&document, "issuer").as_deref() != Some(own.issuer.as_str()) {
        return Err(bad("the document is of another issuer"));
    }
    let secure = own.issuer.starts_with("https://");
    for (slot, name, needed) in [
        (&mut own.authorize, "authorization_endpoint", true),
        (&mut own.token, "token_endpoint", true),
        (&mut own.jwks, "jwks_uri", true),
        (&mut own.userinfo, "userinfo_endpoint", false),
    ] {
        if !slot.is_empty() {
            continue;
        }
        let found = document[name].as_str().unwrap_or_default();
        if found.is_empty() && !needed {
            continue;
        }
        let url = Url::parse(found).filter(|u| u.scheme == "https" || !secure);
        if url.is_none() {
            return Err(bad(&format!("{name} is no URL")));
        }
        found.clone_into(slot);
    }
    own.names_issuer |= document["authorization_response_iss_parameter_supported"] == true;
    Ok(own)
}

fn secret(cx: &Cx, connection: &Connection) -> Result<String, Trouble> {
    let settings = &connection.settings;
    let plain = connection.client_secret.expose();
    match connection.auth() {
        ClientAuth::SignedSecret => apple::client_secret(
            plain,
            &settings.team_id,
            &settings.key_id,
            &settings.client_id,
            cx.now.secs(),
        )
        .map_err(|e| Trouble(e.to_string())),
        ClientAuth::Basic | ClientAuth::Post => Ok(plain.clone()),
    }
}

/// Asks the token endpoint.
async fn grant(
    cx: &Cx,
    connection: &Connection,
    endpoints: &Endpoints,
    fields: &[(&str, &str)],
) -> Result<Value, Trouble> {
    let secret = secret(cx, connection)?;
    let id = connection.settings.client_id.as_str();
    let mut fields = fields.to_vec();
    let mut headers = Vec::new();
    if connection.auth() == ClientAuth::Basic {
        let pair = format!("{}:{}", percent::encode(id), percent::encode(&secret));
        let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)));
        headers.push((AUTHORIZATION, value.map_err(|e| Trouble(e.to_string()))?));
    } else {
        fields.push((connection.provider.client_id, id));
        fields.push(("client_secret", &secret));
    }
    let body = if connection.provider.json_body {
        headers.push((CONTENT_TYPE, JSON_TYPE));
        let object: Map<String, Value> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        Value::Object(object).to_string()
    } else {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.push((CONTENT_TYPE, form));
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", percent::encode(value)))
            .collect();
        pairs.join("&")
    };
    let answer = ask(
        cx,
        Method::POST,
        &endpoints.token,
        headers,
        Bytes::from(body),
    )
    .await?;
    // Some say 200 to what they refuse.
    match text(&answer, "error") {
        Some(error) => Err(Trouble(error)),
        None => Ok(answer),
    }
}

fn tokens(cx: &Cx, answer: &Value) -> Option<Tokens> {
    // Tokens are longer than names: they are taken as they are.
    let whole = |name: &str| {
        answer[name]
            .as_str()
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    let life = match &answer["expires_in"] {
        Value::Number(n) => n.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    Some(Tokens {
        access_token: whole("access_token")?,
        refresh_token: whole("refresh_token"),
        id_token: whole("id_token"),
        expire_at: life
            .filter(|secs| (1..=10 * 366 * 24 * 3600).contains(secs))
            .map(|secs| cx.now.plus_secs(secs).0),
    })
}

/// What was granted: as the provider says, or what was asked for.
fn scopes(answer: &Value, asked: &str) -> String {
    let said = answer["scope"].as_str().unwrap_or(asked);
    let words = said.split([' ', ',']).filter(|s| !s.is_empty());
    words.take(100).collect::<Vec<_>>().join(" ")
}

async fn fetch(cx: &Cx, url: &str, body: Option<&str>, token: &str) -> Result<Value, Trouble> {
    let url = url.replace("{token}", &percent::encode(token));
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut headers = vec![(AUTHORIZATION, bearer.map_err(|e| Trouble(e.to_string()))?)];
    match body {
        Some(body) => {
            headers.push((CONTENT_TYPE, JSON_TYPE));
            ask(
                cx,
                Method::POST,
                &url,
                headers,
                Bytes::from(body.to_owned()),
            )
            .await
        }
        None => ask(cx, Method::GET, &url, headers, Bytes::new()).await,
    }
}

/// The profile's two documents.
async fn documents(
    cx: &Cx,
    connection: &Connection,
    endpoints: &Endpoints,
    claims: Value,
    answer: Value,
    token: &str,
) -> Result<(Value, Value), Trouble> {
    let at = endpoints.userinfo.as_str();
    let provider = connection.provider;
    match provider.source {
        Source::TokenAnswer => Ok((answer, Value::Null)),
        Source::IdToken => {
            // What the ID token says already is not asked for again.
            let told = claims.get("email").is_some();
            let more = if at.is_empty() || told {
                Value::Null
            } else {
                fetch(cx, at, None, token).await?
            };
            Ok((claims, more))
        }
        Source::Get(_) => {
            let first = fetch(cx, at, None, token).await?;
            let second = match provider.more {
                Some(url) => fetch(cx, url, None, token).await?,
                None => Value::Null,
            };
            Ok((first, second))
        }
        Source::Post(_, body) => Ok((fetch(cx, at, Some(body), token).await?, Value::Null)),
    }
}

/// The account that a code stands for.
///
/// # Errors
/// 400 `oauth_token_exchange_error`, `oauth_fetch_user_error`, `misconfigured_oauth_provider`.
pub async fn account(
    cx: &Cx,
    connection: &Connection,
    trip: &Trip,
    code: &str,
    user: Option<&str>,
) -> Result<Account, ApiError> {
    let endpoints = endpoints(cx, connection).await?;
    let exchange = |e: &Trouble| {
        told(
            cx,
            connection,
            "Token exchange",
            e,
            refuse::oauth_token_exchange_error(),
        )
    };
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", trip.redirect_uri.as_str()),
    ];
    if connection.pkce() {
        fields.push(("code_verifier", trip.verifier.as_str()));
    }
    let answer = grant(cx, connection, &endpoints, &fields)
        .await
        .map_err(|e| exchange(&e))?;
    let tokens =
        tokens(cx, &answer).ok_or_else(|| exchange(&Trouble("no access token".to_owned())))?;
    let claims = if connection.has_id_tokens() {
        let token = tokens
            .id_token
            .as_deref()
            .ok_or_else(|| exchange(&Trouble("no ID token".to_owned())))?;
        let nonce = connection.has_nonce().then_some(trip.nonce.as_str());
        let verified = id_token::verify(cx, connection, &endpoints, token, nonce).await;
        verified.map_err(|e| exchange(&Trouble(e)))?
    } else {
        Value::Null
    };
    let scopes = scopes(&answer, &trip.scopes);
    let fetching = |e: &Trouble| {
        told(
            cx,
            connection,
            "Profile",
            e,
            refuse::oauth_fetch_user_error(),
        )
    };
    let (first, second) = documents(
        cx,
        connection,
        &endpoints,
        claims,
        answer,
        &tokens.access_token,
    )
    .await
    .map_err(|e| fetching(&e))?;
    let profile = connection
        .read(&first, &second)
        .ok_or_else(|| fetching(&Trouble("no account in it".to_owned())))?;
    let profile = if connection.key == apple::APPLE.key {
        apple::with_name(profile, user)
    } else {
        profile
    };
    Ok(Account {
        profile,
        tokens,
        scopes,
    })
}

/// New tokens for a refresh token. A provider that names no new refresh token means the old one.
///
/// # Errors
/// 400 `oauth_token_retrieval_error`.
pub async fn refresh(
    cx: &Cx,
    connection: &Connection,
    refresh_token: &str,
) -> Result<Tokens, ApiError> {
    let refused = |e: &Trouble| {
        told(
            cx,
            connection,
            "Token refresh",
            e,
            refuse::oauth_token_retrieval_error(),
        )
    };
    let endpoints = endpoints(cx, connection).await?;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
    ];
    let answer = grant(cx, connection, &endpoints, &fields)
        .await
        .map_err(|e| refused(&e))?;
    let mut new =
        tokens(cx, &answer).ok_or_else(|| refused(&Trouble("no access token".to_owned())))?;
    if new.refresh_token.is_none() {
        new.refresh_token = Some(refresh_token.to_owned());
    }
    Ok(new)
}
