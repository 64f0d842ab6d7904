//! Development browsers: the client's token in the URL, for instances with test keys (contract fapi §1.4, §5.2, §11.4).
use crate::answer::{Answer, decode};
use crate::browser::Browser;
use crate::handshake::directives;
use crate::world::World;
use serde_json::{Value, json};
use std::sync::Mutex;
use usher_http::percent;
use usher_server::instances::setup::{self, KeyForm, Tools, Wanted};
use usher_server::instances::{keys, store};
use usher_types::Error;

/// Gives the first instance another publishable key.
async fn key(world: &World, publishable: &str) {
    let row = world.instance().row.clone();
    let write = async || {
        usher_db::write_tx!(world.app.db, row.id.as_str(), tx => {
            store::update_host(&mut tx, &row.id, &row.host, publishable, &row.environment_type, world.now()).await?;
            Ok::<_, Error>(())
        })
    };
    write().await.unwrap();
    world.app.reload().await.unwrap();
}

async fn test_keys(world: &World) {
    key(world, &keys::test_publishable("127.0.0.1:8787")).await;
}

/// A browser as clerk-js is one in this mode: no cookies, the token in each URL, replaced where an answer says so.
struct Dev {
    browser: Browser,
    token: Mutex<String>,
}

impl Dev {
    async fn new(world: &World) -> Self {
        let browser = world.browser();
        let made = world
            .unchanged(browser.post("/v1/dev_browser", &[]))
            .await
            .ok();
        let token = Mutex::new(made["id"].as_str().unwrap().to_owned());
        Self { browser, token }
    }
    fn token(&self) -> String {
        self.token.lock().unwrap().clone()
    }
    async fn send(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let join = if path.contains('?') { '&' } else { '?' };
        let target = format!("{path}{join}__clerk_db_jwt={}", self.token());
        let request = self.browser.request(method, &target);
        let answer = if method == "GET" {
            request.send().await
        } else {
            request.form(form).send().await
        };
        assert!(
            answer.cookies.is_empty(),
            "{}: {:?}",
            answer.asked,
            answer.cookies
        );
        if let Some(token) = answer.header("clerk-db-jwt") {
            assert!(!answer.body.contains(token));
            token.clone_into(&mut self.token.lock().unwrap());
        }
        answer
    }
    async fn sign_in(&self, world: &World, address: &str) -> String {
        let form = [("identifier", address), ("strategy", "email_code")];
        let started = self
            .send("POST", "/v1/client/sign_ins", &form)
            .await
            .response();
        let path = format!(
            "/v1/client/sign_ins/{}/attempt_first_factor",
            started["id"].as_str().unwrap()
        );
        let code = world.code(address).await;
        let done = self
            .send(
                "POST",
                &path,
                &[("strategy", "email_code"), ("code", &code)],
            )
            .await
            .response();
        assert_eq!(done["status"], "complete");
        done["created_session_id"].as_str().unwrap().to_owned()
    }
}

async fn client_of(browser: &Browser, token: &str) -> Answer {
    browser
        .get(&format!(
            "/v1/client?__clerk_db_jwt={}",
            percent::encode(token)
        ))
        .await
}

