//! The edge: what every request meets before and after its operation (contract fapi §0, §3; bapi §1).
use crate::browser::PASSWORD;
use bytes::Bytes;
use serde_json::json;
use usher_server::route::Api;

/// The reference operations that are not served, as (api, method, path).
fn unserved() -> impl Iterator<Item = (Api, &'static str, &'static str)> {
    include_str!("../../../../contract/unserved.txt")
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let api = match words.next()? {
                "fapi" => Api::Fapi,
                "bapi" => Api::Bapi,
                _ => return None,
            };
            Some((api, words.next()?, words.next()?))
        })
}

/// A path with something in the place of each parameter.
pub(crate) fn filled(path: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { "x" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

both! {
    async fn an_unknown_visitor_is_null_and_gets_no_cookie(world: World) {
        let browser = world.browser();
        let answer = world.unchanged(browser.get("/v1/client")).await;
        assert_eq!(answer.ok(), json!({ "response": null, "client": null }));
        assert!(answer.cookies.is_empty(), "{:?}", answer.cookies);
    }

    async fn a_visitor_with_a_dead_cookie_is_null_and_loses_it(world: World) {
        let browser = world.browser();
        browser.plant("__client", &"x".repeat(43));
        let answer = world.unchanged(browser.get("/v1/client")).await;
        assert_eq!(answer.ok(), json!({ "response": null, "client": null }));
        assert!(answer.cookie("__client").unwrap().contains("Max-Age=0"));
        assert_eq!(answer.cookie_value("__client_uat"), Some("0"));
    }

    async fn p2_get_is_safe_and_never_tunnels_another_method(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        for method in ["DELETE", "PUT", "PATCH", "POST"] {
            let answer = world.unchanged(browser.get(&format!("/v1/client?_method={method}"))).await;
            assert_eq!(answer.response()["sessions"][0]["id"], session.as_str(), "{method}");
            world.unchanged(browser.get(&format!("/v1/client/sessions?_method={method}"))).await.refused(405, "method_not_allowed");
        }
        for method in ["GET", "HEAD", "TRACE", "CONNECT", "x"] {
            world.unchanged(browser.post(&format!("/v1/client?_method={method}"), &[])).await.refused(405, "method_not_allowed");
        }
        browser.mint(&session).await.ok();
    }

    async fn repeated_and_trailing_slashes_are_one(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        for path in ["//v1//client/", "/v1/client/", "/v1//client", "///v1/client//"] {
            assert_eq!(browser.get(path).await.response()["sessions"][0]["id"], session.as_str(), "{path}");
        }
        world.server().get("//v1//users/").await.ok();
    }

    async fn unknown_query_parameters_and_form_fields_are_no_error_for_browsers(world: World) {
        let browser = world.browser();
        let query = "__clerk_api_version=2026-08-20&_clerk_js_version=6.40.0&rotating_token_nonce=&__domain=x&__clerk_db_jwt=x&_clerk_retry_attempt=1&__clerk_testing_token=x&_is_native=&foo=bar&foo=baz&%5B%5D=";
        browser.get(&format!("/v1/client?{query}")).await.ok();
        browser.get(&format!("/v1/environment?{query}")).await.ok();
        browser.post(&format!("/v1/client/sign_ups?{query}"), &[("captcha_token", "x"), ("captcha_widget_type", "smart"), ("unknown", "x"), ("first_name", "Ada")]).await.ok();
    }

    async fn unknown_fields_are_refused_by_name_for_servers(world: World) {
        let server = world.server();
        world.unchanged(server.post("/v1/users", json!({ "email_address": ["a@example.com"], "password": PASSWORD, "emial": "x" }))).await.refused(422, "form_param_unknown emial");
        server.patch("/v1/instance", json!({ "unheard_of": 1 })).await;
    }

    async fn every_unserved_reference_operation_says_so(world: World) {
        let (browser, server) = (world.browser(), world.server());
        let mut seen = 0;
        let shape = |path: &str| path.split('/').map(|p| if p.starts_with('{') { "{}" } else { p }.to_owned()).collect::<Vec<_>>();
        let is_served = |api: Api, method: &str, path: &str| usher_server::operations().any(|op| op.api == api && op.method == method && shape(op.path) == shape(path));
        for (api, method, path) in unserved().filter(|(api, method, path)| !path.contains(".xml") && !is_served(*api, method, path)) {
            let path = filled(path);
            let answer = match api {
                Api::Fapi => browser.request(method, &path).send().await,
                Api::Bapi => server.send(method, &path, None, Bytes::new()).await,
            };
            seen += 1;
            answer.refused(501, "feature_not_implemented");
        }
        // It shrinks as operations are served; none at all would mean that the list was not read.
        assert!(seen > 100, "{seen}");
    }

    async fn unknown_paths_are_404_and_other_methods_405_as_json(world: World) {
        let (browser, server) = (world.browser(), world.server());
        for path in ["/v1", "/v1/", "/v1/nothing", "/v1/client/nothing", "/v1/client/../client/x", "/v1/%00", "/v2/client", "/v1/client/sign_ins/x/y/z", "/.well-known/nothing", "/oauth/nothing"] {
            let answer = browser.get(path).await;
            answer.refused(404, "resource_not_found");
        }
        browser.request("POST", "/v1/environment").send().await.refused(405, "method_not_allowed");
        browser.request("DELETE", "/v1/client/sign_ins").send().await.refused(405, "method_not_allowed");
        server.send("PUT", "/v1/users", None, Bytes::new()).await.refused(405, "method_not_allowed");
        server.get("/v1/nothing").await.refused(404, "resource_not_found");
        browser.request("POST", "/nothing").send().await.refused(404, "resource_not_found");
    }

    async fn a_body_over_the_limit_is_413(world: World) {
        let browser = world.browser();
        world.unchanged(browser.request("POST", "/v1/client/sign_ups").send_too_much()).await.refused(413, "request_body_too_large");
    }

    async fn other_content_types_are_415_and_broken_bodies_400(world: World) {
        let (browser, server) = (world.browser(), world.server());
        browser.post("/v1/client", &[]).await.ok();
        for kind in ["text/plain", "multipart/form-data; boundary=x", "application/xml", "application/jsonx", "x", ""] {
            let answer = world.unchanged(browser.request("POST", "/v1/client/sign_ups").body(kind, "first_name=Ada").send()).await;
            answer.refused(415, "unsupported_content_type");
            let answer = world.unchanged(server.send("POST", "/v1/users", Some(kind), Bytes::from("{}"))).await;
            answer.refused(415, "unsupported_content_type");
        }
        for body in ["{", "[]", "\"x\"", "1", "{\"a\":1}}", "{'a':1}", "\u{feff}{}", "{\"a\":\"\\ud800\"}", &"[".repeat(100_000), &"{\"a\":".repeat(100_000)] {
            let answer = world.unchanged(browser.request("POST", "/v1/client/sign_ups").body("application/json", body.to_owned()).send()).await;
            answer.refused(400, "request_body_invalid");
            world.unchanged(server.send("POST", "/v1/users", Some("application/json; charset=utf-8"), Bytes::from(body.to_owned()))).await.refused(400, "request_body_invalid");
        }
        for body in [&b"first_name=\xff\xfe"[..], b"{\"first_name\":\"\xc3\x28\"}", b"first_name=%ff"] {
            let kind = if body[0] == b'{' { "application/json" } else { "application/x-www-form-urlencoded" };
            let answer = world.unchanged(browser.request("POST", "/v1/client/sign_ups").body(kind, body).send()).await;
            assert_eq!(answer.status, 400, "{}: {}", answer.asked, answer.body);
            answer.refused(400, "request_body_invalid");
        }
        world.unchanged(browser.get("/v1/client?a=%ff")).await.refused(400, "malformed_request_parameters");
        world.unchanged(server.get("/v1/users?query=%ff")).await.refused(400, "malformed_request_parameters");
    }

    async fn json_and_forms_are_the_same_to_browsers(world: World) {
        let browser = world.browser();
        let body = json!({ "first_name": "Ada", "unsafe_metadata": { "a": 1 } }).to_string();
        let by_json = browser.request("POST", "/v1/client/sign_ups").body("application/json", body).send().await.response();
        let by_form = browser.post("/v1/client/sign_ups", &[("first_name", "Ada"), ("unsafe_metadata", "{\"a\":1}")]).await.response();
        assert_eq!((&by_json["first_name"], &by_json["unsafe_metadata"]), (&by_form["first_name"], &by_form["unsafe_metadata"]));
    }

    async fn a_json_field_that_comes_twice_is_not_two(world: World) {
        let browser = world.browser();
        browser.post("/v1/client", &[]).await.ok();
        let twice = world.unchanged(browser.request("POST", "/v1/client/sign_ups").body("application/x-www-form-urlencoded", "email_address=a%40example.com&email_address=b%40example.com").send()).await;
        twice.refused(422, "form_param_duplicate email_address");
    }

    async fn answers_for_servers_are_json_without_a_charset(world: World) {
        let answer = world.server().get("/v1/users").await;
        assert_eq!(answer.content_type, "application/json");
        let refused = world.server().get("/v1/users/x").await;
        assert_eq!(refused.content_type, "application/json");
    }

    async fn api_versions_are_known_newer_or_refused(world: World) {
        let (browser, server) = (world.browser(), world.server());
        for known in ["2021-02-05", "2024-10-01", "2025-11-10", "2026-05-12", "2026-08-20", "2099-01-01", ""] {
            server.header("clerk-api-version", known).get("/v1/users").await.ok();
            browser.get(&format!("/v1/client?__clerk_api_version={known}")).await.ok();
        }
        for unknown in ["2020-01-01", "2025-01-01", "1", "latest", "2026-5-12", "v1", "2026-05-12x"] {
            server.header("clerk-api-version", unknown).get("/v1/users").await.refused(400, "api_version_invalid");
            browser.get(&format!("/v1/client?__clerk_api_version={unknown}")).await.refused(400, "api_version_invalid");
        }
    }

    async fn answers_are_not_cached_and_not_sniffed(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        for answer in [browser.get("/v1/client").await, browser.get("/v1/me").await, browser.mint(&session).await, browser.get("/v1/nothing").await, world.server().get("/v1/users").await] {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.asked);
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{}", answer.asked);
            assert!(answer.header("clerk-trace-id").is_some_and(|t| t.len() == 20), "{}", answer.asked);
        }
    }

    async fn an_environment_is_bare_and_offers_nothing_that_is_not_served(world: World) {
        let browser = world.browser();
        let document = browser.get("/v1/environment").await.ok();
        assert_eq!(browser.patch("/v1/environment", &[]).await.ok(), document);
        assert_eq!(document["auth_config"]["object"], "auth_config");
        assert_eq!(document["display_config"]["instance_environment_type"], "development");
        assert_eq!(document["user_settings"]["social"], json!({}));
        assert_eq!(document["user_settings"]["attributes"]["phone_number"]["enabled"], false);
        assert_eq!(document["user_settings"]["password_settings"]["min_length"], 8);
        world.settings(|s| s.password.min_length = 15).await;
        assert_eq!(browser.get("/v1/environment").await.ok()["user_settings"]["password_settings"]["min_length"], 15);
    }

    async fn a_head_request_is_a_get(world: World) {
        let browser = world.browser();
        let answer = browser.request("HEAD", "/v1/client").send().await;
        assert_eq!(answer.status, 200);
    }

    async fn the_inbox_is_read_by_this_machine_only(world: World) {
        let browser = world.browser();
        browser.pending_sign_up("ada@example.com").await;
        let rebound = browser.request("GET", "/inbox/messages").header("host", "evil.example:8787").send().await;
        assert_eq!(rebound.status, 403, "{}", rebound.body);
        let foreign = world.unchanged(browser.request("DELETE", "/inbox/messages").method("DELETE").origin("https://evil.example").send()).await;
        assert_eq!(foreign.status, 403, "{}", foreign.body);
        let read = browser.request("GET", "/inbox/messages").origin("https://evil.example").send().await;
        assert!(read.header("access-control-allow-origin").is_none());
        assert_eq!(browser.request("DELETE", "/inbox/messages").method("DELETE").send().await.status, 204);
        assert_eq!(world.codes("ada@example.com").await.len(), 0);
    }

    production async fn production_has_no_inbox_and_keeps_no_code_in_clear(world: World) {
        let browser = world.browser();
        browser.pending_sign_up("ada@example.com").await;
        for path in ["/inbox", "/inbox/messages"] {
            let answer = browser.get(path).await;
            assert_eq!(answer.status, 404, "{}: {}", answer.asked, answer.body);
        }
        assert_eq!(world.rows("SELECT code FROM messages", &[]).await, ["NULL"]);
    }

    async fn counters_are_for_this_machine_only(world: World) {
        let browser = world.browser();
        browser.get("/v1/client").await;
        let own = browser.get("/metrics").await;
        assert!(own.status == 200 && own.body.contains("usher_http_requests_total"), "{}", own.body);
        assert!(!own.body.contains('@'), "{}", own.body);
        assert_eq!(browser.get("/healthz").await.status, 200);
        assert_eq!(browser.get("/readyz").await.status, 200);
    }

    async fn texts_of_callers_come_back_as_data_only(world: World) {
        let browser = world.browser();
        let script = "<script>alert(1)</script>\u{2028}\"'\\";
        let answer = browser.post("/v1/client/sign_ups", &[("first_name", script)]).await;
        assert_eq!(answer.response()["first_name"], script);
        assert_eq!(answer.content_type, "application/json");
        let refused = browser.post("/v1/client/sign_ups", &[("email_address", script)]).await;
        assert!(!refused.body.contains("<script>"), "{}", refused.body);
        let unknown = world.server().post("/v1/users", json!({ "<script>": 1 })).await;
        assert_eq!(unknown.content_type, "application/json");
    }
}
