//! Composing messages.
use super::model::MessageRow;
use super::store;
use crate::cx::Cx;
use crate::identifiers::email::EmailAddress;
use usher_db::Tx;
use usher_notify::Composed;
use usher_types::Result;
use usher_types::id::MessageId;

/// Mails a one-time code.
///
/// # Errors
/// The database's.
pub async fn code(cx: &Cx, tx: &mut Tx, to: &EmailAddress, code: &str) -> Result<()> {
    let name = &cx.instance.settings.application_name;
    queue(cx, tx, to, usher_notify::code_mail(name, code), Some(code)).await
}

/// Mails an invitation's link, which can be followed for `days`.
///
/// # Errors
/// The database's.
pub async fn invitation(
    cx: &Cx,
    tx: &mut Tx,
    to: &EmailAddress,
    link: &str,
    days: i64,
) -> Result<()> {
    let name = &cx.instance.settings.application_name;
    let mail = usher_notify::invitation_mail(name, link, days);
    queue(cx, tx, to, mail, None).await
}

/// Confirms a place on the waitlist.
///
/// # Errors
/// The database's.
pub async fn waitlisted(cx: &Cx, tx: &mut Tx, to: &EmailAddress) -> Result<()> {
    let name = &cx.instance.settings.application_name;
    queue(cx, tx, to, usher_notify::waitlist_mail(name), None).await
}

/// Puts a mail into the queue, or into the inbox in development.
async fn queue(
    cx: &Cx,
    tx: &mut Tx,
    to: &EmailAddress,
    mail: Composed,
    code: Option<&str>,
) -> Result<()> {
    let row = MessageRow {
        instance_id: cx.instance.row.id.clone(),
        id: MessageId::compose(cx.now, &cx.fresh()),
        channel: "email".to_owned(),
        recipient: to.as_str().to_owned(),
        sender: cx.app.options.mail_from.clone(),
        subject: Some(mail.subject),
        text_body: mail.text,
        html_body: Some(mail.html),
        code: code
            .filter(|_| cx.app.options.development)
            .map(str::to_owned),
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
