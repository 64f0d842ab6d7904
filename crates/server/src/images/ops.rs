//! Use cases of profile images.
use super::model::ImageRow;
use super::picture::{self, Unusable};
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::users;
use bytes::Bytes;
use usher_crypto::digest;
use usher_types::error::codes as refuse;
use usher_types::id::UserId;
use usher_types::{ApiError, Error, Result};

/// The id of an image: the same for the same picture of the same user, and nothing that somebody else can work out.
fn id(cx: &Cx, user: &UserId, content: &[u8]) -> String {
    let mut named = format!("image:{user}:").into_bytes();
    named.extend(digest::sha256(content));
    let mac = digest::hmac_sha256(&cx.instance.image_key, &named);
    let body: String = mac.iter().take(20).map(|b| format!("{b:02x}")).collect();
    format!("img_{body}")
}

/// Makes a picture of what somebody sent, in the pool: one at a time, with a short queue.
async fn remade(cx: &Cx, file: Bytes) -> Result<Vec<u8>> {
    if file.len() > picture::MAX_BYTES {
        return Err(refuse::image_too_large().at("file").into());
    }
    // Most of what is no picture is told from its first bytes, and takes nobody's place in the queue.
    if picture::format(&file).is_none() {
        return Err(unreadable().into());
    }
    let made = cx.app.imaging.run(move || picture::remake(&file)).await;
    let made = made.map_err(|busy| {
        refuse::too_many_requests().retry_after(u32::try_from(busy.retry_after_secs).unwrap_or(30))
    })?;
    made.map_err(|why| match why {
        Unusable::TooLarge => refuse::image_too_large().at("file").into(),
        Unusable::Unreadable => unreadable().into(),
    })
}

fn unreadable() -> ApiError {
    refuse::image_unreadable().at("file")
}

/// Gives a user an image, in the place of the one before.
///
/// # Errors
/// 404 for unknown users; 413 `image_too_large`; 400 `request_body_invalid` for what is no picture; 429 when many are
/// uploaded at once.
pub async fn set(cx: &Cx, user: &UserId, file: Bytes) -> Result<String> {
    let content = remade(cx, file).await?;
    let row = ImageRow {
        instance_id: cx.instance.row.id.clone(),
        id: id(cx, user, &content),
        user_id: user.clone(),
        content_type: "image/jpeg".to_owned(),
        content,
        created_at: cx.now,
    };
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        users::ops::list::hold(&mut tx, user).await?;
        store::forget(&mut tx, user).await?;
        store::insert(&mut tx, &row).await?;
        users::store::set_image(&mut tx, user, Some(&row.id), cx.now).await?;
        audit::record(cx, &mut tx, Event::new("user.profile_image.updated").user(user).about(&row.id));
        Ok::<_, Error>(())
    })?;
    Ok(row.id)
}

/// Takes a user's image away; its id comes back.
///
/// # Errors
/// 404 for unknown users, and `image_not_found` where there is no image.
pub async fn remove(cx: &Cx, user: &UserId) -> Result<String> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let found = users::ops::list::hold(&mut tx, user).await?;
        let id = found.user.image_id.ok_or_else(refuse::image_not_found)?;
        store::forget(&mut tx, user).await?;
        users::store::set_image(&mut tx, user, None, cx.now).await?;
        audit::record(cx, &mut tx, Event::new("user.profile_image.deleted").user(user).about(&id));
        Ok::<_, Error>(id)
    })
}
