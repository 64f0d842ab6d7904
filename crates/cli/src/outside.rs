//! What a process may reach and look up outside of its database, by its configuration.
use std::path::Path;
use std::sync::Arc;
use usher_breached::{Breached, Filter, Range};
use usher_outbound::{Allowed, Client, Policy};
use usher_server::config::Config;

/// The public range service.
pub(crate) const HAVE_I_BEEN_PWNED: &str = "https://api.pwnedpasswords.com/range/";

/// The way out and the sets of breached passwords. `range` is the service where the configuration names none.
///
/// # Errors
/// One line that says what to change.
pub(crate) fn open(config: &Config, range: Option<&str>) -> Result<(Client, Breached), String> {
    let outbound = client(config)?;
    let told = |path: &Path, e: &dyn std::fmt::Display| {
        format!("breached_passwords.file {}: {e}", path.display())
    };
    let filter = match &config.breached_passwords.file {
        Some(path) => Some(Arc::new(Filter::open(path).map_err(|e| told(path, &e))?)),
        None => None,
    };
    let url = config.breached_passwords.range_url.as_deref().or(range);
    let range = match url.filter(|url| !matches!(*url, "" | "off")) {
        Some(url) => {
            let range = Range::new(outbound.clone(), url);
            Some(Arc::new(
                range.map_err(|e| format!("breached_passwords.range_url: {e}"))?,
            ))
        }
        None => None,
    };
    Ok((outbound, Breached { filter, range }))
}

fn client(config: &Config) -> Result<Client, String> {
    let allow = config
        .outbound
        .allow
        .iter()
        .map(|entry| Allowed::parse(entry));
    let allow = allow
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| format!("outbound.allow: {e}"))?;
    let authorities_pem = match &config.outbound.authorities_file {
        Some(path) => std::fs::read(path)
            .map_err(|e| format!("outbound.authorities_file {}: {e}", path.display()))?,
        None => Vec::new(),
    };
    let own = config.instances.iter().map(|i| i.host.clone());
    Client::new(Policy {
        allow,
        own_hosts: own.chain(config.server.api_host.clone()).collect(),
        authorities_pem,
    })
    .map_err(|e| format!("outbound.authorities_file: {e}"))
}
