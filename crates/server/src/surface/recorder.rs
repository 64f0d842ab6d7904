//! Writes every API exchange to the file that `EXCHANGES` names, so that a test run can be held against the reference.
//! A tool of tests: `usher serve` never has it.
use super::Incoming;
use crate::app::App;
use crate::route::{Api, Reply};
use serde_json::json;
use std::io::Write;

/// Paths that official SDKs call and the reference does not describe; it would take them for something else.
const BEYOND: &[&str] = &["/v1/clients/handshake_payload"];

/// Records one exchange, where recording is on.
pub fn record(app: &App, api: Api, method: &str, request: &Incoming, path: &str, reply: &Reply) {
    let Some(file) = &app.exchanges else {
        return;
    };
    // `_method` means nothing but on a POST; readers of the record would take it for the method all the same.
    let meaningless = request.method != http::Method::POST && request.query.contains("_method=");
    let query = if request.query.is_empty() || meaningless {
        String::new()
    } else {
        format!("?{}", request.query)
    };
    let line = json!({
        // Nothing of an operation that is not served can be held against the reference.
        "api": if BEYOND.contains(&path) || reply.status == 501 { "beyond" } else { api.word() }, "method": method, "path": format!("{path}{query}"), "status": reply.status,
        "request_type": request.header("content-type"),
        "request": String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()),
        "response_type": reply.content_type, "response": String::from_utf8_lossy(&reply.body),
    });
    if let Ok(mut file) = file.lock()
        && let Err(e) = file.write_all(format!("{line}\n").as_bytes())
    {
        tracing::warn!("An exchange could not be recorded: {e}");
    }
}
