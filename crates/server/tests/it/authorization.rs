//! Who may call what, over the whole table of operations: nobody's, the wrong kind's and a foreign instance's
//! credentials (requirements TN-01, J-*).
use crate::world::World;
use bytes::Bytes;
use serde_json::json;
use usher_server::route::{Api, Guard, Op};

/// Ids of things that exist in the first instance.
struct Ids {
    user: String,
    email: String,
    phone: String,
    session: String,
    client: String,
    sign_up: String,
    sign_in: String,
    allowed: String,
    blocked: String,
    event: String,
    tickets: Vec<String>,
    redirect_url: String,
    task: String,
    template: String,
    organization: String,
    invited: String,
}

async fn ids(world: &World) -> Ids {
    let (browser, user, session) = world.signed_in("ada@example.com").await;
    let client = browser.client().await["id"].as_str().unwrap().to_owned();
    let other = world.browser();
    let sign_up = other.start_sign_up(&[("first_name", "Bob")]).await;
    let sign_in = other.start_sign_in("ada@example.com").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let log = world.server().get("/v1/logs?limit=1").await.ok();
    let event = log["cursor"]["starting_after"].as_str().unwrap().to_owned();
    let listed = async |list: &str| {
        let entry = json!({ "identifier": "*@example.org" });
        let made = world
            .server()
            .post(&format!("/v1/{list}_identifiers"), entry)
            .await
            .ok();
        made["id"].as_str().unwrap().to_owned()
    };
    let (allowed, blocked) = (listed("allowlist").await, listed("blocklist").await);
    let server = world.server();
    let mut tickets = Vec::new();
    for (path, body) in [
        ("/v1/sign_in_tokens", json!({ "user_id": user.id })),
        (
            "/v1/actor_tokens",
            json!({ "user_id": user.id, "actor": { "sub": "support" } }),
        ),
        (
            "/v1/invitations",
            json!({ "email_address": "invited@example.com" }),
        ),
        (
            "/v1/waitlist_entries",
            json!({ "email_address": "waiting@example.com" }),
        ),
    ] {
        let made = server.post(path, body).await.ok();
        tickets.push(made["id"].as_str().unwrap().to_owned());
    }
    let url = json!({ "url": "my-app://callback" });
    let redirect_url = server.post("/v1/redirect_urls", url).await.ok()["id"].clone();
    let template = json!({ "name": "template", "claims": {} });
    let template = server.post("/v1/jwt_templates", template).await.ok()["id"].clone();
    let task = json!({ "on_behalf_of": { "user_id": user.id }, "permissions": "*", "agent_name": "a", "task_description": "b", "redirect_url": "http://localhost:3000/" });
    let task = server.post("/v1/agents/tasks", task).await.ok()["agent_task_id"].clone();
    world.phones_on().await;
    crate::organizations::on(world).await;
    let organization = json!({ "name": "Acme", "created_by": user.id });
    let organization = server.post("/v1/organizations", organization).await.ok()["id"].clone();
    let phone = world.number_of(&user.id, "+12025550273").await;
    let organization = organization.as_str().unwrap().to_owned();
    let invited = json!({ "email_address": "place@example.com", "role": "org:member" });
    let path = format!("/v1/organizations/{organization}/invitations");
    let invited = server.post(&path, invited).await.ok()["id"].clone();
    Ids {
        organization,
        invited: invited.as_str().unwrap().to_owned(),
        task: task.as_str().unwrap().to_owned(),
        redirect_url: redirect_url.as_str().unwrap().to_owned(),
        template: template.as_str().unwrap().to_owned(),
        phone,
        event,
        allowed,
        blocked,
        tickets,
        user: user.id,
        email: user.email_id,
        session,
        client,
        sign_up,
        sign_in,
    }
}

