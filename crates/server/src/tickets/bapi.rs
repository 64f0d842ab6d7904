//! Sign-in tokens, actor tokens and invitations, for the operator's servers (contract bapi §2.5, §2.11).
use super::model::Kind;
use super::ops::{self, Acting, Users};
use super::resource::{ActorToken, Invitation, Shown, SignInToken};
use super::store::{self, Filter, ORDERS};
use crate::answers::{self, List, Window};
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::email::EmailAddress;
use crate::route::{Call, Op, Reply};
use crate::templates::Slug;
use crate::users;
use serde_json::Value;
use usher_http::form::{Field, Form, flag, int, object, text, word};
use usher_types::Result;
use usher_types::error::codes as refuse;

/// Seconds that the longest token lives: ten years.
const LONGEST: i64 = 315_360_000;

const SIGN_IN_TOKEN: &[Field] = &[
    text("user_id", 80).required(),
    text("org_id", 80).about("Not taken yet: sessions begin in the user's own account."),
    int("expires_in_seconds", 1, LONGEST).about("30 days when left out."),
];
const ACTOR_TOKEN: &[Field] = &[
    text("user_id", 80).required(),
    object("actor", 8192)
        .required()
        .about("Becomes the claim `act`; `sub` is demanded."),
    int("expires_in_seconds", 1, LONGEST).about("An hour when left out."),
    int("session_max_duration_in_seconds", 1, LONGEST).about("Half an hour when left out."),
];
const INVITATION: &[Field] = &[
    text("email_address", 320).required(),
    object("public_metadata", 8192).about("Becomes the user's."),
    text("redirect_url", 4096)
        .about("The page that takes the ticket; the sign-up page when left out."),
    flag("notify").about("The link is mailed; true when left out."),
    flag("ignore_existing").about("Invite although there is an invitation, or a user, already."),
    int("expires_in_days", 1, 365).about("30 when left out."),
    word("template_slug", &["invitation", "waitlist_invitation"])
        .about("Which mail it is: an invitation, or the end of a wait."),
];
const LIST: &[Field] = &[
    word("status", &["pending", "accepted", "revoked", "expired"])
        .query()
        .about("Those that were not revoked when left out."),
    text("query", 320)
        .query()
        .about("A part of the address, or an id."),
    word("order_by", ORDERS)
        .query()
        .about("-created_at when left out."),
    answers::PAGINATED,
    answers::LIMIT,
    answers::OFFSET,
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "POST",
        "/v1/sign_in_tokens",
        "CreateSignInToken",
        handler!(post_sign_in_token),
    )
    .fields(SIGN_IN_TOKEN)
    .answers::<SignInToken>(),
    Op::bapi(
        "POST",
        "/v1/sign_in_tokens/{sign_in_token_id}/revoke",
        "RevokeSignInToken",
        handler!(revoke_sign_in_token),
    )
    .answers::<SignInToken>(),
    Op::bapi(
        "POST",
        "/v1/actor_tokens",
        "CreateActorToken",
        handler!(post_actor_token),
    )
    .fields(ACTOR_TOKEN)
    .answers::<ActorToken>(),
    Op::bapi(
        "POST",
        "/v1/actor_tokens/{actor_token_id}/revoke",
        "RevokeActorToken",
        handler!(revoke_actor_token),
    )
    .answers::<ActorToken>(),
    Op::bapi(
        "GET",
        "/v1/invitations",
        "ListInvitations",
        handler!(get_invitations),
    )
    .fields(LIST)
    .answers::<List<Invitation>>(),
    Op::bapi(
        "POST",
        "/v1/invitations",
        "CreateInvitation",
        handler!(post_invitation),
    )
    .fields(INVITATION)
    .answers::<Invitation>(),
    Op::bapi(
        "POST",
        "/v1/invitations/bulk",
        "CreateBulkInvitations",
        handler!(post_invitations),
    )
    .fields(INVITATION)
    .items(10)
    .answers::<Vec<Invitation>>(),
    Op::bapi(
        "POST",
        "/v1/invitations/{invitation_id}/revoke",
        "RevokeInvitation",
        handler!(revoke_invitation),
    )
    .answers::<Invitation>(),
];

