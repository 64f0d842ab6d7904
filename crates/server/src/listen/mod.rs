//! From sockets to requests: connections are counted, TLS is spoken where there are certificates, and whoever is slow or
//! silent is let go.
//!
//! Invariants: a connection has a deadline at every stage (handshake, first byte of a head to its last, body, silence);
//! one address holds a bounded share of the connections, unless it is this machine or a trusted proxy.
//! Not here: what a request means (`surface`). Reference: RFC 9112, RFC 9113 §10.5, OWASP ASVS v5 12.1, 13.2.
mod addresses;
mod exchange;
mod redirect;
pub mod tls;
mod watched;

use crate::app::App;
use addresses::Addresses;
use hyper::body::Incoming as Body;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tls::Tls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use watched::{Activity, Verdict, Watched};

/// How much one caller may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A TLS handshake at most.
    pub handshake: Duration,
    /// From a connection's beginning, or a head's first byte, to the head's end.
    pub head: Duration,
    /// A body at most.
    pub body: Duration,
    /// Silence between requests.
    pub idle: Duration,
    /// Connections at once; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Connections at once from one address that is neither this machine nor a trusted proxy; further ones are closed.
    pub per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            connections: 10_000,
            per_address: 256,
        }
    }
}

/// Bytes of a request line at most (the handshake's carries a redirect address of 4 KiB, encoded, and a session token).
const URI_LIMIT: usize = 16 * 1024;
/// Bytes of a request's head at most; there are 100 headers at most too, which is hyper's own bound.
const HEAD_LIMIT: usize = 64 * 1024;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 100;

/// Where requests come from.
pub struct Listening {
    /// The socket.
    pub listener: TcpListener,
    /// TLS is spoken here; otherwise a proxy in front does.
    pub tls: Option<Arc<Tls>>,
    /// A second socket that only sends browsers on to https.
    pub redirect: Option<TcpListener>,
    /// See there.
    pub limits: Limits,
}

impl From<TcpListener> for Listening {
    fn from(listener: TcpListener) -> Self {
        Self {
            listener,
            tls: None,
            redirect: None,
            limits: Limits::default(),
        }
    }
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Requests,
    Redirects,
}

/// What every connection shares.
struct Shared {
    app: Arc<App>,
    limits: Limits,
    purpose: Purpose,
    tls: Option<Arc<Tls>>,
    addresses: Arc<Addresses>,
    ended: watch::Receiver<bool>,
}

/// Serves until `ended` says so, and then until the connections have finished what is under way.
pub async fn serve(app: &Arc<App>, listening: Listening, ended: watch::Receiver<bool>) {
    let addresses = Arc::new(Addresses::new(listening.limits.per_address));
    let shared = |purpose, tls| {
        Arc::new(Shared {
            app: Arc::clone(app),
            limits: listening.limits,
            purpose,
            tls,
            addresses: Arc::clone(&addresses),
            ended: ended.clone(),
        })
    };
    let requests = accept(listening.listener, shared(Purpose::Requests, listening.tls));
    let redirects = shared(Purpose::Redirects, None);
    let redirects = async {
        if let Some(listener) = listening.redirect {
            accept(listener, redirects).await;
        }
    };
    tokio::join!(requests, redirects);
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let most = shared.limits.connections;
    let places = Arc::new(Semaphore::new(most));
    let mut ended = shared.ended.clone();
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            _ = ended.wait_for(|over| *over) => break,
        };
        match accepted {
            Ok((stream, peer)) => take(&shared, stream, peer, place),
            Err(e) => {
                // Out of descriptors, mostly: connections that end make room.
                tracing::warn!("A connection could not be accepted: {e}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    let all = u32::try_from(most).unwrap_or(u32::MAX);
    let _finished = places.acquire_many(all).await;
}

fn take(
    shared: &Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    place: Option<OwnedSemaphorePermit>,
) {
    let address = peer.ip().to_canonical();
    let exempt = address.is_loopback() || shared.app.options.trusts(&address);
    let Some(share) = shared.addresses.share(address, exempt) else {
        tracing::debug!("{address} has too many connections");
        return;
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let _held = (place, share);
        // Answers are small and wait for nothing.
        let _unset = stream.set_nodelay(true);
        let limits = shared.limits;
        let Some(tls) = &shared.tls else {
            if let Ok(Some(speaks)) = timeout(limits.head, preface(&stream)).await {
                converse(&shared, stream, address, speaks).await;
            }
            return;
        };
        match timeout(limits.handshake, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => {
                let speaks = if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    Speaks::Http2
                } else {
                    Speaks::Http1
                };
                converse(&shared, stream, address, speaks).await;
            }
            Ok(Err(e)) => tracing::debug!("TLS with {address}: {e}"),
            Err(_) => tracing::debug!("TLS with {address}: too slow"),
        }
    });
}

