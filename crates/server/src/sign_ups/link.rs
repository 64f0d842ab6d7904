//! The link in a mail that proves a sign-up's address. It is asked for as a code is (`ops::prepare`).
use super::ops::{check_access, check_mode, conclude, current};
use super::verify::{Proof, proved};
use crate::cx::Cx;
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
        let changed = proved(cx, &mut tx, &mut held, &mut row, Proof::Email, &verification.id).await?;
        Ok::<_, Error>(changed.map(|changed| (held, row, changed)))
    })?;
    let (held, row, changed) = outcome?;
    conclude(cx, &held, &row, changed).await.map(drop)
}
