//! The matrix: every combination of what an instance can ask for, times what a person can give, against an oracle that is
//! written down here and shares no line with the server. What holds of all of them: nobody is signed in who did not prove what
//! the settings demand, and everybody is who did.
use crate::authenticator_app::AuthenticatorApp;
use crate::browser::{Browser, PASSWORD};
use crate::world::{User, World};
use serde_json::{Value, json};
use usher_server::instances::settings::{Presence, Settings, SignUpMode};

/// The code of test addresses on development instances.
pub(crate) const CODE: &str = "424242";
pub(crate) const PRESENCES: [Presence; 3] = [Presence::Off, Presence::On, Presence::Required];

/// What an instance asks for.
#[derive(Clone, Copy, Debug)]
struct Asks {
    email: Presence,
    username: Presence,
    password: Presence,
    email_code: bool,
}

impl Asks {
    /// Every combination that an operator can set.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for email in PRESENCES {
            for username in PRESENCES {
                for password in PRESENCES {
                    for email_code in [true, false] {
                        let asks = Self {
                            email,
                            username,
                            password,
                            email_code,
                        };
                        let mut settings = Settings::default();
                        asks.put(&mut settings);
                        if settings.check().is_ok() {
                            all.push(asks);
                        }
                    }
                }
            }
        }
        all
    }

    fn put(self, settings: &mut Settings) {
        let a = &mut settings.attributes;
        (a.email_address, a.username, a.password, a.email_code) =
            (self.email, self.username, self.password, self.email_code);
    }

    fn of(self, field: &str) -> Presence {
        match field {
            "email_address" => self.email,
            "username" => self.username,
            "password" => self.password,
            other => panic!("{other}"),
        }
    }
}

const FIELDS: [&str; 3] = ["email_address", "username", "password"];

/// What a person gives: some of the fields.
fn subsets() -> impl Iterator<Item = Vec<&'static str>> {
    (0..8).map(|bits| {
        (0..3)
            .filter(|n| bits & (1 << n) != 0)
            .map(|n| FIELDS[n])
            .collect()
    })
}

/// How a sign-up ends, once what can be proved is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// Refused at once.
    Refused,
    /// It waits for more.
    Waits,
    /// A user and a session.
    Complete,
}

/// The oracle of sign-ups.
fn joining(asks: Asks, given: &[&str]) -> Ends {
    let has = |field: &str| given.contains(&field);
    if given.iter().any(|field| asks.of(field) == Presence::Off) {
        return Ends::Refused;
    }
    let demanded = FIELDS
        .iter()
        .all(|field| asks.of(field) != Presence::Required || has(field));
    // An address is a way in by itself, once it is proved; a username needs a password.
    let way_in = has("email_address") || (has("username") && has("password"));
    if demanded && way_in {
        Ends::Complete
    } else {
        Ends::Waits
    }
}

/// Nobody is signed in on this browser, whatever it asks.
pub(crate) async fn nobody(browser: &Browser, case: &str) {
    assert!(browser.session_ids().await.is_empty(), "{case}");
    assert_eq!(browser.get("/v1/me").await.status, 401, "{case}");
}

fn is(status: &Value, word: &str, case: &str) {
    assert_eq!(status, &json!(word), "{case}");
}

