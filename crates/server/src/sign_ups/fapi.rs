//! `/v1/client/sign_ups` (contract fapi §8.6).
use super::resource::SignUpResource;
use super::social::By;
use super::verify::{self, Proof};
use super::{ops, social, wallet};
use crate::captcha::ops::{self as captcha, Door};
use crate::clients::fapi::envelope;
use crate::clients::handshake::redirect_target;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::contact::Channel;
use crate::route::{Call, Guard, Op, Reply};
use crate::social::fapi::ways;
use crate::social::native;
use crate::social::ops::Ready;
use crate::strategies::Strategy;
use usher_http::form::{Field, flag, object, secret, text, word};
use usher_types::Result;
use usher_types::error::codes as refuse;

const FIELDS: &[Field] = &[
    text("strategy", 64),
    secret("ticket", 256),
    text("email_address", 320),
    text("username", 256),
    text("phone_number", 64),
    text("web3_wallet", 128),
    text("first_name", 256),
    text("last_name", 256),
    secret("password", 4096),
    secret("token", 16 * 1024),
    object("unsafe_metadata", 8192),
    flag("transfer"),
    flag("legal_accepted"),
    text("locale", 35),
    text("redirect_url", 4096),
    text("action_complete_redirect_url", 4096),
    text("captcha_token", 4096),
    text("captcha_widget_type", 32),
    text("captcha_error", 256),
    text("oidc_prompt", 64),
    text("oidc_login_hint", 320),
];
const PREPARE: &[Field] = &[
    text("strategy", 64).required(),
    text("redirect_url", 4096),
    word("channel", Channel::WORDS),
    text("action_complete_redirect_url", 4096),
    text("oidc_prompt", 64),
    text("oidc_login_hint", 320),
];
const ATTEMPT: &[Field] = &[
    text("strategy", 64).required(),
    text("code", 32),
    text("signature", 8192),
];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "POST",
        "/v1/client/sign_ups",
        "createSignUps",
        Guard::Browser,
        handler!(create),
    )
    .fields(FIELDS)
    .envelopes::<SignUpResource>(),
    Op::fapi(
        "GET",
        "/v1/client/sign_ups/{sign_up_id}",
        "getSignUps",
        Guard::Browser,
        handler!(show),
    )
    .envelopes::<SignUpResource>(),
    Op::fapi(
        "PATCH",
        "/v1/client/sign_ups/{sign_up_id}",
        "updateSignUps",
        Guard::Browser,
        handler!(update),
    )
    .fields(FIELDS)
    .envelopes::<SignUpResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sign_ups/{sign_up_id}/prepare_verification",
        "prepareSignUpsVerification",
        Guard::Browser,
        handler!(prepare),
    )
    .fields(PREPARE)
    .envelopes::<SignUpResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sign_ups/{sign_up_id}/attempt_verification",
        "attemptSignUpsVerification",
        Guard::Browser,
        handler!(attempt),
    )
    .fields(ATTEMPT)
    .envelopes::<SignUpResource>(),
];

/// The strategy of a request: codes and signatures of wallets verify a sign-up's fields.
fn strategy(call: &Call) -> Result<Strategy> {
    let word = call.form.text("strategy").unwrap_or_default();
    Ok(Strategy::parse(word)
        .ok_or_else(|| refuse::form_param_value_invalid("strategy").at("strategy"))?)
}

/// The provider that a request leads to, where it does.
async fn provider(cx: &Cx, call: &Call) -> Result<Option<Ready>> {
    if call.form.text("strategy").is_some_and(native::is) {
        return Ok(None);
    }
    let word = call
        .form
        .text("strategy")
        .filter(|w| w.starts_with("oauth_"));
    let Some(word) = word else {
        return Ok(None);
    };
    social::offered(cx, word)?;
    let ways = ways(cx, &call.form)?;
    social::ready(cx, word, ways).await.map(Some)
}

/// A strategy that is none of ours is refused by name.
fn check_strategy(call: &Call) -> Result<()> {
    let by_ticket = call.form.text("strategy") == Some(Strategy::Ticket.word());
    if by_ticket && call.form.text("ticket").is_none() {
        return Err(refuse::form_param_missing("ticket").at("ticket").into());
    }
    if call.form.text("strategy").is_some() {
        strategy(call).map(drop)
    } else {
        Ok(())
    }
}

async fn create(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let by = match (provider(cx, call).await?, form.text("strategy")) {
        (Some(ready), _) => Some(By::Trip(ready)),
        (None, Some(word)) if native::is(word) => {
            Some(By::Token(native::read(cx, word, form.text("token")).await?))
        }
        (None, _) => {
            check_strategy(call)?;
            None
        }
    };
    captcha::check(cx, form, Door::SignUp).await?;
    envelope(cx, ops::create(cx, form, by.as_ref()).await?).await
}

async fn show(cx: &Cx, call: &Call) -> Result<Reply> {
    envelope(cx, ops::show(cx, call.param("sign_up_id")).await?).await
}

async fn update(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("sign_up_id");
    if let Some(ready) = provider(cx, call).await? {
        let made = ops::update(cx, id, &call.form).await?;
        // Complete with what was given, it needs no provider.
        if made.created_user_id.is_none() {
            return envelope(cx, social::prepare(cx, id, &ready).await?).await;
        }
        return envelope(cx, made).await;
    }
    check_strategy(call)?;
    envelope(
        cx,
        ops::update(cx, call.param("sign_up_id"), &call.form).await?,
    )
    .await
}

/// The page that a mailed link leads to, where a link is asked for: one of the instance's.
fn page<'a>(cx: &Cx, call: &'a Call, strategy: Strategy) -> Result<Option<&'a str>> {
    if strategy != Strategy::EmailLink {
        return Ok(None);
    }
    if !cx.instance.settings.attributes.email_link {
        return Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into());
    }
    let page = call.form.text("redirect_url");
    let page = page.ok_or_else(|| refuse::form_param_missing("redirect_url").at("redirect_url"))?;
    redirect_target(cx, page)?;
    Ok(Some(page))
}

async fn prepare(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("sign_up_id");
    if let Some(ready) = provider(cx, call).await? {
        return envelope(cx, social::prepare(cx, id, &ready).await?).await;
    }
    let strategy = strategy(call)?;
    let sign_up = if strategy.chain().is_some() {
        wallet::prepare(cx, id, strategy).await?
    } else {
        let channel = call.form.text("channel").and_then(Channel::parse);
        let page = page(cx, call, strategy)?;
        verify::prepare(cx, id, strategy, channel.unwrap_or_default(), page).await?
    };
    envelope(cx, sign_up).await
}

async fn attempt(cx: &Cx, call: &Call) -> Result<Reply> {
    let strategy = strategy(call)?;
    // A link is followed, not typed.
    if strategy == Strategy::EmailLink {
        return Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into());
    }
    let id = call.param("sign_up_id");
    let need = |name: &str| {
        let given = call.form.text(name);
        given.ok_or_else(|| refuse::form_param_missing(name).at(name))
    };
    if strategy.chain().is_some() {
        let signature = need("signature")?;
        return envelope(cx, wallet::attempt(cx, id, strategy, signature).await?).await;
    }
    Proof::by(strategy)?;
    envelope(cx, verify::attempt(cx, id, strategy, need("code")?).await?).await
}
