//! Certificates from files: one server for several hosts, told apart by the name that the browser asks for (SNI, RFC 6066
//! §3). Files that changed are read again; ones that cannot be used are told of and the old ones stay.
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// Where a certificate is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// PEM: the server's certificate, then the intermediate ones.
    pub chain: PathBuf,
    /// PEM: its private key (PKCS#8, PKCS#1 or SEC 1).
    pub key: PathBuf,
}

/// A certificate with its key, and the names it is for.
#[derive(Debug)]
struct Entry {
    names: Vec<String>,
    key: Arc<CertifiedKey>,
}

/// See the module.
pub struct Tls {
    files: Vec<Files>,
    /// The bytes that the certificates were made of.
    read: Mutex<Vec<Vec<u8>>>,
    certificates: Arc<Certificates>,
    acceptor: TlsAcceptor,
}

/// What handshakes choose from, as it is at that moment.
#[derive(Debug)]
struct Certificates(RwLock<Vec<Entry>>);

impl Tls {
    /// Reads the files. TLS 1.3 and 1.2 with the library's suites; HTTP/2 is preferred.
    ///
    /// # Errors
    /// One line that names the file and what is wrong with it.
    pub fn load(files: Vec<Files>) -> Result<Arc<Self>, String> {
        if files.is_empty() {
            return Err("server.tls.certificates is empty; name a chain and a key".to_owned());
        }
        let (read, entries) = read(&files)?;
        let certificates = Arc::new(Certificates(RwLock::new(entries)));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|e| format!("server.tls: {e}"))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(Self {
            files,
            read: Mutex::new(read),
            certificates,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }))
    }

    /// Reads the files again; true when they changed and are used from now on.
    ///
    /// # Errors
    /// As [`Tls::load`]; what was used before stays.
    pub fn reload(&self) -> Result<bool, String> {
        let (fresh, entries) = read(&self.files)?;
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == fresh {
            return Ok(false);
        }
        *known = fresh;
        let mut used = self
            .certificates
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *used = entries;
        Ok(true)
    }

    /// True when a certificate is for this host name.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        self.certificates.find(host).is_some()
    }

    /// Begins handshakes.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

impl Certificates {
    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let by = |fits: &dyn Fn(&str) -> bool| {
            let found = entries.iter().find(|e| e.names.iter().any(|n| fits(n)));
            found.map(|e| Arc::clone(&e.key))
        };
        by(&|n| n.eq_ignore_ascii_case(name)).or_else(|| by(&|n| names(n, name)))
    }
}

impl ResolvesServerCert for Certificates {
    /// The first certificate for callers that name no host (probes by address); none for a host that is not ours, which
    /// ends the handshake.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match hello.server_name() {
            Some(name) => self.find(name),
            None => {
                let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
                entries.first().map(|e| Arc::clone(&e.key))
            }
        }
    }
}

/// A name of a certificate is for a host: the same, or `*.` and the host without its first label (RFC 9525 §6.3).
fn names(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent)),
        None => name.eq_ignore_ascii_case(host),
    }
}

fn read(files: &[Files]) -> Result<(Vec<Vec<u8>>, Vec<Entry>), String> {
    let mut bytes = Vec::with_capacity(files.len() * 2);
    let mut entries = Vec::with_capacity(files.len());
    for pair in files {
        let chain = contents(&pair.chain)?;
        let key = contents(&pair.key)?;
        entries.push(entry(pair, &chain, &key)?);
        bytes.push(chain);
        bytes.push(key);
    }
    Ok((bytes, entries))
}

fn contents(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("server.tls: {}: {e}", path.display()))
}

fn entry(files: &Files, chain: &[u8], key: &[u8]) -> Result<Entry, String> {
    let at = |path: &Path, text: &dyn std::fmt::Display| {
        format!("server.tls: {}: {text}", path.display())
    };
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| at(&files.chain, &e))?;
    let Some(own) = chain.first() else {
        return Err(at(&files.chain, &"there is no certificate in it"));
    };
    let names: Vec<String> = webpki::EndEntityCert::try_from(own)
        .map_err(|e| at(&files.chain, &e))?
        .valid_dns_names()
        .map(str::to_owned)
        .collect();
    if names.is_empty() {
        let text = "the certificate names no host (subjectAltName)";
        return Err(at(&files.chain, &text));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| at(&files.key, &e))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = CertifiedKey::from_der(chain, key, &provider).map_err(|e| at(&files.key, &e))?;
    Ok(Entry {
        names,
        key: Arc::new(key),
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(names("*.example.com", "clerk.example.com"));
        assert!(names("Clerk.Example.com", "clerk.example.COM"));
        for other in [
            "example.com",
            "a.clerk.example.com",
            ".example.com",
            "clerk.example.org",
        ] {
            assert!(!names("*.example.com", other), "{other}");
        }
    }
}
