//! The service that judges tokens: one `POST` of secret, token and address; an answer with `success`.
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use std::time::Duration;
use usher_http::percent;
use usher_outbound::{Client, Limits, OutboundError, Request};
use usher_types::Secret;

/// Where Turnstile's tokens are judged.
pub const TURNSTILE: &str = "https://challenges.cloudflare.com/turnstile/v0/siteverify";
/// A person waits for the answer.
const LIMITS: Limits = Limits {
    total: Duration::from_secs(5),
    connect: Duration::from_secs(2),
    body: 16 * 1024,
};

/// A process's captcha: the keys of its site, and who judges.
#[derive(Clone, Debug)]
pub struct Captcha {
    /// Public: what widgets are made with.
    pub site_key: String,
    /// The same for widgets that nobody sees.
    pub invisible_site_key: String,
    /// What the service knows us by.
    pub secret: Secret<String>,
    /// Where tokens are judged.
    pub verify_url: String,
    /// Attempts go on while the service does not answer.
    pub accept_unjudged: bool,
}

/// What the service said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A person, here and now; for this action, where the service names one.
    Person {
        /// `signup`, `signin`, …
        action: Option<String>,
    },
    /// Not proved: what the service calls it, for the log.
    Refused(String),
}

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unjudged {
    /// No HTTP answer.
    Request(OutboundError),
    /// Not an answer of such a service.
    Garbage(u16),
    /// It does not know our secret.
    Secret,
}

impl std::fmt::Display for Unjudged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(e) => e.fmt(f),
            Self::Garbage(status) => write!(f, "it answered {status} with no verdict"),
            Self::Secret => f.write_str("it does not know captcha.secret"),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    success: bool,
    #[serde(default, rename = "error-codes")]
    error_codes: Vec<String>,
    #[serde(default)]
    action: Option<String>,
}

impl Captcha {
    /// Asks for a verdict on a token that came from `address`.
    ///
    /// # Errors
    /// The service gave none.
    pub async fn judge(
        &self,
        outbound: &Client,
        token: &str,
        address: &str,
    ) -> Result<Verdict, Unjudged> {
        let mut body = format!(
            "secret={}&response={}",
            percent::encode(self.secret.expose()),
            percent::encode(token)
        );
        if !address.is_empty() {
            body.push_str("&remoteip=");
            body.push_str(&percent::encode(address));
        }
        let request = Request {
            method: Method::POST,
            url: &self.verify_url,
            headers: vec![(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            )],
            body: Bytes::from(body),
            limits: LIMITS,
        };
        let response = outbound.send(request).await.map_err(Unjudged::Request)?;
        let answer: Answer = serde_json::from_slice(&response.body)
            .map_err(|_| Unjudged::Garbage(response.status))?;
        let is = |word: &str| answer.error_codes.iter().any(|code| code == word);
        if answer.success {
            return Ok(Verdict::Person {
                action: answer.action.filter(|action| !action.is_empty()),
            });
        }
        if is("missing-input-secret") || is("invalid-input-secret") {
            return Err(Unjudged::Secret);
        }
        if is("internal-error") {
            return Err(Unjudged::Garbage(response.status));
        }
        Ok(Verdict::Refused(answer.error_codes.join(" ")))
    }
}
