//! Ids: a type prefix and 27 base62 characters, as on the wire (contract bapi §1.10).
//! The body starts with six characters of time, so that ids sort by creation within a table and indexes stay compact.
use crate::clock::Timestamp;
use std::fmt;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters after the prefix.
pub const BODY: usize = 27;

/// Makes an id of `prefix`: six base62 digits of the second, then `random` (21 base62 characters of fresh randomness).
#[must_use]
pub fn compose(prefix: &str, now: Timestamp, random: &str) -> String {
    let mut seconds = u64::try_from(now.secs()).unwrap_or(0);
    let mut head = [b'0'; 6];
    for slot in head.iter_mut().rev() {
        *slot = ALPHABET[usize::try_from(seconds % 62).unwrap_or(0)];
        seconds /= 62;
    }
    let mut id = String::with_capacity(prefix.len() + BODY);
    id.push_str(prefix);
    id.extend(head.iter().map(|&b| char::from(b)));
    id.push_str(random);
    id
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;
            /// Makes an id from 21 characters of fresh base62 randomness.
            #[must_use]
            pub fn compose(now: Timestamp, random: &str) -> Self {
                Self(compose($prefix, now, random))
            }
            /// Reads an id from outside: right prefix, then 1 to 64 characters of `[0-9A-Za-z_]`.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let body = text.strip_prefix($prefix)?;
                let fits = (1..=64).contains(&body.len()) && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                fits.then(|| Self(text.to_owned()))
            }
            /// An id read back from our own tables.
            #[must_use]
            pub fn trusted(text: String) -> Self {
                Self(text)
            }
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    )*};
}

// In alphabetical order; append only.
ids! {
    /// An application: a group of instances.
    ApplicationId = "app_";
    /// A user's set of backup codes.
    BackupCodesId = "bkpc_";
    /// One browser or device.
    ClientId = "client_";
    /// A user's account at a provider.
    ExternalAccountId = "eac_";
    /// An email address, phone number or wallet of a user.
    IdentificationId = "idn_";
    /// An instance: one user base with its keys and settings.
    InstanceId = "ins_";
    /// A mail or text message kept for people to read (development) or to be sent.
    MessageId = "ema_";
    /// An organization: a group of users.
    OrganizationId = "org_";
    /// A session.
    SessionId = "sess_";
    /// A sign-in attempt.
    SignInId = "sia_";
    /// A sign-up attempt.
    SignUpId = "sua_";
    /// A user's authenticator app.
    TotpId = "totp_";
    /// A key in a user's phone.
    TrustedDeviceId = "tdev_";
    /// A user.
    UserId = "user_";
    /// A verification of an identification or a factor.
    VerificationId = "ver_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_prefix_and_27_characters_and_sorts_by_time() {
        let early = UserId::compose(Timestamp(1_700_000_000_000), "000000000000000000000");
        let late = UserId::compose(Timestamp(1_800_000_000_000), "000000000000000000000");
        assert_eq!(early.as_str().len(), "user_".len() + BODY);
        assert!(early < late);
        assert_eq!(UserId::parse(early.as_str()), Some(early));
        for foreign in ["", "user_", "sess_2x", "user_a/b", "user_\u{e9}", "USER_2x"] {
            assert_eq!(UserId::parse(foreign), None, "{foreign}");
        }
    }
}
