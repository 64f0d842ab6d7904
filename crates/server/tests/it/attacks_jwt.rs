//! Attacks on JWTs (requirements J-01 to J-15, J-22, J-25; past flaws T53, T56). The same matrix at each door that takes a
//! session token: `/clients/verify`, `/sessions/{id}/verify` and the expired token of `/sessions/{id}/refresh`.
use crate::answer::{Answer, decode};
use crate::browser::Browser;
use crate::handshake::directives;
use crate::world::World;
use serde_json::{Value, json};
use usher_crypto::digest::{b64url, b64url_decode, hmac_sha256};
use usher_crypto::jwt::Category;
use usher_crypto::signing::SigningKey;
use usher_http::percent;

const APP: &str = "http://localhost:3000";

/// A session, its token, and what an application's server holds of it.
struct Target {
    world: World,
    browser: Browser,
    session: String,
    jwt: String,
    refresh: String,
    /// The header and the claims of the token, as texts.
    header: Value,
    claims: Value,
}

impl Target {
    async fn new(world: &World) -> Self {
        let (browser, _, session) = world.signed_in("ada@example.com").await;
        let directives = handshake(world, &browser).await;
        let jwt = directive(&directives, "__session");
        let suffix = &world.instance().cookie_suffix;
        let (header, claims) = decode(&jwt);
        Self {
            world: world.clone(),
            browser,
            session,
            refresh: directive(&directives, &format!("__refresh_{suffix}")),
            jwt,
            header,
            claims,
        }
    }

    /// What each door says to a token.
    async fn doors(&self, token: &str) -> [Answer; 3] {
        let server = self.world.server();
        let refresh =
            json!({ "expired_token": token, "refresh_token": self.refresh, "request_origin": APP });
        let id = &self.session;
        [
            server
                .post("/v1/clients/verify", json!({ "token": token }))
                .await,
            server
                .post(
                    &format!("/v1/sessions/{id}/verify"),
                    json!({ "token": token }),
                )
                .await,
            server
                .post(&format!("/v1/sessions/{id}/refresh"), refresh)
                .await,
        ]
    }

    async fn accepted(&self, token: &str, why: &str) {
        for answer in self.doors(token).await {
            assert_eq!(
                answer.status, 200,
                "{why}: {} {}",
                answer.asked, answer.body
            );
        }
    }

    async fn refused(&self, token: &str, why: &str) {
        for answer in self.doors(token).await {
            assert!(
                matches!(answer.status, 400 | 401 | 422),
                "{why}: {} {}",
                answer.asked,
                answer.body
            );
            answer.well_formed_refusal();
            assert!(!answer.body.contains(&self.session), "{why}");
        }
    }

    /// A token over any header and claims, rightly signed with the instance's own key.
    fn sign(&self, header: &str, claims: &str) -> String {
        sign(
            self.world
                .instance()
                .keys
                .signing(self.world.now())
                .signer
                .key(),
            header,
            claims,
        )
    }

    /// The token's header with one member changed, added, or (null) taken away.
    fn header(&self, name: &str, value: Value) -> String {
        changed(&self.header, name, value)
    }

    fn claims(&self, name: &str, value: Value) -> String {
        changed(&self.claims, name, value)
    }
}

fn sign(key: &SigningKey, header: &str, claims: &str) -> String {
    let message = message(header, claims);
    let signature = key.sign_rs256(message.as_bytes()).unwrap();
    format!("{message}.{}", b64url(&signature))
}

fn message(header: &str, claims: &str) -> String {
    format!(
        "{}.{}",
        b64url(header.as_bytes()),
        b64url(claims.as_bytes())
    )
}

fn changed(object: &Value, name: &str, value: Value) -> String {
    let mut out = object.clone();
    if value.is_null() {
        out.as_object_mut().unwrap().remove(name);
    } else {
        out[name] = value;
    }
    out.to_string()
}

async fn handshake(world: &World, browser: &Browser) -> Vec<String> {
    let target = format!(
        "/v1/client/handshake?redirect_url={}&format=nonce",
        percent::encode(APP)
    );
    directives(world, &browser.get(&target).await).await
}

