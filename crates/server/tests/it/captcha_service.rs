//! A captcha service in this process, speaking as Turnstile does: a token is good once, and it misbehaves when told to.
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use usher_outbound::{Allowed, Client, Policy};
use usher_server::captcha::judge::Captcha;
use usher_types::Secret;

pub(crate) const SECRET: &str = "captcha secret & more";

/// See the module.
#[derive(Clone)]
pub(crate) struct CaptchaService {
    port: u16,
    /// Tokens that were not spent, with the action that they were made for.
    tokens: Arc<Mutex<Vec<(String, String)>>>,
    /// What it answers whatever is asked.
    pub(crate) says: Arc<Mutex<Option<String>>>,
    /// Bodies of requests, as they came.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

impl CaptchaService {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let service = Self {
            port: listener.local_addr().unwrap().port(),
            tokens: Arc::default(),
            says: Arc::default(),
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

    /// A token that a person got for an action.
    pub(crate) fn solved(&self, action: &str) -> String {
        let mut tokens = self.tokens.lock().unwrap();
        let token = format!("token+{action}/{}", tokens.len());
        tokens.push((token.clone(), action.to_owned()));
        token
    }

    pub(crate) fn say(&self, text: &str) {
        *self.says.lock().unwrap() = Some(text.to_owned());
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// What a process asks this service with, and the way to it.
    pub(crate) fn captcha(&self) -> (Captcha, Client) {
        let host = format!("127.0.0.1:{}", self.port);
        let policy = Policy {
            allow: vec![Allowed::parse(&host).unwrap()],
            ..Policy::default()
        };
        let captcha = Captcha {
            site_key: "site".to_owned(),
            invisible_site_key: "unseen".to_owned(),
            secret: Secret::new(SECRET.to_owned()),
            verify_url: format!("http://{host}/siteverify"),
            accept_unjudged: false,
        };
        (captcha, Client::new(policy).unwrap())
    }

    async fn answer(self, mut stream: TcpStream) {
        let mut text = String::new();
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer).await {
                Ok(read) if read > 0 => {
                    text.push_str(std::str::from_utf8(&buffer[..read]).unwrap())
                }
                _ => return,
            }
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.lines().find_map(|l| {
                l.to_lowercase()
                    .strip_prefix("content-length: ")
                    .map(str::to_owned)
            });
            if body.len() >= length.unwrap().parse().unwrap() {
                break;
            }
        }
        let body = text.split_once("\r\n\r\n").unwrap().1.to_owned();
        let pairs = usher_http::percent::pairs(&body).unwrap();
        let field = |name: &str| {
            pairs
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.clone())
                .unwrap_or_default()
        };
        self.seen.lock().unwrap().push(body.clone());
        let said = self.says.lock().unwrap().clone();
        let answer = said.unwrap_or_else(|| {
            let mut tokens = self.tokens.lock().unwrap();
            let found = tokens
                .iter()
                .position(|(token, _)| *token == field("response"));
            match found {
                _ if field("secret") != SECRET => {
                    r#"{"success":false,"error-codes":["invalid-input-secret"]}"#.to_owned()
                }
                Some(at) => format!(
                    r#"{{"success":true,"action":"{}","hostname":"localhost"}}"#,
                    std::mem::take(&mut tokens[at]).1
                ),
                None => r#"{"success":false,"error-codes":["timeout-or-duplicate"]}"#.to_owned(),
            }
        });
        let reply = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        // The caller may have left.
        let _gone = stream.write_all(reply.as_bytes()).await;
    }
}
