//! Whether the Frontend API answers through an application's own proxy.
use super::ops;
use crate::cx::Cx;
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use std::time::Duration;
use usher_http::origin::Url;
use usher_outbound::{Limits, Request};
use usher_types::Result;
use usher_types::error::codes as refuse;

const LIMITS: Limits = Limits {
    total: Duration::from_secs(5),
    connect: Duration::from_secs(2),
    body: 16 * 1024,
};

/// Asks a proxy for the Frontend API's word that it is well. What else the peer says is told to nobody: the operator's key must
/// not become a way to look around from here.
///
/// # Errors
/// 404 for domains of others; 422 `invalid_proxy_configuration` where it does not answer so, and for what this server would not
/// ask (`usher_outbound`).
pub async fn check(cx: &Cx, domain_id: &str, proxy_url: &str) -> Result<()> {
    let satellites = &cx.instance.satellites;
    let known = domain_id == ops::primary_id(cx) || satellites.iter().any(|s| s.id == domain_id);
    if !known {
        return Err(refuse::resource_not_found("domain").at("domain_id").into());
    }
    let broken = || refuse::invalid_proxy_configuration().at("proxy_url");
    let url = Url::parse(proxy_url)
        .filter(|_| !proxy_url.contains(['?', '#']))
        .ok_or_else(broken)?;
    let url = format!(
        "{}/v1/proxy-health?domain_id={}",
        url.href().trim_end_matches('/'),
        usher_http::percent::encode(domain_id)
    );
    let request = Request {
        method: Method::GET,
        url: &url,
        headers: Vec::new(),
        body: Bytes::new(),
        limits: LIMITS,
    };
    let answer = cx.app.options.outbound.send(request).await;
    let healthy = answer.is_ok_and(|answer| {
        let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
        answer.status == 200 && said.is_some_and(|said| said["status"] == "healthy")
    });
    if healthy {
        Ok(())
    } else {
        Err(broken().into())
    }
}
