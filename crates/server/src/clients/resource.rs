//! The wire's client: everything that the browser's state is replaced with (contract fapi §8.1).
use super::model::ClientRow;
use super::{ops, store};
use crate::cx::Cx;
use crate::sessions::resource::{ServerSession, SessionResource};
use crate::sign_ins::resource::SignInResource;
use crate::sign_ups::resource::SignUpResource;
use crate::{sign_ins, sign_ups};
use schemars::JsonSchema;
use serde::Serialize;
use usher_db::Tx;
use usher_types::Result;

/// A client as its browser sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Client")]
pub struct ClientResource {
    /// `client`.
    pub object: &'static str,
    /// `client_…`.
    pub id: String,
    /// Live sessions, oldest first.
    pub sessions: Vec<SessionResource>,
    /// The open sign-in.
    pub sign_in: Option<SignInResource>,
    /// The open sign-up.
    pub sign_up: Option<SignUpResource>,
    /// One of `sessions`.
    pub last_active_session_id: Option<String>,
    /// What the last sign-in used.
    pub last_authentication_strategy: Option<String>,
    /// Unix ms at which the cookie ends.
    pub cookie_expires_at: Option<i64>,
    /// No captcha is asked for: a testing token came with the request.
    pub captcha_bypass: bool,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

/// The client of this request as it is now, complete; `None` for a visitor without one. Also tells the browser the
/// stamp of its sessions where its own copy is stale.
///
/// # Errors
/// The database's, the signer's.
pub async fn current(cx: &Cx) -> Result<Option<ClientResource>> {
    let Some(id) = cx.client_id() else {
        return Ok(None);
    };
    let mut tx = cx.read().await?;
    tx.snapshot()?;
    let Some(row) = store::find(&mut tx, &id).await? else {
        return Ok(None);
    };
    build(cx, &mut tx, &row).await.map(Some)
}

/// As [`current`], where the request has changed nothing: the client that the cookie named needs no second look.
///
/// # Errors
/// As [`current`].
pub async fn unchanged(cx: &Cx) -> Result<Option<ClientResource>> {
    let Some(row) = &cx.client else {
        return Ok(None);
    };
    let mut tx = cx.read().await?;
    tx.snapshot()?;
    build(cx, &mut tx, row).await.map(Some)
}

async fn build(cx: &Cx, tx: &mut Tx, row: &ClientRow) -> Result<ClientResource> {
    let live = ops::live_sessions(cx, tx, &row.id).await?;
    let stamp = ops::uat_now(cx, row, live.len());
    let mut sessions = Vec::with_capacity(live.len());
    for session in &live {
        sessions.push(SessionResource::load(cx, tx, session, row).await?);
    }
    let sign_in = match &row.sign_in_id {
        Some(id) => sign_ins::ops::open(cx, tx, id, &row.id).await?,
        None => None,
    };
    let sign_up = match &row.sign_up_id {
        Some(id) => sign_ups::ops::open(cx, tx, id, &row.id).await?,
        None => None,
    };
    let last = row
        .last_active_session_id
        .as_ref()
        .filter(|id| live.iter().any(|s| s.id == **id))
        .or_else(|| live.last().map(|s| &s.id));
    heal_stamp(cx, stamp);
    Ok(ClientResource {
        object: "client",
        id: row.id.as_str().to_owned(),
        sessions,
        sign_in,
        sign_up,
        last_active_session_id: last.map(|id| id.as_str().to_owned()),
        last_authentication_strategy: row.last_authentication_strategy.clone(),
        cookie_expires_at: Some(row.expire_at.0),
        captcha_bypass: cx.testing,
        created_at: row.created_at.0,
        updated_at: row.updated_at.0,
    })
}

/// Sends `__client_uat` again where the browser's copy differs from the truth (a session that ended by itself, a cookie
/// that a proxy dropped). It is unchanged otherwise: every change makes server SDKs handshake.
fn heal_stamp(cx: &Cx, stamp: i64) {
    let name = format!("__client_uat_{}", cx.instance.cookie_suffix);
    let has = |name: &str| {
        usher_http::cookie::all(&cx.request.cookies, name).any(|v| v.parse() == Ok(stamp))
    };
    if !(has(&name) && has("__client_uat")) {
        cx.outgoing(|o| {
            if o.client_uat.is_none() {
                o.client_uat = Some(stamp);
            }
        });
    }
}

/// A client as the operator's server sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ServerClient")]
pub struct ServerClient {
    /// `client`.
    pub object: &'static str,
    /// `client_…`.
    pub id: String,
    /// Ids of the live sessions.
    pub session_ids: Vec<String>,
    /// The live sessions.
    pub sessions: Vec<ServerSession>,
    /// The open sign-in.
    pub sign_in_id: Option<String>,
    /// The open sign-up.
    pub sign_up_id: Option<String>,
    /// One of `session_ids`.
    pub last_active_session_id: Option<String>,
    /// What the last sign-in used.
    pub last_authentication_strategy: Option<String>,
    /// Unix ms.
    pub updated_at: i64,
    /// Unix ms.
    pub created_at: i64,
}

impl ServerClient {
    /// With its live sessions.
    ///
    /// # Errors
    /// The database's.
    pub async fn load(cx: &Cx, tx: &mut Tx, row: &ClientRow) -> Result<Self> {
        let live = ops::live_sessions(cx, tx, &row.id).await?;
        let last = row
            .last_active_session_id
            .as_ref()
            .filter(|id| live.iter().any(|s| s.id == **id));
        Ok(Self {
            object: "client",
            id: row.id.as_str().to_owned(),
            session_ids: live.iter().map(|s| s.id.as_str().to_owned()).collect(),
            sessions: live.iter().map(|s| ServerSession::new(s, cx)).collect(),
            sign_in_id: row.sign_in_id.as_ref().map(|i| i.as_str().to_owned()),
            sign_up_id: row.sign_up_id.as_ref().map(|i| i.as_str().to_owned()),
            last_active_session_id: last.map(|id| id.as_str().to_owned()),
            last_authentication_strategy: row.last_authentication_strategy.clone(),
            updated_at: row.updated_at.0,
            created_at: row.created_at.0,
        })
    }
}

impl ClientResource {
    /// Its schema's reference, for the envelope of the OpenAPI document.
    #[must_use]
    pub fn schema(generator: &mut schemars::SchemaGenerator) -> serde_json::Value {
        generator.subschema_for::<Self>().to_value()
    }
}
