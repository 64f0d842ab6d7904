//! Parsers of short texts: what browsers and people send.
use super::{owned, text};
use crate::Target;
use usher_http::form::{self, Form};
use usher_http::origin::{self, Url};
use usher_http::{agent, cookie, multipart, percent};
use usher_notify::template::{Escape, Template};
use usher_server::identifiers::email::{EmailAddress, redacted};
use usher_server::identifiers::wallets::model::Wallet;
use usher_types::Timestamp;
use usher_types::id::UserId;

/// Cookies are found by their whole name, and what we set is read back by the same reader.
pub(super) const COOKIE: Target = Target {
    name: "cookie",
    seeds: || {
        owned(&[
            "a=1; __client=x; __client=y; __client_uat=3",
            "__client=",
            "a",
        ])
    },
    words: &[
        "__client",
        "__client=",
        "; ",
        "__client_uat=1",
        "Domain=",
        "\"",
    ],
    run: |input| {
        let header = text(input);
        let values: Vec<&str> = cookie::all(&header, "__client").collect();
        assert!(values.len() <= header.matches("__client=").count());
        for value in &values {
            assert!(!value.contains(';') && header.contains(value));
        }
        let value: String = header.chars().filter(char::is_ascii_alphanumeric).collect();
        let line = cookie::SetCookie {
            name: "__client",
            value: Some(&value),
            domain: None,
            http_only: true,
            secure: true,
            max_age_secs: 60,
        }
        .render();
        let read: Vec<&str> = cookie::all(&line, "__client").collect();
        assert_eq!(read, [value.as_str()]);
        assert!(line.ends_with("; HttpOnly; Secure; SameSite=Lax"));
        !values.is_empty()
    },
};

/// Encoding and decoding are inverse; pairs survive being written again; nothing grows.
pub(super) const PERCENT: Target = Target {
    name: "percent",
    seeds: || {
        owned(&[
            "a=1&b=%41+b&c&=d",
            "%F0%9F%99%82",
            "100%",
            "%zz%4",
            "a[]=1&a[]=2",
        ])
    },
    words: &["%", "%41", "+", "&", "=", "%C3%A9", "[]"],
    run: |input| {
        let text = text(input);
        let encoded = percent::encode(&text);
        assert!(
            encoded
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b))
        );
        assert_eq!(percent::decode(&encoded, true).as_deref(), Some(&*text));
        let Some(pairs) = percent::pairs(&text) else {
            return false;
        };
        assert!(pairs.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>() <= text.len());
        let again: Vec<String> = pairs
            .iter()
            .map(|(n, v)| format!("{}={}", percent::encode(n), percent::encode(v)))
            .collect();
        assert_eq!(percent::pairs(&again.join("&")), Some(pairs));
        true
    },
};

const FIELDS: &[form::Field] = &[
    form::text("name", 5).required(),
    form::secret("password", 8),
    form::flag("on"),
    form::int("limit", 1, 500).query(),
    form::word("mode", &["a", "b"]),
    form::object("meta", 40),
    form::texts("ids", 2, 4),
];

