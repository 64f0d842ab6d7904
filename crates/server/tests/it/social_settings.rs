//! Connections in the operator's file, and the development server's own provider.
use crate::idp::{ACME, Idp, query};
use crate::world::World;
use serde_json::{Value, json};
use usher_server::instances::settings::Settings;
use usher_server::instances::setup::{self, Tools, Wanted};
use usher_server::social::settings::ConnectionSettings;

/// A start with these connections in the file.
async fn start(world: &World, social: &str, overwrite: bool) {
    let row = &world.instance().row;
    let social: std::collections::BTreeMap<String, ConnectionSettings> =
        serde_json::from_str(social).unwrap();
    let wanted = Wanted {
        name: row.name.clone(),
        host: row.host.clone(),
        environment: row.environment_type.clone(),
        secret_key: None,
        keys: setup::KeyForm::Live,
        settings: Settings {
            social,
            ..Settings::default()
        },
        overwrite,
    };
    let app = &world.app;
    let tools = Tools {
        db: &app.db,
        master: &app.master,
        rng: &app.rng,
        now: app.clock.now(),
    };
    setup::ensure(&tools, &wanted).await.unwrap();
    app.reload().await.unwrap();
}

fn on(world: &World) -> Vec<&'static str> {
    let instance = world.instance();
    instance.social.enabled().map(|c| c.key).collect()
}

