//! Email addresses: adding, changing, removing, proving. The user's row is locked first, so that its primary address and
//! its addresses never disagree.
use super::claims::{self, Standing, hold, told};
use super::contact::{Channel, Contact};
use super::email::{EmailAddress, EmailRow};
use super::store;
use crate::audit;
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
use crate::verifications::ops::Delivery;
use usher_db::Tx;
use usher_http::form::Form;
use usher_types::error::codes as refuse;
use usher_types::id::{IdentificationId, UserId, VerificationId};
use usher_types::{ApiError, Error, Fault, Result};

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
        claims::check_free::<EmailRow>(&mut tx, address.as_str(), None).await?;
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
        claims::check_free_to_try::<EmailRow>(cx, &mut tx, address.as_str()).await?;
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
    store::insert(tx, &row)
        .await
        .map_err(claims::taken::<EmailRow>)?;
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
    let id = claims::parse_id::<EmailRow>(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, mut row) = hold::<EmailRow>(&mut tx, &id).await?;
        let old = primary(&found);
        if let Some(standing) = standing {
            claims::check_claim(&mut tx, &row, standing).await?;
            claims::set_standing(&mut row, standing, cx.now);
            store::update(&mut tx, &row).await.map_err(claims::claimed)?;
        }
        if place != Place::Further {
            make_primary(&mut found.user, &row)?;
        }
        claims::put(&mut found, &row);
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
    let id = claims::parse_id::<EmailRow>(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, row) = hold::<EmailRow>(&mut tx, &id).await?;
        let old = primary(&found);
        found.emails.retain(|e| e.id != id);
        let demanded = cx.instance.settings.attributes.email_address.required();
        if found.emails.is_empty() && (demanded || !ways::is_identified(&cx.instance.settings, &found)) {
            return Err(refuse::last_required_identification_deletion_failed().into());
        }
        store::delete::<EmailRow>(&mut tx, &id).await?;
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
        claims::check_free::<EmailRow>(&mut tx, address.as_str(), Some(user)).await?;
        let mut kept = None;
        for email in std::mem::take(&mut found.emails) {
            if kept.is_none() && email.email_normal == address.as_str() {
                kept = Some(email);
            } else {
                store::delete::<EmailRow>(&mut tx, &email.id).await?;
                audit::record(cx, &mut tx, told("email_address.deleted", &email));
            }
        }
        let row = match kept {
            Some(mut row) => {
                claims::set_standing(&mut row, standing, cx.now);
                store::update(&mut tx, &row).await.map_err(claims::taken::<EmailRow>)?;
                audit::record(cx, &mut tx, told("email_address.updated", &row).changed(["verified", "primary"]));
                row
            }
            None => {
                let row = new_row(cx, user, address, standing);
                store::insert(&mut tx, &row).await.map_err(claims::taken::<EmailRow>)?;
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
    let id = claims::parse_id::<EmailRow>(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (found, row) = hold::<EmailRow>(&mut tx, &id).await?;
        if row.is_verified() {
            return Err(refuse::verification_already_verified().into());
        }
        let address = EmailAddress::parse(&row.email_address).ok_or_else(|| Fault::new("a stored address that is none"))?;
        let previous = row.verification_id.as_ref();
        // Somebody else's address was added for show.
        let delivery = if claims::is_others(&mut tx, &row).await? { Delivery::Pretend } else { Delivery::Send(found.user.locale.as_deref()) };
        let (strategy, sent) = match link {
            Some(_) => (Strategy::EmailLink, "email_address.verification.link_sent"),
            None => (Strategy::EmailCode, "email_address.verification.code_sent"),
        };
        let wanted = verifications::ops::Code { strategy, to: &Contact::Email(address), channel: Channel::default(), previous, link, delivery };
        let verification = verifications::ops::start_code(cx, &mut tx, &wanted).await?;
        store::set_verification::<EmailRow>(&mut tx, &id, &verification.id, cx.now).await?;
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
    let id = claims::parse_id::<EmailRow>(id)?;
    let missing = || refuse::resource_not_found("verification");
    let sent = VerificationId::parse(verification).ok_or_else(missing)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, mut row) = hold::<EmailRow>(&mut tx, &id).await?;
        if claims::try_code(cx, &mut tx, &mut row, &sent, code, None).await? {
            claims::put(&mut found, &row);
            save(cx, &mut tx, &mut found).await?;
        }
        Ok::<_, Error>(verifications::store::find(&mut tx, &sent).await?.ok_or_else(missing)?)
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
        let (mut found, mut row) = hold::<EmailRow>(&mut tx, id).await?;
        let client = cx.client_id();
        let due = row.verification_id.as_ref() == Some(verification) && !row.is_verified();
        if !due || !verifications::store::succeed(&mut tx, verification, client.as_ref()).await? {
            return Err(refuse::verification_missing().into());
        }
        claims::prove_claimed(cx, &mut tx, &mut row, Strategy::EmailLink.word(), verification).await?;
        claims::put(&mut found, &row);
        save(cx, &mut tx, &mut found).await?;
        Ok::<_, Error>(())
    })
}

/// A row for an address.
pub(super) fn new_row(
    cx: &Cx,
    user: &UserId,
    address: &EmailAddress,
    standing: Standing,
) -> EmailRow {
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
    claims::set_standing(&mut row, standing, cx.now);
    row
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

async fn save(cx: &Cx, tx: &mut Tx, found: &mut Found) -> Result<()> {
    found.refresh();
    found.user.updated_at = cx.now;
    Ok(users::store::update(tx, &found.user).await?)
}
