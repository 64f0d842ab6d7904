//! A phone number's row.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{IdentificationId, InstanceId, UserId, VerificationId};

row! {
    /// A phone number of a user.
    #[derive(PartialEq, Eq)]
    pub struct PhoneRow {
        pub instance_id: InstanceId,
        pub id: IdentificationId,
        pub user_id: UserId,
        pub phone_number: String,
        pub reserved: bool,
        pub claimed: bool,
        pub verification_status: String,
        pub verification_strategy: Option<String>,
        pub verification_id: Option<VerificationId>,
        pub reserved_for_second_factor: bool,
        pub default_second_factor: bool,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

impl PhoneRow {
    /// Proved to be the user's.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verification_status == "verified"
    }
    /// A code to it proves the second factor.
    #[must_use]
    pub fn is_second_factor(&self) -> bool {
        self.is_verified() && self.reserved_for_second_factor
    }
    /// A code to it proves the first factor, or resets a password. A second factor does neither: whoever takes over the number
    /// would have both (NIST SP 800-63B §3.1.3.3).
    #[must_use]
    pub fn is_first_factor(&self) -> bool {
        self.is_verified() && !self.reserved_for_second_factor
    }
}

/// Brings the second factors among a user's numbers into order: unverified ones are none, and one of them, the oldest
/// where nothing else was said, is the default.
pub fn settle(phones: &mut [PhoneRow], now: Timestamp) {
    let wanted = phones
        .iter()
        .find(|p| p.is_second_factor() && p.default_second_factor)
        .or_else(|| phones.iter().find(|p| p.is_second_factor()))
        .map(|p| p.id.clone());
    for phone in phones {
        let reserved = phone.is_second_factor();
        let default = wanted.as_ref() == Some(&phone.id);
        if phone.reserved_for_second_factor != reserved || phone.default_second_factor != default {
            phone.reserved_for_second_factor = reserved;
            phone.default_second_factor = default;
            phone.updated_at = now;
        }
    }
}
