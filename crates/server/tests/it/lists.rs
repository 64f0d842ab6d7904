//! Lists of users: filters, orderings, pages (contract bapi §1.6, §2.1).
use crate::world::World;
use serde_json::json;
use usher_http::percent;
use usher_server::instances::settings::Presence;

/// Five users, a second apart; their ids in that order.
async fn five(world: &World) -> Vec<String> {
    world
        .settings(|s| s.attributes.username = Presence::On)
        .await;
    let people = [
        ("eve", "Eve", "Z\u{fc}rn"),
        ("ada", "Ada", "Lovelace"),
        ("dan", "Dan", "100%_Sure"),
        ("bob", "Bob", "O'Neil"),
        ("cat", "Cat", "M\u{f6}ller"),
    ];
    let mut ids = Vec::new();
    for (index, (name, first, last)) in people.into_iter().enumerate() {
        let more = json!({ "skip_password_requirement": true, "username": format!("{name}_user"), "first_name": first, "last_name": last, "external_id": format!("ext-{index}") });
        ids.push(
            world
                .user_with(&format!("{name}@example.com"), more)
                .await
                .id,
        );
        world.advance_secs(1);
    }
    ids
}

/// First names of a list.
async fn names(world: &World, query: &str) -> Vec<String> {
    let list = world.server().get(&format!("/v1/users?{query}")).await.ok();
    list.as_array()
        .unwrap()
        .iter()
        .map(|u| u["first_name"].as_str().unwrap().to_owned())
        .collect()
}

