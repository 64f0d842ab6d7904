//! Accounts elsewhere, for the operator's servers (contract bapi §2.1).
use super::connect;
use super::tokens::{self, Access};
use crate::answers::{self, Deleted, List, Window};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use crate::users::ops::list;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use usher_types::Result;

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/users/{user_id}/oauth_access_tokens/{provider}",
        "GetOAuthAccessToken",
        handler!(access_tokens),
    )
    .fields(answers::WINDOW)
    .answers::<List<AccessTokenResource>>(),
    Op::bapi(
        "DELETE",
        "/v1/users/{user_id}/external_accounts/{external_account_id}",
        "DeleteExternalAccount",
        handler!(delete),
    )
    .answers::<Deleted>(),
];

/// An access token of a user's account.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OAuthAccessToken")]
pub struct AccessTokenResource {
    /// `oauth_access_token`.
    pub object: &'static str,
    /// `eac_…`.
    pub external_account_id: String,
    /// The account's id there.
    pub provider_user_id: String,
    /// For the provider's API.
    pub token: String,
    /// Unix ms; null where it does not end.
    pub expires_at: Option<i64>,
    /// `oauth_google`.
    pub provider: String,
    /// Empty.
    pub public_metadata: Map<String, Value>,
    /// None is given.
    pub label: Option<String>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// As it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
}

fn shown(access: Access) -> AccessTokenResource {
    let row = access.row;
    AccessTokenResource {
        object: "oauth_access_token",
        external_account_id: row.id.as_str().to_owned(),
        provider: row.strategy(),
        provider_user_id: row.provider_user_id.unwrap_or_default(),
        token: access.tokens.access_token,
        expires_at: access.tokens.expire_at,
        public_metadata: Map::new(),
        label: None,
        scopes: row
            .approved_scopes
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        id_token: access.tokens.id_token,
    }
}

async fn access_tokens(cx: &Cx, call: &Call) -> Result<Reply> {
    let all = tokens::of_user(cx, call.param("user_id"), call.param("provider")).await?;
    Window::read(&call.form).of(all, shown).await
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = list::parse_id(call.param("user_id"))?;
    let gone = connect::remove(cx, &id, call.param("external_account_id")).await?;
    Reply::json(&Deleted::new("external_account", gone.id))
}
