//! Session tokens at a server's request, and what a session token says.
use crate::cx::Cx;
use crate::instances::rotation;
use crate::sessions::model::SessionRow;
use crate::sessions::token;
use crate::{clients, organizations, users};
use usher_types::Result;
use usher_types::error::codes as refuse;

/// A token for a live session, with the life that the server asks for. No browser's origin is known here, so `azp` is
/// empty: SDKs that hold it against a list take that for absent.
///
/// # Errors
/// 404 for a session that ended and for a user who is banned or gone.
pub(super) async fn for_server(cx: &Cx, session: &SessionRow, life_secs: i64) -> Result<String> {
    let missing = || refuse::resource_not_found("active session");
    if !session.is_live(cx.now, &cx.instance.settings) {
        return Err(missing().into());
    }
    let mut tx = cx.read().await?;
    users::store::find(&mut tx, &session.user_id)
        .await?
        .filter(|u| !u.banned)
        .ok_or_else(missing)?;
    let client = clients::store::find(&mut tx, &session.client_id)
        .await?
        .ok_or_else(missing)?;
    drop(tx);
    rotation::note_long_life(cx, life_secs).await?;
    let organization = organizations::active::of_session(cx, session).await?;
    token::mint(
        cx,
        session,
        organization.as_ref(),
        cx.request.origin.as_deref().unwrap_or_default(),
        life_secs,
        client.authenticated_at,
    )
}
