//! A range service in this process: it knows some passwords, notes every request, and misbehaves when told to.
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use usher_breached::{Breached, Range};
use usher_outbound::{Allowed, Client, Policy};

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Takes the request and never answers.
    Silent,
    Status(u16),
    Garbage,
    Empty,
    Huge,
    Redirect,
    /// Ends in the middle of the body.
    CutOff,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct RangeService {
    port: u16,
    /// Passwords with their counts.
    known: Arc<Mutex<Vec<(String, u64)>>>,
    pub(crate) mood: Arc<Mutex<Mood>>,
    /// Heads of requests, as they came.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

impl RangeService {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let service = Self {
            port: listener.local_addr().unwrap().port(),
            known: Arc::default(),
            mood: Arc::new(Mutex::new(Mood::Well)),
            seen: Arc::default(),
        };
        let own = service.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().answer(stream));
            }
        });
        service
    }

    pub(crate) fn knows(&self, password: &str, count: u64) {
        self.known
            .lock()
            .unwrap()
            .push((password.to_owned(), count));
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// What a process asks this service with.
    pub(crate) fn breached(&self) -> Breached {
        let host = format!("127.0.0.1:{}", self.port);
        let policy = Policy {
            allow: vec![Allowed::parse(&host).unwrap()],
            ..Policy::default()
        };
        let range = Range::new(
            Client::new(policy).unwrap(),
            &format!("http://{host}/range/"),
        );
        Breached {
            filter: None,
            range: Some(Arc::new(range.unwrap())),
        }
    }

    async fn answer(self, mut stream: TcpStream) {
        let mut head = Vec::new();
        let mut buffer = [0; 1024];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(read) if read > 0 => head.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let prefix = head.split(['/', ' ']).nth(3).unwrap().to_owned();
        self.seen.lock().unwrap().push(head);
        let mood = *self.mood.lock().unwrap();
        let ok = |body: String| {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        let answer = match mood {
            Mood::Silent => std::future::pending().await,
            Mood::Well => ok(self.rows(&prefix)),
            Mood::Garbage => ok("<html>down for maintenance</html>".to_owned()),
            Mood::Empty => ok(String::new()),
            Mood::Huge => ok("0".repeat(2 << 20)),
            Mood::Status(status) => {
                format!("HTTP/1.1 {status} No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")
            }
            Mood::Redirect => {
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                    .to_owned()
            }
            Mood::CutOff => format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{}",
                self.rows(&prefix)
            ),
        };
        // The caller may have left.
        let _gone = stream.write_all(answer.as_bytes()).await;
    }

    /// The rows of a prefix, among padding of count 0.
    fn rows(&self, prefix: &str) -> String {
        let mut rows: Vec<String> = (0..20).map(|i| format!("{i:035X}:0")).collect();
        for (password, count) in self.known.lock().unwrap().iter() {
            let mut hex = String::new();
            for byte in usher_breached::digest(password) {
                write!(hex, "{byte:02X}").unwrap();
            }
            if let Some(suffix) = hex.strip_prefix(prefix) {
                rows.push(format!("{suffix}:{count}"));
            }
        }
        rows.join("\r\n")
    }
}
