//! Creating a user, by a sign-up or by the operator: one function, one set of checks.
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::email::{EmailAddress, EmailRow};
use crate::identifiers::phones::model::PhoneRow;
use crate::identifiers::phones::number::PhoneNumber;
use crate::identifiers::wallets;
use crate::identifiers::wallets::model::{Wallet, WalletRow};
use crate::instances::settings::Settings;
use crate::second_factors::import::{self, Stored};
use crate::users::model::{UserRow, normal_username};
use crate::users::store;
use serde_json::{Map, Value};
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{IdentificationId, UserId};
use usher_types::{ApiError, Result, Timestamp};

/// An address of a new user.
#[derive(Clone, Debug)]
pub struct NewEmail {
    /// The address.
    pub address: EmailAddress,
    /// What verified it; `None` for an unverified one.
    pub verified_by: Option<&'static str>,
    /// Kept for the user though unverified.
    pub reserved: bool,
}

/// A wallet of a new user.
#[derive(Clone, Debug)]
pub struct NewWallet {
    /// The wallet.
    pub wallet: Wallet,
    /// What verified it.
    pub verified_by: &'static str,
}

/// A phone number of a new user.
#[derive(Clone, Debug)]
pub struct NewPhone {
    /// The number.
    pub number: PhoneNumber,
    /// What verified it; `None` for an unverified one.
    pub verified_by: Option<&'static str>,
    /// Kept for the user though unverified.
    pub reserved: bool,
}

/// A user to create.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// The operator's own id.
    pub external_id: Option<String>,
    /// Display form, checked.
    pub username: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// BCP 47.
    pub locale: Option<String>,
    /// The first is the primary one.
    pub emails: Vec<NewEmail>,
    /// The first is the primary one.
    pub wallets: Vec<NewWallet>,
    /// The first is the primary one.
    pub phones: Vec<NewPhone>,
    /// A hash.
    pub password_stored: Option<String>,
    /// An object.
    pub public_metadata: Option<Map<String, Value>>,
    /// An object.
    pub private_metadata: Option<Map<String, Value>>,
    /// An object.
    pub unsafe_metadata: Option<Map<String, Value>>,
    /// Default: the instance's setting.
    pub delete_self_enabled: Option<bool>,
    /// Default: yes.
    pub create_organization_enabled: Option<bool>,
    /// Default: no limit.
    pub create_organizations_limit: Option<i64>,
    /// Exempt from device trust.
    pub bypass_client_trust: bool,
    /// Banned from the start.
    pub banned: bool,
    /// Locked from the start.
    pub locked: bool,
    /// Legal consent.
    pub legal_accepted_at: Option<Timestamp>,
    /// Default: now.
    pub created_at: Option<Timestamp>,
    /// Second factors that another system made.
    pub second_factors: Stored,
}

