//! How long things are kept that have ended.
use serde::{Deserialize, Serialize};

/// How long things are kept that have ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days after which a browser's client is forgotten on which nobody ever signed in.
    pub anonymous_client_days: i64,
    /// Days after which a client is forgotten on which nobody is signed in any more.
    pub client_days: i64,
    /// Days after which an ended session is forgotten.
    pub session_days: i64,
    /// Days after which a message that was sent, given up or kept in the inbox is forgotten.
    pub message_days: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            anonymous_client_days: 1,
            client_days: 30,
            session_days: 90,
            message_days: 7,
        }
    }
}

impl Retention {
    pub(super) fn check(&self) -> Result<(), String> {
        let days = [
            ("anonymous_client_days", self.anonymous_client_days),
            ("client_days", self.client_days),
            ("session_days", self.session_days),
            ("message_days", self.message_days),
        ];
        if let Some((name, _)) = days.iter().find(|(_, n)| !(1..=3650).contains(n)) {
            return Err(format!("retention.{name} must be between 1 and 3650"));
        }
        // A client whose sessions are forgotten looks as if nobody had ever signed in on it.
        if self.session_days < self.client_days {
            return Err(
                "retention.session_days must not be below retention.client_days".to_owned(),
            );
        }
        Ok(())
    }
}
