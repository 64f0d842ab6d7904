//! Creating and changing users, by the operator.
use super::create::{NewUser, create};
use super::list::{self, Found};
use super::metadata::{self, How, Metadata};
use super::moderate::{Sessions, end_sessions, forget_tokens};
use super::ways;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::identifiers::ops::Tell;
use crate::messages;
use crate::second_factors::import::{self, Import};
use crate::templates::Slug;
use crate::users::model::{UserRow, normal_username};
use crate::users::{password, store};
use serde_json::json;
use usher_db::Tx;
use usher_http::form::Patch;
use usher_types::error::codes as refuse;
use usher_types::id::IdentificationId;
use usher_types::{ApiError, Error, Result, Secret, Timestamp};

/// A password that an operator gives to a user.
#[derive(Clone, Debug)]
pub enum NewPassword {
    /// As the user types it; held against the instance's policy.
    Checked(Secret<String>),
    /// As the user types it, whatever the policy says.
    Unchecked(Secret<String>),
    /// Hashed by another system.
    Digest {
        /// How it was hashed.
        hasher: String,
        /// The digest.
        digest: Secret<String>,
    },
}

impl NewPassword {
    /// What is stored of it. `own` are the user's identifiers. Slow: never inside a transaction.
    ///
    /// # Errors
    /// 422 for passwords that the policy refuses and digests that are none; 429 when the hashing queue is full.
    pub async fn stored(&self, cx: &Cx, own: &[&str]) -> Result<String> {
        match self {
            Self::Checked(text) => {
                password::verdict(cx, "password", text.expose(), own).await??;
                password::hash(cx, text.expose()).await
            }
            Self::Unchecked(text) => {
                password::check_size("password", text.expose())?;
                password::hash(cx, text.expose()).await
            }
            Self::Digest { hasher, digest } => password::import(cx, hasher, digest.expose()).await,
        }
    }
}

/// A change of a user; what was not sent stays.
#[derive(Clone, Debug)]
pub struct Change {
    /// The operator's own id.
    pub external_id: Patch<String>,
    /// Display form, checked.
    pub username: Patch<String>,
    /// First name.
    pub first_name: Patch<String>,
    /// Last name.
    pub last_name: Patch<String>,
    /// BCP 47.
    pub locale: Patch<String>,
    /// One of the user's verified addresses.
    pub primary_email_address_id: Option<IdentificationId>,
    /// Who is told where the primary address changes.
    pub tell: Tell,
    /// One of the user's verified wallets.
    pub primary_web3_wallet_id: Option<IdentificationId>,
    /// One of the user's verified numbers.
    pub primary_phone_number_id: Option<IdentificationId>,
    /// A new password.
    pub password: Option<NewPassword>,
    /// What becomes of the sessions when the password changes.
    pub sessions: Sessions,
    /// The user may delete the own account.
    pub delete_self_enabled: Option<bool>,
    /// The user may create organizations.
    pub create_organization_enabled: Option<bool>,
    /// How many; 0 is without limit.
    pub create_organizations_limit: Patch<i64>,
    /// Exempt from device trust.
    pub bypass_client_trust: Option<bool>,
    /// Legal consent.
    pub legal_accepted_at: Patch<Timestamp>,
    /// When the user signed up.
    pub created_at: Option<Timestamp>,
    /// Replaced object by object.
    pub metadata: Metadata,
    /// Second factors that another system made, in the place of the present ones.
    pub second_factors: Import,
}

/// Creates a user for the operator.
///
/// # Errors
/// 422 for taken identifiers and refused passwords; 429 when the hashing queue is full.
pub async fn admit(
    cx: &Cx,
    mut new: NewUser,
    password: Option<NewPassword>,
    second_factors: Import,
) -> Result<Found> {
    new.second_factors = second_factors.stored(cx).await?;
    if let Some(password) = password {
        let own: Vec<&str> = new
            .emails
            .iter()
            .map(|e| e.address.as_str())
            .chain(new.phones.iter().map(|p| p.number.as_str()))
            .chain(new.username.as_deref())
            .collect();
        new.password_stored = Some(password.stored(cx, &own).await?);
    }
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let user = create(cx, &mut tx, new.clone()).await?;
        list::load(&mut tx, user).await
    })
}

/// Changes a user.
///
/// # Errors
/// 404; 422 for taken identifiers, refused passwords, addresses that cannot be primary; 400 when no identifier is left.
pub async fn update(cx: &Cx, id: &str, change: &Change) -> Result<Found> {
    let before = list::one(cx, id).await?;
    let stored = match &change.password {
        Some(new) => Some(
            new.stored(cx, &own_identifiers(&before, &change.username))
                .await?,
        ),
        None => None,
    };
    let second_factors = change.second_factors.clone().stored(cx).await?;
    let id = &before.user.id;
    let (found, ended) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut found = list::hold(&mut tx, id).await?;
        let before = found.user.clone();
        apply(cx, &mut found, change)?;
        let mut ended = Vec::new();
        if let Some(stored) = &stored {
            set_password(cx, &mut found.user, stored);
            crate::sessions::store::password_reset(&mut tx, id, cx.now).await?;
            if change.sessions == Sessions::End {
                ended = end_sessions(cx, &mut tx, id).await?;
            }
        }
        check_free(&mut tx, &found.user).await?;
        import::put(cx, &mut tx, &mut found.user, &second_factors).await?;
        save(cx, &mut tx, &mut found, if change.username == Patch::Absent { "external_id" } else { "username" }).await?;
        let changes = found.user.differs_from(&before);
        if stored.is_some() {
            audit::record(cx, &mut tx, Event::new("user.password.changed").user(id));
            // At the address as it was: the change may have brought another one.
            messages::ops::notice(cx, &mut tx, &before, Slug::PasswordChanged, json!({})).await?;
        }
        audit::record(cx, &mut tx, Event::new("user.updated").user(id).changed(changes));
        if change.tell == Tell::Previous {
            let old = found.emails.iter().find(|e| before.primary_email_address_id.as_ref() == Some(&e.id));
            messages::ops::primary_changed(cx, &mut tx, &found.user, old).await?;
        }
        Ok::<_, Error>((found, ended))
    })?;
    forget_tokens(cx, &ended);
    Ok(found)
}

