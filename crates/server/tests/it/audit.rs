//! The audit log (promise P10; requirements §7): every change leaves its row, the rows are a chain, erasure keeps it valid.
use crate::browser::PASSWORD;
use crate::world::World;
use serde_json::json;
use tokio::task::JoinSet;
use usher_db::Value;
use usher_server::audit::verify::{self, Checkpoint, Verdict};
use usher_types::Error;

async fn walk(world: &World, checkpoint: Option<&Checkpoint>) -> Verdict {
    let instance = world.instance();
    let mut tx = world.app.db.read(instance.row.id.as_str()).await.unwrap();
    verify::walk(&mut tx, &instance.audit_key, checkpoint)
        .await
        .unwrap()
}

/// The rows of a chain that is whole.
async fn whole(world: &World) -> (i64, i64, String) {
    match walk(world, None).await {
        Verdict::Whole { rows, erased, hash } => (rows, erased, hash),
        Verdict::Broken { seq, what } => panic!("row {seq}: {what}"),
    }
}

/// Does to the database what nobody should.
async fn tamper(world: &World, sql: &str) {
    let write = async || {
        usher_db::write_tx!(world.app.db, "", tx => {
            tx.run(sql, &[]).await?;
            Ok::<_, Error>(())
        })
    };
    write().await.unwrap();
}

/// `actor event outcome` of the rows of the newest request.
async fn last(world: &World) -> Vec<String> {
    let text = "SELECT actor_type || ' ' || event || ' ' || outcome FROM audit_logs WHERE trace_id = (SELECT trace_id FROM audit_logs WHERE trace_id <> '' ORDER BY seq DESC LIMIT 1) ORDER BY seq";
    world.rows(text, &[]).await
}

