//! SQL of lists of `sessions`. A session that ran out is stored as active until somebody looks: the filter by status
//! speaks of the present, as [`SessionRow::status_at`] does.
use crate::instances::settings::Settings;
use crate::sessions::model::SessionRow;
use usher_db::{DbError, Tx, Value, params};
use usher_types::Timestamp;

/// What is asked for; nothing of it is everything.
pub(super) struct Filter<'a> {
    /// On this client.
    pub(super) client: Option<&'a str>,
    /// Of this user.
    pub(super) user: Option<&'a str>,
    /// With this status now.
    pub(super) status: Option<&'a str>,
}

impl Filter<'_> {
    /// The clauses, and the values they bind.
    fn sql(&self, tenant: &str, now: Timestamp, settings: &Settings) -> (String, Vec<Value>) {
        let mut text = " WHERE instance_id = ?".to_owned();
        let mut values = params![tenant].to_vec();
        let mut and = |clause: &'static str, bound: &[Value]| {
            text.push_str(clause);
            values.extend_from_slice(bound);
        };
        if let Some(client) = self.client {
            and(" AND client_id = ?", params![client]);
        }
        if let Some(user) = self.user {
            and(" AND user_id = ?", params![user]);
        }
        let idle = settings.session_inactivity_secs;
        let awake = if idle > 0 {
            now.plus_secs(-idle)
        } else {
            Timestamp(i64::MIN)
        };
        match self.status {
            None => {}
            Some(wanted @ ("active" | "pending")) => {
                and(
                    " AND status = 'active' AND expire_at > ? AND last_active_at >= ?",
                    params![now, awake],
                );
                // A demand that the operator has dropped is none any more.
                match (wanted, settings.second_factor_required) {
                    ("active", true) => {
                        and(" AND NOT needs_reset_password AND NOT needs_setup_mfa", &[])
                    }
                    ("active", false) => and(" AND NOT needs_reset_password", &[]),
                    (_, true) => and(" AND (needs_reset_password OR needs_setup_mfa)", &[]),
                    (_, false) => and(" AND needs_reset_password", &[]),
                }
            }
            Some("expired") => and(
                " AND (status = 'expired' OR (status = 'active' AND expire_at <= ?))",
                params![now],
            ),
            Some("abandoned") => and(
                " AND (status = 'abandoned' OR (status = 'active' AND expire_at > ? AND last_active_at < ?))",
                params![now, awake],
            ),
            Some(other) => and(" AND status = ?", params![other]),
        }
        (text, values)
    }
}

/// A page of sessions, newest first.
pub(super) async fn list(
    tx: &mut Tx,
    filter: &Filter<'_>,
    now: Timestamp,
    settings: &Settings,
    limit: i64,
    offset: i64,
) -> Result<Vec<SessionRow>, DbError> {
    let (clauses, mut values) = filter.sql(tx.tenant(), now, settings);
    values.extend_from_slice(params![limit, offset]);
    let columns = SessionRow::COLUMNS.join(", ");
    tx.all(
        &[
            "SELECT ",
            &columns,
            " FROM sessions",
            &clauses,
            " ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
        ]
        .concat(),
        &values,
    )
    .await
}

/// How many sessions fit.
pub(super) async fn count(
    tx: &mut Tx,
    filter: &Filter<'_>,
    now: Timestamp,
    settings: &Settings,
) -> Result<i64, DbError> {
    let (clauses, values) = filter.sql(tx.tenant(), now, settings);
    let row: Option<(i64,)> = tx
        .first(
            &["SELECT count(*) FROM sessions", &clauses].concat(),
            &values,
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}
