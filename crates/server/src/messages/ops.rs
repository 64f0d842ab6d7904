//! Composing messages: who is told what. Each is called in the transaction of what it tells about.
use super::model::MessageRow;
use super::store;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::contact::{Channel, Contact};
use crate::identifiers::email::{EmailAddress, EmailRow};
use crate::templates::{self, Kind, Rendered, Slug};
use crate::users::model::UserRow;
use crate::verifications::links::Purpose;
use crate::verifications::model::CODE_LIFE_MS;
use serde_json::{Map, Value, json};
use usher_db::Tx;
use usher_types::Result;
use usher_types::id::MessageId;

/// Sends a one-time code: `slug` says what for, `locale` in which language.
///
/// # Errors
/// The database's.
pub async fn code(
    cx: &Cx,
    tx: &mut Tx,
    to: &Contact,
    channel: Channel,
    slug: Slug,
    locale: Option<&str>,
    code: &str,
) -> Result<()> {
    let vars = json!({ "otp_code": code, "ttl_minutes": CODE_LIFE_MS / 60_000 });
    match to {
        Contact::Email(to) => mail(cx, tx, to, slug, locale, vars, Some(code)).await,
        Contact::Phone(to) => {
            match templates::render(cx, tx, Kind::Sms, slug, locale, vars).await? {
                Some(text) => {
                    let row = MessageRow {
                        channel: channel.word().to_owned(),
                        recipient: to.as_str().to_owned(),
                        text_body: text.text,
                        ..blank(cx, Some(code))
                    };
                    put(cx, tx, row).await
                }
                None => Ok(()),
            }
        }
    }
}

/// An invitation, for its mail.
#[derive(Clone, Copy, Debug)]
pub struct Invited<'a> {
    /// Where it is accepted.
    pub link: &'a str,
    /// Days until it ends.
    pub days: i64,
    /// What it carries.
    pub public_metadata: Option<&'a Map<String, Value>>,
}

/// Mails a link that proves an address.
///
/// # Errors
/// The database's.
pub async fn link(
    cx: &Cx,
    tx: &mut Tx,
    to: &EmailAddress,
    purpose: Purpose,
    locale: Option<&str>,
    url: &str,
) -> Result<()> {
    let slug = match purpose {
        Purpose::SignIn => Slug::MagicLinkSignIn,
        Purpose::SignUp => Slug::MagicLinkSignUp,
        Purpose::Address => Slug::MagicLinkUserProfile,
    };
    let vars = json!({ "action_url": url, "ttl_minutes": CODE_LIFE_MS / 60_000 });
    mail(cx, tx, to, slug, locale, vars, None).await
}

/// Mails an invitation's link.
///
/// # Errors
/// The database's.
pub async fn invitation(
    cx: &Cx,
    tx: &mut Tx,
    to: &EmailAddress,
    slug: Slug,
    invited: Invited<'_>,
) -> Result<()> {
    let vars = json!({
        "action_url": invited.link,
        "invitation": {
            "expires_in_days": invited.days, "one_day": invited.days == 1,
            "public_metadata": invited.public_metadata.cloned().unwrap_or_default(),
        },
    });
    mail(cx, tx, to, slug, None, vars, None).await
}

/// The organization that somebody is invited to, for its mail.
#[derive(Clone, Debug)]
pub struct ToOrganization<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its picture.
    pub logo: &'a str,
    /// Who invites, where a member does.
    pub inviter: Option<String>,
}

/// Mails the link of an invitation to an organization.
///
/// # Errors
/// The database's.
pub async fn organization_invitation(
    cx: &Cx,
    tx: &mut Tx,
    to: &EmailAddress,
    invited: Invited<'_>,
    organization: ToOrganization<'_>,
) -> Result<()> {
    let vars = json!({
        "action_url": invited.link,
        "invitation": {
            "expires_in_days": invited.days, "one_day": invited.days == 1,
            "public_metadata": invited.public_metadata.cloned().unwrap_or_default(),
        },
        "inviter": { "name": organization.inviter },
        "org": { "name": organization.name, "logo_image_url": organization.logo },
    });
    mail(cx, tx, to, Slug::OrganizationInvitation, None, vars, None).await
}

/// Confirms a place on the waitlist.
///
/// # Errors
/// The database's.
pub async fn waitlisted(cx: &Cx, tx: &mut Tx, to: &EmailAddress) -> Result<()> {
    mail(
        cx,
        tx,
        to,
        Slug::WaitlistConfirmation,
        None,
        json!({}),
        None,
    )
    .await
}

