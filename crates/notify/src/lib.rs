//! Mail and text messages to people: what they say, in which language, and sending mail by SMTP and what a
//! provider of text messages is asked. Knows nothing of users beyond
//! what it is given.
pub mod catalog;
pub mod plain;
mod send;
mod sms;
pub mod template;

pub use send::{Mail, MailError, Mailer};
pub use sms::{
    ProviderRequest, SmsProvider, TextMessage, Twilio, Verdict, Webhook, webhook_secret,
};
