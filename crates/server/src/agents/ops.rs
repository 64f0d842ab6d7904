//! Making, revoking and using tasks.
use super::model::AgentTaskRow;
use super::store;
use crate::audit::{self, Event};
use crate::clients;
use crate::clients::ops::Held;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::email::{EmailAddress, EmailRow};
use crate::redirect_urls;
use crate::sessions;
use crate::sessions::ops::Impersonation;
use crate::users;
use crate::users::model::normal_username;
use serde_json::json;
use usher_crypto::digest;
use usher_types::error::codes as refuse;
use usher_types::id::{self, UserId};
use usher_types::{Error, Result};

/// Seconds until a task that nobody opened is dead.
const LIFE_SECS: i64 = 3600;

/// Whom a task is done for.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A user's id.
    Id(&'a str),
    /// A verified address, or a username.
    Identifier(&'a str),
}

/// A task to make.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Whom it is done for.
    pub subject: Subject<'a>,
    /// Who does it.
    pub agent_name: &'a str,
    /// What is done.
    pub task_description: &'a str,
    /// Where it begins.
    pub redirect_url: &'a str,
    /// Seconds that the session lives.
    pub session_life_secs: i64,
}

fn mac(cx: &Cx, said: &str) -> [u8; 32] {
    digest::hmac_sha256(&cx.instance.ticket_key, said.as_bytes())
}

/// The ticket itself: whoever has it can use it. It is computed, not stored.
fn ticket(cx: &Cx, id: &str) -> String {
    let mac = mac(cx, &format!("agent_task:{id}"));
    format!("{id}.{}", digest::b64url(&mac))
}

/// The link that does a task.
#[must_use]
pub fn url(cx: &Cx, task: &AgentTaskRow) -> String {
    // In development the browser's cookies are on the host that people open.
    let base = if cx.app.options.development {
        &cx.instance.portal_origin
    } else {
        &cx.instance.issuer
    };
    format!("{base}/v1/agents/tasks?ticket={}", ticket(cx, &task.id))
}

/// The id of an agent: the same for the same name.
fn agent_id(cx: &Cx, name: &str) -> String {
    let hash = digest::sha256_hex(&digest::b64url(&mac(cx, &format!("agent:{name}"))));
    format!("agent_{}", &hash[..27])
}

async fn find_subject(cx: &Cx, subject: Subject<'_>) -> Result<UserId> {
    let missing = || refuse::agent_task_subject_not_found().at("on_behalf_of");
    let mut tx = cx.read().await?;
    let found = match subject {
        Subject::Id(id) => {
            let id = UserId::parse(id).ok_or_else(missing)?;
            users::store::find(&mut tx, &id).await?.map(|user| user.id)
        }
        Subject::Identifier(text) => match EmailAddress::parse(text) {
            Some(address) => identifiers::store::claimed::<EmailRow>(&mut tx, address.as_str())
                .await?
                .filter(identifiers::email::EmailRow::is_verified)
                .map(|email| email.user_id),
            None => users::store::by_username(&mut tx, &normal_username(text))
                .await?
                .map(|user| user.id),
        },
    };
    Ok(found.ok_or_else(missing)?)
}

/// Where a task may lead: a page of an allowed origin or a listed one, in production by https.
fn check_redirect(cx: &Cx, text: &str) -> Result<()> {
    let url = redirect_urls::model::canonical(text)
        .filter(usher_http::origin::Url::is_page)
        .ok_or_else(|| refuse::invalid_redirect_url().at("redirect_url"))?;
    if url.scheme != "https" && !cx.instance.is_development() {
        return Err(refuse::insecure_url().at("redirect_url").into());
    }
    if !cx.instance.allows_origin(&url.origin()) && !cx.instance.lists_redirect(&url) {
        return Err(refuse::redirect_url_not_associated_with_instance()
            .at("redirect_url")
            .into());
    }
    Ok(())
}

