//! Lists of organizations and of members: filters, orderings, pages. Statements are put together from the constants of this
//! file; everything that a caller sends is bound as a parameter.
use super::model::{MembershipRow, OrganizationRow};
use super::store::{MEMBERSHIPS, ORGANIZATIONS};
use crate::answers::Window;
use crate::users::search::{Picks, Search, Statement};
use usher_db::{DbError, Tx};
use usher_types::id::{OrganizationId, UserId};

/// An ordering: its name on the wire, ascending, descending. The id breaks ties, so that pages never overlap.
type Ordering = (&'static str, &'static str, &'static str);

const ORGANIZATION_ORDERINGS: &[Ordering] = &[
    (
        "created_at",
        " ORDER BY created_at, id",
        " ORDER BY created_at DESC, id DESC",
    ),
    ("name", " ORDER BY name, id", " ORDER BY name DESC, id DESC"),
    (
        "members_count",
        " ORDER BY members_count, id",
        " ORDER BY members_count DESC, id DESC",
    ),
];

/// One by a column of the members' users.
macro_rules! by_user {
    ($name:literal, $column:literal) => {
        (
            $name,
            concat!(" ORDER BY (SELECT users.", $column, " FROM users WHERE users.instance_id = organization_memberships.instance_id AND users.id = organization_memberships.user_id) NULLS LAST, id"),
            concat!(" ORDER BY (SELECT users.", $column, " FROM users WHERE users.instance_id = organization_memberships.instance_id AND users.id = organization_memberships.user_id) DESC NULLS LAST, id DESC"),
        )
    };
}

const MEMBERSHIP_ORDERINGS: &[Ordering] = &[
    (
        "created_at",
        " ORDER BY created_at, id",
        " ORDER BY created_at DESC, id DESC",
    ),
    by_user!("first_name", "first_name"),
    by_user!("last_name", "last_name"),
    by_user!("username", "username_normal"),
    by_user!("email_address", "primary_email_normal"),
    by_user!("phone_number", "primary_phone_number"),
];

fn ordering(all: &'static [Ordering], text: &str) -> Option<&'static str> {
    let (field, descending) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let (_, up, down) = all.iter().find(|(name, ..)| *name == field)?;
    Some(if descending { down } else { up })
}

/// The filters of a list of organizations; all of them must hold.
#[derive(Clone, Debug, Default)]
pub struct Organizations {
    /// A whole id, or part of name or slug.
    pub query: Option<String>,
    /// Members, and users who are none.
    pub users: Picks,
    /// Ids.
    pub ids: Picks,
}

/// How members are listed where nobody says otherwise: the newest first.
pub const NEWEST: &str = " ORDER BY created_at DESC, id DESC";

/// How a list of organizations is ordered: `field`, `+field` or `-field`.
#[must_use]
pub fn order_of_organizations(text: &str) -> Option<&'static str> {
    ordering(ORGANIZATION_ORDERINGS, text)
}

/// How a list of members is ordered.
#[must_use]
pub fn order_of_members(text: &str) -> Option<&'static str> {
    ordering(MEMBERSHIP_ORDERINGS, text)
}

/// A page of the organizations that fit.
pub async fn organizations(
    tx: &mut Tx,
    filter: &Organizations,
    order: &'static str,
    window: Window,
) -> Result<Vec<OrganizationRow>, DbError> {
    let mut statement = Statement::new(ORGANIZATIONS, tx.tenant());
    fit(&mut statement, filter, tx.tenant());
    statement.and(order, &[]);
    statement.and(" LIMIT ? OFFSET ?", &[&window.limit, &window.offset]);
    tx.all(&statement.text, &statement.values).await
}

/// How many organizations fit.
pub async fn count_organizations(tx: &mut Tx, filter: &Organizations) -> Result<i64, DbError> {
    let mut statement = Statement::new("SELECT count(*) FROM organizations", tx.tenant());
    fit(&mut statement, filter, tx.tenant());
    let row: Option<(i64,)> = tx.first(&statement.text, &statement.values).await?;
    Ok(row.map_or(0, |(n,)| n))
}

fn fit(statement: &mut Statement, filter: &Organizations, tenant: &str) {
    statement.among(" AND id IN (", &filter.ids.include, ")");
    statement.among(" AND id NOT IN (", &filter.ids.exclude, ")");
    for (items, head) in [
        (
            &filter.users.include,
            " AND id IN (SELECT organization_id FROM organization_memberships WHERE instance_id = ?",
        ),
        (
            &filter.users.exclude,
            " AND id NOT IN (SELECT organization_id FROM organization_memberships WHERE instance_id = ?",
        ),
    ] {
        if !items.is_empty() {
            statement.and(head, &[&tenant]);
            statement.among(" AND user_id IN (", items, "))");
        }
    }
    if let Some(query) = &filter.query {
        let clause = " AND (id = ? OR search LIKE ? ESCAPE '\\')";
        statement.and(clause, &[query, &usher_db::containing(query)]);
    }
}

/// The filters of a list of members; all of them must hold.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// Of this organization; of every one when left out.
    pub organization: Option<OrganizationId>,
    /// Of this user.
    pub user: Option<UserId>,
    /// With one of these roles.
    pub roles: Vec<String>,
    /// Whose user fits.
    pub users: Option<Search>,
}

fn fit_members(statement: &mut Statement, filter: &Members, tenant: &str) {
    if let Some(organization) = &filter.organization {
        statement.and(" AND organization_id = ?", &[organization]);
    }
    if let Some(user) = &filter.user {
        statement.and(" AND user_id = ?", &[user]);
    }
    statement.among(" AND role IN (", &filter.roles, ")");
    if let Some(search) = &filter.users {
        statement.and(
            " AND user_id IN (SELECT id FROM users WHERE instance_id = ?",
            &[&tenant],
        );
        statement.restrict(search);
        statement.and(")", &[]);
    }
}

/// A page of the memberships that fit.
pub async fn members(
    tx: &mut Tx,
    filter: &Members,
    order: &'static str,
    window: Window,
) -> Result<Vec<MembershipRow>, DbError> {
    let mut statement = Statement::new(MEMBERSHIPS, tx.tenant());
    fit_members(&mut statement, filter, tx.tenant());
    statement.and(order, &[]);
    statement.and(" LIMIT ? OFFSET ?", &[&window.limit, &window.offset]);
    tx.all(&statement.text, &statement.values).await
}

/// How many memberships fit.
pub async fn count_members(tx: &mut Tx, filter: &Members) -> Result<i64, DbError> {
    let mut statement =
        Statement::new("SELECT count(*) FROM organization_memberships", tx.tenant());
    fit_members(&mut statement, filter, tx.tenant());
    let row: Option<(i64,)> = tx.first(&statement.text, &statement.values).await?;
    Ok(row.map_or(0, |(n,)| n))
}
