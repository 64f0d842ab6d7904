//! Email addresses, for the operator's servers (contract bapi §2.2).
use super::claims::{self, Standing};
use super::email::EmailAddress;
use super::ops::{self, Place, Tell};
use super::resource::{EmailResource, ServerVerification};
use crate::answers::Deleted;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use crate::users;
use usher_http::form::{Field, flag, secret, text};
use usher_types::Result;
use usher_types::error::codes as refuse;

const CREATE: &[Field] = &[
    text("user_id", 80).required(),
    text("email_address", 320).required(),
    flag("verified").about("It counts as verified by the operator."),
    flag("primary").about("It becomes the primary one, as the first one always does."),
    flag("notify_primary_email_address_changed")
        .about("Tell the address that was the primary one."),
];
const UPDATE: &[Field] = &[
    flag("verified").about("It counts as verified by the operator, or as unverified."),
    flag("primary").about("It becomes the primary one; it must be verified."),
    flag("notify_primary_email_address_changed")
        .about("Tell the address that was the primary one."),
];
const ATTEMPT: &[Field] = &[
    text("verification_id", 80)
        .required()
        .about("Of the prepared verification."),
    secret("code", 64).required(),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "POST",
        "/v1/email_addresses",
        "CreateEmailAddress",
        handler!(post),
    )
    .fields(CREATE)
    .answers::<EmailResource>(),
    Op::bapi(
        "GET",
        "/v1/email_addresses/{email_address_id}",
        "GetEmailAddress",
        handler!(get),
    )
    .answers::<EmailResource>(),
    Op::bapi(
        "PATCH",
        "/v1/email_addresses/{email_address_id}",
        "UpdateEmailAddress",
        handler!(patch),
    )
    .fields(UPDATE)
    .answers::<EmailResource>(),
    Op::bapi(
        "DELETE",
        "/v1/email_addresses/{email_address_id}",
        "DeleteEmailAddress",
        handler!(delete),
    )
    .answers::<Deleted>(),
    Op::bapi(
        "POST",
        "/v1/email_addresses/{email_address_id}/prepare_verification",
        "PrepareEmailAddressVerification",
        handler!(prepare),
    )
    .answers::<ServerVerification>(),
    Op::bapi(
        "POST",
        "/v1/email_addresses/{email_address_id}/attempt_verification",
        "AttemptEmailAddressVerification",
        handler!(attempt),
    )
    .fields(ATTEMPT)
    .answers::<ServerVerification>(),
];

fn place(call: &Call) -> Place {
    if call.form.flag("primary") == Some(true) {
        Place::Primary(Tell::read(&call.form))
    } else {
        Place::Further
    }
}

async fn post(cx: &Cx, call: &Call) -> Result<Reply> {
    let param = "email_address";
    let user = users::ops::list::parse_id(call.form.text("user_id").unwrap_or_default())?;
    let address = call
        .form
        .text(param)
        .and_then(EmailAddress::parse)
        .ok_or_else(|| refuse::form_param_format_invalid("email address").at(param))?;
    let standing = Standing::of(call.form.flag("verified") == Some(true));
    Reply::json(&EmailResource::new(
        &ops::add(cx, &user, &address, standing, place(call)).await?,
    ))
}

async fn get(cx: &Cx, call: &Call) -> Result<Reply> {
    Reply::json(&EmailResource::new(
        &claims::find(cx, call.param("email_address_id")).await?,
    ))
}

async fn patch(cx: &Cx, call: &Call) -> Result<Reply> {
    let standing = call.form.flag("verified").map(Standing::of);
    Reply::json(&EmailResource::new(
        &ops::update(cx, call.param("email_address_id"), standing, place(call)).await?,
    ))
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let gone = ops::remove(cx, call.param("email_address_id"), Tell::Nobody).await?;
    Reply::json(&Deleted::new("email_address", gone.id))
}

async fn prepare(cx: &Cx, call: &Call) -> Result<Reply> {
    let verification = ops::prepare(cx, call.param("email_address_id"), None).await?;
    Reply::json(&ServerVerification::new(&verification, cx.now))
}

async fn attempt(cx: &Cx, call: &Call) -> Result<Reply> {
    let text = |name: &str| call.form.text(name).unwrap_or_default();
    let verification = ops::attempt(
        cx,
        call.param("email_address_id"),
        text("verification_id"),
        text("code"),
    )
    .await?;
    Reply::json(&ServerVerification::new(&verification, cx.now))
}
