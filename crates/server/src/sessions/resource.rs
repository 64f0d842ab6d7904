//! The wire's session, for browsers and for servers (contract fapi §8.2, bapi appendix B).
use super::model::SessionRow;
use super::{tasks, token};
use crate::clients::model::ClientRow;
use crate::cx::Cx;
use crate::organizations::active::{self, Wanted};
use crate::organizations::members::ops as members;
use crate::social::resource::of_user;
use crate::users;
use crate::users::model::UserRow;
use crate::users::resource::{Audience, PublicUserData, UserResource};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use usher_db::Tx;
use usher_types::{Fault, Result};

/// A session token.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Token")]
pub struct TokenResource {
    /// `token`.
    pub object: &'static str,
    /// The JWT.
    pub jwt: String,
}

impl TokenResource {
    /// Around a JWT.
    #[must_use]
    pub fn new(jwt: String) -> Self {
        Self {
            object: "token",
            jwt,
        }
    }
}

/// What is left to do in a session.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SessionTask")]
pub struct TaskResource {
    /// `reset-password`, `setup-mfa`.
    pub key: &'static str,
}

impl TaskResource {
    /// Those of a session that is pending.
    fn left(cx: &Cx, session: &SessionRow) -> Option<Vec<Self>> {
        let settings = &cx.instance.settings;
        if session.status_at(cx.now, settings) != "pending" {
            return None;
        }
        let left = tasks::left(session, settings);
        Some(left.iter().map(|task| Self { key: task.key() }).collect())
    }
}

/// The organization that a session acts in; none where organizations are off.
fn acts_in(cx: &Cx, session: &SessionRow) -> Option<String> {
    let on = cx.instance.settings.organizations.enabled;
    session.last_active_organization_id.clone().filter(|_| on)
}

/// A session as its browser sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub struct SessionResource {
    /// `session`.
    pub object: &'static str,
    /// `sess_…`.
    pub id: String,
    /// `active`, …
    pub status: String,
    /// Unix ms.
    pub expire_at: i64,
    /// Unix ms.
    pub abandon_at: i64,
    /// Unix ms.
    pub last_active_at: i64,
    /// A fresh token, so that the first `getToken()` costs nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_active_token: Option<TokenResource>,
    /// Who acts as this user, if somebody does.
    pub actor: Option<Value>,
    /// What is left to do, next one first; null where nothing is.
    pub tasks: Option<Vec<TaskResource>>,
    /// The organization that it acts in; null for the user's own account.
    pub last_active_organization_id: Option<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserResource>,
    /// What may be shown beside others.
    pub public_user_data: Option<PublicUserData>,
    /// Minutes since the first and the second factor; -1 where there was none.
    pub factor_verification_age: [i64; 2],
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl SessionResource {
    /// A session of the request's client, with user and token.
    ///
    /// # Errors
    /// The database's, the signer's.
    pub async fn load(
        cx: &Cx,
        tx: &mut Tx,
        session: &SessionRow,
        client: &ClientRow,
    ) -> Result<Self> {
        let user = users::store::find(tx, &session.user_id)
            .await?
            .ok_or_else(|| Fault::new("a session without its user"))?;
        let found = users::ops::list::load(tx, user).await?;
        let mut resource = Self::bare(cx, session, &found.user);
        if session.is_live(cx.now, &cx.instance.settings) {
            let organization = active::of(cx, tx, session, Wanted::Session).await?;
            resource.last_active_token = Some(TokenResource::new(token::mint_or_reuse(
                cx,
                session,
                organization.as_ref(),
                &cx.request.azp,
                client.authenticated_at,
            )?));
        }
        let accounts = of_user(cx, &found.accounts, &found.user.id);
        let memberships = members::shown_to(cx, tx, &found.user).await?;
        resource.user = Some(
            UserResource::new(&found, &cx.instance, cx.now, Audience::Browser)
                .with_memberships(memberships)
                .with_accounts(accounts),
        );
        Ok(resource)
    }
    /// Without user and token.
    #[must_use]
    pub fn bare(cx: &Cx, session: &SessionRow, user: &UserRow) -> Self {
        let status = session.status_at(cx.now, &cx.instance.settings);
        Self {
            object: "session",
            id: session.id.as_str().to_owned(),
            // The Frontend API has no word for it.
            status: if status == "replaced" {
                "ended"
            } else {
                status
            }
            .to_owned(),
            expire_at: session.expire_at.0,
            abandon_at: session.abandon_at.0,
            last_active_at: session.last_active_at.0,
            last_active_token: None,
            actor: session
                .actor
                .as_deref()
                .and_then(|a| serde_json::from_str(a).ok()),
            tasks: TaskResource::left(cx, session),
            last_active_organization_id: acts_in(cx, session),
            user: None,
            public_user_data: Some(PublicUserData::new(user, &cx.instance)),
            factor_verification_age: session.factor_ages(cx.now),
            created_at: session.created_at.0,
            updated_at: session.updated_at.0,
        }
    }
}

