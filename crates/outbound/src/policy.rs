//! What the operator allows beyond the public internet.
use crate::address::{Network, is_public};
use std::net::{IpAddr, SocketAddr};
use url::Url;

/// One entry of the operator's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Addresses that may be connected to, over https on port 443: `10.1.0.0/16`, `192.168.1.9`.
    Network(AllowedNetwork),
    /// A host that may be private, may speak plain http, and may have a port of its own: `idp.internal`,
    /// `127.0.0.1:8080`. Without a port it is the scheme's.
    Host {
        /// In lower case.
        name: String,
        /// As written in the entry.
        port: Option<u16>,
    },
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowedNetwork(Network);

impl Allowed {
    /// Reads an entry.
    ///
    /// # Errors
    /// One line that says what an entry looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(network) = Network::parse(text) {
            return Ok(Self::Network(AllowedNetwork(network)));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self::Host {
                name: host_text(address.ip()),
                port: Some(address.port()),
            });
        }
        let bad = || {
            format!(
                "{text:?} is neither a network (10.1.0.0/16) nor a host (idp.internal, idp.internal:8443)"
            )
        };
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        // Read as URLs are, so that an entry and a URL of the same host are the same text.
        let host = Url::parse(&format!("https://{name}/")).ok();
        match host.as_ref().and_then(Url::host_str) {
            Some(read) if read == name.to_ascii_lowercase() && !name.contains('/') => {
                Ok(Self::Host {
                    name: read.to_owned(),
                    port,
                })
            }
            _ => Err(bad()),
        }
    }
}

/// An address as it stands in a URL.
fn host_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(a) => a.to_string(),
        IpAddr::V6(a) => format!("[{a}]"),
    }
}

/// What may be reached.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// What the operator allows.
    pub allow: Vec<Allowed>,
    /// Our own hosts: a request to ourselves is never meant.
    pub own_hosts: Vec<String>,
    /// Certificate authorities beyond the public ones, as PEM.
    pub authorities_pem: Vec<u8>,
}

/// Names that mean this machine or its network, whatever they resolve to (RFC 6761, RFC 6762, RFC 8375, ICANN `internal`).
const PRIVATE_NAMES: &[&str] = &[
    "localhost",
    "local",
    "internal",
    "home.arpa",
    "intranet",
    "lan",
];

impl Policy {
    /// The entry that allows this host as it is.
    pub(crate) fn allows_host(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else {
            return false;
        };
        self.allow.iter().any(|entry| match entry {
            Allowed::Host { name, port } => {
                name == host
                    && match (port, url.port()) {
                        (Some(allowed), _) => url.port_or_known_default() == Some(*allowed),
                        (None, asked) => asked.is_none(),
                    }
            }
            Allowed::Network(_) => false,
        })
    }

    /// Whether a name may be asked for at all.
    pub(crate) fn refuses_name(&self, host: &str) -> bool {
        let name = host.trim_end_matches('.');
        self.own_hosts
            .iter()
            .any(|own| own.split(':').next() == Some(name))
            || !name.contains('.')
            || PRIVATE_NAMES
                .iter()
                .any(|private| name == *private || name.ends_with(&format!(".{private}")))
    }

    /// Whether an address may be connected to.
    pub(crate) fn allows_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address)
            || self.allow.iter().any(|entry| match entry {
                Allowed::Network(AllowedNetwork(network)) => network.contains(address),
                Allowed::Host { .. } => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_networks_or_hosts_and_nothing_else() {
        assert!(matches!(
            Allowed::parse("10.0.0.0/8"),
            Ok(Allowed::Network(_))
        ));
        assert!(matches!(Allowed::parse("::1"), Ok(Allowed::Network(_))));
        for (text, name, port) in [
            ("idp.internal", "idp.internal", None),
            ("IdP.Internal:8443", "idp.internal", Some(8443)),
            ("127.0.0.1:8080", "127.0.0.1", Some(8080)),
            ("[::1]:8080", "[::1]", Some(8080)),
        ] {
            let host = Allowed::Host {
                name: name.to_owned(),
                port,
            };
            assert_eq!(Allowed::parse(text), Ok(host));
        }
        for bad in [
            "",
            "https://a.b",
            "a.b/c",
            "a b",
            "a.b:",
            "a.b:99999",
            "user@a.b",
            "10.0.0.1/8",
            "0x7f.1:80",
        ] {
            assert!(Allowed::parse(bad).is_err(), "{bad}");
        }
    }
}
