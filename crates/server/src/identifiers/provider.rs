//! Addresses that a provider has verified for its account's owner, who is a user here.
use super::email::{EmailAddress, EmailRow};
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::users;
use crate::users::ops::list;
use usher_db::Tx;
use usher_types::Result;
use usher_types::id::{IdentificationId, UserId};

/// Makes an address, which nobody has a claim on, the user's: verified by `proof` (`from_oauth_google`). One that the user has
/// added and not proved yet is proved with that.
///
/// # Errors
/// The database's.
pub async fn adopt(
    cx: &Cx,
    tx: &mut Tx,
    user: &UserId,
    address: &EmailAddress,
    proof: &str,
) -> Result<()> {
    let mut found = list::hold(tx, user).await?;
    let own = found
        .emails
        .iter_mut()
        .find(|e| e.email_normal == address.as_str());
    let name;
    let row = match own {
        Some(row) => {
            prove(cx, row, proof);
            store::update(tx, row).await?;
            name = "email_address.verified";
            row.clone()
        }
        None => {
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
            prove(cx, &mut row, proof);
            store::insert(tx, &row).await?;
            found.emails.push(row.clone());
            name = "email_address.created";
            row
        }
    };
    if found.user.primary_email_address_id.is_none() {
        found.user.primary_email_address_id = Some(row.id.clone());
    }
    let event = Event::new(name).user(user).about(row.id.as_str());
    audit::record(cx, tx, event.changed(["verified"]));
    found.refresh();
    found.user.updated_at = cx.now;
    Ok(users::store::update(tx, &found.user).await?)
}

/// Notes what proved an address.
///
/// # Errors
/// The database's.
pub async fn credit(tx: &mut Tx, id: &IdentificationId, proof: &str) -> Result<()> {
    if let Some(mut row) = store::find(tx, id).await? {
        row.verification_strategy = Some(proof.to_owned());
        store::update(tx, &row).await?;
    }
    Ok(())
}

fn prove(cx: &Cx, row: &mut EmailRow, proof: &str) {
    row.claimed = true;
    "verified".clone_into(&mut row.verification_status);
    row.verification_strategy = Some(proof.to_owned());
    row.verification_id = None;
    row.updated_at = cx.now;
}
