//! Keys that change while the server runs: what signs, what verifies and what is published, at each step and on each node.
use crate::answer::decode;
use crate::world::World;
use serde_json::Value;
use std::sync::Arc;
use usher_server::app::App;
use usher_server::instances::model::{KeyState, SigningKeyRow};
use usher_server::instances::rotation::{self, KEEP_SECS, Overlap, Rotation};
use usher_server::instances::setup::{self, Tools};
use usher_server::instances::store;

fn tools(world: &World) -> Tools<'_> {
    Tools {
        db: &world.app.db,
        master: &world.app.master,
        rng: &world.app.rng,
        now: world.now(),
    }
}

/// Rotates with the usual overlap, as `usher keys rotate` does from another process.
async fn rotate(world: &World) -> Rotation {
    rotation::rotate(&tools(world), &world.instance().row, Overlap::default())
        .await
        .unwrap()
}

async fn started(world: &World) -> SigningKeyRow {
    match rotate(world).await {
        Rotation::Started(key) => key,
        Rotation::UnderWay(key) => panic!("{} was under way", key.id),
    }
}

async fn jwks(world: &World) -> Value {
    let public = world.browser().get("/.well-known/jwks.json").await.ok();
    assert_eq!(public, world.server().get("/v1/jwks").await.ok());
    public
}

/// The `kid`s that are published, in their order.
async fn published(world: &World) -> Vec<String> {
    let keys = jwks(world).await;
    keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k["kid"].as_str().unwrap().to_owned())
        .collect()
}

fn kid(jwt: &str) -> String {
    decode(jwt).0["kid"].as_str().unwrap().to_owned()
}

