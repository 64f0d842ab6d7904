//! An operator's server: it calls the Backend API with a secret key.
use crate::answer::Answer;
use crate::world::World;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use usher_server::surface::Incoming;

#[derive(Clone)]
pub(crate) struct Server {
    world: World,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Server {
    pub(crate) fn new(world: &World, key: &str) -> Self {
        Self {
            world: world.clone(),
            headers: vec![
                ("authorization", format!("Bearer {key}")),
                ("host", world.host()),
            ],
        }
    }

    /// The same caller with another header.
    pub(crate) fn header(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut copy = self.clone();
        copy.headers.retain(|(n, _)| *n != name);
        copy.headers.push((name, value.into()));
        copy
    }

    /// The same caller without a header.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut copy = self.clone();
        copy.headers.retain(|(n, _)| *n != name);
        copy
    }

    /// Sends exactly this.
    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        if let Some(kind) = content_type {
            headers.insert("content-type", HeaderValue::from_str(kind).unwrap());
        }
        let asked = format!(
            "{method} {target} {}",
            String::from_utf8_lossy(&body[..body.len().min(300)])
        );
        let incoming = Incoming {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: Some(body),
            peer: [127, 0, 0, 1].into(),
        };
        let answer = self.world.answer(incoming, asked).await;
        // Anything but exactly this is text to the official SDK (contract fapi §0.10).
        assert!(
            answer.body.is_empty() || answer.content_type == "application/json",
            "{}: {}",
            answer.asked,
            answer.content_type
        );
        assert!(
            answer.cookies.is_empty(),
            "{}: {:?}",
            answer.asked,
            answer.cookies
        );
        answer
    }

    pub(crate) async fn json(&self, method: &str, target: &str, body: Value) -> Answer {
        self.send(
            method,
            target,
            Some("application/json"),
            Bytes::from(body.to_string()),
        )
        .await
    }
    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send("GET", target, None, Bytes::new()).await
    }
    pub(crate) async fn delete(&self, target: &str) -> Answer {
        self.send("DELETE", target, None, Bytes::new()).await
    }
    pub(crate) async fn post(&self, target: &str, body: Value) -> Answer {
        self.json("POST", target, body).await
    }
    pub(crate) async fn patch(&self, target: &str, body: Value) -> Answer {
        self.json("PATCH", target, body).await
    }
    pub(crate) async fn put(&self, target: &str, body: Value) -> Answer {
        self.json("PUT", target, body).await
    }
}
