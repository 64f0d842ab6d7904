//! Sending by SMTP (lettre, rustls).
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::{AsyncTransport, Message, Tokio1Executor};
use std::fmt;

/// A mail to send.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `Name <address>` or an address.
    pub from: String,
    /// An address.
    pub to: String,
    /// Where answers go, where that is not the sender.
    pub reply_to: Option<String>,
    /// Subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: Option<String>,
}

/// Why a mail was not taken. Its text holds nothing of the mail.
#[derive(Debug)]
pub struct MailError {
    /// Trying again is useless.
    pub permanent: bool,
    text: String,
}

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl std::error::Error for MailError {}

/// A mail server.
#[derive(Clone)]
pub struct Mailer(AsyncSmtpTransport<Tokio1Executor>);

impl Mailer {
    /// A server by URL: `smtps://user:password@host:465`, `smtp://host:587?tls=required`, `smtp://127.0.0.1:2525`.
    ///
    /// # Errors
    /// A URL that is none.
    pub fn smtp(url: &str) -> Result<Self, MailError> {
        let builder =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| MailError {
                permanent: true,
                text: "mail.smtp_url is not an SMTP URL".to_owned(),
            })?;
        Ok(Self(
            builder
                .timeout(Some(std::time::Duration::from_secs(20)))
                .build(),
        ))
    }
    /// Sends a mail.
    ///
    /// # Errors
    /// The server's refusal, or that it cannot be reached.
    pub async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let broken = |e: &dyn fmt::Display| MailError {
            permanent: true,
            text: e.to_string(),
        };
        let from: Mailbox = mail.from.parse().map_err(|e| broken(&e))?;
        let to: Mailbox = mail.to.parse().map_err(|e| broken(&e))?;
        let mut builder = Message::builder().from(from).to(to).subject(&mail.subject);
        if let Some(reply_to) = &mail.reply_to {
            builder = builder.reply_to(reply_to.parse().map_err(|e| broken(&e))?);
        }
        let message = match &mail.html {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(
                mail.text.clone(),
                html.clone(),
            )),
            None => builder.singlepart(SinglePart::plain(mail.text.clone())),
        }
        .map_err(|e| broken(&e))?;
        self.0.send(message).await.map(drop).map_err(|e| MailError {
            permanent: e.is_permanent(),
            text: e.to_string(),
        })
    }
}
