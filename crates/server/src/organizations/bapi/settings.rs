//! `/v1/instance/organization_settings` (contract bapi §2.12).
use crate::cx::Cx;
use crate::handler;
use crate::instances::ops;
use crate::instances::settings::Settings;
use crate::organizations::roles::Role;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, Form, flag, int, text, texts};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Fault, Result};

const UPDATE: &[Field] = &[
    flag("enabled"),
    int("max_allowed_memberships", 0, 1_000_000).about("0 is without limit."),
    flag("admin_delete_enabled"),
    flag("domains_enabled").about("Only false: there are no domains yet."),
    flag("slug_disabled").about("Nobody chooses a slug."),
    texts("domains_enrollment_modes", 3, 64).about("Only none: there are no domains yet."),
    text("creator_role_id", 80).about("Only that of admins."),
    text("domains_default_role_id", 80).about("Only that of members."),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/instance/organization_settings",
        "GetInstanceOrganizationSettings",
        handler!(get),
    )
    .answers::<OrganizationSettings>(),
    Op::bapi(
        "PATCH",
        "/v1/instance/organization_settings",
        "UpdateInstanceOrganizationSettings",
        handler!(patch),
    )
    .fields(UPDATE)
    .answers::<OrganizationSettings>(),
];

/// How an instance stands with organizations.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OrganizationSettings {
    /// `organization_settings`.
    pub object: &'static str,
    /// There are organizations.
    pub enabled: bool,
    /// 0 is without limit.
    pub max_allowed_memberships: i64,
    /// Roles are fixed.
    pub max_allowed_roles: usize,
    /// There are none.
    pub max_role_sets_allowed: i64,
    /// There are none yet.
    pub max_allowed_domains: i64,
    /// Permissions of the operator's own: there are none yet.
    pub max_allowed_permissions: i64,
    /// Who creates an organization is its admin.
    pub creator_role: &'static str,
    /// Admins may delete it.
    pub admin_delete_enabled: bool,
    /// False.
    pub domains_enabled: bool,
    /// Nobody chooses a slug.
    pub slug_disabled: bool,
    /// Empty.
    pub domains_enrollment_modes: Vec<&'static str>,
    /// Of those that a domain would bring.
    pub domains_default_role: &'static str,
}

impl OrganizationSettings {
    fn new(settings: &Settings) -> Self {
        let settings = &settings.organizations;
        Self {
            object: "organization_settings",
            enabled: settings.enabled,
            max_allowed_memberships: settings.max_allowed_memberships,
            max_allowed_roles: Role::ALL.len(),
            max_role_sets_allowed: 0,
            max_allowed_domains: 0,
            max_allowed_permissions: 0,
            creator_role: Role::Admin.key(),
            admin_delete_enabled: settings.admin_delete_enabled,
            domains_enabled: false,
            slug_disabled: settings.slug_disabled,
            domains_enrollment_modes: Vec::new(),
            domains_default_role: Role::Member.key(),
        }
    }
}

async fn get(cx: &Cx, _: &Call) -> Result<Reply> {
    Reply::json(&OrganizationSettings::new(&cx.instance.settings))
}

/// What is asked for and cannot be had is refused by name.
fn check(form: &Form) -> Result<(), ApiError> {
    let invalid = |param: &str| Err(refuse::form_param_value_invalid(param).at(param));
    if form.flag("domains_enabled") == Some(true) {
        return invalid("domains_enabled");
    }
    if !form.texts("domains_enrollment_modes").is_empty() {
        return invalid("domains_enrollment_modes");
    }
    for (param, role) in [
        ("creator_role_id", Role::Admin),
        ("domains_default_role_id", Role::Member),
    ] {
        if form.text(param).is_some_and(|id| id != role.id()) {
            return invalid(param);
        }
    }
    Ok(())
}

async fn patch(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    check(form)?;
    ops::change_settings(cx, |settings| {
        let all = &mut settings.organizations;
        all.enabled = form.flag("enabled").unwrap_or(all.enabled);
        all.max_allowed_memberships = form
            .int("max_allowed_memberships")
            .unwrap_or(all.max_allowed_memberships);
        all.admin_delete_enabled = form
            .flag("admin_delete_enabled")
            .unwrap_or(all.admin_delete_enabled);
        all.slug_disabled = form.flag("slug_disabled").unwrap_or(all.slug_disabled);
    })
    .await?;
    let id = &cx.instance.row.id;
    let now = cx.app.instances().into_iter().find(|i| i.row.id == *id);
    let now = now.ok_or_else(|| Fault::new("an instance that is not loaded any more"))?;
    Reply::json(&OrganizationSettings::new(&now.settings))
}
