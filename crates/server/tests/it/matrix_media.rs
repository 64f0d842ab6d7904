//! The matrix of addresses, numbers and wallets (`matrix.rs` has that of usernames): what an instance asks for, times what a
//! person gives and proves, times second factors, against oracles that are written down here.
use crate::authenticator_app::AuthenticatorApp;
use crate::browser::{Browser, PASSWORD};
use crate::matrix::{CODE, PRESENCES, nobody};
use crate::wallet::Wallet;
use crate::world::World;
use serde_json::{Value, json};
use usher_server::instances::settings::{Presence, Settings, SignUpMode};
use usher_server::strategies::Strategy;

const FIELDS: [&str; 4] = ["email_address", "phone_number", "web3_wallet", "password"];
const METAMASK: &str = "web3_metamask_signature";

/// What an instance asks for.
#[derive(Clone, Copy, Debug)]
struct Asks {
    email: Presence,
    phone: Presence,
    wallet: bool,
    password: Presence,
    phone_code: bool,
}

impl Asks {
    /// Every combination that an operator can set.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for email in PRESENCES {
            for phone in PRESENCES {
                for password in PRESENCES {
                    for (wallet, phone_code) in
                        [(true, true), (true, false), (false, true), (false, false)]
                    {
                        let asks = Self {
                            email,
                            phone,
                            wallet,
                            password,
                            phone_code,
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
        a.email_address = self.email;
        a.phone_number = self.phone;
        a.phone_code = self.phone_code;
        a.phone_second_factor = self.phone.enabled();
        a.password = self.password;
        a.web3_wallet = if self.wallet {
            vec![Strategy::Web3Metamask]
        } else {
            Vec::new()
        };
    }

    fn of(self, field: &str) -> Presence {
        match field {
            "email_address" => self.email,
            "phone_number" => self.phone,
            "web3_wallet" if self.wallet => Presence::On,
            "web3_wallet" => Presence::Off,
            "password" => self.password,
            other => panic!("{other}"),
        }
    }
}

/// The oracle of sign-ups: refused at once, or complete once everything that was given is proved.
fn joining(asks: Asks, given: &[&str]) -> Result<bool, ()> {
    if given.iter().any(|field| asks.of(field) == Presence::Off) {
        return Err(());
    }
    let demanded = FIELDS
        .iter()
        .all(|field| asks.of(field) != Presence::Required || given.contains(field));
    // A password is nobody's name.
    let named = given.iter().any(|field| *field != "password");
    Ok(demanded && named)
}

/// A test number that no other case has.
fn number(n: usize) -> String {
    const AREAS: [u16; 12] = [202, 212, 213, 305, 312, 415, 503, 512, 602, 617, 646, 702];
    format!("+1{}55501{:02}", AREAS[n / 100], n % 100)
}

fn wallet(n: usize) -> Wallet {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&n.to_be_bytes());
    Wallet::ethereum_of(&seed)
}

/// Proves one field of a sign-up; what it is afterwards.
async fn prove(browser: &Browser, id: &str, field: &str, wallet: &Wallet) -> Value {
    let prepare = format!("/v1/client/sign_ups/{id}/prepare_verification");
    let attempt = format!("/v1/client/sign_ups/{id}/attempt_verification");
    let strategy = match field {
        "email_address" => "email_code",
        "phone_number" => "phone_code",
        _ => METAMASK,
    };
    let asked = browser.post(&prepare, &[("strategy", strategy)]).await;
    let asked = asked.response();
    let (name, right, wrong) = if field == "web3_wallet" {
        let message = asked["verifications"]["web3_wallet"]["message"].as_str();
        let other = Wallet::ethereum(250);
        let message = message.unwrap();
        ("signature", wallet.sign(message), other.sign(message))
    } else {
        ("code", CODE.to_owned(), "000000".to_owned())
    };
    let refused = browser
        .post(&attempt, &[("strategy", strategy), (name, &wrong)])
        .await;
    assert_eq!(refused.status, 422, "{field}: {}", refused.body);
    let form = [("strategy", strategy), (name, &*right)];
    browser.post(&attempt, &form).await.response()
}

async fn sign_up(world: &World, asks: Asks, given: &[&str], n: usize) {
    let case = format!("{asks:?} given {given:?}");
    let browser = world.browser();
    let wallet = wallet(n);
    let (address, number, account) = (
        format!("m{n}+clerk_test@example.com"),
        number(n),
        wallet.address(),
    );
    let value = |field: &str| match field {
        "email_address" => address.as_str(),
        "phone_number" => number.as_str(),
        "web3_wallet" => account.as_str(),
        _ => PASSWORD,
    };
    let form: Vec<(&str, &str)> = given.iter().map(|field| (*field, value(field))).collect();
    let answer = browser.post("/v1/client/sign_ups", &form).await;
    let Ok(complete) = joining(asks, given) else {
        assert_eq!(answer.status, 422, "{case}: {}", answer.body);
        return nobody(&browser, &case).await;
    };
    let mut made = answer.response();
    for field in given.iter().filter(|field| **field != "password") {
        // Given is not proved.
        assert_eq!(made["status"], "missing_requirements", "{case}");
        nobody(&browser, &case).await;
        let id = made["id"].as_str().unwrap().to_owned();
        made = prove(&browser, &id, field, &wallet).await;
    }
    if complete {
        assert_eq!(made["status"], "complete", "{case}: {made}");
        assert_eq!(
            browser.session_ids().await,
            [made["created_session_id"].as_str().unwrap()],
            "{case}"
        );
    } else {
        assert_eq!(made["status"], "missing_requirements", "{case}");
        nobody(&browser, &case).await;
    }
}

/// The second factor that a person has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    None,
    App,
    Text,
}

/// A person with an address, a number, a wallet, a password; and the second factor where there is one.
struct Person {
    id: String,
    address: String,
    number: String,
    wallet: Wallet,
    second: Second,
    app: Option<AuthenticatorApp>,
}

/// The number that is a second factor, of whoever has one.
const SECOND: &str = "+12025550199";

impl Person {
    async fn new(world: &World, second: Second, n: usize) -> Self {
        let (address, number, wallet) = (
            format!("p{n}+clerk_test@example.com"),
            number(1_100 + n),
            wallet(1_100 + n),
        );
        let more = json!({ "password": PASSWORD, "phone_number": [number], "web3_wallet": [wallet.address()] });
        let id = world.user_with(&address, more).await.id;
        let mut app = None;
        if second == Second::App {
            let browser = world.browser();
            browser.sign_in(&address).await;
            app = Some(browser.enrol().await);
            world.advance_secs(90);
        }
        if second == Second::Text {
            let added = world.number_of(&id, SECOND).await;
            let path = format!("/v1/phone_numbers/{added}");
            let reserved = json!({ "reserved_for_second_factor": true });
            world.server().patch(&path, reserved).await.ok();
        }
        Self {
            id,
            address,
            number,
            wallet,
            second,
            app,
        }
    }
}

const FIRSTS: [&str; 6] = [
    "password",
    "email_code",
    "phone_code",
    "reset_password_phone_code",
    METAMASK,
    "totp",
];

/// The oracle of first factors: whether this proof is one, named so.
fn proves(asks: Asks, by: &str, identifier: &str) -> bool {
    let by_wallet = identifier == "web3_wallet";
    asks.of(identifier).enabled()
        && match by {
            "password" => !by_wallet && asks.password.enabled(),
            "email_code" => !by_wallet && asks.email.enabled(),
            "phone_code" => !by_wallet && asks.phone.enabled() && asks.phone_code,
            "reset_password_phone_code" => {
                !by_wallet && asks.phone.enabled() && asks.password.enabled()
            }
            METAMASK => by_wallet,
            _ => false,
        }
}

/// Tries a first factor with the right proof; the attempt afterwards, where one was opened.
async fn attempt(browser: &Browser, person: &Person, identifier: &str, by: &str) -> Option<Value> {
    let account = person.wallet.address();
    let named = match identifier {
        "email_address" => &person.address,
        "phone_number" => &person.number,
        _ => &account,
    };
    let form = [("identifier", named.as_str())];
    let started = browser.post("/v1/client/sign_ins", &form).await;
    if started.status != 200 {
        return None;
    }
    let started = started.response();
    let id = started["id"].as_str().unwrap();
    let path = |step: &str| format!("/v1/client/sign_ins/{id}/{step}");
    let ways = started["supported_first_factors"].as_array().unwrap();
    // Whoever is not offered a way takes it all the same, with what another way names.
    let way = ways.iter().find(|w| w["strategy"] == by);
    let mut form = vec![("strategy", by)];
    for target in ["email_address_id", "phone_number_id", "web3_wallet_id"] {
        let told = |w: &'_ Value| w[target].as_str().map(str::to_owned);
        let to = way.and_then(told).or_else(|| ways.iter().find_map(told));
        form.extend(to.map(|to| (target, &*to.leak())));
    }
    let prepared = browser.post(&path("prepare_first_factor"), &form).await;
    let signature = prepared.json()["response"]["first_factor_verification"]["message"]
        .as_str()
        .map_or_else(|| person.wallet.sign("Sign in"), |m| person.wallet.sign(m));
    let app = person.app.as_ref().map(AuthenticatorApp::code);
    let proof = match by {
        "password" => ("password", PASSWORD),
        METAMASK => ("signature", signature.as_str()),
        "totp" => ("code", app.as_deref().unwrap_or("123456")),
        _ => ("code", CODE),
    };
    let form = [("strategy", by), proof];
    browser.post(&path("attempt_first_factor"), &form).await;
    let now = browser.get(&format!("/v1/client/sign_ins/{id}")).await;
    Some(now.response())
}

async fn sign_in(world: &World, asks: Asks, person: &Person, identifier: &str, by: &str) {
    let case = format!("{asks:?} {:?} by {by} as {identifier}", person.second);
    let browser = world.browser();
    let attempted = attempt(&browser, person, identifier, by).await;
    if !proves(asks, by, identifier) {
        if let Some(attempt) = attempted {
            let status = attempt["status"].as_str().unwrap();
            assert!(
                !matches!(
                    status,
                    "complete" | "needs_second_factor" | "needs_new_password"
                ),
                "{case}: what is off proved something: {status}"
            );
        }
        return nobody(&browser, &case).await;
    }
    let attempt = attempted.unwrap_or_else(|| panic!("{case}: no attempt"));
    if by == "reset_password_phone_code" {
        assert_eq!(attempt["status"], "needs_new_password", "{case}");
        return nobody(&browser, &case).await;
    }
    // What somebody has set up is asked of them, whatever is switched off for others.
    if person.second == Second::None {
        assert_eq!(attempt["status"], "complete", "{case}");
        assert_eq!(browser.session_ids().await.len(), 1, "{case}");
        return;
    }
    assert_eq!(attempt["status"], "needs_second_factor", "{case}");
    nobody(&browser, &case).await;
    let id = attempt["id"].as_str().unwrap();
    let (strategy, code) = if person.second == Second::Text {
        let path = format!("/v1/client/sign_ins/{id}/prepare_second_factor");
        let sent = browser.post(&path, &[("strategy", "phone_code")]).await;
        sent.ok();
        ("phone_code", CODE.to_owned())
    } else {
        // A step is good once.
        world.advance_secs(30);
        ("totp", person.app.as_ref().unwrap().code())
    };
    let wrong = browser.attempt_second(id, strategy, "000000").await;
    wrong.well_formed_refusal();
    nobody(&browser, &case).await;
    let done = browser.attempt_second(id, strategy, &code).await.response();
    assert_eq!(done["status"], "complete", "{case}");
    assert_eq!(browser.session_ids().await.len(), 1, "{case}");
    let unlock = format!("/v1/users/{}/unlock", person.id);
    world.server().post(&unlock, json!({})).await.ok();
}

both! {
    async fn every_sign_up_by_medium_ends_as_its_fields_and_the_settings_say(world: World) {
        let mut cases = 0;
        // Whether codes sign in is nothing to sign-ups: they prove.
        for asks in Asks::all().into_iter().filter(|a| a.phone_code) {
            world.settings(|s| asks.put(s)).await;
            for bits in 0..16_u8 {
                let given: Vec<&str> = (0..4).filter(|n| bits & (1 << n) != 0).map(|n| FIELDS[n]).collect();
                sign_up(&world, asks, &given, cases).await;
                cases += 1;
            }
        }
        assert!(cases >= 700, "{cases}");
        crate::world::figure("matrix_cases", cases);
    }

    async fn every_sign_in_by_medium_ends_as_its_proofs_and_the_settings_say(world: World) {
        world.second_factors_on().await;
        world.settings(|s| {
            s.attributes.phone_number = Presence::On;
            s.attributes.phone_second_factor = true;
            s.attributes.web3_wallet = vec![Strategy::Web3Metamask];
        }).await;
        let mut people = Vec::new();
        for (n, second) in [Second::None, Second::App, Second::Text].into_iter().enumerate() {
            people.push(Person::new(&world, second, n).await);
        }
        let mut cases = 0;
        // Who is a user gives no fields any more: on and required are the same.
        let same = |a: &Asks| ![a.email, a.phone, a.password].contains(&Presence::On);
        for asks in Asks::all().into_iter().filter(same) {
            world.settings(|s| asks.put(s)).await;
            for person in &people {
                for identifier in ["email_address", "phone_number", "web3_wallet"] {
                    for by in FIRSTS {
                        cases += 1;
                        sign_in(&world, asks, person, identifier, by).await;
                    }
                }
            }
        }
        assert!(cases >= 1_000, "{cases}");
        crate::world::figure("matrix_cases", cases);
    }

    async fn no_medium_joins_where_not_everybody_may(world: World) {
        let wallet = wallet(1);
        for mode in [SignUpMode::Restricted, SignUpMode::Waitlist] {
            for asks in Asks::all() {
                world.settings(|s| { asks.put(s); s.sign_up_mode = mode; }).await;
                for (field, value) in [("email_address", "m+clerk_test@example.com".to_owned()), ("phone_number", number(1)), ("web3_wallet", wallet.address())] {
                    let browser = world.browser();
                    let answer = browser.post("/v1/client/sign_ups", &[(field, &value)]).await;
                    assert_eq!(answer.status, 403, "{mode:?} {asks:?} {field}: {}", answer.body);
                    nobody(&browser, field).await;
                }
            }
        }
        assert!(world.rows("SELECT id FROM users", &[]).await.is_empty());
    }
}
