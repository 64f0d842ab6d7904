//! The job that sends what is queued: claims, sends outside any transaction, retries with growing pauses, gives up after a day.
//! A code is given up when it is too old to be used: a text message costs money.
use super::model::MessageRow;
use super::store;
use crate::app::App;
use crate::verifications::model::CODE_LIFE_MS;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use std::sync::Arc;
use std::time::Duration;
use usher_notify::{Mail, Mailer, SmsProvider, TextMessage, Verdict};
use usher_outbound::{Limits, Request};
use usher_types::{Error, Result, Timestamp};

/// Seconds before the next try, by tries so far; after the last the message is given up.
const PAUSES_SECS: [i64; 7] = [10, 30, 120, 600, 1800, 7200, 28_800];

/// What a provider of text messages may take of us. The job waits meanwhile, and nobody else does.
const LIMITS: Limits = Limits {
    total: Duration::from_secs(15),
    connect: Duration::from_secs(5),
    body: 64 * 1024,
};

/// Sends what is due now; the number of messages that went out.
///
/// # Errors
/// The database's. A mail server's or a provider's refusal is noted with the message instead.
pub async fn send_due(app: &Arc<App>, mailer: Option<&Mailer>) -> Result<usize> {
    let texts = app.options.texts.as_ref();
    if mailer.is_none() && texts.is_none() {
        return Ok(0);
    }
    let now = app.clock.now();
    let mut view = app.db.read("").await?;
    let due = store::due(&mut view, now, mailer.is_some(), texts.is_some()).await?;
    drop(view);
    let mut sent = 0;
    for message in due {
        let pause = usize::try_from(message.attempts)
            .ok()
            .and_then(|i| PAUSES_SECS.get(i).copied());
        let until = now.plus_secs(pause.unwrap_or(60));
        let claimed: bool = usher_db::write_tx!(app.db, "", tx => { Ok::<_, Error>(store::claim(&mut tx, &message.id, message.run_at, until).await?) })?;
        if !claimed {
            continue;
        }
        let verdict = match (message.channel.as_str(), mailer, texts) {
            ("email", Some(mailer), _) => mail(mailer, &message).await,
            ("email", None, _) | (_, _, None) => Verdict::Later,
            (_, _, Some(provider)) => text(app, provider, &message, now).await,
        };
        let status = match verdict {
            Verdict::Taken => {
                sent += 1;
                Some("sent")
            }
            Verdict::Never => Some("failed"),
            Verdict::Later => pause.is_none().then_some("failed"),
        };
        if let Some(status) = status {
            usher_db::write_tx!(app.db, "", tx => { Ok::<_, Error>(store::finish(&mut tx, &message.id, status).await?) })?;
        }
    }
    Ok(sent)
}

async fn mail(mailer: &Mailer, message: &MessageRow) -> Verdict {
    let mail = Mail {
        from: message.sender.clone(),
        to: message.recipient.clone(),
        reply_to: message.reply_to.clone(),
        subject: message.subject.clone().unwrap_or_default(),
        text: message.text_body.clone(),
        html: message.html_body.clone(),
    };
    match mailer.send(&mail).await {
        Ok(()) => Verdict::Taken,
        Err(e) => {
            tracing::warn!(message.id = %message.id, "A mail was not taken: {e}");
            if e.permanent {
                Verdict::Never
            } else {
                Verdict::Later
            }
        }
    }
}

async fn text(app: &App, provider: &SmsProvider, message: &MessageRow, now: Timestamp) -> Verdict {
    let id = &message.id;
    if now.since(message.created_at) >= CODE_LIFE_MS || !provider.delivers(&message.channel) {
        tracing::warn!(message.id = %id, "A text message was given up: its code is too old, or nobody delivers it");
        return Verdict::Never;
    }
    let asked = provider.request(
        &TextMessage {
            id: id.as_str(),
            channel: &message.channel,
            to: &message.recipient,
            text: &message.text_body,
            created_at: message.created_at,
        },
        now,
    );
    let mut headers = Vec::with_capacity(asked.headers.len());
    for (name, value) in asked.headers {
        let Ok(value) = HeaderValue::from_str(&value) else {
            tracing::error!("[sms] has a secret that no header can carry");
            return Verdict::Later;
        };
        headers.push((HeaderName::from_static(name), value));
    }
    let request = Request {
        method: Method::POST,
        url: &asked.url,
        headers,
        body: Bytes::from(asked.body),
        limits: LIMITS,
    };
    match app.options.outbound.send(request).await {
        Ok(answer) => {
            let verdict = provider.verdict(answer.status);
            if verdict != Verdict::Taken {
                tracing::warn!(message.id = %id, "A text message was not taken: status {}", answer.status);
            }
            verdict
        }
        Err(e) => {
            tracing::warn!(message.id = %id, "A text message was not taken: {e}");
            Verdict::Later
        }
    }
}
