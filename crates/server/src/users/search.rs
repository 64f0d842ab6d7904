//! Searching users: filters, orderings, pages. Statements are put together from the constants of this file; everything
//! that a caller sends is bound as a parameter, with the wildcards of LIKE escaped.
use super::model::UserRow;
use super::store::SELECT;
use usher_db::{DbError, ToValue, Tx, Value};
use usher_types::Timestamp;
use usher_types::id::UserId;

/// Values to be among, and values not to be among.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picks {
    /// One of these.
    pub include: Vec<String>,
    /// None of these.
    pub exclude: Vec<String>,
}

impl Picks {
    /// Reads `a`, `+a` (include) and `-a` (exclude); empty values are nothing.
    #[must_use]
    pub fn read(values: &[&str]) -> Self {
        let mut picks = Self::default();
        for value in values {
            match value.strip_prefix('-') {
                Some(rest) => picks.exclude.push(rest.to_owned()),
                None => picks
                    .include
                    .push(value.strip_prefix('+').unwrap_or(value).to_owned()),
            }
        }
        picks.include.retain(|v| !v.is_empty());
        picks.exclude.retain(|v| !v.is_empty());
        picks
    }
}

/// The filters of a list of users; all of them must hold.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Has one of these addresses (normal form).
    pub email_addresses: Vec<String>,
    /// Has one of these wallets (normal form).
    pub wallets: Vec<String>,
    /// Has one of these phone numbers (E.164).
    pub phone_numbers: Vec<String>,
    /// Has one of these usernames (normal form).
    pub usernames: Vec<String>,
    /// Ids.
    pub ids: Picks,
    /// External ids.
    pub external_ids: Picks,
    /// Has one of these accounts at this provider.
    pub accounts: Option<(String, Vec<String>)>,
    /// Members of one of these organizations, and of none of these.
    pub organizations: Picks,
    /// Part of a name, an identifier or an external id; or a whole id.
    pub query: Option<String>,
    /// Part of an address.
    pub email_address_query: Option<String>,
    /// Part of a phone number.
    pub phone_number_query: Option<String>,
    /// Part of the username.
    pub username_query: Option<String>,
    /// Part of `first last`.
    pub name_query: Option<String>,
    /// Banned, or not.
    pub banned: Option<bool>,
    /// Clauses of [`BOUNDS`] with their instants.
    pub bounds: Vec<(&'static str, Timestamp)>,
}

/// The filters by instant: name on the wire, clause.
pub const BOUNDS: &[(&str, &str)] = &[
    ("last_active_at_before", " AND last_active_at < ?"),
    ("last_active_at_after", " AND last_active_at > ?"),
    ("last_active_at_since", " AND last_active_at >= ?"),
    ("created_at_before", " AND created_at < ?"),
    ("created_at_after", " AND created_at > ?"),
    ("last_sign_in_at_before", " AND last_sign_in_at < ?"),
    ("last_sign_in_at_after", " AND last_sign_in_at > ?"),
];

/// An ordering: its name on the wire, ascending, descending. The id breaks ties, so that pages never overlap.
struct Ordering(&'static str, &'static str, &'static str);

// Columns that are never null go without
// NULLS LAST, so that their index is walked.
const ORDERINGS: &[Ordering] = &[
    Ordering(
        "created_at",
        " ORDER BY created_at, id",
        " ORDER BY created_at DESC, id DESC",
    ),
    Ordering(
        "updated_at",
        " ORDER BY updated_at, id",
        " ORDER BY updated_at DESC, id DESC",
    ),
    Ordering(
        "email_address",
        " ORDER BY primary_email_normal NULLS LAST, id",
        " ORDER BY primary_email_normal DESC NULLS LAST, id DESC",
    ),
    Ordering(
        "username",
        " ORDER BY username_normal NULLS LAST, id",
        " ORDER BY username_normal DESC NULLS LAST, id DESC",
    ),
    Ordering(
        "first_name",
        " ORDER BY first_name NULLS LAST, id",
        " ORDER BY first_name DESC NULLS LAST, id DESC",
    ),
    Ordering(
        "last_name",
        " ORDER BY last_name NULLS LAST, id",
        " ORDER BY last_name DESC NULLS LAST, id DESC",
    ),
    Ordering(
        "last_active_at",
        " ORDER BY last_active_at NULLS LAST, id",
        " ORDER BY last_active_at DESC NULLS LAST, id DESC",
    ),
    Ordering(
        "last_sign_in_at",
        " ORDER BY last_sign_in_at NULLS LAST, id",
        " ORDER BY last_sign_in_at DESC NULLS LAST, id DESC",
    ),
    Ordering(
        "phone_number",
        " ORDER BY primary_phone_number NULLS LAST, id",
        " ORDER BY primary_phone_number DESC NULLS LAST, id DESC",
    ),
    Ordering(
        "web3wallet",
        " ORDER BY primary_web3_wallet NULLS LAST, id",
        " ORDER BY primary_web3_wallet DESC NULLS LAST, id DESC",
    ),
];

/// How a list is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    sql: &'static str,
    cursor: Option<&'static str>,
}

