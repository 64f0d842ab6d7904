//! Phone numbers, by the operator (contract bapi §2.2) and by their owner (contract fapi §8.4).
use crate::answer::Answer;
use crate::browser::Browser;
use crate::world::World;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use usher_server::instances::settings::Presence;

/// Numbers that a message goes to: of no film, so that they are no test identities.
pub(crate) const ADA: &str = "+12025550273";
pub(crate) const BOB: &str = "+14165550298";
pub(crate) const FILM: &str = "+12015550100";

impl World {
    /// Phone numbers are offered, as an identifier and a first factor.
    pub(crate) async fn phones_on(&self) {
        self.settings(|s| s.attributes.phone_number = Presence::On)
            .await;
    }

    /// A user with a verified number besides the address; the number's id.
    pub(crate) async fn number_of(&self, user: &str, number: &str) -> String {
        let body = json!({ "user_id": user, "phone_number": number, "verified": true });
        let made = self.server().post("/v1/phone_numbers", body).await.ok();
        made["id"].as_str().unwrap().to_owned()
    }
}

impl Browser {
    /// Adds a number and proves it; its id.
    pub(crate) async fn proved_number(&self, number: &str) -> String {
        let added = self
            .post("/v1/me/phone_numbers", &[("phone_number", number)])
            .await
            .response();
        let id = added["id"].as_str().unwrap().to_owned();
        self.prepare_number(&id).await.ok();
        let code = self.world.code(number).await;
        let done = self.attempt_number(&id, &code).await.response();
        assert_eq!(done["verification"]["status"], "verified", "{done}");
        id
    }

    pub(crate) async fn prepare_number(&self, id: &str) -> Answer {
        self.post(
            &format!("/v1/me/phone_numbers/{id}/prepare_verification"),
            &[("strategy", "phone_code")],
        )
        .await
    }

    pub(crate) async fn attempt_number(&self, id: &str, code: &str) -> Answer {
        self.post(
            &format!("/v1/me/phone_numbers/{id}/attempt_verification"),
            &[("code", code)],
        )
        .await
    }
}

