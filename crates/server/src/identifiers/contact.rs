//! Where a person can be reached, and identifies with: an email address or a phone number.
use super::email::EmailAddress;
use super::phones::number::PhoneNumber;

/// An address or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// A mailbox.
    Email(EmailAddress),
    /// A telephone.
    Phone(PhoneNumber),
}

/// How a code reaches a telephone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// A text message.
    #[default]
    Sms,
    /// A message of WhatsApp.
    Whatsapp,
}

impl Channel {
    /// The names on the wire.
    pub const WORDS: &'static [&'static str] = &["sms", "whatsapp"];
    /// The name on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
        }
    }
    /// By name.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "sms" => Some(Self::Sms),
            "whatsapp" => Some(Self::Whatsapp),
            _ => None,
        }
    }
}

impl Contact {
    /// As it is compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(address) => address.as_str(),
            Self::Phone(number) => number.as_str(),
        }
    }
    /// What it reaches, in one form: codes are counted by it.
    #[must_use]
    pub fn mailbox(&self) -> String {
        match self {
            Self::Email(address) => address.mailbox(),
            Self::Phone(number) => number.as_str().to_owned(),
        }
    }
    /// A test identity (contract fapi §9.4).
    #[must_use]
    pub fn is_test(&self) -> bool {
        match self {
            Self::Email(address) => address.is_test(),
            Self::Phone(number) => number.is_test(),
        }
    }
    /// The field that it came in.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Email(_) => "email_address",
            Self::Phone(_) => "phone_number",
        }
    }
    /// Reads an identifier that was stored in its one form.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        if text.starts_with('+') && !text.contains('@') {
            return PhoneNumber::stored(text).map(Self::Phone);
        }
        EmailAddress::parse(text).map(Self::Email)
    }
}
