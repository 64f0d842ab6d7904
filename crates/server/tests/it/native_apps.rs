//! What phones fetch to learn which apps belong to a domain, and the settings behind it; an older way to a few settings.
use serde_json::json;
use usher_server::instances::settings::Settings;
use usher_server::trusted_devices::settings::AndroidApp;

const PRINT: &str = "14:6d:e9:83:c5:73:06:50:d8:ee:b9:95:2f:34:fc:64:16:a0:83:42:e6:1d:be:a8:8a:04:96:b2:3f:cf:44:e5";

fn android(package: &str, prints: &[&str]) -> Settings {
    let mut settings = Settings::default();
    settings.native.android_apps = vec![AndroidApp {
        package_name: package.to_owned(),
        sha256_cert_fingerprints: prints.iter().map(|&p| p.to_owned()).collect(),
    }];
    settings
}

both! {
    async fn a_domain_says_which_apps_are_its_own(world: World) {
        let browser = world.browser();
        let apple = "/.well-known/apple-app-site-association";
        let links = "/.well-known/assetlinks.json";
        assert_eq!(browser.get(apple).await.json(), json!({ "webcredentials": { "apps": [] } }));
        assert_eq!(browser.get(links).await.json(), json!([]));
        let settings = android("com.example.app", &[PRINT]);
        world.settings(|s| {
            s.native = settings.native.clone();
            s.native.apple_apps = vec!["A1B2C3D4E5.com.example.app".to_owned()];
        }).await;
        let told = browser.get(apple).await;
        assert_eq!(told.json(), json!({ "webcredentials": { "apps": ["A1B2C3D4E5.com.example.app"] } }));
        assert_eq!((told.content_type.as_str(), told.header("access-control-allow-origin")), ("application/json", Some("*")));
        assert_eq!(browser.get(links).await.json(), json!([{
            "relation": ["delegate_permission/common.handle_all_urls", "delegate_permission/common.get_login_creds"],
            "target": { "namespace": "android_app", "package_name": "com.example.app", "sha256_cert_fingerprints": [PRINT.to_uppercase()] },
        }]));
    }

    async fn older_settings_change_what_they_can_and_refuse_the_rest_by_name(world: World) {
        let server = world.server();
        let path = "/v1/beta_features/instance_settings";
        let set = server.patch(path, json!({ "restricted_to_allowlist": true, "progressive_sign_up": true, "from_email_address": null })).await.ok();
        assert_eq!((&set["object"], &set["restricted_to_allowlist"], &set["progressive_sign_up"]), (&json!("instance_settings"), &json!(true), &json!(true)));
        world.browser().post("/v1/client/sign_ups", &[("email_address", "ada@example.com")]).await.refused(403, "not_allowed_access");
        for (body, refused) in [
            (json!({ "progressive_sign_up": false }), "form_param_value_invalid progressive_sign_up"),
            (json!({ "from_email_address": "hello" }), "form_param_value_invalid from_email_address"),
            (json!({ "test_mode": "perhaps" }), "form_param_type_invalid test_mode"),
            (json!({ "other": true }), "form_param_unknown other"),
        ] {
            world.unchanged(server.patch(path, body)).await.refused(422, refused);
        }
        let off = server.patch(path, json!({ "restricted_to_allowlist": false, "test_mode": false })).await.ok();
        assert_eq!(off["restricted_to_allowlist"], false);
        assert!(!world.instance().settings.test_mode);
        assert_eq!(server.patch(path, json!({})).await.ok()["restricted_to_allowlist"], false);
    }
}

#[test]
fn apps_of_other_forms_are_refused_with_what_to_write() {
    assert!(android("com.example.app", &[PRINT]).check().is_ok());
    for (package, prints) in [
        ("com example", &[PRINT][..]),
        ("com.example.app", &[]),
        ("com.example.app", &["14:6D"]),
        ("com.example.app", &[&PRINT[1..]]),
        ("com.example.app", &[&PRINT.replace(':', "")]),
    ] {
        let refusal = android(package, prints).check().unwrap_err();
        assert!(refusal.starts_with("native.android_apps: "), "{refusal}");
    }
    for app in [
        "com.example.app",
        "a1b2c3d4e5.com.example.app",
        "A1B2C3D4E5",
        "A1B2C3D4E5.",
    ] {
        let mut settings = Settings::default();
        settings.native.apple_apps = vec![app.to_owned()];
        let refusal = settings.check().unwrap_err();
        assert!(refusal.starts_with("native.apple_apps: "), "{refusal}");
    }
}
