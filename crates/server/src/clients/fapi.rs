//! `/v1/client` (contract fapi §3.3, §8.1).
use super::{dev_browser, handshake, ops, resource, satellite};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::cookie::SetCookie;
use usher_http::form::{Field, secret, text, word};
use usher_types::Result;
use usher_types::error::codes as refuse;

/// What answers of the Frontend API travel in.
#[derive(Debug, Serialize)]
pub struct Envelope<T> {
    response: T,
    client: Option<resource::ClientResource>,
}

/// `{response, client}`: the client is complete, because it replaces the browser's state (contract fapi §3.3).
///
/// # Errors
/// The database's, the signer's.
pub async fn envelope<T: Serialize + JsonSchema>(cx: &Cx, response: T) -> Result<Reply> {
    let client = resource::current(cx).await?;
    Reply::json(&Envelope { response, client })
}

/// The client itself as the response.
fn alone(client: Option<resource::ClientResource>) -> Result<Reply> {
    Reply::json(&Envelope {
        response: client,
        client: None,
    })
}

/// Seconds that clerk-js gives `__clerk_db_jwt`, too.
const DEV_COOKIE_SECS: i64 = 365 * 24 * 3600;

const HANDSHAKE: &[Field] = &[
    text("redirect_url", 4096).query().required(),
    word("format", &["nonce", "token"]).query(),
    text("suffixed_cookies", 8).query(),
    text("organization_id", 128).query(),
    text("satellite_fapi", 512).query(),
    text("__clerk_hs_reason", 128).query(),
];

const SYNC: &[Field] = &[
    text("redirect_url", 4096).query().required(),
    text("link_domain", 255).query(),
    text("link_nonce", 64).query(),
];
const LINK: &[Field] = &[
    secret("__clerk_token", 128).query().required(),
    text("redirect_url", 4096).query().required(),
];
const INIT: &[Field] = &[text("origin", 2048).query()];
const TOUCH: &[Field] = &[text("redirect_url", 4096).query().required()];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "POST",
        "/v1/dev_browser",
        "createDevBrowser",
        Guard::Browser,
        handler!(create_dev_browser),
    )
    .answers::<DevBrowserResource>(),
    Op::fapi(
        "GET",
        "/v1/dev_browser/init",
        "getDevBrowserInit",
        Guard::Browser,
        handler!(init_dev_browser),
    )
    .fields(INIT)
    .answers::<DevBrowserResource>(),
    Op::fapi(
        "POST",
        "/v1/dev_browser/set_first_party_cookie",
        "postDevBrowserInitSetCookie",
        Guard::Browser,
        handler!(set_first_party_cookie),
    )
    .answers::<DevBrowserResource>(),
    Op::fapi(
        "GET",
        "/v1/client",
        "getClient",
        Guard::Browser,
        handler!(show),
    )
    .envelopes::<Option<resource::ClientResource>>(),
    Op::fapi(
        "PUT",
        "/v1/client",
        "putClient",
        Guard::Browser,
        handler!(ensure),
    )
    .envelopes::<Option<resource::ClientResource>>(),
    Op::fapi(
        "POST",
        "/v1/client",
        "postClient",
        Guard::Browser,
        handler!(ensure),
    )
    .envelopes::<Option<resource::ClientResource>>(),
    Op::fapi(
        "DELETE",
        "/v1/client",
        "deleteClientSessionsAndClient",
        Guard::Browser,
        handler!(destroy),
    )
    .envelopes::<Option<resource::ClientResource>>(),
    Op::fapi(
        "DELETE",
        "/v1/client/sessions",
        "removeClientSessions",
        Guard::Browser,
        handler!(sign_out),
    )
    .envelopes::<Option<resource::ClientResource>>(),
    Op::fapi(
        "GET",
        "/v1/client/handshake",
        "handshakeClient",
        Guard::Browser,
        handler!(handshake::answer),
    )
    .fields(HANDSHAKE)
    .navigated(),
    // Not in the reference's document: where official scripts send a browser before its cookie runs out (contract fapi §4.1).
    Op::fapi(
        "GET",
        "/v1/client/touch",
        "touchClient",
        Guard::Browser,
        handler!(touch),
    )
    .fields(TOUCH)
    .navigated(),
    Op::fapi(
        "GET",
        "/v1/client/sync",
        "syncClient",
        Guard::Browser,
        handler!(satellite::sync),
    )
    .fields(SYNC)
    .navigated(),
    Op::fapi(
        "GET",
        "/v1/client/link",
        "linkClient",
        Guard::Browser,
        handler!(satellite::link),
    )
    .fields(LINK)
    .navigated()
    .once(),
    Op::fapi(
        "GET",
        "/v1/clear-site-data",
        "clearSiteData",
        Guard::Browser,
        handler!(clear_site_data),
    ),
];

