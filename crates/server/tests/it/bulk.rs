//! Bodies that are lists: invitations and waitlist entries, all of them or none.
use bytes::Bytes;
use serde_json::{Value, json};

fn people(count: usize) -> Value {
    let one = |i| json!({ "email_address": format!("p{i}@example.com") });
    Value::Array((0..count).map(one).collect())
}

const LISTS: [(&str, usize); 2] = [
    ("/v1/invitations/bulk", 10),
    ("/v1/waitlist_entries/bulk", 50),
];

both! {
    async fn lists_are_taken_whole(world: World) {
        for (path, most) in LISTS {
            let before = world.count("messages").await;
            let mut all = people(most);
            all[1]["notify"] = false.into();
            let made = world.server().post(path, all).await.ok();
            let made = made.as_array().unwrap().clone();
            assert_eq!(made.len(), most);
            assert!(made.iter().enumerate().all(|(i, one)| one["email_address"] == format!("p{i}@example.com") && one["status"] == "pending"));
            assert_eq!(world.count("messages").await - before, most - 1);
        }
        assert_eq!(world.server().get("/v1/invitations?paginated=true").await.ok()["total_count"], 10);
        assert_eq!(world.server().get("/v1/waitlist_entries").await.ok()["total_count"], 50);
    }

    async fn what_is_no_list_of_objects_is_refused(world: World) {
        let server = world.server();
        for (path, most) in LISTS {
            for bad in ["", "{}", "null", "7", "[]", "[1]", "[[]]", "[{}", "[{\"email_address\":\"a@b.co\"},null]"] {
                let sent = server.send("POST", path, Some("application/json"), Bytes::from_static(bad.as_bytes()));
                world.unchanged(sent).await.refused(400, "request_body_invalid");
            }
            world.unchanged(server.post(path, people(most + 1))).await.refused(400, "bulk_size_exceeded");
            let form = server.send("POST", path, Some("application/x-www-form-urlencoded"), Bytes::from_static(b"email_address=a%40b.co"));
            world.unchanged(form).await.refused(415, "unsupported_content_type");
            for (item, refusal) in [
                (json!({}), "form_param_missing email_address"),
                (json!({ "email_address": "" }), "form_param_nil email_address"),
                (json!({ "email_address": "no" }), "form_param_format_invalid email_address"),
                (json!({ "email_address": "a@b.co", "x": 1 }), "form_param_unknown x"),
                (json!({ "email_address": "a@b.co", "notify": "perhaps" }), "form_param_type_invalid notify"),
            ] {
                // One bad item, and nobody is invited.
                let all = json!([{ "email_address": "good@example.com" }, item]);
                world.unchanged(server.post(path, all)).await.refused(422, refusal);
            }
        }
    }

    async fn invitations_of_a_list_are_all_or_none(world: World) {
        let server = world.server();
        let (path, address) = ("/v1/invitations/bulk", "ada@example.com");
        world.user_without_password(address).await;
        server.post("/v1/invitations", json!({ "email_address": "bob@example.com" })).await.ok();
        let list = |more: Value| json!([{ "email_address": "new@example.com" }, more]);
        world.unchanged(server.post(path, list(json!({ "email_address": "bob@example.com" })))).await.refused(400, "duplicate_record email_address");
        world.unchanged(server.post(path, list(json!({ "email_address": "NEW@example.com" })))).await.refused(400, "duplicate_record email_address");
        // A list is not held against the users.
        for ignore in [false, true] {
            world.unchanged(server.post(path, list(json!({ "email_address": address, "ignore_existing": ignore })))).await.refused(422, "form_identifier_exists email_address");
            let alone = json!([{ "email_address": address, "ignore_existing": ignore }]);
            world.unchanged(server.post(path, alone)).await.refused(422, "form_identifier_exists email_address");
        }
        world.unchanged(server.post(path, list(json!({ "email_address": "c@example.com", "redirect_url": "https://evil.example/" })))).await.refused(422, "redirect_url_not_associated_with_instance redirect_url");
        let made = server.post(path, list(json!({ "email_address": "bob@example.com", "ignore_existing": true, "public_metadata": { "a": 1 } }))).await.ok();
        assert_eq!((made.as_array().unwrap().len(), &made[1]["public_metadata"]), (2, &json!({ "a": 1 })));
    }

    async fn who_waits_already_is_not_put_on_the_list_again(world: World) {
        let server = world.server();
        let path = "/v1/waitlist_entries/bulk";
        let one = server.post("/v1/waitlist_entries", json!({ "email_address": "ada@example.com" })).await.ok();
        world.unchanged(server.post(path, json!([{ "email_address": "b@example.com" }, { "email_address": "B@example.com" }]))).await.refused(422, "form_param_duplicate email_address");
        let made = server.post(path, json!([{ "email_address": "ada@example.com" }, { "email_address": "b@example.com" }])).await.ok();
        assert_eq!((&made[0]["id"], world.count("waitlist_entries").await), (&one["id"], 2));
        // One mail for each who is new.
        assert_eq!(world.count("messages").await, 2);
    }

    production async fn an_instance_invites_so_many_people_in_an_hour(world: World) {
        world.settings(|s| s.limits.factor = 1).await;
        let server = world.server();
        for i in 0..25 {
            server.post("/v1/invitations/bulk", json!([{ "email_address": format!("p{i}@example.com"), "notify": false }])).await.ok();
        }
        let refused = server.post("/v1/invitations/bulk", json!([{ "email_address": "p99@example.com" }])).await;
        refused.refused(429, "too_many_requests");
        assert!(refused.header("retry-after").is_some());
        world.advance_minutes(61);
        server.post("/v1/invitations/bulk", json!([{ "email_address": "p99@example.com" }])).await.ok();
    }
}
