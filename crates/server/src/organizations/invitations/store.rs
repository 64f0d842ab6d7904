//! SQL of `organization_invitations`.
use super::model::{InvitationRow, PlaceRow};
use crate::answers::Window;
use usher_db::{DbError, Tx, Value, params};
use usher_types::Timestamp;
use usher_types::id::OrganizationId;

const SELECT: &str = "SELECT i.ticket_id, i.organization_id, i.role, i.inviter_id, i.private_metadata, t.status, t.email_address, t.public_metadata, t.expire_at, t.created_at, t.updated_at FROM organization_invitations i JOIN tickets t ON t.instance_id = i.instance_id AND t.id = i.ticket_id WHERE i.instance_id = ?";

pub async fn insert(tx: &mut Tx, row: &PlaceRow) -> Result<(), DbError> {
    tx.insert("organization_invitations", PlaceRow::COLUMNS, &row.values())
        .await
        .map(drop)
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<InvitationRow>, DbError> {
    let tenant = tx.tenant().to_owned();
    let sql = [SELECT, " AND i.ticket_id = ?"].concat();
    tx.first(&sql, params![tenant, id]).await
}

/// How many invitations to an organization can still be accepted; of this address only, where one is given.
pub async fn pending(
    tx: &mut Tx,
    organization: &OrganizationId,
    address: Option<&str>,
    now: Timestamp,
) -> Result<i64, DbError> {
    let filter = Filter {
        organization: Some(organization.clone()),
        statuses: vec!["pending".to_owned()],
        addresses: address.map(|a| vec![a.to_owned()]),
        query: None,
    };
    count(tx, &filter, now).await
}

/// Which invitations are listed; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// To this organization.
    pub organization: Option<OrganizationId>,
    /// With one of these statuses now; any when empty.
    pub statuses: Vec<String>,
    /// Of one of these addresses; nobody's when empty.
    pub addresses: Option<Vec<String>>,
    /// Whose address contains this, or whose id it is.
    pub query: Option<String>,
}

impl Filter {
    fn sql(&self, tenant: &str, now: Timestamp) -> (String, Vec<Value>) {
        let mut text = String::new();
        let mut values = params![tenant].to_vec();
        let mut and = |clause: &str, bound: &[Value]| {
            text.push_str(clause);
            values.extend_from_slice(bound);
        };
        if let Some(organization) = &self.organization {
            and(" AND i.organization_id = ?", params![organization]);
        }
        if !self.statuses.is_empty() {
            and(" AND (1 = 0", &[]);
            for status in &self.statuses {
                match status.as_str() {
                    "pending" => and(
                        " OR (t.status = 'pending' AND t.expire_at > ?)",
                        params![now],
                    ),
                    "expired" => and(
                        " OR (t.status = 'pending' AND t.expire_at <= ?)",
                        params![now],
                    ),
                    other => and(" OR t.status = ?", params![other]),
                }
            }
            and(")", &[]);
        }
        if let Some(addresses) = &self.addresses {
            and(" AND (1 = 0", &[]);
            for address in addresses {
                and(" OR t.email_address = ?", params![address]);
            }
            and(")", &[]);
        }
        if let Some(query) = &self.query {
            and(
                " AND (i.ticket_id = ? OR lower(t.email_address) LIKE ? ESCAPE '\\')",
                params![query, usher_db::containing(query)],
            );
        }
        (text, values)
    }
}

/// A page of invitations.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    order: &str,
    now: Timestamp,
    window: Window,
) -> Result<Vec<InvitationRow>, DbError> {
    let (clauses, mut values) = filter.sql(tx.tenant(), now);
    values.extend_from_slice(params![window.limit, window.offset]);
    let by = match order {
        "+created_at" | "created_at" => " ORDER BY t.created_at, t.id LIMIT ? OFFSET ?",
        "-email_address" => " ORDER BY t.email_address DESC, t.id DESC LIMIT ? OFFSET ?",
        "+email_address" | "email_address" => " ORDER BY t.email_address, t.id LIMIT ? OFFSET ?",
        _ => " ORDER BY t.created_at DESC, t.id DESC LIMIT ? OFFSET ?",
    };
    tx.all(&[SELECT, &clauses, by].concat(), &values).await
}

/// How many invitations fit.
pub async fn count(tx: &mut Tx, filter: &Filter, now: Timestamp) -> Result<i64, DbError> {
    let (clauses, values) = filter.sql(tx.tenant(), now);
    let head = "SELECT count(*) FROM organization_invitations i JOIN tickets t ON t.instance_id = i.instance_id AND t.id = i.ticket_id WHERE i.instance_id = ?";
    let row: Option<(i64,)> = tx.first(&[head, &clauses].concat(), &values).await?;
    Ok(row.map_or(0, |(n,)| n))
}
