//! Strategies: the ways to prove who one is. A row here is a strategy on the wire; nothing else lists them.
//! Reference: contract fapi §8.5.

macro_rules! strategies {
    ($($(#[$doc:meta])* $name:ident = $word:literal),* $(,)?) => {
        /// A way to prove who one is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Strategy { $($(#[$doc])* $name),* }
        impl Strategy {
            /// Every one.
            pub const ALL: &'static [Strategy] = &[$(Self::$name),*];
            /// Their names on the wire.
            pub const WORDS: &'static [&'static str] = &[$($word),*];
            /// The name on the wire.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
            /// By name.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)* _ => None }
            }
        }
    };
}

strategies! {
    /// A memorized secret.
    Password = "password",
    /// A code by mail.
    EmailCode = "email_code",
    /// A code by mail that allows to set a new password, and nothing before that.
    ResetPasswordEmailCode = "reset_password_email_code",
    /// A WebAuthn credential.
    Passkey = "passkey",
    /// A code of an authenticator app.
    Totp = "totp",
    /// A code that was kept for the day the authenticator app is not at hand.
    BackupCode = "backup_code",
    /// What the operator handed out: a sign-in token, an actor token, an invitation.
    Ticket = "ticket",
}

impl Strategy {
    /// What kind of factor it proves at least.
    #[must_use]
    pub fn proves(self) -> Proves {
        match self {
            Self::Password
            | Self::EmailCode
            | Self::ResetPasswordEmailCode
            | Self::Passkey
            | Self::Ticket => Proves::First,
            Self::Totp | Self::BackupCode => Proves::Second,
        }
    }

    /// The `object` of its verification on the wire (contract fapi §8.4).
    #[must_use]
    pub fn verification_object(self) -> &'static str {
        match self {
            Self::Password => "verification_password",
            Self::EmailCode | Self::ResetPasswordEmailCode => "verification_otp",
            Self::Passkey => "verification_passkey",
            Self::Totp => "verification_totp",
            Self::BackupCode => "verification_backup_code",
            Self::Ticket => "verification_ticket",
        }
    }
}

/// What a strategy proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proves {
    /// A first factor.
    First,
    /// A second factor.
    Second,
    /// Both at once: something that a person has, unlocked by something that the person knows or is (a passkey whose
    /// authenticator verified its user).
    Both,
}
