//! A peer in this process: an HTTP server on a free port of this machine, whose answers a test gives.
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use usher_outbound::{Allowed, Client, Policy};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Request line and headers.
    pub(crate) head: String,
    /// The rest.
    pub(crate) body: String,
}

impl Asked {
    /// The path, with the query.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Host and port.
    pub(crate) host: String,
}

impl Peer {
    /// A port, and what will listen on it.
    pub(crate) async fn bind() -> (Self, TcpListener) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        (Self { host }, listener)
    }
    /// Answers what comes. `answer` makes the bytes that go over the wire; none hang up, and a future that never ends is
    /// silence.
    pub(crate) fn serve<F>(
        listener: TcpListener,
        answer: impl Fn(Asked) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = Option<String>> + Send,
    {
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    if let Some(asked) = read(&mut stream).await
                        && let Some(said) = answer(asked).await
                    {
                        // The caller may have left.
                        let _gone = stream.write_all(said.as_bytes()).await;
                    }
                });
            }
        });
    }
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.host)
    }
    /// A client that may ask this peer, and what is public.
    pub(crate) fn client(&self) -> Client {
        let policy = Policy {
            allow: vec![Allowed::parse(&self.host).unwrap()],
            ..Policy::default()
        };
        Client::new(policy).unwrap()
    }
}

/// An answer with a body.
pub(crate) fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}")
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let asked = Asked {
                head: head.to_owned(),
                body: body.to_owned(),
            };
            let length = asked
                .header("content-length")
                .map_or(0, |n| n.parse().unwrap());
            if body.len() >= length {
                return Some(asked);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => read.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}
