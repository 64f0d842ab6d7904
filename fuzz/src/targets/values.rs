//! Parsers of structured values: JSON, bodies, metadata, configuration.
use super::{owned, text};
use crate::Target;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value};
use usher_server::config::Config;
use usher_server::images::picture;
use usher_server::instances::settings::Settings;
use usher_server::jwt_templates::render::render;
use usher_server::surface::{Incoming, body};
use usher_server::users::ops::metadata::merge;
use usher_types::json;

const JSON_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"a\"",
    "\"\\u0061\"",
    "null",
    "1",
    "-0",
    "1e5",
    "0.1",
    "{\"a\":1}",
    "\"__proto__\"",
    "\\ud800",
    "[[[[[[[[",
];

/// Our reading of JSON is the usual one, less the objects that have two readings.
pub(super) const JSON: Target = Target {
    name: "json",
    seeds: || {
        owned(&[
            "{\"a\":[1,-2.5,true,null,\"x\"],\"b\":{\"c\":{}}}",
            "[]",
            "\"\\u00e9\"",
            "{\"a\":1,\"a\":2}",
        ])
    },
    words: JSON_WORDS,
    run: |input| {
        let usual = serde_json::from_slice::<Value>(input);
        match (json::parse(input), usual) {
            (Ok(ours), Ok(usual)) => {
                assert_eq!(ours, usual);
                let written = ours.to_string();
                assert_eq!(json::parse(written.as_bytes()).ok(), Some(ours));
                true
            }
            (Ok(ours), Err(e)) => panic!("only we read {ours}: {e}"),
            (Err(e), Ok(_)) => {
                assert!(e.to_string().contains("named twice"), "{e}");
                false
            }
            (Err(_), Err(_)) => false,
        }
    },
};

/// A body decodes to a bounded list of named values, or is refused with a 4xx.
pub(super) const BODY: Target = Target {
    name: "body",
    seeds: || {
        owned(&[
            "j{\"first_name\":\"Ada\",\"unsafe_metadata\":{\"a\":1}}",
            "ffirst_name=Ada&ids[]=1&ids[]=2",
            "x",
            "tplain",
        ])
    },
    words: JSON_WORDS,
    run: |input| {
        let (kind, content) = match input.split_first() {
            Some((b'j', rest)) => ("application/json", rest),
            Some((b'f', rest)) => ("application/x-www-form-urlencoded", rest),
            Some((b't', rest)) => ("text/plain", rest),
            Some((_, rest)) => ("Application/JSON; charset=utf-8", rest),
            None => ("", &[][..]),
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(kind));
        let request = Incoming {
            method: Method::POST,
            path: "/".to_owned(),
            query: String::new(),
            headers,
            body: Some(Bytes::copy_from_slice(content)),
            peer: [127, 0, 0, 1].into(),
        };
        match body::decode(&request, false) {
            Ok(raw) => {
                assert!(raw.len() <= body::FIELDS_LIMIT);
                let mut names: Vec<&String> = raw.iter().map(|(name, _)| name).collect();
                names.sort();
                names.dedup();
                assert_eq!(names.len(), raw.len(), "one name, one value");
                !content.is_empty()
            }
            Err(usher_types::Error::Api(refusal)) => {
                assert!((400..500).contains(&refusal.status));
                false
            }
            Err(fault) => panic!("{fault:?}"),
        }
    },
};

fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match json::parse(bytes) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

/// A merge (RFC 7396) stores no null below an object of the patch, says the same twice, and touches nothing unnamed.
pub(super) const METADATA: Target = Target {
    name: "metadata",
    seeds: || {
        owned(&[
            "{\"a\":1,\"b\":{\"c\":2}}\n{\"a\":null,\"b\":{\"d\":3}}",
            "{}\n{\"a\":{\"b\":{\"c\":null}}}",
            "{\"__proto__\":1}\n{\"__proto__\":{\"a\":[null]}}",
        ])
    },
    words: JSON_WORDS,
    run: |input| {
        let mut halves = input.splitn(2, |b| *b == b'\n');
        let (Some(target), Some(patch)) = (
            halves.next().and_then(object),
            halves.next().and_then(object),
        ) else {
            return false;
        };
        let mut merged = target.clone();
        merge(&mut merged, &patch);
        let mut twice = merged.clone();
        merge(&mut twice, &patch);
        assert_eq!(merged, twice);
        for (name, value) in &patch {
            match value {
                Value::Null => assert!(!merged.contains_key(name)),
                Value::Object(_) => assert!(merged[name].is_object()),
                other => assert_eq!(&merged[name], other),
            }
        }
        for (name, value) in target.iter().filter(|(name, _)| !patch.contains_key(*name)) {
            assert_eq!(merged.get(name), Some(value));
        }
        true
    },
};

