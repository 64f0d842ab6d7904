//! `/v1/client/sessions/…` and the sessions of `/v1/me` (contract fapi §6.6, §8.2).
use super::model::SessionRow;
use super::resource::{ActiveSession, ActivityResource, SessionResource, TokenResource};
use super::{ops, store, token};
use crate::clients;
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::organizations::active::{self, Wanted};
use crate::reverifications::ops as reverifications;
use crate::route::{Call, Guard, Op, Reply};
use crate::users;
use usher_http::form::{Field, flag, text, word};
use usher_types::error::codes as refuse;
use usher_types::id::SessionId;
use usher_types::{Error, Fault, Result};

const TOUCH: &[Field] = &[
    text("active_organization_id", 128),
    word(
        "intent",
        &[
            "focus",
            "select_session",
            "select_org",
            "select_organization",
        ],
    ),
];
const TOKENS: &[Field] = &[
    text("organization_id", 128),
    text("tab_state", 16),
    flag("force_origin"),
    text("debug", 32).query(),
    text("expired_token", 8192).query(),
];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "GET",
        "/v1/client/sessions/{session_id}",
        "getSession",
        Guard::SignedIn,
        handler!(show),
    )
    .envelopes::<SessionResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sessions/{session_id}/touch",
        "touchSession",
        Guard::SignedIn,
        handler!(touch),
    )
    .fields(TOUCH)
    .envelopes::<SessionResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sessions/{session_id}/end",
        "endSession",
        Guard::SignedIn,
        handler!(end),
    )
    .envelopes::<SessionResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sessions/{session_id}/remove",
        "removeClientSession",
        Guard::SignedIn,
        handler!(remove),
    )
    .envelopes::<SessionResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sessions/{session_id}/tokens",
        "createSessionToken",
        Guard::SignedIn,
        handler!(tokens),
    )
    .fields(TOKENS)
    .answers::<TokenResource>(),
    Op::fapi(
        "GET",
        "/v1/me/sessions",
        "getSessions",
        Guard::SignedIn,
        handler!(list),
    )
    .answers::<Vec<SessionResource>>(),
    Op::fapi(
        "GET",
        "/v1/me/sessions/active",
        "getUsersActiveSessions",
        Guard::SignedIn,
        handler!(active),
    )
    .answers::<Vec<ActiveSession>>(),
    Op::fapi(
        "POST",
        "/v1/me/sessions/{session_id}/revoke",
        "revokeSession",
        Guard::SignedIn,
        handler!(revoke),
    )
    .envelopes::<SessionResource>(),
];

async fn resource(cx: &Cx, session: &SessionRow) -> Result<SessionResource> {
    let mut tx = cx.read().await?;
    let session = store::find(&mut tx, &session.id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    let client = clients::store::find(&mut tx, &session.client_id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    SessionResource::load(cx, &mut tx, &session, &client).await
}

async fn show(cx: &Cx, call: &Call) -> Result<Reply> {
    let session = ops::own(cx, call.param("session_id")).await?;
    envelope(cx, resource(cx, &session).await?).await
}

async fn touch(cx: &Cx, call: &Call) -> Result<Reply> {
    let session = ops::own(cx, call.param("session_id")).await?;
    let form = &call.form;
    let param = "active_organization_id";
    let to = Wanted::read(form.sent(param), form.text(param));
    active::switch(cx, &session, to).await?;
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    if client.last_active_session_id.as_ref() != Some(&session.id) {
        usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
            clients::ops::hold(&mut tx, client).await?;
            clients::store::set_last_active(&mut tx, &client.id, &session.id, cx.now).await?;
            Ok::<_, Error>(())
        })?;
    }
    ops::note_activity(cx, &session).await?;
    envelope(cx, resource(cx, &session).await?).await
}

async fn end(cx: &Cx, call: &Call) -> Result<Reply> {
    finish(cx, call, "ended").await
}

