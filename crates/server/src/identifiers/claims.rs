//! What addresses, numbers and wallets have in common: finding one of a user's, who has a claim on it, and what proved it.
use super::email::EmailRow;
use super::phones::model::PhoneRow;
use super::store::{self, Identifier};
use super::wallets::model::WalletRow;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::users::ops::list::{self, Found};
use crate::verifications;
use crate::verifications::model::VerificationRow;
use crate::verifications::ops::Outcome;
use usher_db::{DbError, Tx};
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, IdentificationId, UserId, VerificationId};
use usher_types::{ApiError, Error, Result, Timestamp};

/// What the operator says of an address or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the user's.
    Verified,
    /// Nobody else may take it, though nobody proved it.
    Reserved,
    /// Nothing: it neither signs in nor is it kept from others.
    Unverified,
}

impl Standing {
    /// What a flag `verified` says.
    #[must_use]
    pub fn of(verified: bool) -> Self {
        if verified {
            Self::Verified
        } else {
            Self::Unverified
        }
    }
    /// What `identification_status` says, where it says something.
    #[must_use]
    pub fn read(word: Option<&str>) -> Self {
        match word {
            Some("reserved") => Self::Reserved,
            Some("unverified") => Self::Unverified,
            _ => Self::Verified,
        }
    }
}

/// An identifier of a user.
pub trait Claim: Identifier {
    /// The field of the wire.
    const FIELD: &'static str;
    /// What errors call it.
    const NOUN: &'static str;
    /// Its id.
    fn id(&self) -> &IdentificationId;
    /// Whose it is.
    fn user_id(&self) -> &UserId;
    /// The one form, by which it is unique.
    fn form(&self) -> &str;
    /// Those of a user.
    fn of(found: &Found) -> &[Self];
    /// The same, to change.
    fn of_mut(found: &mut Found) -> &mut Vec<Self>;
}

/// What says whose an address or a number is.
pub struct Proof<'a> {
    reserved: &'a mut bool,
    claimed: &'a mut bool,
    status: &'a mut String,
    strategy: &'a mut Option<String>,
    verification: &'a mut Option<VerificationId>,
    updated_at: &'a mut Timestamp,
}

/// An address or a number: what is sent to it proves it.
pub trait Reachable: Claim {
    /// The log's name of its proof.
    const VERIFIED: &'static str;
    /// The log's name of a wrong code.
    const WRONG_CODE: &'static str;
    /// What says whose it is.
    fn proof(&mut self) -> Proof<'_>;
}

macro_rules! claim {
    ($row:ident, $field:literal, $noun:literal, $form:ident, $found:ident) => {
        impl Claim for $row {
            const FIELD: &'static str = $field;
            const NOUN: &'static str = $noun;
            fn id(&self) -> &IdentificationId {
                &self.id
            }
            fn user_id(&self) -> &UserId {
                &self.user_id
            }
            fn form(&self) -> &str {
                &self.$form
            }
            fn of(found: &Found) -> &[Self] {
                &found.$found
            }
            fn of_mut(found: &mut Found) -> &mut Vec<Self> {
                &mut found.$found
            }
        }
    };
}

macro_rules! reachable {
    ($row:ident, $verified:literal, $wrong:literal) => {
        impl Reachable for $row {
            const VERIFIED: &'static str = $verified;
            const WRONG_CODE: &'static str = $wrong;
            fn proof(&mut self) -> Proof<'_> {
                Proof {
                    reserved: &mut self.reserved,
                    claimed: &mut self.claimed,
                    status: &mut self.verification_status,
                    strategy: &mut self.verification_strategy,
                    verification: &mut self.verification_id,
                    updated_at: &mut self.updated_at,
                }
            }
        }
    };
}

claim!(
    EmailRow,
    "email_address",
    "email address",
    email_normal,
    emails
);
claim!(
    PhoneRow,
    "phone_number",
    "phone number",
    phone_number,
    phones
);
claim!(WalletRow, "web3_wallet", "wallet", wallet_normal, wallets);
reachable!(
    EmailRow,
    "email_address.verified",
    "email_address.verification.code_attempt_invalid"
);
reachable!(
    PhoneRow,
    "phone_number.verified",
    "phone_number.verification.code_attempt_invalid"
);