/// What a form takes is within its declaration; what it refuses names a field.
pub(super) const FORM: Target = Target {
    name: "form",
    seeds: || {
        owned(&[
            "name=a&on=true&mode=a&meta={\"a\":1}&ids[]=x&ids=y&limit=7",
            "name=a&password= b c ",
            "name=a&ids=x&ids=y&ids=z",
        ])
    },
    words: &[
        "name=a",
        "&on=1",
        "&mode=b",
        "&meta={}",
        "&ids[]=",
        "limit=",
        "{\"a\":null}",
    ],
    run: |input| {
        let Some(pairs) = percent::pairs(&text(input)) else {
            return false;
        };
        let raw = form::group(pairs.clone());
        assert!(raw.len() <= pairs.len());
        match Form::check(FIELDS, raw.clone(), raw, false) {
            Ok(form) => {
                assert!(
                    form.text("name")
                        .is_some_and(|n| (1..=5).contains(&n.chars().count()))
                );
                assert!(form.text("password").is_none_or(|p| p.chars().count() <= 8));
                assert!(form.int("limit").is_none_or(|n| (1..=500).contains(&n)));
                assert!(form.text("mode").is_none_or(|m| m == "a" || m == "b"));
                let ids = form.texts("ids");
                assert!(ids.len() <= 2 && ids.iter().all(|i| i.chars().count() <= 4));
                let texts = ids.iter().copied().chain(form.text("name"));
                assert!(
                    texts
                        .chain(form.text("password"))
                        .all(|t| !t.contains('\0'))
                );
                true
            }
            Err(refusal) => {
                let named = std::iter::once(&refusal).chain(&refusal.more);
                assert!(named.clone().all(|e| e.meta["param_name"].is_string()));
                assert!(named.count() <= FIELDS.len());
                false
            }
        }
    },
};

/// A URL that is taken has one origin, is read back from what a browser is sent, and a parameter never moves it elsewhere.
pub(super) const URL: Target = Target {
    name: "url",
    seeds: || {
        owned(&[
            "https://app.example.com/a?b#c",
            "HTTP://LOCALHOST:3000",
            "http://[::1]:80/x",
            "https://127.0.0.1/",
            "https://a.b.example.co.uk:8443/?x=y#z",
        ])
    },
    words: &[
        "https://",
        "http://",
        "@",
        "\\",
        "evil.com",
        "[::1]",
        "localhost",
        ":443",
        ":80",
        "?",
        "#",
        "%2f",
        "//",
        "0x7f",
        "127.1",
    ],
    run: |input| {
        let text = text(input);
        let Some(url) = Url::parse(&text) else {
            return false;
        };
        let origin = url.origin();
        let again = Url::parse(&origin).expect("an origin is a URL");
        assert_eq!(
            (again.origin(), again.host),
            (origin.clone(), url.host.clone())
        );
        let sent = Url::parse(&url.href()).expect("what is sent is a URL");
        assert_eq!((sent.origin(), &sent.host), (origin.clone(), &url.host));
        let value: String = text.chars().take(8).collect();
        let more = url.with_query("n", &value);
        let more = Url::parse(&more);
        // A URL at the limit of its length may grow over it.
        assert!(more.is_none_or(|m| m.origin() == origin) || text.len() > 4000);
        assert!(!url.host.contains(['@', '\\', '/', '?', '#', '%', ' ']));
        assert!(!url.rest.contains(['\r', '\n', '\t', ' ', '\\', '\0']));
        assert!(url.rest.is_empty() || url.rest.starts_with(['/', '?', '#']));
        if let Some(root) = origin::registrable(&url.host) {
            assert!(url.host == root || url.host.ends_with(&format!(".{root}")));
            assert!(!origin::is_loopback(&url.host));
        }
        true
    },
};

/// A host has one form.
pub(super) const HOST: Target = Target {
    name: "host",
    seeds: || {
        owned(&[
            "clerk.example.com",
            "127.0.0.1:4500",
            "[::1]:80",
            "App.Example.COM.",
            "localhost:3000",
        ])
    },
    words: &[
        ":",
        ".",
        "[",
        "]",
        "0x",
        "65536",
        "example.com",
        "xn--",
        "::1",
        "127.0.0.1",
    ],
    run: |input| {
        let text = text(input);
        let Some((host, port)) = origin::split_host(&text) else {
            return false;
        };
        let written = port.map_or(host.clone(), |p| format!("{host}:{p}"));
        assert_eq!(origin::split_host(&written), Some((host.clone(), port)));
        assert_eq!(host, host.to_ascii_lowercase());
        assert!(!host.ends_with('.') && host.is_ascii() && !host.is_empty());
        true
    },
};

