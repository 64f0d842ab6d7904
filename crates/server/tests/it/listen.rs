//! The listener itself, over real sockets: limits, slow callers, TLS (requirements HT-02, HT-03, HT-06, HT-22).
use crate::world::World;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use usher_server::listen::tls::{Files, Tls};
use usher_server::listen::{self, Limits, Listening};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A listener on a port of its own.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) plain: SocketAddr,
    ended: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Door {
    pub(crate) async fn open(world: &World, limits: Limits, tls: Option<Arc<Tls>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let redirect = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, plain) = (
            listener.local_addr().unwrap(),
            redirect.local_addr().unwrap(),
        );
        let (ended, wait) = watch::channel(false);
        let app = Arc::clone(&world.app);
        let served = tokio::spawn(async move {
            listen::serve(
                &app,
                Listening {
                    listener,
                    tls,
                    redirect: Some(redirect),
                    limits,
                },
                wait,
            )
            .await;
        });
        Self {
            address,
            plain,
            ended,
            served,
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Everything that comes back for these bytes, until the connection ends.
    pub(crate) async fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The server may close before it has read everything.
        let _cut = stream.write_all(bytes).await;
        let mut said = Vec::new();
        let _cut = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said))
            .await
            .unwrap();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Says the end, and waits for it.
    async fn close(self) {
        self.ended.send(true).unwrap();
        tokio::time::timeout(PATIENCE, self.served)
            .await
            .unwrap()
            .unwrap();
    }
}

/// The statuses of the answers in what came back.
pub(crate) fn statuses(said: &str) -> Vec<u16> {
    said.match_indices("HTTP/1.1 ")
        .map(|(at, _)| said[at + 9..at + 12].parse().unwrap())
        .collect()
}

/// Limits that tests can wait for.
pub(crate) fn brisk() -> Limits {
    let moment = Duration::from_millis(400);
    Limits {
        handshake: moment,
        head: moment,
        body: moment,
        idle: moment * 2,
        ..Limits::default()
    }
}