/// Checks a user's password for the operator. It counts no failed attempt and starts nothing.
///
/// # Errors
/// 404; 400 `no_password_set`; 422 `incorrect_password`; 429 when the hashing queue is full.
pub async fn verify_password(cx: &Cx, id: &str, text: &str) -> Result<()> {
    let found = list::one(cx, id).await?;
    let stored = found
        .user
        .password_stored
        .as_deref()
        .ok_or_else(refuse::no_password_set)?;
    if password::verify(cx, Some(stored), text).await? {
        Ok(())
    } else {
        Err(refuse::incorrect_password().at("password").into())
    }
}

/// Writes a held user whose identifiers may have changed; what follows from them is computed anew.
async fn save(cx: &Cx, tx: &mut Tx, found: &mut Found, unique: &str) -> Result<()> {
    found.refresh();
    found.user.updated_at = cx.now;
    store::update(tx, &found.user).await.map_err(|e| {
        if e.is_unique() {
            Error::from(refuse::identifier_taken(unique))
        } else {
            e.into()
        }
    })
}

fn own_identifiers<'a>(before: &'a Found, username: &'a Patch<String>) -> Vec<&'a str> {
    let mut own = before.identifiers();
    if *username != Patch::Absent {
        own.retain(|name| Some(*name) != before.user.username.as_deref());
    }
    if let Patch::Set(new) = username {
        own.push(new);
    }
    own
}

fn set_password(cx: &Cx, user: &mut UserRow, stored: &str) {
    user.password_stored = Some(stored.to_owned());
    user.password_failures = 0;
    user.password_updated_at = Some(cx.now);
    user.password_compromised = false;
}

fn apply(cx: &Cx, found: &mut Found, change: &Change) -> Result<(), ApiError> {
    let by_wallet = ways::by_wallet(&cx.instance.settings, found);
    let user = &mut found.user;
    let named = !found.emails.is_empty() || !found.phones.is_empty() || by_wallet;
    if change.username == Patch::Null && user.username.is_some() && !named {
        return Err(refuse::last_required_identification_deletion_failed());
    }
    user.external_id = change.external_id.clone().over(user.external_id.take());
    user.first_name = change.first_name.clone().over(user.first_name.take());
    user.last_name = change.last_name.clone().over(user.last_name.take());
    user.locale = change.locale.clone().over(user.locale.take());
    user.username = change.username.clone().over(user.username.take());
    user.username_normal = user.username.as_deref().map(normal_username);
    if let Some(id) = &change.primary_email_address_id {
        let param = "primary_email_address_id";
        let email = found
            .emails
            .iter()
            .find(|e| e.id == *id)
            .ok_or_else(|| refuse::resource_not_found("email address").at(param))?;
        if !email.is_verified() {
            return Err(refuse::form_param_value_invalid(param).at(param));
        }
        user.primary_email_address_id = Some(id.clone());
    }
    if let Some(id) = &change.primary_web3_wallet_id {
        let param = "primary_web3_wallet_id";
        let wallet = found
            .wallets
            .iter()
            .find(|w| w.id == *id)
            .ok_or_else(|| refuse::resource_not_found("wallet").at(param))?;
        if !wallet.is_verified() {
            return Err(refuse::form_param_value_invalid(param).at(param));
        }
        user.primary_web3_wallet_id = Some(id.clone());
    }
    if let Some(id) = &change.primary_phone_number_id {
        let param = "primary_phone_number_id";
        let phone = found
            .phones
            .iter()
            .find(|p| p.id == *id)
            .ok_or_else(|| refuse::resource_not_found("phone number").at(param))?;
        if !phone.is_verified() {
            return Err(refuse::form_param_value_invalid(param).at(param));
        }
        user.primary_phone_number_id = Some(id.clone());
    }
    user.delete_self_enabled = change
        .delete_self_enabled
        .unwrap_or(user.delete_self_enabled);
    user.create_organization_enabled = change
        .create_organization_enabled
        .unwrap_or(user.create_organization_enabled);
    user.create_organizations_limit = change
        .create_organizations_limit
        .clone()
        .over(user.create_organizations_limit);
    user.bypass_client_trust = change
        .bypass_client_trust
        .unwrap_or(user.bypass_client_trust);
    user.legal_accepted_at = change
        .legal_accepted_at
        .clone()
        .over(user.legal_accepted_at);
    user.created_at = change.created_at.unwrap_or(user.created_at);
    user.updated_at = cx.now;
    metadata::apply(user, &change.metadata, How::Replace)
}

async fn check_free(tx: &mut Tx, user: &UserRow) -> Result<()> {
    let mut faults = Vec::new();
    if let Some(normal) = &user.username_normal
        && store::by_username(tx, normal)
            .await?
            .is_some_and(|other| other.id != user.id)
    {
        faults.push(refuse::identifier_taken("username"));
    }
    if let Some(external) = &user.external_id
        && store::by_external_id(tx, external)
            .await?
            .is_some_and(|other| other.id != user.id)
    {
        faults.push(refuse::identifier_taken("external_id"));
    }
    ApiError::join(faults).map_or(Ok(()), |e| Err(e.into()))
}
