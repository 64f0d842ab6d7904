//! Attacks by input (requirements HT-02 to HT-05, HT-10 to HT-18; past flaws T10, T11, T13, T16, T73, T74, T76, T83, T92).
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use usher_http::percent;
use usher_server::instances::settings::Presence;

/// A request that costs the server next to nothing, whatever it holds. The bound is wide: it tells linear from quadratic.
async fn quickly<T>(work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    done
}

/// Nested objects.
fn nest(depth: usize) -> String {
    format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))
}

/// Texts that other systems have stumbled over.
const INJECTIONS: &[&str] = &[
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    "\" OR 1=1 --",
    "1; SELECT pg_sleep(10)",
    "'||(SELECT secret_hash FROM secret_keys)||'",
    "%' UNION SELECT * FROM secret_keys --",
    "\\'; --",
    "$1",
    "?",
    ":1",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "%s%n{}{0}",
    "../../etc/passwd",
    "|| ls",
    "`id`",
    "$(id)",
    "*)(uid=*",
    "<script>alert(1)</script>",
    "<!ENTITY x SYSTEM 'file:///'>",
    "=cmd|' /C calc'!A0",
    "\u{202e}gro.live",
    "\u{feff}x",
    "\u{1b}[31mred",
    "a\r\nSet-Cookie: x=y",
];

