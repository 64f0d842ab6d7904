//! How an instance stands in matters that can't be changed yet: its domain, and features that are off. Reads only; what
//! would change them answers 501.
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use usher_http::origin::split_host;
use usher_types::Result;

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi("GET", "/v1/domains", "ListDomains", handler!(domains)).answers::<Domains>(),
    Op::bapi(
        "GET",
        "/v1/instance/protect",
        "GetInstanceProtect",
        handler!(protect),
    )
    .answers::<Value>(),
];

/// Where an instance is reached.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Domain")]
pub struct DomainResource {
    /// `domain`.
    pub object: &'static str,
    /// `dmn_…`.
    pub id: String,
    /// The root domain that the apps share, or the host itself where there is none.
    pub name: String,
    /// There are no satellites yet.
    pub is_satellite: bool,
    /// The Frontend API.
    pub frontend_api_url: String,
    /// The account portal.
    pub accounts_portal_url: Option<String>,
    /// None.
    pub proxy_url: Option<String>,
    /// Empty: loopback origins are allowed on development instances anyway.
    pub development_origin: String,
}

/// A page of domains.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Domains")]
pub struct Domains {
    /// The one domain.
    pub data: Vec<DomainResource>,
    /// 1.
    pub total_count: usize,
}

async fn domains(cx: &Cx, _: &Call) -> Result<Reply> {
    let instance = &cx.instance;
    let host =
        split_host(&instance.row.host).map_or_else(|| instance.row.host.clone(), |(name, _)| name);
    let domain = DomainResource {
        object: "domain",
        id: instance.row.id.as_str().replacen("ins_", "dmn_", 1),
        name: instance.root_domain.clone().unwrap_or(host),
        is_satellite: false,
        frontend_api_url: instance.issuer.clone(),
        accounts_portal_url: Some(instance.portal_origin.clone()),
        proxy_url: None,
        development_origin: String::new(),
    };
    Reply::json(&Domains {
        data: vec![domain],
        total_count: 1,
    })
}

async fn protect(_: &Cx, _: &Call) -> Result<Reply> {
    Reply::json(
        &json!({ "object": "instance_protect", "rules_enabled": false, "specter_enabled": false, "checks_bypassed": false }),
    )
}