/// Tells a user what was done to the account, at the primary address as it stands in the row: nobody hears of it at an
/// address that was not proved. Nothing where the operator has switched the notice off.
///
/// # Errors
/// The database's.
pub async fn notice(cx: &Cx, tx: &mut Tx, user: &UserRow, slug: Slug, vars: Value) -> Result<()> {
    if !cx.instance.settings.notices.allow(slug) {
        return Ok(());
    }
    let Some(id) = &user.primary_email_address_id else {
        return Ok(());
    };
    let row = identifiers::store::find::<EmailRow>(tx, id).await?;
    let Some(to) = row
        .filter(EmailRow::is_verified)
        .and_then(|row| EmailAddress::parse(&row.email_address))
    else {
        return Ok(());
    };
    notice_at(cx, tx, &to, user, slug, vars).await
}

/// Tells the address that was a user's primary one that another one is. `after` is the user as written; nothing where the
/// address did not change, or was never proved.
///
/// # Errors
/// The database's.
pub async fn primary_changed(
    cx: &Cx,
    tx: &mut Tx,
    after: &UserRow,
    old: Option<&EmailRow>,
) -> Result<()> {
    let Some(old) = old.filter(|old| {
        old.is_verified() && after.primary_email_address_id.as_ref() != Some(&old.id)
    }) else {
        return Ok(());
    };
    let Some(to) = EmailAddress::parse(&old.email_address) else {
        return Ok(());
    };
    let vars = json!({ "primary_email_address": after.primary_email_normal });
    notice_at(cx, tx, &to, after, Slug::PrimaryEmailAddressChanged, vars).await
}

/// A notice at an address that was proved.
async fn notice_at(
    cx: &Cx,
    tx: &mut Tx,
    to: &EmailAddress,
    user: &UserRow,
    slug: Slug,
    mut vars: Value,
) -> Result<()> {
    if cx.instance.test_mode() && to.is_test() {
        return Ok(());
    }
    vars["user"] = json!({ "first_name": user.first_name, "last_name": user.last_name });
    mail(cx, tx, to, slug, user.locale.as_deref(), vars, None).await
}

async fn mail(
    cx: &Cx,
    tx: &mut Tx,
    to: &EmailAddress,
    slug: Slug,
    locale: Option<&str>,
    vars: Value,
    code: Option<&str>,
) -> Result<()> {
    match templates::render(cx, tx, Kind::Email, slug, locale, vars).await? {
        Some(mail) => queue(cx, tx, to, mail, code).await,
        None => Ok(()),
    }
}

/// The sender with another name before the `@`: `Usher <no-reply@example.com>`.
#[must_use]
pub fn sender(configured: &str, name: Option<&str>) -> String {
    let Some(name) = name else {
        return configured.to_owned();
    };
    let (shown, address) = match configured.split_once('<') {
        Some((shown, rest)) => (shown, rest.trim_end().trim_end_matches('>')),
        None => ("", configured),
    };
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    if shown.is_empty() {
        format!("{name}@{domain}")
    } else {
        format!("{shown}<{name}@{domain}>")
    }
}

/// Puts a mail into the queue, or into the inbox in development.
async fn queue(
    cx: &Cx,
    tx: &mut Tx,
    to: &EmailAddress,
    mail: Rendered,
    code: Option<&str>,
) -> Result<()> {
    let configured = &cx.app.options.mail_from;
    let row = MessageRow {
        channel: "email".to_owned(),
        recipient: to.as_str().to_owned(),
        sender: sender(configured, mail.from_name.as_deref()),
        reply_to: mail
            .reply_to_name
            .map(|name| sender(configured, Some(&name))),
        subject: Some(mail.subject),
        text_body: mail.text,
        html_body: mail.html,
        ..blank(cx, code)
    };
    put(cx, tx, row).await
}

/// A message that says nothing yet. Its code is kept apart where an inbox shows it.
fn blank(cx: &Cx, code: Option<&str>) -> MessageRow {
    let development = cx.app.options.development;
    MessageRow {
        instance_id: cx.instance.row.id.clone(),
        id: MessageId::compose(cx.now, &cx.fresh()),
        channel: String::new(),
        recipient: String::new(),
        sender: String::new(),
        reply_to: None,
        subject: None,
        text_body: String::new(),
        html_body: None,
        code: code.filter(|_| development).map(str::to_owned),
        status: if development { "inbox" } else { "queued" }.to_owned(),
        attempts: 0,
        run_at: cx.now,
        created_at: cx.now,
    }
}

async fn put(cx: &Cx, tx: &mut Tx, row: MessageRow) -> Result<()> {
    store::insert(tx, &row).await?;
    cx.app.mail_wake.notify_one();
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_name_before_the_at_is_all_that_changes_of_a_sender() {
        use super::sender;
        assert_eq!(
            sender("Usher <no-reply@example.com>", Some("hello")),
            "Usher <hello@example.com>"
        );
        assert_eq!(
            sender("no-reply@example.com", Some("hello")),
            "hello@example.com"
        );
        assert_eq!(
            sender("Usher <no-reply@example.com>", None),
            "Usher <no-reply@example.com>"
        );
    }
}