both! {
    async fn users_come_newest_first_in_pages_that_do_not_overlap(world: World) {
        let ids = five(&world).await;
        assert_eq!(names(&world, "").await, ["Cat", "Bob", "Dan", "Ada", "Eve"]);
        assert_eq!(names(&world, "limit=2").await, ["Cat", "Bob"]);
        assert_eq!(names(&world, "limit=2&offset=2").await, ["Dan", "Ada"]);
        assert_eq!(names(&world, "limit=2&offset=4").await, ["Eve"]);
        assert_eq!(names(&world, "offset=99").await, Vec::<String>::new());
        assert_eq!(names(&world, &format!("limit=2&starting_after={}", ids[3])).await, ["Dan", "Ada"]);
        assert_eq!(names(&world, &format!("order_by=%2Bcreated_at&starting_after={}", ids[3])).await, ["Cat"]);
        let server = world.server();
        server.get(&format!("/v1/users?starting_after={}&offset=1", ids[0])).await.refused(422, "form_conditional_param_disallowed starting_after");
        server.get(&format!("/v1/users?starting_after={}&order_by=username", ids[0])).await.refused(422, "form_conditional_param_disallowed starting_after");
        server.get("/v1/users?starting_after=user_x").await.refused(422, "form_param_value_invalid starting_after");
        for (query, field) in [("limit=0", "limit"), ("limit=501", "limit"), ("offset=-1", "offset")] {
            server.get(&format!("/v1/users?{query}")).await.refused(422, &format!("form_param_value_invalid {field}"));
        }
    }

    async fn every_ordering_goes_both_ways(world: World) {
        five(&world).await;
        for (field, expected) in [("created_at", ["Eve", "Ada", "Dan", "Bob", "Cat"]), ("username", ["Ada", "Bob", "Cat", "Dan", "Eve"]), ("email_address", ["Ada", "Bob", "Cat", "Dan", "Eve"]), ("first_name", ["Ada", "Bob", "Cat", "Dan", "Eve"])] {
            assert_eq!(names(&world, &format!("order_by={field}")).await, expected, "{field}");
            assert_eq!(names(&world, &format!("order_by=%2B{field}")).await, expected, "+{field}");
            let mut reversed = expected;
            reversed.reverse();
            assert_eq!(names(&world, &format!("order_by=-{field}")).await, reversed, "-{field}");
        }
        for field in ["updated_at", "last_name", "last_active_at", "last_sign_in_at", "phone_number", "web3wallet"] {
            assert_eq!(names(&world, &format!("order_by={field}")).await.len(), 5, "{field}");
        }
        for unknown in ["password_stored", "id;DROP", "", "--created_at"] {
            let answer = world.server().get(&format!("/v1/users?order_by={}", percent::encode(unknown))).await;
            if unknown.is_empty() {
                answer.ok();
            } else {
                answer.refused(422, "form_param_value_invalid order_by");
            }
        }
    }

    async fn filters_pick_and_are_counted_alike(world: World) {
        let ids = five(&world).await;
        world.server().post(&format!("/v1/users/{}/ban", ids[0]), json!({})).await.ok();
        let cases: Vec<(String, Vec<&str>)> = vec![
            ("email_address=ADA@example.com&email_address=bob@example.com".into(), vec!["Bob", "Ada"]),
            ("email_address[]=ada@example.com".into(), vec!["Ada"]),
            ("username=ADA_USER".into(), vec!["Ada"]),
            ("external_id=ext-1&external_id=%2Bext-2".into(), vec!["Dan", "Ada"]),
            ("external_id=-ext-1&external_id=-ext-2".into(), vec!["Cat", "Bob", "Eve"]),
            (format!("user_id={}&user_id={}", ids[1], ids[2]), vec!["Dan", "Ada"]),
            (format!("user_id=-{}", ids[1]), vec!["Cat", "Bob", "Dan", "Eve"]),
            ("query=LOVE".into(), vec!["Ada"]),
            ("query=example.com".into(), vec!["Cat", "Bob", "Dan", "Ada", "Eve"]),
            ("query=cat@ex".into(), vec!["Cat"]),
            ("query=bob_us".into(), vec!["Bob"]),
            ("query=ext-4".into(), vec!["Cat"]),
            (format!("query={}", ids[3]), vec!["Bob"]),
            ("query=user_".into(), vec![]),
            (format!("query={}", percent::encode("m\u{d6}LLER")), vec!["Cat"]),
            (format!("query={}", percent::encode("100%_")), vec!["Dan"]),
            ("query=%25".into(), vec!["Dan"]),
            (format!("query={}", percent::encode("o'neil")), vec!["Bob"]),
            (format!("query={}", percent::encode("' OR '1'='1")), vec![]),
            ("email_address_query=DAN@".into(), vec!["Dan"]),
            ("username_query=E_USER".into(), vec!["Eve"]),
            (format!("name_query={}", percent::encode("ada love")), vec!["Ada"]),
            (format!("name_query={}", percent::encode("z\u{fc}rn")), vec!["Eve"]),
            ("banned=true".into(), vec!["Eve"]),
            ("banned=false&query=example&username=ada_user".into(), vec!["Ada"]),
            (format!("created_at_after={}", crate::world::BEGIN.0 + 2000), vec!["Cat", "Bob"]),
            (format!("created_at_before={}", crate::world::BEGIN.0 + 1000), vec!["Eve"]),
            ("last_sign_in_at_after=0".into(), vec![]),
            ("phone_number=%2B15555550100".into(), vec![]),
            ("organization_id=org_1".into(), vec![]),
            ("organization_id=-org_1&username=ada_user".into(), vec!["Ada"]),
        ];
        for (query, expected) in cases {
            assert_eq!(names(&world, &query).await, expected, "{query}");
            assert_eq!(world.server().get(&format!("/v1/users/count?{query}")).await.ok(), json!({ "object": "total_count", "total_count": expected.len() }), "{query}");
        }
        world.server().get("/v1/users?provider=google").await.refused(422, "form_conditional_param_missing provider_user_id");
    }

    async fn users_of_one_instant_are_paged_without_loss(world: World) {
        let mut made = Vec::new();
        for i in 0..7 {
            made.push(world.user_without_password(&format!("u{i}@example.com")).await.id);
        }
        for order in ["-created_at", "%2Bcreated_at"] {
            let mut seen = Vec::new();
            let mut after = String::new();
            loop {
                let page = world.server().get(&format!("/v1/users?limit=2&order_by={order}{after}")).await.ok();
                let ids: Vec<String> = page.as_array().unwrap().iter().map(|u| u["id"].as_str().unwrap().to_owned()).collect();
                let Some(last) = ids.last() else { break };
                after = format!("&starting_after={last}");
                seen.extend(ids);
            }
            seen.sort();
            made.sort();
            assert_eq!(seen, made, "{order}");
        }
    }

    async fn sign_ins_move_a_user_in_the_list(world: World) {
        five(&world).await;
        world.browser().sign_in("dan@example.com").await;
        assert_eq!(names(&world, "order_by=-last_sign_in_at&limit=1").await, ["Dan"]);
        assert_eq!(names(&world, "last_sign_in_at_after=0").await, ["Dan"]);
        assert_eq!(names(&world, &format!("last_active_at_since={}", world.now().0)).await, ["Dan"]);
        assert_eq!(names(&world, &format!("last_active_at_after={}", world.now().0)).await, Vec::<String>::new());
    }
}
