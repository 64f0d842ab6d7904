use super::*;
use crate::policy::Allowed;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

const LIMITS: Limits = Limits {
    total: Duration::from_secs(5),
    connect: Duration::from_secs(1),
    body: 1000,
};

fn get(url: &str) -> Request<'_> {
    Request {
        method: Method::GET,
        url,
        headers: Vec::new(),
        body: Bytes::new(),
        limits: LIMITS,
    }
}

fn policy(allow: &[&str]) -> Policy {
    Policy {
        allow: allow.iter().map(|a| Allowed::parse(a).unwrap()).collect(),
        own_hosts: vec![
            "clerk.example.com".to_owned(),
            "api.example.com:8443".to_owned(),
        ],
        authorities_pem: Vec::new(),
    }
}

/// A client whose names all stand for one list of addresses.
fn client(allow: &[&str], addresses: &[&str]) -> Client {
    let found: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
    Client::with_resolver(policy(allow), Resolve::By(Arc::new(move |_| found.clone()))).unwrap()
}

/// A server that answers every connection with these bytes; its port, and what it read.
async fn server(answer: &'static [u8]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            log.lock()
                .unwrap()
                .push(String::from_utf8_lossy(&buffer[..read]).into_owned());
            let _gone = stream.write_all(answer).await;
            if answer.is_empty() {
                std::future::pending::<()>().await;
            }
        }
    });
    (port, seen)
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[tokio::test]
async fn ss_no_url_reaches_a_private_place_whatever_it_is_written_like() {
    let client = client(&[], &["93.184.215.14"]);
    for (class, url, expected) in [
        ("SS-01", "https://127.0.0.1/", OutboundError::Address),
        ("SS-01", "https://127.1/", OutboundError::Address),
        ("SS-01", "https://2130706433/", OutboundError::Address),
        ("SS-01", "https://0x7f000001/", OutboundError::Address),
        ("SS-01", "https://0x7f.0.0.1/", OutboundError::Address),
        ("SS-01", "https://0177.0.0.01/", OutboundError::Address),
        ("SS-01", "https://127.0.0.1./", OutboundError::Address),
        ("SS-01", "https://\u{ff11}27.0.0.1/", OutboundError::Address),
        ("SS-02", "https://[::1]/", OutboundError::Address),
        (
            "SS-02",
            "https://[::ffff:127.0.0.1]/",
            OutboundError::Address,
        ),
        (
            "SS-02",
            "https://[::ffff:a9fe:a9fe]/",
            OutboundError::Address,
        ),
        ("SS-02", "https://[fe80::1]/", OutboundError::Address),
        ("SS-02", "https://[fd00::1]/", OutboundError::Address),
        (
            "SS-02",
            "https://[64:ff9b::7f00:1]/",
            OutboundError::Address,
        ),
        ("SS-02", "https://[2002:7f00:1::]/", OutboundError::Address),
        (
            "SS-03",
            "https://169.254.169.254/latest/meta-data/",
            OutboundError::Address,
        ),
        ("SS-03", "https://[fd00:ec2::254]/", OutboundError::Address),
        ("SS-03", "https://100.100.100.200/", OutboundError::Address),
        (
            "SS-03",
            "https://metadata.google.internal/",
            OutboundError::Host,
        ),
        ("SS-03", "https://metadata/", OutboundError::Host),
        ("SS-03", "https://localhost/", OutboundError::Host),
        ("SS-03", "https://LOCALHOST./", OutboundError::Host),
        ("SS-03", "https://a.localhost/", OutboundError::Host),
        ("SS-03", "https://printer.local/", OutboundError::Host),
        ("SS-04", "https://10.0.0.1/", OutboundError::Address),
        ("SS-04", "https://172.16.0.1/", OutboundError::Address),
        ("SS-04", "https://192.168.0.1/", OutboundError::Address),
        ("SS-04", "https://100.64.0.1/", OutboundError::Address),
        ("SS-04", "https://0.0.0.0/", OutboundError::Address),
        ("SS-04", "https://255.255.255.255/", OutboundError::Address),
        ("SS-04", "https://224.0.0.1/", OutboundError::Address),
        (
            "SS-08",
            "file:///etc/passwd",
            OutboundError::Url("the URL is neither https nor http"),
        ),
        (
            "SS-08",
            "gopher://example.org/",
            OutboundError::Url("the URL is neither https nor http"),
        ),
        (
            "SS-08",
            "ftp://example.org/",
            OutboundError::Url("the URL is neither https nor http"),
        ),
        (
            "SS-08",
            "unix:/run/docker.sock",
            OutboundError::Url("the URL is neither https nor http"),
        ),
        (
            "SS-08",
            "//example.org/",
            OutboundError::Url("the URL cannot be read"),
        ),
        ("SS-09", "http://example.org/", OutboundError::Host),
        ("SS-09", "http://example.org:443/", OutboundError::Host),
        ("SS-09", "https://example.org:22/", OutboundError::Host),
        ("SS-09", "https://example.org:8443/", OutboundError::Host),
        (
            "SS-10",
            "https://example.org@127.0.0.1/",
            OutboundError::Url("the URL holds a user or a password"),
        ),
        (
            "SS-10",
            "https://user:pass@example.org/",
            OutboundError::Url("the URL holds a user or a password"),
        ),
        (
            "SS-10",
            "https://example.org\\@127.0.0.1/",
            OutboundError::Url("the URL has characters that no URL has"),
        ),
        (
            "SS-10",
            "https://example.org/#@127.0.0.1/",
            OutboundError::Url("the URL has a fragment"),
        ),
        (
            "SS-10",
            "https://exam\tple.org/",
            OutboundError::Url("the URL has characters that no URL has"),
        ),
        (
            "SS-10",
            " https://example.org/",
            OutboundError::Url("the URL has characters that no URL has"),
        ),
        (
            "SS-11",
            "https://clerk.example.com/v1/client",
            OutboundError::Host,
        ),
        (
            "SS-11",
            "https://api.example.com/v1/users",
            OutboundError::Host,
        ),
        (
            "SS-14",
            "https://example.org/\r\nX: y",
            OutboundError::Url("the URL has characters that no URL has"),
        ),
    ] {
        assert_eq!(
            client.send(get(url)).await.unwrap_err(),
            expected,
            "{class} {url}"
        );
    }
}

