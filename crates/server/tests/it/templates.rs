//! Templates, for the operator: listed, read, changed, reverted, previewed; and that a broken one stops nobody.
use crate::server::Server;
use crate::world::World;
use serde_json::{Value, json};

const CODE: &str = "/v1/templates/email/verification_code";

async fn put(server: &Server, path: &str, body: Value) -> Value {
    server.put(path, body).await.ok()
}

/// The newest mail: sender, where answers go, subject, text, HTML.
async fn newest(world: &World) -> Vec<String> {
    let mut out = Vec::new();
    for column in ["sender", "reply_to", "subject", "text_body", "html_body"] {
        let sql =
            format!("SELECT {column} FROM messages ORDER BY created_at DESC, id DESC LIMIT 1");
        out.push(world.rows(&sql, &[]).await.remove(0));
    }
    out
}

/// Has a code mailed to a new address.
async fn code(world: &World, address: &str) -> String {
    world.advance_minutes(1);
    let browser = world.browser();
    let id = browser.start_sign_up(&[("email_address", address)]).await;
    browser.prepare_sign_up(&id).await.ok();
    id
}

both! {
    async fn shipped_templates_are_listed_and_read(world: World) {
        let server = world.server();
        let all = server.get("/v1/templates/email").await.ok();
        let slugs: Vec<&str> = all.as_array().unwrap().iter().map(|t| t["slug"].as_str().unwrap()).collect();
        for slug in ["verification_code", "magic_link_sign_in", "invitation", "password_changed", "new_device_sign_in", "organization_invitation"] {
            assert!(slugs.contains(&slug), "{slugs:?}");
        }
        for (at, one) in all.as_array().unwrap().iter().enumerate() {
            assert_eq!(&server.get(&format!("/v1/templates/email/{}", one["slug"].as_str().unwrap())).await.ok(), one);
            assert_eq!((&one["position"], &one["resource_type"], &one["instance_id"], &one["can_revert"]), (&json!(at), &json!("system"), &json!(null), &json!(false)));
            for required in one["required_variables"].as_array().unwrap() {
                assert!(one["available_variables"].as_array().unwrap().contains(required) && one["body"].as_str().unwrap().contains(required.as_str().unwrap()));
            }
        }
        let texts = server.get("/v1/templates/sms?paginated=true&limit=1&offset=1").await.ok();
        assert_eq!((&texts["total_count"], &texts["data"][0]["slug"], &texts["data"][0]["subject"]), (&json!(2), &json!("reset_password_code"), &json!(null)));
        // In the instance's language.
        world.settings(|s| s.locale = "de".to_owned()).await;
        assert_eq!(server.get(CODE).await.ok()["name"], "Bestätigungscode");
        world.settings(|s| s.notices.passkey_added = false).await;
        assert_eq!(server.get("/v1/templates/email/passkey_added").await.ok()["enabled"], false);
        for (path, status, refusal) in [("/v1/templates/fax", 400, "template_type_unsupported"), ("/v1/templates/fax/invitation", 400, "template_type_unsupported"), ("/v1/templates/email/x", 404, "resource_not_found"), ("/v1/templates/sms/invitation", 404, "resource_not_found")] {
            server.get(path).await.refused(status, refusal);
        }
    }

    async fn a_changed_template_is_what_is_sent_until_it_is_reverted(world: World) {
        let server = world.server();
        let shipped = server.get(CODE).await.ok();
        let changed = put(&server, CODE, json!({ "name": "Ours", "subject": "{{otp_code}} for {{app.name}}", "body": "<p>Hello, <b>{{otp_code}}</b> {{{otp_code}}} {{app.name}} {{> copyright}}</p>", "from_email_name": "hello", "reply_to_email_name": "help" })).await;
        assert_eq!((&changed["resource_type"], &changed["can_revert"], &changed["name"], &changed["from_email_name"]), (&json!("user"), &json!(true), &json!("Ours"), &json!("hello")));
        assert_eq!(changed["instance_id"], json!(world.instance().row.id));
        world.settings(|s| s.application_name = "A & <B>".to_owned()).await;
        code(&world, "ada@example.com").await;
        let mail = newest(&world).await;
        let otp = world.code("ada@example.com").await;
        assert_eq!(mail[..3], ["Usher <hello@localhost>".to_owned(), "Usher <help@localhost>".to_owned(), format!("{otp} for A & <B>")]);
        assert_eq!(mail[4], format!("<p>Hello, <b>{otp}</b> {otp} A &amp; &lt;B&gt; &copy; 2026 A &amp; &lt;B&gt;</p>"));
        assert_eq!(mail[3].trim(), format!("Hello, {otp} {otp} A & <B> © 2026 A & <B>"));
        // What was not sent stays; what is sent empty is as shipped.
        let less = put(&server, CODE, json!({ "body": "" })).await;
        assert_eq!((&less["body"], &less["subject"]), (&shipped["body"], &json!("{{otp_code}} for {{app.name}}")));
        // Another instance's templates are its own.
        let (_, theirs, _) = world.other_instance("other").await;
        assert_eq!(theirs.get(CODE).await.ok()["subject"], shipped["subject"]);
        let reverted = server.post(&format!("{CODE}/revert"), json!({})).await.ok();
        assert_eq!((&reverted["subject"], &reverted["body"], &reverted["resource_type"]), (&shipped["subject"], &shipped["body"], &json!("system")));
        world.unchanged(server.post(&format!("{CODE}/revert"), json!({}))).await.refused(400, "template_revert_error");
        code(&world, "bob@example.com").await;
        assert_eq!(newest(&world).await[0], "Usher <no-reply@localhost>");
    }

    async fn what_does_not_render_or_does_not_belong_into_mail_is_refused(world: World) {
        let server = world.server();
        let deep = "{{#if otp_code}}".repeat(100) + "{{otp_code}}" + &"{{/if}}".repeat(100);
        let put = |path: &'static str, body: Value| world.unchanged(server.put(path, body));
        for bad in ["{{otp_code", "{{#if a}}{{otp_code}}", "{{otp_code}}{{> nothing}}", "{{otp_code}}{{#*inline \"a\"}}{{> a}}{{/inline}}", "{{otp_code}}{{lookup a b}}", deep.as_str(), "{{otp_code}}<script>alert(1)</script>", "{{otp_code}}<a href=\"http://example.com\">x</a>", "{{otp_code}}<a href='javascript:alert(1)'>x</a>", "{{otp_code}}<img src=//evil.example/x>", "{{otp_code}}<form action=\"https://a.example\">"] {
            put(CODE, json!({ "body": bad })).await.refused(422, "invalid_template_body body");
        }
        put(CODE, json!({ "subject": "{{#if}}" })).await.refused(422, "invalid_template_body subject");
        put(CODE, json!({ "body": "no code" })).await.refused(422, "required_variable_missing body");
        put(CODE, json!({ "body": "{{#if otp_code}}x{{/if}}" })).await.refused(422, "required_variable_missing body");
        put("/v1/templates/email/invitation", json!({ "body": "{{otp_code}}" })).await.refused(422, "required_variable_missing body");
        for bad in ["a b", "a@b", "a\r\nBcc: x", ".a", "a..b", "ä"] {
            put(CODE, json!({ "from_email_name": bad })).await.refused(422, "form_param_format_invalid from_email_name");
            put(CODE, json!({ "reply_to_email_name": bad })).await.refused(422, "form_param_format_invalid reply_to_email_name");
        }
        put(CODE, json!({ "nothing": 1 })).await.refused(422, "form_param_unknown nothing");
        let text = "/v1/templates/sms/verification_code";
        put(text, json!({ "subject": "x" })).await.refused(422, "form_param_unknown subject");
        put(text, json!({ "from_email_name": "x" })).await.refused(422, "form_param_unknown from_email_name");
        put(text, json!({ "body": "x".repeat(481) + "{{otp_code}}" })).await.refused(422, "sms_max_length_exceeded body");
        server.put(text, json!({ "body": "{{otp_code}} & {{app.name}}" })).await.ok();
        put("/v1/templates/email/x", json!({})).await.refused(404, "resource_not_found");
        // Https, mail and our own places are fine.
        let fine = "{{otp_code}}<a href=\"https://example.com\">a</a><a href=\"mailto:a@b.co\">b</a><img src=\"https://example.com/a.png\"><a href=\"{{app.url}}/x\">c</a>";
        server.put(CODE, json!({ "body": fine })).await.ok();
    }

    async fn a_template_that_breaks_later_stops_nobody(world: World) {
        put(&world.server(), CODE, json!({ "body": "<p>{{otp_code}}</p>" })).await;
        // As another version, or a hand in the database, would leave it: what does not parse, and what never ends.
        let endless = (0..12).fold("{{otp_code}}".to_owned(), |inner, up| format!("{{{{#each {}app}}}}{inner}{{{{/each}}}}", "../".repeat(11 - up)));
        let mut id = String::new();
        for (n, broken) in ["{{#if", endless.as_str()].into_iter().enumerate() {
            let mut tx = world.app.db.write("").await.unwrap();
            tx.run("UPDATE templates SET body = ?, updated_at = updated_at + 1", &[usher_db::Value::Text(broken.to_owned())]).await.unwrap();
            tx.commit().await.unwrap();
            id = code(&world, if n == 0 { "eve@example.com" } else { "ada@example.com" }).await;
            assert!(newest(&world).await[4].contains("<!doctype html>"), "the shipped one is sent");
        }
        world.advance_minutes(1);
        let otp = world.code("ada@example.com").await;
        let form = [("strategy", "email_code"), ("code", otp.as_str())];
        assert_eq!(world.browser().post(&format!("/v1/client/sign_ups/{id}/attempt_verification"), &form).await.status, 404, "of another browser");
    }

    async fn a_preview_shows_and_stores_nothing(world: World) {
        let server = world.server();
        let path = format!("{CODE}/preview");
        let shown = world.unchanged(server.post(&path, json!({ "subject": "{{otp_code}}\n!", "body": "<b>{{otp_code}}</b>", "from_email_name": "hello" }))).await.ok();
        assert_eq!(shown, json!({ "subject": "424242 !", "body": "<b>424242</b>", "from_email_address": "Usher <hello@localhost>", "reply_to_email_address": "Usher <no-reply@localhost>" }));
        let as_it_is = world.unchanged(server.post(&path, json!({}))).await.ok();
        assert!(as_it_is["body"].as_str().unwrap().contains(">424242<"));
        for one in server.get("/v1/templates/email").await.ok().as_array().unwrap() {
            let shown = server.post(&format!("/v1/templates/email/{}/preview", one["slug"].as_str().unwrap()), json!({})).await.ok();
            assert!(!shown["body"].as_str().unwrap().contains("{{"), "{shown}");
        }
        let text = world.unchanged(server.post("/v1/templates/sms/verification_code/preview", json!({}))).await.ok();
        assert!(text["subject"].is_null() && text["body"].as_str().unwrap().ends_with("#424242"), "{text}");
        world.unchanged(server.post(&path, json!({ "body": "{{#if}}" }))).await.refused(422, "invalid_template_body body");
        world.unchanged(server.post(&path, json!({ "body": "<script></script>" }))).await.refused(422, "invalid_template_body body");
        world.unchanged(server.post(&path, json!({ "from_email_name": "a@b" }))).await.refused(422, "form_param_format_invalid from_email_name");
    }

    async fn what_the_operator_delivers_is_not_sent(world: World) {
        let server = world.server();
        let path = format!("{CODE}/toggle_delivery");
        let off = server.post(&path, json!({ "delivered_by_clerk": false })).await.ok();
        assert_eq!((&off["delivered_by_clerk"], &off["resource_type"], &off["can_revert"]), (&json!(false), &json!("system"), &json!(false)));
        code(&world, "ada@example.com").await;
        assert_eq!(world.count("messages").await, 0);
        let on = server.post(&path, json!({ "delivered_by_clerk": true })).await.ok();
        assert_eq!(on["delivered_by_clerk"], true);
        code(&world, "bob@example.com").await;
        assert_eq!(world.count("messages").await, 1);
        world.unchanged(server.post(&path, json!({}))).await.refused(422, "form_param_missing delivered_by_clerk");
    }
}
