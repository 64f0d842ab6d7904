//! Sessions and testing tokens, for the operator's servers (contract bapi §2.3).
mod mint;
mod refresh;
mod store;

use super::model::{STATUSES, SessionRow};
use super::ops;
use super::resource::{ServerSession, TokenResource};
use super::tasks::Proof;
use crate::answers::{self, List, Window};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::handler;
use crate::organizations::active;
use crate::route::{Call, Op, Reply};
use crate::{clients, users};
use refresh::{Answer, Refresh};
use schemars::JsonSchema;
use serde::Serialize;
use usher_crypto::digest;
use usher_http::form::{Field, int, object, secret, text, word};
use usher_types::error::codes as refuse;
use usher_types::id::SessionId;
use usher_types::{Error, Result};

/// Seconds a testing token lives.
const TESTING_LIFE_SECS: i64 = 3600;
/// Characters of a session token: far above what a cookie can carry.
const TOKEN: usize = 16_384;

const LIST: &[Field] = &[
    text("client_id", 80).query(),
    text("user_id", 80).query(),
    word("status", STATUSES)
        .query()
        .about("The status as it is now."),
    answers::PAGINATED,
    answers::LIMIT,
    answers::OFFSET,
];
const CREATE: &[Field] = &[
    text("user_id", 80).required(),
    text("active_organization_id", 80)
        .about("An organization that the user is a member of; its slug will do."),
];
const TOKENS: &[Field] = &[int("expires_in_seconds", 30, 315_360_000).about("60 when left out.")];
const VERIFY: &[Field] = &[secret("token", TOKEN)
    .required()
    .about("A session token of this session.")];
const REFRESH: &[Field] = &[
    secret("expired_token", TOKEN)
        .required()
        .about("The session token that expired, made at most a day ago."),
    secret("refresh_token", 256)
        .required()
        .about("From the `__refresh` cookie."),
    text("request_origin", 2048)
        .required()
        .about("Where the browser's request came to; the token's `azp`."),
    object("request_headers", 131_072).about("Not looked at."),
    text("request_originating_ip", 256).about("Not looked at."),
    word("format", &["token", "cookie"]).about("`token` when left out."),
    text("suffixed_cookies", 16)
        .query()
        .about("Both families of cookies always come."),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi("GET", "/v1/sessions", "GetSessionList", handler!(get_list))
        .fields(LIST)
        .answers::<List<ServerSession>>(),
    Op::bapi("POST", "/v1/sessions", "createSession", handler!(post))
        .fields(CREATE)
        .answers::<ServerSession>(),
    Op::bapi(
        "GET",
        "/v1/sessions/{session_id}",
        "GetSession",
        handler!(get),
    )
    .answers::<ServerSession>(),
    Op::bapi(
        "POST",
        "/v1/sessions/{session_id}/revoke",
        "RevokeSession",
        handler!(revoke),
    )
    .answers::<ServerSession>(),
    Op::bapi(
        "POST",
        "/v1/sessions/{session_id}/tokens",
        "CreateSessionToken",
        handler!(post_token),
    )
    .fields(TOKENS)
    .answers::<TokenResource>(),
    // Not in the reference's document, but called by older SDKs (contract bapi §1.3).
    Op::bapi(
        "POST",
        "/v1/sessions/{session_id}/verify",
        "VerifySession",
        handler!(verify),
    )
    .fields(VERIFY)
    .answers::<ServerSession>(),
    Op::bapi(
        "POST",
        "/v1/sessions/{session_id}/refresh",
        "RefreshSession",
        handler!(post_refresh),
    )
    .fields(REFRESH)
    .answers::<Refreshed>(),
    Op::bapi(
        "POST",
        "/v1/testing_tokens",
        "CreateTestingToken",
        handler!(post_testing_token),
    )
    .answers::<TestingToken>(),
];

/// What a refresh gives.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "SessionRefresh")]
pub enum Refreshed {
    /// `format=token`.
    Token(TokenResource),
    /// `format=cookie`.
    Cookies {
        /// `cookies`.
        object: &'static str,
        /// `Set-Cookie` values for the application's host.
        cookies: Vec<String>,
    },
}

/// A token that lets tests past bot protection.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "TestingToken")]
pub struct TestingToken {
    /// `testing_token`.
    pub object: &'static str,
    /// Shown once: only its hash is kept.
    pub token: String,
    /// Unix seconds.
    pub expires_at: i64,
}

fn parse_id(id: &str) -> Result<SessionId> {
    Ok(SessionId::parse(id).ok_or_else(|| refuse::resource_not_found("session"))?)
}