/// Inserts the user and the addresses. Uniqueness is checked here for the friendly answer; the unique indexes decide
/// a race, and the loser gets the same answer.
///
/// # Errors
/// 422 `form_identifier_exists` naming the field.
pub async fn create(cx: &Cx, tx: &mut Tx, new: NewUser) -> Result<UserRow> {
    let mut user = UserRow::blank(
        cx.instance.row.id.clone(),
        UserId::compose(cx.now, &cx.fresh()),
        new.created_at.unwrap_or(cx.now),
    );
    let object = |m: Option<Map<String, Value>>| {
        m.map_or_else(|| "{}".to_owned(), |m| Value::Object(m).to_string())
    };
    user.updated_at = cx.now;
    user.username_normal = new.username.as_deref().map(normal_username);
    user.username = new.username;
    user.external_id = new.external_id;
    user.first_name = new.first_name;
    user.last_name = new.last_name;
    user.locale = new.locale;
    user.password_updated_at = new.password_stored.as_ref().map(|_| cx.now);
    user.password_stored = new.password_stored;
    user.public_metadata = object(new.public_metadata);
    user.private_metadata = object(new.private_metadata);
    user.unsafe_metadata = object(new.unsafe_metadata);
    user.delete_self_enabled = new
        .delete_self_enabled
        .unwrap_or(cx.instance.settings.delete_self);
    user.create_organization_enabled = new.create_organization_enabled.unwrap_or(true);
    user.create_organizations_limit = new.create_organizations_limit;
    user.bypass_client_trust = new.bypass_client_trust;
    user.banned = new.banned;
    user.locked = new.locked;
    user.locked_until = new.locked.then(|| {
        cx.now
            .plus_secs(cx.instance.settings.lockout_minutes.saturating_mul(60))
    });
    user.legal_accepted_at = new.legal_accepted_at;
    check_free(tx, &user, (&new.emails, &new.phones, &new.wallets)).await?;
    let mut emails = Vec::with_capacity(new.emails.len());
    for (index, email) in (0_i64..).zip(&new.emails) {
        emails.push(EmailRow {
            instance_id: user.instance_id.clone(),
            id: IdentificationId::compose(cx.now, &cx.fresh()),
            user_id: user.id.clone(),
            email_address: email.address.as_str().to_owned(),
            email_normal: email.address.as_str().to_owned(),
            reserved: email.reserved,
            claimed: email.reserved || email.verified_by.is_some(),
            verification_status: if email.verified_by.is_some() {
                "verified"
            } else {
                "unverified"
            }
            .to_owned(),
            verification_strategy: email.verified_by.map(str::to_owned),
            verification_id: None,
            // Lists are in the order of creation: the order they were given in.
            created_at: cx.now.plus_ms(index),
            updated_at: cx.now.plus_ms(index),
        });
    }
    user.primary_email_address_id = emails.first().map(|e| e.id.clone());
    let wallets: Vec<WalletRow> = (0_i64..)
        .zip(&new.wallets)
        .map(|(index, new)| {
            let at = cx.now.plus_ms(index);
            wallets::ops::row(cx, &user.id, &new.wallet, Some(new.verified_by), at)
        })
        .collect();
    user.primary_web3_wallet_id = wallets.first().map(|w| w.id.clone());
    let phones = phone_rows(cx, &user, &new.phones);
    user.primary_phone_number_id = phones.first().map(|p| p.id.clone());
    refresh(&mut user, &emails, &phones, &wallets);
    store::insert(tx, &user)
        .await
        .map_err(|e| taken(e, "username"))?;
    for email in &emails {
        identifiers::store::insert(tx, email)
            .await
            .map_err(|e| taken(e, "email_address"))?;
    }
    for wallet in &wallets {
        identifiers::store::insert(tx, wallet)
            .await
            .map_err(|e| taken(e, "web3_wallet"))?;
    }
    for phone in &phones {
        identifiers::store::insert(tx, phone)
            .await
            .map_err(|e| taken(e, "phone_number"))?;
    }
    let given = UserRow::blank(user.instance_id.clone(), user.id.clone(), user.created_at);
    let changes = user.differs_from(&given);
    audit::record(
        cx,
        tx,
        Event::new("user.created").user(&user.id).changed(changes),
    );
    for email in &emails {
        let event = Event::new("email_address.created").user(&user.id);
        audit::record(cx, tx, event.about(email.id.as_str()));
    }
    for wallet in &wallets {
        let event = Event::new("web3_wallet.created").user(&user.id);
        audit::record(cx, tx, event.about(wallet.id.as_str()));
    }
    for phone in &phones {
        let event = Event::new("phone_number.created").user(&user.id);
        audit::record(cx, tx, event.about(phone.id.as_str()));
    }
    if new.second_factors.is_some() {
        import::put(cx, tx, &mut user, &new.second_factors).await?;
        store::update(tx, &user).await?;
    }
    Ok(user)
}

/// The numbers of a new user, in the order that they were given in.
fn phone_rows(cx: &Cx, user: &UserRow, new: &[NewPhone]) -> Vec<PhoneRow> {
    let row = |(index, phone): (i64, &NewPhone)| PhoneRow {
        instance_id: user.instance_id.clone(),
        id: IdentificationId::compose(cx.now, &cx.fresh()),
        user_id: user.id.clone(),
        phone_number: phone.number.as_str().to_owned(),
        reserved: phone.reserved,
        claimed: phone.reserved || phone.verified_by.is_some(),
        verification_status: if phone.verified_by.is_some() {
            "verified"
        } else {
            "unverified"
        }
        .to_owned(),
        verification_strategy: phone.verified_by.map(str::to_owned),
        verification_id: None,
        reserved_for_second_factor: false,
        default_second_factor: false,
        created_at: cx.now.plus_ms(index),
        updated_at: cx.now.plus_ms(index),
    };
    (0_i64..).zip(new).map(row).collect()
}

