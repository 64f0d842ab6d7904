//! A request out: judged, resolved, pinned, bounded.
use crate::policy::Policy;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::{Method, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use url::{Host, Url};

/// The one name that we go by: it tells nothing of version, operator or user.
const AGENT: HeaderValue = HeaderValue::from_static("usher");
/// Bytes of an answer's head.
const HEAD_LIMIT: usize = 64 * 1024;
/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;

/// How much of a peer is put up with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first lookup to the last byte.
    pub total: Duration,
    /// For each address that is tried.
    pub connect: Duration,
    /// Bytes of the answer's body, as they come over the wire: nothing is decompressed.
    pub body: usize,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Method.
    pub method: Method,
    /// An absolute URL, without user, password and fragment.
    pub url: &'a str,
    /// Headers beyond `Host`, `User-Agent` and `Accept-Encoding`, which are set here.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: Bytes,
    /// Its limits.
    pub limits: Limits,
}

/// An answer, of any status but a redirect's.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer. The texts hold no path, no query and no body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboundError {
    /// Not a URL that we would ever ask: what is wrong with it.
    Url(&'static str),
    /// The host may not be asked: the operator did not allow it.
    Host,
    /// The name stands for an address that is not public, and that the operator did not allow.
    Address,
    /// The name has no address.
    Unresolved,
    /// No address takes a connection.
    Unreachable,
    /// The certificate does not prove the host, or there is no TLS.
    Tls,
    /// Too slow.
    Timeout,
    /// The body is over its limit.
    TooLarge,
    /// It answered with a redirect, which is never followed.
    Redirect,
    /// Not HTTP, or it ended in the middle.
    Broken,
}

impl fmt::Display for OutboundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url(what) => what,
            Self::Host => "the host is not allowed by [outbound]",
            Self::Address => "the host's address is private and not allowed by [outbound]",
            Self::Unresolved => "the host has no address",
            Self::Unreachable => "the host takes no connection",
            Self::Tls => "the host has no valid certificate",
            Self::Timeout => "the host is too slow",
            Self::TooLarge => "the answer is too large",
            Self::Redirect => "the host redirects, which is not followed",
            Self::Broken => "the answer is not HTTP, or was cut off",
        })
    }
}

impl std::error::Error for OutboundError {}

/// How names become addresses.
#[derive(Clone, Default)]
pub enum Resolve {
    /// As the system does.
    #[default]
    System,
    /// By a function, in tests.
    By(Arc<Resolver>),
}

/// The addresses of a name.
pub type Resolver = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// See the crate. Clones are the same client.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    policy: Policy,
    resolve: Resolve,
    tls: TlsConnector,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("policy", &self.0.policy.allow)
            .finish()
    }
}

/// Where a judged request goes.
struct Target {
    url: Url,
    https: bool,
    port: u16,
    /// The operator named this very host: its address is not judged.
    named: bool,
}

impl Client {
    /// A client under a policy.
    ///
    /// # Errors
    /// One line: certificates that cannot be read.
    pub fn new(policy: Policy) -> Result<Self, String> {
        Self::with_resolver(policy, Resolve::System)
    }

