//! Changing an instance's settings.
use super::settings::Settings;
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use usher_types::error::codes as refuse;
use usher_types::{Error, Fault, Result};

/// Changes the settings as they are stored now (another process may have changed them since they were loaded), and loads
/// them here. They take effect elsewhere within seconds.
///
/// # Errors
/// What `change` refuses; 422 where the settings would contradict themselves.
pub async fn change_settings(cx: &Cx, change: impl Fn(&mut Settings)) -> Result<()> {
    let id = &cx.instance.row.id;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let stored = store::settings_locked(&mut tx, id).await?.ok_or_else(|| Fault::new("an instance without its row"))?;
        let mut settings: Settings = serde_json::from_str(&stored)?;
        change(&mut settings);
        if let Err(text) = settings.check() {
            tracing::warn!(instance.id = %id, "Refused settings: {text}");
            return Err(refuse::form_param_value_invalid("settings").into());
        }
        let new = serde_json::to_string(&settings)?;
        let changes = audit::changed_fields(&serde_json::from_str(&stored)?, &serde_json::from_str(&new)?);
        store::update_settings(&mut tx, id, &new, cx.now).await?;
        audit::record(cx, &mut tx, Event::new("instance.updated").about(id.as_str()).changed(changes));
        Ok::<_, Error>(())
    })?;
    cx.app.reload().await?;
    Ok(())
}
