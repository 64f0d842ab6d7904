//! What anonymous callers leave behind is forgotten again, and nobody is signed out by that.
use usher_server::serve::{housekeeping, sweep_ended};

both! {
    production async fn clients_without_anybody_are_forgotten_after_a_day(world: World) {
        for _ in 0..3 {
            world.browser().post("/v1/client", &[]).await.ok();
        }
        let visitor = world.browser();
        visitor.start_sign_up(&[("first_name", "Ada")]).await;
        let (ada, _, session) = world.signed_in("ada@example.com").await;
        world.advance_minutes(23 * 60);
        sweep_ended(&world.app).await.unwrap();
        assert_eq!(world.count("clients").await, 5);
        world.advance_minutes(2 * 60);
        world.changes_only(&["clients"], async {
            sweep_ended(&world.app).await.unwrap();
            world.browser().get("/v1/environment").await
        }).await;
        assert_eq!(world.count("clients").await, 1);
        ada.mint(&session).await.ok();
        // Whose client is gone is a new visitor, and no error.
        let answer = visitor.get("/v1/client").await;
        assert!(answer.response().is_null());
        assert!(answer.cookie("__client").unwrap().contains("Max-Age=0"));
        assert_eq!(visitor.cookie("__client"), None);
        visitor.sign_up("eve@example.com").await;
        housekeeping(&world.app).await.unwrap();
        assert_eq!(visitor.session_ids().await.len(), 1);
    }

    production async fn a_dead_cookie_starts_anew_without_a_word(world: World) {
        world.user_without_password("ada@example.com").await;
        let visitor = world.browser();
        visitor.post("/v1/client", &[]).await.ok();
        let before = visitor.cookie("__client");
        world.advance_days(2);
        sweep_ended(&world.app).await.unwrap();
        assert_eq!(world.count("clients").await, 0);
        // Straight into a sign-in, with the dead cookie in the jar.
        visitor.sign_in("ada@example.com").await;
        assert_ne!(visitor.cookie("__client"), before);
        assert_eq!(visitor.session_ids().await.len(), 1);
    }

    production async fn clients_and_sessions_go_when_all_has_ended_long_ago(world: World) {
        let (ada, _, session) = world.signed_in("ada@example.com").await;
        let (bob, _, _) = world.signed_in("bob@example.com").await;
        bob.delete("/v1/client/sessions").await.ok();
        world.advance_days(8);
        // Ada's session ended by itself; Eve's is new.
        let (eve, _, live) = world.signed_in("eve@example.com").await;
        for _ in 0..4 {
            world.advance_days(6);
            sweep_ended(&world.app).await.unwrap();
            eve.mint(&live).await;
        }
        assert_eq!((world.count("clients").await, world.count("sessions").await), (2, 3));
        ada.mint(&session).await.refused(401, "authentication_invalid");
        world.advance_days(7);
        sweep_ended(&world.app).await.unwrap();
        assert_eq!((world.count("clients").await, world.count("sessions").await), (1, 3));
        world.advance_days(100);
        sweep_ended(&world.app).await.unwrap();
        assert_eq!((world.count("clients").await, world.count("sessions").await), (0, 0));
        assert_eq!(world.count("users").await, 3);
        assert!(ada.get("/v1/client").await.response().is_null());
    }

    production async fn a_long_session_keeps_its_client_however_still_it_is(world: World) {
        world.settings(|s| s.session_lifetime_secs = 400 * 24 * 3600).await;
        let (ada, _, session) = world.signed_in("ada@example.com").await;
        world.advance_days(300);
        sweep_ended(&world.app).await.unwrap();
        ada.mint(&session).await.ok();
        assert_eq!(world.count("sessions").await, 1);
    }

    async fn messages_go_after_a_week_and_more_than_one_batch_is_no_trouble(world: World) {
        world.user_without_password("ada@example.com").await;
        world.browser().pending_sign_in("ada@example.com").await;
        assert_eq!(world.count("messages").await, 1);
        for _ in 0..1100 {
            world.browser().post("/v1/client", &[]).await.ok();
        }
        world.advance_days(6);
        sweep_ended(&world.app).await.unwrap();
        assert_eq!((world.count("messages").await, world.count("clients").await), (1, 0));
        world.advance_days(2);
        sweep_ended(&world.app).await.unwrap();
        assert_eq!(world.count("messages").await, 0);
    }

    production async fn each_instance_keeps_by_its_own_settings(world: World) {
        let (other, _, instance) = world.other_instance("other").await;
        world.settings_of(&instance, |s| s.retention.anonymous_client_days = 20).await;
        other.post("/v1/client", &[]).await.ok();
        world.browser().post("/v1/client", &[]).await.ok();
        world.advance_days(2);
        sweep_ended(&world.app).await.unwrap();
        assert_eq!(world.rows("SELECT instance_id FROM clients", &[]).await, [instance.row.id.as_str()]);
    }
}
