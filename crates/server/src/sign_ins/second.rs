//! The second factor of a sign-in.
use super::flow::{Facts, Status, status};
use super::ops::{advance, conclude, hold, mine};
use super::resource::SignInResource;
use crate::cx::Cx;
use crate::second_factors::ops as second_factors;
use crate::strategies::Strategy;
use crate::users;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// Proves the second factor by a code, and completes the attempt: session and new client token in the transaction that uses
/// the code up.
///
/// # Errors
/// 422 `form_code_incorrect`; 400 where no second factor is due or the user has no such factor; 403 for locked and banned
/// users; 404 for others' attempts.
pub(super) async fn attempt(cx: &Cx, id: &str, by: Strategy, code: &str) -> Result<SignInResource> {
    let mut view = cx.read().await?;
    let row = mine(cx, &mut view, id).await?;
    let due = |row| status(Facts::of(row, cx.now)) == Status::NeedsSecondFactor;
    let user_id = row
        .user_id
        .clone()
        .filter(|_| due(&row))
        .ok_or_else(refuse::invalid_action_for_session)?;
    let user = users::store::find(&mut view, &user_id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    drop(view);
    let given = second_factors::given(cx, &user, by, code).await?;
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = hold(cx, &mut tx, id, Status::NeedsSecondFactor).await?;
        if let Err(refused) = second_factors::prove(cx, &mut tx, &user_id, &given).await? {
            return Ok(Err(refused));
        }
        row.second_factor_strategy = Some(by.word().to_owned());
        row.second_factor_at = Some(cx.now);
        let done = advance(cx, &mut tx, &mut held, &mut row).await?;
        Ok::<_, Error>(Ok((held, row, done)))
    })?;
    conclude(cx, outcome?).await
}
