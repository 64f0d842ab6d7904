//! Text messages: what a provider is asked, and what its answer means. Nothing is sent here: that is the outbound client's.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use usher_crypto::digest;
use usher_types::{Secret, Timestamp};

/// A text message to send.
#[derive(Clone, Copy, Debug)]
pub struct TextMessage<'a> {
    /// Unique; the same at every try, so that a provider can tell a second one.
    pub id: &'a str,
    /// `sms` or `whatsapp`.
    pub channel: &'a str,
    /// E.164.
    pub to: &'a str,
    /// The text.
    pub text: &'a str,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A request to a provider: `POST` always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRequest {
    /// Absolute.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: String,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message is the provider's now.
    Taken,
    /// Another try may do.
    Later,
    /// It will never be taken.
    Never,
}

/// Twilio, or what speaks its API.
#[derive(Clone, Debug)]
pub struct Twilio {
    /// Where its API is, without a slash at the end.
    pub base_url: String,
    /// `AC…`.
    pub account_sid: String,
    /// Its secret.
    pub auth_token: Secret<String>,
    /// The sender: a number (E.164) or a name. Empty where there is a messaging service.
    pub from: String,
    /// `MG…`: a messaging service chooses the sender.
    pub messaging_service_sid: String,
    /// The sender on WhatsApp (E.164); empty where it is not used.
    pub whatsapp_from: String,
}

/// Any other provider, behind a web hook of the operator's.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where messages are posted.
    pub url: String,
    /// What requests are signed with.
    pub secret: Secret<Vec<u8>>,
    /// It takes messages for WhatsApp too.
    pub whatsapp: bool,
}

/// Who delivers text messages.
#[derive(Clone, Debug)]
pub enum SmsProvider {
    /// See [`Twilio`].
    Twilio(Twilio),
    /// See [`Webhook`].
    Webhook(Webhook),
}

/// The bytes of a web hook's secret: base64 behind `whsec_`, or the text itself.
#[must_use]
pub fn webhook_secret(text: &str) -> Option<Vec<u8>> {
    let bytes = match text.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).ok()?,
        None => text.as_bytes().to_vec(),
    };
    // Less than 16 bytes can be guessed.
    (bytes.len() >= 16).then_some(bytes)
}

impl SmsProvider {
    /// It can deliver by this channel.
    #[must_use]
    pub fn delivers(&self, channel: &str) -> bool {
        match (self, channel) {
            (_, "sms") => true,
            (Self::Twilio(twilio), "whatsapp") => !twilio.whatsapp_from.is_empty(),
            (Self::Webhook(webhook), "whatsapp") => webhook.whatsapp,
            _ => false,
        }
    }

    /// What to ask. `now` dates a signature.
    #[must_use]
    pub fn request(&self, message: &TextMessage<'_>, now: Timestamp) -> ProviderRequest {
        match self {
            Self::Twilio(twilio) => twilio.request(message),
            Self::Webhook(webhook) => webhook.request(message, now),
        }
    }

    /// What the answer's status means. Requests that the provider calls wrong are wrong at every try; what is wrong with us
    /// (our secret, our account, too many at once) can be put right.
    #[must_use]
    pub fn verdict(&self, status: u16) -> Verdict {
        match status {
            200..=299 => Verdict::Taken,
            400 | 404 | 410 | 422 => Verdict::Never,
            _ => Verdict::Later,
        }
    }
}

impl Twilio {
    fn request(&self, message: &TextMessage<'_>) -> ProviderRequest {
        let by_whatsapp = message.channel == "whatsapp";
        let mut form = Vec::new();
        if by_whatsapp {
            form.push(("To", format!("whatsapp:{}", message.to)));
            form.push(("From", format!("whatsapp:{}", self.whatsapp_from)));
        } else {
            form.push(("To", message.to.to_owned()));
            if self.messaging_service_sid.is_empty() {
                form.push(("From", self.from.clone()));
            } else {
                form.push(("MessagingServiceSid", self.messaging_service_sid.clone()));
            }
        }
        form.push(("Body", message.text.to_owned()));
        let pairs: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", usher_http::percent::encode(value)))
            .collect();
        let credentials = format!("{}:{}", self.account_sid, self.auth_token.expose());
        ProviderRequest {
            url: format!(
                "{}/2010-04-01/Accounts/{}/Messages.json",
                self.base_url, self.account_sid
            ),
            headers: vec![
                (
                    "authorization",
                    format!("Basic {}", STANDARD.encode(credentials)),
                ),
                (
                    "content-type",
                    "application/x-www-form-urlencoded".to_owned(),
                ),
            ],
            body: pairs.join("&"),
        }
    }
}