async fn minted(browser: &crate::browser::Browser, session: &str) -> String {
    browser.mint(session).await.ok()["jwt"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn states(world: &World) -> Vec<(String, KeyState)> {
    let mut tx = world.app.db.read("").await.unwrap();
    let keys = store::signing_keys(&mut tx, &world.instance().row.id)
        .await
        .unwrap();
    keys.into_iter()
        .map(|k| (k.id.clone(), k.state(world.now())))
        .collect()
}

both! {
    async fn p1_signing_keys_rotate_with_an_overlap_and_nobody_notices(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let other = world.node(&[]).await;
        let old = published(&world).await.remove(0);
        let before = minted(&browser, &session).await;
        assert_eq!(kid(&before), old);

        // Published first: every node shows both, and still signs with the old one.
        let new = started(&world).await.id;
        assert_ne!(new, old);
        assert_eq!(published(&world).await, std::slice::from_ref(&old), "a process learns it when it reads the change");
        for node in [&world, &other] {
            assert!(node.app.reload().await.unwrap());
            assert_eq!(published(node).await, [old.clone(), new.clone()]);
        }
        world.advance_secs(rotation::AHEAD_SECS - 1);
        let last = minted(&browser, &session).await;
        assert_eq!(kid(&last), old);

        // From its instant on every node signs with the new one, without a word between them.
        world.advance_secs(1);
        assert_eq!(published(&world).await, [new.clone(), old.clone()]);
        assert_eq!(published(&other).await, [new.clone(), old.clone()]);
        let after = minted(&browser, &session).await;
        assert_eq!(kid(&after), new);
        let path = format!("/v1/sessions/{session}/verify");
        for token in [&last, &after] {
            for node in [&world, &other] {
                node.server().post(&path, serde_json::json!({ "token": token })).await.ok();
            }
        }

        // The old one goes when all that it signed has expired, and not a moment before.
        world.advance_secs(KEEP_SECS - 1);
        assert_eq!(published(&world).await, [new.clone(), old.clone()]);
        world.advance_secs(1);
        for node in [&world, &other] {
            assert_eq!(published(node).await, std::slice::from_ref(&new));
        }
        assert_eq!(states(&world).await, [(new.clone(), KeyState::Active), (old.clone(), KeyState::Removed)]);
        assert_eq!(kid(&minted(&browser, &session).await), new);

        // Its private half is erased, and a process that starts then does without it.
        usher_server::serve::housekeeping(&world.app).await.unwrap();
        let kept = world.rows("SELECT id FROM signing_keys WHERE private_sealed <> ''", &[]).await;
        assert_eq!(kept, std::slice::from_ref(&new));
        assert_eq!(published(&world.node(&[]).await).await, [new]);
    }

    async fn an_old_token_is_good_until_it_expires_and_is_exchanged_for_a_day(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        started(&world).await;
        world.app.reload().await.unwrap();
        world.advance_secs(rotation::AHEAD_SECS - 1);
        let old = minted(&browser, &session).await;
        let path = format!("/v1/sessions/{session}/verify");
        world.advance_secs(59);
        world.server().post(&path, serde_json::json!({ "token": old })).await.ok();
        world.advance_secs(1);
        world.server().post(&path, serde_json::json!({ "token": old })).await.refused(400, "invalid_session_token token");
        // Expired or not, its signature is known for as long as it can be exchanged.
        world.advance_secs(24 * 3600 - 61);
        let held = world.instance();
        assert!(held.keys.verifier(&kid(&old), world.now()).is_some());
    }

    async fn rotating_again_while_it_is_under_way_changes_nothing(world: World) {
        let first = started(&world).await;
        let before = world.snapshot().await;
        match rotate(&world).await {
            Rotation::UnderWay(key) => assert_eq!(key.id, first.id),
            Rotation::Started(key) => panic!("{} was started", key.id),
        }
        assert_eq!(world.snapshot().await, before);
        // Once it signs, the next rotation may begin, and three keys are published.
        world.advance_secs(rotation::AHEAD_SECS);
        let second = started(&world).await;
        world.app.reload().await.unwrap();
        assert_eq!(published(&world).await.len(), 3);
        world.advance_secs(rotation::AHEAD_SECS + KEEP_SECS);
        assert_eq!(published(&world).await, [second.id]);
    }

    async fn operators_who_rotate_at_once_start_one_rotation(world: World) {
        let (tools, row) = (tools(&world), &world.instance().row);
        let wish = || rotation::rotate(&tools, row, Overlap::default());
        let (a, b, c) = tokio::join!(wish(), wish(), wish());
        let begun = [a, b, c].into_iter().filter(|r| matches!(r.as_ref().unwrap(), Rotation::Started(_))).count();
        assert_eq!(begun, 1);
        assert_eq!(world.count("signing_keys").await, 2);
    }

    async fn a_rotation_that_fails_leaves_everything_as_it_was_and_runs_again(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let (row, before) = (world.instance().row.clone(), world.snapshot().await);
        // A wrong master key: nothing that could not be opened later is written.
        let wrong = usher_crypto::seal::Master::generate(&world.app.rng);
        let with_wrong = Tools { master: &wrong, ..tools(&world) };
        rotation::rotate(&with_wrong, &row, Overlap::default()).await.unwrap_err();
        rotation::replace_now(&with_wrong, &row).await.unwrap_err();
        assert_eq!(world.snapshot().await, before);
        // The process dies between its statements and the commit.
        let mut tx = world.app.db.write(row.id.as_str()).await.unwrap();
        let keys = store::signing_keys(&mut tx, &row.id).await.unwrap();
        store::schedule_signing_key(&mut tx, &keys[0].id, world.now(), world.now()).await.unwrap();
        drop(tx);
        assert_eq!(world.snapshot().await, before);
        browser.mint(&session).await.ok();
        started(&world).await;
        // It dies after the commit and before it told anybody: the others poll, and it says what it did when asked again.
        assert!(world.node(&[]).await.app.instances()[0].keys.keys().len() == 2);
        assert!(matches!(rotate(&world).await, Rotation::UnderWay(_)));
    }

    async fn in_an_emergency_the_old_key_is_worth_nothing_at_once(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let other = world.node(&[]).await;
        let stolen = minted(&browser, &session).await;
        let client = browser.client().await;
        let embedded = client["sessions"][0]["last_active_token"]["jwt"].as_str().unwrap().to_owned();
        started(&world).await;
        let new = rotation::replace_now(&tools(&world), &world.instance().row).await.unwrap().id;
        for node in [&world, &other] {
            assert!(node.app.reload().await.unwrap());
            assert_eq!(published(node).await, std::slice::from_ref(&new), "the one that was only published is gone too");
            let path = format!("/v1/sessions/{session}/verify");
            node.unchanged(node.server().post(&path, serde_json::json!({ "token": stolen }))).await.refused(400, "invalid_session_token token");
        }
        // The browser stays signed in; not even a token that was made a moment ago is handed out again.
        let again = browser.client().await["sessions"][0]["last_active_token"]["jwt"].as_str().unwrap().to_owned();
        assert_ne!(again, embedded);
        assert_eq!((kid(&again), kid(&minted(&browser, &session).await)), (new.clone(), new));
    }

    async fn a_key_stays_published_for_the_longest_token_it_signed(world: World) {
        let (_, _, session) = world.signed_in("ada@example.com").await;
        let path = format!("/v1/sessions/{session}/tokens");
        let server = world.server();
        let long = |secs: i64| server.post(&path, serde_json::json!({ "expires_in_seconds": secs }));
        let old = published(&world).await.remove(0);
        let week = 7 * 24 * 3600;
        long(week).await.ok();
        // Whole days are noted: the next one writes nothing.
        world.unchanged(long(week)).await.ok();
        world.unchanged(long(3600)).await.ok();
        let new = started(&world).await.id;
        world.app.reload().await.unwrap();
        // While the rotation is under way it still counts.
        world.advance_secs(600);
        long(2 * week).await.ok();
        world.advance_secs(2 * week - 1);
        assert_eq!(published(&world).await, [new.clone(), old]);
        world.advance_days(1);
        assert_eq!(published(&world).await, [new]);
        // A session that is not live causes no note.
        let before = world.snapshot().await.0.remove("signing_keys");
        world.server().post(&format!("/v1/sessions/{session}/revoke"), serde_json::json!({})).await.ok();
        long(3 * week).await.refused(404, "resource_not_found");
        assert_eq!(world.snapshot().await.0.remove("signing_keys"), before);
    }

    async fn a_clock_that_jumps_finds_a_key_to_sign_with(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let new = started(&world).await.id;
        world.app.reload().await.unwrap();
        world.advance_days(3);
        assert_eq!(kid(&minted(&browser, &session).await), new);
        // Back before anything was made: the oldest key signs, and both verify.
        world.advance_days(-6);
        let token = minted(&browser, &session).await;
        assert_ne!(kid(&token), new);
        assert_eq!(published(&world).await.len(), 2);
        // Even where the sweep of the wrong future has erased the old one.
        world.advance_days(6);
        usher_server::serve::housekeeping(&world.app).await.unwrap();
        world.advance_days(-6);
        let late = world.node(&[]).await;
        assert_eq!(published(&late).await, [new]);
    }

    async fn the_master_key_changes_by_sealing_anew(world: World) {
        let user = world.user("ada@example.com").await;
        let (_, _, other) = world.other_instance("other").await;
        let old = world.app.master.clone();
        let before = jwks(&world).await;
        setup::check_master(&tools(&world)).await.unwrap().unwrap();
        let new = usher_crypto::seal::Master::generate(&world.app.rng);

        // Alone the new key fits nothing; with a wrong one before it neither. Nothing is changed.
        let wrong = new.clone().with_previous(usher_crypto::seal::Master::generate(&world.app.rng));
        let rows = world.snapshot().await;
        for master in [&new, &wrong] {
            let with = Tools { master, ..tools(&world) };
            setup::check_master(&with).await.unwrap().unwrap_err();
            rotation::reseal(&with).await.unwrap_err();
        }
        assert_eq!(world.snapshot().await, rows);

        // With the old one before it a process runs before, during and after.
        let both = new.clone().with_previous(old.clone());
        let with = Tools { master: &both, ..tools(&world) };
        setup::check_master(&with).await.unwrap().unwrap();
        let open = async |master: &usher_crypto::seal::Master| {
            App::start(world.app.db.clone(), master.clone(), world.app.rng.clone(), world.app.clock.clone(), world.app.options.clone()).await
        };
        open(&both).await.unwrap();
        assert_eq!(rotation::reseal(&with).await.unwrap(), rotation::Resealed { changed: 2, all: 2 });
        let after = world.snapshot().await;
        assert_eq!(rotation::reseal(&with).await.unwrap().changed, 0);
        assert_eq!(world.snapshot().await, after, "again it changes nothing");
        open(&both).await.unwrap();

        // Then the old one opens nothing any more, and is told so; a process that has it loaded goes on.
        assert!(open(&old).await.is_err());
        setup::check_master(&tools(&world)).await.unwrap().unwrap_err();
        world.server().get("/v1/users/count").await.ok();
        let only = Tools { master: &new, ..tools(&world) };
        setup::check_master(&only).await.unwrap().unwrap();
        let app = open(&new).await.unwrap();
        let moved = World { app: Arc::clone(&app), ..world.clone() };
        assert_eq!(jwks(&moved).await, before, "the keys under it are the same");
        let browser = moved.browser();
        browser.sign_in_with_password("ada@example.com", crate::browser::PASSWORD).await.ok();
        moved.server().get(&format!("/v1/users/{}", user.id)).await.ok();
        setup::secrets(&app.db, &app.master, &app.instance(&other.row.id).unwrap().row, moved.now()).await.unwrap();
    }

    async fn secret_keys_end_at_their_time_on_every_node(world: World) {
        let other = world.node(&[]).await;
        let row = world.instance().row.clone();
        let first: String = world.rows("SELECT id FROM secret_keys", &[]).await.remove(0);
        // The only one cannot go.
        let refused = rotation::retire_secret(&tools(&world), &row, &first, world.now()).await.unwrap();
        assert!(refused.unwrap_err().contains("only"));
        let (second, clear) = rotation::add_secret(&tools(&world), &row, "second").await.unwrap();
        assert!(clear.starts_with("sk_live_") && clear.ends_with(&second.ending) && second.ending.len() == 4);
        let rows = world.snapshot().await.0.remove("secret_keys").unwrap().join("\n");
        assert!(!rows.contains(&clear) && !rows.contains(&world.secret), "no secret key is at rest in clear");

        let at = world.now().plus_secs(24 * 3600);
        rotation::retire_secret(&tools(&world), &row, &first, at).await.unwrap().unwrap();
        // Neither can the other one then, but for an instant before.
        assert!(rotation::retire_secret(&tools(&world), &row, &second.id, at).await.unwrap().is_err());
        let moved = |world: &World| crate::server::Server::new(world, &clear);
        world.advance_ms(24 * 3600 * 1000 - 1);
        for node in [&world, &other] {
            node.server().get("/v1/users/count").await.ok();
            moved(node).get("/v1/users/count").await.ok();
        }
        world.advance_ms(1);
        for node in [&world, &other] {
            node.unchanged(node.server().get("/v1/users/count")).await.refused(401, "clerk_key_invalid");
            moved(node).get("/v1/users/count").await.ok();
        }
        let shown = setup::secrets(&world.app.db, &world.app.master, &row, world.now()).await.unwrap();
        assert_eq!(shown, std::slice::from_ref(&clear));
        // What has ended stays ended, whoever pins it again; its sealed form is erased.
        assert!(rotation::retire_secret(&tools(&world), &row, &first, at.plus_secs(9)).await.unwrap().is_err());
        usher_server::serve::housekeeping(&world.app).await.unwrap();
        assert_eq!(world.rows("SELECT id FROM secret_keys WHERE sealed = ''", &[]).await, [first]);

        // Now, and at once.
        let (third, newest) = rotation::add_secret(&tools(&world), &row, "third").await.unwrap();
        rotation::retire_secret(&tools(&world), &row, &third.id, world.now()).await.unwrap().unwrap();
        crate::server::Server::new(&other, &newest).get("/v1/users/count").await.refused(401, "clerk_key_invalid");
        assert!(rotation::retire_secret(&tools(&world), &row, "key_nobodys", world.now()).await.unwrap().is_err());
    }

    async fn a_retired_secret_key_of_another_instance_is_not_reached(world: World) {
        let row = world.instance().row.clone();
        let (_, server, other) = world.other_instance("other").await;
        let theirs = world.rows("SELECT id FROM secret_keys WHERE instance_id = ?", &[usher_db::Value::Text(other.row.id.as_str().to_owned())]).await.remove(0);
        rotation::add_secret(&tools(&world), &row, "second").await.unwrap();
        assert!(rotation::retire_secret(&tools(&world), &row, &theirs, world.now()).await.unwrap().is_err());
        server.get("/v1/users/count").await.ok();
    }
}
