//! Refresh tokens: good for one exchange, at one origin (promise P3 `p3_refresh_rotation`; requirements SE-08, SE-09).
use crate::answer::decode;
use crate::browser::Browser;
use crate::world::World;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// What an app's host holds after a handshake.
#[derive(Clone)]
struct Held {
    session: String,
    expired: String,
    refresh: String,
    origin: String,
}

async fn shake(world: &World, browser: &Browser, session: &str, origin: &str) -> Held {
    let to = usher_http::percent::encode(&format!("{origin}/"));
    let answer = browser
        .get(&format!("/v1/client/handshake?redirect_url={to}"))
        .await;
    let claims = decode(answer.cookie_value("__clerk_handshake").unwrap()).1;
    let find = |name: &str| value(claims["handshake"].as_array().unwrap(), name);
    Held {
        session: session.to_owned(),
        expired: find("__session"),
        refresh: find(&format!("__refresh_{}", world.instance().cookie_suffix)),
        origin: origin.to_owned(),
    }
}

fn value(lines: &[Value], name: &str) -> String {
    let line = lines
        .iter()
        .map(|l| l.as_str().unwrap())
        .find(|l| l.split('=').next() == Some(name))
        .unwrap();
    line.split_once('=')
        .unwrap()
        .1
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

async fn exchange(
    world: &World,
    held: &Held,
    refresh: &str,
    format: &str,
) -> crate::answer::Answer {
    let body = json!({ "expired_token": held.expired, "refresh_token": refresh, "request_origin": held.origin, "format": format });
    world
        .server()
        .post(&format!("/v1/sessions/{}/refresh", held.session), body)
        .await
}

/// The successor in the cookies of an exchange.
fn successor(world: &World, answer: &crate::answer::Answer) -> String {
    let lines = answer.ok();
    let lines = lines["cookies"].as_array().unwrap();
    let name = format!("__refresh_{}", world.instance().cookie_suffix);
    let line = lines
        .iter()
        .find(|l| l.as_str().unwrap().starts_with(&name))
        .unwrap()
        .as_str()
        .unwrap();
    assert!(
        line.contains("HttpOnly") && line.contains("SameSite=Lax") && !line.contains("Domain"),
        "{line}"
    );
    assert!(
        lines
            .last()
            .unwrap()
            .as_str()
            .unwrap()
            .starts_with("__session=ey"),
        "SDKs take the last one"
    );
    value(lines, &name)
}

const APP: &str = "http://localhost:3000";

both! {
    async fn p3_refresh_rotation(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let held = shake(&world, &browser, &session, APP).await;
        world.advance_minutes(2);
        let second = successor(&world, &exchange(&world, &held, &held.refresh, "cookie").await);
        assert_ne!(second, held.refresh);
        world.advance_minutes(2);
        let third = successor(&world, &exchange(&world, &held, &second, "cookie").await);
        assert!(third != second && third != held.refresh);
        assert!(!format!("{:?}", world.snapshot().await).contains(&third), "hashes only");
        browser.mint(&session).await.ok();
        // Somebody comes with one that was used: it was stolen, or its successor was. Nobody keeps the session.
        world.advance_minutes(2);
        exchange(&world, &held, &held.refresh, "cookie").await.refused(401, "refresh_token_not_found");
        assert_eq!(world.server().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "revoked");
        browser.mint(&session).await.refused(401, "authentication_invalid");
        world.unchanged(exchange(&world, &held, &third, "cookie")).await.refused(401, "session_refresh_inactive_session");
    }

    async fn p3_refresh_rotation_of_one_page_load_is_one(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let held = shake(&world, &browser, &session, APP).await;
        world.advance_minutes(2);
        let mut parallel = JoinSet::new();
        for _ in 0..64 {
            let (world, held) = (world.clone(), held.clone());
            parallel.spawn(async move { successor(&world, &exchange(&world, &held, &held.refresh, "cookie").await) });
        }
        let given = parallel.join_all().await;
        assert!(given.iter().all(|g| *g == given[0]), "one successor");
        assert_eq!(world.count("refresh_tokens").await, 2);
        world.advance_secs(9);
        assert_eq!(successor(&world, &exchange(&world, &held, &held.refresh, "cookie").await), given[0]);
        world.advance_secs(1);
        exchange(&world, &held, &held.refresh, "cookie").await.refused(401, "refresh_token_not_found");
        browser.mint(&session).await.refused(401, "authentication_invalid");
    }

    async fn each_host_of_a_session_has_its_own_refresh_token(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let here = shake(&world, &browser, &session, APP).await;
        let there = shake(&world, &browser, &session, "http://localhost:3001").await;
        world.advance_minutes(2);
        successor(&world, &exchange(&world, &here, &here.refresh, "cookie").await);
        successor(&world, &exchange(&world, &there, &there.refresh, "cookie").await);
        let swapped = Held { refresh: there.refresh.clone(), ..here.clone() };
        world.unchanged(exchange(&world, &swapped, &swapped.refresh, "cookie")).await.refused(401, "refresh_token_not_found");
        // A newer handshake of a host takes the place of what it had, and that is no theft.
        let newer = shake(&world, &browser, &session, APP).await;
        let newest = shake(&world, &browser, &session, APP).await;
        world.advance_minutes(2);
        world.unchanged(exchange(&world, &newer, &newer.refresh, "cookie")).await.refused(401, "refresh_token_not_found");
        successor(&world, &exchange(&world, &newest, &newest.refresh, "cookie").await);
        browser.mint(&session).await.ok();
    }

    async fn a_caller_that_can_set_no_cookie_keeps_its_refresh_token(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let held = shake(&world, &browser, &session, APP).await;
        for _ in 0..2 {
            world.advance_minutes(2);
            assert_eq!(exchange(&world, &held, &held.refresh, "token").await.ok()["object"], "token");
        }
        successor(&world, &exchange(&world, &held, &held.refresh, "cookie").await);
        world.advance_minutes(1);
        exchange(&world, &held, &held.refresh, "token").await.refused(401, "refresh_token_not_found");
        browser.mint(&session).await.refused(401, "authentication_invalid");
    }

    async fn dead_refresh_tokens_are_forgotten(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let held = shake(&world, &browser, &session, APP).await;
        world.advance_minutes(2);
        exchange(&world, &held, &held.refresh, "cookie").await.ok();
        assert_eq!(world.count("refresh_tokens").await, 2);
        world.advance_days(1);
        world.advance_secs(1);
        usher_server::serve::housekeeping(&world.app).await.unwrap();
        assert_eq!(world.count("refresh_tokens").await, 1, "the used one is forgotten after a day");
        world.advance_days(7);
        usher_server::serve::housekeeping(&world.app).await.unwrap();
        assert_eq!(world.count("refresh_tokens").await, 0, "the other with its session");
    }
}
