//! Documents of an instance and small public operations of the Frontend API (contract fapi §5.7, §7, §10).
use super::loaded::Document;
use crate::clients::handshake::redirect_target;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, JSON, Op, Reply};
use serde_json::json;
use usher_http::form::{Field, text};
use usher_types::Result;

const PROXY_HEALTH: &[Field] = &[text("domain_id", 128).query().required()];
const REDIRECT: &[Field] = &[text("redirect_url", 4096).query().required()];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "GET",
        "/v1/environment",
        "getEnvironment",
        Guard::Browser,
        handler!(environment),
    ),
    Op::fapi(
        "PATCH",
        "/v1/environment",
        "updateEnvironment",
        Guard::Browser,
        handler!(environment),
    ),
    Op::fapi(
        "GET",
        "/.well-known/jwks.json",
        "getJWKS",
        Guard::Public,
        handler!(jwks),
    ),
    Op::fapi(
        "GET",
        "/.well-known/openid-configuration",
        "getOpenIDConfiguration",
        Guard::Public,
        handler!(openid),
    ),
    Op::fapi(
        "GET",
        "/v1/account_portal",
        "getAccountPortal",
        Guard::Browser,
        handler!(account_portal),
    ),
    Op::fapi(
        "GET",
        "/v1/health",
        "getHealth",
        Guard::Public,
        handler!(health),
    ),
    Op::fapi(
        "GET",
        "/v1/proxy-health",
        "getProxyHealth",
        Guard::Public,
        handler!(proxy_health),
    )
    .fields(PROXY_HEALTH),
    Op::fapi(
        "GET",
        "/v1/redirect",
        "redirect",
        Guard::Browser,
        handler!(redirect),
    )
    .fields(REDIRECT)
    .navigated(),
];

/// A rendered document, open to every origin (it holds nothing of anybody).
pub(crate) fn public(document: &Document) -> Reply {
    Reply::bytes(200, JSON, document.body.clone())
        .header("access-control-allow-origin", "*")
        .header("cache-control", "public, max-age=60")
        .header("etag", document.etag.clone())
}

async fn environment(cx: &Cx, _: &Call) -> Result<Reply> {
    Ok(Reply::bytes(
        200,
        JSON,
        cx.instance.environment.body.clone(),
    ))
}

async fn jwks(cx: &Cx, _: &Call) -> Result<Reply> {
    Ok(public(cx.instance.keys.jwks(cx.now)))
}

/// What exists of it: this server is no OAuth provider yet, so its endpoints answer 501.
async fn openid(cx: &Cx, _: &Call) -> Result<Reply> {
    let base = &cx.instance.issuer;
    let document = json!({
        "issuer": base, "authorization_endpoint": format!("{base}/oauth/authorize"), "token_endpoint": format!("{base}/oauth/token"),
        "revocation_endpoint": format!("{base}/oauth/token/revoke"), "introspection_endpoint": format!("{base}/oauth/token_info"),
        "userinfo_endpoint": format!("{base}/oauth/userinfo"), "jwks_uri": format!("{base}/.well-known/jwks.json"),
        "scopes_supported": ["openid", "profile", "email"], "response_types_supported": ["code"], "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"], "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "email", "name"], "code_challenge_methods_supported": ["S256"],
        "backchannel_logout_supported": false, "frontchannel_logout_supported": false,
    });
    Ok(public(&Document::new(document.to_string())))
}

async fn account_portal(cx: &Cx, _: &Call) -> Result<Reply> {
    let portal = &cx.instance.portal_origin;
    Reply::json(&json!({
        "object": "account_portal", "allowed": true, "enabled": true, "internal_linking": true,
        "after_sign_in_url": format!("{portal}/"), "after_sign_up_url": format!("{portal}/"), "after_join_waitlist_url": format!("{portal}/"),
        "after_create_organization_url": format!("{portal}/"), "after_leave_organization_url": format!("{portal}/"), "logo_link_url": format!("{portal}/"),
        "customization": { "appearance": "auto", "background_color_dark": null, "background_color_light": null, "primary_color_dark": null, "primary_color_light": null },
    }))
}

async fn health(_: &Cx, _: &Call) -> Result<Reply> {
    Reply::json(&json!({ "status": "healthy" }))
}

async fn proxy_health(cx: &Cx, _: &Call) -> Result<Reply> {
    Reply::json(&json!({ "status": "healthy", "x_forwarded_for": cx.request.forwarded_for }))
}

async fn redirect(cx: &Cx, call: &Call) -> Result<Reply> {
    let target = redirect_target(cx, call.form.text("redirect_url").unwrap_or_default())?;
    Ok(Reply::redirect(307, &target.href()))
}