fn id_of(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

both! {
    async fn an_operator_adds_verifies_promotes_and_removes_numbers(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        let added = server.post("/v1/phone_numbers", json!({ "user_id": ada.id, "phone_number": "+1 (202) 555-0273" })).await.ok();
        assert_eq!((&added["object"], &added["phone_number"], &added["verification"], &added["reserved"], &added["reserved_for_second_factor"]), (&json!("phone_number"), &json!(ADA), &json!(null), &json!(false), &json!(false)));
        let user = server.get(&format!("/v1/users/{}", ada.id)).await.ok();
        assert_eq!((&user["primary_phone_number_id"], &user["phone_numbers"][0]["id"]), (&added["id"], &added["id"]), "the first is the primary one");
        let second = server.post("/v1/phone_numbers", json!({ "user_id": ada.id, "phone_number": BOB })).await.ok();
        let path = format!("/v1/phone_numbers/{}", id_of(&second));
        world.unchanged(server.patch(&path, json!({ "primary": true }))).await.refused(400, "identification_update_failed primary");
        let verified = server.patch(&path, json!({ "verified": true, "primary": true })).await.ok();
        assert_eq!((&verified["verification"]["status"], &verified["verification"]["strategy"]), (&json!("verified"), &json!("admin")));
        assert_eq!(server.get(&format!("/v1/users/{}", ada.id)).await.ok()["primary_phone_number_id"], second["id"]);
        assert_eq!(server.get(&path).await.ok()["id"], second["id"]);
        assert_eq!(server.delete(&path).await.ok(), json!({ "object": "phone_number", "id": second["id"], "deleted": true }));
        assert_eq!(server.get(&format!("/v1/users/{}", ada.id)).await.ok()["primary_phone_number_id"], added["id"]);
        world.unchanged(server.get(&path)).await.refused(404, "resource_not_found");
        world.unchanged(server.delete(&path)).await.refused(404, "resource_not_found");
        server.delete(&format!("/v1/phone_numbers/{}", id_of(&added))).await.ok();
        let user = server.get(&format!("/v1/users/{}", ada.id)).await.ok();
        assert_eq!((&user["primary_phone_number_id"], &user["phone_numbers"]), (&json!(null), &json!([])));
    }

    async fn a_taken_number_is_refused_and_an_unverified_one_takes_nothing(world: World) {
        world.phones_on().await;
        let (ada, bob) = (world.user_without_password("ada@example.com").await, world.user_without_password("bob@example.com").await);
        let server = world.server();
        let add = async |user: &str, number: &str, verified: bool| server.post("/v1/phone_numbers", json!({ "user_id": user, "phone_number": number, "verified": verified })).await;
        add(&bob.id, BOB, true).await.ok();
        world.unchanged(add(&ada.id, "+1 416-555-0298", true)).await.refused(422, "form_identifier_exists phone_number");
        for nonsense in ["nonsense", "+1", "+1 900 555 1234", "12", "+12025550273 ext 4"] {
            world.unchanged(add(&ada.id, nonsense, true)).await.refused(422, "form_param_format_invalid phone_number");
        }
        world.unchanged(add("user_x", ADA, true)).await.refused(404, "resource_not_found");
        let hers = add(&ada.id, ADA, false).await.ok();
        world.unchanged(add(&ada.id, ADA, false)).await.refused(422, "form_identifier_exists phone_number");
        // Two may say that it is theirs; one can prove it.
        add(&bob.id, ADA, true).await.ok();
        world.unchanged(server.patch(&format!("/v1/phone_numbers/{}", id_of(&hers)), json!({ "verified": true }))).await.refused(400, "identification_claimed");
        assert_eq!(world.rows("SELECT id FROM phone_numbers WHERE phone_number = '+12025550273' AND claimed", &[]).await.len(), 1);
    }

    async fn an_operator_has_a_number_proved_by_a_code(world: World) {
        world.phones_on().await;
        let ada = world.user_without_password("ada@example.com").await;
        let server = world.server();
        let added = server.post("/v1/phone_numbers", json!({ "user_id": ada.id, "phone_number": ADA })).await.ok();
        let path = format!("/v1/phone_numbers/{}", id_of(&added));
        let prepared = server.post(&format!("{path}/prepare_verification"), json!({})).await.ok();
        assert_eq!((&prepared["object"], &prepared["status"], &prepared["strategy"], &prepared["channel"]), (&json!("verification_otp"), &json!("unverified"), &json!("phone_code"), &json!("sms")));
        let verification = id_of(&prepared);
        world.unchanged(server.post(&format!("{path}/prepare_verification"), json!({}))).await.refused(429, "verification_code_too_many_requests");
        let attempt = async |id: &str, code: &str| server.post(&format!("{path}/attempt_verification"), json!({ "verification_id": id, "code": code })).await;
        let wrong = attempt(verification, "x").await.ok();
        assert_eq!((&wrong["status"], &wrong["attempts"]), (&json!("unverified"), &json!(1)));
        world.unchanged(attempt("ver_x", "x")).await.refused(404, "resource_not_found");
        let code = world.code(ADA).await;
        assert_eq!(attempt(verification, &code).await.ok()["status"], "verified");
        world.unchanged(attempt(verification, &code)).await.refused(400, "verification_already_verified");
        assert_eq!(server.get(&path).await.ok()["verification"]["strategy"], "phone_code");
        world.unchanged(server.post(&format!("{path}/prepare_verification"), json!({}))).await.refused(400, "verification_already_verified");
        assert!(world.browser().session_ids().await.is_empty(), "no session comes of it");
    }

    async fn replacing_leaves_one_number_and_no_second_factor(world: World) {
        world.phones_on().await;
        world.settings(|s| s.attributes.phone_second_factor = true).await;
        let ada = world.user_without_password("ada@example.com").await;
        let bob = world.user_without_password("bob@example.com").await;
        world.number_of(&bob.id, BOB).await;
        let old = world.number_of(&ada.id, ADA).await;
        let server = world.server();
        let reserved = server.patch(&format!("/v1/phone_numbers/{old}"), json!({ "reserved_for_second_factor": true })).await.ok();
        assert_eq!((&reserved["reserved_for_second_factor"], &reserved["default_second_factor"]), (&json!(true), &json!(true)));
        assert_eq!(server.get(&format!("/v1/users/{}", ada.id)).await.ok()["two_factor_enabled"], true);
        let path = format!("/v1/users/{}/phone_number", ada.id);
        world.unchanged(server.put(&path, json!({ "phone_number": BOB }))).await.refused(422, "form_identifier_exists phone_number");
        world.unchanged(server.put(&path, json!({ "phone_number": "x" }))).await.refused(422, "form_param_format_invalid phone_number");
        world.unchanged(server.put(&path, json!({ "phone_number": "+4930901820", "identification_status": "maybe" }))).await.refused(422, "form_param_value_invalid identification_status");
        world.unchanged(server.put("/v1/users/user_x/phone_number", json!({ "phone_number": "+4930901820" }))).await.refused(404, "resource_not_found");
        let new = server.put(&path, json!({ "phone_number": "+4930901820" })).await.ok();
        let user = server.get(&format!("/v1/users/{}", ada.id)).await.ok();
        assert_eq!((user["phone_numbers"].as_array().unwrap().len(), &user["primary_phone_number_id"], &user["two_factor_enabled"]), (1, &new["id"], &json!(false)));
        // The same number again keeps its row and loses what it was for.
        server.patch(&format!("/v1/phone_numbers/{}", id_of(&new)), json!({ "reserved_for_second_factor": true })).await.ok();
        let same = server.put(&path, json!({ "phone_number": "+4930901820", "identification_status": "reserved" })).await.ok();
        assert_eq!((&same["id"], &same["reserved"], &same["reserved_for_second_factor"], &same["verification"]), (&new["id"], &json!(true), &json!(false), &json!(null)));
        assert_eq!(server.get(&format!("/v1/users/{}", ada.id)).await.ok()["two_factor_enabled"], false);
    }

    async fn users_are_made_and_found_by_their_numbers(world: World) {
        let server = world.server();
        let user = |numbers: Value, more: Value| {
            let mut body = json!({ "phone_number": numbers, "skip_password_requirement": true, "skip_user_requirement": true });
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            body
        };
        world.unchanged(server.post("/v1/users", user(json!([ADA]), json!({ "email_address": ["a@example.com"] })))).await.refused(422, "form_param_unknown phone_number");
        world.phones_on().await;
        for (numbers, more, code) in [
            (json!(["x"]), json!({}), "form_param_format_invalid phone_number"),
            (json!([ADA, "(202) 555-0273"]), json!({}), "form_param_duplicate phone_number"),
            (json!([ADA]), json!({ "phone_number_identification_status": ["verified", "verified"] }), "form_param_array_length_mismatch phone_number_identification_status"),
            (json!([ADA]), json!({ "phone_number_identification_status": ["maybe"] }), "form_param_value_invalid phone_number_identification_status"),
        ] {
            world.unchanged(server.post("/v1/users", user(numbers, more))).await.refused(422, code);
        }
        let made = server.post("/v1/users", user(json!(["(202) 555-0273", BOB]), json!({ "phone_number_identification_status": ["verified", "reserved"] }))).await.ok();
        let numbers = &made["phone_numbers"];
        assert_eq!((&numbers[0]["phone_number"], &numbers[0]["verification"]["strategy"], &numbers[1]["phone_number"], &numbers[1]["reserved"], &numbers[1]["verification"]), (&json!(ADA), &json!("admin"), &json!(BOB), &json!(true), &json!(null)));
        assert_eq!(made["primary_phone_number_id"], numbers[0]["id"]);
        world.unchanged(server.post("/v1/users", user(json!([BOB]), json!({})))).await.refused(422, "form_identifier_exists phone_number");
        let other = world.user_without_password("other@example.com").await;
        for (query, found) in [
            ("phone_number=%2B12025550273", true),
            ("phone_number=%2B1%20202%20555%200273", true),
            ("phone_number=%2B14165550298", true),
            ("phone_number=%2B4930901820", false),
            ("phone_number=x", false),
            ("phone_number_query=202555", true),
            ("phone_number_query=202-555", true),
            ("phone_number_query=999", false),
            ("query=2025550273", true),
        ] {
            let list = server.get(&format!("/v1/users?{query}")).await.ok();
            assert_eq!(list.as_array().unwrap().iter().any(|u| u["id"] == made["id"]), found, "{query}");
            assert!(!list.to_string().contains(&other.id), "{query}");
        }
        let ordered = server.get("/v1/users?order_by=-phone_number").await.ok();
        assert_eq!(ordered[0]["id"], made["id"]);
        let path = format!("/v1/users/{}", id_of(&made));
        world.unchanged(server.patch(&path, json!({ "primary_phone_number_id": numbers[1]["id"] }))).await.refused(422, "form_param_value_invalid primary_phone_number_id");
        world.unchanged(server.patch(&path, json!({ "primary_phone_number_id": "idn_x" }))).await.refused(404, "resource_not_found primary_phone_number_id");
        server.patch(&format!("/v1/phone_numbers/{}", numbers[1]["id"].as_str().unwrap()), json!({ "verified": true })).await.ok();
        assert_eq!(server.patch(&path, json!({ "primary_phone_number_id": numbers[1]["id"] })).await.ok()["primary_phone_number_id"], numbers[1]["id"]);
    }

    async fn the_owner_adds_proves_promotes_and_removes_a_number(world: World) {
        world.phones_on().await;
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        assert_eq!(browser.get("/v1/me/phone_numbers").await.ok(), json!([]));
        let first = browser.proved_number(BOB).await;
        let added = browser.post("/v1/me/phone_numbers", &[("phone_number", "(202) 555-0273")]).await.response();
        let id = id_of(&added);
        assert_eq!((&added["phone_number"], &added["verification"]), (&json!(ADA), &json!(null)));
        let path = format!("/v1/me/phone_numbers/{id}");
        world.unchanged(browser.patch("/v1/me", &[("primary_phone_number_id", id)])).await.refused(404, "resource_not_found primary_phone_number_id");
        world.unchanged(browser.attempt_number(id, "1")).await.refused(400, "verification_missing");
        world.unchanged(browser.post(&format!("{path}/prepare_verification"), &[("strategy", "email_code")])).await.refused(400, "verification_strategy_invalid strategy");
        let prepared = browser.prepare_number(id).await.response();
        assert_eq!((&prepared["verification"]["status"], &prepared["verification"]["channel"]), (&json!("unverified"), &json!("sms")));
        world.changes_only(&["verifications"], browser.attempt_number(id, "x")).await.refused(422, "form_code_incorrect code");
        let verified = browser.attempt_number(id, &world.code(ADA).await).await.response();
        assert_eq!(verified["verification"]["status"], "verified");
        assert_eq!(browser.get(&path).await.response()["verification"]["strategy"], "phone_code");
        let me = browser.patch("/v1/me", &[("primary_phone_number_id", id)]).await.response();
        assert_eq!(me["primary_phone_number_id"], id);
        assert_eq!(browser.get("/v1/me/phone_numbers").await.ok().as_array().unwrap().len(), 2);
        let gone = browser.delete(&path).await.ok();
        assert_eq!(gone["response"], json!({ "object": "phone_number", "id": id, "deleted": true }));
        let user = &gone["client"]["sessions"][0]["user"];
        assert_eq!((user["phone_numbers"].as_array().unwrap().len(), &user["primary_phone_number_id"]), (1, &json!(first)));
        let _ = ada;
    }

    async fn the_last_identifier_stays(world: World) {
        world.phones_on().await;
        world.settings(|s| { s.attributes.email_address = Presence::On; s.attributes.password = Presence::On; }).await;
        let made = world.server().post("/v1/users", json!({ "phone_number": [FILM] })).await.ok();
        let number = made["primary_phone_number_id"].as_str().unwrap().to_owned();
        let browser = world.browser();
        browser.sign_in_by_text(FILM).await;
        world.unchanged(browser.delete(&format!("/v1/me/phone_numbers/{number}"))).await.refused(400, "last_required_identification_deletion_failed");
        world.unchanged(world.server().delete(&format!("/v1/phone_numbers/{number}"))).await.refused(400, "last_required_identification_deletion_failed");
        let mail = browser.post("/v1/me/email_addresses", &[("email_address", "ada@example.com")]).await.response();
        world.settings(|s| s.attributes.phone_number = Presence::Required).await;
        world.unchanged(browser.delete(&format!("/v1/me/phone_numbers/{number}"))).await.refused(400, "last_required_identification_deletion_failed");
        browser.delete(&format!("/v1/me/email_addresses/{}", id_of(&mail))).await.ok();
    }

    async fn the_owner_cannot_take_somebodys_number(world: World) {
        world.phones_on().await;
        let victim = world.user_without_password("victim@example.com").await;
        world.number_of(&victim.id, ADA).await;
        let (browser, _, _) = world.signed_in("eve@example.com").await;
        world.unchanged(browser.post("/v1/me/phone_numbers", &[("phone_number", "+1-202-555-0273")])).await.refused(422, "form_identifier_exists phone_number");
        let added = browser.post("/v1/me/phone_numbers", &[("phone_number", BOB)]).await.response();
        browser.prepare_number(id_of(&added)).await.ok();
        let code = world.code(BOB).await;
        // The number changes hands while the code is under way.
        world.number_of(&victim.id, BOB).await;
        browser.attempt_number(id_of(&added), &code).await.refused(400, "identification_claimed");
        assert_eq!(world.rows("SELECT user_id FROM phone_numbers WHERE phone_number = '+14165550298' AND claimed", &[]).await, [victim.id.as_str()]);
        // For show only, where nobody is to learn whose it is: nothing goes there and nothing proves it.
        world.settings(|s| s.enumeration_protection = true).await;
        let shown = browser.post("/v1/me/phone_numbers", &[("phone_number", ADA)]).await.response();
        browser.prepare_number(id_of(&shown)).await.ok();
        assert!(world.codes(ADA).await.is_empty());
        browser.attempt_number(id_of(&shown), "424242").await.refused(422, "form_code_incorrect code");
    }

    async fn of_two_who_prove_a_number_at_once_one_has_it(world: World) {
        world.phones_on().await;
        let mut waiting = Vec::new();
        for name in ["ada", "bob", "cat", "dan"] {
            let (browser, _, _) = world.signed_in(&format!("{name}@example.com")).await;
            let added = browser.post("/v1/me/phone_numbers", &[("phone_number", FILM)]).await.response();
            let id = id_of(&added).to_owned();
            browser.prepare_number(&id).await.ok();
            waiting.push((browser, id));
        }
        let mut set = JoinSet::new();
        for (browser, id) in waiting {
            set.spawn(async move { browser.attempt_number(&id, "424242").await });
        }
        let mut won = 0;
        while let Some(answer) = set.join_next().await {
            let answer = answer.unwrap();
            if answer.status == 200 {
                won += 1;
            } else {
                answer.refused(400, "identification_claimed");
            }
        }
        assert_eq!(won, 1);
        assert_eq!(world.rows("SELECT id FROM phone_numbers WHERE claimed", &[]).await.len(), 1);
    }

    async fn five_wrong_codes_and_ten_minutes_end_an_owners_code(world: World) {
        world.phones_on().await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let added = browser.post("/v1/me/phone_numbers", &[("phone_number", ADA)]).await.response();
        let id = id_of(&added);
        browser.prepare_number(id).await.ok();
        world.unchanged(browser.prepare_number(id)).await.refused(429, "verification_code_too_many_requests");
        let code = world.code(ADA).await;
        for _ in 0..4 {
            browser.attempt_number(id, "x").await.refused(422, "form_code_incorrect code");
        }
        browser.attempt_number(id, "x").await.well_formed_refusal();
        world.unchanged(browser.attempt_number(id, &code)).await.refused(400, "verification_failed");
        world.advance_secs(31);
        browser.prepare_number(id).await.ok();
        let late = world.code(ADA).await;
        world.advance_minutes(11);
        world.unchanged(browser.attempt_number(id, &late)).await.refused(400, "verification_expired");
    }

    async fn a_user_has_twenty_numbers_at_most(world: World) {
        world.phones_on().await;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        for i in 0..20 {
            browser.post("/v1/me/phone_numbers", &[("phone_number", &format!("+120155501{i:02}"))]).await.ok();
        }
        world.unchanged(browser.post("/v1/me/phone_numbers", &[("phone_number", ADA)])).await.refused(403, "quota_exceeded");
    }

    async fn what_is_off_is_refused_by_name(world: World) {
        let (browser, ada, _) = world.signed_in("ada@example.com").await;
        world.unchanged(browser.post("/v1/me/phone_numbers", &[("phone_number", ADA)])).await.refused(422, "form_param_unknown phone_number");
        world.phones_on().await;
        for text in ["", "x", "+1", "202-555-017", "+1 202 555 0273 ext 1"] {
            let code = if text.is_empty() { "form_param_nil phone_number" } else { "form_param_format_invalid phone_number" };
            world.unchanged(browser.post("/v1/me/phone_numbers", &[("phone_number", text)])).await.refused(422, code);
        }
        let id = browser.proved_number(ADA).await;
        let path = format!("/v1/me/phone_numbers/{id}");
        world.unchanged(browser.patch(&path, &[("reserved_for_second_factor", "true")])).await.refused(422, "form_param_unknown reserved_for_second_factor");
        world.unchanged(world.server().patch(&format!("/v1/phone_numbers/{id}"), json!({ "reserved_for_second_factor": true }))).await.refused(422, "form_param_unknown reserved_for_second_factor");
        world.unchanged(browser.post(&format!("{path}/prepare_verification"), &[("strategy", "phone_code"), ("channel", "pigeon")])).await.refused(422, "form_param_value_invalid channel");
        let _ = ada;
    }

    async fn numbers_of_others_are_not_found(world: World) {
        world.phones_on().await;
        let (_, ada, _) = world.signed_in("ada@example.com").await;
        let number = world.number_of(&ada.id, ADA).await;
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        let path = format!("/v1/me/phone_numbers/{number}");
        for request in [
            eve.request("GET", &path),
            eve.request("DELETE", &path),
            eve.request("PATCH", &path).form(&[("default_second_factor", "true")]),
            eve.request("POST", &format!("{path}/prepare_verification")).form(&[("strategy", "phone_code")]),
            eve.request("POST", &format!("{path}/attempt_verification")).form(&[("code", "1")]),
        ] {
            world.unchanged(request.send()).await.refused(404, "resource_not_found");
        }
        world.unchanged(eve.patch("/v1/me", &[("primary_phone_number_id", &number)])).await.refused(404, "resource_not_found primary_phone_number_id");
        let (_, foreign, _) = world.other_instance("other").await;
        world.unchanged(foreign.get(&format!("/v1/phone_numbers/{number}"))).await.refused(404, "resource_not_found");
        world.unchanged(foreign.post("/v1/phone_numbers", json!({ "user_id": ada.id, "phone_number": BOB }))).await.refused(404, "resource_not_found");
    }

    async fn who_acts_as_a_user_changes_no_number(world: World) {
        world.phones_on().await;
        world.settings(|s| s.attributes.phone_second_factor = true).await;
        let ada = world.user_without_password("ada@example.com").await;
        let number = world.number_of(&ada.id, ADA).await;
        let actor = json!({ "user_id": ada.id, "actor": { "sub": "support" } });
        let made = world.server().post("/v1/actor_tokens", actor).await.ok();
        let support = world.browser();
        support.post("/v1/client/sign_ins", &[("strategy", "ticket"), ("ticket", made["token"].as_str().unwrap())]).await.ok();
        let path = format!("/v1/me/phone_numbers/{number}");
        for request in [
            support.request("POST", "/v1/me/phone_numbers").form(&[("phone_number", BOB)]),
            support.request("DELETE", &path),
            support.request("PATCH", &path).form(&[("reserved_for_second_factor", "true")]),
            support.request("POST", &format!("{path}/prepare_verification")).form(&[("strategy", "phone_code")]),
            support.request("POST", &format!("{path}/attempt_verification")).form(&[("code", "1")]),
            support.request("PATCH", "/v1/me").form(&[("primary_phone_number_id", &number)]),
        ] {
            world.unchanged(request.send()).await.refused(403, "authorization_invalid");
        }
        assert_eq!(support.get("/v1/me/phone_numbers").await.ok()[0]["phone_number"], ADA);
    }
}