/// Where a session was last used.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SessionActivity")]
pub struct ActivityResource {
    /// `session_activity`.
    pub object: &'static str,
    /// `sess_activity_…`.
    pub id: String,
    /// `Macintosh`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_type: Option<String>,
    /// A phone or a tablet.
    pub is_mobile: bool,
    /// `Firefox`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_name: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_version: Option<String>,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// Where that is, in English, as far as the operator's database knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// In which country (ISO 3166-1 alpha-2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

impl ActivityResource {
    /// From a row.
    #[must_use]
    pub fn new(session: &SessionRow) -> Self {
        Self {
            object: "session_activity",
            id: session.id.as_str().replacen("sess_", "sess_activity_", 1),
            device_type: session.device_type.clone(),
            is_mobile: session.is_mobile,
            browser_name: session.browser_name.clone(),
            browser_version: session.browser_version.clone(),
            ip_address: session.ip_address.clone(),
            city: session.city.clone(),
            country: session.country.clone(),
        }
    }
}

/// A session in a person's list of devices.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ActiveSession")]
pub struct ActiveSession {
    /// The session.
    #[serde(flatten)]
    pub session: SessionResource,
    /// Where it was last used.
    pub latest_activity: ActivityResource,
}

/// A session as the operator's server sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ServerSession")]
pub struct ServerSession {
    /// `session`.
    pub object: &'static str,
    /// `sess_…`.
    pub id: String,
    /// Whose.
    pub user_id: String,
    /// On which client.
    pub client_id: String,
    /// Who acts as this user, if somebody does.
    pub actor: Option<Value>,
    /// `active`, …
    pub status: String,
    /// The organization that it acts in; null for the user's own account.
    pub last_active_organization_id: Option<String>,
    /// Unix ms.
    pub last_active_at: i64,
    /// Where it was last used.
    pub latest_activity: ActivityResource,
    /// Unix ms.
    pub expire_at: i64,
    /// Unix ms.
    pub abandon_at: i64,
    /// Unix ms.
    pub updated_at: i64,
    /// Unix ms.
    pub created_at: i64,
    /// What is left to do, next one first; null where nothing is.
    pub tasks: Option<Vec<TaskResource>>,
}

impl ServerSession {
    /// From a row.
    #[must_use]
    pub fn new(session: &SessionRow, cx: &Cx) -> Self {
        Self {
            object: "session",
            id: session.id.as_str().to_owned(),
            user_id: session.user_id.as_str().to_owned(),
            client_id: session.client_id.as_str().to_owned(),
            actor: session
                .actor
                .as_deref()
                .and_then(|a| serde_json::from_str(a).ok()),
            status: session.status_at(cx.now, &cx.instance.settings).to_owned(),
            last_active_organization_id: acts_in(cx, session),
            last_active_at: session.last_active_at.0,
            latest_activity: ActivityResource::new(session),
            expire_at: session.expire_at.0,
            abandon_at: session.abandon_at.0,
            updated_at: session.updated_at.0,
            created_at: session.created_at.0,
            tasks: TaskResource::left(cx, session),
        }
    }
}
