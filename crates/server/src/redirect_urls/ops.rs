//! Listing and unlisting redirect URLs.
use super::model::{self, RedirectUrlRow};
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::instances;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result, id};

/// URLs that an instance can list: every process holds them in memory.
const MOST: i64 = 1000;

/// Lists a URL. It counts here at once, elsewhere within seconds.
///
/// # Errors
/// As [`model::parse`]; 400 `duplicate_record`; 403 `quota_exceeded`.
pub async fn add(cx: &Cx, text: &str) -> Result<RedirectUrlRow> {
    let url = model::parse(text)?;
    let row = RedirectUrlRow {
        instance_id: cx.instance.row.id.clone(),
        id: id::compose("ru_", cx.now, &cx.fresh()),
        url: url.href(),
        created_at: cx.now,
        updated_at: cx.now,
    };
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if store::count(&mut tx).await? >= MOST {
            return Err(refuse::quota_exceeded().into());
        }
        store::insert(&mut tx, &row).await.map_err(|e| {
            if e.is_unique() { refuse::duplicate_record("redirect URL").at("url").into() } else { Error::from(e) }
        })?;
        instances::store::changed(&mut tx, &cx.instance.row.id, cx.now).await?;
        audit::record(cx, &mut tx, Event::new("redirect_url.created").about(&row.id));
        Ok::<_, Error>(())
    })?;
    cx.app.reload().await?;
    Ok(row)
}

/// Takes a URL off the list.
///
/// # Errors
/// 404 for unknown ones.
pub async fn remove(cx: &Cx, id: &str) -> Result<()> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if store::delete(&mut tx, id).await? == 0 {
            return Err(refuse::resource_not_found("redirect URL").into());
        }
        instances::store::changed(&mut tx, &cx.instance.row.id, cx.now).await?;
        audit::record(cx, &mut tx, Event::new("redirect_url.deleted").about(id));
        Ok::<_, Error>(())
    })?;
    cx.app.reload().await?;
    Ok(())
}
