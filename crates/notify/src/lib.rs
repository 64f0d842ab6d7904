//! Mail to people: the texts, and sending by SMTP. Knows nothing of users or codes beyond what it is given.
mod send;
mod text;

pub use send::{Mail, MailError, Mailer};
pub use text::{Composed, code_mail, invitation_mail, waitlist_mail};
