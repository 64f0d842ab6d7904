//! `/v1/client/sign_ins` (contract fapi §8.5).
use super::client_trust;
use super::code;
use super::device;
use super::ops::{self, Start};
use super::passkey;
use super::resource::SignInResource;
use super::second;
use super::social;
use super::ticket;
use super::wallet;
use crate::captcha::ops::{self as captcha, Door};
use crate::clients::fapi::envelope;
use crate::clients::handshake::redirect_target;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::contact::Channel;
use crate::route::{Call, Guard, Op, Reply};
use crate::social::fapi::ways;
use crate::social::native;
use crate::strategies::{Medium, Proves, Strategy};
use crate::trusted_devices::model::ALGORITHMS;
use usher_http::form::{Field, flag, secret, text, word};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

const CREATE: &[Field] = &[
    text("strategy", 64),
    text("identifier", 320),
    secret("ticket", 256),
    text("trusted_device_id", 80),
    secret("password", 4096),
    secret("token", 16 * 1024),
    flag("transfer"),
    flag("sign_up_if_missing"),
    text("redirect_url", 4096),
    text("action_complete_redirect_url", 4096),
    text("oidc_prompt", 64),
    text("oidc_login_hint", 320),
    text("locale", 35),
    text("captcha_token", 4096),
    text("captcha_widget_type", 32),
    text("captcha_error", 256),
    word("channel", Channel::WORDS),
];
const PREPARE: &[Field] = &[
    text("strategy", 64).required(),
    text("email_address_id", 80),
    text("web3_wallet_id", 80),
    text("trusted_device_id", 80),
    text("phone_number_id", 80),
    word("channel", Channel::WORDS),
    text("redirect_url", 4096),
    text("action_complete_redirect_url", 4096),
    text("oidc_prompt", 64),
    text("oidc_login_hint", 320),
];
const PREPARE_SECOND: &[Field] = &[
    text("strategy", 64).required(),
    text("email_address_id", 80).about("The primary address when left out."),
    text("phone_number_id", 80).about("The default number, or the primary one, when left out."),
    word("channel", Channel::WORDS),
];
const RESET: &[Field] = &[
    secret("password", 4096).required(),
    flag("sign_out_of_other_sessions"),
];
const ATTEMPT_SECOND: &[Field] = &[
    text("strategy", 64).required(),
    secret("code", 64).required(),
];
const ATTEMPT: &[Field] = &[
    text("strategy", 64).required(),
    secret("password", 4096),
    text("code", 32),
    text("signature", 8192),
    text("trusted_device_id", 80),
    text("client_data", 4096),
    word("algorithm", ALGORITHMS),
    text("public_key_credential", 16 * 1024),
];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "POST",
        "/v1/client/sign_ins",
        "createSignIn",
        Guard::Browser,
        handler!(create),
    )
    .fields(CREATE)
    .envelopes::<SignInResource>(),
    Op::fapi(
        "GET",
        "/v1/client/sign_ins/{sign_in_id}",
        "getSignIn",
        Guard::Browser,
        handler!(show),
    )
    .envelopes::<SignInResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sign_ins/{sign_in_id}/prepare_first_factor",
        "prepareSignInFactorOne",
        Guard::Browser,
        handler!(prepare),
    )
    .fields(PREPARE)
    .envelopes::<SignInResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sign_ins/{sign_in_id}/attempt_first_factor",
        "attemptSignInFactorOne",
        Guard::Browser,
        handler!(attempt),
    )
    .fields(ATTEMPT)
    .envelopes::<SignInResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sign_ins/{sign_in_id}/prepare_second_factor",
        "prepareSignInFactorTwo",
        Guard::Browser,
        handler!(prepare_second),
    )
    .fields(PREPARE_SECOND)
    .envelopes::<SignInResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sign_ins/{sign_in_id}/attempt_second_factor",
        "attemptSignInFactorTwo",
        Guard::Browser,
        handler!(attempt_second),
    )
    .fields(ATTEMPT_SECOND)
    .envelopes::<SignInResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sign_ins/{sign_in_id}/reset_password",
        "resetPassword",
        Guard::Browser,
        handler!(reset_password),
    )
    .fields(RESET)
    .envelopes::<SignInResource>(),
];

