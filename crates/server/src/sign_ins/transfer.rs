//! From a sign-up to a sign-in and back: what one attempt proved is taken over by the other, once.
use super::model::SignInRow;
use super::ops::{conclude, finish, fresh, told};
use super::resource::SignInResource;
use super::store;
use crate::audit;
use crate::clients::ops::{self as clients, Held};
use crate::clients::store as client_store;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::contact::Contact;
use crate::identifiers::email::EmailRow;
use crate::identifiers::phones::model::PhoneRow;
use crate::strategies::Strategy;
use crate::verifications::store as verification_store;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{SignUpId, VerificationId};
use usher_types::{Error, Result};

/// Takes over a sign-up whose address or number turned out to be an existing user's and was proved by a code.
///
/// # Errors
/// 400 `account_transfer_invalid` where there is none.
pub async fn transfer(cx: &Cx) -> Result<SignInResource> {
    if let Some(done) = super::social::transfer(cx).await? {
        return Ok(done);
    }
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::account_transfer_invalid)?;
    let (held, row, done) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        let sign_up: SignUpId = held.row.sign_up_id.clone().ok_or_else(refuse::account_transfer_invalid)?;
        let (contact, verification) = crate::sign_ups::verify::transferable(cx, &mut tx, &sign_up, &held.row.id).await?.ok_or_else(refuse::account_transfer_invalid)?;
        let settings = &cx.instance.settings;
        let (strategy, signs_in) = match &contact {
            Contact::Email(_) => (Strategy::EmailCode, settings.email_signs_in()),
            Contact::Phone(_) => (Strategy::PhoneCode, settings.phone_signs_in()),
        };
        if !signs_in {
            return Err(refuse::strategy_for_user_invalid().into());
        }
        let owner = match &contact {
            Contact::Email(address) => identifiers::store::claimed::<EmailRow>(&mut tx, address.as_str()).await?.map(|e| e.user_id),
            // A second factor proves no first one, by whichever door it comes.
            Contact::Phone(number) => identifiers::store::claimed::<PhoneRow>(&mut tx, number.as_str()).await?.filter(PhoneRow::is_first_factor).map(|p| p.user_id),
        };
        let owner = owner.ok_or_else(refuse::account_transfer_invalid)?;
        if !verification_store::take_transfer(&mut tx, &verification).await? {
            return Err(refuse::account_transfer_invalid().into());
        }
        let mut row = SignInRow {
            identifier: Some(contact.as_str().to_owned()),
            user_id: Some(owner),
            first_factor_id: Some(verification),
            ..fresh(cx, &held)
        };
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.transfer.completed", &row));
        // It may have to go on with a new password.
        client_store::set_sign_in(&mut tx, &held.row.id, Some(&row.id), cx.now).await?;
        let done = finish(cx, &mut tx, &mut held, &mut row, strategy, strategy.proves()).await?;
        Ok::<_, Error>((held, row, done))
    })?;
    conclude(cx, (held, row, done)).await
}

/// The trip to a provider that the client's sign-in has made.
///
/// # Errors
/// The database's.
pub async fn trip(tx: &mut Tx, held: &Held) -> Result<Option<VerificationId>> {
    let Some(id) = &held.row.sign_in_id else {
        return Ok(None);
    };
    let row = store::find(tx, id).await?;
    Ok(row
        .filter(|r| r.client_id == held.row.id)
        .and_then(|r| r.first_factor_id))
}

/// The address or number that an unknown-identifier attempt proved, for a sign-up by transfer; consumed.
///
/// # Errors
/// The database's.
pub async fn take_transferable(cx: &Cx, tx: &mut Tx, held: &Held) -> Result<Option<Contact>> {
    let Some(id) = &held.row.sign_in_id else {
        return Ok(None);
    };
    let Some(row) = store::find(tx, id)
        .await?
        .filter(|r| r.client_id == held.row.id && r.user_id.is_none() && r.abandon_at > cx.now)
    else {
        return Ok(None);
    };
    let (Some(verification), Some(contact)) = (
        &row.first_factor_id,
        row.identifier.as_deref().and_then(Contact::stored),
    ) else {
        return Ok(None);
    };
    Ok(verification_store::take_transfer(tx, verification)
        .await?
        .then_some(contact))
}
