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
    /// Apps of Apple's that may use this domain's passkeys and passwords: the team's prefix and the bundle identifier.
    pub apple_apps: Vec<String>,
    /// Apps of Android's that may open this domain's links, and use its passkeys and passwords.
    pub android_apps: Vec<AndroidApp>,
}

/// An app as Android knows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AndroidApp {
    /// The package.
    pub package_name: String,
    /// SHA-256 of the certificates that sign it: 32 pairs of hexadecimal digits with colons between.
    pub sha256_cert_fingerprints: Vec<String>,
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
        let apple = |text: &String| {
            let parts = text.split_once('.');
            parts.is_some_and(|(team, bundle)| {
                team.len() == 10
                    && team
                        .bytes()
                        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                    && identifier(&bundle.to_owned())
            })
        };
        if let Some(app) = self.app_identifiers.iter().find(|app| !identifier(app)) {
            return Err(format!(
                "native.app_identifiers: {app:?} is no identifier such as com.example.app"
            ));
        }
        if let Some(app) = self.apple_apps.iter().find(|app| !apple(app)) {
            return Err(format!(
                "native.apple_apps: {app:?} is no identifier such as A1B2C3D4E5.com.example.app"
            ));
        }
        for app in &self.android_apps {
            if !identifier(&app.package_name) {
                let name = &app.package_name;
                return Err(format!(
                    "native.android_apps: {name:?} is no package such as com.example.app"
                ));
            }
            let prints = &app.sha256_cert_fingerprints;
            if prints.is_empty() || !prints.iter().all(|p| is_fingerprint(p)) {
                return Err(format!(
                    "native.android_apps: {} needs sha256_cert_fingerprints such as 14:6D:E9:…, 32 pairs",
                    app.package_name
                ));
            }
        }
        if self.trusted_devices && self.app_identifiers.is_empty() {
            return Err("native.trusted_devices needs native.app_identifiers".to_owned());
        }
        Ok(())
    }
}

fn is_fingerprint(text: &str) -> bool {
    let pair = |p: &str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
    text.split(':').count() == 32 && text.split(':').all(pair)
}
