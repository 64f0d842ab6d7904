//! A browser: a cookie jar that obeys `Set-Cookie`, an origin, and the request conventions of clerk-js (form bodies,
//! `_method`). Everything that it receives is held against what no answer may ever do to a browser.
use crate::answer::{Answer, decode};
use crate::world::World;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use usher_http::percent;
use usher_server::surface::Incoming;

/// A cookie as a browser keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    pub(crate) name: String,
    pub(crate) value: String,
    /// `Domain`; `None` is host-only, on `host`.
    pub(crate) domain: Option<String>,
    pub(crate) host: String,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
}

/// A browser on one page.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) world: World,
    /// The host that its Frontend-API requests go to.
    pub(crate) host: String,
    /// The origin of the page.
    pub(crate) origin: String,
    pub(crate) jar: Arc<Mutex<Vec<Cookie>>>,
}

/// A request that is being put together.
pub(crate) struct Request {
    browser: Browser,
    method: String,
    path: String,
    query: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Option<Bytes>,
    origin: Option<String>,
}

impl Browser {
    pub(crate) fn new(world: &World, host: &str, origin: &str) -> Self {
        Self {
            world: world.clone(),
            host: host.to_owned(),
            origin: origin.to_owned(),
            jar: Arc::default(),
        }
    }

    /// Somebody else with a copy of this browser's cookies.
    pub(crate) fn thief(&self) -> Self {
        let jar = self.jar.lock().unwrap().clone();
        Self {
            jar: Arc::new(Mutex::new(jar)),
            ..self.clone()
        }
    }