both! {
    async fn the_file_says_which_connections_there_are_at_every_start(world: World) {
        world.settings(|s| s.application_name = "Kept".to_owned()).await;
        let google = r#"{ "google": { "client_id": "id", "client_secret": "very secret" } }"#;
        start(&world, google, false).await;
        assert_eq!(on(&world), ["google"]);
        let instance = world.instance();
        assert_eq!(instance.social.by_key("google").unwrap().client_secret.expose(), "very secret");
        assert_eq!(instance.settings.application_name, "Kept", "the rest is the database's");
        assert!(!format!("{:?}", world.snapshot().await).contains("very secret"));
        // The same file once more writes nothing.
        let before = world.snapshot().await;
        start(&world, google, false).await;
        assert_eq!(before, world.snapshot().await);
        start(&world, r#"{ "github": { "client_id": "id", "client_secret": "other" } }"#, false).await;
        assert_eq!(on(&world), ["github"]);
        // A file that names none leaves them.
        start(&world, "{}", false).await;
        assert_eq!(on(&world), ["github"]);
        start(&world, "{}", true).await;
        assert!(on(&world).is_empty());
    }

    async fn the_built_in_providers_are_asked_where_they_are(world: World) {
        let social = r#"{ "google": { "client_id": "g", "client_secret": "s" }, "github": { "client_id": "h", "client_secret": "s" }, "tiktok": { "client_id": "t", "client_secret": "s" }, "microsoft": { "client_id": "m", "client_secret": "s", "tenant": "organizations" } }"#;
        start(&world, social, false).await;
        for (strategy, place, name, id, pkce, nonce) in [
            ("oauth_google", "https://accounts.google.com/o/oauth2/v2/auth?", "client_id", "g", true, true),
            ("oauth_github", "https://github.com/login/oauth/authorize?", "client_id", "h", true, false),
            ("oauth_tiktok", "https://www.tiktok.com/v2/auth/authorize/?", "client_key", "t", false, false),
            ("oauth_microsoft", "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize?", "client_id", "m", true, true),
        ] {
            let page = world.browser().sign_in_by(strategy).await;
            assert!(page.starts_with(place), "{page}");
            let asked = query(&page);
            assert_eq!((&asked[name], asked.get("code_challenge").is_some(), asked.get("nonce").is_some()), (&json!(id), pkce, nonce), "{page}");
        }
        let shown = world.browser().get("/v1/environment").await.ok();
        assert_eq!(shown["user_settings"]["social"].as_object().unwrap().len(), 4);
    }

    async fn the_development_provider_is_there_where_it_is_on(world: World) {
        let browser = world.browser();
        let target = "/dev/oidc/.well-known/openid-configuration";
        assert_eq!(world.unchanged(browser.get(target)).await.status, 404);
        browser.post("/v1/client/sign_ins", &[("strategy", "oauth_custom_mock"), ("redirect_url", "http://localhost:8787/")]).await.refused(422, "form_param_value_invalid strategy");
        world.settings(|s| s.development_provider = true).await;
        let document = browser.get(target).await.ok();
        assert_eq!(document["issuer"], "http://localhost:8787/dev/oidc");
        let page = browser.sign_in_by("oauth_custom_mock").await;
        let path = page.strip_prefix("http://localhost:8787").unwrap();
        let shown = browser.get(path).await;
        assert!(shown.status == 200 && shown.body.contains("Test account"), "{}", shown.body);
        // Codes go to our own callback only, and names resolve to this machine only.
        for bad in ["https://evil.example/v1/oauth_callback", "http://localhost:1/elsewhere"] {
            let asked = query(&page);
            let other = path.replace(&usher_http::percent::encode(asked["redirect_uri"].as_str().unwrap()), &usher_http::percent::encode(bad));
            assert_eq!(browser.get(&other).await.status, 400, "{bad}");
        }
        assert_eq!(browser.request("GET", path).header("host", "rebound.example:8787").send().await.status, 404);
        for body in ["", "grant_type=authorization_code&code=x", "grant_type=refresh_token&refresh_token=x", "grant_type=password"] {
            let answer = browser.request("POST", "/dev/oidc/token").body("application/x-www-form-urlencoded", body.to_owned()).send().await;
            assert_eq!(answer.status, 400, "{body}");
        }
        assert_eq!(browser.get("/dev/oidc/userinfo").await.status, 401);
    }

    production async fn production_has_no_development_provider(world: World) {
        world.settings(|s| s.development_provider = true).await;
        assert!(on(&world).is_empty());
        let answer = world.unchanged(world.browser().get("/dev/oidc/jwks")).await;
        assert_eq!(answer.status, 404);
        let shown = world.browser().get("/v1/environment").await.ok();
        assert_eq!(shown["user_settings"]["social"], json!({}));
    }

    production async fn on_production_the_callback_is_on_the_instances_own_host(world: World) {
        let (_idp, world) = Idp::start(&world).await;
        let browser = world.browser();
        let form = [("strategy", ACME), ("redirect_url", "https://app.example.com/sso-callback")];
        let made = browser.post("/v1/client/sign_ins", &form).await.response();
        let asked = query(&crate::idp::leads(&made["first_factor_verification"]));
        assert_eq!(asked["redirect_uri"], "https://clerk.example.com/v1/oauth_callback");
        let evil = [("strategy", ACME), ("redirect_url", "https://app.example.org/")];
        world.unchanged(browser.post("/v1/client/sign_ins", &evil)).await.refused(422, "redirect_url_not_associated_with_instance redirect_url");
    }

    async fn trips_are_forgotten_after_a_day(world: World) {
        let (_idp, world) = Idp::start(&world).await;
        world.browser().sign_in_by(ACME).await;
        usher_server::serve::housekeeping(&world.app).await.unwrap();
        assert_eq!(world.count("social_flows").await, 1);
        world.advance_days(2);
        usher_server::serve::housekeeping(&world.app).await.unwrap();
        assert_eq!(world.count("social_flows").await, 0);
    }

    async fn a_custom_provider_may_name_its_claims_and_be_trusted(world: World) {
        let (idp, world) = Idp::start(&world).await;
        idp.offer(&world, "custom_acme", |c| {
            c.claims.subject = "employee".to_owned();
            c.claims.email_address = "contact.mail".to_owned();
            c.claims.first_name = "called".to_owned();
            c.trust_email_addresses = true;
        }).await;
        idp.is(json!({ "sub": "s", "employee": 7, "contact": { "mail": "ada@example.com" }, "called": "Ada" }));
        let user = world.browser().joins_by(&idp).await["user"].clone();
        assert_eq!((&user["external_accounts"][0]["provider_user_id"], &user["first_name"]), (&json!("7"), &json!("Ada")));
        assert_eq!(user["email_addresses"][0]["email_address"], "ada@example.com");
        assert_eq!(user["external_accounts"][0]["email_address_verified"], Value::Bool(true));
    }
}
