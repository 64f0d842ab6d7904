//! `/v1/domains`, for the operator's servers (contract bapi §2.12).
use super::model::DomainRow;
use super::{ops, proxy};
use crate::answers::{Deleted, Page};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, flag, text};
use usher_http::origin::split_host;
use usher_types::error::codes as refuse;
use usher_types::{Result, id};

const ADD: &[Field] = &[
    text("name", 255)
        .required()
        .about("The domain of the applications; its Frontend API is `clerk.` below it."),
    flag("is_satellite").required().about("Only true."),
    text("proxy_url", 2048).about("Only null: a satellite is reached by its own host."),
];
const UPDATE: &[Field] = &[
    text("name", 255),
    text("proxy_url", 2048).about("Only null: a satellite is reached by its own host."),
    flag("is_secondary").about("Without effect: every part of a name counts."),
];

const CHECK: &[Field] = &[
    text("domain_id", 128)
        .required()
        .about("The primary's, or a satellite's."),
    text("proxy_url", 2048)
        .required()
        .about("Where the application's own server forwards to the Frontend API, by https."),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi("GET", "/v1/domains", "ListDomains", handler!(get_list))
        .answers::<Page<DomainResource>>(),
    Op::bapi("POST", "/v1/domains", "AddDomain", handler!(post))
        .fields(ADD)
        .answers::<DomainResource>(),
    Op::bapi(
        "PATCH",
        "/v1/domains/{domain_id}",
        "UpdateDomain",
        handler!(patch),
    )
    .fields(UPDATE)
    .answers::<DomainResource>(),
    Op::bapi(
        "DELETE",
        "/v1/domains/{domain_id}",
        "DeleteDomain",
        handler!(delete),
    )
    .answers::<Deleted>(),
    Op::bapi(
        "POST",
        "/v1/proxy_checks",
        "VerifyDomainProxy",
        handler!(check_proxy),
    )
    .fields(CHECK)
    .answers::<ProxyCheck>(),
];

/// Where an instance is reached.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Domain")]
pub struct DomainResource {
    /// `domain`.
    pub object: &'static str,
    /// `dmn_…`.
    pub id: String,
    /// The domain that the apps share, or the host itself where there is none.
    pub name: String,
    /// It shares the primary's sessions.
    pub is_satellite: bool,
    /// The Frontend API.
    pub frontend_api_url: String,
    /// The account portal; satellites have none.
    pub accounts_portal_url: Option<String>,
    /// None.
    pub proxy_url: Option<String>,
    /// Empty: loopback origins are allowed on development instances anyway.
    pub development_origin: String,
}

impl DomainResource {
    fn primary(cx: &Cx) -> Self {
        let instance = &cx.instance;
        let host = split_host(&instance.row.host)
            .map_or_else(|| instance.row.host.clone(), |(name, _)| name);
        Self {
            object: "domain",
            id: ops::primary_id(cx),
            name: instance.root_domain.clone().unwrap_or(host),
            is_satellite: false,
            frontend_api_url: instance.own_origin(),
            accounts_portal_url: Some(instance.portal_origin.clone()),
            proxy_url: None,
            development_origin: String::new(),
        }
    }
    fn satellite(cx: &Cx, row: &DomainRow) -> Self {
        Self {
            object: "domain",
            id: row.id.clone(),
            name: row.name.clone(),
            is_satellite: true,
            frontend_api_url: format!("{}://{}", cx.instance.scheme, row.host()),
            accounts_portal_url: None,
            proxy_url: row.proxy_url.clone(),
            development_origin: String::new(),
        }
    }
}

/// A look through an application's own proxy.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ProxyCheck")]
pub struct ProxyCheck {
    /// `proxy_check`.
    pub object: &'static str,
    /// `proxchk_…`; kept nowhere.
    pub id: String,
    /// The domain.
    pub domain_id: String,
    /// Unix ms: now.
    pub last_run_at: i64,
    /// As it was given.
    pub proxy_url: String,
    /// The Frontend API answered through it; what does not is refused.
    pub successful: bool,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

async fn get_list(cx: &Cx, _: &Call) -> Result<Reply> {
    let satellites = cx.instance.satellites.iter();
    let data: Vec<DomainResource> = [DomainResource::primary(cx)]
        .into_iter()
        .chain(satellites.map(|row| DomainResource::satellite(cx, row)))
        .collect();
    let total_count = i64::try_from(data.len()).unwrap_or(i64::MAX);
    Reply::json(&Page { data, total_count })
}

/// What is asked for and cannot be had is refused by name.
fn check(call: &Call) -> Result<()> {
    if call.form.text("proxy_url").is_some() {
        return Err(refuse::form_param_value_invalid("proxy_url")
            .at("proxy_url")
            .into());
    }
    if call.form.flag("is_satellite") == Some(false) {
        return Err(refuse::form_param_value_invalid("is_satellite")
            .at("is_satellite")
            .into());
    }
    Ok(())
}

async fn post(cx: &Cx, call: &Call) -> Result<Reply> {
    check(call)?;
    let row = ops::add(cx, call.form.text("name").unwrap_or_default()).await?;
    Reply::json(&DomainResource::satellite(cx, &row))
}

async fn patch(cx: &Cx, call: &Call) -> Result<Reply> {
    check(call)?;
    let row = ops::rename(cx, call.param("domain_id"), call.form.text("name")).await?;
    Reply::json(&DomainResource::satellite(cx, &row))
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("domain_id");
    ops::remove(cx, id).await?;
    Reply::json(&Deleted::new("domain", id))
}

async fn check_proxy(cx: &Cx, call: &Call) -> Result<Reply> {
    let text = |name: &str| call.form.text(name).unwrap_or_default().to_owned();
    let (domain_id, proxy_url) = (text("domain_id"), text("proxy_url"));
    proxy::check(cx, &domain_id, &proxy_url).await?;
    Reply::json(&ProxyCheck {
        object: "proxy_check",
        id: id::compose("proxchk_", cx.now, &cx.fresh()),
        domain_id,
        last_run_at: cx.now.0,
        proxy_url,
        successful: true,
        created_at: cx.now.0,
        updated_at: cx.now.0,
    })
}