    /// The same browser on another page.
    pub(crate) fn at(&self, origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            ..self.clone()
        }
    }

    /// The value of a cookie that goes out with requests.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.jar
            .lock()
            .unwrap()
            .iter()
            .find(|c| c.name == name)
            .map(|c| c.value.clone())
    }

    /// Puts a cookie into the jar, as another site of the same domain could.
    pub(crate) fn plant(&self, name: &str, value: &str) {
        let cookie = Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: None,
            host: self.host.clone(),
            secure: false,
            http_only: false,
        };
        let mut jar = self.jar.lock().unwrap();
        jar.retain(|c| c.name != name);
        jar.push(cookie);
    }

    /// Puts a cookie in front of the others, as a page on a neighbouring host of the root domain can.
    pub(crate) fn toss(&self, name: &str, value: &str) {
        let name_of_host = self.host.split(':').next().unwrap();
        let cookie = Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: Some(
                usher_http::origin::registrable(name_of_host)
                    .unwrap_or(name_of_host)
                    .to_owned(),
            ),
            host: self.host.clone(),
            secure: false,
            http_only: true,
        };
        self.jar.lock().unwrap().insert(0, cookie);
    }

    pub(crate) fn is_https(&self) -> bool {
        self.world.scheme() == "https"
    }

    fn cookie_header(&self) -> String {
        let name = self.host.split(':').next().unwrap();
        let fits = |c: &&Cookie| match &c.domain {
            Some(domain) => name == domain || name.ends_with(&format!(".{domain}")),
            None => c.host == self.host,
        };
        let jar = self.jar.lock().unwrap();
        let pairs: Vec<String> = jar
            .iter()
            .filter(fits)
            .filter(|c| !c.secure || self.is_https())
            .map(|c| format!("{}={}", c.name, c.value))
            .collect();
        pairs.join("; ")
    }

    /// A request of any method. PUT, PATCH and DELETE are tunnelled as clerk-js does.
    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut query = query.to_owned();
        let tunnelled = matches!(method, "PUT" | "PATCH" | "DELETE");
        if tunnelled {
            query = if query.is_empty() {
                format!("_method={method}")
            } else {
                format!("{query}&_method={method}")
            };
        }
        Request {
            browser: self.clone(),
            method: if tunnelled { "POST" } else { method }.to_owned(),
            path: path.to_owned(),
            query,
            headers: Vec::new(),
            body: None,
            // Browsers send it with everything but same-origin GETs.
            origin: (method != "GET" && method != "HEAD").then(|| self.origin.clone()),
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.request("GET", target).send().await
    }
    pub(crate) async fn post(&self, target: &str, form: &[(&str, &str)]) -> Answer {
        self.request("POST", target).form(form).send().await
    }
    pub(crate) async fn patch(&self, target: &str, form: &[(&str, &str)]) -> Answer {
        self.request("PATCH", target).form(form).send().await
    }
    pub(crate) async fn delete(&self, target: &str) -> Answer {
        self.request("DELETE", target).send().await
    }

    /// The client as it is now; null for a visitor.
    pub(crate) async fn client(&self) -> Value {
        self.get("/v1/client").await.response()
    }

    /// Ids of the live sessions.
    pub(crate) async fn session_ids(&self) -> Vec<String> {
        let client = self.client().await;
        client["sessions"]
            .as_array()
            .map(|all| {
                all.iter()
                    .map(|s| s["id"].as_str().unwrap().to_owned())
                    .collect()
            })
            .unwrap_or_default()
    }

    pub(crate) async fn mint(&self, session: &str) -> Answer {
        self.post(&format!("/v1/client/sessions/{session}/tokens"), &[])
            .await
    }

    /// The claims of a fresh token.
    pub(crate) async fn claims(&self, session: &str) -> Value {
        let answer = self.mint(session).await.ok();
        decode(answer["jwt"].as_str().unwrap()).1
    }

    /// Starts a sign-up; its id.
    pub(crate) async fn start_sign_up(&self, form: &[(&str, &str)]) -> String {
        let sign_up = self.post("/v1/client/sign_ups", form).await.response();
        sign_up["id"].as_str().unwrap().to_owned()
    }

    /// Asks for a sign-up's code.
    pub(crate) async fn prepare_sign_up(&self, id: &str) -> Answer {
        self.post(
            &format!("/v1/client/sign_ups/{id}/prepare_verification"),
            &[("strategy", "email_code")],
        )
        .await
    }

    pub(crate) async fn attempt_sign_up(&self, id: &str, code: &str) -> Answer {
        self.post(
            &format!("/v1/client/sign_ups/{id}/attempt_verification"),
            &[("strategy", "email_code"), ("code", code)],
        )
        .await
    }

    /// A sign-up that waits for the code, which has been sent.
    pub(crate) async fn pending_sign_up(&self, address: &str) -> String {
        let id = self
            .start_sign_up(&[("email_address", address), ("password", PASSWORD)])
            .await;
        self.prepare_sign_up(&id).await.ok();
        id
    }

    /// The whole sign-up; the completed attempt.
    pub(crate) async fn sign_up(&self, address: &str) -> Value {
        let id = self.pending_sign_up(address).await;
        let code = self.world.code(address).await;
        let done = self.attempt_sign_up(&id, &code).await.response();
        assert_eq!(done["status"], "complete", "{done}");
        done
    }

    pub(crate) async fn start_sign_in(&self, identifier: &str) -> Value {
        self.post("/v1/client/sign_ins", &[("identifier", identifier)])
            .await
            .response()
    }

    /// Sends the code of the first address that is offered.
    pub(crate) async fn prepare_sign_in(&self, sign_in: &Value) -> Answer {
        let factors = sign_in["supported_first_factors"].as_array().unwrap();
        let address = factors
            .iter()
            .find(|f| f["strategy"] == "email_code")
            .unwrap()["email_address_id"]
            .as_str()
            .unwrap();
        let id = sign_in["id"].as_str().unwrap();
        self.post(
            &format!("/v1/client/sign_ins/{id}/prepare_first_factor"),
            &[("strategy", "email_code"), ("email_address_id", address)],
        )
        .await
    }

    pub(crate) async fn attempt_code(&self, id: &str, code: &str) -> Answer {
        self.post(
            &format!("/v1/client/sign_ins/{id}/attempt_first_factor"),
            &[("strategy", "email_code"), ("code", code)],
        )
        .await
    }

    pub(crate) async fn attempt_password(&self, id: &str, password: &str) -> Answer {
        self.post(
            &format!("/v1/client/sign_ins/{id}/attempt_first_factor"),
            &[("strategy", "password"), ("password", password)],
        )
        .await
    }

    pub(crate) async fn sign_in_with_password(&self, identifier: &str, password: &str) -> Answer {
        self.post(
            "/v1/client/sign_ins",
            &[("identifier", identifier), ("password", password)],
        )
        .await
    }

    /// A sign-in that waits for the code, which has been sent; its id.
    pub(crate) async fn pending_sign_in(&self, address: &str) -> String {
        let started = self
            .post(
                "/v1/client/sign_ins",
                &[("identifier", address), ("strategy", "email_code")],
            )
            .await
            .response();
        started["id"].as_str().unwrap().to_owned()
    }

    /// Signs in by a code (no password is hashed); the session's id.
    pub(crate) async fn sign_in(&self, address: &str) -> String {
        let id = self.pending_sign_in(address).await;
        let code = self.world.code(address).await;
        let done = self.attempt_code(&id, &code).await.response();
        assert_eq!(done["status"], "complete", "{done}");
        done["created_session_id"].as_str().unwrap().to_owned()
    }

    /// Takes an answer's cookies, and holds the answer against what may never happen.
    fn receive(&self, answer: &Answer) {
        let mut jar = self.jar.lock().unwrap();
        let client = |jar: &Vec<Cookie>| {
            jar.iter()
                .filter(|c| c.name == "__client" && c.value.len() > 20)
                .map(|c| c.value.clone())
                .collect::<Vec<_>>()
        };
        let mut secrets = client(&jar);
        for line in &answer.cookies {
            let mut parts = line.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attributes: Vec<&str> = parts.collect();
            let has = |a: &str| attributes.contains(&a);
            let find = |a: &str| attributes.iter().find_map(|x| x.strip_prefix(a));
            assert!(
                has("SameSite=Lax") && has("Path=/"),
                "{}: {line}",
                answer.asked
            );
            assert_eq!(has("Secure"), self.is_https(), "{}: {line}", answer.asked);
            assert_eq!(
                has("HttpOnly"),
                !name.starts_with("__client_uat") && !name.starts_with("__clerk_db_jwt"),
                "{}: {line}",
                answer.asked
            );
            if name == "__client" {
                assert!(find("Domain=").is_none(), "{}: {line}", answer.asked);
                assert_eq!(
                    answer.cookies.last(),
                    Some(line),
                    "{}: one official proxy keeps the last cookie only",
                    answer.asked
                );
            }
            let host_name = self.host.split(':').next().unwrap();
            let domain = find("Domain=").map(str::to_owned);
            if let Some(domain) = &domain {
                assert!(
                    host_name == domain || host_name.ends_with(&format!(".{domain}")),
                    "{}: a browser drops {line}",
                    answer.asked
                );
            }
            jar.retain(|c| {
                !(c.name == name && c.domain == domain && (domain.is_some() || c.host == self.host))
            });
            let life: i64 = find("Max-Age=").unwrap().parse().unwrap();
            if life > 0 {
                jar.push(Cookie {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    domain,
                    host: self.host.clone(),
                    secure: has("Secure"),
                    http_only: has("HttpOnly"),
                });
            }
        }
        secrets.extend(client(&jar));
        for secret in secrets {
            let elsewhere = answer.headers.iter().any(|(_, v)| v.contains(&secret));
            assert!(
                !answer.body.contains(&secret) && !elsewhere,
                "{}: the client's token is in an answer",
                answer.asked
            );
        }
        assert!(
            jar.iter()
                .filter(|c| c.name == "__client")
                .all(|c| c.http_only || c.value.len() < 43 || c.domain.is_none())
        );
    }
}