both! {
    async fn p10_audit_complete_a_change_says_who_did_what_to_whom(world: World) {
        let user = world.user("ada@example.com").await;
        assert_eq!(last(&world).await, ["secret_key user.created success", "secret_key email_address.created success"]);
        let browser = world.browser();
        browser.sign_in_with_password("ada@example.com", PASSWORD).await.ok();
        assert_eq!(last(&world).await, ["client sign_in.created success", "user session.created success", "user sign_in.completed success"]);
        browser.patch("/v1/me", &[("first_name", "Ada")]).await.ok();
        assert_eq!(last(&world).await, ["user user.updated success"]);
        let list = world.server().get("/v1/audit_logs?limit=1").await.ok();
        let event = &list["data"][0];
        assert_eq!((event["type"].as_str(), event["actor"].as_str(), event["subject"].as_str()), (Some("user.updated"), Some(user.id.as_str()), Some(user.id.as_str())), "{event}");
        assert_eq!((event["source"].as_str(), event["event_context"]["device"]["ip_address"].as_str()), (Some("fapi"), Some("127.0.0.1")), "{event}");
        assert!(event["session_id"].as_str().unwrap().starts_with("sess_") && event["client_id"].as_str().unwrap().starts_with("client_"), "{event}");
        let name = format!("{}:{}", event["event_time"], event["id"].as_str().unwrap());
        let shown = world.server().get(&format!("/v1/audit_logs/{name}")).await.ok();
        assert_eq!(shown["payload"]["changes"], json!(["first_name"]));
        assert_eq!(shown["payload"]["outcome"], json!("success"));
        // Names of fields, never what they hold.
        let rows = world.rows("SELECT event || changes || COALESCE(subject, '') || COALESCE(actor_id, '') FROM audit_logs", &[]).await.join("\n");
        assert!(!rows.contains("Ada") && !rows.contains("example.com"), "{rows}");
    }

    async fn p10_audit_complete_wrong_passwords_and_the_lock_are_recorded(world: World) {
        world.user("ada@example.com").await;
        world.settings(|s| s.lockout_max_attempts = 5).await;
        let browser = world.browser();
        browser.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        assert_eq!(last(&world).await, ["client sign_in.password.failed failure"]);
        for _ in 0..3 {
            browser.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        }
        assert_eq!(last(&world).await, ["client sign_in.password.failed failure"]);
        browser.sign_in_with_password("ada@example.com", "wrong horse 9").await.refused(422, "form_password_incorrect password");
        assert_eq!(last(&world).await, ["client sign_in.password.failed failure", "system user.locked success"]);
    }

    async fn p10_audit_complete_what_changes_nothing_leaves_no_row(world: World) {
        let (browser, user, session) = world.signed_in("ada@example.com").await;
        let before = whole(&world).await.0;
        browser.mint(&session).await.ok();
        browser.get("/v1/me").await.ok();
        browser.patch("/v1/me", &[("username", "!")]).await;
        world.server().patch("/v1/users/user_unknown", json!({ "first_name": "x" })).await.refused(404, "resource_not_found");
        world.server().post("/v1/users", json!({ "email_address": ["ada@example.com"], "skip_password_requirement": true })).await.refused(422, "form_identifier_exists email_address");
        world.server().get(&format!("/v1/users/{}", user.id)).await.ok();
        assert_eq!(whole(&world).await.0, before);
    }

    async fn p10_audit_tamper_an_edited_row_is_named(world: World) {
        world.signed_in("ada@example.com").await;
        whole(&world).await;
        tamper(&world, "UPDATE audit_logs SET event = 'user.updated' WHERE seq = 3").await;
        assert_eq!(walk(&world, None).await, Verdict::Broken { seq: 3, what: "it was edited" });
    }

    async fn p10_audit_tamper_a_deleted_row_is_named(world: World) {
        world.signed_in("ada@example.com").await;
        tamper(&world, "DELETE FROM audit_logs WHERE seq = 2").await;
        assert!(matches!(walk(&world, None).await, Verdict::Broken { seq: 2, .. }));
    }

    async fn p10_audit_tamper_reordered_rows_are_named(world: World) {
        world.signed_in("ada@example.com").await;
        tamper(&world, "UPDATE audit_logs SET seq = -1 WHERE seq = 2").await;
        tamper(&world, "UPDATE audit_logs SET seq = 2 WHERE seq = 3").await;
        tamper(&world, "UPDATE audit_logs SET seq = 3 WHERE seq = -1").await;
        assert!(matches!(walk(&world, None).await, Verdict::Broken { seq: 2, .. }));
    }

    async fn p10_audit_tamper_a_chain_that_was_cut_off_is_noticed(world: World) {
        world.signed_in("ada@example.com").await;
        let (rows, _, hash) = whole(&world).await;
        tamper(&world, &format!("DELETE FROM audit_logs WHERE seq = {rows}")).await;
        assert!(matches!(walk(&world, None).await, Verdict::Broken { seq, .. } if seq == rows));
        // The end set back to the row that is the last one now: its seal cannot be made without the key.
        tamper(&world, &format!("UPDATE audit_heads SET seq = {0}, hash = (SELECT hash FROM audit_logs WHERE seq = {0}), seal = (SELECT seal FROM audit_logs WHERE seq = {0})", rows - 1)).await;
        assert!(matches!(walk(&world, None).await, Verdict::Broken { seq, .. } if seq == rows - 1));
        let checkpoint = Checkpoint { seq: rows, hash };
        assert!(matches!(walk(&world, Some(&checkpoint)).await, Verdict::Broken { .. }));
    }

    async fn p10_audit_tamper_personal_data_can_be_neither_edited_nor_erased_by_hand(world: World) {
        world.signed_in("ada@example.com").await;
        let seq: i64 = world.rows("SELECT CAST(seq AS TEXT) FROM audit_logs WHERE person IS NOT NULL ORDER BY seq LIMIT 1", &[]).await[0].parse().unwrap();
        tamper(&world, &format!("UPDATE audit_logs SET ip_address = '10.0.0.9' WHERE seq = {seq}")).await;
        assert_eq!(walk(&world, None).await, Verdict::Broken { seq, what: "its personal data was edited" });
        tamper(&world, &format!("UPDATE audit_logs SET ip_address = NULL, user_agent = NULL, salt = NULL WHERE seq = {seq}")).await;
        assert!(matches!(walk(&world, None).await, Verdict::Broken { seq: found, .. } if found == seq));
    }

    async fn p10_audit_a_chain_stays_gap_free_under_parallel_changes(world: World) {
        let mut ids = Vec::new();
        for n in 0..8 {
            ids.push(world.user_without_password(&format!("u{n}@example.com")).await.id);
        }
        let before = whole(&world).await.0;
        let mut set = JoinSet::new();
        for n in 0..64 {
            let (server, id) = (world.server(), ids[n % 8].clone());
            set.spawn(async move { server.patch(&format!("/v1/users/{id}/metadata"), json!({ "public_metadata": { "n": n } })).await.ok(); });
        }
        while let Some(done) = set.join_next().await {
            done.unwrap();
        }
        assert_eq!(whole(&world).await.0, before + 64);
    }

    async fn p12_erase_a_deleted_user_leaves_no_address_in_the_log_and_the_chain_whole(world: World) {
        let (ada, user, _) = world.signed_in("ada@example.com").await;
        let (bob, _, _) = world.signed_in("bob@example.com").await;
        let of = |id: &str| vec![Value::Text(id.to_owned())];
        let held = "SELECT ip_address FROM audit_logs WHERE person = ? AND (ip_address IS NOT NULL OR user_agent IS NOT NULL OR salt IS NOT NULL)";
        assert!(!world.rows(held, &of(&user.id)).await.is_empty());
        ada.delete("/v1/me").await.ok();
        assert_eq!(world.rows(held, &of(&user.id)).await, Vec::<String>::new());
        let (_, erased, _) = whole(&world).await;
        assert!(erased > 0);
        // Others keep theirs, and the operator's deletion erases as well.
        let kept = "SELECT person FROM audit_logs WHERE ip_address IS NOT NULL AND person IS NOT NULL";
        let other = world.rows(kept, &[]).await[0].clone();
        world.server().delete(&format!("/v1/users/{other}")).await.ok();
        assert_eq!(world.rows(held, &of(&other)).await, Vec::<String>::new());
        assert!(whole(&world).await.1 > erased);
        bob.get("/v1/me").await.refused(401, "authentication_invalid");
    }

    async fn the_log_is_read_by_page_and_by_filter(world: World) {
        let (_, user, _) = world.signed_in("ada@example.com").await;
        let server = world.server();
        let all = server.get("/v1/logs?limit=500").await.ok();
        let ids = |list: &serde_json::Value| list["data"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let every = ids(&all);
        assert_eq!(all["cursor"]["has_next_page"], json!(false));
        let mut walked = Vec::new();
        let mut target = "/v1/logs?limit=2".to_owned();
        loop {
            let page = server.get(&target).await.ok();
            walked.extend(ids(&page));
            if page["cursor"]["has_next_page"] == json!(false) {
                break;
            }
            target = format!("/v1/logs?limit=2&starting_after={}", page["cursor"]["starting_after"].as_str().unwrap());
        }
        assert_eq!(walked, every);
        let third = &all["data"][2];
        let back = server.get(&format!("/v1/logs?ending_before={}:{}", third["event_time"], third["id"].as_str().unwrap())).await.ok();
        assert_eq!(ids(&back), every[..2]);
        for (query, fits) in [
            (format!("subject={}", user.id), 1),
            ("type=sign_in.*".to_owned(), 3),
            ("type=session.created".to_owned(), 1),
            (format!("type=session.created&subject={}&filter_match=any", user.id), 2),
            ("ip_address=10.9.9.9".to_owned(), 0),
            ("event_time_after=9000000000000".to_owned(), 0),
        ] {
            assert_eq!(ids(&server.get(&format!("/v1/logs?{query}")).await.ok()).len(), fits, "{query}");
        }
        world.unchanged(server.get("/v1/logs?starting_after=1:evt_x")).await.refused(422, "form_param_value_invalid starting_after");
        world.unchanged(server.get("/v1/audit_logs/1:evt_x")).await.refused(404, "resource_not_found");
        world.unchanged(server.get("/v1/audit_logs/x")).await.refused(404, "resource_not_found");
        world.unchanged(server.get("/v1/logs?limit=501")).await.refused(422, "form_param_value_invalid limit");
        let (_, foreign, _) = world.other_instance("other").await;
        let name = format!("{}:{}", third["event_time"], third["id"].as_str().unwrap());
        foreign.get(&format!("/v1/logs/{name}")).await.refused(404, "resource_not_found");
    }
}
