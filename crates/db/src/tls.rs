//! TLS to PostgreSQL, over rustls: `sslmode` and `sslrootcert` of the URL.
//!
//! `require`, `verify-ca` and `verify-full` all mean encrypted, under a certificate that is valid for the host's name: stricter than
//! libpq, where the first two let somebody in between pose as the server. Left out, or `disable`: not encrypted. `prefer` and
//! `allow` are refused, because they promise nothing. `sslrootcert` is a PEM file, or `system` (when left out): the public
//! authorities that browsers trust.
use crate::db::{DbError, DbErrorKind};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{self, ChannelBinding, MakeTlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What a URL says about TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    encrypted: bool,
    /// A file of certificates; none: the public authorities.
    roots: Option<PathBuf>,
}

fn setup(text: impl Into<String>) -> DbError {
    DbError::new(DbErrorKind::Setup, text)
}

impl Wish {
    /// Takes the parameters about TLS out of a URL, which the driver does not know all of; the URL without them.
    ///
    /// # Errors
    /// `Setup` for a mode that is none of these.
    pub(crate) fn take(url: &str) -> Result<(String, Self), DbError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut kept) = (None, None, Vec::new());
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(decoded(value)?),
                _ => kept.push(pair),
            }
        }
        let encrypted = match mode {
            None | Some("disable") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(_) => {
                return Err(setup(
                    "database.url: sslmode must be verify-full (or require, verify-ca, which mean the same here) or disable",
                ));
            }
        };
        if roots.is_some() && !encrypted {
            return Err(setup(
                "database.url: sslrootcert without TLS; add sslmode=verify-full",
            ));
        }
        let url = match kept.as_slice() {
            [] => base.to_owned(),
            kept => format!("{base}?{}", kept.join("&")),
        };
        let roots = roots.filter(|r| r != "system").map(PathBuf::from);
        Ok((url, Self { encrypted, roots }))
    }

    /// What makes encrypted connections; none where they are in clear.
    ///
    /// # Errors
    /// `Setup` for a file of certificates that cannot be read or holds none.
    pub(crate) fn connector(&self) -> Result<Option<Connector>, DbError> {
        if !self.encrypted {
            return Ok(None);
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| setup(format!("TLS: {e}")))?
            .with_root_certificates(self.trusted()?)
            .with_no_client_auth();
        Ok(Some(Connector(Arc::new(config))))
    }

    fn trusted(&self) -> Result<RootCertStore, DbError> {
        let mut store = RootCertStore::empty();
        let Some(file) = &self.roots else {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            return Ok(store);
        };
        let at = |e: &dyn std::fmt::Display| {
            setup(format!("database.url: sslrootcert {}: {e}", file.display()))
        };
        for certificate in CertificateDer::pem_file_iter(file).map_err(|e| at(&e))? {
            store
                .add(certificate.map_err(|e| at(&e))?)
                .map_err(|e| at(&e))?;
        }
        if store.is_empty() {
            return Err(at(&"there is no certificate in it"));
        }
        Ok(store)
    }
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Result<String, DbError> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let byte = more
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or_else(|| setup("database.url: a % must be followed by two hex digits"))?;
        out.push(byte);
        rest = &more[2..];
    }
    String::from_utf8(out).map_err(|_| setup("database.url: sslrootcert is not text"))
}

/// Makes TLS connections for the driver.
#[derive(Clone)]
pub(crate) struct Connector(Arc<ClientConfig>);

/// One connection to be made.
pub(crate) struct Handshake {
    connector: TlsConnector,
    host: String,
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Stream;
    type TlsConnect = Handshake;
    type Error = io::Error;
    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, io::Error> {
        Ok(Handshake {
            connector: TlsConnector::from(Arc::clone(&self.0)),
            host: host.to_owned(),
        })
    }
}

impl tls::TlsConnect<Socket> for Handshake {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;
    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let name = ServerName::try_from(self.host).map_err(io::Error::other)?;
            Ok(Stream(self.connector.connect(name, socket).await?))
        })
    }
}

/// An encrypted connection.
pub(crate) struct Stream(tokio_rustls::client::TlsStream<Socket>);

impl tls::TlsStream for Stream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(query: &str) -> Result<(String, Wish), DbError> {
        Wish::take(&format!("postgres://u:p@db.example.com/usher{query}"))
    }

    #[test]
    fn a_mode_is_encrypted_and_verified_or_in_clear_and_nothing_between() {
        for (query, encrypted) in [
            ("", false),
            ("?sslmode=disable", false),
            ("?sslmode=require", true),
            ("?sslmode=verify-ca", true),
            ("?sslmode=verify-full", true),
        ] {
            let (url, wish) = take(query).unwrap();
            assert_eq!(wish.encrypted, encrypted, "{query}");
            assert_eq!(wish.connector().unwrap().is_some(), encrypted, "{query}");
            assert_eq!(url, "postgres://u:p@db.example.com/usher");
        }
        for query in [
            "?sslmode=prefer",
            "?sslmode=allow",
            "?sslmode=on",
            "?sslmode=",
            "?sslrootcert=/ca.pem",
            "?sslmode=require&sslrootcert=%zz",
            "?sslmode=require&sslrootcert=%2",
        ] {
            assert!(take(query).is_err(), "{query}");
        }
    }

    #[test]
    fn other_parameters_stay_and_a_path_is_decoded() {
        let (url, wish) = take("?application_name=a&sslrootcert=%2Fetc%2Fmy%20ca.pem&options=-csearch_path%3Dx&sslmode=verify-full").unwrap();
        assert_eq!(
            url,
            "postgres://u:p@db.example.com/usher?application_name=a&options=-csearch_path%3Dx"
        );
        assert_eq!(wish.roots, Some(PathBuf::from("/etc/my ca.pem")));
        assert!(wish.connector().is_err(), "there is no such file");
        let system = take("?sslrootcert=system&sslmode=verify-full").unwrap().1;
        assert_eq!(system.roots, None);
    }
}
