//! A satellite's row, and what is served on one.
use usher_db::row;
use usher_http::origin::{self, Url};
use usher_types::Timestamp;
use usher_types::id::InstanceId;

row! {
    /// A satellite: `name` is the domain of its applications, its Frontend API is `clerk.` below it.
    pub struct DomainRow {
        pub instance_id: InstanceId,
        pub id: String,
        pub name: String,
        pub proxy_url: Option<String>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

impl DomainRow {
    /// The host of its Frontend API.
    #[must_use]
    pub fn host(&self) -> String {
        format!("clerk.{}", self.name)
    }
    /// A page of its applications: the domain and what is below it, by https.
    #[must_use]
    pub fn has_page(&self, url: &Url) -> bool {
        url.scheme == "https"
            && url.port.is_none_or(|port| port == 443)
            && within(&url.host, &self.name)
    }
}

/// `a.example.com` and `example.com` are within `example.com`.
#[must_use]
pub fn within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// A domain that can be a satellite: a host name in its one form with a registrable domain, and no port.
#[must_use]
pub fn parse(text: &str) -> Option<String> {
    let (name, port) = origin::split_host(text)?;
    let fits = port.is_none() && name.len() <= 200 && !name.contains('_');
    (fits && origin::registrable(&name).is_some()).then_some(name)
}

/// What a satellite's Frontend API serves: reading, tokens, and signing out. Whatever starts or changes something belongs to
/// the primary, where the browser's own client is.
#[must_use]
pub fn serves(operation: &str) -> bool {
    matches!(
        operation,
        "getEnvironment"
            | "getJWKS"
            | "getOpenIDConfiguration"
            | "getHealth"
            | "getProxyHealth"
            | "getClient"
            | "handshakeClient"
            | "syncClient"
            | "linkClient"
            | "getSession"
            | "touchSession"
            | "createSessionToken"
            | "createSessionTokenWithTemplate"
            | "endSession"
            | "removeClientSession"
            | "removeClientSessions"
            | "getUser"
            | "redirect"
    )
}
