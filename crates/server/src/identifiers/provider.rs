//! Addresses that a provider has verified for its account's owner, who is a user here.
use super::claims::{self, Standing};
use super::email::{EmailAddress, EmailRow};
use super::{ops, store};
use crate::audit;
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
            claims::prove(row, proof, None, cx.now);
            store::update(tx, row).await?;
            name = "email_address.verified";
            row.clone()
        }
        None => {
            let mut row = ops::new_row(cx, user, address, Standing::Unverified);
            claims::prove(&mut row, proof, None, cx.now);
            store::insert(tx, &row).await?;
            found.emails.push(row.clone());
            name = "email_address.created";
            row
        }
    };
    if found.user.primary_email_address_id.is_none() {
        found.user.primary_email_address_id = Some(row.id.clone());
    }
    audit::record(cx, tx, claims::told(name, &row).changed(["verified"]));
    found.refresh();
    found.user.updated_at = cx.now;
    Ok(users::store::update(tx, &found.user).await?)
}

/// Notes what proved an address.
///
/// # Errors
/// The database's.
pub async fn credit(tx: &mut Tx, id: &IdentificationId, proof: &str) -> Result<()> {
    if let Some(mut row) = store::find::<EmailRow>(tx, id).await? {
        row.verification_strategy = Some(proof.to_owned());
        store::update(tx, &row).await?;
    }
    Ok(())
}
