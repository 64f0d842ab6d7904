//! `GET /v1/verify`: where the links of mails lead (contract fapi §8.5). It changes something, and it is a GET, because links are: the
//! token is unguessable and good once, and only the browser that asked for it gets anything.
use super::links::{self, Link, Purpose, Status};
use super::model::VerificationRow;
use super::store;
use crate::clients::handshake::redirect_target;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, Op, Reply};
use crate::{identifiers, sign_ins, sign_ups};
use usher_http::form::{Field, secret};
use usher_http::origin::Url;
use usher_types::{Error, Fault, Result};

const VERIFY: &[Field] = &[secret("token", 256).query().required()];

/// Operations.
pub const OPS: &[Op] = &[Op::fapi(
    "GET",
    "/v1/verify",
    "verify",
    Guard::Browser,
    handler!(verify),
)
.fields(VERIFY)
.navigated()
.once()];

async fn verify(cx: &Cx, call: &Call) -> Result<Reply> {
    let token = call.form.text("token").unwrap_or_default();
    let (row, link) = links::find(cx, &mut cx.read().await?, token).await?;
    let mine = cx
        .client
        .as_ref()
        .is_some_and(|c| c.id.as_str() == link.client);
    let (status, session) = if mine {
        follow(cx, &row, &link).await?
    } else {
        (Status::ClientMismatch, None)
    };
    Ok(Reply::redirect(
        303,
        &destination(cx, &link, status, session.as_deref())?,
    ))
}

/// Follows a link in the browser that asked for it. Whoever opens it again is told the same, and nothing happens.
async fn follow(cx: &Cx, row: &VerificationRow, link: &Link) -> Result<(Status, Option<String>)> {
    let status = match row.status_at(cx.now) {
        "unverified" => {
            let done = match link.purpose {
                Purpose::SignIn => sign_ins::link::prove(cx, link, row).await,
                Purpose::SignUp => sign_ups::link::prove(cx, link, row).await,
                Purpose::Address => identifiers::link::prove(cx, link, row).await,
            };
            match done {
                Ok(()) => return outcome(cx, link).await,
                // What keeps it from being proved is told by the attempt; the page learns that it was not.
                Err(Error::Api(_)) => match store::find(&mut cx.read().await?, &row.id).await? {
                    Some(now) if now.status_at(cx.now) == "transferable" => Status::Transferable,
                    _ => Status::Failed,
                },
                Err(fault) => return Err(fault),
            }
        }
        "verified" => return outcome(cx, link).await,
        "transferable" => Status::Transferable,
        "expired" => Status::Expired,
        _ => Status::Failed,
    };
    Ok((status, None))
}

/// What came of a proved link: the session, where the attempt is complete.
async fn outcome(cx: &Cx, link: &Link) -> Result<(Status, Option<String>)> {
    let session = match link.purpose {
        Purpose::SignIn => sign_ins::ops::show(cx, &link.of).await?.created_session_id,
        Purpose::SignUp => sign_ups::ops::show(cx, &link.of).await?.created_session_id,
        Purpose::Address => None,
    };
    Ok((Status::Verified, session))
}

/// The page that a link leads to, told how it went. The settings may have changed since the link was asked for: a page that is
/// allowed no more is replaced by the portal's.
fn destination(
    cx: &Cx,
    link: &Link,
    status: Status,
    created_session: Option<&str>,
) -> Result<String> {
    let portal = || Url::parse(&format!("{}/sign-in", cx.instance.portal_origin));
    let page = redirect_target(cx, &link.redirect_url).ok().or_else(portal);
    let page = page.ok_or_else(|| Fault::new("the portal has no address"))?;
    let told = page.with_query("__clerk_status", status.word());
    match created_session {
        Some(session) => {
            let told =
                Url::parse(&told).ok_or_else(|| Fault::new("a query that breaks its URL"))?;
            Ok(told.with_query("__clerk_created_session", session))
        }
        None => Ok(told),
    }
}
