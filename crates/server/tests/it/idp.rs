//! An OpenID provider in this process: it plays by the book, until it is told not to.
use crate::answer::Answer;
use crate::browser::Browser;
use crate::peer::{Asked, Peer};
use crate::world::World;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use usher_crypto::digest;
use usher_crypto::ec::EcKey;
use usher_http::percent;
use usher_server::social::settings::{self, ConnectionSettings, Social};
use usher_types::{Clock, Secret};

/// What it does to one of its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Takes the request and never answers.
    Silent,
    /// Hangs up.
    Gone,
    Status(u16),
    Garbage,
}

/// Changes the claims of an ID token, before they are signed.
type Tweak = Box<dyn Fn(&mut Value) + Send>;
/// Makes another token of a signed one.
type Forge = Box<dyn Fn(String) -> String + Send>;

struct State {
    person: Value,
    moods: HashMap<&'static str, Mood>,
    tweak: Option<Tweak>,
    forge: Option<Forge>,
    document: Value,
    codes: HashMap<String, Value>,
    userinfo: Option<Value>,
    expires_in: Option<i64>,
    refresh: bool,
    serial: u64,
    /// Paths and forms, as they came.
    seen: Vec<(String, Map<String, Value>)>,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Idp {
    peer: Peer,
    pub(crate) origin: String,
    pub(crate) key: EcKey,
    clock: Clock,
    state: Arc<Mutex<State>>,
}

/// The strategy that tests use.
pub(crate) const ACME: &str = "oauth_custom_acme";

/// Where trips lead: there is something left to do, and a session was made.
pub(crate) const BACK: &str = "http://localhost:8787/sso-callback";
pub(crate) const DONE: &str = "http://localhost:8787/welcome";

impl Idp {
    /// A provider, and a world with it as `custom_acme`.
    pub(crate) async fn start(world: &World) -> (Self, World) {
        let idp = Self::alone(world).await;
        let client = idp.peer.client();
        let world = world.restarted(|o| o.outbound = client).await;
        idp.offer(&world, "custom_acme", |_| {}).await;
        (idp, world)
    }

    async fn alone(world: &World) -> Self {
        let (peer, listener) = Peer::bind().await;
        let origin = peer.url();
        let document = json!({
            "issuer": origin, "authorization_endpoint": format!("{origin}/authorize"), "token_endpoint": format!("{origin}/token"),
            "userinfo_endpoint": format!("{origin}/userinfo"), "jwks_uri": format!("{origin}/jwks"),
            "authorization_response_iss_parameter_supported": true,
        });
        let idp = Self {
            peer,
            origin,
            key: EcKey::generate().unwrap(),
            clock: world.app.clock.clone(),
            state: Arc::new(Mutex::new(State {
                person: json!({ "sub": "ada", "email": "ada@example.com", "email_verified": true, "given_name": "Ada", "family_name": "Lovelace" }),
                moods: HashMap::new(),
                tweak: None,
                forge: None,
                document,
                codes: HashMap::new(),
                userinfo: None,
                expires_in: Some(3600),
                refresh: true,
                serial: 0,
                seen: Vec::new(),
            })),
        };
        let own = idp.clone();
        Peer::serve(listener, move |asked| own.clone().serve(asked));
        idp
    }

    /// Makes it a connection of the first instance.
    pub(crate) async fn offer(
        &self,
        world: &World,
        key: &str,
        change: impl FnOnce(&mut ConnectionSettings),
    ) {
        let mut connection = ConnectionSettings {
            client_id: "usher at acme".to_owned(),
            client_secret: Secret::new("open sesame".to_owned()),
            issuer: self.origin.clone(),
            name: "Acme".to_owned(),
            ..ConnectionSettings::default()
        };
        change(&mut connection);
        let mut social = Social::from([(key.to_owned(), connection)]);
        let (data, rng) = (&world.instance().data_key, &world.app.rng);
        settings::seal(&mut social, &Social::new(), data, rng);
        world.settings(|s| s.social.extend(social)).await;
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }
    /// Who is in front of it.
    pub(crate) fn is(&self, person: Value) {
        self.with(|s| s.person = person);
    }
    /// Somebody with this subject and address.
    pub(crate) fn person(&self, subject: &str, email: &str, verified: bool) {
        self.is(json!({ "sub": subject, "email": email, "email_verified": verified }));
    }
    pub(crate) fn mood(&self, path: &'static str, mood: Mood) {
        self.with(|s| s.moods.insert(path, mood));
    }
    pub(crate) fn tweak(&self, tweak: impl Fn(&mut Value) + Send + 'static) {
        self.with(|s| s.tweak = Some(Box::new(tweak)));
    }
    pub(crate) fn forge(&self, forge: impl Fn(String) -> String + Send + 'static) {
        self.with(|s| s.forge = Some(Box::new(forge)));
    }
    pub(crate) fn honest(&self) {
        self.with(|s| (s.tweak, s.forge) = (None, None));
    }
    pub(crate) fn describes(&self, name: &str, value: Value) {
        self.with(|s| s.document[name] = value);
    }
    pub(crate) fn tells(&self, userinfo: Value) {
        self.with(|s| s.userinfo = Some(userinfo));
    }
    pub(crate) fn tokens(&self, expires_in: Option<i64>, refresh: bool) {
        self.with(|s| (s.expires_in, s.refresh) = (expires_in, refresh));
    }
    /// The forms that came to a path.
    pub(crate) fn seen(&self, path: &str) -> Vec<Map<String, Value>> {
        self.with(|s| {
            let fits = s.seen.iter().filter(|(at, _)| at == path);
            fits.map(|(_, form)| form.clone()).collect()
        })
    }