/// There is no such identifier.
#[must_use]
pub fn missing<R: Claim>() -> ApiError {
    refuse::resource_not_found(R::NOUN)
}

/// An id from outside.
///
/// # Errors
/// 404 for what cannot be one.
pub fn parse_id<R: Claim>(id: &str) -> Result<IdentificationId> {
    Ok(IdentificationId::parse(id).ok_or_else(missing::<R>)?)
}

/// The one with this id.
///
/// # Errors
/// 404 when the instance has none.
pub async fn find<R: Claim>(cx: &Cx, id: &str) -> Result<R> {
    let id = parse_id::<R>(id)?;
    Ok(store::find(&mut cx.read().await?, &id)
        .await?
        .ok_or_else(missing::<R>)?)
}

/// A user's own one.
///
/// # Errors
/// 404, for others' as well.
pub async fn own<R: Claim>(cx: &Cx, user: &UserId, id: &str) -> Result<R> {
    let row: R = find(cx, id).await?;
    if row.user_id() == user {
        Ok(row)
    } else {
        Err(missing::<R>().into())
    }
}

/// One and its user, locked until the transaction ends.
///
/// # Errors
/// 404.
pub async fn hold<R: Claim>(tx: &mut Tx, id: &IdentificationId) -> Result<(Found, R)> {
    let row: R = store::find(tx, id).await?.ok_or_else(missing::<R>)?;
    let found = list::hold(tx, row.user_id()).await?;
    // Read again under the lock: it may be gone, or another's work may have changed it.
    let row = one(&found, id)?;
    Ok((found, row))
}

/// One of a held user's.
///
/// # Errors
/// 404.
pub fn one<R: Claim>(found: &Found, id: &IdentificationId) -> Result<R, ApiError> {
    let row = R::of(found).iter().find(|r| r.id() == id).cloned();
    row.ok_or_else(missing::<R>)
}

/// Puts a changed row in its place among a held user's.
pub fn put<R: Claim>(found: &mut Found, row: &R) {
    if let Some(place) = R::of_mut(found).iter_mut().find(|r| r.id() == row.id()) {
        place.clone_from(row);
    }
}

/// An event of an identifier.
pub fn told<R: Claim>(name: &'static str, row: &R) -> Event {
    Event::new(name)
        .user(row.user_id())
        .about(row.id().as_str())
}

/// Nobody has a claim on what a user is to get.
///
/// # Errors
/// 422 `form_identifier_exists`.
pub async fn check_free<R: Claim>(tx: &mut Tx, form: &str, user: Option<&UserId>) -> Result<()> {
    match store::claimed::<R>(tx, form).await? {
        Some(other) if Some(other.user_id()) != user => {
            Err(refuse::identifier_taken(R::FIELD).into())
        }
        _ => Ok(()),
    }
}

/// As [`check_free`], for what a user adds and has yet to prove. Where enumeration protection is on, somebody else's is
/// taken for show: nothing goes there, and nothing proves it (contract bapi §6.4).
///
/// # Errors
/// 422 `form_identifier_exists`.
pub async fn check_free_to_try<R: Claim>(cx: &Cx, tx: &mut Tx, form: &str) -> Result<()> {
    if cx.instance.settings.enumeration_protection {
        return Ok(());
    }
    check_free::<R>(tx, form, None).await
}

/// Somebody else has a claim on it: nothing is sent there, and nothing proves it.
///
/// # Errors
/// The database's.
pub async fn is_others<R: Claim>(tx: &mut Tx, row: &R) -> Result<bool> {
    let claimed = store::claimed::<R>(tx, row.form()).await?;
    Ok(claimed.is_some_and(|other| other.id() != row.id()))
}

/// Whoever has a claim on it by its new standing, is its user.
///
/// # Errors
/// 400 `identification_claimed`.
pub async fn check_claim<R: Claim>(tx: &mut Tx, row: &R, standing: Standing) -> Result<()> {
    if standing != Standing::Unverified && is_others(tx, row).await? {
        return Err(refuse::identification_claimed().into());
    }
    Ok(())
}