/// An authority, and certificates of it in files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory =
            std::env::temp_dir().join(format!("usher-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self { issuer, directory }
    }

    /// Writes a certificate for names under a file name.
    fn write(&self, file: &str, names: &[&str]) -> Files {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &self.issuer)
            .unwrap();
        let files = Files {
            chain: self.directory.join(format!("{file}.pem")),
            key: self.directory.join(format!("{file}.key")),
        };
        std::fs::write(&files.chain, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    /// A caller who trusts this authority only.
    fn caller(&self, protocols: &[&[u8]]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _absent = std::fs::remove_dir_all(&self.directory);
    }
}

/// One request over TLS to a host, or why there was none.
async fn ask(
    door: &Door,
    caller: &TlsConnector,
    host: &str,
    path: &str,
) -> Result<String, std::io::Error> {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut stream = caller.connect(name, door.connect().await).await?;
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

both! {
    async fn too_much_of_anything_is_refused_before_it_is_read(world: World) {
        let door = Door::open(&world, brisk(), None).await;
        let head = "GET /v1/client HTTP/1.1\r\nHost: localhost:8787\r\nConnection: close\r\n";
        assert_eq!(statuses(&door.say(format!("{head}\r\n").as_bytes()).await), [200]);
        let many: String = (0..150).map(|n| format!("X-{n}: a\r\n")).collect();
        assert_eq!(statuses(&door.say(format!("{head}{many}\r\n").as_bytes()).await), [431]);
        let large = format!("X-A: {}\r\n", "a".repeat(70_000));
        assert_eq!(statuses(&door.say(format!("{head}{large}\r\n").as_bytes()).await), [431]);
        let long = format!("GET /v1/client?x={} HTTP/1.1\r\nHost: localhost:8787\r\nConnection: close\r\n\r\n", "a".repeat(17_000));
        assert_eq!(statuses(&door.say(long.as_bytes()).await), [414]);
        let longer = format!("GET /v1/client?x={} HTTP/1.1\r\nHost: localhost:8787\r\n\r\n", "a".repeat(66_000));
        assert!(matches!(statuses(&door.say(longer.as_bytes()).await)[..], [414 | 431]));
        let post = "POST /v1/client/sign_ups HTTP/1.1\r\nHost: localhost:8787\r\nOrigin: http://localhost:8787\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n";
        let announced = door.say(format!("{post}Content-Length: 99999999\r\n\r\n").as_bytes()).await;
        assert_eq!(statuses(&announced), [413]);
        let fields = "a=1&".repeat(2000);
        let said = door.say(format!("{post}Content-Length: {}\r\n\r\n{fields}", fields.len()).as_bytes()).await;
        assert!(statuses(&said) == [400] && said.contains("request_body_invalid"), "{said}");
        let query = format!("GET /v1/client?{} HTTP/1.1\r\nHost: localhost:8787\r\nConnection: close\r\n\r\n", "a=1&".repeat(2000));
        assert_eq!(statuses(&door.say(query.as_bytes()).await), [400]);
        // A body in chunks that never end is cut at the limit.
        let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
        let endless = format!("{post}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(20));
        let said = door.say(endless.as_bytes()).await;
        assert!(said.is_empty() || statuses(&said) == [413], "{}", &said[..said.len().min(200)]);
        door.close().await;
    }

    async fn only_uploads_may_be_large_and_so_many_at_a_time(world: World) {
        let door = Door::open(&world, brisk(), None).await;
        let post = |path: &str, length: usize| format!("POST {path} HTTP/1.1\r\nHost: localhost:8787\r\nOrigin: http://localhost:8787\r\nContent-Type: application/octet-stream\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        let two = 2 * 1024 * 1024;
        let large = |path: &str| [post(path, two).into_bytes(), vec![b'a'; two]].concat();
        assert_eq!(statuses(&door.say(&large("/v1/me/profile_image")).await), [401], "it was read, and is nobody's");
        assert_eq!(statuses(&door.say(post("/v1/client/sign_ups", two).as_bytes()).await), [413]);
        // What is announced as too large even for an upload is not waited for.
        assert_eq!(statuses(&door.say(post("/v1/me/profile_image", 99_999_999).as_bytes()).await), [401]);
        // While others send theirs, the next one waits outside; what is small does not.
        let held = world.app.uploads.clone().acquire_many_owned(u32::try_from(world.app.uploads.available_permits()).unwrap()).await.unwrap();
        assert_eq!(statuses(&door.say(post("/v1/me/profile_image", two).as_bytes()).await), [503]);
        let small = [post("/v1/me/profile_image", 10).into_bytes(), vec![b'a'; 10]].concat();
        assert_eq!(statuses(&door.say(&small).await), [401]);
        drop(held);
        assert_eq!(statuses(&door.say(&large("/v1/me/profile_image")).await), [401]);
        door.close().await;
    }

    async fn the_slow_and_the_silent_are_let_go_and_others_are_answered(world: World) {
        let door = Door::open(&world, brisk(), None).await;
        let mut silent = Vec::new();
        for _ in 0..200 {
            silent.push(door.connect().await);
        }
        let mut slow = door.connect().await;
        slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").await.unwrap();
        assert_eq!(statuses(&door.say(b"GET /healthz HTTP/1.1\r\nHost: localhost:8787\r\nConnection: close\r\n\r\n").await), [200]);
        // Half a head, half a body, and nothing at all: each ends.
        let mut said = Vec::new();
        for mut stream in silent.into_iter().chain([slow]) {
            said.clear();
            let _reset = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.unwrap();
            assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
        }
        let half = door.say(b"POST /v1/client HTTP/1.1\r\nHost: localhost:8787\r\nOrigin: http://localhost:8787\r\nContent-Length: 10\r\n\r\nhalf").await;
        assert_eq!(statuses(&half), [408]);
        // Dripping does not help: the head's time is counted from its first byte.
        let mut dripping = door.connect().await;
        let dripped = async {
            for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost:8787\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
                if dripping.write_all(&[*byte]).await.is_err() {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            false
        };
        assert!(dripped.await, "it is cut off while it drips");
        // One answered connection that stays silent is said farewell to.
        let kept = door.say(b"GET /healthz HTTP/1.1\r\nHost: localhost:8787\r\n\r\n").await;
        assert_eq!(statuses(&kept), [200]);
        door.close().await;
    }

    async fn further_connections_wait_for_a_place(world: World) {
        let door = Door::open(&world, Limits { connections: 2, ..brisk() }, None).await;
        let (_first, second) = (door.connect().await, door.connect().await);
        drop(second);
        for _ in 0..8 {
            assert_eq!(statuses(&door.say(b"GET /healthz HTTP/1.1\r\nHost: localhost:8787\r\nConnection: close\r\n\r\n").await), [200]);
        }
        door.close().await;
    }

    production async fn tls_is_spoken_with_the_certificate_of_the_host(world: World) {
        let authority = Authority::new(&format!("hosts-{}", world.app.db.engine()));
        let stranger = Authority::new(&format!("stranger-{}", world.app.db.engine()));
        let files = vec![authority.write("wild", &["*.example.com", "example.com"]), authority.write("other", &["clerk.other.org"])];
        let tls = Tls::load(files.clone()).unwrap();
        assert!(tls.covers("clerk.example.com") && tls.covers("CLERK.other.org") && !tls.covers("a.b.example.com") && !tls.covers("accounts.other.org"));
        let door = Door::open(&world, brisk(), Some(Arc::clone(&tls))).await;
        let caller = authority.caller(&[b"http/1.1"]);
        let said = ask(&door, &caller, "clerk.example.com", "/v1/client").await.unwrap();
        assert!(statuses(&said) == [200] && said.contains("strict-transport-security: max-age=63072000"), "{said}");
        ask(&door, &caller, "clerk.other.org", "/healthz").await.unwrap();
        assert!(ask(&door, &caller, "clerk.unknown.org", "/healthz").await.is_err(), "a name that is nobody's gets no certificate");
        assert!(ask(&door, &stranger.caller(&[]), "clerk.example.com", "/healthz").await.is_err());
        // HTTP/2 where the caller speaks it.
        let both = authority.caller(&[b"h2", b"http/1.1"]);
        let stream = both.connect(ServerName::try_from("clerk.example.com").unwrap(), door.connect().await).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        assert_eq!(stream.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        // Plain text at the TLS port is no request, and a handshake that stalls is cut.
        assert!(statuses(&door.say(b"GET /healthz HTTP/1.1\r\nHost: clerk.example.com\r\n\r\n").await).is_empty());
        assert!(door.say(b"\x16\x03\x01").await.is_empty());
        drop(stream);
        door.close().await;
    }

    production async fn certificates_are_read_again_and_broken_ones_change_nothing(world: World) {
        let authority = Authority::new(&format!("reload-{}", world.app.db.engine()));
        let files = authority.write("only", &["clerk.example.com"]);
        let tls = Tls::load(vec![files.clone()]).unwrap();
        let door = Door::open(&world, brisk(), Some(Arc::clone(&tls))).await;
        let caller = authority.caller(&[]);
        assert!(!tls.reload().unwrap(), "nothing changed");
        authority.write("only", &["clerk.example.com", "accounts.example.com"]);
        assert!(tls.reload().unwrap());
        ask(&door, &caller, "accounts.example.com", "/healthz").await.unwrap();
        std::fs::write(&files.chain, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(tls.reload().unwrap_err().contains("only.pem"));
        ask(&door, &caller, "accounts.example.com", "/healthz").await.unwrap();
        for (broken, part) in [
            (Files { chain: files.chain.with_extension("none"), key: files.key.clone() }, "only.none"),
            (Files { chain: authority.write("one", &["a.example.com"]).chain, key: authority.write("two", &["a.example.com"]).key }, "two.key"),
            (Files { chain: authority.write("nameless", &[]).chain, key: authority.directory.join("nameless.key") }, "names no host"),
        ] {
            let told = Tls::load(vec![broken]).err().unwrap();
            assert!(told.contains(part) && !told.contains('\n'), "{told}");
        }
        assert!(Tls::load(Vec::new()).is_err());
        door.close().await;
    }

    production async fn the_plain_socket_sends_people_on_and_answers_nothing_else(world: World) {
        let door = Door::open(&world, brisk(), None).await;
        let plain = Door { address: door.plain, ..Door::open(&world, brisk(), None).await };
        let said = plain.say(b"GET /sign-in?a=b HTTP/1.1\r\nHost: accounts.example.com\r\nConnection: close\r\n\r\n").await;
        assert!(statuses(&said) == [308] && said.contains("location: https://accounts.example.com/sign-in?a=b\r\n"), "{said}");
        let said = plain.say(b"GET //evil.example/x HTTP/1.1\r\nHost: CLERK.example.com:80\r\nConnection: close\r\n\r\n").await;
        assert!(said.contains("location: https://clerk.example.com/evil.example/x\r\n"), "{said}");
        for request in [
            "GET / HTTP/1.1\r\nHost: evil.example\r\n", "GET /v1/client HTTP/1.1\r\nHost: clerk.example.com\r\n", "POST / HTTP/1.1\r\nHost: clerk.example.com\r\nContent-Length: 0\r\n",
            "GET / HTTP/1.1\r\nHost: clerk.example.com\r\nAuthorization: Bearer sk_live_x\r\n", "GET / HTTP/1.1\r\n",
        ] {
            let said = plain.say(format!("{request}Connection: close\r\n\r\n").as_bytes()).await;
            assert!(statuses(&said) == [403] && !said.contains("location:"), "{request}: {said}");
        }
        plain.close().await;
        door.close().await;
    }
}
