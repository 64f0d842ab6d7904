//! Phone numbers, for the operator's servers (contract bapi §2.2).
use super::number::PhoneNumber;
use super::ops::{self, Change};
use super::resource::PhoneResource;
use crate::answers::Deleted;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::claims::{self, Standing};
use crate::identifiers::contact::Channel;
use crate::identifiers::resource::ServerVerification;
use crate::route::{Call, Op, Reply};
use crate::users;
use usher_http::form::{Field, flag, secret, text, word};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

const CREATE: &[Field] = &[
    text("user_id", 80).required(),
    text("phone_number", 64).required(),
    flag("verified").about("It counts as verified by the operator."),
    flag("primary").about("It becomes the primary one, as the first one always does."),
    flag("reserved_for_second_factor")
        .about("A code to it proves the second factor; it must be verified."),
];
const UPDATE: &[Field] = &[
    flag("verified").about("It counts as verified by the operator, or as unverified."),
    flag("primary").about("It becomes the primary one; it must be verified."),
    flag("reserved_for_second_factor")
        .about("A code to it proves the second factor; it must be verified."),
];
const ATTEMPT: &[Field] = &[
    text("verification_id", 80)
        .required()
        .about("Of the prepared verification."),
    secret("code", 64).required(),
];
const REPLACE: &[Field] = &[
    text("phone_number", 64).required(),
    word(
        "identification_status",
        &["verified", "reserved", "unverified"],
    )
    .about("`verified` when left out."),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "POST",
        "/v1/phone_numbers",
        "CreatePhoneNumber",
        handler!(post),
    )
    .fields(CREATE)
    .answers::<PhoneResource>(),
    Op::bapi(
        "GET",
        "/v1/phone_numbers/{phone_number_id}",
        "GetPhoneNumber",
        handler!(get),
    )
    .answers::<PhoneResource>(),
    Op::bapi(
        "PATCH",
        "/v1/phone_numbers/{phone_number_id}",
        "UpdatePhoneNumber",
        handler!(patch),
    )
    .fields(UPDATE)
    .answers::<PhoneResource>(),
    Op::bapi(
        "DELETE",
        "/v1/phone_numbers/{phone_number_id}",
        "DeletePhoneNumber",
        handler!(delete),
    )
    .answers::<Deleted>(),
    Op::bapi(
        "POST",
        "/v1/phone_numbers/{phone_number_id}/prepare_verification",
        "PreparePhoneNumberVerification",
        handler!(prepare),
    )
    .answers::<ServerVerification>(),
    Op::bapi(
        "POST",
        "/v1/phone_numbers/{phone_number_id}/attempt_verification",
        "AttemptPhoneNumberVerification",
        handler!(attempt),
    )
    .fields(ATTEMPT)
    .answers::<ServerVerification>(),
    Op::bapi(
        "PUT",
        "/v1/users/{user_id}/phone_number",
        "ReplaceUserPhoneNumber",
        handler!(replace),
    )
    .fields(REPLACE)
    .answers::<PhoneResource>(),
];

fn number(cx: &Cx, call: &Call) -> Result<PhoneNumber, ApiError> {
    let param = "phone_number";
    let country = &cx.instance.settings.sms.default_country;
    let text = call.form.text(param).unwrap_or_default();
    PhoneNumber::parse(text, country)
        .ok_or_else(|| refuse::form_param_format_invalid("phone number").at(param))
}

fn change(call: &Call) -> Change {
    Change {
        standing: None,
        primary: call.form.flag("primary") == Some(true),
        second_factor: call.form.flag("reserved_for_second_factor"),
        default_second_factor: None,
    }
}

async fn post(cx: &Cx, call: &Call) -> Result<Reply> {
    let user = users::ops::list::parse_id(call.form.text("user_id").unwrap_or_default())?;
    let number = number(cx, call)?;
    let standing = Standing::of(call.form.flag("verified") == Some(true));
    Reply::json(&PhoneResource::new(
        &ops::add(cx, &user, &number, standing, change(call)).await?,
    ))
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    Reply::json(&PhoneResource::new(
        &claims::find(cx, call.param("phone_number_id")).await?,
    ))
}

async fn patch(cx: &Cx, call: &Call) -> Result<Reply> {
    let change = Change {
        standing: call.form.flag("verified").map(Standing::of),
        ..change(call)
    };
    Reply::json(&PhoneResource::new(
        &ops::update(cx, call.param("phone_number_id"), change).await?,
    ))
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let gone = ops::remove(cx, call.param("phone_number_id")).await?;
    Reply::json(&Deleted::new("phone_number", gone.id))
}

async fn prepare(cx: &Cx, call: &Call) -> Result<Reply> {
    let verification = ops::prepare(cx, call.param("phone_number_id"), Channel::Sms).await?;
    Reply::json(&ServerVerification::new(&verification, cx.now))
}

async fn attempt(cx: &Cx, call: &Call) -> Result<Reply> {
    let text = |name: &str| call.form.text(name).unwrap_or_default();
    let verification = ops::attempt(
        cx,
        call.param("phone_number_id"),
        text("verification_id"),
        text("code"),
        None,
    )
    .await?;
    Reply::json(&ServerVerification::new(&verification, cx.now))
}

async fn replace(cx: &Cx, call: &Call) -> Result<Reply> {
    let number = number(cx, call)?;
    let standing = Standing::read(call.form.text("identification_status"));
    let user = users::ops::list::parse_id(call.param("user_id"))?;
    let row = ops::replace(cx, &user, &number, standing).await?;
    Reply::json(&PhoneResource::new(&row))
}