/// Gives a row the standing that the operator says. A code that is under way belongs to the standing that ends: it is
/// forgotten.
pub fn set_standing<R: Reachable>(row: &mut R, standing: Standing, now: Timestamp) {
    let proof = row.proof();
    let was_verified = proof.status == "verified";
    *proof.reserved = standing == Standing::Reserved;
    if standing == Standing::Verified {
        *proof.claimed = true;
        if !was_verified {
            prove(row, "admin", None, now);
        }
        return;
    }
    *proof.claimed = standing == Standing::Reserved;
    "unverified".clone_into(proof.status);
    *proof.strategy = None;
    *proof.verification = None;
    *proof.updated_at = now;
}

/// Notes what proved an address or a number: it is the user's.
pub fn prove<R: Reachable>(
    row: &mut R,
    by: &str,
    verification: Option<VerificationId>,
    now: Timestamp,
) {
    let proof = row.proof();
    *proof.claimed = true;
    "verified".clone_into(proof.status);
    *proof.strategy = Some(by.to_owned());
    *proof.verification = verification;
    *proof.updated_at = now;
}

/// Tries a code that was sent to a held row; whether it proved it. A wrong one is no refusal, so that the try it cost is
/// committed.
///
/// # Errors
/// 404 for verifications of others; 400 `verification_already_verified`, `identification_claimed`.
pub async fn try_code<R: Reachable>(
    cx: &Cx,
    tx: &mut Tx,
    row: &mut R,
    sent: &VerificationId,
    code: &str,
    client: Option<&ClientId>,
) -> Result<bool> {
    if row.proof().verification.as_ref() != Some(sent) {
        return Err(refuse::resource_not_found("verification").into());
    }
    let by = match verifications::ops::attempt(cx, tx, sent, code, client).await? {
        Outcome::Verified => verifications::store::find(tx, sent).await?,
        // Nothing was counted, so nothing is lost by a rollback.
        Outcome::Refused(refused)
            if refused.code == refuse::verification_already_verified().code =>
        {
            return Err(refused.into());
        }
        Outcome::Refused(refused) => {
            if refused.code == "form_code_incorrect" {
                audit::record(cx, tx, told(R::WRONG_CODE, row).failed());
            }
            return Ok(false);
        }
    };
    let by = by.map_or_else(String::new, |v| v.strategy);
    prove_claimed(cx, tx, row, &by, sent).await?;
    Ok(true)
}

/// Makes a held row the user's by a verification that succeeded, unless somebody else has proved it meanwhile.
///
/// # Errors
/// 400 `identification_claimed`.
pub async fn prove_claimed<R: Reachable>(
    cx: &Cx,
    tx: &mut Tx,
    row: &mut R,
    by: &str,
    verification: &VerificationId,
) -> Result<()> {
    check_claim(tx, row, Standing::Verified).await?;
    *row.proof().reserved = false;
    prove(row, by, Some(verification.clone()), cx.now);
    store::update(tx, row).await.map_err(claimed)?;
    audit::record(cx, tx, told(R::VERIFIED, row).changed(["verified"]));
    Ok(())
}

/// Where a verification of the user's own stands after a try, as a person is told.
///
/// # Errors
/// 422 `form_code_incorrect`; 400 `verification_expired`, `verification_failed`.
pub fn conclude(after: &VerificationRow, now: Timestamp) -> Result<(), ApiError> {
    match after.status_at(now) {
        "verified" => Ok(()),
        "expired" => Err(refuse::verification_expired()),
        "failed" => Err(refuse::verification_failed()),
        _ => Err(refuse::form_code_incorrect("code").at("code")),
    }
}

/// An insertion that met another one.
pub fn taken<R: Claim>(e: DbError) -> Error {
    if e.is_unique() {
        refuse::identifier_taken(R::FIELD).into()
    } else {
        e.into()
    }
}

/// A proof that met another one.
pub fn claimed(e: DbError) -> Error {
    if e.is_unique() {
        refuse::identification_claimed().into()
    } else {
        e.into()
    }
}
