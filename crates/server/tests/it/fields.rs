//! Bad input, over the whole table of operations and their declared fields (requirements: input classes). The answer is
//! never a 5xx, is a refusal with a code, names the field, and changes nothing.
use crate::answer::Answer;
use crate::world::World;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use usher_http::form::{Field, Kind, Place};
use usher_http::percent;
use usher_server::route::{Api, Op};

/// Somebody who may call everything, and ids to call it with.
struct Caller {
    browser: crate::browser::Browser,
    server: crate::server::Server,
    user: crate::world::User,
    phone: String,
    session: String,
    client: String,
    sign_up: String,
    sign_in: String,
}

impl Caller {
    async fn new(world: &World) -> Self {
        world.settings(|s| s.single_session_mode = false).await;
        let (browser, user, session) = world.signed_in("ada@example.com").await;
        let sign_up = browser
            .start_sign_up(&[("email_address", "new@example.com")])
            .await;
        world.user_without_password("bob@example.com").await;
        let sign_in = browser.start_sign_in("bob@example.com").await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        world.phones_on().await;
        let phone = world.number_of(&user.id, "+12025550273").await;
        let client = browser.client().await["id"].as_str().unwrap().to_owned();
        Self {
            browser,
            server: world.server(),
            phone,
            user,
            session,
            client,
            sign_up,
            sign_in,
        }
    }

    fn path(&self, op: &Op) -> String {
        let part = |p: &str| match p {
            "{user_id}" => self.user.id.clone(),
            "{email_address_id}" | "{email_id}" => self.user.email_id.clone(),
            "{phone_number_id}" => self.phone.clone(),
            "{session_id}" => self.session.clone(),
            "{client_id}" => self.client.clone(),
            "{sign_up_id}" | "{id}" => self.sign_up.clone(),
            "{sign_in_id}" => self.sign_in.clone(),
            other => other.to_owned(),
        };
        op.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    /// Calls an operation with JSON fields in the body and texts in the query.
    async fn call(&self, op: &Op, body: &Map<String, Value>, query: &[(String, String)]) -> Answer {
        let pairs: Vec<String> = query
            .iter()
            .map(|(n, v)| format!("{}={}", percent::encode(n), percent::encode(v)))
            .collect();
        let target = if pairs.is_empty() {
            self.path(op)
        } else {
            format!("{}?{}", self.path(op), pairs.join("&"))
        };
        let text = if op.method == "GET" {
            String::new()
        } else {
            let item = Value::Object(body.clone());
            if op.items > 0 {
                json!([item]).to_string()
            } else {
                item.to_string()
            }
        };
        match op.api {
            Api::Fapi => {
                self.browser
                    .request(op.method, &target)
                    .body("application/json", text)
                    .send()
                    .await
            }
            Api::Bapi => {
                self.server
                    .send(
                        op.method,
                        &target,
                        Some("application/json"),
                        Bytes::from(text),
                    )
                    .await
            }
        }
    }
}

/// A value that the field takes.
fn good(field: &Field) -> Value {
    match field.kind {
        Kind::Text(_) if field.name.contains("email_address") && !field.name.ends_with("_id") => {
            json!("good@example.com")
        }
        Kind::Text(_) if field.name == "phone_number" => json!("+14165550298"),
        Kind::Text(_) if field.name == "strategy" => json!("email_code"),
        Kind::Text(_) => json!("x"),
        Kind::Word(words) => json!(words[0]),
        Kind::Flag => json!(false),
        Kind::Int(min, _) => json!(min),
        Kind::Object(_) => json!({}),
        Kind::Texts(..) => json!(["x"]),
    }
}

/// Values that the field does not take, each with the codes that may refuse it.
fn bad(field: &Field) -> Vec<(Value, &'static [&'static str])> {
    const TYPE: &[&str] = &["form_param_type_invalid"];
    const LENGTH: &[&str] = &["form_param_max_length_exceeded"];
    const FORMAT: &[&str] = &["form_param_format_invalid"];
    const VALUE: &[&str] = &["form_param_value_invalid"];
    let in_query = field.place == Place::Query;
    let mut out: Vec<(Value, &[&str])> = Vec::new();
    match field.kind {
        Kind::Text(max) => {
            out.push((json!("a".repeat(max + 1)), LENGTH));
            out.push((json!("\u{1f642}".repeat(max + 1)), LENGTH));
            out.push((json!("a\u{0}b"), FORMAT));
            if !in_query {
                out.extend([
                    (json!(7), TYPE),
                    (json!(true), TYPE),
                    (json!({"a": 1}), TYPE),
                    (json!([1]), TYPE),
                    (json!([]), TYPE),
                    (json!(["a", "b"]), &["form_param_duplicate"][..]),
                ]);
            }
        }
        Kind::Word(_) => {
            out.extend([(json!("nonsense"), VALUE), (json!("a\u{0}b"), VALUE)]);
            if !in_query {
                out.extend([(json!(7), TYPE), (json!({}), TYPE)]);
            }
        }
        Kind::Flag => {
            out.extend([
                (json!("yes"), TYPE),
                (json!("TRUE"), TYPE),
                (json!("2"), TYPE),
            ]);
            if !in_query {
                out.extend([(json!(2), TYPE), (json!({}), TYPE)]);
            }
        }
        Kind::Int(min, max) => {
            out.extend([
                (json!("x"), TYPE),
                (json!("1.5"), TYPE),
                (json!("99999999999999999999"), TYPE),
                (json!("1e3"), TYPE),
            ]);
            if min > i64::MIN {
                out.push((json!((min - 1).to_string()), VALUE));
            }
            if max < i64::MAX {
                out.push((json!((max + 1).to_string()), VALUE));
            }
            if !in_query {
                out.extend([(json!(1.5), TYPE), (json!(true), TYPE), (json!({}), TYPE)]);
            }
        }
        Kind::Object(max) => {
            let mut deep = json!(1);
            for _ in 0..40 {
                deep = json!({ "a": deep });
            }
            out.extend([
                (json!([1]), TYPE),
                (json!("x"), TYPE),
                (json!("[1]"), TYPE),
                (json!(7), TYPE),
                (deep, FORMAT),
                (json!({ "a": "\u{0}" }), FORMAT),
                (json!({ "\u{0}": 1 }), FORMAT),
            ]);
            out.push((
                json!({ "a": "x".repeat(max) }),
                &["form_param_exceeds_allowed_size"],
            ));
        }
        Kind::Texts(items, max) => {
            out.push((json!(["a".repeat(max + 1)]), LENGTH));
            out.push((json!(["a\u{0}b"]), FORMAT));
            if !in_query {
                out.push((
                    json!(vec!["a"; items + 1]),
                    &["form_param_array_size_exceeded"],
                ));
                out.extend([
                    (json!([1]), TYPE),
                    (json!({}), TYPE),
                    (json!(7), TYPE),
                    (json!([["a"]]), TYPE),
                    (json!([null]), TYPE),
                ]);
            }
        }
    }
    out
}

