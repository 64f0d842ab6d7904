//! What an operator sets about how often callers may call.
use serde::{Deserialize, Serialize};

/// How often a caller may use an operation (contract bapi §1.8), and how many codes an address gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Multiplies every limit by time below; 0 switches them off. Codes by address and lockouts stay as they are.
    pub factor: i64,
    /// Requests to the Backend API in 10 seconds; 0 is 1000 on production and 100 on development instances.
    pub backend_per_10_secs: i64,
    /// Changes of one user by the Backend API in 10 seconds, by operation.
    pub changes_per_10_secs: i64,
    /// Sign-ins, and sign-ups, that one network starts for one identifier in 10 seconds.
    pub creations_per_10_secs: i64,
    /// Tries of one attempt in 10 seconds.
    pub attempts_per_10_secs: i64,
    /// Everything that one network does without being signed in and that writes, in 10 seconds.
    pub address_per_10_secs: i64,
    /// Codes to one address in 10 minutes, whoever asks.
    pub codes_per_10_minutes: i64,
    /// Codes to one address in an hour.
    pub codes_per_hour: i64,
    /// Codes to one address in a day.
    pub codes_per_day: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            factor: 1,
            backend_per_10_secs: 0,
            changes_per_10_secs: 10,
            creations_per_10_secs: 5,
            attempts_per_10_secs: 3,
            address_per_10_secs: 60,
            codes_per_10_minutes: 5,
            codes_per_hour: 10,
            codes_per_day: 30,
        }
    }
}

impl Limits {
    /// The first number that is out of bounds, as one line that says what to change.
    ///
    /// # Errors
    /// That line.
    pub fn check(&self) -> Result<(), String> {
        let counts = [
            ("changes_per_10_secs", self.changes_per_10_secs),
            ("creations_per_10_secs", self.creations_per_10_secs),
            ("attempts_per_10_secs", self.attempts_per_10_secs),
            ("address_per_10_secs", self.address_per_10_secs),
            ("codes_per_10_minutes", self.codes_per_10_minutes),
            ("codes_per_hour", self.codes_per_hour),
            ("codes_per_day", self.codes_per_day),
        ];
        if !(0..=1000).contains(&self.factor) {
            return Err("limits.factor must be between 0 and 1000".to_owned());
        }
        if !(0..=1_000_000).contains(&self.backend_per_10_secs) {
            return Err("limits.backend_per_10_secs must be between 0 and 1000000".to_owned());
        }
        match counts.iter().find(|(_, n)| !(1..=1_000_000).contains(n)) {
            Some((name, _)) => Err(format!("limits.{name} must be between 1 and 1000000")),
            None => Ok(()),
        }
    }
}
