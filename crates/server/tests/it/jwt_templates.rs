//! JWT templates and the tokens made from them (contract fapi §6.4, §6.5, bapi §2.4, §5.4).
use crate::answer::decode;
use crate::world::World;
use serde_json::{Value, json};
use usher_crypto::digest;

async fn make(world: &World, body: Value) -> Value {
    world.server().post("/v1/jwt_templates", body).await.ok()
}

fn path(made: &Value) -> String {
    format!("/v1/jwt_templates/{}", made["id"].as_str().unwrap())
}

const SECRET: &str = "a secret of thirty-two characters";

/// A key on P-256 that nothing else uses.
const PEM: &str = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIECQHZu1kmOejCoe+vxH595uqsHV3W4C+t2A8tX/B/UuoAoGCCqGSM49\nAwEHoUQDQgAEFPmX5LV9QLtFLjDTRMUFAaY7Z260LudqgxzoxQL1j/LYVwJ18TX9\nBA9v3uu0yWAgOvaShCS/ST8Bilgj7c7uIA==\n-----END EC PRIVATE KEY-----\n";

both! {
    async fn a_template_makes_tokens_for_both_apis(world: World) {
        let claims = json!({ "aud": "https://db.example", "role": "{{user.public_metadata.role || 'guest'}}", "name": "{{user.full_name}}", "mail": "{{user.primary_email_address}}", "verified": "{{user.email_verified}}", "hello": "Hello {{user.first_name}} {{user.last_name}}", "ref": "{{user.external_id}}", "org": "{{org.id}}", "actor": "{{session.actor}}", "session": "{{session.id}}", "list": [1, { "x": "{{user.id}}" }] });
        let made = make(&world, json!({ "name": "my-db_1", "claims": claims })).await;
        assert_eq!(made, json!({ "object": "jwt_template", "id": made["id"], "name": "my-db_1", "claims": claims, "lifetime": 60, "allowed_clock_skew": 5, "custom_signing_key": false, "signing_algorithm": "RS256", "created_at": world.now().0, "updated_at": world.now().0 }));
        assert!(made["id"].as_str().unwrap().starts_with("jtmp_"));
        let ada = world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "first_name": "Ada", "public_metadata": { "role": "admin" } })).await;
        let browser = world.browser();
        let session = browser.sign_in("ada@example.com").await;
        let by_browser = browser.post(&format!("/v1/client/sessions/{session}/tokens/my-db_1"), &[]).await;
        assert!(by_browser.cookies.is_empty());
        let by_server = world.server().post(&format!("/v1/sessions/{session}/tokens/my-db_1"), json!({ "expires_in_seconds": 300 })).await;
        let now = world.now().secs();
        for (answer, life, azp) in [(by_browser, 60, json!("http://localhost:8787")), (by_server, 300, json!(null))] {
            let body = answer.ok();
            assert_eq!(body["object"], "token");
            let jwt = body["jwt"].as_str().unwrap();
            let (header, said) = decode(jwt);
            assert_eq!((&header["alg"], &header["cat"], &header["kid"]), (&json!("RS256"), &json!("cl_B7d4PD222AAA"), &json!(world.instance().keys.signing(world.now()).row.id)));
            assert_eq!((&said["sub"], &said["iss"], &said["azp"]), (&json!(ada.id), &json!(world.instance().issuer), &azp));
            assert_eq!((&said["iat"], &said["nbf"], &said["exp"]), (&json!(now), &json!(now - 5), &json!(now + life)));
            assert_eq!((&said["aud"], &said["role"], &said["name"], &said["mail"], &said["verified"]), (&json!("https://db.example"), &json!("admin"), &json!("Ada"), &json!("ada@example.com"), &json!(true)));
            assert_eq!((&said["hello"], &said["ref"], &said["org"], &said["actor"]), (&json!("Hello Ada null"), &json!(null), &json!(null), &json!(null)));
            assert_eq!((&said["session"], &said["list"]), (&json!(session), &json!([1, { "x": ada.id }])));
            assert!(said["jti"].is_string() && said["sid"].is_null() && said["v"].is_null() && said["fva"].is_null(), "{said}");
            let verified = usher_crypto::jwt::verify(jwt, |kid| world.instance().keys.verifier(kid, world.now())).unwrap();
            assert_eq!(verified.claims["sub"], json!(ada.id));
        }
    }

    async fn a_templates_token_is_no_session_token(world: World) {
        make(&world, json!({ "name": "t", "claims": { "handshake": ["__session=x"] } })).await;
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let jwt = browser.post(&format!("/v1/client/sessions/{session}/tokens/t"), &[]).await.ok()["jwt"].clone();
        world.server().post("/v1/clients/verify", json!({ "token": jwt })).await.refused(400, "invalid_session_token token");
        world.server().post(&format!("/v1/sessions/{session}/verify"), json!({ "token": jwt })).await.refused(400, "invalid_session_token token");
    }

    async fn private_metadata_and_what_users_write_stay_what_they_are(world: World) {
        let user = world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "private_metadata": { "ssn": "hidden" }, "unsafe_metadata": { "a": "{{user.id}}" } })).await;
        make(&world, json!({ "name": "t", "claims": { "p": "{{user.private_metadata}}", "q": "{{user.private_metadata.ssn}}", "u": "{{user.unsafe_metadata.a}}", "w": "{{user.password_stored}}" } })).await;
        let browser = world.browser();
        let session = browser.sign_in("ada@example.com").await;
        let said = decode(browser.post(&format!("/v1/client/sessions/{session}/tokens/t"), &[]).await.ok()["jwt"].as_str().unwrap()).1;
        assert_eq!((&said["p"], &said["q"], &said["u"], &said["w"]), (&json!(null), &json!(null), &json!("{{user.id}}"), &json!(null)));
        assert_eq!(said["sub"], json!(user.id));
    }

    async fn an_own_key_signs_and_is_shown_to_nobody(world: World) {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let server = world.server();
        let made = make(&world, json!({ "name": "hs", "claims": {}, "custom_signing_key": true, "signing_algorithm": "HS256", "signing_key": SECRET })).await;
        assert_eq!((&made["custom_signing_key"], &made["signing_algorithm"]), (&json!(true), &json!("HS256")));
        let mint = async || browser.post(&format!("/v1/client/sessions/{session}/tokens/hs"), &[]).await.ok()["jwt"].as_str().unwrap().to_owned();
        let jwt = mint().await;
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        assert_eq!(signature, digest::b64url(&digest::hmac_sha256(SECRET.as_bytes(), message.as_bytes())));
        assert_eq!(decode(&jwt).0, json!({ "alg": "HS256", "cat": "cl_B7d4PD222AAA", "kid": made["id"], "typ": "JWT" }));
        for answer in [server.get(&path(&made)).await, server.get("/v1/jwt_templates").await, server.patch(&path(&made), json!({ "name": "hs", "claims": { "a": 1 } })).await] {
            assert!(!answer.body.contains(SECRET) && answer.status == 200, "{}", answer.body);
        }
        assert!(!format!("{:?}", world.snapshot().await).contains(SECRET), "it is sealed");
        assert_eq!(decode(&mint().await).1["a"], 1, "an update that names no key keeps it");
        assert_eq!(decode(&mint().await).0["alg"], "HS256");
        let with_pem = server.patch(&path(&made), json!({ "name": "hs", "claims": {}, "custom_signing_key": true, "signing_algorithm": "ES256", "signing_key": PEM })).await.ok();
        assert_eq!(with_pem["signing_algorithm"], "ES256");
        assert_eq!(decode(&mint().await).0["alg"], "ES256");
        let own = server.patch(&path(&made), json!({ "name": "hs", "claims": {}, "custom_signing_key": false })).await.ok();
        assert_eq!((&own["custom_signing_key"], &own["signing_algorithm"]), (&json!(false), &json!("RS256")));
        assert_eq!(decode(&mint().await).0["alg"], "RS256");
    }

    async fn what_is_no_template_is_refused(world: World) {
        let server = world.server();
        let made = make(&world, json!({ "name": "taken", "claims": {} })).await;
        let base = json!({ "name": "t", "claims": {} });
        let with = |more: Value| { let mut body = base.clone(); for (k, v) in more.as_object().unwrap() { body[k] = v.clone(); } body };
        let mut cases = vec![
            (with(json!({ "name": "a b" })), 422, "form_param_format_invalid name"),
            (with(json!({ "name": "a/b" })), 422, "form_param_format_invalid name"),
            (with(json!({ "name": "" })), 422, "form_param_nil name"),
            (with(json!({ "name": "x".repeat(65) })), 422, "form_param_max_length_exceeded name"),
            (with(json!({ "name": "taken" })), 400, "duplicate_record name"),
            (with(json!({ "claims": [] })), 422, "form_param_type_invalid claims"),
            (with(json!({ "claims": null })), 422, "form_param_nil claims"),
            (with(json!({ "claims": { "a": "x".repeat(17000) } })), 422, "form_param_exceeds_allowed_size claims"),
            (with(json!({ "lifetime": 29 })), 422, "form_param_value_invalid lifetime"),
            (with(json!({ "lifetime": 315_360_001 })), 422, "form_param_value_invalid lifetime"),
            (with(json!({ "allowed_clock_skew": 301 })), 422, "form_param_value_invalid allowed_clock_skew"),
            (with(json!({ "allowed_clock_skew": -1 })), 422, "form_param_value_invalid allowed_clock_skew"),
            (with(json!({ "custom_signing_key": true })), 422, "form_param_missing signing_algorithm"),
            (with(json!({ "custom_signing_key": true, "signing_algorithm": "HS256" })), 422, "form_param_missing signing_key"),
            (with(json!({ "signing_algorithm": "HS256", "signing_key": SECRET })), 422, "form_param_missing custom_signing_key"),
            (with(json!({ "custom_signing_key": true, "signing_algorithm": "none", "signing_key": SECRET })), 422, "form_param_value_invalid signing_algorithm"),
            (with(json!({ "custom_signing_key": true, "signing_algorithm": "HS512", "signing_key": SECRET })), 422, "form_param_format_invalid signing_key"),
            (with(json!({ "custom_signing_key": true, "signing_algorithm": "RS256", "signing_key": PEM })), 422, "form_param_format_invalid signing_key"),
            (with(json!({ "custom_signing_key": true, "signing_algorithm": "ES384", "signing_key": PEM })), 422, "form_param_format_invalid signing_key"),
        ];
        for claim in ["azp", "exp", "iat", "iss", "jti", "nbf", "sid", "sub"] {
            cases.push((with(json!({ "claims": { claim: "x" } })), 400, "jwt_template_reserved_claim claims"));
        }
        let other = make(&world, json!({ "name": "other", "claims": {} })).await;
        for (body, status, code) in &cases {
            let refused = world.unchanged(server.post("/v1/jwt_templates", body.clone())).await;
            refused.refused(*status, code);
            assert!(!refused.body.contains(SECRET));
            world.unchanged(server.patch(&path(&other), body.clone())).await.refused(*status, code);
        }
        for (body, code) in [(json!({ "claims": {} }), "form_param_missing name"), (json!({ "name": "t" }), "form_param_missing claims")] {
            world.unchanged(server.post("/v1/jwt_templates", body.clone())).await.refused(422, code);
            world.unchanged(server.patch(&path(&made), body)).await.refused(422, code);
        }
        for unknown in ["jtmp_x", "x"] {
            let path = format!("/v1/jwt_templates/{unknown}");
            world.unchanged(server.get(&path)).await.refused(404, "resource_not_found");
            world.unchanged(server.delete(&path)).await.refused(404, "resource_not_found");
            world.unchanged(server.patch(&path, base.clone())).await.refused(404, "resource_not_found");
        }
    }

    async fn tokens_are_for_live_sessions_of_users_in_good_standing(world: World) {
        make(&world, json!({ "name": "t", "claims": {} })).await;
        let (browser, ada, session) = world.signed_in("ada@example.com").await;
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        let server = world.server();
        let here = format!("/v1/client/sessions/{session}/tokens/t");
        let there = format!("/v1/sessions/{session}/tokens/t");
        world.unchanged(eve.post(&here, &[])).await.refused(401, "authentication_invalid");
        world.unchanged(world.browser().post(&here, &[])).await.refused(401, "authentication_invalid");
        world.unchanged(browser.post(&format!("{here}x"), &[])).await.refused(404, "resource_not_found");
        world.unchanged(server.post(&format!("{there}x"), json!({}))).await.refused(404, "resource_not_found");
        world.unchanged(server.post("/v1/sessions/sess_x/tokens/t", json!({}))).await.refused(404, "resource_not_found");
        for life in [29, 315_360_001] {
            world.unchanged(server.post(&there, json!({ "expires_in_seconds": life }))).await.refused(422, "form_param_value_invalid expires_in_seconds");
        }
        let foreign = browser.request("POST", &here).origin("https://evil.example").send().await;
        foreign.refused(400, "origin_invalid");
        server.post(&format!("/v1/users/{}/ban", ada.id), json!({})).await.ok();
        world.unchanged(browser.post(&here, &[])).await.refused(401, "authentication_invalid");
        world.unchanged(server.post(&there, json!({}))).await.refused(404, "resource_not_found");
        server.post(&format!("/v1/users/{}/unban", ada.id), json!({})).await.ok();
        world.unchanged(server.post(&there, json!({}))).await.refused(404, "resource_not_found");
    }

    async fn another_instances_templates_are_not_this_ones(world: World) {
        let (_, other, _) = world.other_instance("other").await;
        let made = make(&world, json!({ "name": "t", "claims": {} })).await;
        let (_, _, session) = world.signed_in("ada@example.com").await;
        other.get(&path(&made)).await.refused(404, "resource_not_found");
        world.unchanged(other.patch(&path(&made), json!({ "name": "t", "claims": {} }))).await.refused(404, "resource_not_found");
        world.unchanged(other.delete(&path(&made))).await.refused(404, "resource_not_found");
        world.unchanged(other.post(&format!("/v1/sessions/{session}/tokens/t"), json!({}))).await.refused(404, "resource_not_found");
        other.post("/v1/jwt_templates", json!({ "name": "t", "claims": {} })).await.ok();
        let listed = other.get("/v1/jwt_templates?paginated=true").await.ok();
        assert_eq!(listed["total_count"], 1);
        assert_ne!(listed["data"][0]["id"], made["id"]);
    }

    async fn a_token_that_grows_too_large_is_not_made(world: World) {
        let big = json!({ "a": "x".repeat(4000) });
        world.user_with("ada@example.com", json!({ "skip_password_requirement": true, "public_metadata": big })).await;
        make(&world, json!({ "name": "t", "claims": { "a": "{{user.public_metadata.a}}".repeat(9) } })).await;
        make(&world, json!({ "name": "u", "claims": { "a": "{{user.public_metadata.a}}" } })).await;
        let browser = world.browser();
        let session = browser.sign_in("ada@example.com").await;
        browser.post(&format!("/v1/client/sessions/{session}/tokens/t"), &[]).await.refused(422, "form_param_exceeds_allowed_size claims");
        browser.post(&format!("/v1/client/sessions/{session}/tokens/u"), &[]).await.ok();
    }

    async fn who_impersonates_can_be_told_apart(world: World) {
        make(&world, json!({ "name": "t", "claims": { "actor": "{{session.actor}}", "by": "{{session.actor.sub || 'nobody'}}" } })).await;
        let ada = world.user_without_password("ada@example.com").await;
        let made = world.server().post("/v1/actor_tokens", json!({ "user_id": ada.id, "actor": { "sub": "support" } })).await.ok();
        let browser = world.browser();
        let done = browser.post("/v1/client/sign_ins", &[("strategy", "ticket"), ("ticket", made["token"].as_str().unwrap())]).await.response();
        let session = done["created_session_id"].as_str().unwrap();
        let said = decode(browser.post(&format!("/v1/client/sessions/{session}/tokens/t"), &[]).await.ok()["jwt"].as_str().unwrap()).1;
        assert_eq!((&said["actor"], &said["by"]), (&json!({ "sub": "support" }), &json!("support")));
    }
}