async fn sign_up(world: &World, asks: Asks, given: &[&str], n: usize) {
    let case = format!("{asks:?} given {given:?}");
    let browser = world.browser();
    let (address, username) = (
        format!("p{n}+clerk_test@example.com"),
        format!("person_{n}"),
    );
    let value = |field: &str| match field {
        "email_address" => address.as_str(),
        "username" => username.as_str(),
        _ => PASSWORD,
    };
    let form: Vec<(&str, &str)> = given.iter().map(|field| (*field, value(field))).collect();
    let answer = browser.post("/v1/client/sign_ups", &form).await;
    let expected = joining(asks, given);
    if expected == Ends::Refused {
        assert_eq!(answer.status, 422, "{case}: {}", answer.body);
        return nobody(&browser, &case).await;
    }
    let mut sign_up = answer.response();
    if given.contains(&"email_address") {
        // Given is not proved.
        is(&sign_up["status"], "missing_requirements", &case);
        assert!(
            sign_up["unverified_fields"]
                .as_array()
                .unwrap()
                .contains(&json!("email_address")),
            "{case}"
        );
        nobody(&browser, &case).await;
        let id = sign_up["id"].as_str().unwrap().to_owned();
        browser.prepare_sign_up(&id).await.ok();
        assert_eq!(
            browser.attempt_sign_up(&id, "000000").await.status,
            422,
            "{case}"
        );
        nobody(&browser, &case).await;
        sign_up = browser.attempt_sign_up(&id, CODE).await.response();
    }
    if expected == Ends::Complete {
        is(&sign_up["status"], "complete", &case);
        assert_eq!(
            browser.session_ids().await,
            [sign_up["created_session_id"].as_str().unwrap()],
            "{case}"
        );
    } else {
        is(&sign_up["status"], "missing_requirements", &case);
        assert!(
            !sign_up["missing_fields"].as_array().unwrap().is_empty(),
            "{case}: {sign_up}"
        );
        nobody(&browser, &case).await;
    }
}

/// A first factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Password,
    EmailCode,
    Reset,
    /// A second factor in the first one's place.
    Totp,
}

/// The oracle of first factors: whether this proof is one, for a user who has an address, a username and a password.
fn proves(asks: Asks, by: First, identifier: &str) -> bool {
    asks.of(identifier).enabled()
        && match by {
            First::Password => asks.password.enabled(),
            First::EmailCode => asks.email.enabled() && asks.email_code,
            First::Reset => asks.email.enabled() && asks.password.enabled(),
            First::Totp => false,
        }
}

/// A user with everything, and the second factor where there is one.
struct Person {
    user: User,
    address: String,
    username: String,
    app: Option<AuthenticatorApp>,
}

impl Person {
    async fn new(world: &World, name: &str, with_app: bool) -> Self {
        let (address, username) = (
            format!("{name}+clerk_test@example.com"),
            format!("{name}_user"),
        );
        let user = world
            .user_with(
                &address,
                json!({ "password": PASSWORD, "username": username }),
            )
            .await;
        let mut app = None;
        if with_app {
            let browser = world.browser();
            browser.sign_in(&address).await;
            app = Some(browser.enrol().await);
            world.advance_secs(90);
        }
        Self {
            user,
            address,
            username,
            app,
        }
    }
}

/// Tries a first factor; the attempt, where one was opened.
async fn attempt(
    browser: &Browser,
    person: &Person,
    identifier: &str,
    by: First,
    proof: &str,
) -> Option<Value> {
    let named = if identifier == "username" {
        &person.username
    } else {
        &person.address
    };
    let started = browser
        .post("/v1/client/sign_ins", &[("identifier", named)])
        .await;
    if started.status != 200 {
        return None;
    }
    let id = started.response()["id"].as_str().unwrap().to_owned();
    let strategy = match by {
        First::Password => "password",
        First::EmailCode => "email_code",
        First::Reset => "reset_password_email_code",
        First::Totp => "totp",
    };
    if matches!(by, First::EmailCode | First::Reset) {
        let path = format!("/v1/client/sign_ins/{id}/prepare_first_factor");
        browser
            .post(
                &path,
                &[
                    ("strategy", strategy),
                    ("email_address_id", &person.user.email_id),
                ],
            )
            .await;
    }
    let field = if by == First::Password {
        "password"
    } else {
        "code"
    };
    let path = format!("/v1/client/sign_ins/{id}/attempt_first_factor");
    browser
        .post(&path, &[("strategy", strategy), (field, proof)])
        .await;
    Some(
        browser
            .get(&format!("/v1/client/sign_ins/{id}"))
            .await
            .response(),
    )
}

