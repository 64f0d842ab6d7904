//! `/v1/client/sessions/{session_id}/verify` (contract fapi §8.7).
use super::flow::Level;
use super::resource::ReverificationResource;
use super::{ops, proofs};
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::contact::Channel;
use crate::route::{Call, Guard, Op, Reply};
use crate::strategies::{Medium, Proves, Strategy};
use usher_http::form::{Field, secret, text, word};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

const START: &[Field] = &[text("level", 32).required()];
const PREPARE: &[Field] = &[
    text("strategy", 64).required(),
    text("email_address_id", 80),
    text("phone_number_id", 80),
    word("channel", Channel::WORDS),
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

/// The field of a code's address or number, for the codes that prove a first factor again.
fn sent_to(by: Strategy) -> Option<&'static str> {
    [Strategy::EmailCode, Strategy::PhoneCode]
        .contains(&by)
        .then(|| by.medium().map(Medium::id_field))?
}

async fn prepare(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = owned(cx, call).await?;
    let by = known(call.form.text("strategy"), false)?;
    let prepared = if let Some(field) = sent_to(by) {
        proofs::prepare_code(cx, id, by, need(call, field)?, channel(call)).await?
    } else if by == Strategy::Passkey {
        proofs::prepare_passkey(cx, id).await?
    } else {
        return Err(not_here().into());
    };
    envelope(cx, prepared).await
}

async fn attempt(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = owned(cx, call).await?;
    let by = known(call.form.text("strategy"), false)?;
    let attempted = if sent_to(by).is_some() {
        proofs::by_code(cx, id, by, need(call, "code")?).await?
    } else if by == Strategy::Password {
        proofs::by_password(cx, id, need(call, "password")?).await?
    } else if by == Strategy::Passkey {
        proofs::by_passkey(cx, id, need(call, "public_key_credential")?).await?
    } else {
        return Err(not_here().into());
    };
    envelope(cx, attempted).await
}

fn need<'a>(call: &'a Call, name: &'static str) -> Result<&'a str, ApiError> {
    let given = call.form.text(name);
    given.ok_or_else(|| refuse::form_param_missing(name).at(name))
}

fn channel(call: &Call) -> Channel {
    let given = call.form.text("channel").and_then(Channel::parse);
    given.unwrap_or_default()
}

/// The refusal of a strategy that proves nothing at this step.
fn not_here() -> ApiError {
    refuse::verification_strategy_invalid().at("strategy")
}

async fn prepare_second(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = owned(cx, call).await?;
    let by = known(call.form.text("strategy"), true)?;
    if by != Strategy::PhoneCode {
        return Err(not_here().into());
    }
    let to = call.form.text("phone_number_id");
    envelope(cx, proofs::prepare_text(cx, id, to, channel(call)).await?).await
}

async fn attempt_second(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = owned(cx, call).await?;
    let by = known(call.form.text("strategy"), true)?;
    let code = call.form.text("code").unwrap_or_default();
    envelope(cx, proofs::second(cx, id, by, code).await?).await
}
