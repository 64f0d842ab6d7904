//! Email addresses: adding, changing, removing, proving. The user's row is locked first, so that its primary address and
//! its addresses never disagree.
use super::contact::{Channel, Contact};
use super::email::{EmailAddress, EmailRow};
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::messages;
use crate::strategies::Strategy;
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::list::{self, Found};
use crate::users::ops::ways;
use crate::verifications;
use crate::verifications::links::Link;
use crate::verifications::model::VerificationRow;
use crate::verifications::ops::{Delivery, Outcome};
use usher_db::Tx;
use usher_http::form::Form;
use usher_types::error::codes as refuse;
use usher_types::id::{IdentificationId, UserId, VerificationId};
use usher_types::{ApiError, Error, Fault, Result};

/// What the operator says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the user's.
    Verified,
    /// Nobody else may take it, though nobody proved it.
    Reserved,
    /// Nothing: it neither signs in nor is it kept from others.
    Unverified,
}

/// Whether an address becomes the user's primary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It does, and this is told.
    Primary(Tell),
    /// It does not, unless it is the first.
    Further,
}

/// Who hears that another address is the primary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// The address that was: whoever took the account over cannot keep that from its owner.
    Previous,
    /// Nobody: the operator does it, and says so.
    Nobody,
}

impl Tell {
    /// What the operator's server asks for.
    #[must_use]
    pub fn read(form: &Form) -> Self {
        if form.flag("notify_primary_email_address_changed") == Some(true) {
            Self::Previous
        } else {
            Self::Nobody
        }
    }
}

/// An id from outside.
fn parse_id(id: &str) -> Result<IdentificationId> {
    Ok(IdentificationId::parse(id).ok_or_else(|| refuse::resource_not_found("email address"))?)
}

/// The address with this id.
///
/// # Errors
/// 404 when the instance has none.
pub async fn find(cx: &Cx, id: &str) -> Result<EmailRow> {
    let id = parse_id(id)?;
    Ok(store::find(&mut cx.read().await?, &id)
        .await?
        .ok_or_else(|| refuse::resource_not_found("email address"))?)
}

/// Adds an address to a user.
///
/// # Errors
/// 404; 422 `form_identifier_exists` when it is claimed by anybody or the user's already; 400 when an unverified address
/// would become primary before another one.
pub async fn add(
    cx: &Cx,
    user: &UserId,
    address: &EmailAddress,
    standing: Standing,
    place: Place,
) -> Result<EmailRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if store::claimed(&mut tx, address.as_str()).await?.is_some() {
            return Err(refuse::identifier_taken("email_address").into());
        }
        put_new(cx, &mut tx, user, new_row(cx, user, address, standing), place).await
    })
}

/// Adds an address that its user has yet to prove. Where enumeration protection is on, somebody else's address is taken
/// for show: no code goes there, and none proves it (contract bapi §6.4).
///
/// # Errors
/// 422 `form_identifier_exists` when it is the user's already, or claimed by anybody and that may be told.
pub async fn add_own(cx: &Cx, user: &UserId, address: &EmailAddress) -> Result<EmailRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if !cx.instance.settings.enumeration_protection && store::claimed(&mut tx, address.as_str()).await?.is_some() {
            return Err(refuse::identifier_taken("email_address").into());
        }
        let row = new_row(cx, user, address, Standing::Unverified);
        put_new(cx, &mut tx, user, row, Place::Further).await
    })
}

/// Inserts a new address of a user, and makes it the primary one where there is none or that is asked for.
async fn put_new(
    cx: &Cx,
    tx: &mut Tx,
    user: &UserId,
    row: EmailRow,
    place: Place,
) -> Result<EmailRow> {
    let mut found = list::hold(tx, user).await?;
    let old = primary(&found);
    if found
        .emails
        .iter()
        .any(|e| e.email_normal == row.email_normal)
    {
        return Err(refuse::identifier_taken("email_address").into());
    }
    store::insert(tx, &row).await.map_err(taken)?;
    found.emails.push(row.clone());
    if found.user.primary_email_address_id.is_none() {
        found.user.primary_email_address_id = Some(row.id.clone());
    } else if place != Place::Further {
        make_primary(&mut found.user, &row)?;
    }
    audit::record(cx, tx, told("email_address.created", &row));
    save(cx, tx, &mut found).await?;
    if place == Place::Primary(Tell::Previous) {
        messages::ops::primary_changed(cx, tx, &found.user, old.as_ref()).await?;
    }
    Ok(row)
}

