//! The wire's JSON of an event (contract bapi §1.3).
use super::model::AuditRow;
use super::store::From;
use crate::cx::Cx;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use usher_http::agent;

/// One event.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditLog")]
pub struct AuditLog {
    /// `audit_log` or `log`.
    pub object: &'static str,
    /// `evt_…`.
    pub id: String,
    /// Unix milliseconds.
    pub event_time: i64,
    /// The id of who acted: a user, a client without a session, a secret key's hint; `system` for the server itself.
    pub actor: String,
    /// Who acted as the user.
    pub impersonator: Option<String>,
    /// The id of what it is about.
    pub subject: Option<String>,
    /// `user.created`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `fapi`, `bapi` or `system`.
    pub source: String,
    /// The browser's client.
    pub client_id: Option<String>,
    /// The request; also in its answer's `Clerk-Trace-Id`.
    pub trace_id: String,
    /// There are no spans here.
    pub span_id: Option<String>,
    /// There are no spans here.
    pub parent_span_id: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// Only where one event is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// Where it happened.
    pub event_context: EventContext,
}

/// What is told of one event beyond the list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditLogPayload")]
pub struct Payload {
    /// `success` or `failure`.
    pub outcome: String,
    /// `user`, `client`, `secret_key` or `system`.
    pub actor_type: String,
    /// Names of the fields that changed.
    pub changes: Value,
    /// Its place in the chain.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// Where an event happened.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditLogContext")]
pub struct EventContext {
    /// The instance.
    pub environment: Environment,
    /// The caller's device; its fields are null once they were erased.
    pub device: Device,
}

/// The instance.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditLogEnvironment")]
pub struct Environment {
    /// `ins_…`.
    pub instance_id: String,
    /// `development` or `production`.
    pub environment_type: String,
}

/// The caller's device.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditLogDevice")]
pub struct Device {
    /// The address.
    pub ip_address: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// Read from it.
    pub browser_name: Option<String>,
    /// Read from it.
    pub browser_version: Option<String>,
    /// Read from it.
    pub device_type: Option<String>,
}

/// A page of events, newest first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditLogList")]
pub struct AuditLogList {
    /// The events.
    pub data: Vec<AuditLog>,
    /// Where other pages are.
    pub cursor: Cursor,
}

/// Where other pages are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditLogCursor")]
pub struct Cursor {
    /// Send it as `starting_after` for the next page.
    pub starting_after: Option<String>,
    /// Send it as `ending_before` for the page before.
    pub ending_before: Option<String>,
    /// There is a next page.
    pub has_next_page: bool,
    /// `true` or `false`: it is always known here.
    pub next_page_status: &'static str,
    /// Nothing is thrown away.
    pub retention_limit_reached: bool,
}

impl AuditLog {
    /// One event of a list.
    #[must_use]
    pub fn new(cx: &Cx, object: &'static str, row: &AuditRow) -> Self {
        let seen = agent::read(row.user_agent.as_deref().unwrap_or_default());
        Self {
            object,
            id: row.id.clone(),
            event_time: row.event_time.0,
            actor: row
                .actor_id
                .clone()
                .unwrap_or_else(|| row.actor_type.clone()),
            impersonator: row.impersonator.clone(),
            subject: row.subject.clone(),
            kind: row.event.clone(),
            source: row.source.clone(),
            client_id: row.client_id.clone(),
            trace_id: row.trace_id.clone(),
            span_id: None,
            parent_span_id: None,
            session_id: row.session_id.clone(),
            payload: None,
            event_context: EventContext {
                environment: Environment {
                    instance_id: row.instance_id.clone(),
                    environment_type: cx.instance.row.environment_type.clone(),
                },
                device: Device {
                    ip_address: row.ip_address.clone(),
                    user_agent: row.user_agent.clone(),
                    browser_name: seen.browser_name,
                    browser_version: seen.browser_version,
                    device_type: seen.device_type,
                },
            },
        }
    }
    /// One event alone.
    #[must_use]
    pub fn whole(cx: &Cx, object: &'static str, row: &AuditRow) -> Self {
        Self {
            payload: Some(Payload {
                outcome: row.outcome.clone(),
                actor_type: row.actor_type.clone(),
                changes: serde_json::from_str(&row.changes).unwrap_or_default(),
                seq: row.seq,
                hash: row.hash.clone(),
            }),
            ..Self::new(cx, object, row)
        }
    }
}

impl AuditLogList {
    /// A page of at most `limit` of `rows`; one more than that says that there is another page on the side that was asked
    /// for.
    #[must_use]
    pub fn new(
        cx: &Cx,
        object: &'static str,
        mut rows: Vec<AuditRow>,
        from: From,
        limit: usize,
    ) -> Self {
        let more = rows.len() > limit;
        let has_next_page = match from {
            From::Newer(_) => {
                if more {
                    rows.remove(0);
                }
                true
            }
            From::Newest | From::Older(_) => {
                rows.truncate(limit);
                more
            }
        };
        let name = |row: &AuditRow| format!("{}:{}", row.event_time.0, row.id);
        Self {
            cursor: Cursor {
                starting_after: rows.last().map(name),
                ending_before: rows.first().map(name),
                has_next_page,
                next_page_status: if has_next_page { "true" } else { "false" },
                retention_limit_reached: false,
            },
            data: rows
                .iter()
                .map(|row| AuditLog::new(cx, object, row))
                .collect(),
        }
    }
}