async fn sign_in(world: &World, asks: Asks, person: &Person, identifier: &str, by: First) {
    let case = format!("{asks:?} {} by {by:?} as {identifier}", person.username);
    let browser = world.browser();
    let proof = match by {
        First::Password => PASSWORD.to_owned(),
        First::EmailCode | First::Reset => CODE.to_owned(),
        First::Totp => person
            .app
            .as_ref()
            .map_or_else(|| "123456".to_owned(), AuthenticatorApp::code),
    };
    let attempted = attempt(&browser, person, identifier, by, &proof).await;
    if !proves(asks, by, identifier) {
        if let Some(attempt) = attempted {
            assert_ne!(attempt["status"], "complete", "{case}");
            assert_ne!(
                attempt["status"], "needs_second_factor",
                "{case}: what is off proved something"
            );
        }
        return nobody(&browser, &case).await;
    }
    let attempt = attempted.unwrap_or_else(|| panic!("{case}: no attempt"));
    let status = &attempt["status"];
    if by == First::Reset {
        is(status, "needs_new_password", &case);
        return nobody(&browser, &case).await;
    }
    let Some(app) = &person.app else {
        is(status, "complete", &case);
        assert_eq!(browser.session_ids().await.len(), 1, "{case}");
        return;
    };
    is(status, "needs_second_factor", &case);
    nobody(&browser, &case).await;
    let id = attempt["id"].as_str().unwrap();
    browser
        .attempt_second(id, "totp", &app.wrong())
        .await
        .well_formed_refusal();
    nobody(&browser, &case).await;
    // A step is good once.
    world.advance_secs(30);
    let done = browser
        .attempt_second(id, "totp", &app.code())
        .await
        .response();
    is(&done["status"], "complete", &case);
    assert_eq!(browser.session_ids().await.len(), 1, "{case}");
    world
        .server()
        .post(&format!("/v1/users/{}/unlock", person.user.id), json!({}))
        .await
        .ok();
}

both! {
    async fn every_sign_up_ends_as_its_fields_and_the_settings_say(world: World) {
        let mut cases = 0;
        for asks in Asks::all() {
            world.settings(|s| asks.put(s)).await;
            for given in subsets() {
                cases += 1;
                sign_up(&world, asks, &given, cases).await;
            }
        }
        assert!(cases >= 200, "{cases}");
        crate::world::figure("matrix_cases", cases);
    }

    async fn every_sign_in_ends_as_its_proofs_and_the_settings_say(world: World) {
        world.settings(|s| s.attributes.username = Presence::On).await;
        world.second_factors_on().await;
        let people = [Person::new(&world, "plain", false).await, Person::new(&world, "careful", true).await];
        let mut cases = 0;
        for asks in Asks::all() {
            world.settings(|s| asks.put(s)).await;
            for person in &people {
                for identifier in ["email_address", "username"] {
                    for by in [First::Password, First::EmailCode, First::Reset, First::Totp] {
                        cases += 1;
                        sign_in(&world, asks, person, identifier, by).await;
                    }
                }
            }
        }
        assert!(cases >= 300, "{cases}");
        crate::world::figure("matrix_cases", cases);
    }

    async fn no_wrong_proof_signs_anybody_in(world: World) {
        world.settings(|s| { s.attributes.username = Presence::On; s.lockout_max_attempts = 1000; }).await;
        let person = Person::new(&world, "plain", false).await;
        for asks in Asks::all() {
            world.settings(|s| asks.put(s)).await;
            for identifier in ["email_address", "username"] {
                for by in [First::EmailCode, First::Reset, First::Totp] {
                    let case = format!("{asks:?} by {by:?} as {identifier}");
                    let browser = world.browser();
                    if let Some(attempt) = attempt(&browser, &person, identifier, by, "000000").await {
                        assert!(matches!(attempt["status"].as_str().unwrap(), "needs_first_factor"), "{case}: {attempt}");
                    }
                    nobody(&browser, &case).await;
                }
            }
        }
    }

    async fn where_not_everybody_may_join_nobody_does_whatever_is_asked_for(world: World) {
        for mode in [SignUpMode::Restricted, SignUpMode::Waitlist] {
            for asks in Asks::all() {
                world.settings(|s| { asks.put(s); s.sign_up_mode = mode; }).await;
                let browser = world.browser();
                let answer = browser.post("/v1/client/sign_ups", &[("email_address", "p+clerk_test@example.com"), ("username", "person"), ("password", PASSWORD)]).await;
                assert_eq!(answer.status, 403, "{mode:?} {asks:?}: {}", answer.body);
                nobody(&browser, &format!("{mode:?} {asks:?}")).await;
            }
        }
        assert!(world.rows("SELECT id FROM users", &[]).await.is_empty());
    }
}