/// Changes an address: its standing where one is given, and its place.
///
/// # Errors
/// 404; 400 `identification_claimed` when somebody else has it meanwhile, `identification_update_failed` when an unverified
/// address would become primary.
pub async fn update(
    cx: &Cx,
    id: &str,
    standing: Option<Standing>,
    place: Place,
) -> Result<EmailRow> {
    let id = parse_id(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, mut row) = hold(&mut tx, &id).await?;
        let old = primary(&found);
        if let Some(standing) = standing {
            check_claim(&mut tx, &row, standing).await?;
            set_standing(cx, &mut row, standing);
            store::update(&mut tx, &row).await.map_err(claimed)?;
        }
        if place != Place::Further {
            make_primary(&mut found.user, &row)?;
        }
        put(&mut found.emails, &row);
        let changes = [standing.map(|_| "verified"), (place != Place::Further).then_some("primary")];
        audit::record(cx, &mut tx, told("email_address.updated", &row).changed(changes.into_iter().flatten()));
        save(cx, &mut tx, &mut found).await?;
        if place == Place::Primary(Tell::Previous) {
            messages::ops::primary_changed(cx, &mut tx, &found.user, old.as_ref()).await?;
        }
        Ok::<_, Error>(row)
    })
}

/// Removes an address. Where it was the primary one, the oldest verified one that is left follows.
///
/// # Errors
/// 404; 400 `last_required_identification_deletion_failed`.
pub async fn remove(cx: &Cx, id: &str, tell: Tell) -> Result<EmailRow> {
    let id = parse_id(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, row) = hold(&mut tx, &id).await?;
        let old = primary(&found);
        found.emails.retain(|e| e.id != id);
        let demanded = cx.instance.settings.attributes.email_address.required();
        if found.emails.is_empty() && (demanded || !ways::is_identified(&cx.instance.settings, &found)) {
            return Err(refuse::last_required_identification_deletion_failed().into());
        }
        store::delete(&mut tx, &id).await?;
        audit::record(cx, &mut tx, told("email_address.deleted", &row));
        if found.user.primary_email_address_id.as_ref() == Some(&id) {
            let next = found.emails.iter().find(|e| e.is_verified()).or_else(|| found.emails.first());
            found.user.primary_email_address_id = next.map(|e| e.id.clone());
        }
        save(cx, &mut tx, &mut found).await?;
        if tell == Tell::Previous {
            messages::ops::primary_changed(cx, &mut tx, &found.user, old.as_ref()).await?;
        }
        Ok::<_, Error>(row)
    })
}

/// Makes an address the user's only one; the address comes back.
///
/// # Errors
/// 404; 422 `form_identifier_exists` when it is claimed by another user.
pub async fn replace(
    cx: &Cx,
    user: &UserId,
    address: &EmailAddress,
    standing: Standing,
    tell: Tell,
) -> Result<EmailRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut found = list::hold(&mut tx, user).await?;
        let old = primary(&found);
        if store::claimed(&mut tx, address.as_str()).await?.is_some_and(|other| other.user_id != *user) {
            return Err(refuse::identifier_taken("email_address").into());
        }
        let mut kept = None;
        for email in std::mem::take(&mut found.emails) {
            if kept.is_none() && email.email_normal == address.as_str() {
                kept = Some(email);
            } else {
                store::delete(&mut tx, &email.id).await?;
                audit::record(cx, &mut tx, told("email_address.deleted", &email));
            }
        }
        let row = match kept {
            Some(mut row) => {
                set_standing(cx, &mut row, standing);
                store::update(&mut tx, &row).await.map_err(taken)?;
                audit::record(cx, &mut tx, told("email_address.updated", &row).changed(["verified", "primary"]));
                row
            }
            None => {
                let row = new_row(cx, user, address, standing);
                store::insert(&mut tx, &row).await.map_err(taken)?;
                audit::record(cx, &mut tx, told("email_address.created", &row));
                row
            }
        };
        found.user.primary_email_address_id = Some(row.id.clone());
        found.emails.push(row.clone());
        save(cx, &mut tx, &mut found).await?;
        if tell == Tell::Previous {
            messages::ops::primary_changed(cx, &mut tx, &found.user, old.as_ref()).await?;
        }
        Ok::<_, Error>(row)
    })
}

