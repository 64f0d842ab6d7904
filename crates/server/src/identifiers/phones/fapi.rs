//! `/v1/me/phone_numbers` (contract fapi §8.4). Every operation acts on the signed-in user's own numbers only.
use super::model::PhoneRow;
use super::number::PhoneNumber;
use super::ops::{self, Change};
use super::reach;
use super::resource::PhoneResource;
use crate::access::ops::{self as access, Door};
use crate::answers::Deleted;
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::claims;
use crate::identifiers::contact::Channel;
use crate::identifiers::resource::VerificationResource;
use crate::identifiers::store;
use crate::reverifications::ops as reverifications;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions;
use crate::strategies::Strategy;
use crate::verifications::store as verification_store;
use usher_http::form::{Field, flag, text, word};
use usher_types::Result;
use usher_types::error::codes as refuse;

/// Numbers that a user may have: each one can be made to get messages.
const MAX: usize = 20;
const ADD: &[Field] = &[
    text("phone_number", 64).required(),
    flag("reserved_for_second_factor")
        .about("Only false: a number is proved before it is a second factor."),
];
const UPDATE: &[Field] = &[
    flag("reserved_for_second_factor").about("A code to it proves the second factor."),
    flag("default_second_factor").about("Of those that do, the one that is offered first."),
];
const PREPARE: &[Field] = &[
    text("strategy", 64).required(),
    word("channel", Channel::WORDS),
];
const ATTEMPT: &[Field] = &[text("code", 32).required()];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "GET",
        "/v1/me/phone_numbers",
        "getPhoneNumbers",
        Guard::SignedIn,
        handler!(list),
    )
    .answers::<Vec<PhoneResource>>(),
    Op::fapi(
        "POST",
        "/v1/me/phone_numbers",
        "postPhoneNumbers",
        Guard::SignedIn,
        handler!(add),
    )
    .fields(ADD)
    .envelopes::<PhoneResource>(),
    Op::fapi(
        "GET",
        "/v1/me/phone_numbers/{phone_number_id}",
        "ReadPhoneNumber",
        Guard::SignedIn,
        handler!(show),
    )
    .envelopes::<PhoneResource>(),
    Op::fapi(
        "PATCH",
        "/v1/me/phone_numbers/{phone_number_id}",
        "UpdatePhoneNumber",
        Guard::SignedIn,
        handler!(update),
    )
    .fields(UPDATE)
    .envelopes::<PhoneResource>(),
    Op::fapi(
        "DELETE",
        "/v1/me/phone_numbers/{phone_number_id}",
        "DeletePhoneNumber",
        Guard::SignedIn,
        handler!(delete),
    ),
    Op::fapi(
        "POST",
        "/v1/me/phone_numbers/{phone_number_id}/prepare_verification",
        "sendVerificationSMS",
        Guard::SignedIn,
        handler!(prepare),
    )
    .fields(PREPARE)
    .envelopes::<PhoneResource>(),
    Op::fapi(
        "POST",
        "/v1/me/phone_numbers/{phone_number_id}/attempt_verification",
        "verifyPhoneNumber",
        Guard::SignedIn,
        handler!(attempt),
    )
    .fields(ATTEMPT)
    .envelopes::<PhoneResource>(),
];

/// The number as its owner sees it: also the verification that is under way.
async fn resource(cx: &Cx, row: &PhoneRow) -> Result<PhoneResource> {
    let mut tx = cx.read().await?;
    let row: PhoneRow = store::find(&mut tx, &row.id)
        .await?
        .ok_or_else(claims::missing::<PhoneRow>)?;
    let mut resource = PhoneResource::new(&row);
    if !row.is_verified()
        && let Some(id) = &row.verification_id
        && let Some(verification) = verification_store::find(&mut tx, id).await?
    {
        resource.verification = Some(VerificationResource::otp(&verification, cx.now));
    }
    Ok(resource)
}

/// A number of the signed-in user; another user's is not found.
async fn own(cx: &Cx, call: &Call) -> Result<PhoneRow> {
    let (_, user) = sessions::ops::acting(cx).await?;
    claims::own(cx, &user.id, call.param("phone_number_id")).await
}

async fn list(cx: &Cx, _: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting(cx).await?;
    let rows: Vec<PhoneRow> = store::of_user(&mut cx.read().await?, &user.id).await?;
    Reply::json(&rows.iter().map(PhoneResource::new).collect::<Vec<_>>())
}

async fn add(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = reverifications::acting(cx).await?;
    let param = "phone_number";
    let settings = &cx.instance.settings;
    if !settings.attributes.phone_number.enabled() {
        return Err(refuse::form_param_unknown(param).at(param).into());
    }
    let text = call.form.text(param).unwrap_or_default();
    let number = PhoneNumber::parse(text, &settings.sms.default_country)
        .ok_or_else(|| refuse::form_param_format_invalid("phone number").at(param))?;
    reach::check(cx, &number, Channel::Sms).map_err(|e| e.at(param))?;
    if store::of_user::<PhoneRow>(&mut cx.read().await?, &user.id)
        .await?
        .len()
        >= MAX
    {
        return Err(refuse::quota_exceeded().into());
    }
    access::check_number(cx, &mut cx.read().await?, &number, Door::Join).await?;
    let change = Change {
        second_factor: call
            .form
            .flag("reserved_for_second_factor")
            .filter(|on| *on),
        ..Change::default()
    };
    let row = ops::add_own(cx, &user.id, &number, change).await?;
    envelope(cx, resource(cx, &row).await?).await
}

async fn show(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = own(cx, call).await?;
    envelope(cx, resource(cx, &row).await?).await
}

async fn update(cx: &Cx, call: &Call) -> Result<Reply> {
    let (session, user) = reverifications::acting(cx).await?;
    let row = own(cx, call).await?;
    sessions::ops::check_second_factor(&session, &user)?;
    let change = Change {
        second_factor: call.form.flag("reserved_for_second_factor"),
        default_second_factor: call.form.flag("default_second_factor"),
        ..Change::default()
    };
    let (row, codes) = ops::update_own(cx, &session, &row.id, change).await?;
    let mut resource = resource(cx, &row).await?;
    resource.backup_codes = codes;
    envelope(cx, resource).await
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let (session, user) = reverifications::acting(cx).await?;
    let row = own(cx, call).await?;
    if row.is_second_factor() {
        // What a session never proved it does not take away.
        sessions::ops::check_second_factor(&session, &user)?;
    }
    ops::remove_own(cx, &row.id).await?;
    envelope(cx, Deleted::new("phone_number", row.id)).await
}

async fn prepare(cx: &Cx, call: &Call) -> Result<Reply> {
    sessions::ops::acting_in_person(cx).await?;
    let row = own(cx, call).await?;
    if call.form.text("strategy") != Some(Strategy::PhoneCode.word()) {
        return Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into());
    }
    let channel = call.form.text("channel").and_then(Channel::parse);
    ops::prepare(cx, row.id.as_str(), channel.unwrap_or_default()).await?;
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
        cx.client_id().as_ref(),
    )
    .await?;
    claims::conclude(&after, cx.now)?;
    envelope(cx, resource(cx, &row).await?).await
}
