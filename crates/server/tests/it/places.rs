//! Where devices are, by a database of the operator's (a small one that is written here, in MaxMind's format 2.0).
use serde_json::json;
use usher_server::places::{Place, Places};

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(0x40 | u8::try_from(text.len()).unwrap());
    out.extend(text.as_bytes());
}

fn map(out: &mut Vec<u8>, entries: u8) {
    out.push(0xe0 | entries);
}

/// A number, of type 5 (16 bits), 6 (32 bits) or 9 (64 bits).
fn number(out: &mut Vec<u8>, kind: u8, value: u64) {
    let bytes = value.to_be_bytes();
    match kind {
        5 => out.extend([0xa2, bytes[6], bytes[7]]),
        6 => out.extend([&[0xc4][..], &bytes[4..]].concat()),
        _ => out.extend([&[0x08, 0x02][..], &bytes[..]].concat()),
    }
}

/// A database of networks below 198.51.100.0/24 and the like, each with a city and a country.
fn database(kind: &str, networks: &[([u8; 3], Option<&str>, &str)]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut nodes: Vec<[Option<usize>; 2]> = vec![[None; 2]];
    let mut leaves = Vec::new();
    for (network, city, country) in networks {
        leaves.push(data.len());
        map(&mut data, 1 + u8::from(city.is_some()));
        if let Some(city) = city {
            text(&mut data, "city");
            map(&mut data, 1);
            text(&mut data, "names");
            map(&mut data, 1);
            text(&mut data, "en");
            text(&mut data, city);
        }
        text(&mut data, "country");
        map(&mut data, 1);
        text(&mut data, "iso_code");
        text(&mut data, country);
        // IPv4 is the lowest part of IPv6 here.
        let bits: Vec<usize> = [0_u8; 12]
            .iter()
            .chain(network)
            .flat_map(|byte| (0..8).rev().map(move |n| usize::from(byte >> n & 1)))
            .collect();
        let mut at = 0;
        for bit in &bits[..bits.len() - 1] {
            at = nodes[at][*bit].unwrap_or_else(|| {
                nodes.push([None; 2]);
                let new = nodes.len() - 1;
                nodes[at][*bit] = Some(new);
                new
            });
        }
        nodes[at][bits[bits.len() - 1]] = Some(usize::MAX - leaves.len() + 1);
    }
    let count = nodes.len();
    let mut out = Vec::new();
    for record in nodes.iter().flatten() {
        let value = match record {
            None => count,
            Some(leaf) if *leaf > usize::MAX / 2 => count + 16 + leaves[usize::MAX - leaf],
            Some(node) => *node,
        };
        out.extend(&u32::try_from(value).unwrap().to_be_bytes()[1..]);
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    map(&mut out, 9);
    for (name, kind, value) in [
        ("binary_format_major_version", 5, 2),
        ("binary_format_minor_version", 5, 0),
        ("build_epoch", 9, 1_767_225_600),
        ("ip_version", 5, 6),
        ("node_count", 6, u64::try_from(count).unwrap()),
        ("record_size", 5, 24),
    ] {
        text(&mut out, name);
        number(&mut out, kind, value);
    }
    text(&mut out, "database_type");
    text(&mut out, kind);
    text(&mut out, "description");
    map(&mut out, 0);
    text(&mut out, "languages");
    out.extend([0, 4]);
    out
}

fn cities() -> Vec<u8> {
    database(
        "GeoLite2-City",
        &[
            ([203, 0, 113], Some("Z\u{fc}rich"), "CH"),
            ([198, 51, 100], None, "JP"),
        ],
    )
}

both! {
    async fn a_device_says_where_it_is_where_the_operator_has_a_database_of_that(world: World) {
        let places = Places::read(cities()).unwrap();
        let world = world.restarted(|o| o.places = Some(places)).await.node(&["127.0.0.0/8"]).await;
        world.user_without_password("ada@example.com").await;
        for (address, city, country) in [("203.0.113.9", json!("Z\u{fc}rich"), json!("CH")), ("198.51.100.200", json!(null), json!("JP")), ("192.0.2.1", json!(null), json!(null)), ("2001:db8::1", json!(null), json!(null)), ("::ffff:203.0.113.9", json!("Z\u{fc}rich"), json!("CH"))] {
            let browser = world.browser();
            let id = browser.pending_sign_in("ada@example.com").await;
            let code = world.code("ada@example.com").await;
            let attempt = browser.request("POST", &format!("/v1/client/sign_ins/{id}/attempt_first_factor"));
            attempt.form(&[("strategy", "email_code"), ("code", &code)]).header("x-forwarded-for", address).send().await.ok();
            let active = browser.get("/v1/me/sessions/active").await.ok();
            let own = browser.session_ids().await[0].clone();
            let session = active.as_array().unwrap().iter().find(|s| s["id"] == own).unwrap();
            assert_eq!((&session["latest_activity"]["city"], &session["latest_activity"]["country"]), (&city, &country), "{address}");
            let seen = world.server().get(&format!("/v1/sessions/{own}")).await.ok();
            assert_eq!((&seen["latest_activity"]["city"], &seen["latest_activity"]["country"]), (&city, &country), "{address}");
            world.advance_secs(31);
        }
    }
}

#[test]
fn what_is_no_database_of_places_is_refused() {
    let places = Places::read(cities()).unwrap();
    assert_eq!(
        places.of("203.0.113.255"),
        Place {
            city: Some("Z\u{fc}rich".to_owned()),
            country: Some("CH".to_owned())
        }
    );
    for address in [
        "203.0.114.0",
        "",
        "203.0.113",
        "localhost",
        "203.0.113.1:80",
    ] {
        assert_eq!(places.of(address), Place::default(), "{address}");
    }
    let mut broken = cities();
    broken.truncate(200);
    for bytes in [
        Vec::new(),
        b"not a database".to_vec(),
        broken,
        database("GeoLite2-ASN", &[]),
    ] {
        assert!(Places::read(bytes).is_err());
    }
    // Whatever the bytes are: a refusal or no place, and never a panic.
    let good = cities();
    for at in 0..good.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            if let Ok(places) = Places::read(bytes) {
                let _place = places.of("203.0.113.9");
            }
        }
    }
}
