//! How an instance stands in matters that can't be changed yet: features that are off. Reads only; what
//! would change them answers 501.
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use serde_json::{Value, json};
use usher_types::Result;

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/instance/protect",
        "GetInstanceProtect",
        handler!(protect),
    )
    .answers::<Value>(),
    Op::bapi(
        "GET",
        "/v1/instance/organization_settings",
        "GetInstanceOrganizationSettings",
        handler!(organizations),
    )
    .answers::<Value>(),
];

async fn protect(_: &Cx, _: &Call) -> Result<Reply> {
    Reply::json(
        &json!({ "object": "instance_protect", "rules_enabled": false, "specter_enabled": false, "checks_bypassed": false }),
    )
}

async fn organizations(_: &Cx, _: &Call) -> Result<Reply> {
    Reply::json(&json!({
        "object": "organization_settings", "enabled": false, "max_allowed_memberships": 5, "max_allowed_roles": 0, "max_role_sets_allowed": 0,
        "max_allowed_domains": 0, "max_allowed_permissions": 0, "creator_role": "org:admin", "admin_delete_enabled": true, "domains_enabled": false,
        "slug_disabled": false, "domains_enrollment_modes": [], "domains_default_role": "org:member",
    }))
}
