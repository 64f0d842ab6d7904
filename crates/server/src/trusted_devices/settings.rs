//! What an operator sets for apps on phones.
use serde::{Deserialize, Serialize};

/// Apps on phones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Native {
    /// Keys in phones sign in.
    pub trusted_devices: bool,
    /// The operator's own apps, by bundle identifier or package name: no other app enrols a device.
    pub app_identifiers: Vec<String>,
}

impl Native {
    /// The first setting that is out of bounds, as one line that says what to change.
    ///
    /// # Errors
    /// That line.
    pub fn check(&self) -> Result<(), String> {
        let identifier = |text: &String| {
            let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            (1..=255).contains(&text.len()) && text.bytes().all(ok)
        };
        if let Some(app) = self.app_identifiers.iter().find(|app| !identifier(app)) {
            return Err(format!(
                "native.app_identifiers: {app:?} is no identifier such as com.example.app"
            ));
        }
        if self.trusted_devices && self.app_identifiers.is_empty() {
            return Err("native.trusted_devices needs native.app_identifiers".to_owned());
        }
        Ok(())
    }
}