impl Webhook {
    /// Signed as Standard Webhooks says: HMAC-SHA256 over id, time and body.
    fn request(&self, message: &TextMessage<'_>, now: Timestamp) -> ProviderRequest {
        let body = self.body(message).to_string();
        let time = now.secs();
        let signed = format!("{}.{time}.{body}", message.id);
        let signature = digest::hmac_sha256(self.secret.expose(), signed.as_bytes());
        ProviderRequest {
            url: self.url.clone(),
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("webhook-id", message.id.to_owned()),
                ("webhook-timestamp", time.to_string()),
                (
                    "webhook-signature",
                    format!("v1,{}", STANDARD.encode(signature)),
                ),
            ],
            body,
        }
    }

    fn body(&self, message: &TextMessage<'_>) -> Value {
        json!({
            "type": "sms.created",
            "object": "event",
            "data": {
                "object": "sms_message",
                "id": message.id,
                "channel": message.channel,
                "to_phone_number": message.to,
                "message": message.text,
                "created_at_ms": message.created_at.0,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(channel: &'static str) -> TextMessage<'static> {
        TextMessage {
            id: "msg_1",
            channel,
            to: "+12025550273",
            text: "123456 is your code & more",
            created_at: Timestamp(1_000),
        }
    }

    fn twilio() -> Twilio {
        Twilio {
            base_url: "https://api.twilio.com".to_owned(),
            account_sid: "AC1".to_owned(),
            auth_token: Secret::new("hidden".to_owned()),
            from: "+14165550298".to_owned(),
            messaging_service_sid: String::new(),
            whatsapp_from: String::new(),
        }
    }

    #[test]
    fn twilio_is_asked_as_its_api_says() {
        let provider = SmsProvider::Twilio(twilio());
        let request = provider.request(&message("sms"), Timestamp(0));
        assert_eq!(
            request.url,
            "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"
        );
        assert_eq!(
            request.headers[0],
            ("authorization", "Basic QUMxOmhpZGRlbg==".to_owned())
        );
        assert_eq!(
            request.body,
            "To=%2B12025550273&From=%2B14165550298&Body=123456%20is%20your%20code%20%26%20more"
        );
        let service = SmsProvider::Twilio(Twilio {
            messaging_service_sid: "MG1".to_owned(),
            whatsapp_from: "+14165550299".to_owned(),
            ..twilio()
        });
        assert!(
            service
                .request(&message("sms"), Timestamp(0))
                .body
                .contains("&MessagingServiceSid=MG1&")
        );
        assert!(
            service
                .request(&message("whatsapp"), Timestamp(0))
                .body
                .starts_with("To=whatsapp%3A%2B12025550273&From=whatsapp%3A%2B14165550299&")
        );
        assert!(service.delivers("whatsapp") && !provider.delivers("whatsapp"));
        assert!(!format!("{provider:?}").contains("hidden"));
    }

    #[test]
    fn a_web_hook_is_signed_over_its_id_time_and_body() {
        let secret = webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let provider = SmsProvider::Webhook(Webhook {
            url: "https://hooks.example.com/sms".to_owned(),
            secret: Secret::new(secret.clone()),
            whatsapp: false,
        });
        let request = provider.request(&message("sms"), Timestamp(1_614_265_330_000));
        let header = |name: &str| {
            let found = request.headers.iter().find(|(n, _)| *n == name);
            found.map(|(_, v)| v.clone()).unwrap_or_default()
        };
        assert_eq!(
            (header("webhook-id"), header("webhook-timestamp")),
            ("msg_1".to_owned(), "1614265330".to_owned())
        );
        let signed = format!("msg_1.1614265330.{}", request.body);
        let expected = STANDARD.encode(digest::hmac_sha256(&secret, signed.as_bytes()));
        assert_eq!(header("webhook-signature"), format!("v1,{expected}"));
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        assert_eq!(body["data"]["to_phone_number"], "+12025550273");
        assert_eq!(webhook_secret("too short"), None);
        assert_eq!(webhook_secret("whsec_%%%"), None);
    }

    #[test]
    fn answers_are_taken_tried_again_or_given_up() {
        let provider = SmsProvider::Twilio(twilio());
        for (status, verdict) in [
            (201, Verdict::Taken),
            (400, Verdict::Never),
            (404, Verdict::Never),
            (401, Verdict::Later),
            (429, Verdict::Later),
            (500, Verdict::Later),
        ] {
            assert_eq!(provider.verdict(status), verdict, "{status}");
        }
    }
}
