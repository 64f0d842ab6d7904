//! `/v1/me` (contract fapi §8.3).
use super::model::normal_username;
use super::ops::create::check_username;
use super::ops::shown;
use super::resource::UserResource;
use super::{ops, store};
use crate::answers::Deleted;
use crate::audit::{self, Event};
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::messages;
use crate::reverifications::ops as reverifications;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions;
use usher_http::form::{Field, Patch, flag, object, secret, text};
use usher_types::error::codes as refuse;
use usher_types::id::UserId;
use usher_types::{Error, Result};

const UPDATE: &[Field] = &[
    text("username", 256),
    text("first_name", 256),
    text("last_name", 256),
    text("primary_email_address_id", 80),
    text("primary_phone_number_id", 80),
    text("primary_web3_wallet_id", 80),
    object("unsafe_metadata", 8192),
];

const METADATA: &[Field] = &[object("unsafe_metadata", 8192).required()];
const CHANGE_PASSWORD: &[Field] = &[
    secret("current_password", 4096),
    secret("new_password", 4096).required(),
    flag("sign_out_of_other_sessions"),
];
const REMOVE_PASSWORD: &[Field] = &[secret("current_password", 4096)];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi("GET", "/v1/me", "getUser", Guard::SignedIn, handler!(show))
        .envelopes::<UserResource>(),
    Op::fapi(
        "PATCH",
        "/v1/me",
        "patchUser",
        Guard::SignedIn,
        handler!(update),
    )
    .fields(UPDATE)
    .envelopes::<UserResource>(),
    Op::fapi(
        "DELETE",
        "/v1/me",
        "deleteUser",
        Guard::SignedIn,
        handler!(delete),
    ),
    Op::fapi(
        "PATCH",
        "/v1/me/metadata",
        "updateUserMetadata",
        Guard::SignedIn,
        handler!(metadata),
    )
    .fields(METADATA)
    .envelopes::<UserResource>(),
    Op::fapi(
        "POST",
        "/v1/me/change_password",
        "changePassword",
        Guard::SignedIn,
        handler!(change_password),
    )
    .fields(CHANGE_PASSWORD)
    .envelopes::<UserResource>(),
    Op::fapi(
        "POST",
        "/v1/me/remove_password",
        "deletePassword",
        Guard::SignedIn,
        handler!(remove_password),
    )
    .fields(REMOVE_PASSWORD)
    .envelopes::<UserResource>(),
];

async fn metadata(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting(cx).await?;
    let new = ops::metadata::Metadata {
        open: call.form.object("unsafe_metadata").cloned(),
        ..Default::default()
    };
    ops::metadata::update(cx, user.id.as_str(), &new, ops::metadata::How::Merge).await?;
    envelope(cx, shown::own(cx, &user.id).await?).await
}

async fn change_password(cx: &Cx, call: &Call) -> Result<Reply> {
    let (session, user) = sessions::ops::acting_in_person(cx).await?;
    let form = &call.form;
    let end_others = form.flag("sign_out_of_other_sessions") == Some(true);
    ops::own::change_password(
        cx,
        &session,
        &user,
        form.text("current_password"),
        form.text("new_password").unwrap_or_default(),
        end_others,
    )
    .await?;
    envelope(cx, shown::own(cx, &user.id).await?).await
}

async fn remove_password(cx: &Cx, call: &Call) -> Result<Reply> {
    let (session, user) = sessions::ops::acting_in_person(cx).await?;
    ops::own::remove_password(cx, &session, &user, call.form.text("current_password")).await?;
    envelope(cx, shown::own(cx, &user.id).await?).await
}

async fn delete(cx: &Cx, _: &Call) -> Result<Reply> {
    let (_, user) = reverifications::acting(cx).await?;
    ops::own::delete(cx, &user).await?;
    envelope(cx, Deleted::new("user", user.id)).await
}

async fn show(cx: &Cx, _: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting(cx).await?;
    envelope(cx, shown::own(cx, &user.id).await?).await
}