/// Makes a task.
///
/// # Errors
/// 404 `agent_task_subject_not_found`; 422 for redirects that lead elsewhere.
pub async fn create(cx: &Cx, wanted: &Wanted<'_>) -> Result<AgentTaskRow> {
    check_redirect(cx, wanted.redirect_url)?;
    let user = find_subject(cx, wanted.subject).await?;
    let task = AgentTaskRow {
        instance_id: cx.instance.row.id.clone(),
        id: id::compose("agtask_", cx.now, &cx.fresh()),
        agent_id: agent_id(cx, wanted.agent_name),
        agent_name: wanted.agent_name.to_owned(),
        task_description: wanted.task_description.to_owned(),
        user_id: user,
        redirect_url: wanted.redirect_url.to_owned(),
        session_life_secs: wanted.session_life_secs,
        status: "pending".to_owned(),
        expire_at: cx.now.plus_secs(LIFE_SECS),
        created_at: cx.now,
        updated_at: cx.now,
    };
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        users::ops::list::hold(&mut tx, &task.user_id).await?;
        store::insert(&mut tx, &task).await?;
        audit::record(cx, &mut tx, told("agent_task.created", &task));
        Ok::<_, Error>(())
    })?;
    Ok(task)
}

fn told(name: &'static str, task: &AgentTaskRow) -> Event {
    Event::new(name).user(&task.user_id).about(&task.id)
}

/// Revokes a task that was not used. A session that it gave is revoked as every session is.
///
/// # Errors
/// 404 for unknown ones; 400 for used and revoked ones.
pub async fn revoke(cx: &Cx, id: &str) -> Result<AgentTaskRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let found = store::find(&mut tx, id).await?;
        let task = found.ok_or_else(refuse::agent_task_not_found)?;
        if !store::revoke(&mut tx, id, cx.now).await? {
            return Err(refuse::agent_task_cannot_be_revoked().into());
        }
        audit::record(cx, &mut tx, told("agent_task.revoked", &task));
        Ok::<_, Error>(task)
    })
}

/// The task of a ticket that can be used. The MAC is checked before the database is asked.
///
/// # Errors
/// 400, with the reason: none of this instance's, used, revoked, too old.
pub async fn find(cx: &Cx, text: &str) -> Result<AgentTaskRow> {
    let id = text.split_once('.').map_or("", |(id, _)| id);
    if !digest::equal(ticket(cx, id).as_bytes(), text.as_bytes()) {
        return Err(refuse::ticket_invalid_code().at("ticket").into());
    }
    let found = store::find(&mut cx.read().await?, id).await?;
    let task = found.ok_or_else(|| refuse::ticket_invalid_code().at("ticket"))?;
    check(cx, &task)?;
    Ok(task)
}

/// The one verdict on a task's state.
fn check(cx: &Cx, task: &AgentTaskRow) -> Result<()> {
    match task.status.as_str() {
        "pending" if task.expire_at > cx.now => Ok(()),
        "pending" => Err(refuse::ticket_expired_code().into()),
        "revoked" => Err(refuse::agent_task_revoked().into()),
        _ => Err(refuse::agent_task_already_used().into()),
    }
}

/// Uses a task up: its session on the browser's client, whose token changes. The client as it is then.
///
/// # Errors
/// As [`find`]; 403 for banned and locked users; 404 for users who are gone.
pub async fn accept(cx: &Cx, task: &AgentTaskRow) -> Result<Held> {
    let by = Impersonation {
        actor: json!({ "sub": task.agent_id, "type": "agent" }).to_string(),
        life_secs: task.session_life_secs,
    };
    let mut held = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::ops::hold_or_create(cx, &mut tx).await?;
        if !store::accept(&mut tx, &task.id, cx.now).await? {
            let now = store::find(&mut tx, &task.id).await?;
            check(cx, &now.ok_or_else(refuse::ticket_invalid_code)?)?;
            return Err(refuse::ticket_invalid_code().into());
        }
        let user = users::store::find(&mut tx, &task.user_id).await?;
        let user = user.ok_or_else(refuse::agent_task_subject_not_found)?;
        let session = sessions::ops::impersonate(cx, &mut tx, &mut held, &user, by.clone()).await?;
        let event = told("agent_task.accepted", task).session(&session.id);
        audit::record(cx, &mut tx, event.client(held.row.id.as_str()));
        held.row.last_active_session_id = Some(session.id);
        Ok::<_, Error>(held)
    })?;
    held.row.authenticated_at = cx.now;
    clients::ops::announce(cx, &held, Some(clients::ops::uat(&held.row, 1)));
    Ok(held)
}