/// Mails a code, or a link, that proves an address.
///
/// # Errors
/// 404; 400 `verification_already_verified`; 429 when a code was sent a moment ago.
pub async fn prepare(cx: &Cx, id: &str, link: Option<&Link>) -> Result<VerificationRow> {
    let id = parse_id(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (found, row) = hold(&mut tx, &id).await?;
        if row.is_verified() {
            return Err(refuse::verification_already_verified().into());
        }
        let address = EmailAddress::parse(&row.email_address).ok_or_else(|| Fault::new("a stored address that is none"))?;
        let previous = row.verification_id.as_ref();
        // Somebody else's address was added for show: they get no mail, and nothing proves it.
        let others = store::claimed(&mut tx, address.as_str()).await?.is_some();
        let delivery = if others { Delivery::Pretend } else { Delivery::Send(found.user.locale.as_deref()) };
        let (strategy, sent) = match link {
            Some(_) => (Strategy::EmailLink, "email_address.verification.link_sent"),
            None => (Strategy::EmailCode, "email_address.verification.code_sent"),
        };
        let wanted = verifications::ops::Code { strategy, to: &Contact::Email(address), channel: Channel::default(), previous, link, delivery };
        let verification = verifications::ops::start_code(cx, &mut tx, &wanted).await?;
        store::set_verification(&mut tx, &id, &verification.id, cx.now).await?;
        audit::record(cx, &mut tx, told(sent, &row));
        Ok::<_, Error>(verification)
    })
}

/// Tries a code. A wrong one is no refusal: the verification that comes back says where it stands. The right one makes the
/// address verified; no session starts.
///
/// # Errors
/// 404 for unknown addresses and verifications of others; 400 `verification_already_verified`, `identification_claimed`.
pub async fn attempt(cx: &Cx, id: &str, verification: &str, code: &str) -> Result<VerificationRow> {
    let id = parse_id(id)?;
    let missing = || refuse::resource_not_found("verification");
    let wanted = VerificationId::parse(verification).ok_or_else(missing)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, mut row) = hold(&mut tx, &id).await?;
        if row.verification_id.as_ref() != Some(&wanted) {
            return Err(missing().into());
        }
        match verifications::ops::attempt(cx, &mut tx, &wanted, code, None).await? {
            // Nothing was counted, so nothing is lost by a rollback.
            Outcome::Refused(refused) if refused.code == refuse::verification_already_verified().code => return Err(refused.into()),
            Outcome::Refused(refused) if refused.code == "form_code_incorrect" => audit::record(cx, &mut tx, told("email_address.verification.code_attempt_invalid", &row).failed()),
            Outcome::Refused(_) => {}
            Outcome::Verified => {
                check_claim(&mut tx, &row, Standing::Verified).await?;
                set_standing(cx, &mut row, Standing::Verified);
                row.verification_strategy = Some("email_code".to_owned());
                row.verification_id = Some(wanted.clone());
                store::update(&mut tx, &row).await.map_err(claimed)?;
                put(&mut found.emails, &row);
                audit::record(cx, &mut tx, told("email_address.verified", &row).changed(["verified"]));
                save(cx, &mut tx, &mut found).await?;
            }
        }
        Ok::<_, Error>(verifications::store::find(&mut tx, &wanted).await?.ok_or_else(missing)?)
    })
}

/// The user's primary address.
fn primary(found: &Found) -> Option<EmailRow> {
    let id = found.user.primary_email_address_id.as_ref()?;
    found.emails.iter().find(|e| e.id == *id).cloned()
}

