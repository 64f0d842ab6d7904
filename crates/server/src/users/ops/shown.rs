//! The signed-in user, with everything that is the user's, as the own browser sees it.
use super::list;
use crate::cx::Cx;
use crate::organizations;
use crate::social::resource::of_user;
use crate::users::resource::{Audience, UserResource};
use crate::users::store;
use usher_types::Result;
use usher_types::error::codes as refuse;
use usher_types::id::UserId;

/// The user as the own browser sees it.
///
/// # Errors
/// 401 when the user is gone.
pub async fn own(cx: &Cx, id: &UserId) -> Result<UserResource> {
    let mut tx = cx.read().await?;
    let user = store::find(&mut tx, id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    let found = list::load(&mut tx, user).await?;
    let resource = UserResource::new(&found, &cx.instance, cx.now, Audience::Browser);
    let memberships = organizations::members::ops::shown_to(cx, &mut tx, &found.user).await?;
    let resource = resource.with_memberships(memberships);
    Ok(resource.with_accounts(of_user(cx, &found.accounts, &found.user.id)))
}
