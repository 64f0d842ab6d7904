//! The plain-http socket of a server that speaks TLS: people who typed an address are sent on to https, and nothing else is
//! answered. A program that sent a key in clear gets no redirect that would hide the mistake (OWASP ASVS v5 4.1.2).
use super::exchange::{Response, plain_status, response};
use crate::app::App;
use crate::route::Reply;
use http::Method;
use usher_http::origin::split_host;

/// 308 to the same page of an instance's host over https; 403 for anything else.
pub(super) fn answer<B>(app: &App, request: &hyper::Request<B>) -> Response {
    let page = matches!(*request.method(), Method::GET | Method::HEAD)
        && !request.headers().contains_key("authorization")
        && !request.uri().path().starts_with("/v1/");
    let host = request.headers().get("host").and_then(|h| h.to_str().ok());
    let origin = host.and_then(split_host).and_then(|(host, _)| {
        app.instances().into_iter().find_map(|instance| {
            [&instance.issuer, &instance.portal_origin]
                .into_iter()
                .find(|origin| {
                    let named = origin.split_once("://").and_then(|(_, h)| split_host(h));
                    named.is_some_and(|(name, _)| name == host)
                })
                .cloned()
        })
    });
    match origin.filter(|_| page) {
        // The origin is one of ours; of the request only path and query are taken.
        Some(origin) => {
            let rest = request.uri().path_and_query().map_or("/", |p| p.as_str());
            let rest = format!("/{}", rest.trim_start_matches('/'));
            response(Reply::redirect(308, &format!("{origin}{rest}")), false)
        }
        None => plain_status(403),
    }
}
