//! The link in a mail that proves a user's further address.
use super::claims;
use super::email::EmailRow;
use super::ops;
use crate::cx::Cx;
use crate::sessions;
use crate::verifications::links::Link;
use crate::verifications::model::VerificationRow;
use usher_types::Result;

/// Proves an address of the user who is signed in here, in person.
///
/// # Errors
/// 401 and 403 without such a session; 404 for another user's address; 400 where the link was followed already, or the address
/// became another's.
pub async fn prove(cx: &Cx, link: &Link, verification: &VerificationRow) -> Result<()> {
    let (_, user) = sessions::ops::acting_in_person(cx).await?;
    let row: EmailRow = claims::own(cx, &user.id, &link.of).await?;
    ops::prove_by_link(cx, &row.id, &verification.id).await
}
