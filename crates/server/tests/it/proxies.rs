//! Behind proxies: what `X-Forwarded-*` is believed, and of whom (requirements RL-01; OWASP ASVS v5 15.3.4).
use crate::browser::{Browser, Request};
use crate::world::World;

/// The address that a sign-in is noted from.
async fn noted(world: &World, browser: &Browser, dress: impl Fn(Request) -> Request) -> String {
    let address = format!("{}@example.com", world.count("users").await);
    world.user_without_password(&address).await;
    let id = browser.pending_sign_in(&address).await;
    let code = world.code(&address).await;
    let request = browser.request(
        "POST",
        &format!("/v1/client/sign_ins/{id}/attempt_first_factor"),
    );
    dress(request)
        .form(&[("strategy", "email_code"), ("code", &code)])
        .send()
        .await
        .ok();
    let device = browser.get("/v1/me/sessions/active").await.ok();
    browser.delete("/v1/client/sessions").await.ok();
    device[0]["latest_activity"]["ip_address"]
        .as_str()
        .unwrap()
        .to_owned()
}

both! {
    production async fn the_client_is_the_rightmost_address_that_is_no_proxy_of_ours(world: World) {
        let world = world.node(&["127.0.0.0/8", "10.0.0.0/8", "2001:db8:1::/48"]).await;
        let browser = world.browser();
        for (chain, client) in [
            ("203.0.113.9", "203.0.113.9"),
            ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
            ("127.0.0.1, 10.0.0.1, 203.0.113.9, 10.1.2.3, 10.200.0.1", "203.0.113.9"),
            ("198.51.100.1, 2001:db8:2::7, 2001:db8:1::1", "2001:db8:2::7"),
            ("198.51.100.1, [2001:db8:2::7]:443", "2001:db8:2::7"),
            ("203.0.113.9:5000", "203.0.113.9"),
            ("198.51.100.1, ::ffff:203.0.113.9", "203.0.113.9"),
            // What cannot be read ends the chain; nothing left of it is believed.
            ("198.51.100.1, unknown", "127.0.0.1"),
            ("198.51.100.1, garbage, 10.0.0.1", "127.0.0.1"),
            ("10.0.0.1", "127.0.0.1"),
            ("", "127.0.0.1"),
        ] {
            assert_eq!(noted(&world, &browser, |r| r.header("x-forwarded-for", chain)).await, client, "{chain:?}");
        }
        let twice = noted(&world, &browser, |r| r.header("x-forwarded-for", "198.51.100.1").header("x-forwarded-for", "203.0.113.9")).await;
        assert_eq!(twice, "203.0.113.9", "the header's lines are one list");
        assert_eq!(noted(&world, &browser, |r| r.header("forwarded", "for=198.51.100.1")).await, "127.0.0.1");
        for header in ["x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"] {
            assert_eq!(noted(&world, &browser, |r| r.header(header, "198.51.100.1")).await, "127.0.0.1", "{header}");
        }
    }

    production async fn a_stranger_is_believed_nothing(world: World) {
        let world = world.node(&["10.0.0.0/8"]).await;
        let browser = world.browser();
        let address = noted(&world, &browser, |r| r.header("x-forwarded-for", "203.0.113.9, 10.0.0.1").header("x-forwarded-proto", "http").header("x-forwarded-host", "evil.example")).await;
        assert_eq!(address, "127.0.0.1");
    }

    production async fn host_and_scheme_are_what_the_outermost_proxy_of_ours_wrote(world: World) {
        let world = world.node(&["127.0.0.1", "10.0.0.0/8"]).await;
        let browser = world.browser();
        let ask = |host: &'static str, scheme: &'static str, chain: &'static str| {
            browser.request("POST", "/v1/client").header("host", "inner.local").header("x-forwarded-host", host).header("x-forwarded-proto", scheme).header("x-forwarded-for", chain)
        };
        for (host, scheme, chain) in [
            ("clerk.example.com", "https", "203.0.113.9"),
            ("evil.example, clerk.example.com", "http, https", "203.0.113.9"),
            ("clerk.example.com, inner.local", "https, http", "203.0.113.9, 10.0.0.1"),
            ("evil.example, clerk.example.com, inner.local", "http, https, http", "198.51.100.1, 203.0.113.9, 10.0.0.1"),
        ] {
            let made = ask(host, scheme, chain).send().await;
            made.ok();
            browser.jar.lock().unwrap().clear();
            assert!(made.cookie("__client").unwrap().contains("; Secure"), "{host} {scheme}");
        }
        ask("evil.example", "https", "203.0.113.9").send().await.refused(400, "invalid_host");
        ask("clerk.example.com, evil.example", "https", "203.0.113.9").send().await.refused(400, "invalid_host");
        let odd = ask("clerk.example.com", "javascript", "203.0.113.9").send().await;
        assert!(odd.cookie("__client").unwrap().contains("; Secure"), "a scheme that is none is not believed");
    }
}
