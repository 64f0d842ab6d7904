//! `/v1/client/sessions/{session_id}/verify` (contract fapi §8.7).
use super::flow::Level;
use super::resource::ReverificationResource;
use super::{ops, proofs};
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::contact::Channel;
use crate::route::{Call, Guard, Op, Reply};
use crate::strategies::{Proves, Strategy};
use usher_http::form::{Field, secret, text, word};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

const START: &[Field] = &[text("level", 32).required()];
const PREPARE: &[Field] = &[
    text("strategy", 64).required(),
    text("email_address_id", 80),
    text("redirect_url", 4096),
];
const ATTEMPT: &[Field] = &[
    text("strategy", 64).required(),
    secret("password", 4096),
    text("code", 32),
    text("public_key_credential", 16 * 1024),
];
const PREPARE_SECOND: &[Field] = &[
    text("strategy", 64).required(),
    text("phone_number_id", 80).about("The default number when left out."),
    word("channel", Channel::WORDS),
];
const ATTEMPT_SECOND: &[Field] = &[
    text("strategy", 64).required(),
    secret("code", 64).required(),
];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "POST",
        "/v1/client/sessions/{session_id}/verify",
        "startSessionReverification",
        Guard::SignedIn,
        handler!(start),
    )
    .fields(START)
    .envelopes::<ReverificationResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sessions/{session_id}/verify/prepare_first_factor",
        "prepareSessionReverificationFirstFactor",
        Guard::SignedIn,
        handler!(prepare),
    )
    .fields(PREPARE)
    .envelopes::<ReverificationResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sessions/{session_id}/verify/attempt_first_factor",
        "attemptSessionReverificationFirstFactor",
        Guard::SignedIn,
        handler!(attempt),
    )
    .fields(ATTEMPT)
    .envelopes::<ReverificationResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sessions/{session_id}/verify/prepare_second_factor",
        "prepareSessionReverificationSecondFactor",
        Guard::SignedIn,
        handler!(prepare_second),
    )
    .fields(PREPARE_SECOND)
    .envelopes::<ReverificationResource>(),
    Op::fapi(
        "POST",
        "/v1/client/sessions/{session_id}/verify/attempt_second_factor",
        "attemptSessionReverificationSecondFactor",
        Guard::SignedIn,
        handler!(attempt_second),
    )
    .fields(ATTEMPT_SECOND)
    .envelopes::<ReverificationResource>(),
];

fn known(word: Option<&str>, second: bool) -> Result<Strategy, ApiError> {
    word.and_then(Strategy::parse)
        .filter(|s| {
            if second {
                s.is_second_factor()
            } else {
                s.proves() != Proves::Second
            }
        })
        .ok_or_else(|| refuse::form_param_value_invalid("strategy").at("strategy"))
}

/// The session is this client's, before anything is said about the fields.
async fn owned<'a>(cx: &Cx, call: &'a Call) -> Result<&'a str> {
    let id = call.param("session_id");
    ops::own(cx, id).await?;
    Ok(id)
}

async fn start(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = owned(cx, call).await?;
    let level = call.form.text("level").and_then(Level::parse);
    let level = level.ok_or_else(|| refuse::form_param_value_invalid("level").at("level"))?;
    envelope(cx, ops::start(cx, id, level).await?).await
}

async fn prepare(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = owned(cx, call).await?;
    let prepared = match known(call.form.text("strategy"), false)? {
        Strategy::EmailCode => {
            let email = call.form.text("email_address_id").ok_or_else(|| {
                refuse::form_param_missing("email_address_id").at("email_address_id")
            })?;
            proofs::prepare_code(cx, id, email).await?
        }
        Strategy::Passkey => proofs::prepare_passkey(cx, id).await?,
        Strategy::Password
        | Strategy::ResetPasswordEmailCode
        | Strategy::PhoneCode
        | Strategy::ResetPasswordPhoneCode
        | Strategy::Totp
        | Strategy::BackupCode
        | Strategy::Ticket
        | Strategy::Web3Metamask
        | Strategy::Web3Base
        | Strategy::Web3CoinbaseWallet
        | Strategy::Web3OkxWallet
        | Strategy::Web3Solana
        | Strategy::TrustedDevice
        | Strategy::EmailLink
        | Strategy::Oauth(_) => {
            return Err(refuse::verification_strategy_invalid()
                .at("strategy")
                .into());
        }
    };
    envelope(cx, prepared).await
}

async fn attempt(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = owned(cx, call).await?;
    let need = |name: &str| {
        call.form
            .text(name)
            .ok_or_else(|| refuse::form_param_missing(name).at(name))
    };
    let attempted = match known(call.form.text("strategy"), false)? {
        Strategy::Password => proofs::by_password(cx, id, need("password")?).await?,
        Strategy::EmailCode => proofs::by_code(cx, id, need("code")?).await?,
        Strategy::Passkey => proofs::by_passkey(cx, id, need("public_key_credential")?).await?,
        Strategy::ResetPasswordEmailCode
        | Strategy::PhoneCode
        | Strategy::ResetPasswordPhoneCode
        | Strategy::Totp
        | Strategy::BackupCode
        | Strategy::Ticket
        | Strategy::Web3Metamask
        | Strategy::Web3Base
        | Strategy::Web3CoinbaseWallet
        | Strategy::Web3OkxWallet
        | Strategy::Web3Solana
        | Strategy::TrustedDevice
        | Strategy::EmailLink
        | Strategy::Oauth(_) => {
            return Err(refuse::verification_strategy_invalid()
                .at("strategy")
                .into());
        }
    };
    envelope(cx, attempted).await
}

async fn prepare_second(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = owned(cx, call).await?;
    let by = known(call.form.text("strategy"), true)?;
    if by != Strategy::PhoneCode {
        return Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into());
    }
    let channel = call.form.text("channel").and_then(Channel::parse);
    let to = call.form.text("phone_number_id");
    envelope(
        cx,
        proofs::prepare_text(cx, id, to, channel.unwrap_or_default()).await?,
    )
    .await
}

async fn attempt_second(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = owned(cx, call).await?;
    let by = known(call.form.text("strategy"), true)?;
    let code = call.form.text("code").unwrap_or_default();
    envelope(cx, proofs::second(cx, id, by, code).await?).await
}