/// Drives a connection of either version; the two types have no trait in common.
macro_rules! until_end {
    ($shared:ident, $activity:ident, $connection:ident, $speaks:expr) => {{
        let limits = $shared.limits;
        let mut ended = $shared.ended.clone();
        let mut leaving = false;
        loop {
            let verdict = tokio::select! {
                outcome = $connection.as_mut() => {
                    if let Err(e) = outcome {
                        tracing::debug!("A connection broke: {e}");
                    }
                    return;
                }
                _ = ended.wait_for(|over| *over), if !leaving => Verdict::Leave,
                () = tokio::time::sleep(limits.head / 2) => $activity.verdict(&limits, $speaks == Speaks::Http1),
            };
            match verdict {
                Verdict::Go => {}
                // A farewell where the protocol has one; who does not take it within the time of a head is cut off.
                Verdict::Leave if !leaving => {
                    leaving = true;
                    $connection.as_mut().graceful_shutdown();
                }
                Verdict::Leave if $activity.quiet_for() < limits.idle + limits.head => {}
                Verdict::Leave | Verdict::Cut => return,
            }
        }
    }};
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Http1,
    Http2,
}

/// Which version a connection without TLS begins with: proxies may speak HTTP/2 without asking (RFC 9113 §3.3). Nothing is
/// taken from the stream. `None` when it ends before it begins.
async fn preface(stream: &TcpStream) -> Option<Speaks> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0";
    let mut begin = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut begin).await.ok()?;
        if seen == 0 {
            return None;
        }
        if !PREFACE.starts_with(&begin[..seen]) {
            return Some(Speaks::Http1);
        }
        if seen == PREFACE.len() {
            return Some(Speaks::Http2);
        }
        // `P`, and the rest is under way: POST, or the preface.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Serves one connection to its end: the peer's, a limit's, or ours.
async fn converse<S>(shared: &Arc<Shared>, stream: S, peer: IpAddr, speaks: Speaks)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::new());
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let service = {
        let (shared, activity) = (Arc::clone(shared), Arc::clone(&activity));
        service_fn(move |request: hyper::Request<Body>| {
            let (shared, under_way) = (Arc::clone(&shared), activity.request());
            async move {
                let answer = match shared.purpose {
                    Purpose::Requests => {
                        exchange::handle(&shared.app, request, peer, shared.limits.body).await
                    }
                    Purpose::Redirects => redirect::answer(&shared.app, &request),
                };
                drop(under_way);
                Ok::<_, std::convert::Infallible>(answer)
            }
        })
    };
    match speaks {
        Speaks::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // The watch below tells a slow head from a silent connection, which this would not.
                .header_read_timeout(None)
                .max_header_size(HEAD_LIMIT)
                .serve_connection(io, service);
            let mut connection = pin!(connection);
            until_end!(shared, activity, connection, Speaks::Http1);
        }
        Speaks::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS)
                .max_header_list_size(32 * 1024)
                .max_pending_accept_reset_streams(20)
                .max_local_error_reset_streams(256)
                .serve_connection(io, service);
            let mut connection = pin!(connection);
            until_end!(shared, activity, connection, Speaks::Http2);
        }
    }
}