/// A development browser.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DevBrowser")]
pub struct DevBrowserResource {
    /// Its token: what `__clerk_db_jwt` carries.
    pub id: String,
}

/// A token of nobody: nothing is kept.
async fn create_dev_browser(cx: &Cx, _: &Call) -> Result<Reply> {
    dev_browser::check_instance(cx)?;
    Reply::json(&DevBrowserResource {
        id: dev_browser::nobody(cx),
    })
}

/// As a POST, for an origin that is named.
async fn init_dev_browser(cx: &Cx, call: &Call) -> Result<Reply> {
    dev_browser::check_instance(cx)?;
    let origin = call.form.text("origin");
    if origin.is_some_and(|origin| !cx.instance.allows_origin(origin)) {
        return Err(refuse::origin_invalid().into());
    }
    Reply::json(&DevBrowserResource {
        id: dev_browser::nobody(cx),
    })
}

/// The token that came in the URL, or a fresh one, as cookies of this host: the application's own, when it proxies us.
async fn set_first_party_cookie(cx: &Cx, _: &Call) -> Result<Reply> {
    dev_browser::check_instance(cx)?;
    let id = dev_browser::for_application(cx);
    let suffixed = format!("__clerk_db_jwt_{}", cx.instance.cookie_suffix);
    let cookies = ["__clerk_db_jwt", suffixed.as_str()].map(|name| {
        let cookie = SetCookie {
            name,
            value: Some(&id),
            domain: None,
            http_only: false,
            secure: cx.request.https,
            max_age_secs: DEV_COOKIE_SECS,
        };
        cookie.render()
    });
    let mut reply = Reply::json(&DevBrowserResource { id: id.clone() })?;
    reply.cookies.extend(cookies);
    Ok(reply)
}

async fn show(cx: &Cx, _: &Call) -> Result<Reply> {
    let client = resource::unchanged(cx).await?;
    if client.is_none()
        && !cx.ambiguous
        && usher_http::cookie::all(&cx.request.cookies, "__client")
            .next()
            .is_some()
    {
        // A dead token: the browser forgets it, and server SDKs learn that nobody is signed in.
        cx.forget_client();
    }
    alone(client)
}

async fn ensure(cx: &Cx, _: &Call) -> Result<Reply> {
    if cx.client.is_none() {
        let held =
            usher_db::write_tx!(cx.app.db, cx.tenant(), tx => { ops::create(cx, &mut tx).await })?;
        ops::announce(cx, &held, Some(0));
    }
    let client = resource::current(cx).await?;
    alone(client)
}

async fn destroy(cx: &Cx, _: &Call) -> Result<Reply> {
    if cx.client.is_some() {
        ops::sign_out(cx, None, "removed").await?;
        ops::destroy(cx).await?;
    }
    cx.forget_client();
    Reply::json(&serde_json::json!({ "response": null, "client": null }))
}

/// Makes the browser forget everything of this domain, cookies that a neighbour planted included. Neither a page elsewhere nor a
/// picture in somebody's text must sign people out so: the browser has to say that it comes from a page of ours, and that it
/// goes here itself or by a script.
async fn clear_site_data(cx: &Cx, _: &Call) -> Result<Reply> {
    let request = &cx.request;
    let page_is_ours = match request.fetch_site.as_str() {
        "same-origin" | "none" => true,
        "same-site" => request
            .page
            .as_deref()
            .is_some_and(|page| cx.instance.allows_origin(page)),
        _ => false,
    };
    if !page_is_ours || !matches!(request.fetch_dest.as_str(), "document" | "empty") {
        return Err(refuse::origin_invalid().into());
    }
    Ok(Reply::empty(200).header("clear-site-data", "\"*\""))
}

/// Renews the client's cookie on the way to a page of the application: a browser that shortens the lives of cookies takes
/// this one anew, because a navigation brings it. The token stays what it is, as other requests are under way with it.
async fn touch(cx: &Cx, call: &Call) -> Result<Reply> {
    let text = call.form.text("redirect_url").unwrap_or_default();
    let to = handshake::redirect_target(cx, text)?;
    ops::renew(cx).await?;
    // What was parsed and allowed, not what was written.
    let to = format!("{}{}", to.origin(), to.rest);
    Ok(Reply::redirect(307, &to).header("cache-control", "no-store"))
}

async fn sign_out(cx: &Cx, _: &Call) -> Result<Reply> {
    if cx.client.is_some() {
        ops::sign_out(cx, None, "removed").await?;
    }
    let client = resource::current(cx).await?;
    alone(client)
}