/// A strategy that this server has for a first factor; others are refused by name.
fn strategy(word: &str) -> Result<Strategy, ApiError> {
    known(Strategy::parse(word).filter(|s| s.proves() != Proves::Second))
}

/// A strategy that this server has for a second factor; others are refused by name.
fn second_strategy(word: &str) -> Result<Strategy, ApiError> {
    known(Strategy::parse(word).filter(|s| s.is_second_factor()))
}

fn known(strategy: Option<Strategy>) -> Result<Strategy, ApiError> {
    strategy.ok_or_else(|| refuse::form_param_value_invalid("strategy").at("strategy"))
}

async fn create(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    if form.flag("transfer") == Some(true) {
        return envelope(cx, super::transfer::transfer(cx).await?).await;
    }
    if form.text("strategy") == Some(Strategy::Ticket.word()) {
        let text = form
            .text("ticket")
            .ok_or_else(|| refuse::form_param_missing("ticket").at("ticket"))?;
        return envelope(cx, ticket::create(cx, text).await?).await;
    }
    if form.text("strategy") == Some(Strategy::TrustedDevice.word()) {
        let name = "trusted_device_id";
        let id = form
            .text(name)
            .ok_or_else(|| refuse::form_param_missing(name).at(name))?;
        return envelope(cx, device::create(cx, id).await?).await;
    }
    if let Some(word) = form.text("strategy").filter(|word| native::is(word)) {
        return envelope(cx, social::by_token(cx, word, form.text("token")).await?).await;
    }
    if let Some(word) = social::is_social(form.text("strategy")) {
        social::check_offered(cx, word)?;
        return envelope(cx, social::create(cx, word, ways(cx, form)?).await?).await;
    }
    let start = Start {
        identifier: form.text("identifier"),
        password: form.text("password"),
        strategy: form.text("strategy").map(strategy).transpose()?,
        channel: channel(call),
        redirect_url: page(cx, call)?,
        sign_up_if_missing: form.flag("sign_up_if_missing") == Some(true),
        locale: form.text("locale"),
    };
    if let Some(wallet) = wallet::named(cx, start.identifier) {
        // Nothing but its signature proves it.
        if start.password.is_some() {
            return Err(refuse::strategy_for_user_invalid().into());
        }
        return envelope(cx, wallet::create(cx, wallet, start.strategy).await?).await;
    }
    // A passkey says by itself whose it is.
    let named_later = start.strategy == Some(Strategy::Passkey) && start.password.is_none();
    if (start.password.is_some() || start.strategy.is_some())
        && start.identifier.is_none()
        && !named_later
    {
        return Err(refuse::form_param_missing("identifier")
            .at("identifier")
            .into());
    }
    if start.sign_up_if_missing {
        captcha::check(cx, form, Door::SignIn).await?;
    }
    envelope(cx, ops::create(cx, start).await?).await
}

async fn show(cx: &Cx, call: &Call) -> Result<Reply> {
    envelope(cx, ops::show(cx, call.param("sign_in_id")).await?).await
}

async fn prepare(cx: &Cx, call: &Call) -> Result<Reply> {
    if let Some(word) = social::is_social(call.form.text("strategy")) {
        let id = call.param("sign_in_id");
        // Before anything is said about the fields: whose attempt it is.
        ops::mine(cx, &mut cx.read().await?, id).await?;
        social::check_offered(cx, word)?;
        let ways = ways(cx, &call.form)?;
        return envelope(cx, social::prepare(cx, id, word, ways).await?).await;
    }
    let strategy = strategy(call.form.text("strategy").unwrap_or_default())?;
    let id = call.param("sign_in_id");
    let need = |name: &str| {
        let given = call.form.text(name);
        given.ok_or_else(|| refuse::form_param_missing(name).at(name))
    };
    if let Some(field) = strategy.medium().map(Medium::id_field) {
        let to = need(field)?;
        let sign_in = code::prepare(cx, id, strategy, to, channel(call), page(cx, call)?).await?;
        return envelope(cx, sign_in).await;
    }
    let sign_in = if strategy.chain().is_some() {
        wallet::prepare(cx, id, strategy, need("web3_wallet_id")?).await?
    } else if strategy == Strategy::TrustedDevice {
        device::prepare(cx, id, need("trusted_device_id")?).await?
    } else if strategy == Strategy::Passkey {
        passkey::prepare_current(cx, id).await?
    } else {
        return Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into());
    };
    envelope(cx, sign_in).await
}

