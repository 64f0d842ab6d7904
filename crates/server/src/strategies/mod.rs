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
}