async fn update(cx: &Cx, call: &Call) -> Result<Reply> {
    // Names are no way in; identifiers are.
    let identifies = [
        "username",
        "primary_email_address_id",
        "primary_phone_number_id",
        "primary_web3_wallet_id",
    ]
    .iter()
    .any(|name| call.form.sent(name));
    let (_, user) = if identifies {
        reverifications::acting(cx).await?
    } else {
        sessions::ops::acting(cx).await?
    };
    change(cx, &user.id, call).await?;
    envelope(cx, shown::own(cx, &user.id).await?).await
}

/// Changes the user's own profile: names, username, primary address, unsafe metadata; nothing that only servers write.
async fn change(cx: &Cx, id: &UserId, call: &Call) -> Result<()> {
    let form = &call.form;
    let settings = &cx.instance.settings;
    let a = &settings.attributes;
    for (name, presence) in [
        ("username", a.username),
        ("first_name", a.first_name),
        ("last_name", a.last_name),
    ] {
        if form.text(name).is_some() && !presence.enabled() {
            return Err(refuse::form_param_unknown(name).at(name).into());
        }
        if form.sent(name) && form.text(name).is_none() && presence.required() {
            return Err(refuse::form_param_nil(&name.replace('_', " "))
                .at(name)
                .into());
        }
    }
    let username = match form.patch("username") {
        Patch::Set(text) => Patch::Set(check_username(settings, &text)?),
        other => other,
    };
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut found = ops::list::hold(&mut tx, id).await?;
        let before = found.user.clone();
        let nameless = found.emails.is_empty() && found.phones.is_empty() && !ops::ways::by_wallet(settings, &found);
        if let Some(primary) = form.text("primary_web3_wallet_id") {
            let wallet = found.wallets.iter().find(|w| w.id.as_str() == primary && w.is_verified());
            let wallet = wallet.ok_or_else(|| refuse::resource_not_found("wallet").at("primary_web3_wallet_id"))?;
            found.user.primary_web3_wallet_id = Some(wallet.id.clone());
        }
        let user = &mut found.user;
        user.first_name = form.patch("first_name").over(user.first_name.take());
        user.last_name = form.patch("last_name").over(user.last_name.take());
        user.username = username.clone().over(user.username.take());
        user.username_normal = user.username.as_deref().map(normal_username);
        if let Some(normal) = &user.username_normal
            && store::by_username(&mut tx, normal).await?.is_some_and(|other| other.id != user.id)
        {
            return Err(refuse::identifier_taken("username").into());
        }
        if user.username.is_none() && nameless {
            return Err(refuse::last_required_identification_deletion_failed().into());
        }
        if let Some(primary) = form.text("primary_email_address_id") {
            let email = found.emails.iter().find(|e| e.id.as_str() == primary && e.is_verified());
            let email = email.ok_or_else(|| refuse::resource_not_found("email address").at("primary_email_address_id"))?;
            user.primary_email_address_id = Some(email.id.clone());
        }
        if let Some(primary) = form.text("primary_phone_number_id") {
            let phone = found.phones.iter().find(|p| p.id.as_str() == primary && p.is_verified());
            let phone = phone.ok_or_else(|| refuse::resource_not_found("phone number").at("primary_phone_number_id"))?;
            user.primary_phone_number_id = Some(phone.id.clone());
        }
        let metadata = ops::metadata::Metadata { open: form.object("unsafe_metadata").cloned(), ..Default::default() };
        ops::metadata::apply(user, &metadata, ops::metadata::How::Replace)?;
        user.updated_at = cx.now;
        found.refresh();
        store::update(&mut tx, &found.user).await.map_err(|e| if e.is_unique() { Error::from(refuse::identifier_taken("username")) } else { e.into() })?;
        audit::record(cx, &mut tx, Event::new("user.updated").user(id).changed(found.user.differs_from(&before)));
        let old = found.emails.iter().find(|e| before.primary_email_address_id.as_ref() == Some(&e.id));
        messages::ops::primary_changed(cx, &mut tx, &found.user, old).await?;
        Ok::<_, Error>(())
    })
}