/// A unique index decided: the same answer as the check before it gives.
fn taken(e: usher_db::DbError, param: &'static str) -> usher_types::Error {
    if e.is_unique() {
        refuse::identifier_taken(param).into()
    } else {
        e.into()
    }
}

async fn check_free(
    tx: &mut Tx,
    user: &UserRow,
    (emails, phones, wallets): (&[NewEmail], &[NewPhone], &[NewWallet]),
) -> Result<()> {
    let mut faults = Vec::new();
    for new in wallets {
        if identifiers::store::claimed::<WalletRow>(tx, &new.wallet.normal())
            .await?
            .is_some()
        {
            faults.push(refuse::identifier_taken("web3_wallet"));
        }
    }
    for phone in phones {
        if identifiers::store::claimed::<PhoneRow>(tx, phone.number.as_str())
            .await?
            .is_some()
        {
            faults.push(refuse::identifier_taken("phone_number"));
        }
    }
    for email in emails {
        if identifiers::store::claimed::<EmailRow>(tx, email.address.as_str())
            .await?
            .is_some()
        {
            faults.push(refuse::identifier_taken("email_address"));
        }
    }
    if let Some(normal) = &user.username_normal
        && store::by_username(tx, normal).await?.is_some()
    {
        faults.push(refuse::identifier_taken("username"));
    }
    if let Some(external) = &user.external_id
        && store::by_external_id(tx, external).await?.is_some()
    {
        faults.push(refuse::identifier_taken("external_id"));
    }
    ApiError::join(faults).map_or(Ok(()), |e| Err(e.into()))
}

/// Recomputes what follows from the row, its addresses, numbers and wallets: the searched text, the sort keys, and how many there
/// are.
pub fn refresh(
    user: &mut UserRow,
    emails: &[EmailRow],
    phones: &[PhoneRow],
    wallets: &[WalletRow],
) {
    let primary = user
        .primary_web3_wallet_id
        .as_ref()
        .and_then(|id| wallets.iter().find(|w| w.id == *id));
    user.primary_web3_wallet = primary.map(|w| w.web3_wallet.clone());
    user.web3_wallets = i64::try_from(wallets.len()).unwrap_or(i64::MAX);
    let primary = user
        .primary_phone_number_id
        .as_ref()
        .and_then(|id| phones.iter().find(|p| p.id == *id));
    user.primary_phone_number = primary.map(|p| p.phone_number.clone());
    user.phone_number_count = i64::try_from(phones.len()).unwrap_or(i64::MAX);
    let primary = user
        .primary_email_address_id
        .as_ref()
        .and_then(|id| emails.iter().find(|e| e.id == *id));
    user.primary_email_normal = primary.map(|e| e.email_normal.clone());
    let mut parts = vec![user.id.as_str().to_owned()];
    parts.extend(user.external_id.clone());
    parts.extend(user.username.clone());
    parts.push(
        [user.first_name.as_deref(), user.last_name.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
    );
    parts.extend(emails.iter().map(|e| e.email_normal.clone()));
    parts.extend(wallets.iter().map(|w| w.wallet_normal.clone()));
    parts.extend(phones.iter().map(|p| p.phone_number.clone()));
    user.search = parts.join("\n").to_lowercase();
}

/// A username by the instance's rules; its display form (contract bapi §3.6).
///
/// # Errors
/// 422 with the code of the rule that is broken, naming `username`.
pub fn check_username(settings: &Settings, text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if count < settings.username_min_length || count > settings.username_max_length {
        return Err(refuse::form_username_invalid_length(
            &settings.username_min_length.to_string(),
            &settings.username_max_length.to_string(),
        )
        .at("username"));
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    {
        return Err(refuse::form_username_invalid_character().at("username"));
    }
    // What names a wallet names nothing else.
    if Wallet::offered(&settings.attributes, text).is_some() {
        return Err(refuse::form_param_format_invalid("username").at("username"));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refuse::form_username_needs_non_number_char().at("username"));
    }
    // What a number can be read from names its owner, and nobody else.
    if settings.attributes.phone_number.enabled()
        && PhoneNumber::parse(text, &settings.sms.default_country).is_some()
    {
        return Err(refuse::form_username_cannot_be_phone_number().at("username"));
    }
    Ok(text.to_owned())
}
