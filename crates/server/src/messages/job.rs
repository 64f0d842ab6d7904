//! The job that sends queued mail: claims, sends outside any transaction, retries with growing pauses, gives up after a day.
use super::store;
use crate::app::App;
use std::sync::Arc;
use usher_notify::{Mail, Mailer};
use usher_types::{Error, Result};

/// Seconds before the next try, by tries so far; after the last the message is given up.
const PAUSES_SECS: [i64; 7] = [10, 30, 120, 600, 1800, 7200, 28_800];

/// Sends what is due now; the number of messages that went out.
///
/// # Errors
/// The database's. A mail server's refusal is noted with the message instead.
pub async fn send_due(app: &Arc<App>, mailer: &Mailer) -> Result<usize> {
    let now = app.clock.now();
    let mut view = app.db.read("").await?;
    let due = store::due(&mut view, now).await?;
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
        let mail = Mail {
            from: message.sender.clone(),
            to: message.recipient.clone(),
            reply_to: message.reply_to.clone(),
            subject: message.subject.clone().unwrap_or_default(),
            text: message.text_body.clone(),
            html: message.html_body.clone(),
        };
        let status = match mailer.send(&mail).await {
            Ok(()) => {
                sent += 1;
                Some("sent")
            }
            Err(e) => {
                tracing::warn!(message.id = %message.id, "A mail was not taken: {e}");
                (pause.is_none() || e.permanent).then_some("failed")
            }
        };
        if let Some(status) = status {
            usher_db::write_tx!(app.db, "", tx => { Ok::<_, Error>(store::finish(&mut tx, &message.id, status).await?) })?;
        }
    }
    Ok(sent)
}
