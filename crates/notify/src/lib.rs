//! Mail and text messages to people: what they say, in which language, and sending by SMTP. Knows nothing of users beyond
//! what it is given.
pub mod catalog;
pub mod plain;
mod send;
pub mod template;

pub use send::{Mail, MailError, Mailer};