fn directive(directives: &[String], name: &str) -> String {
    let line = directives
        .iter()
        .find(|d| d.split('=').next() == Some(name))
        .unwrap();
    let (_, rest) = line.split_once('=').unwrap();
    rest.split(';').next().unwrap().to_owned()
}

both! {
    async fn tokens_by_other_algorithms_are_refused_at_every_door(world: World) {
        // J-01, J-02, J-03; T56.
        let target = Target::new(&world).await;
        target.accepted(&target.jwt, "the token itself").await;
        let claims = target.claims.to_string();
        for alg in ["none", "None", "nOnE", "", "HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 "] {
            let header = target.header("alg", json!(alg));
            target.refused(&target.sign(&header, &claims), alg).await;
            target.refused(&format!("{}.", message(&header, &claims)), alg).await;
        }
        for alg in [json!(["RS256"]), json!({ "RS256": 1 }), json!(true), json!(256), Value::Null] {
            target.refused(&target.sign(&target.header("alg", alg.clone()), &claims), &alg.to_string()).await;
        }
        // The public key as the secret of a MAC, in each form that an attacker has it in.
        let public = world.instance().keys.signing(world.now()).signer.key().public_pem();
        let modulus = world.modulus(&world.instance()).as_str().unwrap().to_owned();
        let der = usher_crypto::digest::b64url(public.as_bytes());
        for secret in [public.as_bytes(), public.trim_end().as_bytes(), modulus.as_bytes(), &b64url_decode(&modulus).unwrap(), der.as_bytes(), b""] {
            for alg in ["HS256", "RS256"] {
                let message = message(&target.header("alg", json!(alg)), &claims);
                target.refused(&format!("{message}.{}", b64url(&hmac_sha256(secret, message.as_bytes()))), alg).await;
            }
        }
    }

    async fn keys_that_a_token_brings_along_are_not_used(world: World) {
        // J-04, J-05, J-06, J-22: the key is looked up here by `kid`, whatever else the header says.
        let target = Target::new(&world).await;
        let (_, _, other) = world.other_instance("other").await;
        let claims = target.claims.to_string();
        let own = SigningKey::generate().unwrap().0;
        let jwk = own.jwk("k");
        for (name, value) in [("jwk", jwk.clone()), ("jku", json!("https://evil.example/jwks")), ("x5u", json!("https://evil.example/cert")), ("x5c", json!(["MIIB"])), ("x5t", json!("x")), ("kid", json!("k"))] {
            target.refused(&sign(&own, &target.header(name, value), &claims), name).await;
        }
        target.refused(&sign(&own, &target.header.to_string(), &claims), "our kid, another key").await;
        target.refused(&sign(other.keys.signing(world.now()).signer.key(), &target.header.to_string(), &claims), "our kid, the key of another instance").await;
        let theirs = other.keys.signing(world.now()).row.id.clone();
        target.refused(&sign(other.keys.signing(world.now()).signer.key(), &target.header("kid", json!(theirs)), &claims), "the kid and the key of another instance").await;
        let long = "k".repeat(10_000);
        for kid in [json!("../../dev/null"), json!("' OR 1=1 --"), json!("\u{0}"), json!(long), json!(["a"]), json!(0), json!({}), json!(""), json!(theirs), Value::Null] {
            target.refused(&target.sign(&target.header("kid", kid.clone()), &claims), &kid.to_string()).await;
        }
        let padded = format!("{} ", target.header["kid"].as_str().unwrap());
        target.refused(&target.sign(&target.header("kid", json!(padded)), &claims), "kid with a blank").await;
    }

    async fn headers_that_change_the_meaning_are_refused(world: World) {
        // J-07, J-08, J-13, J-15, J-20.
        let target = Target::new(&world).await;
        let claims = target.claims.to_string();
        for (name, value) in [("crit", json!(["exp"])), ("crit", json!([])), ("crit", json!(["b64"])), ("typ", json!("at+jwt")), ("typ", json!("jwt+x")), ("typ", json!(7)), ("cat", json!(Category::Template.as_str())), ("cat", json!(Category::M2m.as_str())), ("cat", json!("")), ("cat", Value::Null)] {
            target.refused(&target.sign(&target.header(name, value.clone()), &claims), &format!("{name} {value}")).await;
        }
        let text = target.header.to_string();
        for header in [format!("{{\"alg\":\"none\",{}", &text[1..]), format!("{},\"alg\":\"RS256\"}}", &text[..text.len() - 1]), format!("{{\"kid\":\"x\",{}", &text[1..])] {
            target.refused(&target.sign(&header, &claims), "a header parameter twice").await;
        }
        let text = target.claims.to_string();
        for claims in [format!("{{\"sub\":\"user_x\",{}", &text[1..]), format!("{},\"sid\":\"sess_x\"}}", &text[..text.len() - 1])] {
            target.refused(&target.sign(&target.header.to_string(), &claims), "a claim twice").await;
        }
        let parts: Vec<&str> = target.jwt.split('.').collect();
        target.refused(&format!("{}.{}.{}.{}.{}", parts[0], parts[1], parts[1], parts[1], parts[2]), "a JWE").await;
        let nested = target.sign(&target.header("cty", json!("JWT")), &json!(target.jwt).to_string());
        target.refused(&nested, "a JWT in a JWT").await;
    }

    async fn times_that_are_none_or_wrong_are_refused(world: World) {
        // J-09, J-10, J-25. The refresh takes expired tokens; it holds `iat` instead.
        let target = Target::new(&world).await;
        let header = target.header.to_string();
        let now = world.now().secs();
        let both = async |claims: String, why: &str| {
            let [client, session, _] = target.doors(&target.sign(&header, &claims)).await;
            for answer in [client, session] {
                answer.refused(400, "invalid_session_token token");
                assert!(!why.is_empty());
            }
        };
        for exp in [json!(now), json!(now - 3600), json!(0), json!(-1), json!(f64::from(i32::MAX) + 0.5), json!("9999999999"), json!(1e30), json!([now + 60]), json!(true), Value::Null] {
            both(target.claims("exp", exp), "exp").await;
        }
        for nbf in [json!(now + 6), json!(now + 3600), json!("0"), json!(0.5), Value::Null] {
            both(target.claims("nbf", nbf), "nbf").await;
        }
        for iat in [json!(now + 6), json!(now + 3600), json!("0"), json!(1e30), json!(i64::MAX), Value::Null] {
            let token = target.sign(&header, &target.claims("iat", iat.clone()));
            target.refused(&token, &format!("iat {iat}")).await;
        }
        let token = target.sign(&header, &target.claims("iat", json!(i64::MIN)));
        target.doors(&token).await[2].refused(401, "session_refresh_expired_session_token_too_old");
    }

    async fn signatures_that_are_not_whole_are_refused(world: World) {
        // J-11, J-12, J-14, J-21; T53.
        let target = Target::new(&world).await;
        let jwt = &target.jwt;
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        let bytes = b64url_decode(signature).unwrap();
        for bit in (0..bytes.len() * 8).step_by(97) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            target.refused(&format!("{message}.{}", b64url(&flipped)), "a flipped bit").await;
        }
        let modulus = b64url_decode(world.modulus(&world.instance()).as_str().unwrap()).unwrap();
        let longer = [&[0], &bytes[..]].concat();
        for wrong in [&[][..], &[0; 256], &[1; 256], &[0xff; 256], &modulus, &bytes[..255], &longer, &[&bytes[..], &[0]].concat()] {
            target.refused(&format!("{message}.{}", b64url(wrong)), "another signature").await;
        }
        for part in 0..2 {
            let mut parts: Vec<String> = jwt.split('.').map(str::to_owned).collect();
            let mut bytes = b64url_decode(&parts[part]).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            parts[part] = b64url(&bytes);
            target.refused(&parts.join("."), "a flipped bit of header or claims").await;
        }
        for end in [1, 2, 8, signature.len()] {
            target.refused(&jwt[..jwt.len() - end], "cut off").await;
        }
        let plain = jwt.replace('-', "+").replace('_', "/");
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        for (text, why) in [
            (format!("{jwt}="), "padding"), (format!("{jwt}A"), "one more"), (format!("{jwt}."), "a fourth part"), (format!(".{jwt}"), "an empty first"), (format!("{jwt}\n"), "a line"), (format!("Bearer {jwt}"), "a scheme"),
            (plain, "the other alphabet"), (jwt.replace('.', ".."), "empty parts"), (jwt.to_uppercase(), "upper case"), (target.sign(&deep, "{}"), "depth"), (target.sign(&target.header.to_string(), &deep), "depth"),
            (target.sign("\u{feff}{}", "{}"), "a byte order mark"), (format!("{}.{}", jwt, "A".repeat(1_000_000 / 8)), "size"),
        ] {
            if text != *jwt {
                target.refused(&text, why).await;
            }
        }
        let control = target.sign(&target.header.to_string(), &target.claims.to_string());
        target.accepted(&control, "our own signature over the same").await;
    }

    async fn claims_of_somebody_else_are_refused_although_the_signature_holds(world: World) {
        // J-16: what a token says is held against what is known of the session.
        let target = Target::new(&world).await;
        let (_, bob, other) = world.signed_in("bob@example.com").await;
        let header = target.header.to_string();
        for azp in [json!("https://evil.example"), json!(""), json!(7), Value::Null] {
            let token = target.sign(&header, &target.claims("azp", azp));
            let answer = target.doors(&token).await[2].clone();
            assert_eq!(answer.status, 401, "{}", answer.body);
        }
        for sid in [json!(other), json!("sess_x"), json!(""), json!([target.session]), json!(7), Value::Null] {
            let token = target.sign(&header, &target.claims("sid", sid));
            let [_, session, refresh] = target.doors(&token).await;
            session.refused(400, "invalid_session_token token");
            assert_eq!(refresh.status, 401, "{}", refresh.body);
        }
        for sub in [json!(bob.id), json!(""), json!(7), Value::Null] {
            let token = target.sign(&header, &target.claims("sub", sub));
            assert_eq!(target.doors(&token).await[2].status, 401);
        }
    }

    async fn each_class_of_secret_opens_its_own_door_only(world: World) {
        // J-15, J-19 as far as it exists; T56, T58; promise P1 (a session token is powerless).
        let target = Target::new(&world).await;
        let again = target.browser.get(&format!("/v1/client/handshake?redirect_url={}", percent::encode(APP))).await;
        let handshake = again.cookie_value("__clerk_handshake").unwrap().to_owned();
        let again = target.browser.get(&format!("/v1/client/handshake?redirect_url={}&format=nonce", percent::encode(APP))).await;
        let nonce = again.cookie_value("__clerk_handshake_nonce").unwrap().to_owned();
        let nobody = world.browser().get(&format!("/v1/client/handshake?redirect_url={}&format=nonce", percent::encode(APP))).await;
        let nobody = nobody.cookie_value("__clerk_handshake_nonce").unwrap().to_owned();
        let directives = self::handshake(&world, &target.browser).await;
        let refresh = directive(&directives, &format!("__refresh_{}", world.instance().cookie_suffix));
        let testing = world.server().post("/v1/testing_tokens", json!({})).await.ok()["token"].as_str().unwrap().to_owned();
        let client = target.browser.cookie("__client").unwrap();
        let secrets = [
            ("session token", target.jwt.clone()), ("handshake token", handshake), ("handshake nonce", nonce), ("nobody's nonce", nobody), ("refresh token", refresh), ("testing token", testing),
            ("client token", client), ("secret key", world.secret.clone()), ("publishable key", world.instance().row.publishable_key.clone()), ("session id", target.session.clone()),
        ];
        let server = world.server();
        let stranger = world.browser();
        let sign_in = { world.user_without_password("eve@example.com").await; stranger.pending_sign_in("eve@example.com").await };
        for (class, secret) in &secrets {
            let session = &target.session;
            let body = |expired: &str, refresh: &str| json!({ "expired_token": expired, "refresh_token": refresh, "request_origin": APP });
            let doors = [
                ("session token", server.post("/v1/clients/verify", json!({ "token": secret })).await.status),
                ("session token", server.post(&format!("/v1/sessions/{session}/verify"), json!({ "token": secret })).await.status),
                ("session token", server.post(&format!("/v1/sessions/{session}/refresh"), body(secret, &secrets[4].1)).await.status),
                ("refresh token", server.post(&format!("/v1/sessions/{session}/refresh"), body(&target.jwt, secret)).await.status),
                ("nonce", server.get(&format!("/v1/clients/handshake_payload?nonce={}", percent::encode(secret))).await.status),
                ("secret key", server.header("authorization", format!("Bearer {secret}")).get("/v1/users").await.status),
                ("client token", world.browser().request("GET", "/v1/me").header("cookie", format!("__client={secret}")).send().await.status),
                ("nothing", world.browser().request("GET", "/v1/me").header("cookie", format!("__session={secret}; __clerk_db_jwt={secret}; __dev_session={secret}; __client_uat={secret}")).send().await.status),
                ("nothing", world.browser().get(&format!("/v1/me?__clerk_db_jwt={0}&__dev_session={0}&rotating_token_nonce={0}&__clerk_ticket={0}&_is_native=1", percent::encode(secret))).await.status),
                ("nothing", world.browser().request("GET", "/v1/me?_is_native=1").header("authorization", secret.as_str()).send().await.status),
                ("nothing", stranger.attempt_code(&sign_in, &secret.chars().take(32).collect::<String>()).await.status),
            ];
            for (index, (opens, status)) in doors.iter().enumerate() {
                let fits = class == opens || (*opens == "nonce" && class.contains("nonce"));
                assert_eq!(*status == 200, fits, "{class} at door {index}: {status}");
                assert!(*status < 500, "{class} at door {index}: {status}");
            }
        }
    }

    async fn tokens_of_reference_length_are_refused_when_one_character_differs(world: World) {
        // T53: opaque tokens count in their whole length.
        let mut target = Target::new(&world).await;
        let answer = target.browser.get(&format!("/v1/client/handshake?redirect_url={}&format=nonce", percent::encode(APP))).await;
        let nonce = answer.cookie_value("__clerk_handshake_nonce").unwrap().to_owned();
        let refresh = directive(&self::handshake(&world, &target.browser).await, &format!("__refresh_{}", world.instance().cookie_suffix));
        target.refresh.clone_from(&refresh);
        let client = target.browser.cookie("__client").unwrap();
        let variants = |token: &str| {
            let middle = token.len() / 2;
            let other = if token.as_bytes()[middle] == b'x' { "y" } else { "x" };
            vec![token[1..].to_owned(), token[..token.len() - 1].to_owned(), format!("{token}x"), format!("x{token}"), format!("{}{other}{}", &token[..middle], &token[middle + 1..]), token[..middle].to_owned(), format!("{token} {token}"), format!("\"{token}\"")]
        };
        let path = format!("/v1/sessions/{}/refresh", target.session);
        for wrong in variants(&client) {
            world.browser().request("GET", "/v1/me").header("cookie", format!("__client={wrong}")).send().await.refused(401, "authentication_invalid");
        }
        for wrong in variants(&refresh) {
            world.server().post(&path, json!({ "expired_token": target.jwt, "refresh_token": wrong, "request_origin": APP })).await.refused(401, "refresh_token_not_found");
        }
        for wrong in variants(&nonce) {
            world.server().get(&format!("/v1/clients/handshake_payload?nonce={}", percent::encode(&wrong))).await.refused(400, "invalid_handshake");
        }
        for wrong in variants(&world.secret) {
            let answer = world.server().header("authorization", format!("Bearer {wrong}")).get("/v1/users").await;
            assert_eq!(answer.status, 401, "{}", answer.body);
        }
        target.accepted(&target.jwt, "nothing was spoiled").await;
    }
}