/// A password that every policy here takes.
pub(crate) const PASSWORD: &str = "correct horse 9 battery";

impl Request {
    pub(crate) fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name, value.as_ref().to_vec()));
        self
    }
    pub(crate) fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }
    pub(crate) fn no_origin(mut self) -> Self {
        self.origin = None;
        self
    }
    /// Sends the method itself, not through `_method`.
    pub(crate) fn method(mut self, method: &str) -> Self {
        self.query = String::new();
        self.method = method.to_owned();
        self
    }
    pub(crate) fn form(self, form: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> = form
            .iter()
            .map(|(n, v)| format!("{}={}", percent::encode(n), percent::encode(v)))
            .collect();
        self.body("application/x-www-form-urlencoded", pairs.join("&"))
    }
    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers
            .push(("content-type", content_type.as_bytes().to_vec()));
        self.body = Some(body.into());
        self
    }
    pub(crate) async fn send(self) -> Answer {
        let body = self.body.clone().unwrap_or_default();
        self.deliver(Some(body)).await
    }
    /// Sends a body that is over the limit: the listener reads no further.
    pub(crate) async fn send_too_much(self) -> Answer {
        self.deliver(None).await
    }
    async fn deliver(self, body: Option<Bytes>) -> Answer {
        let browser = &self.browser;
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: &[u8]| {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_bytes(value).unwrap(),
            )
        };
        if !self.headers.iter().any(|(n, _)| *n == "host") {
            put("host", browser.host.as_bytes());
        }
        if !self.headers.iter().any(|(n, _)| *n == "cookie") && !browser.cookie_header().is_empty()
        {
            put("cookie", browser.cookie_header().as_bytes());
        }
        if let Some(origin) = &self.origin {
            put("origin", origin.as_bytes());
        }
        for (name, value) in &self.headers {
            put(name, value);
        }
        let shown = body
            .as_ref()
            .map(|b| String::from_utf8_lossy(&b[..b.len().min(300)]).into_owned())
            .unwrap_or_default();
        let asked = format!("{} {}?{} {shown}", self.method, self.path, self.query);
        let incoming = Incoming {
            method: Method::from_bytes(self.method.as_bytes()).unwrap(),
            path: self.path.clone(),
            query: self.query.clone(),
            headers,
            body,
            peer: [127, 0, 0, 1].into(),
        };
        let answer = browser.world.answer(incoming, asked).await;
        browser.receive(&answer);
        answer
    }
}
