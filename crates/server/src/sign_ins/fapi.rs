//! `/v1/client/sign_ins` (contract fapi §8.5).
use super::client_trust;
use super::ops::{self, Start};
use super::passkey;
use super::resource::SignInResource;
use super::second;
use super::social;
use super::ticket;
use super::wallet;
use crate::captcha::ops::{self as captcha, Door};
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, Op, Reply};
use crate::social::fapi::ways;
use crate::social::native;
use crate::strategies::{Proves, Strategy};
use usher_http::form::{Field, flag, secret, text};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

const CREATE: &[Field] = &[
    text("strategy", 64),
    text("identifier", 320),
    secret("ticket", 256),
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
];
const PREPARE: &[Field] = &[
    text("strategy", 64).required(),
    text("email_address_id", 80),
    text("web3_wallet_id", 80),
    text("redirect_url", 4096),
    text("action_complete_redirect_url", 4096),
    text("oidc_prompt", 64),
    text("oidc_login_hint", 320),
];
const PREPARE_SECOND: &[Field] = &[
    text("strategy", 64).required(),
    text("email_address_id", 80).about("The primary address when left out."),
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
    known(Strategy::parse(word).filter(|s| s.proves() == Proves::Second))
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
        sign_up_if_missing: form.flag("sign_up_if_missing") == Some(true),
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
    let sign_in = match strategy {
        Strategy::EmailCode | Strategy::ResetPasswordEmailCode => {
            ops::prepare_by_mail(cx, id, strategy, need("email_address_id")?).await?
        }
        Strategy::Passkey => passkey::prepare_current(cx, id).await?,
        Strategy::Web3Metamask
        | Strategy::Web3Base
        | Strategy::Web3CoinbaseWallet
        | Strategy::Web3OkxWallet
        | Strategy::Web3Solana => {
            wallet::prepare(cx, id, strategy, need("web3_wallet_id")?).await?
        }
        Strategy::Password
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
        strategy @ (Strategy::EmailCode | Strategy::ResetPasswordEmailCode) => {
            ops::attempt_code(cx, id, strategy, &need("code")?).await?
        }
        Strategy::Passkey => passkey::attempt(cx, id, &need("public_key_credential")?).await?,
        strategy @ (Strategy::Web3Metamask
        | Strategy::Web3Base
        | Strategy::Web3CoinbaseWallet
        | Strategy::Web3OkxWallet
        | Strategy::Web3Solana) => wallet::attempt(cx, id, strategy, &need("signature")?).await?,
        // A ticket begins an attempt; none is attempted within one.
        Strategy::Totp | Strategy::BackupCode | Strategy::Ticket | Strategy::Oauth(_) => {
            return Err(refuse::verification_strategy_invalid()
                .at("strategy")
                .into());
        }
    };
    envelope(cx, sign_in).await
}

/// Nothing but the code for an unknown browser is prepared: an authenticator app needs nothing.
async fn prepare_second(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("sign_in_id");
    // Before anything is said about the fields: whose attempt it is.
    let trust = client_trust::is_next(cx, id).await?;
    let word = call.form.text("strategy").unwrap_or_default();
    if trust {
        let to = call.form.text("email_address_id");
        let by = known(Strategy::parse(word))?;
        return envelope(cx, client_trust::prepare(cx, id, by, to).await?).await;
    }
    second_strategy(word)?;
    Err(refuse::verification_strategy_invalid()
        .at("strategy")
        .into())
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
