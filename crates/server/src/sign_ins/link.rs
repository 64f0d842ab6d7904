//! Signing in by a link in a mail: the proof. It is prepared as a code is (`ops::prepare`).
use super::ops::{conclude, current, finish, told};
use crate::audit;
use crate::cx::Cx;
use crate::strategies::Strategy;
use crate::verifications::links::Link;
use crate::verifications::model::VerificationRow;
use crate::verifications::store as verification_store;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// Proves the first factor of the attempt that asked for the link. The browser is its client's: the caller has checked that.
///
/// # Errors
/// 400 where the attempt is over, has another verification by now, or the link was followed already; 404 where it leads to a
/// sign-up; 403 for locked and banned users.
pub async fn prove(cx: &Cx, link: &Link, verification: &VerificationRow) -> Result<()> {
    if !cx.instance.settings.email_link_signs_in() {
        return Err(refuse::strategy_for_user_invalid().into());
    }
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = current(cx, &mut tx, &link.of).await?;
        let due = row.first_factor_id.as_ref() == Some(&verification.id)
            && row.first_factor_strategy.as_deref() == Some(Strategy::EmailLink.word());
        if !due || !verification_store::succeed(&mut tx, &verification.id, Some(&held.row.id)).await? {
            return Err(refuse::verification_missing().into());
        }
        if row.user_id.is_none() {
            // Proved, and nobody's: the proof can be spent on a sign-up, once.
            verification_store::set_status(&mut tx, &verification.id, "transferable").await?;
            audit::record(cx, &mut tx, told("sign_in.email_address.verified", &row));
            return Ok(Err(refuse::sign_up_if_missing_transfer()));
        }
        let strategy = Strategy::EmailLink;
        let done = finish(cx, &mut tx, &mut held, &mut row, strategy, strategy.proves()).await?;
        Ok::<_, Error>(Ok((held, row, done)))
    })?;
    conclude(cx, outcome?).await.map(drop)
}