    /// The person says yes on the page at `url`: where the browser is sent.
    pub(crate) fn allow(&self, url: &str) -> String {
        let asked = query(url);
        let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
        let code = self.with(|s| {
            s.serial += 1;
            let code = format!("code-{}", s.serial);
            let mut claims = s.person.clone();
            let now = self.clock.now().secs();
            for (name, value) in [
                ("iss", json!(self.origin)),
                ("aud", asked["client_id"].clone()),
                ("nonce", asked["nonce"].clone()),
                ("iat", json!(now)),
                ("exp", json!(now + 600)),
            ] {
                claims[name] = value;
            }
            s.codes
                .insert(code.clone(), json!({ "claims": claims, "asked": asked }));
            code
        });
        format!(
            "/v1/oauth_callback?code={code}&state={}&iss={}",
            percent::encode(&text("state")),
            percent::encode(&self.origin)
        )
    }

    /// A token that an app gets by itself; no two are the same.
    pub(crate) fn id_token(&self, change: impl Fn(&mut Value)) -> String {
        let mut claims = self.with(|s| {
            s.serial += 1;
            let mut claims = s.person.clone();
            claims["jti"] = json!(s.serial);
            claims
        });
        let now = self.clock.now().secs();
        for (name, value) in [
            ("iss", json!(self.origin)),
            ("aud", json!("usher at acme")),
            ("iat", json!(now)),
            ("exp", json!(now + 600)),
        ] {
            claims[name] = value;
        }
        change(&mut claims);
        self.key.sign_jwt("acme", &claims).unwrap()
    }

    /// The person says no.
    pub(crate) fn deny(&self, url: &str, error: &str) -> String {
        let state = query(url)["state"].as_str().unwrap().to_owned();
        format!(
            "/v1/oauth_callback?error={}&error_description=%3Cscript%3E&state={}&iss={}",
            percent::encode(error),
            percent::encode(&state),
            percent::encode(&self.origin)
        )
    }