#[tokio::test]
async fn ss_05_a_name_with_one_private_address_is_refused_whole() {
    for addresses in [
        &["10.0.0.1"][..],
        &["93.184.215.14", "127.0.0.1"],
        &["::1", "2606:4700::1"],
    ] {
        let refused = client(&[], addresses)
            .send(get("https://peer.example/"))
            .await;
        assert_eq!(
            refused.unwrap_err(),
            OutboundError::Address,
            "{addresses:?}"
        );
    }
    let partly = client(&["10.0.0.0/8"], &["10.0.0.1", "192.168.0.1"]);
    let refused = partly.send(get("https://peer.example/")).await;
    assert_eq!(refused.unwrap_err(), OutboundError::Address);
    let nowhere = client(&[], &[]).send(get("https://peer.example/")).await;
    assert_eq!(nowhere.unwrap_err(), OutboundError::Unresolved);
}

#[tokio::test]
async fn ss_06_a_name_is_asked_for_once_and_its_answer_is_pinned() {
    let (port, seen) = server(OK).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // Whoever asked a second time would be led to a place where nobody listens.
    let rebinding = move |_: &str| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        vec![
            if first { "127.0.0.1" } else { "127.6.6.6" }
                .parse()
                .unwrap(),
        ]
    };
    let allowed = format!("peer.example:{port}");
    let client =
        Client::with_resolver(policy(&[&allowed]), Resolve::By(Arc::new(rebinding))).unwrap();
    let url = format!("http://peer.example:{port}/a/b?c=d");
    let answer = client.send(get(&url)).await.unwrap();
    assert_eq!(
        (answer.status, answer.body.as_ref()),
        (200, b"hello".as_slice())
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let seen = seen.lock().unwrap()[0].to_lowercase();
    assert!(seen.starts_with("get /a/b?c=d http/1.1\r\n"), "{seen}");
    assert!(
        seen.contains(&format!("host: peer.example:{port}\r\n")),
        "{seen}"
    );
    assert!(
        seen.contains("user-agent: usher\r\n") && !seen.contains("cookie"),
        "{seen}"
    );
}

