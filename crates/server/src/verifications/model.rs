//! A verification's row and its pure rules.
use serde::{Deserialize, Serialize};
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{ClientId, InstanceId, VerificationId};

/// Milliseconds a code lives.
pub const CODE_LIFE_MS: i64 = 10 * 60 * 1000;
/// Wrong tries that end a code.
pub const CODE_TRIES: i64 = 5;
/// Milliseconds between two codes for one purpose.
pub const RESEND_AFTER_MS: i64 = 30 * 1000;

row! {
    /// A verification.
    pub struct VerificationRow {
        pub instance_id: InstanceId,
        pub id: VerificationId,
        pub strategy: String,
        pub status: String,
        pub target: Option<String>,
        pub mailbox: Option<String>,
        pub code_hash: Option<String>,
        pub attempts: i64,
        pub verified_at_client: Option<ClientId>,
        /// What a browser is asked to sign, and what is kept until it did (passkeys); what a link is for.
        pub challenge: Option<String>,
        /// How the code went to a phone number: `sms` or `whatsapp`.
        pub channel: Option<String>,
        pub expire_at: Timestamp,
        pub created_at: Timestamp,
    }
}

/// A challenge as it is kept: what the browser gets, and what is needed to check its answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) nonce: String,
    pub(super) state: String,
}

impl VerificationRow {
    fn kept(&self) -> Option<Kept> {
        serde_json::from_str(self.challenge.as_deref()?).ok()
    }
    /// What the browser is asked to sign, as JSON.
    #[must_use]
    pub fn nonce(&self) -> Option<String> {
        self.kept().map(|kept| kept.nonce)
    }
    /// What an answer is checked against, as JSON.
    #[must_use]
    pub fn state(&self) -> Option<String> {
        self.kept().map(|kept| kept.state)
    }
    /// The status as it is now: an open one past its end is expired.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> &str {
        if self.status == "unverified" && self.expire_at <= now {
            "expired"
        } else {
            &self.status
        }
    }
}