async fn find(cx: &Cx, id: &str) -> Result<SessionRow> {
    let id = parse_id(id)?;
    Ok(super::store::find(&mut cx.read().await?, &id)
        .await?
        .ok_or_else(|| refuse::resource_not_found("session"))?)
}

async fn get_list(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let filter = store::Filter {
        client: form.text("client_id"),
        user: form.text("user_id"),
        status: form.text("status"),
    };
    let window = Window::read(form);
    let mut tx = cx.read().await?;
    let rows = store::list(
        &mut tx,
        &filter,
        cx.now,
        &cx.instance.settings,
        window.limit,
        window.offset,
    )
    .await?;
    let data = rows.iter().map(|s| ServerSession::new(s, cx)).collect();
    let total = store::count(&mut tx, &filter, cx.now, &cx.instance.settings);
    window.answer(data, total).await
}

async fn post(cx: &Cx, call: &Call) -> Result<Reply> {
    if !cx.instance.is_development() {
        return Err(refuse::request_invalid_for_environment().into());
    }
    let organization = call.form.text("active_organization_id");
    let user = users::ops::list::parse_id(call.form.text("user_id").unwrap_or_default())?;
    let session = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let found = users::ops::list::hold(&mut tx, &user).await?;
        ops::check_user(cx, &found.user)?;
        let held = clients::ops::create(cx, &mut tx).await?;
        // Nobody proved a factor, so the session says that none was.
        let mut session = ops::start(cx, &mut tx, &held.row, &found.user, None, Proof::Ordinary).await?;
        if let Some(text) = organization {
            let entered = active::enter(cx, &mut tx, &session, text).await?;
            session.last_active_organization_id = Some(entered.into());
        }
        clients::store::sessions_changed(&mut tx, &held.row.id, Some(&session.id), cx.now).await?;
        Ok::<_, Error>(session)
    })?;
    Reply::json(&ServerSession::new(&session, cx))
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    Reply::json(&ServerSession::new(
        &find(cx, call.param("session_id")).await?,
        cx,
    ))
}

async fn revoke(cx: &Cx, call: &Call) -> Result<Reply> {
    // One that has ended already stays what it is.
    super::ops::revoke(cx, &find(cx, call.param("session_id")).await?).await?;
    Reply::json(&ServerSession::new(
        &find(cx, call.param("session_id")).await?,
        cx,
    ))
}

async fn post_token(cx: &Cx, call: &Call) -> Result<Reply> {
    let session = find(cx, call.param("session_id")).await?;
    let life = call
        .form
        .int("expires_in_seconds")
        .unwrap_or(super::token::LIFE_SECS);
    Reply::json(&TokenResource::new(
        mint::for_server(cx, &session, life).await?,
    ))
}

async fn verify(cx: &Cx, call: &Call) -> Result<Reply> {
    let session = find(cx, call.param("session_id")).await?;
    let token = call.form.text("token").unwrap_or_default();
    if super::token::session_of(cx, token).as_ref() != Some(&session.id)
        || !session.is_active(cx.now, &cx.instance.settings)
    {
        return Err(refuse::invalid_session_token().at("token").into());
    }
    Reply::json(&ServerSession::new(&session, cx))
}

async fn post_refresh(cx: &Cx, call: &Call) -> Result<Reply> {
    let text = |name: &str| call.form.text(name).unwrap_or_default();
    let request = Refresh {
        session: call.param("session_id"),
        expired: text("expired_token"),
        refresh: text("refresh_token"),
        origin: text("request_origin"),
        answer: if text("format") == "cookie" {
            Answer::Cookies
        } else {
            Answer::Token
        },
    };
    let (jwt, cookies) = refresh::refresh(cx, &request).await?;
    Reply::json(&match request.answer {
        Answer::Cookies => Refreshed::Cookies {
            object: "cookies",
            cookies,
        },
        Answer::Token => Refreshed::Token(TokenResource::new(jwt)),
    })
}

async fn post_testing_token(cx: &Cx, _call: &Call) -> Result<Reply> {
    let token = format!("{}-c_{}", cx.now.secs(), cx.app.rng.base62(27));
    let expire_at = cx.now.plus_secs(TESTING_LIFE_SECS);
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        super::store::add_testing_token(&mut tx, &digest::sha256_hex(&token), expire_at).await?;
        audit::record(cx, &mut tx, Event::new("testing_token.created"));
        Ok::<_, Error>(())
    })?;
    Reply::json(&TestingToken {
        object: "testing_token",
        token,
        expires_at: expire_at.secs(),
    })
}