impl Order {
    /// Reads `field`, `+field` or `-field`; `None` for unknown fields. Of several (joined by commas) the first wins.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.split(',').next().unwrap_or_default().trim();
        let (field, descending) = match text.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (text.strip_prefix('+').unwrap_or(text), false),
        };
        let Ordering(name, up, down) = ORDERINGS.iter().find(|o| o.0 == field)?;
        let cursor = if descending {
            " AND (created_at, id) < (?, ?)"
        } else {
            " AND (created_at, id) > (?, ?)"
        };
        Some(Self {
            sql: if descending { down } else { up },
            cursor: (*name == "created_at").then_some(cursor),
        })
    }
    /// A page may start after a user: only an instant that never changes makes a cursor.
    #[must_use]
    pub fn has_cursor(&self) -> bool {
        self.cursor.is_some()
    }
}

/// Which part of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The ordering.
    pub order: Order,
    /// Users at most.
    pub limit: i64,
    /// Users to leave out before them.
    pub offset: i64,
    /// The last user of the page before, where the ordering has a cursor.
    pub after: Option<(Timestamp, UserId)>,
}

/// One page of the users that fit.
pub async fn list(tx: &mut Tx, search: &Search, page: &Page) -> Result<Vec<UserRow>, DbError> {
    let mut statement = Statement::new(SELECT, tx.tenant());
    statement.restrict(search);
    if let (Some(clause), Some((at, id))) = (page.order.cursor, &page.after) {
        statement.and(clause, &[at, id]);
    }
    statement.and(page.order.sql, &[]);
    statement.and(" LIMIT ? OFFSET ?", &[&page.limit, &page.offset]);
    tx.all(&statement.text, &statement.values).await
}

/// How many users fit.
pub async fn count(tx: &mut Tx, search: &Search) -> Result<i64, DbError> {
    let mut statement = Statement::new("SELECT count(*) FROM users", tx.tenant());
    statement.restrict(search);
    let row: Option<(i64,)> = tx.first(&statement.text, &statement.values).await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// A statement that is put together from constants, and its values.
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
    tenant: String,
}

impl Statement {
    pub(crate) fn new(head: &'static str, tenant: &str) -> Self {
        let mut this = Self {
            text: head.to_owned(),
            values: Vec::new(),
            tenant: tenant.to_owned(),
        };
        this.and(" WHERE instance_id = ?", &[&tenant]);
        this
    }

    pub(crate) fn and(&mut self, clause: &'static str, values: &[&dyn ToValue]) {
        self.text.push_str(clause);
        self.values.extend(values.iter().map(|v| v.to_value()));
    }

    /// `head`, a list of parameters, `tail`. Lists are filled up to a power of two with their last value, so that few
    /// different texts exist: servers keep every text that they prepared.
    pub(crate) fn among(&mut self, head: &'static str, items: &[String], tail: &'static str) {
        let Some(last) = items.last() else {
            return;
        };
        let width = items.len().next_power_of_two();
        self.text.push_str(head);
        for index in 0..width {
            self.text.push_str(if index == 0 { "?" } else { ", ?" });
            self.values
                .push(items.get(index).unwrap_or(last).to_value());
        }
        self.text.push_str(tail);
    }