    /// The same with another way to resolve names, for tests.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_resolver(policy: Policy, resolve: Resolve) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for certificate in CertificateDer::pem_slice_iter(&policy.authorities_pem) {
            certificate
                .map_err(|e| e.to_string())
                .and_then(|c| roots.add(c).map_err(|e| e.to_string()))
                .map_err(|e| format!("a certificate authority cannot be read: {e}"))?;
        }
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| format!("TLS cannot be set up: {e}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self(Arc::new(Inner {
            policy,
            resolve,
            tls,
        })))
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// See [`OutboundError`]. Nothing has left this machine for `Url` and `Host`; nothing but a name's lookup for `Address`.
    pub async fn send(&self, request: Request<'_>) -> Result<Response, OutboundError> {
        let target = self.judge(request.url)?;
        match timeout(request.limits.total, self.exchange(&target, request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutboundError::Timeout),
        }
    }

    /// Everything that can be said of a URL without the network. There is one parser: what it read is what is connected to,
    /// named in `Host` and proved by the certificate.
    fn judge(&self, text: &str) -> Result<Target, OutboundError> {
        // The parser would drop or turn these silently, and so might not read what others read.
        if text
            .chars()
            .any(|c| c == '\\' || c.is_whitespace() || c.is_control())
        {
            return Err(OutboundError::Url("the URL has characters that no URL has"));
        }
        let url = Url::parse(text).map_err(|_| OutboundError::Url("the URL cannot be read"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(OutboundError::Url("the URL is neither https nor http"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::Url("the URL holds a user or a password"));
        }
        if url.fragment().is_some() {
            return Err(OutboundError::Url("the URL has a fragment"));
        }
        let https = url.scheme() == "https";
        let named = self.0.policy.allows_host(&url);
        let port = url
            .port_or_known_default()
            .ok_or(OutboundError::Url("the URL has no port"))?;
        let refused = match url.host() {
            Some(Host::Domain(name)) => self.0.policy.refuses_name(name),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => false,
            None => true,
        };
        if !named && (refused || !https || port != 443) {
            return Err(OutboundError::Host);
        }
        Ok(Target {
            url,
            https,
            port,
            named,
        })
    }

    /// The addresses to try. One that may not be connected to spoils the whole answer: it is not picked around.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, OutboundError> {
        let found: Vec<IpAddr> = match target.url.host() {
            Some(Host::Ipv4(a)) => vec![a.into()],
            Some(Host::Ipv6(a)) => vec![a.into()],
            Some(Host::Domain(name)) => match &self.0.resolve {
                Resolve::By(function) => function(name),
                Resolve::System => system(name, target.port).await?,
            },
            None => Vec::new(),
        };
        if found.is_empty() {
            return Err(OutboundError::Unresolved);
        }
        let allowed = |a: &IpAddr| target.named || self.0.policy.allows_address(*a);
        if !found.iter().all(allowed) {
            return Err(OutboundError::Address);
        }
        Ok(found)
    }

    async fn exchange(
        &self,
        target: &Target,
        request: Request<'_>,
    ) -> Result<Response, OutboundError> {
        let mut stream = None;
        for address in self.addresses(target).await?.into_iter().take(ADDRESSES) {
            let at = SocketAddr::new(address, target.port);
            if let Ok(Ok(connected)) = timeout(request.limits.connect, connect(at)).await {
                stream = Some(connected);
                break;
            }
        }
        let stream = stream.ok_or(OutboundError::Unreachable)?;
        if !target.https {
            return talk(stream, target, request).await;
        }
        let host = target.url.host_str().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(name.to_owned()).map_err(|_| OutboundError::Tls)?;
        let stream = self.0.tls.connect(name, stream).await;
        talk(stream.map_err(|_| OutboundError::Tls)?, target, request).await
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place: the address has been judged"
)]
async fn connect(at: SocketAddr) -> std::io::Result<TcpStream> {
    TcpStream::connect(at).await
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place: every address of the answer is judged"
)]
async fn system(name: &str, port: u16) -> Result<Vec<IpAddr>, OutboundError> {
    let found = tokio::net::lookup_host((name, port)).await;
    let found = found.map_err(|_| OutboundError::Unresolved)?;
    Ok(found.map(|a| a.ip()).collect())
}

/// Ends the connection with the exchange, also where it is given up in the middle.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn talk<S>(
    stream: S,
    target: &Target,
    request: Request<'_>,
) -> Result<Response, OutboundError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |_| OutboundError::Broken;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let _driver = Driver(tokio::spawn(async move {
        // Its error is the sender's and the body's too.
        let _ended = connection.await;
    }));
    let url = &target.url;
    let mut asked = http::Request::new(Full::new(request.body));
    *asked.method_mut() = request.method;
    *asked.version_mut() = Version::HTTP_11;
    *asked.uri_mut() = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
    .parse()
    .map_err(|_| OutboundError::Url("the URL cannot be sent"))?;
    let authority = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let headers = asked.headers_mut();
    headers.extend(request.headers);
    headers.insert(
        HOST,
        HeaderValue::from_str(&authority)
            .map_err(|_| OutboundError::Url("the host cannot be sent"))?,
    );
    headers.insert(USER_AGENT, AGENT);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let answer = sender.send_request(asked).await.map_err(broken)?;
    let (head, mut body) = answer.into_parts();
    if head.status.is_redirection() {
        return Err(OutboundError::Redirect);
    }
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            if read.len() + data.len() > request.limits.body {
                return Err(OutboundError::TooLarge);
            }
            read.extend_from_slice(&data);
        }
    }
    Ok(Response {
        status: head.status.as_u16(),
        headers: head.headers,
        body: read.into(),
    })
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
