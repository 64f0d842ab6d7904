//! Usage (promise P14): who was active in a month is counted once, exactly, and nobody is kept out by it.
use crate::world::World;
use serde_json::json;
use tokio::task::JoinSet;
use usher_types::{Error, Timestamp};

async fn active(world: &World, month: &str) -> i64 {
    let answer = world
        .server()
        .get(&format!("/v1/usage?month={month}"))
        .await
        .ok();
    answer["data"][0]["monthly_active_users"]
        .as_i64()
        .unwrap_or(0)
}

async fn run(world: &World, sql: &str) {
    let write = async || {
        usher_db::write_tx!(world.app.db, "", tx => {
            tx.run(sql, &[]).await?;
            Ok::<_, Error>(())
        })
    };
    write().await.unwrap();
}

both! {
    async fn p14_mau_exact(world: World) {
        // Nobody who only exists is active.
        world.user_without_password("idle@example.com").await;
        assert_eq!(active(&world, "2026-01").await, 0);
        let (ada, _, session) = world.signed_in("ada@example.com").await;
        ada.mint(&session).await.ok();
        world.advance_secs(60);
        world.browser().sign_in("ada@example.com").await;
        assert_eq!(active(&world, "2026-01").await, 1, "one user, two sessions");
        // Ten seconds before and after the month ends: the activity was noted a moment ago, and counts all the same.
        let end = Timestamp::from_rfc3339("2026-01-31T23:59:50Z").unwrap();
        world.settings(|s| s.session_inactivity_secs = 0).await;
        world.settings(|s| s.session_lifetime_secs = 365 * 24 * 3600).await;
        let session = { world.advance_ms(end.since(world.now())); ada.delete("/v1/client/sessions").await.ok(); ada.sign_in("ada@example.com").await };
        assert_eq!((active(&world, "2026-01").await, active(&world, "2026-02").await), (1, 0));
        world.advance_secs(20);
        ada.mint(&session).await.ok();
        assert_eq!((active(&world, "2026-01").await, active(&world, "2026-02").await), (1, 1));
        let before = world.snapshot().await;
        world.advance_secs(20);
        ada.mint(&session).await.ok();
        assert_eq!(world.snapshot().await, before, "no write a token");
        // Who acts as somebody does not make somebody active.
        let (bob, user, acted) = world.signed_in("bob@example.com").await;
        run(&world, &format!("DELETE FROM usage_months WHERE subject = '{}'", user.id)).await;
        run(&world, &format!("UPDATE sessions SET actor = '{{\"sub\":\"user_support\"}}' WHERE id = '{acted}'")).await;
        world.advance_minutes(2);
        bob.mint(&acted).await.ok();
        assert_eq!(active(&world, "2026-02").await, 1);
        // Deleted users were active.
        ada.delete("/v1/me").await.ok();
        assert_eq!(active(&world, "2026-02").await, 1);
        let all = world.server().get("/v1/usage").await.ok();
        assert_eq!(all["data"], json!([{ "month": "2026-02", "monthly_active_users": 1, "monthly_active_organizations": 0 }, { "month": "2026-01", "monthly_active_users": 1, "monthly_active_organizations": 0 }]));
        let (_, foreign, _) = world.other_instance("other").await;
        assert_eq!(foreign.get("/v1/usage").await.ok()["data"], json!([]));
        world.unchanged(world.server().get("/v1/usage?month=2026-13")).await.refused(422, "form_param_format_invalid month");
    }

    async fn p14_mao(world: World) {
        world.settings(|s| { s.organizations.enabled = true; s.session_inactivity_secs = 0; }).await;
        world.settings(|s| s.session_lifetime_secs = 365 * 24 * 3600).await;
        let counted = async |month: &str| {
            let answer = world.server().get(&format!("/v1/usage?month={month}")).await.ok();
            answer["data"][0]["monthly_active_organizations"].as_i64().unwrap_or(0)
        };
        let server = world.server();
        let (ada, user, session) = world.signed_in("ada@example.com").await;
        let others = [world.user_without_password("bob@example.com").await, world.user_without_password("eve@example.com").await, world.user_without_password("idle@example.com").await];
        let create = async |by: &str| server.post("/v1/organizations", json!({ "name": "Acme", "created_by": by })).await.ok()["id"].as_str().unwrap().to_owned();
        let join = async |organization: &str, user: &str| server.post(&format!("/v1/organizations/{organization}/memberships"), json!({ "user_id": user, "role": "org:member" })).await.ok();
        // One member alone is no active organization; a second one makes it one, for the first is active.
        let (one, two, idle) = (create(&user.id).await, create(&user.id).await, create(&others[1].id).await);
        assert_eq!(counted("2026-01").await, 0);
        join(&one, &others[0].id).await;
        assert_eq!(counted("2026-01").await, 1);
        join(&one, &others[1].id).await;
        join(&idle, &others[2].id).await;
        assert_eq!(counted("2026-01").await, 1, "once, and none whose members were not there");
        // A new month counts from its first activity, and what has one member does not.
        world.advance_days(40);
        assert_eq!(counted("2026-02").await, 0);
        ada.mint(&session).await.ok();
        assert_eq!((counted("2026-01").await, counted("2026-02").await), (1, 1));
        server.delete(&format!("/v1/organizations/{one}")).await.ok();
        assert_eq!(counted("2026-02").await, 1, "it was active");
        join(&two, &others[0].id).await;
        assert_eq!(counted("2026-02").await, 2);
        let (_, foreign, _) = world.other_instance("other").await;
        assert_eq!(foreign.get("/v1/usage").await.ok()["data"], json!([]));
    }

    async fn p14_concurrent(world: World) {
        let (ada, _, session) = world.signed_in("ada@example.com").await;
        world.settings(|s| s.session_inactivity_secs = 0).await;
        world.settings(|s| s.session_lifetime_secs = 365 * 24 * 3600).await;
        world.advance_secs(60);
        let session2 = { ada.delete("/v1/client/sessions").await.ok(); ada.sign_in("ada@example.com").await };
        assert_ne!(session, session2);
        run(&world, "DELETE FROM usage_months").await;
        world.advance_days(40);
        let mut set = JoinSet::new();
        for _ in 0..64 {
            let (ada, session) = (ada.thief(), session2.clone());
            set.spawn(async move { ada.mint(&session).await.ok(); });
        }
        while let Some(done) = set.join_next().await {
            done.unwrap();
        }
        assert_eq!(world.count("usage_months").await, 1);
        assert_eq!(active(&world, "2026-02").await, 1);
    }

    async fn p14_no_enforcement(world: World) {
        let many: Vec<String> = (0..10_000).map(|n| format!("('{}', '2026-01', 'user', 'user_x{n}', 0)", world.instance().row.id)).collect();
        run(&world, &format!("INSERT INTO usage_months (instance_id, month, kind, subject, first_at) VALUES {}", many.join(", "))).await;
        let (ada, _, session) = world.signed_in("ada@example.com").await;
        ada.mint(&session).await.ok();
        assert_eq!(active(&world, "2026-01").await, 10_001);
    }
}