async fn post_sign_in_token(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    if form.text("org_id").is_some() {
        return Err(refuse::resource_not_found("organization")
            .at("org_id")
            .into());
    }
    let user = users::ops::list::parse_id(form.text("user_id").unwrap_or_default())?;
    let life = form.int("expires_in_seconds").unwrap_or(30 * 24 * 3600);
    let row = ops::for_user(cx, &user, life, None).await?;
    Reply::json(&SignInToken::new(cx, &row, Shown::Whole))
}

async fn revoke_sign_in_token(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = ops::revoke(cx, Kind::SignInToken, call.param("sign_in_token_id")).await?;
    Reply::json(&SignInToken::new(cx, &row, Shown::WithoutSecret))
}

async fn post_actor_token(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let user = users::ops::list::parse_id(form.text("user_id").unwrap_or_default())?;
    let actor = form.object("actor").cloned().unwrap_or_default();
    // Nobody impersonates without saying who.
    match actor.get("sub") {
        None => return Err(refuse::form_param_missing("actor.sub").at("actor").into()),
        Some(Value::String(sub)) if !sub.trim().is_empty() => {}
        Some(_) => {
            return Err(refuse::form_param_value_invalid("actor.sub")
                .at("actor")
                .into());
        }
    }
    let acting = Acting {
        actor: Value::Object(actor).to_string(),
        session_life_secs: form
            .int("session_max_duration_in_seconds")
            .unwrap_or(30 * 60),
    };
    let life = form.int("expires_in_seconds").unwrap_or(3600);
    let row = ops::for_user(cx, &user, life, Some(acting)).await?;
    Reply::json(&ActorToken::new(cx, &row, Shown::Whole))
}

async fn revoke_actor_token(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = ops::revoke(cx, Kind::ActorToken, call.param("actor_token_id")).await?;
    Reply::json(&ActorToken::new(cx, &row, Shown::WithoutSecret))
}

async fn get_invitations(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let filter = Filter {
        status: form.text("status"),
        query: form.text("query"),
    };
    let order = form.text("order_by").unwrap_or("-created_at");
    let window = Window::read(form);
    let mut tx = cx.read().await?;
    let (limit, offset) = (window.limit, window.offset);
    let rows = store::list(&mut tx, filter, order, cx.now, limit, offset).await?;
    let data = rows.iter().map(|row| Invitation::new(cx, row)).collect();
    let total = store::count(&mut tx, filter, cx.now);
    window.answer(data, total).await
}

/// An invitation to make, from its fields.
fn read(form: &Form) -> Result<ops::Invitation> {
    let address = form.text("email_address").unwrap_or_default();
    let address = EmailAddress::parse(address)
        .ok_or_else(|| refuse::form_param_format_invalid("email address").at("email_address"))?;
    Ok(ops::Invitation {
        address,
        public_metadata: form.object("public_metadata").cloned(),
        redirect_url: form.text("redirect_url").map(str::to_owned),
        notify: form.flag("notify") != Some(false),
        ignore_existing: form.flag("ignore_existing") == Some(true),
        days: form.int("expires_in_days").unwrap_or(30),
        slug: match form.text("template_slug") {
            Some("waitlist_invitation") => Slug::WaitlistInvitation,
            _ => Slug::Invitation,
        },
    })
}

async fn post_invitation(cx: &Cx, call: &Call) -> Result<Reply> {
    let made = ops::invite(cx, &[read(&call.form)?], Users::MayExist).await?;
    let row = made.first().ok_or_else(refuse::internal_clerk_error)?;
    Reply::json(&Invitation::new(cx, row))
}

async fn post_invitations(cx: &Cx, call: &Call) -> Result<Reply> {
    let all = call.items.iter().map(read).collect::<Result<Vec<_>>>()?;
    let made = ops::invite(cx, &all, Users::Refuse).await?;
    let shown: Vec<Invitation> = made.iter().map(|row| Invitation::new(cx, row)).collect();
    Reply::json(&shown)
}

async fn revoke_invitation(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = ops::revoke(cx, Kind::Invitation, call.param("invitation_id")).await?;
    Reply::json(&Invitation::new(cx, &row))
}
