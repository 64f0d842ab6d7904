//! Making, reading, accepting and revoking tickets.
use super::model::{Kind, TicketRow};
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::email::{EmailAddress, EmailRow};
use crate::messages;
use crate::templates::Slug;
use crate::users;
use serde_json::{Map, Value};
use usher_crypto::digest;
use usher_db::Tx;
use usher_http::origin::Url;
use usher_types::error::codes as refuse;
use usher_types::id::{self, UserId};
use usher_types::{Error, Result};

fn mac(cx: &Cx, id: &str) -> String {
    digest::b64url(&digest::hmac_sha256(&cx.instance.ticket_key, id.as_bytes()))
}

/// The ticket itself: whoever has it can use it. It is computed, not stored.
#[must_use]
pub fn secret(cx: &Cx, id: &str) -> String {
    format!("{id}.{}", mac(cx, id))
}

/// The link that leads to [`destination`].
#[must_use]
pub fn url(cx: &Cx, id: &str) -> String {
    // In development the browser's cookies are on the host that people open.
    let base = if cx.app.options.development {
        &cx.instance.portal_origin
    } else {
        &cx.instance.issuer
    };
    format!("{base}/v1/tickets/accept?ticket={}", secret(cx, id))
}

/// The ticket that `text` is, whatever its status. Its MAC is checked before the database is asked.
///
/// # Errors
/// 400 `ticket_invalid_code` for what this instance did not make, and for tickets of deleted users.
pub async fn find(cx: &Cx, tx: &mut Tx, text: &str) -> Result<TicketRow> {
    let (id, given) = text
        .split_once('.')
        .ok_or_else(refuse::ticket_invalid_code)?;
    if !digest::equal(mac(cx, id).as_bytes(), given.as_bytes()) {
        return Err(refuse::ticket_invalid_code().into());
    }
    let row = store::find(tx, id).await?;
    Ok(row.ok_or_else(refuse::ticket_invalid_code)?)
}

/// What a ticket is for.
///
/// # Errors
/// 400 `ticket_invalid_code` for a kind that this version does not know.
pub fn kind(row: &TicketRow) -> Result<Kind> {
    Ok(Kind::parse(&row.kind).ok_or_else(refuse::ticket_invalid_code)?)
}

/// The one verdict on a ticket's state.
///
/// # Errors
/// 400, with the code of the kind and the reason: used, revoked, too old.
pub fn check(cx: &Cx, row: &TicketRow) -> Result<()> {
    let kind = kind(row)?;
    let refused = match (row.status_at(cx.now), kind) {
        ("pending", _) => return Ok(()),
        ("expired", _) => refuse::ticket_expired_code(),
        ("revoked", Kind::SignInToken) => refuse::sign_in_token_revoked_code(),
        ("revoked", Kind::ActorToken) => refuse::actor_token_revoked_code(),
        ("revoked", Kind::Invitation) => refuse::revoked_invitation(),
        ("revoked", Kind::OrganizationInvitation) => refuse::organization_invitation_revoked_code(),
        (_, Kind::SignInToken) => refuse::sign_in_token_already_used_code(),
        (_, Kind::ActorToken) => refuse::actor_token_already_used_code(),
        (_, Kind::Invitation) => refuse::invitation_already_accepted(),
        (_, Kind::OrganizationInvitation) => refuse::organization_invitation_already_accepted(),
    };
    Err(refused.into())
}

/// Uses a ticket up. Called in the transaction of what it gives.
///
/// # Errors
/// As [`check`]; whoever lost a race is told that it was used.
pub async fn accept(cx: &Cx, tx: &mut Tx, row: &TicketRow) -> Result<()> {
    check(cx, row)?;
    if store::accept(tx, &row.id, cx.now).await? {
        audit::record(cx, tx, told(kind(row)?.accepted(), row));
        return Ok(());
    }
    let now = store::find(tx, &row.id).await?;
    check(cx, &now.ok_or_else(refuse::ticket_invalid_code)?)?;
    Err(refuse::ticket_invalid_code().into())
}

/// Where the link of a ticket leads: the invitation's own page or the sign-in or sign-up page, with the ticket and with
/// what is to be done with it. Nothing is used up: mail scanners follow links.
///
/// # Errors
/// As [`find`] and [`check`].
pub async fn destination(cx: &Cx, text: &str) -> Result<String> {
    let mut tx = cx.read().await?;
    let row = find(cx, &mut tx, text).await?;
    check(cx, &row)?;
    let exists = match &row.email_address {
        Some(address) => identifiers::store::claimed::<EmailRow>(&mut tx, address)
            .await?
            .is_some(),
        None => true,
    };
    let paths = &cx.instance.settings.paths;
    let (status, own, path) = if exists {
        ("sign_in", paths.sign_in_url.as_str(), "/sign-in")
    } else {
        ("sign_up", paths.sign_up_url.as_str(), "/sign-up")
    };
    let invited_to = row.redirect_url.as_deref().and_then(Url::parse);
    // The settings may have changed since the invitation.
    let page = invited_to
        .filter(|url| cx.instance.allows_origin(&url.origin()))
        .or_else(|| Url::parse(own))
        .or_else(|| Url::parse(&format!("{}{path}", cx.instance.portal_origin)))
        .ok_or_else(refuse::invalid_redirect_url)?;
    let with_status = page.with_query("__clerk_status", status);
    let url = Url::parse(&with_status).ok_or_else(refuse::invalid_redirect_url)?;
    Ok(url.with_query("__clerk_ticket", text))
}

