//! `/v1/agents/tasks`, for the operator's servers (contract bapi §2.3).
use super::model::AgentTaskRow;
use super::ops::{self, Subject, Wanted};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use usher_http::form::{Field, int, object, text, word};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

const TASK: &[Field] = &[
    object("on_behalf_of", 2048)
        .required()
        .about("`user_id`, or `identifier`: a verified address or a username."),
    word("permissions", &["*"]).required(),
    text("agent_name", 256)
        .required()
        .about("The same name has the same `agent_id`."),
    text("task_description", 4096).required(),
    text("redirect_url", 2048)
        .required()
        .about("A page of the instance's."),
    int("session_max_duration_in_seconds", 1, 315_360_000).about("Half an hour when left out."),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "POST",
        "/v1/agents/tasks",
        "CreateAgentTask",
        handler!(post),
    )
    .fields(TASK)
    .answers::<AgentTask>(),
    Op::bapi(
        "POST",
        "/v1/agents/tasks/{agent_task_id}/revoke",
        "RevokeAgentTask",
        handler!(revoke),
    )
    .answers::<AgentTask>(),
];

/// A task.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AgentTask")]
pub struct AgentTask {
    /// `agent_task`.
    pub object: &'static str,
    /// `agent_…`: the same for the same name.
    pub agent_id: String,
    /// `agtask_…`.
    pub agent_task_id: String,
    /// The older name of `agent_task_id`.
    pub task_id: String,
    /// What opens the session, once and within an hour; shown when the task is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl AgentTask {
    fn new(task: &AgentTaskRow, url: Option<String>) -> Self {
        Self {
            object: "agent_task",
            agent_id: task.agent_id.clone(),
            agent_task_id: task.id.clone(),
            task_id: task.id.clone(),
            url,
        }
    }
}

/// Exactly one way to say who it is.
fn subject(named: &Map<String, Value>) -> Result<Subject<'_>, ApiError> {
    let invalid = || refuse::form_param_value_invalid("on_behalf_of").at("on_behalf_of");
    let text = |name: &str| match named.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.as_str())),
        Some(_) => Err(invalid()),
    };
    match (text("user_id")?, text("identifier")?) {
        (Some(id), None) => Ok(Subject::Id(id)),
        (None, Some(identifier)) => Ok(Subject::Identifier(identifier)),
        (Some(_), Some(_)) => Err(invalid()),
        (None, None) => Err(refuse::form_param_missing("on_behalf_of.user_id").at("on_behalf_of")),
    }
}

async fn post(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let nobody = Map::new();
    let named = form.object("on_behalf_of").unwrap_or(&nobody);
    let text = |name: &str| form.text(name).unwrap_or_default();
    let wanted = Wanted {
        subject: subject(named)?,
        agent_name: text("agent_name"),
        task_description: text("task_description"),
        redirect_url: text("redirect_url"),
        session_life_secs: form
            .int("session_max_duration_in_seconds")
            .unwrap_or(30 * 60),
    };
    let task = ops::create(cx, &wanted).await?;
    Reply::json(&AgentTask::new(&task, Some(ops::url(cx, &task))))
}

async fn revoke(cx: &Cx, call: &Call) -> Result<Reply> {
    let task = ops::revoke(cx, call.param("agent_task_id")).await?;
    Reply::json(&AgentTask::new(&task, None))
}
