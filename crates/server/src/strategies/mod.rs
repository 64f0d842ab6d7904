//! Strategies: the ways to prove who one is. A row here is a strategy on the wire; nothing else lists them.
//! Reference: contract fapi §8.5.
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! strategies {
    ($($(#[$doc:meta])* $name:ident = $word:literal),* $(,)?) => {
        /// A way to prove who one is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Strategy {
            $($(#[$doc])* $name,)*
            /// An account at a provider, by the whole word: `oauth_google`. Which there are, the instance's connections say.
            Oauth(&'static str),
        }
        impl Strategy {
            /// Every one that is the same for all instances.
            pub const ALL: &'static [Strategy] = &[$(Self::$name),*];
            /// Their names on the wire.
            pub const WORDS: &'static [&'static str] = &[$($word),*];
            /// The name on the wire.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* Self::Oauth(word) => word }
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
    /// A link by mail, followed in the browser that asked for it.
    EmailLink = "email_link",
    /// A code by mail that allows to set a new password, and nothing before that.
    ResetPasswordEmailCode = "reset_password_email_code",
    /// A code to a telephone.
    PhoneCode = "phone_code",
    /// A code to a telephone that allows to set a new password, and nothing before that.
    ResetPasswordPhoneCode = "reset_password_phone_code",
    /// A WebAuthn credential.
    Passkey = "passkey",
    /// A code of an authenticator app.
    Totp = "totp",
    /// A code that was kept for the day the authenticator app is not at hand.
    BackupCode = "backup_code",
    /// What the operator handed out: a sign-in token, an actor token, an invitation.
    Ticket = "ticket",
    /// A signature of an Ethereum wallet, by MetaMask.
    Web3Metamask = "web3_metamask_signature",
    /// A signature of an Ethereum wallet, by Base.
    Web3Base = "web3_base_signature",
    /// A signature of an Ethereum wallet, by Coinbase Wallet.
    Web3CoinbaseWallet = "web3_coinbase_wallet_signature",
    /// A signature of an Ethereum wallet, by OKX Wallet.
    Web3OkxWallet = "web3_okx_wallet_signature",
    /// A signature of a Solana wallet.
    Web3Solana = "web3_solana_signature",
    /// A signature of a key in a phone, by a native app.
    TrustedDevice = "trusted_device",
}

impl Strategy {
    /// What kind of factor it proves at least.
    #[must_use]
    pub fn proves(self) -> Proves {
        match self {
            Self::Password
            | Self::EmailCode
            | Self::EmailLink
            | Self::ResetPasswordEmailCode
            | Self::PhoneCode
            | Self::ResetPasswordPhoneCode
            | Self::Passkey
            | Self::Ticket
            | Self::Oauth(_)
            | Self::Web3Metamask
            | Self::Web3Base
            | Self::Web3CoinbaseWallet
            | Self::Web3OkxWallet
            | Self::Web3Solana
            // Nothing attests that the phone asked who holds it.
            | Self::TrustedDevice => Proves::First,
            Self::Totp | Self::BackupCode => Proves::Second,
        }
    }

    /// It can be a second factor: nothing else, or a code to a number that is reserved for that.
    #[must_use]
    pub fn is_second_factor(self) -> bool {
        match self {
            Self::Totp | Self::BackupCode | Self::PhoneCode => true,
            Self::Password
            | Self::EmailCode
            | Self::EmailLink
            | Self::ResetPasswordEmailCode
            | Self::ResetPasswordPhoneCode
            | Self::Passkey
            | Self::Web3Metamask
            | Self::Web3Base
            | Self::Web3CoinbaseWallet
            | Self::Web3OkxWallet
            | Self::Web3Solana
            | Self::Ticket
            | Self::TrustedDevice
            | Self::Oauth(_) => false,
        }
    }

    /// It allows to set a new password, and nothing before that.
    #[must_use]
    pub fn resets_password(self) -> bool {
        match self {
            Self::ResetPasswordEmailCode | Self::ResetPasswordPhoneCode => true,
            Self::Password
            | Self::EmailCode
            | Self::EmailLink
            | Self::PhoneCode
            | Self::Passkey
            | Self::Totp
            | Self::BackupCode
            | Self::Web3Metamask
            | Self::Web3Base
            | Self::Web3CoinbaseWallet
            | Self::Web3OkxWallet
            | Self::Web3Solana
            | Self::Ticket
            | Self::TrustedDevice
            | Self::Oauth(_) => false,
        }
    }

    /// What a message that proves it is sent to; `None` where none is sent.
    #[must_use]
    pub fn medium(self) -> Option<Medium> {
        match self {
            Self::EmailCode | Self::EmailLink | Self::ResetPasswordEmailCode => Some(Medium::Mail),
            Self::PhoneCode | Self::ResetPasswordPhoneCode => Some(Medium::Telephone),
            Self::Password
            | Self::Passkey
            | Self::Totp
            | Self::BackupCode
            | Self::Web3Metamask
            | Self::Web3Base
            | Self::Web3CoinbaseWallet
            | Self::Web3OkxWallet
            | Self::Web3Solana
            | Self::Ticket
            | Self::TrustedDevice
            | Self::Oauth(_) => None,
        }
    }

    /// The `object` of its verification on the wire (contract fapi §8.4).
    #[must_use]
    pub fn verification_object(self) -> &'static str {
        match self {
            Self::Password => "verification_password",
            Self::EmailCode
            | Self::ResetPasswordEmailCode
            | Self::PhoneCode
            | Self::ResetPasswordPhoneCode => "verification_otp",
            Self::EmailLink => "verification_email_link",
            Self::Passkey => "verification_passkey",
            Self::Totp => "verification_totp",
            Self::BackupCode => "verification_backup_code",
            Self::Ticket => "verification_ticket",
            Self::Web3Metamask
            | Self::Web3Base
            | Self::Web3CoinbaseWallet
            | Self::Web3OkxWallet
            | Self::Web3Solana => "verification_web3",
            Self::TrustedDevice => "verification_trusted_device",
            Self::Oauth(_) => "verification_oauth",
        }
    }

    /// Which wallets sign for it; `None` where none does.
    #[must_use]
    pub fn chain(self) -> Option<Chain> {
        match self {
            Self::Web3Metamask
            | Self::Web3Base
            | Self::Web3CoinbaseWallet
            | Self::Web3OkxWallet => Some(Chain::Ethereum),
            Self::Web3Solana => Some(Chain::Solana),
            Self::Password
            | Self::EmailCode
            | Self::EmailLink
            | Self::ResetPasswordEmailCode
            | Self::PhoneCode
            | Self::ResetPasswordPhoneCode
            | Self::Passkey
            | Self::Totp
            | Self::BackupCode
            | Self::Ticket
            | Self::TrustedDevice
            | Self::Oauth(_) => None,
        }
    }
}

impl Serialize for Strategy {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Strategy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        Self::parse(&word).ok_or_else(|| D::Error::custom(format!("{word:?} is no strategy")))
    }
}

/// What messages are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// An email address.
    Mail,
    /// A phone number.
    Telephone,
}

impl Medium {
    /// The field that names the address or number.
    #[must_use]
    pub fn id_field(self) -> &'static str {
        match self {
            Self::Mail => "email_address_id",
            Self::Telephone => "phone_number_id",
        }
    }
    /// What it is called in a refusal.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Mail => "email address",
            Self::Telephone => "phone number",
        }
    }
}

/// Whose keys a wallet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Ethereum, and the chains that are made like it.
    Ethereum,
    /// Solana.
    Solana,
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
