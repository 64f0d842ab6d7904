//! `/v1/me/organization_…`: the own memberships (contract fapi §8.9).
use crate::answers::{Deleted, LIMIT, List, OFFSET, PAGINATED, Page, Window};
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::organizations::members::ops as members;
use crate::organizations::ops;
use crate::organizations::resource::MembershipResource;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions::ops::{acting, acting_in_person};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use usher_http::form::{Field, texts};
use usher_types::Result;

const MEMBERSHIPS: &[Field] = &[PAGINATED, LIMIT, OFFSET];
const SUGGESTIONS: &[Field] = &[LIMIT, OFFSET, texts("status", 4, 32).query()];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "GET",
        "/v1/me/organization_memberships",
        "getOrganizationMemberships",
        Guard::SignedIn,
        handler!(list),
    )
    .fields(MEMBERSHIPS)
    .envelopes::<List<MembershipResource>>(),
    Op::fapi(
        "DELETE",
        "/v1/me/organization_memberships/{organization_id}",
        "deleteOrganizationMemberships",
        Guard::SignedIn,
        handler!(leave),
    )
    .envelopes::<Deleted>(),
    Op::fapi(
        "GET",
        "/v1/me/organization_suggestions",
        "getOrganizationSuggestions",
        Guard::SignedIn,
        handler!(suggestions),
    )
    .fields(SUGGESTIONS)
    .envelopes::<Page<Value>>(),
    Op::fapi(
        "GET",
        "/v1/me/organization_creation_defaults",
        "getOrganizationCreationDefaults",
        Guard::SignedIn,
        handler!(defaults),
    )
    .envelopes::<CreationDefaults>(),
];

/// What a form for a new organization begins with: nothing, as nothing is known of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrganizationCreationDefaults")]
pub struct CreationDefaults {
    /// What to call it.
    pub form: SuggestedForm,
    /// None.
    pub advisory: Option<Value>,
}

/// What is suggested.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrganizationCreationForm")]
pub struct SuggestedForm {
    /// None.
    pub name: Option<String>,
    /// None.
    pub logo: Option<String>,
}

async fn list(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting(cx).await?;
    ops::enabled(cx)?;
    let window = Window::read(&call.form);
    let all = members::shown_to(cx, &mut cx.read().await?, &user).await?;
    envelope(cx, window.cut(all)).await
}

async fn leave(cx: &Cx, call: &Call) -> Result<Reply> {
    let (_, user) = acting_in_person(cx).await?;
    let left = members::leave(cx, call.param("organization_id"), &user.id).await?;
    envelope(cx, Deleted::new("organization_membership", left.row.id)).await
}

/// Organizations that a verified domain suggests: there are no domains, so none.
async fn suggestions(cx: &Cx, call: &Call) -> Result<Reply> {
    acting(cx).await?;
    ops::enabled(cx)?;
    envelope(cx, Window::read(&call.form).page(Vec::<Value>::new())).await
}

async fn defaults(cx: &Cx, _: &Call) -> Result<Reply> {
    acting(cx).await?;
    ops::enabled(cx)?;
    let form = SuggestedForm {
        name: None,
        logo: None,
    };
    let none = CreationDefaults {
        form,
        advisory: None,
    };
    envelope(cx, none).await
}
