//! What one request (or job) has: the process, the instance, the present, who calls, and what goes out with the answer.
use crate::app::App;
use crate::clients::model::ClientRow;
use crate::domains::model::DomainRow;
use crate::instances::Instance;
use std::sync::{Arc, Mutex, PoisonError};
use usher_db::Tx;
use usher_types::id::{ClientId, SessionId, UserId};
use usher_types::{Result, Secret, Timestamp};

/// What a request says of itself, after the edge has decided what to believe.
#[derive(Clone, Debug, Default)]
pub struct RequestFacts {
    /// The page's origin: `Origin`, else the origin of `Referer`, else our own; `azp` of tokens minted here.
    pub azp: String,
    /// Origin header, when one came.
    pub origin: Option<String>,
    /// The caller's address.
    pub ip: String,
    /// `User-Agent`.
    pub user_agent: String,
    /// The host that the browser sees (our own, or the application's when it proxies us).
    pub host: String,
    /// The browser speaks https.
    pub https: bool,
    /// `__client` counts only together with its binding (`surface::browser`): https, and no application's proxy between,
    /// of which one passes a single cookie on.
    pub bound: bool,
    /// The page's origin as the request states it: `Origin`, else the origin of `Referer`.
    pub page: Option<String>,
    /// `Sec-Fetch-Site`; empty when the browser says nothing.
    pub fetch_site: String,
    /// `Sec-Fetch-Dest`; empty when the browser says nothing.
    pub fetch_dest: String,
    /// The `Cookie` header.
    pub cookies: String,
    /// The request came through an application's proxy that proved itself by a secret key.
    pub proxy_url: Option<String>,
    /// `Clerk-API-Version`, or the newest.
    pub api_version: String,
    /// `X-Forwarded-For`, as it came.
    pub forwarded_for: String,
}

/// What goes out with the answer.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// The client's new token: the old one is dead.
    pub client_token: Option<String>,
    /// The browser forgets its client.
    pub forget_client: bool,
    /// The set of sessions changed (or the browser's copy of its stamp was stale): `__client_uat` goes out.
    pub client_uat: Option<i64>,
}

/// By which API, and as whom, a request came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Caller {
    /// A browser at the Frontend API.
    #[default]
    Browser,
    /// A server at the Backend API.
    SecretKey {
        /// What tells the key from the instance's others, and opens nothing.
        hint: String,
    },
}

impl Caller {
    /// `fapi` or `bapi`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Browser => "fapi",
            Self::SecretKey { .. } => "bapi",
        }
    }
}

/// A development browser (contract fapi §5.2), as its request names it.
#[derive(Clone, Debug)]
pub enum DevBrowser {
    /// By a token of this instance: a client's, or one that says "nobody" by itself.
    Known(Secret<String>),
    /// By a token that is none, or none any more.
    Unknown,
}

/// The session that a browser's request acts for.
#[derive(Clone, Debug)]
pub struct Acting {
    /// The session.
    pub session: SessionId,
    /// Its user.
    pub user: UserId,
    /// Who acts as the user, where somebody does.
    pub impersonator: Option<String>,
}

/// See the module.
pub struct Cx {
    /// The process.
    pub app: Arc<App>,
    /// The instance.
    pub instance: Arc<Instance>,
    /// The present, fixed for the whole request.
    pub now: Timestamp,
    /// Finds this request in the log.
    pub trace: String,
    /// What the request says of itself.
    pub request: RequestFacts,
    /// Who calls.
    pub caller: Caller,
    /// The browser's client, as it was when the request came.
    pub client: Option<ClientRow>,
    /// The satellite whose host the request came to.
    pub satellite: Option<DomainRow>,
    /// The token of a development browser came, and no client cookie: answers carry tokens back in a header.
    pub dev_browser: Option<DevBrowser>,
    /// Several client cookies came, and none was believed: the browser's own is among them and is left alone.
    pub ambiguous: bool,
    /// The operation that was asked for, by its id; empty in jobs.
    pub operation: &'static str,
    /// `_clerk_session_id`: which session of the client acts.
    pub acting_session: Option<String>,
    /// A testing token came: no rate limit and no captcha stand in the way (contract fapi §9.2). Credentials do.
    pub testing: bool,
    acting: Mutex<Option<Acting>>,
    client_id: Mutex<Option<ClientId>>,
    outgoing: Mutex<Outgoing>,
}

impl Cx {
    /// A context for a request.
    #[must_use]
    pub fn new(
        app: Arc<App>,
        instance: Arc<Instance>,
        trace: String,
        request: RequestFacts,
    ) -> Self {
        let now = app.clock.now();
        Self {
            app,
            instance,
            now,
            trace,
            request,
            caller: Caller::default(),
            client: None,
            satellite: None,
            dev_browser: None,
            ambiguous: false,
            operation: "",
            acting_session: None,
            testing: false,
            acting: Mutex::default(),
            client_id: Mutex::default(),
            outgoing: Mutex::default(),
        }
    }
    /// The instance's id, which every statement is bound to.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.instance.row.id.as_str()
    }
    /// A view of the database.
    ///
    /// # Errors
    /// A connection that cannot be had.
    pub async fn read(&self) -> Result<Tx> {
        Ok(self.app.db.read(self.tenant()).await?)
    }
    /// Fresh characters for an id.
    #[must_use]
    pub fn fresh(&self) -> String {
        self.app.rng.base62(21)
    }
    /// Notes the session that the request acts for.
    pub fn acts_for(&self, acting: Acting) {
        *self.acting.lock().unwrap_or_else(PoisonError::into_inner) = Some(acting);
    }
    /// The session that the request acts for, once it is known.
    #[must_use]
    pub fn acting(&self) -> Option<Acting> {
        self.acting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
    /// Makes `client` this request's client.
    pub fn set_client(&mut self, client: ClientRow) {
        *self
            .client_id
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(client.id.clone());
        self.client = Some(client);
    }
    /// The client whose state goes out with the answer: the browser's, or the one that this request created.
    #[must_use]
    pub fn client_id(&self) -> Option<ClientId> {
        self.client_id
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
    /// Says that this request created a client.
    pub fn created_client(&self, id: ClientId) {
        *self
            .client_id
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(id);
    }
    /// Changes what goes out with the answer. Called after the commit only.
    pub fn outgoing(&self, change: impl FnOnce(&mut Outgoing)) {
        change(&mut self.outgoing.lock().unwrap_or_else(PoisonError::into_inner));
    }
    /// Takes what goes out.
    #[must_use]
    pub fn take_outgoing(&self) -> Outgoing {
        std::mem::take(&mut self.outgoing.lock().unwrap_or_else(PoisonError::into_inner))
    }
    /// The browser forgets its client.
    pub fn forget_client(&self) {
        *self
            .client_id
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
        self.outgoing(|o| {
            o.forget_client = true;
            o.client_uat = Some(0);
        });
    }
}
