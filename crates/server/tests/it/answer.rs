//! An answer, and what tests ask of it.
use serde_json::Value;
use usher_crypto::digest;
use usher_server::route::Reply;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: Vec<(String, String)>,
    /// `Set-Cookie` values, in order.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
    /// Method and path, for messages.
    pub(crate) asked: String,
}

impl Answer {
    pub(crate) fn new(reply: Reply, asked: String) -> Self {
        Self {
            status: reply.status,
            content_type: reply.content_type.to_owned(),
            headers: reply
                .headers
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect(),
            cookies: reply.cookies,
            // Pictures are no text; all else is.
            body: if reply.content_type == "image/jpeg" {
                String::from_utf8_lossy(&reply.body).into_owned()
            } else {
                String::from_utf8(reply.body.to_vec()).unwrap()
            },
            asked,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(
            self.content_type, "application/json",
            "{}: {}",
            self.asked, self.body
        );
        serde_json::from_str(&self.body).unwrap()
    }

    /// The body of a 200.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}: {}", self.asked, self.body);
        self.json()
    }

    /// The `response` of a 200 of the Frontend API.
    #[track_caller]
    pub(crate) fn response(&self) -> Value {
        self.ok()["response"].clone()
    }

    /// Codes of a refusal with the fields that they name, as `code` or `code field`.
    #[track_caller]
    pub(crate) fn codes(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("{}: no errors in {}", self.asked, self.body));
        let one = |e: &Value| match e["meta"]["param_name"].as_str() {
            Some(param) => format!("{} {param}", e["code"].as_str().unwrap()),
            None => e["code"].as_str().unwrap().to_owned(),
        };
        errors.iter().map(one).collect()
    }

    /// Asserts a refusal: its status, and its one code with the field that it names (`"code"` or `"code field"`). Every
    /// refusal is JSON with texts for people and developers, and with a trace id.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> &Self {
        assert_eq!(
            (self.status, self.codes()),
            (status, vec![code.to_owned()]),
            "{}: {}",
            self.asked,
            self.body
        );
        self.well_formed_refusal();
        self
    }

    /// Asserts what every refusal has.
    #[track_caller]
    pub(crate) fn well_formed_refusal(&self) {
        let body = self.json();
        assert!(self.status >= 400, "{}: {}", self.asked, self.body);
        for e in body["errors"].as_array().unwrap() {
            for text in ["message", "long_message", "code"] {
                assert!(
                    e[text].as_str().is_some_and(|t| !t.is_empty()),
                    "{}: {text} in {}",
                    self.asked,
                    self.body
                );
            }
        }
        assert!(!body["errors"].as_array().unwrap().is_empty());
        assert!(
            body["clerk_trace_id"]
                .as_str()
                .is_some_and(|t| !t.is_empty()),
            "{}: {}",
            self.asked,
            self.body
        );
        assert_eq!(
            body["clerk_trace_id"].as_str(),
            self.header("clerk-trace-id")
        );
    }

    /// The `Set-Cookie` of a name.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let found = self
            .cookies
            .iter()
            .find(|c| c.split('=').next() == Some(name));
        found.map(String::as_str)
    }

    /// The value of the `Set-Cookie` of a name.
    pub(crate) fn cookie_value(&self, name: &str) -> Option<&str> {
        self.cookie(name)
            .and_then(|c| c.split_once('='))
            .map(|(_, rest)| rest.split(';').next().unwrap())
    }
}

/// Header and claims of a JWT, unverified.
#[track_caller]
pub(crate) fn decode(jwt: &str) -> (Value, Value) {
    let parts: Vec<&str> = jwt.split('.').collect();
    assert_eq!(parts.len(), 3, "{jwt}");
    let part = |text: &str| serde_json::from_slice(&digest::b64url_decode(text).unwrap()).unwrap();
    (part(parts[0]), part(parts[1]))
}
