//! The two kinds of error: what the caller did wrong ([`ApiError`], with a code of the contract) and what went wrong
//! here ([`Fault`], logged once at the edge; its text never reaches the caller).
pub mod codes;

use serde_json::{Map, Value};
use std::fmt;

/// The result of everything that can be refused or can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One refusal of the wire's envelope (contract fapi §3.4).
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// The contract's code, which clients branch on.
    pub code: &'static str,
    /// Short text for developers.
    pub message: String,
    /// Text for people.
    pub long_message: String,
    /// `param_name` and the like.
    pub meta: Box<Map<String, Value>>,
    /// Whole seconds after which another try makes sense (`Retry-After`).
    pub retry_after_secs: Option<u32>,
    /// Further refusals of the same request (form validation), rendered after this one.
    pub more: Vec<ApiError>,
}

impl ApiError {
    /// A refusal; only `codes` calls it.
    #[must_use]
    pub(crate) fn new(
        status: u16,
        code: &'static str,
        message: impl Into<String>,
        long_message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            long_message: long_message.into(),
            meta: Box::default(),
            retry_after_secs: None,
            more: Vec::new(),
        }
    }
    /// Adds a key of `meta`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.meta.insert(key.to_owned(), value.into());
        self
    }
    /// Names the field that is at fault.
    #[must_use]
    pub fn at(self, param: &str) -> Self {
        self.with("param_name", param)
    }
    /// Says after how many whole seconds another try makes sense.
    #[must_use]
    pub fn retry_after(mut self, secs: u32) -> Self {
        self.retry_after_secs = Some(secs.max(1));
        self
    }
    /// One answer for several refusals of the same form; `None` when there are none.
    #[must_use]
    pub fn join(all: Vec<ApiError>) -> Option<ApiError> {
        // Each may be several itself: none is lost.
        let mut flat = all.into_iter().flat_map(|mut e| {
            let more = std::mem::take(&mut e.more);
            std::iter::once(e).chain(more)
        });
        let mut first = flat.next()?;
        first.more = flat.collect();
        Some(first)
    }
    /// The `errors` array of the wire.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let one = |e: &ApiError| {
            let mut o = Map::new();
            o.insert("message".into(), e.message.clone().into());
            o.insert("long_message".into(), e.long_message.clone().into());
            o.insert("code".into(), e.code.into());
            if !e.meta.is_empty() {
                o.insert("meta".into(), Value::Object(Map::clone(&e.meta)));
            }
            Value::Object(o)
        };
        Value::Array(std::iter::once(self).chain(&self.more).map(one).collect())
    }
}

/// Something unexpected here: a database that does not answer, a key that does not open.
#[derive(Debug)]
pub struct Fault {
    /// What was being done and what happened; for the log only.
    pub text: String,
    /// Where it was raised.
    pub location: &'static std::panic::Location<'static>,
    /// True when trying the whole request again may succeed (a serialization failure, a lost connection).
    pub transient: bool,
    /// True when something under us cannot serve at the moment (a full disk, a database that is away, a commit whose outcome
    /// is unknown): the caller is told so, and nothing is tried again here.
    pub unavailable: bool,
}

impl Fault {
    /// A fault with its place.
    #[track_caller]
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            location: std::panic::Location::caller(),
            transient: false,
            unavailable: false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}:{})",
            self.text,
            self.location.file(),
            self.location.line()
        )
    }
}

/// Either kind.
#[derive(Debug)]
pub enum Error {
    /// The caller's doing.
    Api(Box<ApiError>),
    /// Ours.
    Fault(Fault),
}

impl Error {
    /// The code, when it is a refusal.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Api(e) => Some(e.code),
            Self::Fault(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(e) => write!(f, "{} {}", e.status, e.code),
            Self::Fault(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<ApiError> for Error {
    fn from(e: ApiError) -> Self {
        Self::Api(Box::new(e))
    }
}
impl From<Fault> for Error {
    fn from(e: Fault) -> Self {
        Self::Fault(e)
    }
}
impl From<serde_json::Error> for Error {
    #[track_caller]
    fn from(e: serde_json::Error) -> Self {
        Self::Fault(Fault::new(format!("json: {e}")))
    }
}
