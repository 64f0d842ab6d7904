//! `/v1/oauth_callback` and `/v1/me/external_accounts` (contract fapi §8.3, §8.5).
use super::connect;
use super::ops::{self, Given, Ways};
use super::resource::ExternalAccountResource;
use crate::answers::Deleted;
use crate::clients::fapi::envelope;
use crate::clients::handshake::redirect_target;
use crate::cx::Cx;
use crate::handler;
use crate::reverifications::ops as reverifications;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions;
use crate::users::resource::UserResource;
use usher_http::form::{Field, Form, text, texts};
use usher_http::percent;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

const ANSWER: &[Field] = &[
    text("state", 512).query(),
    text("code", 8192).query(),
    text("scope", 4096).query(),
    text("error", 256).query(),
    text("error_description", 4096).query(),
    text("iss", 2048).query(),
    text("user", 4096).query(),
];
const POSTED: &[Field] = &[
    text("state", 512),
    text("code", 8192),
    text("scope", 4096),
    text("error", 256),
    text("user", 4096),
    text("id_token", 16 * 1024),
];
const CREATE: &[Field] = &[
    text("strategy", 64).required(),
    text("redirect_url", 4096).required(),
    text("action_complete_redirect_url", 4096),
    texts("additional_scope", 32, 256),
    text("oidc_prompt", 64),
    text("oidc_login_hint", 320),
];
const REAUTHORIZE: &[Field] = &[
    text("redirect_url", 4096).required(),
    text("action_complete_redirect_url", 4096),
    texts("additional_scope", 32, 256),
    text("oidc_prompt", 64),
    text("oidc_login_hint", 320),
];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "GET",
        "/v1/oauth_callback",
        "getOauthCallback",
        Guard::Browser,
        handler!(answered),
    )
    .fields(ANSWER)
    .navigated(),
    Op::fapi(
        "POST",
        "/v1/oauth_callback",
        "postOauthCallback",
        Guard::Browser,
        handler!(posted),
    )
    .fields(POSTED)
    .navigated(),
    Op::fapi(
        "POST",
        "/v1/me/external_accounts",
        "postOAuthAccounts",
        Guard::SignedIn,
        handler!(create),
    )
    .fields(CREATE)
    .envelopes::<ExternalAccountResource>(),
    Op::fapi(
        "PATCH",
        "/v1/me/external_accounts/{external_account_id}/reauthorize",
        "reauthorizeExternalAccount",
        Guard::SignedIn,
        handler!(reauthorize),
    )
    .fields(REAUTHORIZE)
    .envelopes::<ExternalAccountResource>(),
    Op::fapi(
        "DELETE",
        "/v1/me/external_accounts/{external_account_id}",
        "deleteExternalAccount",
        Guard::SignedIn,
        handler!(delete),
    )
    .envelopes::<Deleted>(),
    Op::fapi(
        "DELETE",
        "/v1/me/external_accounts/{external_account_id}/tokens",
        "revokeExternalAccountTokens",
        Guard::SignedIn,
        handler!(forget_tokens),
    )
    .envelopes::<UserResource>(),
];

/// What a caller asks of a trip; addresses lead to this instance's places only.
///
/// # Errors
/// 422 for addresses that do not, scopes that are none and prompts that are none.
pub fn ways(cx: &Cx, form: &Form) -> Result<Ways> {
    let place = |name: &str| -> Result<Option<String>> {
        let Some(text) = form.text(name) else {
            return Ok(None);
        };
        Ok(Some(redirect_target(cx, text)?.href()))
    };
    let redirect_url = place("redirect_url")?
        .ok_or_else(|| refuse::form_param_missing("redirect_url").at("redirect_url"))?;
    let prompt = form.text("oidc_prompt");
    let words = ["none", "login", "consent", "select_account"];
    if prompt.is_some_and(|p| p.split(' ').any(|word| !words.contains(&word))) {
        return Err(refuse::form_param_value_invalid("oidc_prompt")
            .at("oidc_prompt")
            .into());
    }
    Ok(Ways {
        redirect_url,
        complete_url: place("action_complete_redirect_url")?,
        scopes: scopes(form)?,
        prompt: prompt.map(str::to_owned),
        hint: form.text("oidc_login_hint").map(str::to_owned),
    })
}

fn scopes(form: &Form) -> Result<Vec<String>, ApiError> {
    let given = form.texts("additional_scope");
    let words = given.iter().flat_map(|text| text.split([' ', ',']));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let is_scope = |word: &str| {
        word.bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    };
    if words.len() > 32 || !words.iter().all(|word| is_scope(word)) {
        return Err(refuse::form_param_format_invalid("additional scope").at("additional_scope"));
    }
    Ok(words.into_iter().map(str::to_owned).collect())
}

/// A provider sends the browser back. Where it goes on to was checked when the trip began, and is checked again: what was an
/// allowed place then need not be one now.
async fn answered(cx: &Cx, call: &Call) -> Result<Reply> {
    let given = Given {
        state: call.form.text("state"),
        code: call.form.text("code"),
        error: call.form.text("error"),
        issuer: call.form.text("iss"),
        user: call.form.text("user"),
    };
    let to = ops::callback(cx, given).await?;
    Ok(Reply::redirect(303, &redirect_target(cx, &to)?.href()))
}

/// A provider's page posts the answer (Apple). Such a request comes from another site, without this browser's cookie: the browser
/// is sent on to the same place (relative: an app's proxy may stand in front) by a GET, which has it. Nothing else is done here.
async fn posted(_cx: &Cx, call: &Call) -> Result<Reply> {
    let carried: Vec<String> = ["state", "code", "scope", "error", "user"]
        .iter()
        .filter_map(|name| Some((name, call.form.text(name)?)))
        .map(|(name, value)| format!("{name}={}", percent::encode(value)))
        .collect();
    Ok(Reply::redirect(
        303,
        &format!("oauth_callback?{}", carried.join("&")),
    ))
}

async fn create(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = reverifications::acting(cx).await?;
    let strategy = call.form.text("strategy").unwrap_or_default();
    // Before anything else is said about the fields: whether there is such a provider.
    ops::offered(cx, strategy)?;
    let made = connect::create(cx, &user, strategy, ways(cx, &call.form)?).await?;
    let resource = ExternalAccountResource::new(cx, &made.row, made.flow.as_ref());
    envelope(cx, resource).await
}

async fn reauthorize(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting_in_person(cx).await?;
    let id = call.param("external_account_id");
    connect::own(&mut cx.read().await?, &user.id, id).await?;
    let made = connect::reauthorize(cx, &user, id, ways(cx, &call.form)?).await?;
    let resource = ExternalAccountResource::new(cx, &made.row, made.flow.as_ref());
    envelope(cx, resource).await
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = reverifications::acting(cx).await?;
    let gone = connect::remove(cx, &user.id, call.param("external_account_id")).await?;
    let deleted = Deleted::new("external_account", gone.id);
    envelope(cx, deleted).await
}

async fn forget_tokens(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting_in_person(cx).await?;
    connect::forget_tokens(cx, &user.id, call.param("external_account_id")).await?;
    envelope(cx, crate::users::ops::shown::own(cx, &user.id).await?).await
}