/// The page that a mailed link leads to, where a link is asked for: one of the instance's.
fn page<'a>(cx: &Cx, call: &'a Call) -> Result<Option<&'a str>> {
    if call.form.text("strategy") != Some(Strategy::EmailLink.word()) {
        return Ok(None);
    }
    let page = call.form.text("redirect_url");
    page.map(|page| redirect_target(cx, page)).transpose()?;
    Ok(page)
}

fn channel(call: &Call) -> Channel {
    let given = call.form.text("channel").and_then(Channel::parse);
    given.unwrap_or_default()
}

async fn attempt(cx: &Cx, call: &Call) -> Result<Reply> {
    let need = |name: &str| {
        call.form
            .text(name)
            .map(str::to_owned)
            .ok_or_else(|| refuse::form_param_missing(name).at(name))
    };
    let id = call.param("sign_in_id");
    let sign_in = match strategy(call.form.text("strategy").unwrap_or_default())? {
        Strategy::Password => ops::attempt_password(cx, id, &need("password")?).await?,
        strategy @ (Strategy::EmailCode
        | Strategy::ResetPasswordEmailCode
        | Strategy::PhoneCode
        | Strategy::ResetPasswordPhoneCode) => {
            code::attempt(cx, id, strategy, &need("code")?).await?
        }
        Strategy::Passkey => passkey::attempt(cx, id, &need("public_key_credential")?).await?,
        strategy @ (Strategy::Web3Metamask
        | Strategy::Web3Base
        | Strategy::Web3CoinbaseWallet
        | Strategy::Web3OkxWallet
        | Strategy::Web3Solana) => wallet::attempt(cx, id, strategy, &need("signature")?).await?,
        Strategy::TrustedDevice => {
            let (device, data) = (need("trusted_device_id")?, need("client_data")?);
            device::attempt(cx, id, &device, &data, &need("signature")?).await?
        }
        // A ticket begins an attempt; none is attempted within one. A link is followed.
        Strategy::EmailLink
        | Strategy::Totp
        | Strategy::BackupCode
        | Strategy::Ticket
        | Strategy::Oauth(_) => {
            return Err(refuse::verification_strategy_invalid()
                .at("strategy")
                .into());
        }
    };
    envelope(cx, sign_in).await
}

/// A code is sent: to an address for an unknown browser, else to a number. An authenticator app needs nothing.
async fn prepare_second(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("sign_in_id");
    // Before anything is said about the fields: whose attempt it is.
    let trust = client_trust::is_next(cx, id).await?;
    let word = call.form.text("strategy").unwrap_or_default();
    if trust {
        let by = known(Strategy::parse(word))?;
        let to = by.medium().and_then(|m| call.form.text(m.id_field()));
        return envelope(
            cx,
            client_trust::prepare(cx, id, by, to, channel(call)).await?,
        )
        .await;
    }
    let by = second_strategy(word)?;
    let to = call.form.text("phone_number_id");
    envelope(cx, second::prepare(cx, id, by, to, channel(call)).await?).await
}

async fn attempt_second(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("sign_in_id");
    // Before anything is said about the fields: whose attempt it is.
    let trust = client_trust::is_next(cx, id).await?;
    let word = call.form.text("strategy").unwrap_or_default();
    let code = call.form.text("code").unwrap_or_default();
    if trust {
        let by = known(Strategy::parse(word))?;
        return envelope(cx, client_trust::attempt(cx, id, by, code).await?).await;
    }
    let by = second_strategy(word)?;
    envelope(cx, second::attempt(cx, id, by, code).await?).await
}

async fn reset_password(cx: &Cx, call: &Call) -> Result<Reply> {
    let new = call.form.text("password").unwrap_or_default();
    let end_others = call.form.flag("sign_out_of_other_sessions") == Some(true);
    envelope(
        cx,
        ops::reset_password(cx, call.param("sign_in_id"), new, end_others).await?,
    )
    .await
}
