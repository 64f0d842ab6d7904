//! HTTP/1.1 over kept-alive loopback connections, as little of it as a load generator needs.
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// What goes wrong here is told to a person.
pub(crate) type Res<T> = Result<T, String>;

/// Turns any error into a line.
pub(crate) fn told(what: &str) -> impl Fn(&dyn std::fmt::Display) -> String + '_ {
    move |e| format!("{what}: {e}")
}

/// A loopback address.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A request, rendered once and sent as often as wanted.
pub(crate) fn request(
    method: &str,
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<(&str, &str)>,
) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost:{port}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let (kind, content) = body.unwrap_or_default();
    if body.is_some() {
        text.push_str(&format!("content-type: {kind}\r\n"));
    }
    if body.is_some() || method != "GET" {
        text.push_str(&format!("content-length: {}\r\n", content.len()));
    }
    text.push_str("\r\n");
    text.push_str(content);
    text.into_bytes()
}

/// Where an answer's parts lie.
pub(crate) struct Shape {
    /// Status code.
    pub(crate) status: u16,
    /// Bytes of status line and headers with their blank line.
    head: usize,
    /// Bytes of the whole answer.
    pub(crate) total: usize,
}

/// The shape of the answer at the start of `bytes`; `None` while it is incomplete.
pub(crate) fn shape(bytes: &[u8]) -> Option<Shape> {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let status = std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()?;
    let mut length = 0;
    let mut chunked = false;
    for line in bytes[..head].split(|b| *b == b'\n').skip(1) {
        match line.first().map(u8::to_ascii_lowercase) {
            Some(b'c')
                if line.len() > 15 && line[..15].eq_ignore_ascii_case(b"content-length:") =>
            {
                length = std::str::from_utf8(&line[15..]).ok()?.trim().parse().ok()?;
            }
            Some(b't')
                if line.len() > 18 && line[..18].eq_ignore_ascii_case(b"transfer-encoding:") =>
            {
                chunked = true
            }
            _ => {}
        }
    }
    let total = if chunked {
        chunks(bytes, head)?.1
    } else {
        head + length
    };
    (bytes.len() >= total).then_some(Shape {
        status,
        head,
        total,
    })
}

/// A chunked body, and where it ends.
fn chunks(bytes: &[u8], head: usize) -> Option<(Vec<u8>, usize)> {
    let mut at = head;
    let mut body = Vec::new();
    loop {
        let line = bytes.get(at..)?.windows(2).position(|w| w == b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&bytes[at..at + line]).ok()?.trim(), 16)
                .ok()?;
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
        if bytes.len() < at {
            return None;
        }
        if size == 0 {
            return Some((body, at));
        }
    }
}

/// An answer, whole.
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    /// The values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|l| l.split_once(':'));
        lines
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.trim())
            .collect()
    }
    /// `Cookie` that gives back every cookie that was set.
    pub(crate) fn cookies(&self) -> String {
        let set = self.all("set-cookie");
        set.iter()
            .filter_map(|c| c.split(';').next())
            .collect::<Vec<_>>()
            .join("; ")
    }
    /// The body as JSON, where the status is 2xx.
    pub(crate) fn json(&self) -> Res<Value> {
        if !(200..300).contains(&self.status) {
            return Err(format!(
                "status {}: {}",
                self.status,
                String::from_utf8_lossy(&self.body)
            ));
        }
        serde_json::from_slice(&self.body).map_err(|e| format!("no JSON: {e}"))
    }
}

/// A kept-alive connection that blocks its thread.
pub(crate) struct Client {
    port: u16,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            port,
            stream: None,
            buffer: Vec::with_capacity(16 * 1024),
        }
    }

    /// Connects unless it is connected.
    pub(crate) fn connect(&mut self) -> std::io::Result<&mut TcpStream> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(local(self.port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            self.stream = Some(stream);
        }
        self.stream
            .as_mut()
            .ok_or_else(|| std::io::Error::other("not connected"))
    }

    fn exchange(&mut self, bytes: &[u8]) -> std::io::Result<Shape> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let stream = self.connect()?;
        stream.write_all(bytes)?;
        let mut piece = [0; 16 * 1024];
        let shape = loop {
            let count = stream.read(&mut piece)?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            buffer.extend_from_slice(&piece[..count]);
            if let Some(shape) = shape(&buffer) {
                break shape;
            }
        };
        self.buffer = buffer;
        Ok(shape)
    }

    /// Sends; the status. A broken connection is made anew the next time.
    pub(crate) fn status(&mut self, bytes: &[u8]) -> std::io::Result<u16> {
        let outcome = self.exchange(bytes);
        if outcome.is_err() {
            self.stream = None;
        }
        outcome.map(|s| s.status)
    }

    /// Sends; the whole answer.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Res<Answer> {
        let shape = self.exchange(bytes).map_err(|e| told("HTTP")(&e))?;
        let head = String::from_utf8_lossy(&self.buffer[..shape.head]).into_owned();
        let body = match chunks(&self.buffer, shape.head) {
            Some((body, _)) if head.to_ascii_lowercase().contains("\r\ntransfer-encoding:") => body,
            _ => self.buffer[shape.head..shape.total].to_vec(),
        };
        Ok(Answer {
            status: shape.status,
            head,
            body,
        })
    }
}