/// An event of a ticket.
fn told(name: &'static str, row: &TicketRow) -> Event {
    let event = Event::new(name).about(&row.id);
    match &row.user_id {
        Some(user) => event.user(user),
        None => event,
    }
}

fn blank(cx: &Cx, kind: Kind, life_secs: i64) -> TicketRow {
    TicketRow {
        instance_id: cx.instance.row.id.clone(),
        id: id::compose(kind.prefix(), cx.now, &cx.fresh()),
        kind: kind.word().to_owned(),
        status: "pending".to_owned(),
        user_id: None,
        email_address: None,
        actor: None,
        session_life_secs: None,
        public_metadata: "{}".to_owned(),
        redirect_url: None,
        expire_at: cx.now.plus_secs(life_secs),
        created_at: cx.now,
        updated_at: cx.now,
    }
}

/// Whom an actor token lets in, and for how long.
#[derive(Debug)]
pub struct Acting {
    /// The claim `act`: who it really is, with `sub`.
    pub actor: String,
    /// Seconds that the session lives at most.
    pub session_life_secs: i64,
}

/// A ticket that signs in as a user; with `acting`, somebody else.
///
/// # Errors
/// 404 for unknown users.
pub async fn for_user(
    cx: &Cx,
    user: &UserId,
    life_secs: i64,
    acting: Option<Acting>,
) -> Result<TicketRow> {
    let kind = if acting.is_some() {
        Kind::ActorToken
    } else {
        Kind::SignInToken
    };
    let mut row = blank(cx, kind, life_secs);
    row.user_id = Some(user.clone());
    row.session_life_secs = acting.as_ref().map(|a| a.session_life_secs);
    row.actor = acting.map(|a| a.actor);
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        users::ops::list::hold(&mut tx, user).await?;
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told(kind.created(), &row));
        Ok::<_, Error>(())
    })?;
    Ok(row)
}

/// An invitation to make.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Who is invited.
    pub address: EmailAddress,
    /// Becomes the user's.
    pub public_metadata: Option<Map<String, Value>>,
    /// The page that takes the ticket; the sign-up page when left out.
    pub redirect_url: Option<String>,
    /// The link is mailed.
    pub notify: bool,
    /// Made although there is one already, or a user.
    pub ignore_existing: bool,
    /// Days until it expires.
    pub days: i64,
    /// Which message tells of it.
    pub slug: Slug,
}

/// What `ignore_existing` says of addresses that are a user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// They are passed over, too.
    MayExist,
    /// They are refused in any case: a list of addresses is not held against the users (contract bapi §2.11).
    Refuse,
}

/// Invites people: all of them or nobody. Existing users are passed over by `ignore_existing` only where one is invited
/// (contract bapi §2.11).
///
/// # Errors
/// 400 `invitations_not_supported` without email addresses, `duplicate_record`; 422 for taken addresses and for redirects
/// that do not lead to the instance's places.
pub async fn invite(cx: &Cx, all: &[Invitation], users: Users) -> Result<Vec<TicketRow>> {
    check_invitations(cx, all)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut made = Vec::with_capacity(all.len());
        for one in all {
            made.push(invite_one(cx, &mut tx, one, users == Users::MayExist).await?);
        }
        Ok::<_, Error>(made)
    })
}

/// What can be said of invitations before any is made.
///
/// # Errors
/// As [`invite`].
pub fn check_invitations(cx: &Cx, all: &[Invitation]) -> Result<()> {
    for one in all {
        check_target(cx, one.redirect_url.as_deref())?;
    }
    Ok(())
}

/// People can be invited, and to this page.
///
/// # Errors
/// As [`invite`].
pub fn check_target(cx: &Cx, redirect_url: Option<&str>) -> Result<()> {
    if !cx.instance.settings.attributes.email_address.enabled() {
        return Err(refuse::invitations_not_supported().into());
    }
    if let Some(url) = redirect_url {
        let parsed =
            Url::parse(url).ok_or_else(|| refuse::invalid_redirect_url().at("redirect_url"))?;
        if !cx.instance.allows_origin(&parsed.origin()) {
            return Err(refuse::redirect_url_not_associated_with_instance()
                .at("redirect_url")
                .into());
        }
    }
    Ok(())
}

