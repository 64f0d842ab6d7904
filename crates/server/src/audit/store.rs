//! SQL of `audit_logs` and `audit_heads`.
use super::model::AuditRow;
use usher_db::{DbError, Tx, Value, params, row};
use usher_types::Timestamp;

row! {
    /// The end of an instance's chain.
    pub struct Head {
        pub seq: i64,
        pub hash: String,
        pub seal: String,
    }
}

/// The end of the chain.
pub async fn head(tx: &mut Tx) -> Result<Option<Head>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first(
        "SELECT seq, hash, seal FROM audit_heads WHERE instance_id = ?",
        params![tenant],
    )
    .await
}

/// The end of the chain, locked until the transaction ends; made where there is none.
pub async fn head_locked(tx: &mut Tx, instance: &str) -> Result<Head, DbError> {
    let text = "SELECT seq, hash, seal FROM audit_heads WHERE instance_id = ? $LOCK";
    if let Some(head) = tx.first(text, params![instance]).await? {
        return Ok(head);
    }
    tx.run("INSERT INTO audit_heads (instance_id, seq, hash, seal) VALUES (?, 0, '', '') ON CONFLICT (instance_id) DO NOTHING", params![instance]).await?;
    let made = tx.first(text, params![instance]).await?;
    Ok(made.unwrap_or(Head {
        seq: 0,
        hash: String::new(),
        seal: String::new(),
    }))
}

pub async fn set_head(tx: &mut Tx, instance: &str, head: &Head) -> Result<(), DbError> {
    tx.run(
        "UPDATE audit_heads SET seq = ?, hash = ?, seal = ? WHERE instance_id = ?",
        params![head.seq, head.hash, head.seal, instance],
    )
    .await
    .map(drop)
}

pub async fn insert(tx: &mut Tx, row: &AuditRow) -> Result<(), DbError> {
    tx.insert("audit_logs", AuditRow::COLUMNS, &row.values())
        .await
        .map(drop)
}

/// Erases the personal data of one person from every row, with the salts of the commitments.
pub async fn erase(tx: &mut Tx, instance: &str, person: &str) -> Result<u64, DbError> {
    tx.run("UPDATE audit_logs SET ip_address = NULL, user_agent = NULL, salt = NULL WHERE instance_id = ? AND person = ? AND salt IS NOT NULL", params![instance, person]).await
}

/// Rows after `seq`, in their order.
pub async fn after(tx: &mut Tx, seq: i64, limit: i64) -> Result<Vec<AuditRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let columns = AuditRow::COLUMNS.join(", ");
    tx.all(
        &[
            "SELECT ",
            &columns,
            " FROM audit_logs WHERE instance_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        ]
        .concat(),
        params![tenant, seq, limit],
    )
    .await
}

/// True when the log says that this user was deleted.
pub async fn was_deleted(tx: &mut Tx, user: &str) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    let found: Option<(i64,)> = tx.first("SELECT seq FROM audit_logs WHERE instance_id = ? AND subject = ? AND event = 'user.deleted'", params![tenant, user]).await?;
    Ok(found.is_some())
}

/// A row by its id.
pub async fn find(tx: &mut Tx, id: &str, at: Timestamp) -> Result<Option<AuditRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let columns = AuditRow::COLUMNS.join(", ");
    tx.first(
        &[
            "SELECT ",
            &columns,
            " FROM audit_logs WHERE instance_id = ? AND id = ? AND event_time = ?",
        ]
        .concat(),
        params![tenant, id, at],
    )
    .await
}

/// What a list is filtered by.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Column and value, each a clause of its own; joined by `all` or by `or`.
    pub equal: Vec<(Column, String)>,
    /// Beginning of the event's name, before a trailing `*`.
    pub event_prefix: Option<String>,
    /// One of them is enough.
    pub any: bool,
    /// Later than this.
    pub after: Option<Timestamp>,
    /// Earlier than this.
    pub before: Option<Timestamp>,
    /// Only what people did in a browser.
    pub end_user_facing: bool,
}

/// The columns that a list can be filtered by.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// Who acted.
    Actor,
    /// The client.
    Client,
    /// The event's name.
    Event,
    /// Who acted as the user.
    Impersonator,
    /// The address.
    Ip,
    /// What the event is about.
    Subject,
    /// The request.
    Trace,
}

impl Column {
    fn clause(self) -> &'static str {
        match self {
            Self::Actor => "actor_id = ?",
            Self::Client => "client_id = ?",
            Self::Event => "event = ?",
            Self::Impersonator => "impersonator = ?",
            Self::Ip => "ip_address = ?",
            Self::Subject => "subject = ?",
            Self::Trace => "trace_id = ?",
        }
    }
}

/// Where a page begins.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// At the newest row.
    Newest,
    /// Older than this row.
    Older(i64),
    /// Newer than this row; the page still lists the newest first.
    Newer(i64),
}

/// A page of rows, newest first.
pub async fn page(
    tx: &mut Tx,
    filter: &Filter,
    from: From,
    limit: i64,
) -> Result<Vec<AuditRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let mut values: Vec<Value> = params![tenant].to_vec();
    let mut text = [
        "SELECT ",
        &AuditRow::COLUMNS.join(", "),
        " FROM audit_logs WHERE instance_id = ?",
    ]
    .concat();
    let mut matched: Vec<&str> = Vec::new();
    for (column, value) in &filter.equal {
        matched.push(column.clause());
        values.extend_from_slice(params![value]);
    }
    if let Some(prefix) = &filter.event_prefix {
        matched.push("substr(event, 1, ?) = ?");
        let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
        values.extend_from_slice(params![length, prefix]);
    }
    if !matched.is_empty() {
        let joined = matched.join(if filter.any { " OR " } else { " AND " });
        text.push_str(" AND (");
        text.push_str(&joined);
        text.push(')');
    }
    let mut and = |clause: &str, value: i64| {
        text.push_str(clause);
        values.extend_from_slice(params![value]);
    };
    if let Some(after) = filter.after {
        and(" AND event_time > ?", after.0);
    }
    if let Some(before) = filter.before {
        and(" AND event_time < ?", before.0);
    }
    match from {
        From::Newest => {}
        From::Older(seq) => and(" AND seq < ?", seq),
        From::Newer(seq) => and(" AND seq > ?", seq),
    }
    if filter.end_user_facing {
        text.push_str(" AND source = 'fapi'");
    }
    let newer = matches!(from, From::Newer(_));
    text.push_str(if newer {
        " ORDER BY seq LIMIT ?"
    } else {
        " ORDER BY seq DESC LIMIT ?"
    });
    values.extend_from_slice(params![limit]);
    let mut rows: Vec<AuditRow> = tx.all(&text, &values).await?;
    if newer {
        rows.reverse();
    }
    Ok(rows)
}