/// The operation's path with real ids in it.
fn path(op: &Op, ids: &Ids) -> String {
    let part = |p: &str| match p {
        "{user_id}" => ids.user.clone(),
        "{email_address_id}" | "{email_id}" => ids.email.clone(),
        "{phone_number_id}" => ids.phone.clone(),
        "{session_id}" => ids.session.clone(),
        "{client_id}" => ids.client.clone(),
        "{sign_up_id}" | "{id}" => ids.sign_up.clone(),
        "{sign_in_id}" => ids.sign_in.clone(),
        "{identifier_id}" if op.path.contains("allowlist") => ids.allowed.clone(),
        "{identifier_id}" => ids.blocked.clone(),
        "{event_time_and_id}" => ids.event.clone(),
        "{passkey_id}" | "{passkey_identification_id}" | "{external_account_id}" => {
            ids.email.clone()
        }
        // No device is enrolled here: others' are not found, as none are.
        "{trusted_device_id}" => ids.email.clone(),
        "{web3_wallet_id}" | "{web3_wallet_identification_id}" => ids.email.clone(),
        "{provider}" => "oauth_google".to_owned(),
        "{sign_in_token_id}" => ids.tickets[0].clone(),
        "{actor_token_id}" => ids.tickets[1].clone(),
        "{waitlist_entry_id}" => ids.tickets[3].clone(),
        "{invitation_id}" if op.path.contains("organization") => ids.invited.clone(),
        "{invitation_id}" => ids.tickets[2].clone(),
        "{redirect_url_id}" => ids.redirect_url.clone(),
        "{domain_id}" => "dmn_x".to_owned(),
        "{organization_id}" => ids.organization.clone(),
        // Those of organizations are the same in every instance; an unknown one stands for them.
        "{organization_role_id}" | "{permission_id}" => "role_x".to_owned(),
        "{agent_task_id}" => ids.task.clone(),
        "{template_id}" => ids.template.clone(),
        "{template_name}" => "template".to_owned(),
        "{template_type}" => "email".to_owned(),
        "{slug}" => "verification_code".to_owned(),
        other => {
            assert!(
                !other.starts_with('{'),
                "a parameter that this test does not know: {}",
                op.path
            );
            other.to_owned()
        }
    };
    op.path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn of(api: Api) -> impl Iterator<Item = &'static Op> {
    usher_server::operations().filter(move |op| op.api == api)
}

