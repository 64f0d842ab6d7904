//! The development server's own OpenID provider, at `/dev/oidc`: a page where one types who to be. It lets the whole way to a
//! provider and back be tried and tested without the internet. It exists on `usher dev` only, answers under loopback names
//! only, and only where an instance's settings turn it on; whoever reaches it may be anybody, which is what it is for.
//!
//! It keeps nothing: codes and tokens are what they say, sealed.
use super::pages::{escape, page, plain};
use super::{Incoming, facts};
use crate::app::App;
use crate::instances::Instance;
use crate::route::Reply;
use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use usher_crypto::digest;
use usher_crypto::ec::EcKey;
use usher_http::origin::{Url, is_loopback, split_host};
use usher_http::percent;

/// Seconds that a code lives, and a token.
const CODE_LIFE_SECS: i64 = 60;
const TOKEN_LIFE_SECS: i64 = 3600;

/// Where it is.
pub(super) const PATH: &str = "/dev/oidc";

/// Who was typed in, and to whom it is told.
#[derive(Serialize, Deserialize)]
struct Grant {
    kind: String,
    sub: String,
    email: String,
    email_verified: bool,
    name: String,
    nonce: String,
    challenge: String,
    redirect_uri: String,
    scope: String,
    exp: i64,
}

/// What the page was asked with, and what its form brings back.
struct Asked<'a>(&'a [(String, String)]);

impl Asked<'_> {
    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// Signs ID tokens; another one in every process, so that nothing else is ever believed for its sake.
fn key() -> Option<&'static EcKey> {
    static KEY: OnceLock<Option<EcKey>> = OnceLock::new();
    KEY.get_or_init(|| EcKey::generate().ok()).as_ref()
}

fn told(status: u16, value: &Value) -> Reply {
    Reply::bytes(status, crate::route::JSON, Bytes::from(value.to_string()))
        .header("cache-control", "no-store")
}

fn refused(error: &str) -> Reply {
    told(400, &json!({ "error": error }))
}

/// Answers what is below [`PATH`].
pub(super) fn answer(app: &Arc<App>, request: &Incoming, path: &str) -> Reply {
    let seen = facts(app, request, false);
    let Some(instance) = app.instance_by_host(&seen.host) else {
        return plain(404, "There is no instance.\n");
    };
    let local = split_host(&seen.host).is_some_and(|(name, _)| is_loopback(&name));
    let on = instance.is_development() && instance.settings.development_provider;
    if !app.options.development || !on || !local {
        return plain(404, "There is no development provider here.\n");
    }
    let body = request.body.clone().unwrap_or_default();
    let body = String::from_utf8(body.to_vec()).unwrap_or_default();
    let posted = percent::pairs(&body).unwrap_or_default();
    let asked = percent::pairs(&request.query).unwrap_or_default();
    let issuer = format!("{}{PATH}", instance.portal_origin);
    match (&request.method, path.strip_prefix(PATH).unwrap_or_default()) {
        (&Method::GET, "/.well-known/openid-configuration") => told(200, &document(&issuer)),
        (&Method::GET, "/jwks") => match key() {
            Some(key) => told(200, &json!({ "keys": [key.public().jwk("development")] })),
            None => plain(500, "No key could be made.\n"),
        },
        (&Method::GET, "/authorize") => ask(app, &instance, &Asked(&asked)),
        (&Method::POST, "/authorize") => decide(app, &instance, &issuer, &Asked(&posted)),
        (&Method::POST, "/token") => tokens(app, &instance, &issuer, &Asked(&posted)),
        (&Method::GET, "/userinfo") => user_info(app, &instance, request),
        _ => plain(404, "There is no such page.\n"),
    }
}

fn document(issuer: &str) -> Value {
    json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"), "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"], "scopes_supported": ["openid", "email", "profile"],
        "id_token_signing_alg_values_supported": ["ES256"], "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

/// Codes go to this server's own callback, and nowhere else.
fn is_ours(instance: &Instance, uri: &str) -> bool {
    Url::parse(uri).is_some_and(|u| is_loopback(&u.host) && u.rest.ends_with("/v1/oauth_callback"))
        || uri.starts_with(&format!("{}/", instance.portal_origin))
}

const CARRIED: &[&str] = &["redirect_uri", "state", "nonce", "code_challenge", "scope"];

/// The page where one types who to be.
fn ask(app: &App, instance: &Instance, asked: &Asked<'_>) -> Reply {
    if !is_ours(instance, asked.get("redirect_uri")) || asked.get("code_challenge_method") != "S256"
    {
        return plain(
            400,
            "This is no request of the server that the provider belongs to.\n",
        );
    }
    let nonce = app.rng.token();
    let hidden: String = CARRIED
        .iter()
        .map(|name| {
            format!(
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
                escape(asked.get(name))
            )
        })
        .collect();
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Test account</title><link rel=\"stylesheet\" href=\"/_usher/base.css\">\
         <link rel=\"stylesheet\" href=\"/_usher/portal.css\"></head><body><main id=\"main\"><form class=\"card notice\" method=\"post\" action=\"{PATH}/authorize\">\
         <h1>Test account</h1><p class=\"soft\">This page stands in for a sign-in provider while you develop. Be whoever you like.</p>{hidden}\
         <p><label>Email address<br><input name=\"email\" type=\"email\" required autofocus value=\"{hint}\"></label></p>\
         <p><label>Name<br><input name=\"name\" value=\"Test Person\"></label></p>\
         <p><label><input name=\"email_verified\" type=\"checkbox\" value=\"1\" checked> The provider has verified the address</label></p>\
         <p class=\"actions\"><button class=\"button primary\" name=\"allow\" value=\"1\">Continue</button> <button class=\"button\" name=\"deny\" value=\"1\" formnovalidate>Cancel</button></p>\
         </form></main></body></html>",
        hint = escape(asked.get("login_hint"))
    );
    // The form's answer leads to the application, which may have another origin.
    let mut reply = page(html, &nonce, "", "");
    for (name, value) in &mut reply.headers {
        if *name == "content-security-policy" {
            *value = value.replace("form-action 'self'; ", "");
        }
    }
    reply
}