/// Proves an address by the link that was mailed to it; no session starts.
///
/// # Errors
/// 400 where the address waits for something else, the link was followed already, or somebody else has the address by now.
pub async fn prove_by_link(
    cx: &Cx,
    id: &IdentificationId,
    verification: &VerificationId,
) -> Result<()> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, mut row) = hold(&mut tx, id).await?;
        let client = cx.client_id();
        let due = row.verification_id.as_ref() == Some(verification) && !row.is_verified();
        if !due || !verifications::store::succeed(&mut tx, verification, client.as_ref()).await? {
            return Err(refuse::verification_missing().into());
        }
        check_claim(&mut tx, &row, Standing::Verified).await?;
        set_standing(cx, &mut row, Standing::Verified);
        row.verification_strategy = Some(Strategy::EmailLink.word().to_owned());
        row.verification_id = Some(verification.clone());
        store::update(&mut tx, &row).await.map_err(claimed)?;
        put(&mut found.emails, &row);
        audit::record(cx, &mut tx, told("email_address.verified", &row).changed(["verified"]));
        save(cx, &mut tx, &mut found).await?;
        Ok::<_, Error>(())
    })
}

/// An event of an address.
fn told(name: &'static str, row: &EmailRow) -> Event {
    Event::new(name).user(&row.user_id).about(row.id.as_str())
}

/// The address and its user, locked until the transaction ends.
async fn hold(tx: &mut Tx, id: &IdentificationId) -> Result<(Found, EmailRow)> {
    let missing = || refuse::resource_not_found("email address");
    let row = store::find(tx, id).await?.ok_or_else(missing)?;
    let found = list::hold(tx, &row.user_id).await?;
    // Read again under the lock: it may be gone, or another's work may have changed it.
    let row = found
        .emails
        .iter()
        .find(|e| e.id == *id)
        .cloned()
        .ok_or_else(missing)?;
    Ok((found, row))
}

fn new_row(cx: &Cx, user: &UserId, address: &EmailAddress, standing: Standing) -> EmailRow {
    let mut row = EmailRow {
        instance_id: cx.instance.row.id.clone(),
        id: IdentificationId::compose(cx.now, &cx.fresh()),
        user_id: user.clone(),
        email_address: address.as_str().to_owned(),
        email_normal: address.as_str().to_owned(),
        reserved: false,
        claimed: false,
        verification_status: String::new(),
        verification_strategy: None,
        verification_id: None,
        created_at: cx.now,
        updated_at: cx.now,
    };
    set_standing(cx, &mut row, standing);
    row
}

/// A code that is under way belongs to the standing that ends: it is forgotten.
fn set_standing(cx: &Cx, row: &mut EmailRow, standing: Standing) {
    let was_verified = row.is_verified();
    row.reserved = standing == Standing::Reserved;
    row.claimed = standing != Standing::Unverified;
    row.verification_status = if standing == Standing::Verified {
        "verified"
    } else {
        "unverified"
    }
    .to_owned();
    if standing == Standing::Verified && was_verified {
        return;
    }
    row.verification_strategy = (standing == Standing::Verified).then(|| "admin".to_owned());
    row.verification_id = None;
    row.updated_at = cx.now;
}

async fn check_claim(tx: &mut Tx, row: &EmailRow, standing: Standing) -> Result<()> {
    let other = standing != Standing::Unverified
        && store::claimed(tx, &row.email_normal)
            .await?
            .is_some_and(|other| other.id != row.id);
    if other {
        Err(refuse::identification_claimed().into())
    } else {
        Ok(())
    }
}

fn make_primary(user: &mut UserRow, row: &EmailRow) -> Result<(), ApiError> {
    if !row.is_verified() {
        return Err(refuse::identification_update_failed(
            "an unverified address cannot be the primary one",
        )
        .at("primary"));
    }
    user.primary_email_address_id = Some(row.id.clone());
    Ok(())
}

fn put(emails: &mut [EmailRow], row: &EmailRow) {
    if let Some(place) = emails.iter_mut().find(|e| e.id == row.id) {
        place.clone_from(row);
    }
}

async fn save(cx: &Cx, tx: &mut Tx, found: &mut Found) -> Result<()> {
    found.refresh();
    found.user.updated_at = cx.now;
    Ok(users::store::update(tx, &found.user).await?)
}

fn taken(e: usher_db::DbError) -> Error {
    if e.is_unique() {
        refuse::identifier_taken("email_address").into()
    } else {
        e.into()
    }
}

fn claimed(e: usher_db::DbError) -> Error {
    if e.is_unique() {
        refuse::identification_claimed().into()
    } else {
        e.into()
    }
}
