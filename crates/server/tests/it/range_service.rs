//! A range service in this process: it knows some passwords, notes every request, and misbehaves when told to.
use crate::peer::{self, Asked, Peer};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use usher_breached::{Breached, Range};

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
    peer: Peer,
    /// Passwords with their counts.
    known: Arc<Mutex<Vec<(String, u64)>>>,
    pub(crate) mood: Arc<Mutex<Mood>>,
    /// Heads of requests, as they came.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

impl RangeService {
    pub(crate) async fn start() -> Self {
        let (peer, listener) = Peer::bind().await;
        let service = Self {
            peer,
            known: Arc::default(),
            mood: Arc::new(Mutex::new(Mood::Well)),
            seen: Arc::default(),
        };
        let own = service.clone();
        Peer::serve(listener, move |asked| own.clone().answer(asked));
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
        let url = format!("{}/range/", self.peer.url());
        let range = Range::new(self.peer.client(), &url);
        Breached {
            filter: None,
            range: Some(Arc::new(range.unwrap())),
        }
    }

    async fn answer(self, asked: Asked) -> Option<String> {
        let prefix = asked.head.split(['/', ' ']).nth(3).unwrap().to_owned();
        self.seen.lock().unwrap().push(asked.head);
        let mood = *self.mood.lock().unwrap();
        Some(match mood {
            Mood::Silent => std::future::pending().await,
            Mood::Well => peer::answer(200, &self.rows(&prefix)),
            Mood::Garbage => peer::answer(200, "<html>down for maintenance</html>"),
            Mood::Empty => peer::answer(200, ""),
            Mood::Huge => peer::answer(200, &"0".repeat(2 << 20)),
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
        })
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