both! {
    async fn a_browser_signs_in_by_its_token_which_changes_as_a_cookie_does(world: World) {
        test_keys(&world).await;
        let ada = world.user_without_password("ada@example.com").await;
        let dev = Dev::new(&world).await;
        let first = dev.token();
        assert_eq!(world.unchanged(dev.send("GET", "/v1/client", &[])).await.response(), json!(null));
        let session = dev.sign_in(&world, "ada@example.com").await;
        let second = dev.token();
        assert_ne!(first, second);
        let client = dev.send("GET", "/v1/client", &[]).await.response();
        assert_eq!((&client["sessions"][0]["id"], &client["sessions"][0]["user"]["id"]), (&json!(session), &json!(ada.id)));
        let jwt = dev.send("POST", &format!("/v1/client/sessions/{session}/tokens"), &[]).await.ok();
        assert_eq!(decode(jwt["jwt"].as_str().unwrap()).1["sub"], json!(ada.id));
        assert_eq!(dev.token(), second, "a token request changes nothing");
        dev.send("DELETE", "/v1/client/sessions", &[]).await.ok();
        let third = dev.token();
        assert_ne!(second, third);
        world.unchanged(client_of(&dev.browser, &second)).await.refused(401, "dev_browser_unauthenticated");
        assert_eq!(dev.send("GET", "/v1/client", &[]).await.response()["sessions"], json!([]));
        dev.send("DELETE", "/v1/client", &[]).await.ok();
        world.unchanged(client_of(&dev.browser, &third)).await.refused(401, "dev_browser_unauthenticated");
        assert_eq!(dev.send("GET", "/v1/client", &[]).await.response(), json!(null));
    }

    async fn nobody_chooses_anothers_token(world: World) {
        test_keys(&world).await;
        world.user_without_password("ada@example.com").await;
        let (eve, ada) = (Dev::new(&world).await, Dev::new(&world).await);
        let chosen = eve.token();
        chosen.clone_into(&mut ada.token.lock().unwrap());
        ada.sign_in(&world, "ada@example.com").await;
        assert_eq!(eve.send("GET", "/v1/client", &[]).await.response(), json!(null), "what was known before the sign-in opens nothing");
    }

    async fn a_token_is_kept_as_a_hash_of_its_own_kind(world: World) {
        test_keys(&world).await;
        world.user_without_password("ada@example.com").await;
        let dev = Dev::new(&world).await;
        dev.sign_in(&world, "ada@example.com").await;
        assert!(!format!("{:?}", world.snapshot().await).contains(&dev.token()));
        let as_cookie = world.browser();
        as_cookie.plant("__client", &dev.token());
        assert_eq!(as_cookie.client().await, json!(null), "it opens nothing as a cookie");
        world.advance_secs(1);
        let by_cookie = world.browser();
        by_cookie.sign_in("ada@example.com").await;
        let token = by_cookie.cookie("__client").unwrap();
        world.unchanged(client_of(&world.browser(), &token)).await.refused(401, "dev_browser_unauthenticated");
    }

    async fn where_a_cookie_comes_it_counts_alone(world: World) {
        test_keys(&world).await;
        let ada = world.user_without_password("ada@example.com").await;
        world.user_without_password("eve@example.com").await;
        let eve = Dev::new(&world).await;
        eve.sign_in(&world, "eve@example.com").await;
        let browser = world.browser();
        browser.sign_in("ada@example.com").await;
        let seen = client_of(&browser, &eve.token()).await.response();
        assert_eq!(seen["sessions"][0]["user"]["id"], json!(ada.id));
        let out = browser.delete(&format!("/v1/client/sessions?__clerk_db_jwt={}", eve.token())).await;
        assert!(out.cookie("__client").is_some() && out.header("clerk-db-jwt").is_none());
        assert_eq!(eve.send("GET", "/v1/client", &[]).await.response()["sessions"].as_array().unwrap().len(), 1);
        let dead = world.browser();
        dead.plant("__client", &"d".repeat(43));
        assert_eq!(client_of(&dead, &eve.token()).await.response(), json!(null), "a dead one too");
    }

    async fn tokens_that_are_none_are_refused_and_never_kept(world: World) {
        test_keys(&world).await;
        let (there, _, other) = world.other_instance("other").await;
        let dev = Dev::new(&world).await;
        let token = dev.token();
        let parts: Vec<&str> = token.split('.').collect();
        let later = format!("dvb_{}.{}.{}", world.now().secs() + 99_999_999, parts[1], parts[2]);
        for forged in [later.as_str(), &format!("{token}x"), &token[..token.len() - 1], "dvb_", "dvb_1.x.y", "x", &"x".repeat(43), &"x".repeat(5000), "' OR 1=1 --"] {
            world.unchanged(client_of(&dev.browser, forged)).await.refused(401, "dev_browser_unauthenticated");
            let path = format!("/v1/client/sign_ins?__clerk_db_jwt={}", percent::encode(forged));
            world.unchanged(dev.browser.post(&path, &[])).await.refused(401, "dev_browser_unauthenticated");
        }
        assert_eq!(client_of(&dev.browser, "").await.response(), json!(null));
        assert!(!other.has_dev_browsers());
        assert_eq!(client_of(&there, &token).await.response(), json!(null), "another instance does not look at it");
        world.advance_days(31);
        world.unchanged(client_of(&dev.browser, &token)).await.refused(401, "dev_browser_unauthenticated");
        // The scripts come first, whatever the token: they need no client.
        dev.browser.get("/.well-known/jwks.json?__clerk_db_jwt=x").await.ok();
    }

    async fn live_keys_know_no_such_browsers(world: World) {
        test_keys(&world).await;
        world.user_without_password("ada@example.com").await;
        let dev = Dev::new(&world).await;
        dev.sign_in(&world, "ada@example.com").await;
        key(&world, &keys::publishable("127.0.0.1:8787")).await;
        assert_eq!(client_of(&world.browser(), &dev.token()).await.response(), json!(null));
        let form = [("identifier", "ada@example.com")];
        let path = format!("/v1/client/sign_ins?__clerk_db_jwt={}", dev.token());
        let started = world.browser().post(&path, &form).await;
        assert!(started.cookie("__client").is_some() && started.header("clerk-db-jwt").is_none());
        for (method, path) in [("POST", "/v1/dev_browser"), ("GET", "/v1/dev_browser/init"), ("POST", "/v1/dev_browser/set_first_party_cookie")] {
            let answer = world.unchanged(world.browser().request(method, path).send()).await;
            answer.refused(400, "url_based_session_syncing_disabled");
            assert!(answer.cookies.is_empty());
        }
        assert_eq!(world.browser().get("/v1/environment").await.ok()["auth_config"]["url_based_session_syncing"], json!(false));
    }

    production async fn production_never_takes_one(world: World) {
        key(&world, &keys::test_publishable("clerk.example.com")).await;
        world.unchanged(world.browser().post("/v1/dev_browser", &[])).await.refused(400, "url_based_session_syncing_disabled");
        assert_eq!(client_of(&world.browser(), &"x".repeat(43)).await.response(), json!(null));
        let answer = world.browser().get("/v1/client/handshake?format=nonce&redirect_url=https%3A%2F%2Fapp.example.com%2F&__clerk_db_jwt=x").await;
        assert_eq!(answer.header("location"), Some("https://app.example.com/"));
        assert!(answer.cookie("__clerk_handshake_nonce").is_some());
        let lines = directives(&world, &answer).await;
        assert!(!lines.iter().any(|line| line.contains("__clerk_db_jwt")), "{lines:?}");
    }

    async fn a_handshake_answers_in_the_url_and_names_the_browser(world: World) {
        test_keys(&world).await;
        let ada = world.user_without_password("ada@example.com").await;
        let dev = Dev::new(&world).await;
        let session = dev.sign_in(&world, "ada@example.com").await;
        let suffix = world.instance().cookie_suffix.clone();
        let shake = async |dev: &Dev, more: &str| {
            let path = format!("/v1/client/handshake?redirect_url={}{more}", percent::encode("http://127.0.0.1:3000/dash?x=1#y"));
            let answer = dev.send("GET", &path, &[]).await;
            assert_eq!((answer.status, answer.header("referrer-policy")), (307, Some("no-referrer")));
            let to = answer.header("location").unwrap().to_owned();
            assert!(to.starts_with("http://127.0.0.1:3000/dash?x=1&__clerk_handshake") && to.ends_with("#y"), "{to}");
            to.split_once("&__clerk_handshake").unwrap().1.trim_end_matches("#y").to_owned()
        };
        let payload = async |said: &str| {
            let nonce = said.strip_prefix("_nonce=").unwrap().to_owned();
            let body = world.server().get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await.ok();
            body["directives"].as_array().unwrap().iter().map(|d| d.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let lines = payload(&shake(&dev, "&format=nonce").await).await;
        for name in ["__clerk_db_jwt".to_owned(), format!("__clerk_db_jwt_{suffix}")] {
            let line = lines.iter().find(|l| l.split('=').next() == Some(&name)).unwrap();
            assert!(line.starts_with(&format!("{name}={};", dev.token())) && !line.contains("HttpOnly") && !line.contains("Domain"), "{line}");
        }
        let jwt = lines.last().unwrap().strip_prefix("__session=").unwrap().split(';').next().unwrap();
        assert_eq!((&decode(jwt).1["sid"], &decode(jwt).1["sub"]), (&json!(session), &json!(ada.id)));
        let by_token = shake(&dev, "").await;
        let said = decode(by_token.strip_prefix('=').unwrap()).1;
        assert!(said["handshake"].as_array().unwrap().iter().any(|l| l.as_str().unwrap().starts_with("__clerk_db_jwt=")));
        // Who is nobody, or nobody any more, is sent back with a token of nobody: server SDKs insist on one.
        let stranger = Dev::new(&world).await;
        for token in [stranger.token(), "unknown".to_owned()] {
            token.clone_into(&mut stranger.token.lock().unwrap());
            let lines = payload(&shake(&stranger, "&format=nonce").await).await;
            let line = lines.iter().find(|l| l.starts_with("__clerk_db_jwt=")).unwrap();
            let given = line["__clerk_db_jwt=".len()..].split(';').next().unwrap();
            assert_eq!(client_of(&world.browser(), given).await.response(), json!(null));
            assert!(lines.iter().any(|l| l.starts_with("__client_uat=0;")) && lines.last().unwrap().starts_with("__session=;"), "{lines:?}");
        }
        let elsewhere = dev.send("GET", "/v1/client/handshake?format=nonce&redirect_url=https%3A%2F%2Fevil.example%2F", &[]).await;
        elsewhere.refused(422, "redirect_url_not_associated_with_instance redirect_url");
    }

    async fn a_client_of_a_cookie_is_handed_over_by_url_too(world: World) {
        test_keys(&world).await;
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        let path = format!("/v1/client/handshake?format=nonce&redirect_url={}&__clerk_db_jwt=whatever", percent::encode("http://localhost:3000/"));
        let answer = browser.get(&path).await;
        let nonce = answer.header("location").unwrap().strip_prefix("http://localhost:3000/?__clerk_handshake_nonce=").unwrap().to_owned();
        let body = world.server().get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await.ok();
        let lines: Vec<&str> = body["directives"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let jwt = lines.last().unwrap().strip_prefix("__session=").unwrap().split(';').next().unwrap();
        assert_eq!(decode(jwt).1["sub"], json!(ada.id));
        let token = lines.iter().find_map(|l| l.strip_prefix("__clerk_db_jwt=")).unwrap().split(';').next().unwrap();
        assert_eq!(client_of(&world.browser(), token).await.response(), json!(null), "the client itself stays in its cookie");
    }

    async fn the_older_ways_to_a_token_check_the_origin(world: World) {
        test_keys(&world).await;
        let browser = world.browser();
        let made = world.unchanged(browser.get("/v1/dev_browser/init?origin=http%3A%2F%2Flocalhost%3A3000")).await.ok();
        assert!(made["id"].as_str().unwrap().starts_with("dvb_"));
        world.unchanged(browser.get("/v1/dev_browser/init?origin=https%3A%2F%2Fevil.example")).await.refused(400, "origin_invalid");
        let suffix = world.instance().cookie_suffix.clone();
        let path = format!("/v1/dev_browser/set_first_party_cookie?__clerk_db_jwt={}", made["id"].as_str().unwrap());
        let set = world.unchanged(browser.post(&path, &[])).await;
        set.ok();
        for name in ["__clerk_db_jwt".to_owned(), format!("__clerk_db_jwt_{suffix}")] {
            assert_eq!(set.cookie_value(&name), made["id"].as_str());
        }
        world.unchanged(browser.post("/v1/dev_browser/set_first_party_cookie?__clerk_db_jwt=x", &[])).await.refused(401, "dev_browser_unauthenticated");
        for (method, path) in [("POST", "/v1/dev_browser"), ("POST", "/v1/dev_browser/set_first_party_cookie")] {
            let foreign = browser.request(method, path).origin("https://evil.example").send().await;
            foreign.refused(400, "origin_invalid");
        }
        let environment = browser.get("/v1/environment").await.ok();
        assert_eq!((&environment["auth_config"]["url_based_session_syncing"], &environment["auth_config"]["cookieless_dev"]), (&json!(true), &json!(true)));
    }

    async fn an_operator_goes_from_live_keys_to_test_keys_and_back(world: World) {
        let app = &world.app;
        let tools = Tools { db: &app.db, master: &app.master, rng: &app.rng, now: world.now() };
        let mut wanted = Wanted { name: "development".to_owned(), host: "127.0.0.1:8787".to_owned(), environment: "development".to_owned(), secret_key: None, keys: KeyForm::Test { host: None }, settings: world.instance().settings.clone(), overwrite: false };
        let secrets = async || setup::secrets(&app.db, &app.master, &world.instance().row, world.now()).await.unwrap();
        for _ in 0..2 {
            setup::ensure(&tools, &wanted).await.unwrap();
            app.reload().await.unwrap();
            assert_eq!(world.instance().row.publishable_key, keys::test_publishable("127.0.0.1:8787"));
            let secrets = secrets().await;
            assert!(secrets.len() == 2 && secrets.iter().any(|key| key.starts_with("sk_test_")), "one was added, once");
        }
        wanted.keys = KeyForm::Test { host: Some("able-ant-1.clerk.accounts.dev".to_owned()) };
        setup::ensure(&tools, &wanted).await.unwrap();
        app.reload().await.unwrap();
        let instance = world.instance();
        assert_eq!((instance.issuer.as_str(), instance.portal_origin.as_str()), ("http://able-ant-1.clerk.accounts.dev", "http://localhost:8787"));
        assert!(!instance.allows_origin("http://able-ant-1.clerk.accounts.dev") && instance.allows_origin("http://127.0.0.1:8787"));
        let (_, _, session) = world.signed_in("ada@example.com").await;
        let jwt = world.server().post(&format!("/v1/sessions/{session}/tokens"), json!({})).await.ok();
        assert_eq!(decode(jwt["jwt"].as_str().unwrap()).1["iss"], json!("http://able-ant-1.clerk.accounts.dev"));
        wanted.keys = KeyForm::Live;
        setup::ensure(&tools, &wanted).await.unwrap();
        app.reload().await.unwrap();
        assert_eq!(world.instance().row.publishable_key, keys::publishable("127.0.0.1:8787"));
        assert_eq!(secrets().await.len(), 2);
    }
}
