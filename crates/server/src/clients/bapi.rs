//! Clients, for the operator's servers (contract bapi §2.3).
use super::resource::ServerClient;
use super::{handshake, store};
use crate::answers::{self, List, Window};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use crate::sessions;
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, secret};
use usher_types::Result;
use usher_types::error::codes as refuse;
use usher_types::id::ClientId;

const VERIFY: &[Field] = &[secret("token", 16_384)
    .required()
    .about("A session token of the client.")];
const PAYLOAD: &[Field] = &[secret("nonce", 256)
    .query()
    .required()
    .about("From a handshake's redirect.")];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi("GET", "/v1/clients", "GetClientList", handler!(get_list))
        .fields(answers::WINDOW)
        .answers::<List<ServerClient>>(),
    Op::bapi("GET", "/v1/clients/{client_id}", "GetClient", handler!(get))
        .answers::<ServerClient>(),
    Op::bapi(
        "POST",
        "/v1/clients/verify",
        "VerifyClient",
        handler!(verify),
    )
    .fields(VERIFY)
    .answers::<ServerClient>(),
    // Not in the reference's document: what server SDKs call after a handshake (contract fapi §5.4).
    Op::bapi(
        "GET",
        "/v1/clients/handshake_payload",
        "GetHandshakePayload",
        handler!(get_handshake_payload),
    )
    .fields(PAYLOAD)
    .answers::<HandshakePayload>(),
];

/// What a handshake leaves for the application's host.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "HandshakePayload")]
pub struct HandshakePayload {
    /// `Set-Cookie` values.
    pub directives: Vec<String>,
}

async fn get_list(cx: &Cx, call: &Call) -> Result<Reply> {
    let window = Window::read(&call.form);
    let mut tx = cx.read().await?;
    let mut data = Vec::new();
    for row in store::list(&mut tx, window.limit, window.offset).await? {
        data.push(ServerClient::load(cx, &mut tx, &row).await?);
    }
    window.answer(data, store::count(&mut tx)).await
}

async fn load(cx: &Cx, id: &ClientId) -> Result<Reply> {
    let mut tx = cx.read().await?;
    let row = store::find(&mut tx, id)
        .await?
        .ok_or_else(|| refuse::resource_not_found("client"))?;
    Reply::json(&ServerClient::load(cx, &mut tx, &row).await?)
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = ClientId::parse(call.param("client_id"))
        .ok_or_else(|| refuse::resource_not_found("client"))?;
    load(cx, &id).await
}

/// The client of a session token that is valid now, and whose session is live.
async fn verify(cx: &Cx, call: &Call) -> Result<Reply> {
    let invalid = || refuse::invalid_session_token().at("token");
    let id = sessions::token::session_of(cx, call.form.text("token").unwrap_or_default())
        .ok_or_else(invalid)?;
    let session = sessions::store::find(&mut cx.read().await?, &id)
        .await?
        .filter(|s| s.is_live(cx.now, &cx.instance.settings));
    load(cx, &session.ok_or_else(invalid)?.client_id).await
}

async fn get_handshake_payload(cx: &Cx, call: &Call) -> Result<Reply> {
    let nonce = call.form.text("nonce").unwrap_or_default();
    Reply::json(&HandshakePayload {
        directives: handshake::payload(cx, nonce).await?,
    })
}
