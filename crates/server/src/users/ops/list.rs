//! Reading users together with their addresses.
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::email::EmailRow;
use crate::identifiers::phones;
use crate::identifiers::phones::model::PhoneRow;
use crate::identifiers::wallets;
use crate::identifiers::wallets::model::WalletRow;
use crate::passkeys;
use crate::passkeys::model::PasskeyRow;
use crate::social::accounts::{self, Shown};
use crate::users::model::UserRow;
use crate::users::ops::create::refresh;
use crate::users::search::{self, Page, Search};
use crate::users::store;
use std::collections::HashMap;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::UserId;
use usher_types::{Result, Timestamp};

/// A user with the addresses that are the user's, oldest first.
#[derive(Clone, Debug)]
pub struct Found {
    /// The user.
    pub user: UserRow,
    /// The addresses.
    pub emails: Vec<EmailRow>,
    /// The phone numbers.
    pub phones: Vec<PhoneRow>,
    /// The passkeys.
    pub passkeys: Vec<PasskeyRow>,
    /// The wallets.
    pub wallets: Vec<WalletRow>,
    /// Accounts elsewhere.
    pub accounts: Vec<Shown>,
}

impl Found {
    /// Recomputes what follows from the row and what belongs to it.
    pub fn refresh(&mut self) {
        refresh(&mut self.user, &self.emails, &self.phones, &self.wallets);
    }
    /// Everything that names the user.
    #[must_use]
    pub fn identifiers(&self) -> Vec<&str> {
        let emails = self.emails.iter().map(|e| e.email_normal.as_str());
        let phones = self.phones.iter().map(|p| p.phone_number.as_str());
        emails
            .chain(phones)
            .chain(self.user.username.as_deref())
            .collect()
    }
}

/// An id from outside.
///
/// # Errors
/// 404 for what cannot be a user's id.
pub fn parse_id(id: &str) -> Result<UserId> {
    Ok(UserId::parse(id).ok_or_else(|| refuse::resource_not_found("user"))?)
}

/// The user with this id.
///
/// # Errors
/// 404 when the instance has none.
pub async fn one(cx: &Cx, id: &str) -> Result<Found> {
    let id = parse_id(id)?;
    let mut tx = cx.read().await?;
    let user = store::find(&mut tx, &id)
        .await?
        .ok_or_else(|| refuse::resource_not_found("user"))?;
    load(&mut tx, user).await
}

/// The user with this id, locked until the transaction ends.
///
/// # Errors
/// 404 when the instance has none.
pub async fn hold(tx: &mut Tx, id: &UserId) -> Result<Found> {
    let user = store::find_locked(tx, id)
        .await?
        .ok_or_else(|| refuse::resource_not_found("user"))?;
    load(tx, user).await
}

/// A user with what belongs to the user.
///
/// # Errors
/// The database's.
pub async fn load(tx: &mut Tx, user: UserRow) -> Result<Found> {
    let emails = identifiers::store::of_user::<EmailRow>(tx, &user.id).await?;
    let phones = phones::ops::of_user(tx, &user).await?;
    let passkeys = passkeys::ops::of_user(tx, &user).await?;
    let wallets = wallets::ops::of_user(tx, &user).await?;
    let accounts = accounts::of_users(tx, std::slice::from_ref(&user.id)).await?;
    Ok(Found {
        user,
        emails,
        phones,
        passkeys,
        wallets,
        accounts,
    })
}

/// One page of the users that fit. The addresses of the whole page are read at once.
///
/// # Errors
/// The database's.
pub async fn page(cx: &Cx, search: &Search, page: &Page) -> Result<Vec<Found>> {
    let mut tx = cx.read().await?;
    let users = search::list(&mut tx, search, page).await?;
    let ids: Vec<UserId> = users.iter().map(|u| u.id.clone()).collect();
    let mut emails: HashMap<UserId, Vec<EmailRow>> = HashMap::new();
    for email in identifiers::store::of_users::<EmailRow>(&mut tx, &ids).await? {
        emails.entry(email.user_id.clone()).or_default().push(email);
    }
    let mut numbers: HashMap<UserId, Vec<PhoneRow>> = HashMap::new();
    if users.iter().any(|u| u.phone_number_count > 0) {
        for phone in identifiers::store::of_users::<PhoneRow>(&mut tx, &ids).await? {
            numbers
                .entry(phone.user_id.clone())
                .or_default()
                .push(phone);
        }
    }
    let accounts = accounts::of_users(&mut tx, &ids).await?;
    let mut found = Vec::with_capacity(users.len());
    for user in users {
        found.push(Found {
            emails: emails.remove(&user.id).unwrap_or_default(),
            phones: numbers.remove(&user.id).unwrap_or_default(),
            passkeys: passkeys::ops::of_user(&mut tx, &user).await?,
            wallets: wallets::ops::of_user(&mut tx, &user).await?,
            accounts: accounts
                .iter()
                .filter(|a| a.row.user_id == user.id)
                .cloned()
                .collect(),
            user,
        });
    }
    Ok(found)
}

/// Where a list goes on after this user; `None` when the instance has no such user.
///
/// # Errors
/// The database's.
pub async fn cursor(cx: &Cx, id: &str) -> Result<Option<(Timestamp, UserId)>> {
    let Some(id) = UserId::parse(id) else {
        return Ok(None);
    };
    let user = store::find(&mut cx.read().await?, &id).await?;
    Ok(user.map(|u| (u.created_at, id)))
}

/// How many users fit.
///
/// # Errors
/// The database's.
pub async fn count(cx: &Cx, search: &Search) -> Result<i64> {
    Ok(search::count(&mut cx.read().await?, search).await?)
}