both! {
    async fn every_backend_operation_needs_a_key(world: World) {
        let ids = ids(&world).await;
        let server = world.server();
        let mut seen = 0;
        for op in of(Api::Bapi) {
            assert_eq!(op.guard, Guard::SecretKey, "{}", op.id);
            let path = path(op, &ids);
            let call = async |server: &crate::server::Server| world.unchanged(server.send(op.method, &path, Some("application/json"), Bytes::from("{}"))).await;
            // Without a key and with an operation of the same path for browsers it is that one.
            let alone = call(&server.without("authorization")).await;
            if !of(Api::Fapi).any(|other| other.path == op.path) {
                alone.refused(401, "authentication_invalid");
            }
            let wrong_key = format!("Bearer sk_live_{}", "x".repeat(43));
            call(&server.header("authorization", wrong_key)).await.refused(401, "clerk_key_invalid");
            seen += 1;
        }
        assert!(seen > 40, "{seen}");
    }

    async fn every_malformed_key_is_refused(world: World) {
        let server = world.server();
        let key = world.secret.clone();
        let long = format!("Bearer {}", "x".repeat(300));
        for header in ["Bearer ", "Bearer", long.as_str(), "Bearer  "] {
            let answer = server.header("authorization", header).get("/v1/users").await;
            assert_eq!(answer.status, 401, "{header:?}: {}", answer.body);
            answer.well_formed_refusal();
        }
        for header in [format!("Basic {key}"), key.clone(), format!("Token {key}"), format!("Bearer: {key}")] {
            let answer = server.header("authorization", header.as_str()).get("/v1/users").await;
            assert_eq!(answer.status, 401, "{header:?}: {}", answer.body);
        }
        for key in [key[..key.len() - 1].to_owned(), format!("{key}x"), key.to_uppercase(), key.replace("sk_live_", "sk_test_"), world.instance().row.publishable_key.clone(), "' OR 1=1 --".to_owned()] {
            server.header("authorization", format!("Bearer {key}")).get("/v1/users").await.refused(401, "clerk_key_invalid");
        }
        server.header("authorization", format!("bearer {}", world.secret)).get("/v1/users").await.ok();
        assert!(!format!("{:?}", world.snapshot().await).contains(&world.secret), "a key is stored as a hash and sealed");
    }

    async fn a_foreign_key_finds_nothing_of_this_instance(world: World) {
        let ids = ids(&world).await;
        let (_, foreign, other) = world.other_instance("other").await;
        world.settings_of(&other, |s| s.organizations.enabled = true).await;
        // Every instance has every template: its own (`templates.rs`).
        for op in of(Api::Bapi).filter(|op| op.path.contains('{') && !op.path.contains("{template_type}")) {
            let bodies = match op.id {
                "VerifyTOTP" => json!({ "code": "123456" }),
                "VerifyPassword" => json!({ "password": "x" }),
                "AttemptEmailAddressVerification" => json!({ "verification_id": "ver_x", "code": "1" }),
                "AttemptPhoneNumberVerification" => json!({ "verification_id": "ver_x", "code": "1" }),
                "ReplaceUserPhoneNumber" => json!({ "phone_number": "+14165550298" }),
                "ReplaceUserEmailAddress" => json!({ "email_address": "x@example.com" }),
                "CreateOrganizationInvitation" => json!({ "email_address": "x@example.com", "role": "org:member" }),
                "CreateOrganizationInvitationBulk" => json!([{ "email_address": "x@example.com", "role": "org:member" }]),
                "CreateOrganizationMembership" => json!({ "user_id": "user_x", "role": "org:member" }),
                "UpdateOrganizationMembership" => json!({ "role": "org:member" }),
                "UpdateJWTTemplate" => json!({ "name": "x", "claims": {} }),
                "VerifySession" => json!({ "token": "x" }),
                "RefreshSession" => json!({ "expired_token": "x", "refresh_token": "x", "request_origin": "https://a.example" }),
                _ => json!({}),
            };
            let body = if matches!(op.method, "GET" | "DELETE") { Bytes::new() } else { Bytes::from(bodies.to_string()) };
            let answer = world.unchanged(foreign.send(op.method, &path(op, &ids), Some("application/json"), body.clone())).await;
            let random = path(op, &ids).replace(&ids.user, "user_x").replace(&ids.email, "idn_x").replace(&ids.phone, "idn_x").replace(&ids.session, "sess_x").replace(&ids.client, "client_x").replace(&ids.sign_up, "sua_x").replace(&ids.event, "1:evt_x").replace(&ids.allowed, "alid_x").replace(&ids.blocked, "blid_x").replace(&ids.tickets[0], "sit_x").replace(&ids.tickets[1], "act_x").replace(&ids.tickets[2], "inv_x").replace(&ids.tickets[3], "wle_x").replace(&ids.redirect_url, "ru_x").replace(&ids.template, "jtmp_x").replace(&ids.task, "agtask_x").replace(&ids.organization, "org_x").replace(&ids.invited, "orginv_x");
            let nothing = world.unchanged(foreign.send(op.method, &random, Some("application/json"), body)).await;
            assert_eq!((answer.status, answer.codes()), (nothing.status, nothing.codes()), "{}", answer.asked);
            assert_eq!(answer.json()["errors"], nothing.json()["errors"], "{}", answer.asked);
            let expected = if op.id == "RefreshSession" { 401 } else { 404 };
            assert_eq!(answer.status, expected, "{}: {}", answer.asked, answer.body);
        }
        for (method, path, body) in [
            ("POST", "/v1/users/ban", json!({ "user_ids": [ids.user] })),
            ("POST", "/v1/email_addresses", json!({ "user_id": ids.user, "email_address": "x@example.com" })),
            ("POST", "/v1/sessions", json!({ "user_id": ids.user })),
        ] {
            world.unchanged(foreign.json(method, path, body)).await.refused(404, "resource_not_found");
        }
        for list in [format!("/v1/users?user_id={}", ids.user), "/v1/users".to_owned(), "/v1/clients".to_owned(), format!("/v1/sessions?user_id={}", ids.user), "/v1/users?query=ada".to_owned(), "/v1/users?email_address=ada@example.com".to_owned()] {
            assert_eq!(foreign.get(&list).await.ok(), json!([]), "{list}");
        }
        assert_eq!(foreign.get("/v1/users/count").await.ok()["total_count"], 0);
        foreign.get(&format!("/v1/users?starting_after={}", ids.user)).await.refused(422, "form_param_value_invalid starting_after");
    }

    async fn every_signed_in_operation_needs_a_live_session(world: World) {
        let ids = ids(&world).await;
        let visitor = world.browser();
        let signed_out = world.browser();
        signed_out.post("/v1/client", &[]).await.ok();
        let dead = world.browser();
        dead.plant("__client", &"d".repeat(43));
        let (ended, _, _) = world.signed_in("gone@example.com").await;
        let thief = ended.thief();
        ended.delete("/v1/client/sessions").await.ok();
        let mut seen = 0;
        for op in of(Api::Fapi).filter(|op| op.guard == Guard::SignedIn) {
            let fields: Vec<(&str, &str)> = op.fields.iter().filter(|f| f.required).map(|f| (f.name, if f.name == "unsafe_metadata" { "{}" } else { "x" })).collect();
            for browser in [&visitor, &signed_out, &dead, &thief.thief(), &ended] {
                let request = browser.request(op.method, &path(op, &ids));
                let request = if op.method == "GET" { request } else { request.form(&fields) };
                let answer = world.unchanged(request.send()).await;
                answer.refused(401, "authentication_invalid");
            }
            seen += 1;
        }
        assert!(seen > 15, "{seen}");
    }

    async fn the_session_that_is_named_is_checked_against_the_browser(world: World) {
        let ids = ids(&world).await;
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        for op in of(Api::Fapi).filter(|op| op.path.starts_with("/v1/me")) {
            let fields: Vec<(&str, &str)> = op.fields.iter().filter(|f| f.required).map(|f| (f.name, if f.name == "unsafe_metadata" { "{}" } else { "x" })).collect();
            for named in [ids.session.as_str(), "sess_x", "x", ""] {
                let request = eve.request(op.method, &format!("{}?_clerk_session_id={named}", path(op, &ids)));
                let request = if op.method == "GET" { request } else { request.form(&fields) };
                world.unchanged(request.send()).await.refused(401, "authentication_invalid");
            }
        }
    }

    async fn addresses_and_devices_of_others_are_not_found(world: World) {
        let ids = ids(&world).await;
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        for (method, tail) in [("GET", ""), ("DELETE", ""), ("POST", "/prepare_verification"), ("POST", "/attempt_verification")] {
            let path = format!("/v1/me/email_addresses/{}{tail}", ids.email);
            let request = eve.request(method, &path);
            let request = if method == "GET" { request } else { request.form(&[("strategy", "email_code"), ("code", "1")]) };
            world.unchanged(request.send()).await.refused(404, "resource_not_found");
        }
        world.unchanged(eve.patch("/v1/me", &[("primary_email_address_id", &ids.email)])).await.refused(404, "resource_not_found primary_email_address_id");
        world.unchanged(eve.post(&format!("/v1/me/sessions/{}/revoke", ids.session), &[])).await.refused(404, "resource_not_found");
    }

    async fn a_secret_key_is_no_browser_and_a_cookie_is_no_key(world: World) {
        let (browser, user, _) = world.signed_in("ada@example.com").await;
        let cookie = format!("__client={}", browser.cookie("__client").unwrap());
        let by_cookie = world.server().without("authorization").header("cookie", cookie).get(&format!("/v1/users/{}", user.id)).await;
        by_cookie.refused(401, "authentication_invalid");
        world.server().get("/v1/me").await.refused(404, "resource_not_found");
        world.server().get("/v1/client").await.refused(404, "resource_not_found");
    }

    async fn private_metadata_never_reaches_a_browser(world: World) {
        let ada = world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "private_metadata": { "ssn": "hidden-from-browsers" }, "public_metadata": { "plan": "pro" } })).await;
        let browser = world.browser();
        let session = browser.sign_in("ada@example.com").await;
        for op in of(Api::Fapi).filter(|op| op.method == "GET" && op.path != "/v1/redirect") {
            let path = op.path.replace("{session_id}", &session).replace("{email_id}", &ada.email_id).replace("{phone_number_id}", "x").replace("{sign_in_id}", "x").replace("{sign_up_id}", "x");
            let answer = browser.get(&path).await;
            assert!(!answer.body.contains("hidden-from-browsers"), "{}", answer.asked);
        }
        let me = browser.get("/v1/me").await.response();
        assert!(me.get("private_metadata").is_none() && me["public_metadata"]["plan"] == "pro");
        assert_eq!(world.server().get(&format!("/v1/users/{}", ada.id)).await.ok()["private_metadata"]["ssn"], "hidden-from-browsers");
    }

    async fn a_browser_cannot_write_what_only_servers_write(world: World) {
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        let fields = [("public_metadata", "{\"role\":\"admin\"}"), ("private_metadata", "{\"a\":1}"), ("banned", "false"), ("locked", "false"), ("external_id", "x"), ("id", "user_x"), ("created_at", "1"), ("primary_email_address", "x")];
        browser.patch("/v1/me", &fields).await.ok();
        browser.post("/v1/me/metadata?_method=PATCH", &[("unsafe_metadata", "{}"), ("public_metadata", "{\"role\":\"admin\"}")]).await.ok();
        let user = world.server().get(&format!("/v1/users/{}", ada.id)).await.ok();
        assert_eq!((&user["public_metadata"], &user["private_metadata"], &user["external_id"], &user["id"]), (&json!({}), &json!({}), &json!(null), &json!(ada.id)));
        let signed_up = world.browser().post("/v1/client/sign_ups", &[("public_metadata", "{\"role\":\"admin\"}"), ("external_id", "x")]).await.response();
        assert_eq!((&signed_up["public_metadata"], &signed_up["external_id"]), (&json!({}), &json!(null)));
    }
}