/// Bounded texts without control characters, whatever came.
pub(super) const AGENT: Target = Target {
    name: "agent",
    seeds: || {
        owned(&[
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0.1.2 Safari/537.36 Edg/131.0.2.3",
            "curl/8.5.0",
        ])
    },
    words: &[
        "Chrome/", "Edg/", "Version/", "iPhone", "Mobi", "1.2.3", "(",
    ],
    run: |input| {
        let read = agent::read(&text(input));
        let version = read.browser_version.as_deref().unwrap_or("1");
        assert!(!version.is_empty() && version.len() <= 32);
        assert!(version.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        assert!(read.browser_name.is_some() || read.browser_version.is_none());
        read.browser_name.is_some()
    },
};

/// An address has one form, fits into a mail's header, and shows only its first letter to strangers.
pub(super) const EMAIL: Target = Target {
    name: "email",
    seeds: || {
        owned(&[
            "Ada.L+x@Example.COM",
            "a+clerk_test@c.de",
            "o'neil@sub.example.co.uk",
            "a@xn--exmple-cua.com",
        ])
    },
    words: &[
        "@",
        ".",
        "+clerk_test",
        "example.com",
        "\"",
        "..",
        "\r\nBcc: ",
        ",",
        "-",
    ],
    run: |input| {
        let text = text(input);
        let Some(address) = EmailAddress::parse(&text) else {
            return false;
        };
        let form = address.as_str();
        assert_eq!(EmailAddress::parse(form).as_ref(), Some(&address));
        assert_eq!(form, text.trim().to_ascii_lowercase());
        assert!(form.len() <= 254 && form.is_ascii() && form.matches('@').count() == 1);
        assert!(
            form.bytes()
                .all(|b| b.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&b))
        );
        let (local, domain) = form.split_once('@').expect("an at sign");
        assert!(local.len() <= 64 && domain.contains('.'));
        assert_eq!(redacted(form), format!("{}***@{domain}", &local[..1]));
        true
    },
};

/// A wallet has one spelling, which is read back as itself; no bytes pass for a signature of it.
pub(super) const WALLET: Target = Target {
    name: "wallet",
    seeds: || {
        owned(&[
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
            "So11111111111111111111111111111111111111112",
        ])
    },
    words: &["0x", "1", "z", "ff", "FF", "0", "l"],
    run: |input| {
        let text = text(input);
        let Some(wallet) = Wallet::parse(&text) else {
            return false;
        };
        let again = Wallet::parse(wallet.as_str()).expect("a wallet's own spelling");
        assert_eq!(again, wallet);
        let normal = Wallet::parse(&wallet.normal()).expect("a wallet's compared spelling");
        assert_eq!(normal, wallet);
        assert!(wallet.as_str().is_ascii() && wallet.as_str().len() <= 44);
        assert!(wallet.verify("a message", &text).is_err());
        true
    },
};

/// A date is read to the millisecond, and only in a range that goes out again.
pub(super) const DATE: Target = Target {
    name: "date",
    seeds: || {
        owned(&[
            "2026-01-02T03:04:05.678Z",
            "2020-02-29T23:59:59+05:30",
            "1970-01-01T00:00:00Z",
        ])
    },
    words: &[
        "T", "Z", "+", "-", ":", ".", "24", "60", "02-29", "9999", "0000",
    ],
    run: |input| {
        let Some(at) = Timestamp::from_rfc3339(&text(input)) else {
            return false;
        };
        // The years 0 to 9999, with a day for offsets.
        assert!(
            (-62_167_305_600_000..=253_402_387_200_000).contains(&at.0),
            "{}",
            at.0
        );
        true
    },
};

/// An id is its own text.
pub(super) const ID: Target = Target {
    name: "id",
    seeds: || owned(&["user_2abcdefghijklmnopqrstuvwxyz", "user_1", "sess_x"]),
    words: &["user_", "_", "USER_", "/", "..", "'"],
    run: |input| {
        let text = text(input);
        let Some(id) = UserId::parse(&text) else {
            return false;
        };
        assert_eq!(id.as_str(), text);
        assert!(text.len() <= 69 && text.starts_with("user_"));
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        true
    },
};

