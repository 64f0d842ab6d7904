//! Reading the log, for the operator's servers. The reference's SDKs know two families over it: application logs and audit logs.
use super::model::AuditRow;
use super::resource::{AuditLog, AuditLogList};
use super::store::{self, Column, Filter, From};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use usher_http::form::{Field, Form, flag, int, text, word};
use usher_types::error::codes as refuse;
use usher_types::{Error, Result, Timestamp};

const LIST: &[Field] = &[
    int("limit", 1, 500).query().about("10 without it."),
    text("starting_after", 128)
        .query()
        .about("The event (`<event_time>:<id>`) that the page begins after."),
    text("ending_before", 128)
        .query()
        .about("The event (`<event_time>:<id>`) that the page ends before."),
    text("subject", 256).query(),
    text("actor", 256).query(),
    text("trace_id", 128).query(),
    text("type", 128)
        .query()
        .about("An event's name; a trailing `*` stands for any ending."),
    text("client_id", 128).query(),
    text("impersonator_user_id", 128).query(),
    text("ip_address", 64).query(),
    word("filter_match", &["all", "any"])
        .query()
        .about("Whether every filter must fit (`all`), or one."),
    int("event_time_after", 0, i64::MAX)
        .query()
        .about("Unix milliseconds."),
    int("event_time_before", 0, i64::MAX)
        .query()
        .about("Unix milliseconds."),
    flag("end_user_facing_only")
        .query()
        .about("Only what came through the Frontend API."),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/audit_logs",
        "ListAuditLogs",
        handler!(audit_logs),
    )
    .fields(LIST)
    .answers::<AuditLogList>(),
    Op::bapi(
        "GET",
        "/v1/audit_logs/{event_time_and_id}",
        "GetAuditLog",
        handler!(audit_log),
    )
    .answers::<AuditLog>(),
    Op::bapi("GET", "/v1/logs", "ListLogs", handler!(logs))
        .fields(LIST)
        .answers::<AuditLogList>(),
    Op::bapi(
        "GET",
        "/v1/logs/{event_time_and_id}",
        "GetLog",
        handler!(log),
    )
    .answers::<AuditLog>(),
];

async fn audit_logs(cx: &Cx, call: &Call) -> Result<Reply> {
    list(cx, "audit_log", &call.form).await
}
async fn audit_log(cx: &Cx, call: &Call) -> Result<Reply> {
    show(cx, "audit_log", call.param("event_time_and_id")).await
}
async fn logs(cx: &Cx, call: &Call) -> Result<Reply> {
    list(cx, "log", &call.form).await
}
async fn log(cx: &Cx, call: &Call) -> Result<Reply> {
    show(cx, "log", call.param("event_time_and_id")).await
}

async fn show(cx: &Cx, object: &'static str, name: &str) -> Result<Reply> {
    let row = named(cx, name)
        .await?
        .ok_or_else(|| refuse::resource_not_found("event"))?;
    Reply::json(&AuditLog::whole(cx, object, &row))
}

/// The event that `<event_time>:<id>` names.
async fn named(cx: &Cx, name: &str) -> Result<Option<AuditRow>> {
    let Some((at, id)) = name.split_once(':') else {
        return Ok(None);
    };
    let Ok(at) = at.parse() else {
        return Ok(None);
    };
    Ok(store::find(&mut cx.read().await?, id, Timestamp(at)).await?)
}

async fn place(cx: &Cx, form: &Form, param: &'static str) -> Result<Option<i64>> {
    let Some(name) = form.text(param) else {
        return Ok(None);
    };
    let row = named(cx, name)
        .await?
        .ok_or_else(|| Error::from(refuse::form_param_value_invalid(param).at(param)))?;
    Ok(Some(row.seq))
}

async fn list(cx: &Cx, object: &'static str, form: &Form) -> Result<Reply> {
    let limit = form.int("limit").unwrap_or(10);
    let older = place(cx, form, "starting_after").await?;
    let newer = place(cx, form, "ending_before").await?;
    let from = match (older, newer) {
        (None, None) => From::Newest,
        (Some(seq), None) => From::Older(seq),
        (None, Some(seq)) => From::Newer(seq),
        (Some(_), Some(_)) => {
            let param = "ending_before";
            return Err(refuse::form_param_value_invalid(param).at(param).into());
        }
    };
    let rows = store::page(&mut cx.read().await?, &filter(form), from, limit + 1).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Reply::json(&AuditLogList::new(cx, object, rows, from, limit))
}

fn filter(form: &Form) -> Filter {
    let mut filter = Filter {
        any: form.text("filter_match") == Some("any"),
        after: form.int("event_time_after").map(Timestamp),
        before: form.int("event_time_before").map(Timestamp),
        end_user_facing: form.flag("end_user_facing_only") == Some(true),
        ..Filter::default()
    };
    let columns = [
        ("subject", Column::Subject),
        ("actor", Column::Actor),
        ("trace_id", Column::Trace),
        ("client_id", Column::Client),
        ("impersonator_user_id", Column::Impersonator),
        ("ip_address", Column::Ip),
    ];
    for (name, column) in columns {
        if let Some(value) = form.text(name) {
            filter.equal.push((column, value.to_owned()));
        }
    }
    match form.text("type").map(|t| (t, t.strip_suffix('*'))) {
        Some((_, Some(prefix))) => filter.event_prefix = Some(prefix.to_owned()),
        Some((name, None)) => filter.equal.push((Column::Event, name.to_owned())),
        None => {}
    }
    filter
}
