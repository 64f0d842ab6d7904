//! Promise P5: passwords that are known from breaches, by a range service and by a file on this machine.
use crate::browser::PASSWORD;
use crate::doors::Doors;
use crate::range_service::{Mood, RangeService};
use crate::world::World;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use usher_breached::{Breached, Filter, Input, Plan};
use usher_server::instances::settings::Unchecked;

/// Known to the service, and to nobody else.
const KNOWN: &str = "kestrel marmalade 58";

/// The world with a service that is asked.
async fn asked(world: &World) -> (World, RangeService) {
    let service = RangeService::start().await;
    service.knows(KNOWN, 3);
    let breached = service.breached();
    let world = world.restarted(|options| options.breached = breached).await;
    (world, service)
}

async fn try_sign_up(world: &World, password: &str) -> crate::answer::Answer {
    world
        .browser()
        .post("/v1/client/sign_ups", &[("password", password)])
        .await
}

both! {
    async fn p5_reject_new_passwords_that_are_known(world: World) {
        let (world, service) = asked(&world).await;
        let mut doors = Doors::new(&world, "ada@example.com").await;
        doors.refuse(KNOWN, "form_password_pwned").await;
        doors.take("kestrel marmalade 59").await;
        assert!(service.requests() >= 2);
        let path = "/v1/users";
        let waived = json!({ "email_address": ["eve@example.com"], "password": KNOWN, "skip_password_checks": true });
        world.server().post(path, waived).await.ok();
    }

    async fn p5_sign_in_with_a_known_password_leads_to_a_reset(world: World) {
        let (world, service) = asked(&world).await;
        let made = json!({ "password": KNOWN, "skip_password_checks": true });
        world.user_with("ada@example.com", made).await;
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", KNOWN).await.response()["status"], "complete");
        world.settings(|s| s.password.enforce_hibp_on_sign_in = true).await;
        let environment = world.browser().get("/v1/environment").await.ok();
        assert_eq!(environment["user_settings"]["password_settings"]["enforce_hibp_on_sign_in"], true);
        let sessions = world.count("sessions").await;
        let ada = world.browser();
        ada.sign_in_with_password("ada@example.com", "another lark 33").await.refused(422, "form_password_incorrect password");
        assert_eq!(service.requests(), 0, "nobody is asked about a wrong password");
        ada.sign_in_with_password("ada@example.com", KNOWN).await.refused(422, "form_password_pwned password");
        assert_eq!(service.requests(), 1);
        // By the second step it is the same.
        let started = ada.start_sign_in("ada@example.com").await;
        let id = started["id"].as_str().unwrap();
        ada.attempt_password(id, KNOWN).await.refused(422, "form_password_pwned password");
        // And it stays so when the service falls silent, and by mail.
        service.set(Mood::Status(500));
        world.advance_days(2);
        ada.sign_in_with_password("ada@example.com", KNOWN).await.refused(422, "form_password_compromised password");
        let id = ada.pending_sign_in("ada@example.com").await;
        let code = world.code("ada@example.com").await;
        assert_eq!(ada.attempt_code(&id, &code).await.response()["status"], "needs_new_password");
        assert_eq!(world.count("sessions").await, sessions);
        service.set(Mood::Well);
        let reset = format!("/v1/client/sign_ins/{id}/reset_password");
        world.advance_minutes(2);
        world.unchanged(ada.post(&reset, &[("password", KNOWN)])).await.refused(422, "form_password_pwned password");
        assert_eq!(ada.post(&reset, &[("password", "another lark 33")]).await.response()["status"], "complete");
        assert_eq!(world.browser().sign_in_with_password("ada@example.com", "another lark 33").await.response()["status"], "complete");
    }

    async fn p5_sign_in_looks_through_the_lists_of_this_machine_too(world: World) {
        world.user_with("ada@example.com", json!({ "password": "password1", "skip_password_checks": true })).await;
        world.settings(|s| { s.password.enforce_hibp_on_sign_in = true; s.hibp = false; }).await;
        world.browser().sign_in_with_password("ada@example.com", "password1").await.refused(422, "form_password_pwned password");
        world.user("bob@example.com").await;
        assert_eq!(world.browser().sign_in_with_password("bob@example.com", PASSWORD).await.response()["status"], "complete");
    }

    async fn p5_privacy_five_digits_leave_and_nothing_else(world: World) {
        let (world, service) = asked(&world).await;
        try_sign_up(&world, KNOWN).await.refused(422, "form_password_pwned password");
        try_sign_up(&world, KNOWN).await.refused(422, "form_password_pwned password");
        world.server().post("/v1/users", json!({ "email_address": ["ada@example.com"], "password": KNOWN })).await.refused(422, "form_password_pwned password");
        let seen = service.seen.lock().unwrap().clone();
        assert_eq!(seen.len(), 1, "an answer is kept");
        let mut lines: Vec<&str> = seen[0].trim_end().lines().collect();
        let prefix: String = usher_breached::digest(KNOWN)[..3].iter().map(|b| format!("{b:02X}")).collect();
        assert_eq!(lines.remove(0), format!("GET /range/{} HTTP/1.1", &prefix[..5]));
        lines.sort_unstable();
        let names: Vec<&str> = lines.iter().map(|l| l.split(':').next().unwrap()).collect();
        assert_eq!(names, ["accept-encoding", "add-padding", "connection", "host", "user-agent"]);
        assert!(lines.contains(&"add-padding: true") && lines.contains(&"user-agent: usher"));
        world.advance_days(1);
        try_sign_up(&world, KNOWN).await.refused(422, "form_password_pwned password");
        assert_eq!(service.requests(), 2, "and asked for anew after a day");
        let stored = format!("{:?}", world.snapshot().await).to_uppercase();
        let digest: String = usher_breached::digest(KNOWN).iter().map(|b| format!("{b:02X}")).collect();
        assert!(!stored.contains(&digest));
    }

    async fn p5_padding_zero_is_not_known(world: World) {
        let (world, service) = asked(&world).await;
        service.knows("padded plover 77", 0);
        try_sign_up(&world, "padded plover 77").await.ok();
        assert_eq!(service.requests(), 1);
    }

    async fn p5_down_is_decided_by_policy_within_a_second(world: World) {
        let (world, service) = asked(&world).await;
        for (number, mood) in [Mood::Status(500), Mood::Status(503), Mood::Status(429), Mood::Garbage].into_iter().enumerate() {
            service.set(mood);
            try_sign_up(&world, &format!("unchecked wren {number} of nine")).await.ok();
        }
        // The lists on this machine are asked all the same.
        try_sign_up(&world, "password1").await.refused(422, "form_password_pwned password");
        service.set(Mood::Silent);
        let began = Instant::now();
        try_sign_up(&world, "unchecked wren by the sea").await.ok();
        let took = began.elapsed();
        assert!((Duration::from_millis(800)..Duration::from_millis(2500)).contains(&took), "{took:?}");
        assert_eq!(service.requests(), 5);
        // Five failures: it is left alone for a minute, then asked again.
        service.set(Mood::Well);
        try_sign_up(&world, KNOWN).await.ok();
        assert_eq!(service.requests(), 5);
        world.advance_secs(61);
        try_sign_up(&world, KNOWN).await.refused(422, "form_password_pwned password");
        for (number, mood) in [Mood::Empty, Mood::Huge, Mood::Redirect, Mood::CutOff].into_iter().enumerate() {
            service.set(mood);
            try_sign_up(&world, &format!("unchecked finch {number} of nine")).await.ok();
        }
        assert_eq!(service.requests(), 10);
    }

    async fn p5_down_refuses_where_the_operator_wants_no_unchecked_password(world: World) {
        let (world, service) = asked(&world).await;
        world.settings(|s| s.password.without_breach_check = Unchecked::Refuse).await;
        service.set(Mood::Status(500));
        let ada = world.browser();
        ada.post("/v1/client", &[]).await.ok();
        let refused = world.unchanged(ada.post("/v1/client/sign_ups", &[("password", "unchecked wren")])).await;
        refused.refused(503, "service_unavailable");
        assert!(refused.header("retry-after").is_some());
        // A sign-in never waits for somebody else's server.
        world.user_with("bob@example.com", json!({ "password": KNOWN, "skip_password_checks": true })).await;
        world.settings(|s| s.password.enforce_hibp_on_sign_in = true).await;
        assert_eq!(world.browser().sign_in_with_password("bob@example.com", KNOWN).await.response()["status"], "complete");
    }

    async fn p5_disable_asks_nobody_and_keeps_the_list(world: World) {
        let (world, service) = asked(&world).await;
        world.server().patch("/v1/instance", json!({ "hibp": false })).await;
        let environment = world.browser().get("/v1/environment").await.ok();
        assert_eq!(environment["user_settings"]["password_settings"]["disable_hibp"], true);
        try_sign_up(&world, KNOWN).await.ok();
        try_sign_up(&world, "password1").await.refused(422, "form_password_pwned password");
        assert_eq!(service.requests(), 0);
        world.server().patch("/v1/instance", json!({ "hibp": true })).await;
        try_sign_up(&world, KNOWN).await.refused(422, "form_password_pwned password");
    }

    async fn p5_a_file_of_this_machine_refuses_without_any_request(world: World) {
        let folder = std::env::temp_dir().join(format!("usher-it-breached-{}-{}", std::process::id(), world.app.db.engine()));
        let _left = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("list"), format!("{KNOWN}\nsomething else\n")).unwrap();
        let plan = Plan { inputs: vec![folder.join("list")], kind: Input::Passwords, output: folder.join("set"), min_count: 0, now: world.now() };
        usher_breached::build(&plan).unwrap();
        let filter = Arc::new(Filter::open(&plan.output).unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
        let world = world.restarted(|options| options.breached = Breached { filter: Some(filter), range: None }).await;
        world.settings(|s| s.hibp = false).await;
        let mut doors = Doors::new(&world, "ada@example.com").await;
        doors.refuse(KNOWN, "form_password_pwned").await;
        doors.take("kestrel marmalade 59").await;
    }
}