both! {
    async fn members_that_are_named_twice_are_refused(world: World) {
        // HT-04: a body that two readers could read differently is read by none.
        let (browser, server) = (world.browser(), world.server());
        browser.post("/v1/client", &[]).await.ok();
        for body in ["{\"first_name\":\"Ada\",\"first_name\":\"Eve\"}", "{\"first_name\":\"Ada\",\"f\\u0069rst_name\":\"Eve\"}", "{\"unsafe_metadata\":{\"a\":1,\"a\":2}}", "{\"unsafe_metadata\":{\"a\":[{\"b\":1,\"b\":2}]}}"] {
            world.unchanged(browser.request("POST", "/v1/client/sign_ups").body("application/json", body).send()).await.refused(400, "request_body_invalid");
            let body = body.replace("{\"unsafe", "{\"email_address\":[\"a@example.com\"],\"skip_password_requirement\":true,\"unsafe");
            world.unchanged(server.send("POST", "/v1/users", Some("application/json"), Bytes::from(body))).await.refused(400, "request_body_invalid");
        }
        let inner = world.unchanged(browser.post("/v1/client/sign_ups", &[("unsafe_metadata", "{\"a\":1,\"a\":2}")])).await;
        inner.refused(422, "form_param_type_invalid unsafe_metadata");
    }

    async fn depth_and_size_are_bounded_before_anything_is_built(world: World) {
        // HT-04, T76.
        let (browser, server) = (world.browser(), world.server());
        browser.post("/v1/client", &[]).await.ok();
        let ada = world.user_without_password("ada@example.com").await;
        for (depth, status) in [(33, 422), (127, 400), (129, 400), (100_000, 400)] {
            let body = format!("{{\"public_metadata\":{}}}", nest(depth));
            let answer = quickly(world.unchanged(server.send("PATCH", &format!("/v1/users/{}/metadata", ada.id), Some("application/json"), Bytes::from(body)))).await;
            assert!(answer.status == status || depth == 127, "{depth}: {}", answer.body);
            answer.well_formed_refusal();
            let form = format!("unsafe_metadata={}", nest(depth).chars().take(16_000).collect::<String>());
            let answer = quickly(world.unchanged(browser.request("POST", "/v1/client/sign_ups").body("application/x-www-form-urlencoded", form).send())).await;
            assert_eq!(answer.status, 422, "{}", answer.body);
        }
        let number = format!("{{\"unsafe_metadata\":{{\"a\":{}}}}}", "9".repeat(900_000));
        quickly(world.unchanged(browser.request("POST", "/v1/client/sign_ups").body("application/json", number).send())).await.well_formed_refusal();
    }

    async fn a_million_fields_cost_little_and_are_answered_briefly(world: World) {
        // HT-05: as many distinct names as fit into a body, in forms, queries and JSON.
        let (browser, server) = (world.browser(), world.server());
        browser.post("/v1/client", &[]).await.ok();
        let form: String = (0..150_000).map(|i| format!("{i:x}&")).collect();
        let nested = format!("a{}=1", "[]".repeat(100_000));
        for body in [form.clone(), "a&".repeat(500_000), nested, "&".repeat(1_000_000), "=".repeat(1_000_000), "%".repeat(1_000_000)] {
            let answer = quickly(world.changes_only(&["clients", "sign_ups"], browser.request("POST", "/v1/client/sign_ups").body("application/x-www-form-urlencoded", body.clone()).send()));
            let answer = answer.await;
            assert!(answer.status < 500 && answer.body.len() < 5_000, "{:.40}: {} {}", body, answer.status, answer.body.len());
        }
        let members: Vec<String> = (0..60_000).map(|i| format!("\"{i:x}\":1")).collect();
        let body = format!("{{{}}}", members.join(","));
        let answer = quickly(world.unchanged(server.send("POST", "/v1/users", Some("application/json"), Bytes::from(body)))).await;
        answer.refused(400, "request_body_invalid");
        let query: String = (0..10_000).map(|i| format!("{i:x}&")).collect();
        quickly(world.unchanged(server.get(&format!("/v1/users?{query}")))).await.refused(400, "malformed_request_parameters");
        quickly(world.unchanged(browser.get(&format!("/v1/client?{query}")))).await.refused(400, "malformed_request_parameters");
        let list = json!({ "user_ids": vec!["user_x"; 50_000] });
        quickly(world.unchanged(server.post("/v1/users/ban", list))).await.well_formed_refusal();
    }

    async fn a_compressed_or_binary_body_is_refused(world: World) {
        // HT-08, HT-18: nothing is unpacked.
        let (browser, server) = (world.browser(), world.server());
        browser.post("/v1/client", &[]).await.ok();
        let zipped = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xabV*.I,)-V\xb2R\xca\xcf\xceV\xaa\x05\x00".to_vec();
        for kind in ["application/json", "application/x-www-form-urlencoded", "application/gzip", "multipart/form-data", "multipart/form-data; boundary=", "application/octet-stream", "image/svg+xml"] {
            let answer = world.unchanged(browser.request("POST", "/v1/client/sign_ups").header("content-encoding", "gzip").body(kind, zipped.clone()).send()).await;
            assert!(matches!(answer.status, 400 | 415), "{kind}: {}", answer.body);
            let answer = world.unchanged(server.send("POST", "/v1/users", Some(kind), Bytes::from(zipped.clone()))).await;
            assert!(matches!(answer.status, 400 | 415), "{kind}: {}", answer.body);
        }
    }

    async fn texts_that_mean_something_elsewhere_are_texts_here(world: World) {
        // ASVS 1.2.4, 1.3.2, 1.3.7; T73, T74: stored as they came, found by themselves, and nothing more.
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        let path = format!("/v1/users/{}", ada.id);
        for text in INJECTIONS {
            let kept = server.patch(&path, json!({ "first_name": text })).await.ok();
            let open = server.patch(&format!("{path}/metadata"), json!({ "public_metadata": { *text: text } })).await.ok();
            assert_eq!((&kept["first_name"], &open["public_metadata"][*text]), (&json!(text.trim()), &json!(text)), "{text:?}");
            let found = server.get(&format!("/v1/users?name_query={}", percent::encode(text))).await;
            assert_eq!(found.ok().as_array().unwrap().len(), 1, "{text:?}");
            for field in ["query", "email_address", "username", "external_id", "email_address_query", "username_query", "user_id", "order_by", "web3_wallet", "phone_number"] {
                let answer = world.unchanged(server.get(&format!("/v1/users?{field}={}", percent::encode(text)))).await;
                match answer.status {
                    200 => assert!(answer.ok().as_array().unwrap().len() <= 1, "{field} {text:?}"),
                    status => assert_eq!(status, 422, "{field} {text:?}: {}", answer.body),
                }
            }
        }
        assert_eq!(world.count("users").await, 1);
    }

    async fn nothing_is_decoded_twice(world: World) {
        // ASVS 1.1.1, T10, T11: one decoding, then the text stands for itself.
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        let server = world.server();
        let twice = percent::encode(&percent::encode(&ada.id).replace('_', "%5F"));
        for path in [format!("/v1/users/{twice}"), format!("/v1/users/{};x=1", ada.id), format!("/v1/users/{}%3Bx", ada.id), format!("/v1/users/..%2fusers%2f{}", ada.id), format!("/v1/./users/{}", ada.id), format!("/v1/x/../users/{}", ada.id), format!("/V1/users/{}", ada.id), format!("/v1/Users/{}", ada.id), format!("/v1%2fusers%2f{}", ada.id), format!("/v1/users/{}%00", ada.id), format!("/v1/users/{}%20", ada.id), format!("/v1/users/{}.json", ada.id)] {
            let answer = world.unchanged(server.get(&path)).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.body);
            answer.well_formed_refusal();
        }
        assert_eq!(server.get(&format!("/v1/users/{}", ada.id.replace('_', "%5F"))).await.ok()["id"], ada.id.as_str(), "once is right");
        for path in ["/v1/me;x", "/v1/me.css", "/v1/me/x.css", "/v1/me;.css", "/v1/me%2f..", "/v1/me/..%2fclient", "/v1/%6de/../client", "/v1/ME"] {
            let answer = browser.get(path).await;
            assert!(answer.status >= 400 && answer.status < 500 && !answer.body.contains("ada@"), "{path}: {}", answer.body);
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        }
        let twice = percent::encode("http%3A%2F%2Flocalhost%3A3000%2F");
        assert_eq!(browser.get(&format!("/v1/client/handshake?redirect_url={twice}")).await.status, 422);
        browser.delete("/v1/client/sessions").await.ok();
        browser.post("/v1/client/sign_ins", &[("identifier", "ada%40example.com")]).await.refused(422, "form_identifier_not_found identifier");
    }

    async fn one_address_has_one_key_and_lookalikes_have_none(world: World) {
        // HT-12, AT-22.
        let server = world.server();
        let make = |address: String| json!({ "email_address": [address], "skip_password_requirement": true });
        server.post("/v1/users", make("Ada.L+tag@Example.COM".to_owned())).await.ok();
        for same in ["ada.l+tag@example.com", "ADA.L+TAG@EXAMPLE.COM", " ada.l+tag@example.com ", "\tada.l+tag@example.com\n"] {
            world.unchanged(server.post("/v1/users", make(same.to_owned()))).await.refused(422, "form_identifier_exists email_address");
        }
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("a@{}.com", "b".repeat(64));
        let long_all = format!("a@{}.com", vec!["b".repeat(60); 5].join("."));
        for none in [
            "a@b", "a@example.com.", "a@.example.com", "a@example..com", ".a@example.com", "a.@example.com", "a..b@example.com", "\"a b\"@example.com", "a(comment)@example.com", "a@[127.0.0.1]", "a@127.0.0.1", "a@exam_ple.com", "a@-example.com", "a@example-.com",
            "a\u{ff20}example.com", "\u{ff41}@example.com", "\u{430}da@example.com", "a@ex\u{e4}mple.com", "a@example.com\u{200b}", "a\u{202e}@example.com", "a@e\u{301}xample.com", "\u{130}@example.com", "a@\u{212a}elvin.com", "a@@example.com", "a@b@example.com", "a@example.com\r\nBcc: eve@example.com", "a@example.com,eve@example.com", "a@example.com;eve@example.com", "<a@example.com>", "Ada <a@example.com>", "a%40example.com", long_local.as_str(), long_label.as_str(), long_all.as_str(),
        ] {
            let answer = world.unchanged(server.post("/v1/users", make(none.to_owned()))).await;
            assert_eq!(answer.status, 422, "{none}: {}", answer.body);
        }
        assert_eq!(world.count("email_addresses").await, 1);
        server.post("/v1/users", make("a@xn--exmple-cua.com".to_owned())).await.ok();
    }

    async fn usernames_of_lookalike_letters_are_refused(world: World) {
        // HT-11, HT-14.
        world.settings(|s| s.attributes.username = Presence::On).await;
        let server = world.server();
        let make = |name: &str| json!({ "email_address": ["ada@example.com"], "username": name, "skip_password_requirement": true });
        for name in ["\u{430}da_love", "ada\u{200b}love", "\u{202e}adalove", "ada\u{301}love", "\u{130}stanbul", "stra\u{df}e", "\u{212a}elvin", "ada love", "ada@love", "12345", "-1", "\u{ff41}dalove", "ada\u{0}love", "a", "\u{1f642}\u{1f642}\u{1f642}\u{1f642}"] {
            let answer = world.unchanged(server.post("/v1/users", make(name))).await;
            assert_eq!(answer.status, 422, "{name:?}: {}", answer.body);
        }
        server.post("/v1/users", make("Ada_Love")).await.ok();
        let again = json!({ "email_address": ["eve@example.com"], "username": "aDA_lOVE", "skip_password_requirement": true });
        world.unchanged(server.post("/v1/users", again)).await.refused(422, "form_identifier_exists username");
    }

    async fn numbers_and_instants_out_of_this_world_are_refused(world: World) {
        // HT-15, HT-16, T83; ASVS 1.4.2.
        let server = world.server();
        world.user_without_password("ada@example.com").await;
        for value in ["0", "-1", "501", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e9", "1.0", "0x10", "NaN", "Infinity", "+", "--1", "1_000"] {
            let answer = world.unchanged(server.get(&format!("/v1/users?limit={}", percent::encode(value)))).await;
            assert_eq!(answer.status, 422, "limit {value}: {}", answer.body);
        }
        for field in ["created_at_after", "last_sign_in_at_before", "last_active_at_since"] {
            for value in ["-9223372036854775808", "9223372036854775807", "0"] {
                let answer = server.get(&format!("/v1/users?{field}={value}")).await;
                assert!(matches!(answer.status, 200 | 422), "{field} {value}: {}", answer.body);
            }
            server.get(&format!("/v1/users?{field}=9223372036854775808")).await.refused(422, &format!("form_param_type_invalid {field}"));
        }
        for date in ["9999-12-31T23:59:60Z", "0000-00-00T00:00:00Z", "2020-02-30T00:00:00Z", "2020-01-01", "+292277026596-12-04T15:30:07Z", "2020-01-01T25:00:00Z", "1e400"] {
            let answer = world.unchanged(server.post("/v1/users", json!({ "email_address": ["bob@example.com"], "skip_password_requirement": true, "created_at": date }))).await;
            assert_eq!(answer.status, 422, "{date}: {}", answer.body);
        }
    }

    async fn names_of_prototypes_are_plain_names(world: World) {
        // HT-17, T92; ASVS 15.3.6.
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        let metadata = json!({ "__proto__": { "admin": true }, "constructor": { "prototype": { "a": 1 } }, "toString": "x", "": 1, "a.b": 2 });
        let path = format!("/v1/users/{}/metadata", ada.id);
        let kept = world.server().patch(&path, json!({ "public_metadata": metadata })).await.ok();
        assert_eq!(kept["public_metadata"], metadata);
        let mine = browser.patch("/v1/me/metadata", &[("unsafe_metadata", &metadata.to_string())]).await.response();
        assert_eq!((&mine["unsafe_metadata"], mine.get("admin")), (&metadata, None));
        let gone = world.server().patch(&path, json!({ "public_metadata": { "__proto__": null, "constructor": { "prototype": null }, "toString": null, "": null, "a.b": null } })).await.ok();
        assert_eq!(gone["public_metadata"], json!({ "constructor": {} }));
    }

    async fn a_parameter_in_two_places_has_a_defined_owner(world: World) {
        // T13; ASVS 15.3.7: a field is read from its own place only.
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        let (_, eve, other) = world.signed_in("eve@example.com").await;
        let twice = format!("/v1/me?_clerk_session_id={session}&_clerk_session_id={other}");
        assert_eq!(browser.get(&twice).await.response()["id"], ada.id.as_str());
        browser.get(&format!("/v1/me?_clerk_session_id={other}&_clerk_session_id={session}")).await.refused(401, "authentication_invalid");
        let moved = browser.patch(&format!("/v1/me?user_id={}&first_name=Query", eve.id), &[("first_name", "Body"), ("user_id", &eve.id)]).await.response();
        assert_eq!((&moved["id"], &moved["first_name"]), (&json!(ada.id), &json!("Body")));
        let server = world.server();
        let named = server.get(&format!("/v1/sessions?user_id={}&user_id={}", ada.id, eve.id)).await;
        assert!(named.status == 422 || named.ok().as_array().unwrap().is_empty(), "{}", named.body);
        for query in ["limit=1&limit=2", "paginated=true&paginated=false"] {
            let answer = server.get(&format!("/v1/sessions?{query}")).await;
            assert_eq!(answer.status, 422, "{query}: {}", answer.body);
        }
        let form = "email_address=a%40example.com&email_address=b%40example.com";
        world.unchanged(browser.request("POST", "/v1/me/email_addresses").body("application/x-www-form-urlencoded", form).send()).await.refused(422, "form_param_duplicate email_address");
    }

    async fn scanners_find_nothing_and_break_nothing(world: World) {
        // T16; ASVS 13.4.1, 13.4.3, 13.4.5: refusals without a word about the inside.
        let browser = world.browser();
        for path in ["/.git/config", "/.env", "/.svn/entries", "/server-status", "/actuator/env", "/debug/pprof", "/swagger.json", "/graphql", "/wp-login.php", "/phpinfo.php", "/admin", "/v1/", "/v1", "/v2/users", "/%2e%2e/%2e%2e/etc/passwd", "/..;/admin", "/npm/../Cargo.toml", "/npm/%2e%2e/%2e%2e/Cargo.toml", "/usher.toml", "/master.key", "/data", "/npm/", "/npm/@clerk/", "/npm/@clerk/clerk-js@6/../../../etc/passwd", "//evil.example/", "/\\evil.example", "/%00", "/%0d%0aX:y"] {
            for method in ["GET", "POST", "TRACE", "PROPFIND", "CONNECT"] {
                let answer = world.unchanged(browser.request(method, path).method(method).send()).await;
                assert!((400..500).contains(&answer.status) || (answer.status < 400 && answer.content_type.starts_with("text/html")), "{method} {path}: {} {}", answer.status, answer.body);
                let lower = answer.body.to_lowercase();
                for inside in ["panicked", "sqlite", "postgres", ".rs:", "backtrace", "select ", "root:", "[package]"] {
                    assert!(!lower.contains(inside), "{method} {path}: {}", answer.body);
                }
                assert!(answer.header("server").is_none() && answer.header("x-powered-by").is_none());
            }
        }
    }

    async fn reflected_texts_never_reach_a_header(world: World) {
        // HT-10.
        let browser = world.browser();
        for text in ["x\r\nSet-Cookie: a=b", "x\nLocation: https://evil.example", "x\u{0}", "\u{2028}", "x\u{7f}"] {
            let encoded = percent::encode(text);
            for target in [format!("/v1/client?__clerk_api_version={encoded}"), format!("/v1/client/{encoded}"), format!("/v1/client/handshake?redirect_url={encoded}"), format!("/v1/redirect?redirect_url={}", percent::encode(&format!("http://localhost:3000/{text}"))), format!("/v1/client?_clerk_session_id={encoded}")] {
                let answer = browser.get(&target).await;
                for (name, value) in &answer.headers {
                    assert!(!value.contains(['\r', '\n', '\0']), "{target}: {name}: {value:?}");
                }
                assert!(answer.cookie("a").is_none() && answer.status < 500, "{target}");
            }
        }
    }

    async fn type_confusion_is_refused_by_name(world: World) {
        // ASVS 1.5.2, 15.3.5.
        let server = world.server();
        let ada = world.user_without_password("ada@example.com").await;
        let path = format!("/v1/users/{}", ada.id);
        for (field, value) in [
            ("first_name", json!({ "$ne": null })), ("first_name", json!([["a"]])), ("external_id", json!(1)), ("public_metadata", json!("text")), ("public_metadata", json!([])), ("delete_self_enabled", json!("yes")), ("create_organizations_limit", json!("many")), ("create_organizations_limit", json!(1.5)),
            ("password", json!({ "length": 20 })), ("primary_email_address_id", json!([ada.email_id])), ("username", json!(true)), ("object", json!("user")), ("id", json!("user_x")), ("banned", json!(true)), ("instance_id", json!("ins_x")), ("created_at", json!({})),
        ] {
            let answer = world.unchanged(server.patch(&path, json!({ field: value }))).await;
            assert_eq!(answer.status, 422, "{field}: {}", answer.body);
            assert!(answer.codes().iter().all(|c| c.ends_with(&format!(" {field}"))), "{field}: {:?}", answer.codes());
        }
        assert_eq!(server.get(&path).await.ok()["first_name"], Value::Null);
    }
}
