//! `/v1/me/email_addresses` (contract fapi §8.4). Every operation acts on the signed-in user's own addresses only.
use super::claims;
use super::email::{EmailAddress, EmailRow};
use super::ops;
use super::resource::{EmailResource, VerificationResource};
use super::store;
use crate::access::ops::{self as access, Door};
use crate::answers::Deleted;
use crate::clients::fapi::envelope;
use crate::clients::handshake::redirect_target;
use crate::cx::Cx;
use crate::handler;
use crate::reverifications::ops as reverifications;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions;
use crate::strategies::Strategy;
use crate::verifications::links::{Link, Purpose};
use crate::verifications::store as verification_store;
use usher_http::form::{Field, text};
use usher_types::Result;
use usher_types::error::codes as refuse;

/// Addresses that a user may have: each one can be made to get mail.
const MAX: usize = 20;
const ADD: &[Field] = &[text("email_address", 320).required()];
const PREPARE: &[Field] = &[
    text("strategy", 64).required(),
    text("redirect_url", 4096),
    text("action_complete_redirect_url", 4096),
];
const ATTEMPT: &[Field] = &[text("code", 32).required()];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "GET",
        "/v1/me/email_addresses",
        "getEmailAddresses",
        Guard::SignedIn,
        handler!(list),
    )
    .answers::<Vec<EmailResource>>(),
    Op::fapi(
        "POST",
        "/v1/me/email_addresses",
        "createEmailAddresses",
        Guard::SignedIn,
        handler!(add),
    )
    .fields(ADD)
    .envelopes::<EmailResource>(),
    Op::fapi(
        "GET",
        "/v1/me/email_addresses/{email_id}",
        "getEmailAddress",
        Guard::SignedIn,
        handler!(show),
    )
    .envelopes::<EmailResource>(),
    Op::fapi(
        "DELETE",
        "/v1/me/email_addresses/{email_id}",
        "deleteEmailAddress",
        Guard::SignedIn,
        handler!(delete),
    ),
    Op::fapi(
        "POST",
        "/v1/me/email_addresses/{email_id}/prepare_verification",
        "sendVerificationEmail",
        Guard::SignedIn,
        handler!(prepare),
    )
    .fields(PREPARE)
    .envelopes::<EmailResource>(),
    Op::fapi(
        "POST",
        "/v1/me/email_addresses/{email_id}/attempt_verification",
        "verifyEmailAddress",
        Guard::SignedIn,
        handler!(attempt),
    )
    .fields(ATTEMPT)
    .envelopes::<EmailResource>(),
];

/// The address as its owner sees it: also the verification that is under way.
async fn resource(cx: &Cx, row: &EmailRow) -> Result<EmailResource> {
    let mut tx = cx.read().await?;
    let row: EmailRow = store::find(&mut tx, &row.id)
        .await?
        .ok_or_else(claims::missing::<EmailRow>)?;
    let mut resource = EmailResource::new(&row);
    if !row.is_verified()
        && let Some(id) = &row.verification_id
        && let Some(verification) = verification_store::find(&mut tx, id).await?
    {
        resource.verification = Some(VerificationResource::otp(&verification, cx.now));
    }
    Ok(resource)
}

/// An address of the signed-in user; another user's is not found.
async fn own(cx: &Cx, call: &Call) -> Result<EmailRow> {
    let (_, user) = sessions::ops::acting(cx).await?;
    claims::own(cx, &user.id, call.param("email_id")).await
}

async fn list(cx: &Cx, _: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting(cx).await?;
    let rows: Vec<EmailRow> = store::of_user(&mut cx.read().await?, &user.id).await?;
    Reply::json(&rows.iter().map(EmailResource::new).collect::<Vec<_>>())
}

async fn add(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = reverifications::acting(cx).await?;
    if !cx.instance.settings.attributes.email_address.enabled() {
        return Err(refuse::form_param_unknown("email_address")
            .at("email_address")
            .into());
    }
    let address = EmailAddress::parse(call.form.text("email_address").unwrap_or_default());
    let address = address
        .ok_or_else(|| refuse::form_param_format_invalid("email address").at("email_address"))?;
    if store::of_user::<EmailRow>(&mut cx.read().await?, &user.id)
        .await?
        .len()
        >= MAX
    {
        return Err(refuse::quota_exceeded().into());
    }
    access::check(cx, &mut cx.read().await?, &address, Door::Join).await?;
    let row = ops::add_own(cx, &user.id, &address).await?;
    envelope(cx, resource(cx, &row).await?).await
}

async fn show(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = own(cx, call).await?;
    envelope(cx, resource(cx, &row).await?).await
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    reverifications::acting(cx).await?;
    let row = own(cx, call).await?;
    ops::remove(cx, row.id.as_str(), ops::Tell::Previous).await?;
    envelope(cx, Deleted::new("email_address", row.id)).await
}

async fn prepare(cx: &Cx, call: &Call) -> Result<Reply> {
    sessions::ops::acting_in_person(cx).await?;
    let row = own(cx, call).await?;
    let by_link = call.form.text("strategy") == Some(Strategy::EmailLink.word())
        && cx.instance.settings.attributes.email_link;
    if !by_link && call.form.text("strategy") != Some(Strategy::EmailCode.word()) {
        return Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into());
    }
    let link = if by_link {
        let page = call.form.text("redirect_url");
        let page =
            page.ok_or_else(|| refuse::form_param_missing("redirect_url").at("redirect_url"))?;
        redirect_target(cx, page)?;
        let client = cx.client_id().ok_or_else(refuse::authentication_invalid)?;
        Some(Link {
            purpose: Purpose::Address,
            of: row.id.as_str().to_owned(),
            client: client.as_str().to_owned(),
            redirect_url: page.to_owned(),
        })
    } else {
        None
    };
    ops::prepare(cx, row.id.as_str(), link.as_ref()).await?;
    envelope(cx, resource(cx, &row).await?).await
}

async fn attempt(cx: &Cx, call: &Call) -> Result<Reply> {
    sessions::ops::acting_in_person(cx).await?;
    let row = own(cx, call).await?;
    let verification = row
        .verification_id
        .as_ref()
        .ok_or_else(refuse::verification_missing)?;
    let after = ops::attempt(
        cx,
        row.id.as_str(),
        verification.as_str(),
        call.form.text("code").unwrap_or_default(),
    )
    .await?;
    claims::conclude(&after, cx.now)?;
    envelope(cx, resource(cx, &row).await?).await
}
