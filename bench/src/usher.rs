//! Our server under load: people with sessions, and the requests they make.
use crate::http::{Client, Res, request, told};
use crate::load;
use crate::process::{Server, free_port};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// Everybody's password.
const PASSWORD: &str = "correct horse 9";

/// A person who is signed in.
#[derive(Clone)]
pub(crate) struct Person {
    email: String,
    user: String,
    session: String,
    cookies: String,
}

/// A running `usher dev` with people in it.
pub(crate) struct Usher {
    pub(crate) server: Server,
    secret: String,
    origin: String,
    pub(crate) people: Vec<Person>,
}

/// Starts `usher dev` on a free port.
pub(crate) fn start(binary: &Path, data: &Path) -> Res<Server> {
    let port = free_port()?;
    let mut command = Command::new(binary);
    command
        .args(["dev", "--port", &port.to_string(), "--data"])
        .arg(data);
    // Whatever this shell has set for tests must not reach a measurement.
    for name in ["USHER_LOG", "USHER_DEV_DATABASE_URL", "EXCHANGES"] {
        command.env_remove(name);
    }
    Server::start(&mut command, port, &log_of(data))
}

fn log_of(data: &Path) -> PathBuf {
    data.with_extension("log")
}

impl Usher {
    /// Starts one and signs `count` new people in.
    pub(crate) fn with_people(binary: &Path, data: &Path, count: usize) -> Res<Self> {
        let server = start(binary, data)?;
        let environment =
            std::fs::read_to_string(data.join("dev.env")).map_err(|e| told("dev.env")(&e))?;
        let secret = environment
            .lines()
            .find_map(|l| l.strip_prefix("CLERK_SECRET_KEY="));
        let secret = secret.ok_or("dev.env has no secret key")?.to_owned();
        let origin = format!("http://localhost:{}", server.port);
        let mut usher = Self {
            server,
            secret,
            origin,
            people: Vec::new(),
        };
        let people = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for first in 0..8 {
                let (usher, people) = (&usher, &people);
                scope.spawn(move || {
                    let mut client = Client::new(usher.server.port);
                    for number in (first..count).step_by(8) {
                        let person =
                            usher.sign_in_new(&mut client, &format!("person{number}@example.com"));
                        if let Ok(mut all) = people.lock() {
                            all.push(person);
                        }
                    }
                });
            }
        });
        usher.people = people
            .into_inner()
            .unwrap_or_default()
            .into_iter()
            .collect::<Res<_>>()?;
        Ok(usher)
    }

    fn sign_in_new(&self, client: &mut Client, email: &str) -> Res<Person> {
        let body = format!(
            r#"{{"email_address":["{email}"],"password":"{PASSWORD}","first_name":"Ada","last_name":"Lovelace"}}"#
        );
        let user = client.send(&self.server_post("/v1/users", &body))?.json()?;
        let answer = client.send(&self.sign_in(email))?;
        let session = answer.json()?["response"]["created_session_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if session.is_empty() {
            return Err("a sign-in did not complete".to_owned());
        }
        let user = user["id"].as_str().unwrap_or_default().to_owned();
        Ok(Person {
            email: email.to_owned(),
            user,
            session,
            cookies: answer.cookies(),
        })
    }

    fn server_post(&self, path: &str, body: &str) -> Vec<u8> {
        let bearer = format!("Bearer {}", self.secret);
        request(
            "POST",
            self.server.port,
            path,
            &[("authorization", &bearer)],
            Some((JSON, body)),
        )
    }

    fn browser(&self, method: &str, path: &str, cookies: &str, form: Option<&str>) -> Vec<u8> {
        let mut headers = vec![
            ("origin", self.origin.as_str()),
            (
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            ),
        ];
        if !cookies.is_empty() {
            headers.push(("cookie", cookies));
        }
        request(
            method,
            self.server.port,
            path,
            &headers,
            form.map(|f| (FORM, f)),
        )
    }

    fn sign_in(&self, email: &str) -> Vec<u8> {
        let form = format!(
            "strategy=password&identifier={}&password={}",
            email.replace('@', "%40"),
            PASSWORD.replace(' ', "+")
        );
        self.browser("POST", "/v1/client/sign_ins", "", Some(&form))
    }

    fn each(&self, make: impl Fn(&Person) -> Vec<u8>) -> Vec<Vec<u8>> {
        self.people.iter().map(make).collect()
    }

    /// Resident memory, and what of it is no file's, in MB.
    pub(crate) fn memory(&self) -> (f64, f64) {
        (self.server.memory("VmRSS"), self.server.memory("RssAnon"))
    }

    /// A GET without cookies.
    pub(crate) fn get(&self, path: &str) -> Vec<Vec<u8>> {
        vec![request("GET", self.server.port, path, &[], None)]
    }
    /// `POST /v1/client/sessions/{id}/tokens` of everybody.
    pub(crate) fn mints(&self) -> Vec<Vec<u8>> {
        self.each(|p| {
            self.browser(
                "POST",
                &format!("/v1/client/sessions/{}/tokens", p.session),
                &p.cookies,
                Some(""),
            )
        })
    }
    /// `GET /v1/client` of everybody.
    pub(crate) fn clients(&self) -> Vec<Vec<u8>> {
        self.each(|p| self.browser("GET", "/v1/client", &p.cookies, None))
    }
    /// `GET /v1/users/{id}` of everybody, by the application's server.
    pub(crate) fn users(&self) -> Vec<Vec<u8>> {
        let bearer = format!("Bearer {}", self.secret);
        self.each(|p| {
            request(
                "GET",
                self.server.port,
                &format!("/v1/users/{}", p.user),
                &[("authorization", &bearer)],
                None,
            )
        })
    }
    /// Handshakes of everybody.
    pub(crate) fn handshakes(&self, format: &str) -> Vec<Vec<u8>> {
        let path = format!(
            "/v1/client/handshake?format={format}&redirect_url=http%3A%2F%2Flocalhost%3A3000%2Fdashboard"
        );
        self.each(|p| {
            request(
                "GET",
                self.server.port,
                &path,
                &[("cookie", &p.cookies)],
                None,
            )
        })
    }
    /// Sign-ins by password of everybody, each on a fresh client.
    pub(crate) fn sign_ins(&self) -> Vec<Vec<u8>> {
        self.each(|p| self.sign_in(&p.email))
    }

    /// Users without a password made through the Backend API by 64 callers, per second.
    pub(crate) fn creations(&self, time: Duration, round: usize) -> Res<f64> {
        let work = |client: &mut Client, thread: usize, call: usize| {
            let body = format!(
                r#"{{"email_address":["other{round}-{thread}-{call}@example.com"],"skip_password_requirement":true}}"#
            );
            client
                .send(&self.server_post("/v1/users", &body))?
                .json()
                .map(drop)
        };
        let count = load::threads(64, time, work, self.server.port)?;
        Ok(count as f64 / time.as_secs_f64())
    }

    /// Whole sign-ups (address, password, code, session) by 64 callers, per second.
    pub(crate) fn sign_ups(&self, time: Duration, round: usize) -> Res<f64> {
        let work = |client: &mut Client, thread: usize, call: usize| {
            let form = format!(
                "email_address=new{round}-{thread}-{call}%2Bclerk_test%40example.com&password={}",
                PASSWORD.replace(' ', "+")
            );
            let answer =
                client.send(&self.browser("POST", "/v1/client/sign_ups", "", Some(&form)))?;
            let id = answer.json()?["response"]["id"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let mut cookies = answer.cookies();
            for (step, form) in [
                ("prepare", "strategy=email_code"),
                ("attempt", "strategy=email_code&code=424242"),
            ] {
                let answer = client.send(&self.browser(
                    "POST",
                    &format!("/v1/client/sign_ups/{id}/{step}_verification"),
                    &cookies,
                    Some(form),
                ))?;
                let body = answer.json()?;
                if step == "attempt" && body["response"]["status"] != "complete" {
                    return Err(format!("a sign-up did not complete: {body}"));
                }
                if answer.cookies().contains("__client=") {
                    cookies = answer.cookies();
                }
            }
            Ok(())
        };
        let began = std::time::Instant::now();
        let count = load::threads(64, time, work, self.server.port)?;
        Ok(count as f64 / began.elapsed().as_secs_f64())
    }

    /// With the password queue kept full by 192 callers: milliseconds until single callers beyond it are refused, and
    /// whether every refusal said when to come again.
    pub(crate) fn refusals(&self, probes: usize) -> Res<(Vec<f64>, bool)> {
        let requests = self.sign_ins();
        let probe = requests.first().ok_or("nobody")?;
        let (_, out) = load::crowd(
            self.server.port,
            &requests,
            192,
            Duration::from_secs(2),
            || {
                let mut client = Client::new(self.server.port);
                let mut millis = Vec::new();
                let mut hinted = true;
                let mut tries = 0;
                while millis.len() < probes && tries < probes * 2 {
                    tries += 1;
                    let began = std::time::Instant::now();
                    let answer = client.send(probe)?;
                    if matches!(answer.status, 429 | 503) {
                        millis.push(began.elapsed().as_secs_f64() * 1000.0);
                        hinted &= !answer.all("retry-after").is_empty();
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok((millis, hinted))
            },
        );
        out
    }
}
