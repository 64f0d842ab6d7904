//! What an operation declares: method, path, who may call it, its fields, its answer and its handler. From the same
//! declaration come the router, the checks before the handler, the OpenAPI documents and the authorization test.
use crate::cx::Cx;
use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use std::future::Future;
use std::pin::Pin;
use usher_http::form::{Field, Form};
use usher_types::Result;

/// Which API an operation belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// The Frontend API: browsers.
    Fapi,
    /// The Backend API: servers with a secret key.
    Bapi,
}

impl Api {
    /// `fapi` or `bapi`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fapi => "fapi",
            Self::Bapi => "bapi",
        }
    }
}

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Everybody. Written where it is meant.
    Public,
    /// A browser, with or without a client.
    Browser,
    /// A browser whose client has a live session.
    SignedIn,
    /// A server with a secret key of the instance.
    SecretKey,
}

/// A call: path parameters and checked fields.
#[derive(Debug, Default)]
pub struct Call {
    /// Path parameters by name.
    pub path: Vec<(String, String)>,
    /// The fields.
    pub form: Form,
    /// The fields of each item, where the body is a list.
    pub items: Vec<Form>,
    /// The body as it came, where the operation takes a file.
    pub sent: Sent,
}

/// A body as it came.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// `Content-Type`; empty where none came.
    pub content_type: String,
    /// `None` where it was over the limit.
    pub body: Option<Bytes>,
}

impl Call {
    /// A path parameter; the router guarantees it.
    #[must_use]
    pub fn param(&self, name: &str) -> &str {
        self.path
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`; empty for none.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// `Set-Cookie` values, in order.
    pub cookies: Vec<String>,
}

/// Exactly this, without a charset: the official back-end SDK takes anything else for text (contract bapi §1.4).
pub const JSON: &str = "application/json";

impl Reply {
    /// A JSON answer with status 200.
    ///
    /// # Errors
    /// A resource that does not serialize, which would be a mistake here.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        // Most answers fit without growing.
        let mut body = Vec::with_capacity(4096);
        serde_json::to_writer(&mut body, value)?;
        Ok(Self::bytes(200, JSON, Bytes::from(body)))
    }
    /// Bytes.
    #[must_use]
    pub fn bytes(status: u16, content_type: &'static str, body: Bytes) -> Self {
        Self {
            status,
            content_type,
            body,
            headers: Vec::new(),
            cookies: Vec::new(),
        }
    }
    /// No content.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::bytes(status, "", Bytes::new())
    }
    /// A redirect; never cached, and the next place does not learn where it came from.
    #[must_use]
    pub fn redirect(status: u16, to: &str) -> Self {
        Self::empty(status)
            .header("location", to)
            .header("referrer-policy", "no-referrer")
    }
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What runs.
pub type Handler =
    for<'a> fn(&'a Cx, &'a Call) -> Pin<Box<dyn Future<Output = Result<Reply>> + Send + 'a>>;

/// Turns `async fn(&Cx, &Call) -> Result<Reply>` into a [`Handler`].
#[macro_export]
macro_rules! handler {
    ($function:path) => {
        |cx, call| Box::pin($function(cx, call))
    };
}

/// An operation.
pub struct Op {
    /// Whose.
    pub api: Api,
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Path with `{parameters}`.
    pub path: &'static str,
    /// The OpenAPI `operationId`.
    pub id: &'static str,
    /// Who may call it.
    pub guard: Guard,
    /// Its fields.
    pub fields: &'static [Field],
    /// The schema of its answer.
    pub answer: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// The answer is `{response, client}` around that schema (contract fapi §3.3).
    pub enveloped: bool,
    /// Unknown body fields are dropped, not refused.
    pub lenient: bool,
    /// Other sites send browsers here: a protocol's GET, whose handler checks where it leads.
    pub navigated: bool,
    /// Its GET uses something up: a HEAD, which looks whether there is something, does not reach it.
    pub once: bool,
    /// The body is a file, in a form of its own.
    pub upload: bool,
    /// The body is a list of so many items at most, each with the fields; 0 for all others.
    pub items: usize,
    /// What runs.
    pub handler: Handler,
}

impl Op {
    /// An operation of the Frontend API.
    #[must_use]
    pub const fn fapi(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        guard: Guard,
        handler: Handler,
    ) -> Self {
        Self {
            api: Api::Fapi,
            method,
            path,
            id,
            guard,
            fields: &[],
            answer: None,
            enveloped: false,
            lenient: false,
            navigated: false,
            once: false,
            upload: false,
            items: 0,
            handler,
        }
    }
    /// An operation of the Backend API: always with a secret key.
    #[must_use]
    pub const fn bapi(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        handler: Handler,
    ) -> Self {
        Self {
            api: Api::Bapi,
            method,
            path,
            id,
            guard: Guard::SecretKey,
            fields: &[],
            answer: None,
            enveloped: false,
            lenient: false,
            navigated: false,
            once: false,
            upload: false,
            items: 0,
            handler,
        }
    }
    /// Its fields.
    #[must_use]
    pub const fn fields(mut self, fields: &'static [Field]) -> Self {
        self.fields = fields;
        self
    }
    /// Unknown body fields are dropped.
    #[must_use]
    pub const fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }
    /// Other sites send browsers here.
    #[must_use]
    pub const fn navigated(mut self) -> Self {
        self.navigated = true;
        self
    }
    /// Its GET uses something up.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }
    /// Its body is a file.
    #[must_use]
    pub const fn uploads(mut self) -> Self {
        self.upload = true;
        self
    }
    /// Its body is a list of so many items at most; the fields are those of an item.
    #[must_use]
    pub const fn items(mut self, most: usize) -> Self {
        self.items = most;
        self
    }
    /// Its answer.
    #[must_use]
    pub const fn answers<T: JsonSchema>(mut self) -> Self {
        self.answer = Some(SchemaGenerator::subschema_for::<T>);
        self
    }
    /// Its answer, inside the envelope.
    #[must_use]
    pub const fn envelopes<T: JsonSchema>(mut self) -> Self {
        self.answer = Some(SchemaGenerator::subschema_for::<T>);
        self.enveloped = true;
        self
    }
}
