//! Composing messages.
use super::model::MessageRow;
use super::store;
use crate::cx::Cx;
use crate::identifiers::email::EmailAddress;
use usher_db::Tx;
use usher_types::Result;
use usher_types::id::MessageId;

/// Mails a one-time code.
///
/// # Errors
/// The database's.
pub async fn code(cx: &Cx, tx: &mut Tx, to: &EmailAddress, code: &str) -> Result<()> {
    let name = &cx.instance.settings.application_name;
    let mail = usher_notify::code_mail(name, code);
    let row = MessageRow {
        instance_id: cx.instance.row.id.clone(),
        id: MessageId::compose(cx.now, &cx.fresh()),
        channel: "email".to_owned(),
        recipient: to.as_str().to_owned(),
        sender: cx.app.options.mail_from.clone(),
        subject: Some(mail.subject),
        text_body: mail.text,
        html_body: Some(mail.html),
        code: cx.app.options.development.then(|| code.to_owned()),
        status: if cx.app.options.development {
            "inbox"
        } else {
            "queued"
        }
        .to_owned(),
        attempts: 0,
        run_at: cx.now,
        created_at: cx.now,
    };
    store::insert(tx, &row).await?;
    cx.app.mail_wake.notify_one();
    Ok(())
}