    async fn serve(self, asked: Asked) -> Option<String> {
        let path = asked.path().to_owned();
        let mut form: Map<String, Value> = percent::pairs(&asked.body)
            .unwrap()
            .into_iter()
            .map(|(n, v)| (n, Value::from(v)))
            .collect();
        if let Some(value) = asked.header("authorization") {
            form.insert("authorization".to_owned(), Value::from(value));
        }
        let (mood, answer) = self.with(|s| {
            s.seen.push((path.clone(), form.clone()));
            let mood = s.moods.get(path.as_str()).copied();
            (mood.unwrap_or(Mood::Well), self.answer(s, &path, &form))
        });
        let (status, body) = match mood {
            Mood::Silent => std::future::pending().await,
            Mood::Gone => return None,
            Mood::Status(status) => (status, json!({ "error": "server_error" }).to_string()),
            Mood::Garbage => (200, "<html>down for maintenance</html>".to_owned()),
            Mood::Well => answer,
        };
        let length = body.len();
        Some(format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    fn answer(&self, s: &mut State, path: &str, form: &Map<String, Value>) -> (u16, String) {
        let field = |name: &str| form.get(name).and_then(Value::as_str).unwrap_or_default();
        let refused = |error: &str| (400, json!({ "error": error }).to_string());
        match path {
            "/.well-known/openid-configuration" => (200, s.document.to_string()),
            "/jwks" => (
                200,
                json!({ "keys": [self.key.public().jwk("acme")] }).to_string(),
            ),
            "/userinfo" => match &s.userinfo {
                Some(told) => (200, told.to_string()),
                None => (200, s.person.to_string()),
            },
            "/token" => {
                s.serial += 1;
                let mut answer = json!({ "access_token": format!("access-{}", s.serial), "token_type": "Bearer", "scope": "openid email" });
                if let Some(secs) = s.expires_in {
                    answer["expires_in"] = json!(secs);
                }
                if s.refresh {
                    answer["refresh_token"] = json!(format!("refresh-{}", s.serial));
                }
                // By the book (RFC 6749 §2.3.1), with the space and all.
                if field("authorization") != "Basic dXNoZXIlMjBhdCUyMGFjbWU6b3BlbiUyMHNlc2FtZQ==" {
                    return refused("invalid_client");
                }
                if field("grant_type") == "refresh_token" {
                    return (200, answer.to_string());
                }
                let Some(grant) = s.codes.remove(field("code")) else {
                    return refused("invalid_grant");
                };
                let asked = &grant["asked"];
                let proof = digest::b64url(&digest::sha256(field("code_verifier").as_bytes()));
                if asked["code_challenge"] != proof
                    || asked["code_challenge_method"] != "S256"
                    || asked["redirect_uri"] != field("redirect_uri")
                {
                    return refused("invalid_grant");
                }
                let mut claims = grant["claims"].clone();
                if let Some(tweak) = &s.tweak {
                    tweak(&mut claims);
                }
                let mut token = self.key.sign_jwt("acme", &claims).unwrap();
                if let Some(forge) = &s.forge {
                    token = forge(token);
                }
                answer["id_token"] = json!(token);
                (200, answer.to_string())
            }
            _ => (404, "{}".to_owned()),
        }
    }
}

/// The query of a URL.
pub(crate) fn query(url: &str) -> Value {
    let pairs = percent::pairs(url.split_once('?').unwrap().1).unwrap();
    Value::Object(pairs.into_iter().map(|(n, v)| (n, v.into())).collect())
}

/// Where a verification sends the browser.
pub(crate) fn leads(verification: &Value) -> String {
    assert_eq!(verification["status"], "unverified", "{verification}");
    verification["external_verification_redirect_url"]
        .as_str()
        .unwrap_or_else(|| panic!("{verification}"))
        .to_owned()
}

impl Browser {
    /// Starts to sign in by `strategy`; the page at the provider.
    pub(crate) async fn sign_in_by(&self, strategy: &str) -> String {
        let form = [
            ("strategy", strategy),
            ("redirect_url", BACK),
            ("action_complete_redirect_url", DONE),
        ];
        let made = self.post("/v1/client/sign_ins", &form).await.response();
        assert_eq!(made["status"], "needs_identifier", "{made}");
        leads(&made["first_factor_verification"])
    }

    /// Starts to sign up by `strategy`; the page at the provider.
    pub(crate) async fn sign_up_by(&self, strategy: &str) -> String {
        let form = [
            ("strategy", strategy),
            ("redirect_url", BACK),
            ("action_complete_redirect_url", DONE),
        ];
        let made = self.post("/v1/client/sign_ups", &form).await.response();
        assert_eq!(made["status"], "missing_requirements", "{made}");
        leads(&made["verifications"]["external_account"])
    }

    /// Comes back from a provider; where it is sent on to.
    pub(crate) async fn come_back(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 303, "{}: {}", answer.asked, answer.body);
        location(&answer)
    }

    /// Signs in by the provider, which knows the account here; asserts that it did.
    pub(crate) async fn enters_by(&self, idp: &Idp) -> Value {
        let page = self.sign_in_by(ACME).await;
        assert_eq!(self.come_back(&idp.allow(&page)).await, DONE);
        self.client().await["sessions"][0].clone()
    }

    /// Signs up by the provider, in one go.
    pub(crate) async fn joins_by(&self, idp: &Idp) -> Value {
        let page = self.sign_up_by(ACME).await;
        assert_eq!(self.come_back(&idp.allow(&page)).await, DONE);
        self.client().await["sessions"][0].clone()
    }

    /// The verification of the open sign-in.
    pub(crate) async fn trip(&self) -> Value {
        self.client().await["sign_in"]["first_factor_verification"].clone()
    }
}

pub(crate) fn location(answer: &Answer) -> String {
    answer.header("location").unwrap().to_owned()
}
