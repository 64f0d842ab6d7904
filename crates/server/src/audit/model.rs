//! An event as use cases tell it, and its row.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{SessionId, UserId};

row! {
    /// One row of the log.
    pub struct AuditRow {
        pub instance_id: String,
        /// 1, 2, 3, … without a gap.
        pub seq: i64,
        /// `evt_…`.
        pub id: String,
        pub event_time: Timestamp,
        /// `user.created`.
        pub event: String,
        /// `success` or `failure`.
        pub outcome: String,
        /// `user`, `client`, `secret_key`, `system`.
        pub actor_type: String,
        pub actor_id: Option<String>,
        /// Who acts as the user.
        pub impersonator: Option<String>,
        /// The id of what the event is about.
        pub subject: Option<String>,
        /// `fapi`, `bapi`, `system`.
        pub source: String,
        pub client_id: Option<String>,
        pub session_id: Option<String>,
        pub trace_id: String,
        /// Names of the fields that changed: a JSON array.
        pub changes: String,
        /// The user whose personal data the row holds, or held.
        pub person: Option<String>,
        pub ip_address: Option<String>,
        pub user_agent: Option<String>,
        /// Makes the commitment say nothing once it is erased with the data.
        pub salt: Option<String>,
        pub commitment: String,
        pub prev_hash: String,
        pub hash: String,
        pub seal: String,
    }
}

/// What happened, as a use case tells it. Names are those of the reference's application logs where it has one.
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) name: &'static str,
    pub(super) failed: bool,
    pub(super) by_system: bool,
    pub(super) user: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) session: Option<String>,
    pub(super) client: Option<String>,
    pub(super) changes: Vec<String>,
}

impl Event {
    /// An event that succeeded.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            failed: false,
            by_system: false,
            user: None,
            subject: None,
            session: None,
            client: None,
            changes: Vec::new(),
        }
    }
    /// The user whose event it is. At the Frontend API the user is also who acts, unless the event is a failure.
    #[must_use]
    pub fn user(mut self, id: &UserId) -> Self {
        self.user = Some(id.as_str().to_owned());
        self
    }
    /// The thing that the event is about, where that is not the user.
    #[must_use]
    pub fn about(mut self, id: &str) -> Self {
        self.subject = Some(id.to_owned());
        self
    }
    /// The session in which, or to which, it happened.
    #[must_use]
    pub fn session(mut self, id: &SessionId) -> Self {
        self.session = Some(id.as_str().to_owned());
        self
    }
    /// The client, where it is not the request's.
    #[must_use]
    pub fn client(mut self, id: &str) -> Self {
        self.client = Some(id.to_owned());
        self
    }
    /// Names of fields that changed. Never values.
    #[must_use]
    pub fn changed<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.changes.extend(fields.into_iter().map(Into::into));
        self
    }
    /// It was refused, and the refusal is counted.
    #[must_use]
    pub fn failed(mut self) -> Self {
        self.failed = true;
        self
    }
    /// Nobody asked for it: it followed from a rule.
    #[must_use]
    pub fn by_system(mut self) -> Self {
        self.by_system = true;
        self
    }
}