#[tokio::test]
async fn ss_07_no_redirect_is_followed() {
    let (port, seen) = server(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let url = format!("http://127.0.0.1:{port}/");
    let client = client(&[&format!("127.0.0.1:{port}")], &[]);
    assert_eq!(
        client.send(get(&url)).await.unwrap_err(),
        OutboundError::Redirect
    );
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn ss_12_a_peer_that_never_ends_is_left() {
    let slow = Limits {
        total: Duration::from_millis(200),
        ..LIMITS
    };
    for (answer, expected) in [
        (b"".as_slice(), OutboundError::Timeout),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", OutboundError::Broken),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", OutboundError::Broken),
        (b"SSH-2.0-OpenSSH_9.2\r\n", OutboundError::Broken),
        (b"HTTP/1.1 200 OK\r\n\r\n................................................................", OutboundError::TooLarge),
    ] {
        let (port, _) = server(answer).await;
        let url = format!("http://127.0.0.1:{port}/");
        let client = client(&[&format!("127.0.0.1:{port}")], &[]);
        let mut request = get(&url);
        request.limits = Limits { body: 20, ..slow };
        assert_eq!(client.send(request).await.unwrap_err(), expected, "{}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn ss_13_only_the_certificate_of_the_host_is_taken() {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let host_key = KeyPair::generate().unwrap();
    let host = CertificateParams::new(vec!["peer.example".to_owned()]).unwrap();
    let host = host.signed_by(&host_key, &issuer).unwrap();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![host.der().clone()], host_key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let mut buffer = [0; 1024];
                let _read = stream.read(&mut buffer).await;
                let _gone = stream.write_all(OK).await;
                let _closed = stream.shutdown().await;
            }
        }
    });
    let (right, other) = (
        format!("peer.example:{port}"),
        format!("other.example:{port}"),
    );
    let local = || Resolve::By(Arc::new(|_| vec!["127.0.0.1".parse().unwrap()]));
    let mut trusting = policy(&[&right, &other]);
    trusting.authorities_pem = authority_pem.into_bytes();
    let trusting = Client::with_resolver(trusting, local()).unwrap();
    let answer = trusting
        .send(get(&format!("https://{right}/")))
        .await
        .unwrap();
    assert_eq!(answer.body.as_ref(), b"hello");
    let wrong_name = trusting.send(get(&format!("https://{other}/"))).await;
    assert_eq!(wrong_name.unwrap_err(), OutboundError::Tls);
    let unknown_issuer = Client::with_resolver(policy(&[&right]), local()).unwrap();
    let refused = unknown_issuer.send(get(&format!("https://{right}/"))).await;
    assert_eq!(refused.unwrap_err(), OutboundError::Tls);
    let (plain, _) = server(OK).await;
    let name = format!("peer.example:{plain}");
    let not_tls = self::client(&[&name], &["127.0.0.1"])
        .send(get(&format!("https://{name}/")))
        .await;
    assert_eq!(not_tls.unwrap_err(), OutboundError::Tls);
}

#[tokio::test]
async fn ss_17_what_the_operator_allows_is_exactly_that() {
    let (port, _) = server(OK).await;
    let url = format!("http://127.0.0.1:{port}/");
    let other_port = format!("127.0.0.1:{}", port.wrapping_add(1));
    for allow in [
        &[][..],
        &["127.0.0.0/8"],
        &["127.0.0.1"],
        &["peer.example"],
        &[&other_port],
    ] {
        assert_eq!(
            client(allow, &[]).send(get(&url)).await.unwrap_err(),
            OutboundError::Host,
            "{allow:?}"
        );
    }
    let allowed = client(&[&format!("127.0.0.1:{port}")], &[])
        .send(get(&url))
        .await;
    assert_eq!(allowed.unwrap().status, 200);
    // A network of its own allows addresses, neither plain http nor ports.
    let by_network = client(&["127.0.0.0/8"], &["127.9.9.9"])
        .send(get("https://peer.example/"))
        .await;
    assert_eq!(by_network.unwrap_err(), OutboundError::Unreachable);
}

#[test]
fn certificates_that_cannot_be_read_are_told_of() {
    let broken = Policy {
        authorities_pem: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
        ..Policy::default()
    };
    assert!(
        Client::new(broken)
            .unwrap_err()
            .contains("certificate authority")
    );
}
