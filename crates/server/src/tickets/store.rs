//! SQL of `tickets`.
use super::model::{Kind, TicketRow};
use usher_db::{DbError, Tx, Value, params};
use usher_types::Timestamp;
use usher_types::id::OrganizationId;

pub async fn insert(tx: &mut Tx, ticket: &TicketRow) -> Result<(), DbError> {
    tx.insert("tickets", TicketRow::COLUMNS, &ticket.values())
        .await
        .map(drop)
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<TicketRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.first("SELECT instance_id, id, kind, status, user_id, email_address, actor, session_life_secs, public_metadata, redirect_url, expire_at, created_at, updated_at FROM tickets WHERE instance_id = ? AND id = ?", params![tenant, id]).await
}

/// Consumes a ticket: true for exactly one caller.
pub async fn accept(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE tickets SET status = 'accepted', updated_at = ? WHERE instance_id = ? AND id = ? AND status = 'pending' AND expire_at > ?", params![now, tenant, id, now]).await? == 1)
}

/// Revokes a ticket that was not used: true for exactly one caller.
pub async fn revoke(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool, DbError> {
    let tenant = tx.tenant().to_owned();
    Ok(tx.run("UPDATE tickets SET status = 'revoked', updated_at = ? WHERE instance_id = ? AND id = ? AND status = 'pending'", params![now, tenant, id]).await? == 1)
}

/// How many invitations of an address can still be accepted.
pub async fn invited(tx: &mut Tx, address: &str, now: Timestamp) -> Result<i64, DbError> {
    let tenant = tx.tenant().to_owned();
    let row: Option<(i64,)> = tx.first("SELECT count(*) FROM tickets WHERE instance_id = ? AND kind = 'invitation' AND email_address = ? AND status = 'pending' AND expire_at > ?", params![tenant, address, now]).await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Which invitations are listed.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// With this status now; those that were not revoked when left out.
    pub status: Option<&'a str>,
    /// Whose address or id contains this.
    pub query: Option<&'a str>,
}

impl Filter<'_> {
    fn sql(&self, tenant: &str, now: Timestamp) -> (String, Vec<Value>) {
        let mut text = " WHERE instance_id = ? AND kind = ?".to_owned();
        let mut values = params![tenant, Kind::Invitation.word()].to_vec();
        let mut and = |clause: &'static str, bound: &[Value]| {
            text.push_str(clause);
            values.extend_from_slice(bound);
        };
        match self.status {
            None => and(" AND status <> 'revoked'", &[]),
            Some("pending") => and(" AND status = 'pending' AND expire_at > ?", params![now]),
            Some("expired") => and(" AND status = 'pending' AND expire_at <= ?", params![now]),
            Some(other) => and(" AND status = ?", params![other]),
        }
        if let Some(query) = self.query {
            let pattern = usher_db::containing(query);
            and(
                " AND (id = ? OR lower(email_address) LIKE ? ESCAPE '\\')",
                params![query, pattern],
            );
        }
        (text, values)
    }
}

/// How invitations can be ordered, as the wire writes it.
pub const ORDERS: &[&str] = &[
    "-created_at",
    "+created_at",
    "created_at",
    "-email_address",
    "+email_address",
    "email_address",
    "-expires_at",
    "+expires_at",
    "expires_at",
];

/// A page of invitations.
pub async fn list(
    tx: &mut Tx,
    filter: Filter<'_>,
    order: &str,
    now: Timestamp,
    limit: i64,
    offset: i64,
) -> Result<Vec<TicketRow>, DbError> {
    let (clauses, mut values) = filter.sql(tx.tenant(), now);
    values.extend_from_slice(params![limit, offset]);
    let by = match order {
        "+created_at" | "created_at" => " ORDER BY created_at, id LIMIT ? OFFSET ?",
        "-email_address" => " ORDER BY email_address DESC, id DESC LIMIT ? OFFSET ?",
        "+email_address" | "email_address" => " ORDER BY email_address, id LIMIT ? OFFSET ?",
        "-expires_at" => " ORDER BY expire_at DESC, id DESC LIMIT ? OFFSET ?",
        "+expires_at" | "expires_at" => " ORDER BY expire_at, id LIMIT ? OFFSET ?",
        _ => " ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
    };
    let columns = TicketRow::COLUMNS.join(", ");
    tx.all(
        &["SELECT ", &columns, " FROM tickets", &clauses, by].concat(),
        &values,
    )
    .await
}

/// How many invitations fit.
pub async fn count(tx: &mut Tx, filter: Filter<'_>, now: Timestamp) -> Result<i64, DbError> {
    let (clauses, values) = filter.sql(tx.tenant(), now);
    let row: Option<(i64,)> = tx
        .first(
            &["SELECT count(*) FROM tickets", &clauses].concat(),
            &values,
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// An organization is about to go: nobody is invited to it any more.
pub async fn forget_organization(
    tx: &mut Tx,
    organization: &OrganizationId,
) -> Result<u64, DbError> {
    let tenant = tx.tenant().to_owned();
    tx.run("DELETE FROM tickets WHERE instance_id = ? AND id IN (SELECT ticket_id FROM organization_invitations WHERE instance_id = ? AND organization_id = ?)", params![tenant, tenant, organization]).await
}

/// Forgets dead sign-in and actor tokens, of every instance: the housekeeping job's. Invitations stay listed.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM tickets WHERE kind NOT IN ('invitation', 'organization_invitation') AND expire_at < ?",
        params![before],
    )
    .await
}
