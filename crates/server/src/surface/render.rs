//! Errors as the wire's envelope (contract fapi §3.4). A fault's text stays here.
use crate::app::App;
use crate::route::{JSON, Reply};
use bytes::Bytes;
use serde_json::json;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error};

/// The answer to a refusal or a fault.
#[must_use]
pub fn error(app: &App, error: &Error, trace: &str) -> Reply {
    super::count_fault(app, error, trace);
    let rendered;
    let refusal: &ApiError = match error {
        Error::Api(e) => e,
        Error::Fault(fault) => {
            rendered = if fault.transient || fault.unavailable {
                refuse::service_unavailable().retry_after(1)
            } else {
                refuse::internal_clerk_error()
            };
            &rendered
        }
    };
    let body = json!({ "errors": refusal.to_json(), "clerk_trace_id": trace }).to_string();
    let mut reply = Reply::bytes(refusal.status, JSON, Bytes::from(body));
    if let Some(secs) = refusal.retry_after_secs {
        reply.headers.push(("retry-after", secs.to_string()));
    }
    reply
}