async fn remove(cx: &Cx, call: &Call) -> Result<Reply> {
    finish(cx, call, "removed").await
}

/// Ends one session of the client; the client's token changes.
async fn finish(cx: &Cx, call: &Call, status: &'static str) -> Result<Reply> {
    let session = ops::own(cx, call.param("session_id")).await?;
    let ended = clients::ops::sign_out(cx, Some(&session.id), status).await?;
    let ended = ended
        .first()
        .ok_or_else(|| Fault::new("a session that did not end"))?;
    let mut tx = cx.read().await?;
    let user = users::store::find(&mut tx, &ended.user_id)
        .await?
        .ok_or_else(|| Fault::new("a session without its user"))?;
    drop(tx);
    envelope(cx, SessionResource::bare(cx, ended, &user)).await
}

/// The hot path: one read of session and user behind the client's, one signature, no durable write but once a minute.
async fn tokens(cx: &Cx, call: &Call) -> Result<Reply> {
    let session = ops::own(cx, call.param("session_id")).await?;
    let form = &call.form;
    let wanted = Wanted::read(form.sent("organization_id"), form.text("organization_id"));
    let organization = match (wanted, &session.last_active_organization_id) {
        // Nothing to look up.
        (Wanted::Nobody, _) | (Wanted::Session, None) => None,
        (wanted, _) => active::of(cx, &mut cx.read().await?, &session, wanted).await?,
    };
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let jwt = token::mint(
        cx,
        &session,
        organization.as_ref(),
        &cx.request.azp,
        token::LIFE_SECS,
        client.authenticated_at,
    )?;
    ops::note_activity(cx, &session).await?;
    Reply::json(&TokenResource::new(jwt))
}

async fn list(cx: &Cx, _: &Call) -> Result<Reply> {
    let (_, user) = ops::acting(cx).await?;
    let mut tx = cx.read().await?;
    let all = store::of_user(&mut tx, &user.id).await?;
    let live = all
        .iter()
        .filter(|s| s.is_live(cx.now, &cx.instance.settings));
    Reply::json(
        &live
            .map(|s| SessionResource::bare(cx, s, &user))
            .collect::<Vec<_>>(),
    )
}

async fn active(cx: &Cx, _: &Call) -> Result<Reply> {
    let (_, user) = ops::acting(cx).await?;
    let mut tx = cx.read().await?;
    let all = store::of_user(&mut tx, &user.id).await?;
    let live = all
        .iter()
        .filter(|s| s.is_live(cx.now, &cx.instance.settings));
    let devices: Vec<ActiveSession> = live
        .map(|s| ActiveSession {
            session: SessionResource::bare(cx, s, &user),
            latest_activity: ActivityResource::new(s),
        })
        .collect();
    Reply::json(&devices)
}

/// Ends another session of the same user, on whatever client; the own one too, which signs out here.
async fn revoke(cx: &Cx, call: &Call) -> Result<Reply> {
    let (acting, user) = ops::acting(cx).await?;
    let not_found = || refuse::resource_not_found("session");
    let id = SessionId::parse(call.param("session_id")).ok_or_else(not_found)?;
    let mut tx = cx.read().await?;
    let session = store::find(&mut tx, &id)
        .await?
        .filter(|s| s.user_id == user.id && s.is_live(cx.now, &cx.instance.settings))
        .ok_or_else(not_found)?;
    drop(tx);
    // The own session may always go: that is signing out.
    if session.id != acting.id {
        reverifications::check(cx, &acting, &user)?;
    }
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    if session.client_id == client.id {
        clients::ops::sign_out(cx, Some(&session.id), "revoked").await?;
    } else {
        ops::revoke(cx, &session).await?;
    }
    let mut session = session;
    "revoked".clone_into(&mut session.status);
    session.updated_at = cx.now;
    envelope(cx, SessionResource::bare(cx, &session, &user)).await
}
