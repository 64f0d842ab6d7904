//! Adding, renaming and removing satellites.
use super::model::{self, DomainRow};
use super::store;
use crate::audit::{self, Event};
use crate::clients;
use crate::cx::Cx;
use crate::instances;
use usher_http::origin::split_host;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error, Result, id};

/// Satellites that an instance can have.
const MOST: usize = 100;

/// The id of the primary domain.
#[must_use]
pub fn primary_id(cx: &Cx) -> String {
    cx.instance.row.id.as_str().replacen("ins_", "dmn_", 1)
}

/// A name that is free: apart from every instance's own domain, this one's too, and from every satellite but `except`.
fn check_name(cx: &Cx, text: &str, except: Option<&str>) -> Result<String, ApiError> {
    let name =
        model::parse(text).ok_or_else(|| refuse::form_param_format_invalid("name").at("name"))?;
    for instance in cx.app.instances() {
        let host = split_host(&instance.row.host).map_or_else(String::new, |(host, _)| host);
        let own = instance.root_domain.clone().unwrap_or(host);
        let satellites = instance.satellites.iter();
        let others = satellites.filter(|s| Some(s.id.as_str()) != except);
        let mut taken = others.map(|s| s.name.clone()).chain([own]);
        if taken.any(|other| model::within(&name, &other) || model::within(&other, &name)) {
            return Err(refuse::duplicate_record("domain").at("name"));
        }
    }
    Ok(name)
}

fn taken(e: usher_db::DbError) -> Error {
    if e.is_unique() {
        refuse::duplicate_record("domain").at("name").into()
    } else {
        Error::from(e)
    }
}

/// Adds a satellite. It is served here at once, elsewhere within seconds.
///
/// # Errors
/// 400 on development instances, whose SDKs need none here, and for domains that are somebody's; 422 for what is no domain.
pub async fn add(cx: &Cx, name: &str) -> Result<DomainRow> {
    if cx.instance.is_development() {
        return Err(refuse::request_invalid_for_instance().into());
    }
    if cx.instance.satellites.len() >= MOST {
        return Err(refuse::quota_exceeded().into());
    }
    let row = DomainRow {
        instance_id: cx.instance.row.id.clone(),
        id: id::compose("dmn_", cx.now, &cx.fresh()),
        name: check_name(cx, name, None)?,
        proxy_url: None,
        created_at: cx.now,
        updated_at: cx.now,
    };
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        store::insert(&mut tx, &row).await.map_err(taken)?;
        instances::store::changed(&mut tx, &cx.instance.row.id, cx.now).await?;
        audit::record(cx, &mut tx, Event::new("domain.created").about(&row.id));
        Ok::<_, Error>(())
    })?;
    cx.app.reload().await?;
    Ok(row)
}

/// Renames a satellite. Whoever was signed in on the old name is not on the new one: cookies do not move.
///
/// # Errors
/// As [`add`]; 403 for the primary; 404 for unknown ones.
pub async fn rename(cx: &Cx, id: &str, name: Option<&str>) -> Result<DomainRow> {
    if id == primary_id(cx) {
        return Err(refuse::operation_not_allowed_on_primary_domain().into());
    }
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let found = store::lock(&mut tx, id).await?;
        let mut row = found.ok_or_else(|| refuse::resource_not_found("domain"))?;
        let Some(name) = name else { return Ok::<_, Error>(row) };
        row.name = check_name(cx, name, Some(id))?;
        row.updated_at = cx.now;
        store::rename(&mut tx, &row).await.map_err(taken)?;
        clients::store::forget_satellite(&mut tx, id).await?;
        instances::store::changed(&mut tx, &cx.instance.row.id, cx.now).await?;
        audit::record(cx, &mut tx, Event::new("domain.updated").about(id).changed(["name"]));
        Ok(row)
    })?;
    cx.app.reload().await?;
    Ok(row)
}

/// Removes a satellite, and what browsers are known by there.
///
/// # Errors
/// 403 for the primary; 404 for unknown ones.
pub async fn remove(cx: &Cx, id: &str) -> Result<()> {
    if id == primary_id(cx) {
        return Err(refuse::operation_not_allowed_on_primary_domain().into());
    }
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if store::delete(&mut tx, id).await? == 0 {
            return Err(refuse::resource_not_found("domain").into());
        }
        clients::store::forget_satellite(&mut tx, id).await?;
        instances::store::changed(&mut tx, &cx.instance.row.id, cx.now).await?;
        audit::record(cx, &mut tx, Event::new("domain.deleted").about(id));
        Ok::<_, Error>(())
    })?;
    cx.app.reload().await?;
    Ok(())
}
