//! The link in a mail that proves a sign-up's address. It is asked for as a code is (`ops::prepare`).
use super::ops::{check_access, check_mode, conclude, current, finish, told};
use super::store;
use crate::audit;
use crate::cx::Cx;
use crate::identifiers;
use crate::verifications::links::Link;
use crate::verifications::model::VerificationRow;
use crate::verifications::store as verification_store;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// Proves the address of the attempt that asked for the link, and makes the user where nothing else is missing. The browser is
/// the attempt's client's: the caller has checked that.
///
/// # Errors
/// 400 where the attempt is over, has another verification by now, or the link was followed already; 403 for who may not join;
/// 422 `form_identifier_exists`, with a proof that a sign-in can take over.
pub async fn prove(cx: &Cx, link: &Link, verification: &VerificationRow) -> Result<()> {
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = current(cx, &mut tx, &link.of).await?;
        check_mode(cx, row.ticket_id.is_some())?;
        check_access(cx, &mut tx, &row).await?;
        let due = row.email_verification_id.as_ref() == Some(&verification.id);
        if !due || !verification_store::succeed(&mut tx, &verification.id, Some(&held.row.id)).await? {
            return Err(refuse::verification_missing().into());
        }
        audit::record(cx, &mut tx, told("sign_up.email_address.verified", &row));
        if identifiers::store::claimed(&mut tx, row.email_address.as_deref().unwrap_or_default()).await?.is_some() {
            verification_store::set_status(&mut tx, &verification.id, "transferable").await?;
            return Ok(Err(refuse::identifier_taken("email_address")));
        }
        row.email_verified = true;
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await?;
        let changed = finish(cx, &mut tx, &mut held, &mut row).await?;
        Ok::<_, Error>(Ok((held, row, changed)))
    })?;
    let (held, row, changed) = outcome?;
    conclude(cx, &held, &row, changed).await.map(drop)
}