/// The required fields, filled; but for one.
fn filled(op: &Op, but: &str) -> (Map<String, Value>, Vec<(String, String)>) {
    let mut body = Map::new();
    let mut query = Vec::new();
    for field in op.fields.iter().filter(|f| f.required && f.name != but) {
        match field.place {
            Place::Body => drop(body.insert(field.name.to_owned(), good(field))),
            Place::Query => query.push((field.name.to_owned(), "x".to_owned())),
        }
    }
    (body, query)
}

fn put(
    field: &Field,
    value: &Value,
    body: &mut Map<String, Value>,
    query: &mut Vec<(String, String)>,
) {
    match field.place {
        Place::Body => drop(body.insert(field.name.to_owned(), value.clone())),
        Place::Query => match value {
            Value::String(text) => query.push((field.name.to_owned(), text.clone())),
            Value::Array(items) => query.extend(
                items
                    .iter()
                    .map(|i| (field.name.to_owned(), i.as_str().unwrap().to_owned())),
            ),
            other => query.push((field.name.to_owned(), other.to_string())),
        },
    }
}

both! {
    async fn every_bad_value_of_every_field_is_refused_by_name(world: World) {
        let caller = Caller::new(&world).await;
        let before = world.snapshot().await;
        let mut seen = 0;
        for op in usher_server::operations() {
            for field in op.fields {
                for (value, codes) in bad(field) {
                    let (mut body, mut query) = filled(op, field.name);
                    put(field, &value, &mut body, &mut query);
                    let answer = caller.call(op, &body, &query).await;
                    let expected: Vec<String> = codes.iter().map(|c| format!("{c} {}", field.name)).collect();
                    assert!(answer.status == 422 && answer.codes().iter().any(|c| expected.contains(c)), "{} {}={value:.60}: expected {expected:?}, got {} {}", op.id, field.name, answer.status, answer.body);
                    answer.well_formed_refusal();
                    seen += 1;
                }
            }
        }
        assert!(seen > 500, "{seen}");
        assert_eq!(before, world.snapshot().await, "a refused request changed something");
    }

    async fn every_required_field_is_missed_and_may_not_be_empty(world: World) {
        let caller = Caller::new(&world).await;
        let before = world.snapshot().await;
        let mut seen = 0;
        for op in usher_server::operations() {
            for field in op.fields.iter().filter(|f| f.required) {
                let (body, query) = filled(op, field.name);
                let missing = caller.call(op, &body, &query).await;
                missing.refused(422, &format!("form_param_missing {}", field.name));
                for empty in [json!(null), json!("")] {
                    if matches!(field.kind, Kind::Texts(..)) && empty == json!("") || field.place == Place::Query && empty.is_null() {
                        continue;
                    }
                    let (mut body, mut query) = filled(op, field.name);
                    put(field, &empty, &mut body, &mut query);
                    caller.call(op, &body, &query).await.refused(422, &format!("form_param_nil {}", field.name));
                }
                seen += 1;
            }
        }
        assert!(seen > 15, "{seen}");
        assert_eq!(before, world.snapshot().await);
    }

    async fn unknown_ids_are_not_found_whatever_they_look_like(world: World) {
        crate::organizations::on(&world).await;
        let caller = Caller::new(&world).await;
        let before = world.snapshot().await;
        let random = "2abcdefghijklmnopqrstuvwxyz";
        let long = "x".repeat(4000);
        for op in usher_server::operations().filter(|op| op.path.contains('{')) {
            let prefix = ["user", "idn", "sess", "client", "sua", "sia"].map(|p| format!("{p}_{random}"));
            for id in prefix.iter().map(String::as_str).chain(["x", "%00", "%27%20OR%201%3D1%20--", "..%2f..%2fetc%2fpasswd", "%f0%9f%99%82", "user_", "USER_", "-1", "null", "%25", long.as_str()]) {
                let target = op.path.split('/').map(|p| if p.starts_with('{') { id } else { p }).collect::<Vec<_>>().join("/");
                // Words of other operations stand at the same place of some paths.
                let (mut body, query) = filled(op, "");
                for (name, value) in [("email_address_id", "x"), ("code", "1")] {
                    if op.fields.iter().any(|f| f.name == name) {
                        body.insert(name.to_owned(), json!(value));
                    }
                }
                let pairs: Vec<String> = query.iter().map(|(n, v)| format!("{n}={v}")).collect();
                let target = if pairs.is_empty() { target } else { format!("{target}?{}", pairs.join("&")) };
                let body = if op.items > 0 { json!([body]) } else { Value::Object(body) };
                let text = if op.method == "GET" { String::new() } else { body.to_string() };
                let answer = match op.api {
                    Api::Fapi => caller.browser.request(op.method, &target).body("application/json", text).send().await,
                    Api::Bapi => caller.server.send(op.method, &target, Some("application/json"), Bytes::from(text)).await,
                };
                let expected: &[u16] = match op.id {
                    // An unknown session is a sign-out to a browser, and a handshake to a server (contract fapi §0.11, §5.6).
                    // The kind of a template is no id.
                    "GetTemplateList" | "GetTemplate" | "UpsertTemplate" | "RevertTemplate" | "PreviewTemplate" | "ToggleTemplateDelivery" => &[400],
                    "getSession" | "touchSession" | "endSession" | "removeClientSession" | "createSessionToken" | "createSessionTokenWithTemplate" | "RefreshSession" | "startSessionReverification" | "prepareSessionReverificationFirstFactor" | "prepareSessionReverificationSecondFactor" | "attemptSessionReverificationFirstFactor" | "attemptSessionReverificationSecondFactor" => &[401],
                    _ => &[404],
                };
                assert!(expected.contains(&answer.status), "{} {}: {}", op.id, answer.asked, answer.body);
                answer.well_formed_refusal();
                assert!(answer.body.len() < 1000, "the id is not echoed: {}", answer.body.len());
            }
        }
        assert_eq!(before, world.snapshot().await);
    }

    async fn a_path_that_is_no_utf8_is_not_found(world: World) {
        let caller = Caller::new(&world).await;
        for path in ["/v1/users/%ff", "/v1/users/%c3%28", "/v1/users/%"] {
            let answer = caller.server.get(path).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.body);
        }
        assert_eq!(caller.browser.get("/v1/client/sign_ins/%ff").await.status, 404);
    }

    async fn every_field_takes_its_largest_value(world: World) {
        let caller = Caller::new(&world).await;
        for op in usher_server::operations() {
            for field in op.fields {
                let largest = match field.kind {
                    Kind::Text(max) => json!("\u{e9}".repeat(max)),
                    Kind::Word(words) => json!(words[words.len() - 1]),
                    Kind::Flag => json!("false"),
                    Kind::Int(_, max) => json!(max.to_string()),
                    Kind::Object(max) => json!({ "a": "x".repeat(max - 100) }),
                    Kind::Texts(_, max) => json!(["\u{e9}".repeat(max)]),
                };
                // Destroying operations are not called with what they take; hashing ones not that often.
                if matches!(op.method, "DELETE") || op.id.contains("assword") || field.name.contains("password") || matches!(op.id, "UpdateInstance" | "createSessionToken" | "RevokeSession") {
                    continue;
                }
                if matches!(field.kind, Kind::Object(_)) {
                    // Three objects share one bound.
                    caller.server.put(&format!("/v1/users/{}/metadata", caller.user.id), json!({ "public_metadata": {}, "private_metadata": {}, "unsafe_metadata": {} })).await.ok();
                }
                let (mut body, mut query) = filled(op, field.name);
                put(field, &largest, &mut body, &mut query);
                let answer = caller.call(op, &body, &query).await;
                assert!(answer.status < 500, "{} {}: {}", op.id, field.name, answer.body);
                if answer.status >= 400 {
                    let own = |c: &String| c.ends_with(&format!(" {}", field.name));
                    let by_size = |c: &String| own(c) && (c.starts_with("form_param_max_length") || c.starts_with("form_param_type") || c.starts_with("form_param_exceeds"));
                    assert!(!answer.codes().iter().any(by_size), "{} {}: {}", op.id, field.name, answer.body);
                }
            }
        }
    }
}