/// A template is read or refused with its line; rendering has its bounds, and what is text stays text in HTML.
pub(super) const MESSAGE: Target = Target {
    name: "message",
    seeds: || {
        owned(&[
            "Hello {{user.name}}! {{#if list}}{{#each list}}{{@index}}{{this}}{{../user.name}}{{/each}}{{else}}none{{/if}}",
            "{{!-- a --}}{{~{raw}~}}{{{raw}}}{{#with user}}{{name}}{{/with}}{{#unless no}}{{> part}}{{/unless}}",
        ])
    },
    words: &[
        "{{",
        "}}",
        "{{{",
        "}}}",
        "{{#each list}}",
        "{{/each}}",
        "{{else}}",
        "{{#if no}}",
        "{{/if}}",
        "../",
        "@index",
        "{{!--",
        "--}}",
        "~",
        "this.",
        "user.name",
        "{{&raw}}",
        "\n",
    ],
    run: |input| {
        let source = text(input);
        let template =
            match Template::parse(&source, &|name| (name == "part").then_some("{{user.name}}")) {
                Ok(template) => template,
                Err(e) => {
                    assert!(e.text.starts_with("line ") && e.text.len() < 500);
                    return false;
                }
            };
        let data = serde_json::json!({ "user": { "name": "<Ada>" }, "list": ["<", 2, null, [], {}], "no": false, "raw": "<i>" });
        for escape in [Escape::Html, Escape::Plain] {
            if let Ok(made) = template.render(&data, escape) {
                assert!(made.len() <= usher_notify::template::MAX_OUTPUT + source.len() + 64);
                if escape == Escape::Html && !source.contains('<') {
                    assert!(!made.contains("<Ada>"));
                }
                assert!(usher_notify::plain::of_html(&made).len() <= made.len() * 2 + 1);
            }
        }
        true
    },
};

/// What is read of a multipart form is in it, in order and without the delimiter; and a form that is written is read back.
pub(super) const MULTIPART: Target = Target {
    name: "multipart",
    seeds: || {
        owned(&[
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\ndata\r\n--x--\r\n",
            "--x\r\ncontent-disposition: form-data; name=a\r\n\r\n\r\n--x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n--\r\n--x--",
        ])
    },
    words: &[
        "--x",
        "\r\n",
        "--x--",
        "Content-Disposition: form-data; ",
        "name=\"file\"",
        "filename=\"a\"",
        "; ",
        "\r\n\r\n",
        "\"",
        "\\",
        "\n",
        "boundary=",
        "multipart/form-data; ",
    ],
    run: |input| {
        if let Some(boundary) = multipart::boundary(&text(input)) {
            assert!((1..=70).contains(&boundary.len()));
        }
        let Some(parts) = multipart::parts(input, "x") else {
            return false;
        };
        let mut from = 0;
        for part in &parts {
            let at = input.get(from..).and_then(|rest| {
                rest.windows(part.data.len().max(1))
                    .position(|w| w.starts_with(part.data))
            });
            from += at.expect("the data is in the body") + part.data.len();
            assert!(!part.data.windows(5).any(|w| w == b"\r\n--x"));
            assert!(!part.name.contains(char::is_control));
        }
        let mut written = Vec::new();
        for part in &parts {
            if part.name.contains('"') {
                return true;
            }
            written.extend(
                format!(
                    "--x\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n",
                    part.name
                )
                .into_bytes(),
            );
            written.extend(part.data);
            written.extend(b"\r\n");
        }
        written.extend(b"--x--");
        if parts.is_empty() {
            return true;
        }
        let again = multipart::parts(&written, "x").expect("a form that was written is read");
        assert!(
            again
                .iter()
                .map(|p| (&p.name, p.data))
                .eq(parts.iter().map(|p| (&p.name, p.data)))
        );
        true
    },
};