/// A configuration is read, or refused in one line.
pub(super) const CONFIG: Target = Target {
    name: "config",
    seeds: || {
        owned(&[
            "[server]\nlisten = \"127.0.0.1:4500\"\n[[instances]]\nname = \"a\"\nhost = \"clerk.example.com\"\n[instances.settings.password]\nmin_length = 8",
            "[database]\nurl = \"sqlite:usher.db\"\nconnections = 4",
        ])
    },
    words: &[
        "[server]\n",
        "[[instances]]\n",
        "name = ",
        "host = ",
        "\"\"\"",
        "= -1",
        "= 1e999",
        "'a.b'",
        "[instances.settings]\n",
        "true",
        "\n",
    ],
    run: |input| match Config::parse(&text(input)) {
        Ok(config) => {
            for instance in &config.instances {
                assert!(usher_http::origin::split_host(&instance.host).is_some());
                assert!(instance.settings.check().is_ok());
            }
            true
        }
        Err(line) => {
            assert!(!line.contains('\n') && !line.is_empty());
            false
        }
    },
};

/// Settings that are taken are written and read again as themselves.
pub(super) const SETTINGS: Target = Target {
    name: "settings",
    seeds: || {
        vec![
            serde_json::to_vec(&Settings::default()).unwrap_or_default(),
            b"{}".to_vec(),
        ]
    },
    words: JSON_WORDS,
    run: |input| {
        let Ok(settings) = serde_json::from_slice::<Settings>(input) else {
            return false;
        };
        let written = serde_json::to_string(&settings).expect("settings are JSON");
        let again: Settings = serde_json::from_str(&written).expect("settings are read back");
        assert_eq!(serde_json::to_string(&again).ok(), Some(written));
        settings.check().is_ok()
    },
};

/// Bytes of claims that a token may have, in this target.
const BUDGET: usize = 4096;

/// What a template says fits its bounds, has the template's shape, and holds nothing of what the data's texts would be as
/// templates: rendering is done once.
pub(super) const TEMPLATE: Target = Target {
    name: "jwt_template",
    seeds: || {
        owned(&[
            "{{user.id}}",
            "a {{ user.name || user.none || 'x' }} b",
            "{{user.none || '}}'}}",
            "{{user.meta.a}}{{user.meta}}",
            "{{user.evil}} {{",
        ])
    },
    words: &[
        "{{",
        "}}",
        "'",
        "||",
        ".",
        " ",
        "user",
        "user.id",
        "user.evil",
        "user.meta",
        "id",
        "'x'",
    ],
    run: |input| {
        let data = serde_json::json!({ "user": { "id": "u1", "name": "Ada", "evil": "{{user.secret}}", "secret": "\u{1}S\u{1}", "meta": { "a": [1, { "b": null }] } } });
        let template = text(input).replace("secret", "");
        let claims = Map::from_iter([
            ("a".to_owned(), Value::from(template.as_str())),
            (
                "b".to_owned(),
                Value::from(vec![template.as_str(), "{{user.id}}"]),
            ),
        ]);
        let Some(said) = render(&claims, &data, BUDGET) else {
            return false;
        };
        let written = serde_json::to_string(&said).expect("JSON");
        assert!(written.len() <= BUDGET);
        assert_eq!(said.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(said["b"][0], said["a"]);
        assert_eq!(said["b"][1], "u1");
        // The secret comes along with the whole user only, and then under its name.
        if !written.replace("{{user.secret}}", "").contains("secret") {
            assert!(!written.contains("\\u0001S"), "{template:?}: {written}");
        }
        if !template.contains("{{") {
            assert_eq!(said["a"], template.as_str());
        }
        true
    },
};

/// Whatever comes in: what goes out is a small JPEG, or nothing does.
pub(super) const IMAGE: Target = Target {
    name: "image",
    seeds: || {
        // The smallest PNG and GIF there are.
        vec![
            vec![
                0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0,
                0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 13, b'I', b'D',
                b'A', b'T', 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0xf0, 0x1f, 0, 5, 0, 1, 0xff, 0x56,
                0xc7, 0x2f, 0x0d, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
            ],
            vec![
                b'G', b'I', b'F', b'8', b'9', b'a', 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 0xff, 0xff,
                0xff, b',', 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, b';',
            ],
        ]
    },
    words: &[
        "\u{89}PNG",
        "IHDR",
        "IDAT",
        "GIF89a",
        ",",
        ";",
        "RIFF",
        "WEBP",
        "VP8 ",
        "VP8L",
        "VP8X",
    ],
    run: |input| match picture::remake(input) {
        Ok(made) => {
            assert!(made.starts_with(&[0xff, 0xd8, 0xff]) && made.ends_with(&[0xff, 0xd9]));
            assert!(made.len() < 1024 * 1024);
            true
        }
        Err(_) => false,
    },
};
