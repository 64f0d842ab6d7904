//! The second factor of a sign-in.
use super::flow::{Facts, Status, status};
use super::ops::{advance, conclude, hold, mine, resource, told};
use super::resource::SignInResource;
use super::store;
use crate::audit;
use crate::cx::Cx;
use crate::identifiers::contact::Channel;
use crate::second_factors::ops as second_factors;
use crate::strategies::Strategy;
use crate::users;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// Sends a code that proves the second factor: to the number that is named, or to the default one.
///
/// # Errors
/// 400 where no second factor is due, or for strategies that send nothing; 404 for numbers that are none of the user's second
/// factors; 403 for banned and locked users and for countries that get no messages; 429 for a second code too soon.
pub(super) async fn prepare(
    cx: &Cx,
    id: &str,
    by: Strategy,
    to: Option<&str>,
    channel: Channel,
) -> Result<SignInResource> {
    if by != Strategy::PhoneCode {
        return Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into());
    }
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, mut row) = hold(cx, &mut tx, id, Status::NeedsSecondFactor).await?;
        let user_id = row.user_id.clone().ok_or_else(refuse::invalid_action_for_session)?;
        let previous = row.second_factor_id.as_ref();
        let verification = second_factors::send(cx, &mut tx, &user_id, to, channel, previous).await?;
        row.second_factor_id = Some(verification.id);
        row.second_factor_strategy = Some(by.word().to_owned());
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.phone_number.verification.code_sent", &row));
        Ok::<_, Error>(row)
    })?;
    let mut tx = cx.read().await?;
    resource(cx, &mut tx, &row).await
}

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
    let sent = row.second_factor_id.as_ref();
    let given = second_factors::given(cx, &user, by, code, sent).await?;
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
