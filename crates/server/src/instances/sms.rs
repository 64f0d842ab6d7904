//! What an operator says of text messages: which country a number without a code is of, and which countries get any.
use crate::identifiers::phones::number::is_country;
use serde::{Deserialize, Serialize};

/// Countries that can be named in a list.
const COUNTRIES: usize = 250;

/// `settings.sms`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sms {
    /// Of which country a number is that comes without a country code (ISO 3166-1 alpha-2).
    pub default_country: String,
    /// The only countries whose numbers get messages; empty is every one.
    pub allowed_country_codes: Vec<String>,
    /// Countries whose numbers get none.
    pub blocked_country_codes: Vec<String>,
    /// Codes go out by WhatsApp too, where the provider does that.
    pub whatsapp: bool,
}

impl Default for Sms {
    fn default() -> Self {
        Self {
            default_country: "US".to_owned(),
            allowed_country_codes: Vec::new(),
            blocked_country_codes: Vec::new(),
            whatsapp: false,
        }
    }
}

impl Sms {
    /// Numbers of this country get messages.
    #[must_use]
    pub fn reaches(&self, country: &str) -> bool {
        let lists = |all: &[String]| all.iter().any(|c| c == country);
        (self.allowed_country_codes.is_empty() || lists(&self.allowed_country_codes))
            && !lists(&self.blocked_country_codes)
    }
    /// The channels that are offered.
    #[must_use]
    pub fn channels(&self) -> &'static [&'static str] {
        if self.whatsapp {
            &["sms", "whatsapp"]
        } else {
            &["sms"]
        }
    }
    /// Its first value that is out of bounds.
    ///
    /// # Errors
    /// One line that says what to change.
    pub fn check(&self) -> Result<(), String> {
        if !is_country(&self.default_country) {
            return Err(format!(
                "sms.default_country: {:?} is no country of phone numbers such as \"US\"",
                self.default_country
            ));
        }
        for (name, list) in [
            ("allowed_country_codes", &self.allowed_country_codes),
            ("blocked_country_codes", &self.blocked_country_codes),
        ] {
            if list.len() > COUNTRIES {
                return Err(format!("sms.{name} must not name more than {COUNTRIES}"));
            }
            if let Some(bad) = list.iter().find(|code| !is_country(code)) {
                return Err(format!(
                    "sms.{name}: {bad:?} is no country of phone numbers such as \"US\""
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Sms;

    #[test]
    fn countries_are_reached_unless_a_list_says_otherwise() {
        let list = |codes: &[&str]| codes.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
        let mut sms = Sms::default();
        assert!(sms.reaches("US") && sms.reaches("LV"));
        sms.blocked_country_codes = list(&["LV"]);
        assert!(sms.reaches("US") && !sms.reaches("LV"));
        sms.allowed_country_codes = list(&["US", "LV"]);
        assert!(sms.reaches("US") && !sms.reaches("LV") && !sms.reaches("DE"));
        assert!(sms.check().is_ok());
        sms.blocked_country_codes = list(&["lv"]);
        assert!(sms.check().is_err());
    }
}
