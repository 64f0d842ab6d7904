//! A captcha service in this process, speaking as Turnstile does: a token is good once, and it misbehaves when told to.
use crate::peer::{self, Peer};
use std::sync::{Arc, Mutex};
use usher_outbound::Client;
use usher_server::captcha::judge::Captcha;
use usher_types::Secret;

pub(crate) const SECRET: &str = "captcha secret & more";

/// See the module.
#[derive(Clone)]
pub(crate) struct CaptchaService {
    peer: Peer,
    /// Tokens that were not spent, with the action that they were made for.
    tokens: Arc<Mutex<Vec<(String, String)>>>,
    /// What it answers whatever is asked.
    pub(crate) says: Arc<Mutex<Option<String>>>,
    /// Bodies of requests, as they came.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

impl CaptchaService {
    pub(crate) async fn start() -> Self {
        let (peer, listener) = Peer::bind().await;
        let service = Self {
            peer,
            tokens: Arc::default(),
            says: Arc::default(),
            seen: Arc::default(),
        };
        let own = service.clone();
        Peer::serve(listener, move |asked| {
            let said = own.answer(asked.body);
            async move { Some(peer::answer(200, &said)) }
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
        let captcha = Captcha {
            site_key: "site".to_owned(),
            invisible_site_key: "unseen".to_owned(),
            secret: Secret::new(SECRET.to_owned()),
            verify_url: format!("{}/siteverify", self.peer.url()),
            accept_unjudged: false,
        };
        (captcha, self.peer.client())
    }

    fn answer(&self, body: String) -> String {
        let pairs = usher_http::percent::pairs(&body).unwrap();
        let field = |name: &str| {
            pairs
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.clone())
                .unwrap_or_default()
        };
        self.seen.lock().unwrap().push(body);
        let said = self.says.lock().unwrap().clone();
        said.unwrap_or_else(|| {
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
        })
    }
}