    pub(crate) fn restrict(&mut self, search: &Search) {
        self.among(" AND id IN (", &search.ids.include, ")");
        self.among(" AND id NOT IN (", &search.ids.exclude, ")");
        self.among(" AND external_id IN (", &search.external_ids.include, ")");
        self.among(
            " AND (external_id IS NULL OR external_id NOT IN (",
            &search.external_ids.exclude,
            "))",
        );
        self.among(" AND username_normal IN (", &search.usernames, ")");
        let tenant = self.tenant.clone();
        if !search.email_addresses.is_empty() {
            self.and(
                " AND id IN (SELECT user_id FROM email_addresses WHERE instance_id = ?",
                &[&tenant],
            );
            self.among(" AND email_normal IN (", &search.email_addresses, "))");
        }
        if !search.wallets.is_empty() {
            self.and(
                " AND id IN (SELECT user_id FROM web3_wallets WHERE instance_id = ?",
                &[&tenant],
            );
            self.among(" AND wallet_normal IN (", &search.wallets, "))");
        }
        if !search.phone_numbers.is_empty() {
            self.and(
                " AND id IN (SELECT user_id FROM phone_numbers WHERE instance_id = ?",
                &[&tenant],
            );
            self.among(" AND phone_number IN (", &search.phone_numbers, "))");
        }
        for (items, head) in [
            (
                &search.organizations.include,
                " AND id IN (SELECT user_id FROM organization_memberships WHERE instance_id = ?",
            ),
            (
                &search.organizations.exclude,
                " AND id NOT IN (SELECT user_id FROM organization_memberships WHERE instance_id = ?",
            ),
        ] {
            if !items.is_empty() {
                self.and(head, &[&tenant]);
                self.among(" AND organization_id IN (", items, "))");
            }
        }
        if let Some((provider, subjects)) = &search.accounts {
            self.and(
                " AND id IN (SELECT user_id FROM external_accounts WHERE instance_id = ? AND provider = ?",
                &[&tenant, provider],
            );
            self.among(" AND provider_user_id IN (", subjects, "))");
        }
        if let Some(query) = &search.query {
            // `search` starts with the id, of which a part says nothing ("user_" would fit everybody).
            self.and(
                " AND (id = ? OR substr(search, length(id) + 1) LIKE ? ESCAPE '\\')",
                &[query, &usher_db::containing(query)],
            );
        }
        if let Some(query) = &search.email_address_query {
            let clause = " AND id IN (SELECT user_id FROM email_addresses WHERE instance_id = ? AND email_normal LIKE ? ESCAPE '\\')";
            self.and(clause, &[&tenant, &usher_db::containing(query)]);
        }
        if let Some(query) = &search.phone_number_query {
            let clause = " AND id IN (SELECT user_id FROM phone_numbers WHERE instance_id = ? AND phone_number LIKE ? ESCAPE '\\')";
            self.and(clause, &[&tenant, &usher_db::containing(query)]);
        }
        if let Some(query) = &search.username_query {
            self.and(
                " AND username_normal LIKE ? ESCAPE '\\'",
                &[&usher_db::containing(query)],
            );
        }
        if let Some(query) = &search.name_query {
            // SQLite's lower() knows ASCII only. Addresses and usernames are ASCII, so a query beyond it finds nothing but
            // names (and external ids) in `search`, which was lowered by the rules of Unicode.
            let clause = if query.is_ascii() {
                " AND lower(COALESCE(first_name, '') || ' ' || COALESCE(last_name, '')) LIKE ? ESCAPE '\\'"
            } else {
                " AND search LIKE ? ESCAPE '\\'"
            };
            self.and(clause, &[&usher_db::containing(query)]);
        }
        if let Some(banned) = search.banned {
            self.and(" AND banned = ?", &[&banned]);
        }
        for (clause, at) in &search.bounds {
            self.and(clause, &[at]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_no_wildcards_of_the_caller() {
        assert_eq!(usher_db::containing("50%_\\É"), "%50\\%\\_\\\\é%");
    }

    #[test]
    fn a_sign_says_whether_a_value_is_wanted() {
        let picks = Picks::read(&["a", "+b", "-c", "", "-"]);
        assert_eq!(
            (picks.include, picks.exclude),
            (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()])
        );
    }

    #[test]
    fn orderings_are_read_and_only_created_at_has_a_cursor() {
        assert_eq!(
            Order::read("-created_at").map(|o| (o.sql, o.has_cursor())),
            Some((" ORDER BY created_at DESC, id DESC", true))
        );
        assert_eq!(
            Order::read("+username").map(|o| (o.sql, o.has_cursor())),
            Some((" ORDER BY username_normal NULLS LAST, id", false))
        );
        assert_eq!(Order::read("username,-created_at"), Order::read("username"));
        assert_eq!(Order::read("password_stored"), None);
        assert_eq!(Order::read(""), None);
    }

    #[test]
    fn every_parameter_has_its_mark() {
        let list = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        let search = Search {
            email_addresses: list(3),
            wallets: list(4),
            phone_numbers: list(6),
            usernames: list(5),
            accounts: Some(("google".to_owned(), list(3))),
            ids: Picks {
                include: list(1),
                exclude: list(2),
            },
            external_ids: Picks {
                include: list(7),
                exclude: list(9),
            },
            organizations: Picks {
                include: list(3),
                exclude: list(1),
            },
            query: Some("q".to_owned()),
            email_address_query: Some("q".to_owned()),
            phone_number_query: Some("q".to_owned()),
            username_query: Some("q".to_owned()),
            name_query: Some("q".to_owned()),
            banned: Some(true),
            bounds: BOUNDS
                .iter()
                .map(|(_, clause)| (*clause, Timestamp(1)))
                .collect(),
        };
        let mut statement = Statement::new(SELECT, "ins_1");
        statement.restrict(&search);
        assert_eq!(statement.text.matches('?').count(), statement.values.len());
        assert_eq!(
            statement.text.matches('(').count(),
            statement.text.matches(')').count()
        );
    }
}