/// Makes one invitation in a transaction of the caller's. `may_exist`: `ignore_existing` counts for users, too.
///
/// # Errors
/// As [`invite`].
pub async fn invite_one(
    cx: &Cx,
    tx: &mut Tx,
    one: &Invitation,
    may_exist: bool,
) -> Result<TicketRow> {
    let address = one.address.as_str();
    let may_exist = one.ignore_existing && may_exist;
    if !may_exist
        && identifiers::store::claimed::<EmailRow>(tx, address)
            .await?
            .is_some()
    {
        return Err(refuse::identifier_taken("email_address").into());
    }
    if !one.ignore_existing && store::invited(tx, address, cx.now).await? > 0 {
        return Err(refuse::duplicate_record("invitation")
            .at("email_address")
            .into());
    }
    let mut row = blank(cx, Kind::Invitation, one.days.saturating_mul(24 * 3600));
    row.email_address = Some(address.to_owned());
    row.redirect_url.clone_from(&one.redirect_url);
    if let Some(metadata) = &one.public_metadata {
        row.public_metadata = Value::Object(metadata.clone()).to_string();
    }
    store::insert(tx, &row).await?;
    audit::record(cx, tx, told(Kind::Invitation.created(), &row));
    if one.notify {
        let link = url(cx, &row.id);
        let invited = messages::ops::Invited {
            link: &link,
            days: one.days,
            public_metadata: one.public_metadata.as_ref(),
        };
        messages::ops::invitation(cx, tx, &one.address, one.slug, invited).await?;
    }
    Ok(row)
}

/// Revokes a ticket of `kind` that was not used.
///
/// # Errors
/// 404 for unknown ones; 400 for used and revoked ones.
pub async fn revoke(cx: &Cx, kind: Kind, id: &str) -> Result<TicketRow> {
    let name = kind.word().replace('_', " ");
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let found = store::find(&mut tx, id).await?.filter(|t| t.kind == kind.word());
        let mut row = found.ok_or_else(|| refuse::resource_not_found(&name))?;
        if !store::revoke(&mut tx, id, cx.now).await? {
            return Err(match kind {
                Kind::SignInToken => refuse::sign_in_token_cannot_be_revoked_code(),
                Kind::ActorToken => refuse::actor_token_cannot_be_revoked_code(),
                Kind::Invitation if row.status == "revoked" => refuse::invitation_already_revoked(),
                Kind::Invitation => refuse::invitation_already_accepted(),
                Kind::OrganizationInvitation => refuse::organization_invitation_not_pending(),
            }
            .into());
        }
        "revoked".clone_into(&mut row.status);
        row.updated_at = cx.now;
        audit::record(cx, &mut tx, told(kind.revoked(), &row));
        Ok::<_, Error>(row)
    })
}

/// A place in an organization that somebody is invited to.
#[derive(Debug)]
pub struct Place<'a> {
    /// Who is invited.
    pub address: &'a EmailAddress,
    /// The page that takes the ticket.
    pub redirect_url: Option<&'a str>,
    /// Becomes the membership's, as JSON.
    pub public_metadata: String,
    /// Days until it expires.
    pub days: i64,
}

/// The ticket of an invitation to an organization, in a transaction of the caller's.
///
/// # Errors
/// The database's.
pub async fn to_organization(cx: &Cx, tx: &mut Tx, place: Place<'_>) -> Result<TicketRow> {
    let kind = Kind::OrganizationInvitation;
    let row = TicketRow {
        email_address: Some(place.address.as_str().to_owned()),
        redirect_url: place.redirect_url.map(str::to_owned),
        public_metadata: place.public_metadata,
        ..blank(cx, kind, place.days.saturating_mul(24 * 3600))
    };
    store::insert(tx, &row).await?;
    audit::record(cx, tx, told(kind.created(), &row));
    Ok(row)
}

/// Uses up the ticket with this id: by somebody who has shown in another way that it is theirs.
///
/// # Errors
/// As [`accept`]; 400 for one of another kind.
pub async fn accept_by_id(cx: &Cx, tx: &mut Tx, id: &str, kind: Kind) -> Result<()> {
    let row = store::find(tx, id).await?;
    let row = row.filter(|row| row.kind == kind.word());
    let row = row.ok_or_else(refuse::ticket_invalid_code)?;
    accept(cx, tx, &row).await
}

/// Revokes an invitation to an organization in a transaction of the caller's; false where it is not pending any more.
///
/// # Errors
/// The database's.
pub async fn revoke_place(cx: &Cx, tx: &mut Tx, id: &str) -> Result<bool> {
    let Some(row) = store::find(tx, id).await? else {
        return Ok(false);
    };
    let kind = Kind::OrganizationInvitation;
    let pending = row.kind == kind.word() && row.status_at(cx.now) == "pending";
    if !pending || !store::revoke(tx, id, cx.now).await? {
        return Ok(false);
    }
    audit::record(cx, tx, told(kind.revoked(), &row));
    Ok(true)
}
