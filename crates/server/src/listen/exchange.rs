//! One request, from hyper's types to the surface's and back.
use super::URI_LIMIT;
use crate::app::App;
use crate::route::Reply;
use crate::surface::{self, BODY_LIMIT, Incoming};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use http_body_util::{BodyExt, Full, Limited};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What goes out.
pub(super) type Response = hyper::Response<Full<Bytes>>;

/// Answers one request. The work runs in its own task: a caller who hangs up does not cut a use case in two, and a panic is
/// an answer, not an end.
pub(super) async fn handle(
    app: &Arc<App>,
    request: hyper::Request<hyper::body::Incoming>,
    peer: IpAddr,
    patience: Duration,
) -> Response {
    let (parts, body) = request.into_parts();
    let length = parts.uri.path_and_query().map_or(0, |p| p.as_str().len());
    if length > URI_LIMIT {
        return closing(plain_status(414));
    }
    let Some(headers) = with_host(parts.headers, &parts.uri) else {
        return closing(plain_status(400));
    };
    let limit = surface::body_limit(&parts.method, parts.uri.path());
    // A few large bodies at a time, whoever sends them: memory is everybody's. Small ones need no leave.
    let size = hyper::body::Body::size_hint(&body);
    let large = limit > BODY_LIMIT && size.upper().is_none_or(|most| most > BODY_LIMIT as u64);
    let leave = if large {
        match Arc::clone(&app.uploads).try_acquire_owned() {
            Ok(leave) => Some(leave),
            Err(_) => return closing(plain_status(503)),
        }
    } else {
        None
    };
    let body = if size.lower() > limit as u64 {
        // Announced as too large: it is not waited for.
        None
    } else {
        let collected = Limited::new(body, limit).collect();
        match tokio::time::timeout(patience, collected).await {
            Ok(body) => body.ok().map(http_body_util::Collected::to_bytes),
            Err(_) => return closing(plain_status(408)),
        }
    };
    let incoming = Incoming {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body,
        peer,
    };
    // Where a length came beside it, two readers can disagree on where the body ends; what follows is nobody's request
    // (RFC 9112 §6.1).
    let last = incoming.headers.contains_key("transfer-encoding");
    let app = Arc::clone(app);
    let head = incoming.method == http::Method::HEAD;
    let work = async move {
        let reply = surface::answer(&app, incoming).await;
        drop(leave);
        reply
    };
    match tokio::spawn(work).await {
        Ok(reply) if last => closing(response(reply, head)),
        Ok(reply) => response(reply, head),
        Err(e) => {
            tracing::error!("A request panicked: {e}");
            plain_status(500)
        }
    }
}

/// HTTP/2 carries the host in the URI, and so do requests in absolute form. Two hosts that differ are two servers to two
/// readers (RFC 9112 §3.2): `None`.
fn with_host(mut headers: http::HeaderMap, uri: &http::Uri) -> Option<http::HeaderMap> {
    if headers.get_all("host").iter().count() > 1 {
        return None;
    }
    if let Some(authority) = uri.authority() {
        let host = HeaderValue::from_str(authority.as_str()).ok()?;
        let named = headers.get("host");
        if named.is_some_and(|n| !n.as_bytes().eq_ignore_ascii_case(host.as_bytes())) {
            return None;
        }
        headers.insert("host", host);
    }
    Some(headers)
}

/// An answer after which the connection ends.
fn closing(mut response: Response) -> Response {
    let value = HeaderValue::from_static("close");
    response.headers_mut().insert("connection", value);
    response
}

/// An answer of the listener itself, before there is a request to answer.
pub(super) fn plain_status(status: u16) -> Response {
    let body = if status == 500 {
        r#"{"errors":[{"message":"Internal error","long_message":"Something went wrong on the server.","code":"internal_clerk_error"}]}"#
    } else {
        "{\"errors\":[]}"
    };
    response(
        Reply::bytes(
            status,
            crate::route::JSON,
            Bytes::from_static(body.as_bytes()),
        )
        .header("cache-control", "no-store")
        .header("x-content-type-options", "nosniff"),
        false,
    )
}

/// A reply as hyper sends it.
pub(super) fn response(reply: Reply, head: bool) -> Response {
    let mut response = Response::new(Full::new(if head { Bytes::new() } else { reply.body }));
    *response.status_mut() =
        http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !reply.content_type.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    }
    for (name, value) in reply.headers {
        match HeaderValue::from_str(&value) {
            Ok(value) => {
                headers.append(HeaderName::from_static(name), value);
            }
            Err(_) => tracing::warn!("A value does not fit the header {name}"),
        }
    }
    for cookie in reply.cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, value);
        }
    }
    response
}