fn seal(app: &App, instance: &Instance, grant: &Grant) -> String {
    let plain = serde_json::to_vec(grant).unwrap_or_default();
    let key = &instance.data_key;
    key.seal(&app.rng, &format!("dev-oidc:{}", grant.kind), &plain)
}

fn open(app: &App, instance: &Instance, kind: &str, sealed: &str) -> Option<Grant> {
    let plain = instance
        .data_key
        .open(&format!("dev-oidc:{kind}"), sealed)
        .ok()?;
    let grant: Grant = serde_json::from_slice(&plain).ok()?;
    (grant.exp > app.clock.now().secs()).then_some(grant)
}

/// Sends the browser back, with a code or with a no.
fn decide(app: &App, instance: &Instance, issuer: &str, given: &Asked<'_>) -> Reply {
    let uri = given.get("redirect_uri");
    if !is_ours(instance, uri) {
        return plain(
            400,
            "This is no request of the server that the provider belongs to.\n",
        );
    }
    let back = |pairs: &[(&str, &str)]| {
        let query: Vec<String> = pairs
            .iter()
            .chain(&[("state", given.get("state")), ("iss", issuer)])
            .map(|(name, value)| format!("{name}={}", percent::encode(value)))
            .collect();
        Reply::redirect(303, &format!("{uri}?{}", query.join("&")))
    };
    if !given.get("deny").is_empty() {
        return back(&[("error", "access_denied")]);
    }
    let email = given.get("email").trim().to_lowercase();
    if !email.contains('@') {
        return plain(400, "An email address is needed.\n");
    }
    let code = seal(
        app,
        instance,
        &Grant {
            kind: "code".to_owned(),
            // The same address is the same account.
            sub: digest::sha256_hex(&format!("dev-oidc:{email}"))[..24].to_owned(),
            email,
            email_verified: given.get("email_verified") == "1",
            name: given.get("name").trim().to_owned(),
            nonce: given.get("nonce").to_owned(),
            challenge: given.get("code_challenge").to_owned(),
            redirect_uri: uri.to_owned(),
            scope: given.get("scope").to_owned(),
            exp: app.clock.now().secs() + CODE_LIFE_SECS,
        },
    );
    back(&[("code", &code)])
}

fn tokens(app: &App, instance: &Instance, issuer: &str, given: &Asked<'_>) -> Reply {
    let grant = match given.get("grant_type") {
        "authorization_code" => {
            let Some(grant) = open(app, instance, "code", given.get("code")) else {
                return refused("invalid_grant");
            };
            let proof = digest::b64url(&digest::sha256(given.get("code_verifier").as_bytes()));
            if proof != grant.challenge || grant.redirect_uri != given.get("redirect_uri") {
                return refused("invalid_grant");
            }
            grant
        }
        "refresh_token" => match open(app, instance, "refresh", given.get("refresh_token")) {
            Some(grant) => grant,
            None => return refused("invalid_grant"),
        },
        _ => return refused("unsupported_grant_type"),
    };
    let now = app.clock.now().secs();
    let claims = json!({
        "iss": issuer, "aud": "development", "sub": grant.sub, "iat": now, "exp": now + TOKEN_LIFE_SECS, "nonce": grant.nonce,
        "email": grant.email, "email_verified": grant.email_verified, "name": grant.name,
    });
    let Some(id_token) = key().and_then(|key| key.sign_jwt("development", &claims).ok()) else {
        return plain(500, "No token could be made.\n");
    };
    let scope = grant.scope.clone();
    let of = |kind: &str, life: i64| {
        let grant = Grant {
            kind: kind.to_owned(),
            sub: grant.sub.clone(),
            email: grant.email.clone(),
            name: grant.name.clone(),
            nonce: grant.nonce.clone(),
            challenge: String::new(),
            redirect_uri: String::new(),
            scope: scope.clone(),
            exp: now + life,
            email_verified: grant.email_verified,
        };
        seal(app, instance, &grant)
    };
    told(
        200,
        &json!({
            "access_token": of("access", TOKEN_LIFE_SECS), "refresh_token": of("refresh", 30 * 24 * 3600), "token_type": "Bearer",
            "expires_in": TOKEN_LIFE_SECS, "scope": scope, "id_token": id_token,
        }),
    )
}

fn user_info(app: &App, instance: &Instance, request: &Incoming) -> Reply {
    let token = request
        .header("authorization")
        .and_then(|a| a.strip_prefix("Bearer "))
        .unwrap_or_default();
    match open(app, instance, "access", token) {
        Some(grant) => told(
            200,
            &json!({ "sub": grant.sub, "email": grant.email, "email_verified": grant.email_verified, "name": grant.name }),
        ),
        None => told(401, &json!({ "error": "invalid_token" })),
    }
}
