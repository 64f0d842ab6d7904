//! The waitlist: joining, inviting, rejecting, leaving it by a sign-up (contract fapi §8.10, bapi §2.11).
use crate::browser::PASSWORD;
use crate::world::World;
use serde_json::{Value, json};
use usher_server::instances::settings::SignUpMode;

async fn waitlisted(world: &World) {
    world
        .settings(|s| s.sign_up_mode = SignUpMode::Waitlist)
        .await;
}

fn id(entry: &Value) -> &str {
    entry["id"].as_str().unwrap()
}

/// How many mails have a subject like this.
async fn mails(world: &World, subject: &str) -> usize {
    let sql = "SELECT id FROM messages WHERE recipient = 'ada@example.com' AND subject LIKE ?";
    world
        .rows(sql, &[usher_db::Value::Text(subject.to_owned())])
        .await
        .len()
}

both! {
    async fn a_visitor_joins_is_invited_and_signs_up(world: World) {
        waitlisted(&world).await;
        let browser = world.browser();
        browser.post("/v1/client/sign_ups", &[("email_address", "ada@example.com")]).await.refused(403, "sign_up_restricted_waitlist");
        let joined = browser.post("/v1/waitlist", &[("email_address", " Ada@Example.com ")]).await.ok();
        assert_eq!(joined, json!({ "object": "waitlist_entry", "id": id(&joined) }), "nothing else is told");
        assert!(id(&joined).starts_with("wle_"));
        let server = world.server();
        let page = server.get("/v1/waitlist_entries?status=pending&query=ADA").await.ok();
        assert_eq!((&page["total_count"], &page["data"][0]["email_address"], &page["data"][0]["is_locked"]), (&json!(1), &json!("ada@example.com"), &json!(false)));
        assert_eq!(mails(&world, "You are on the waitlist%").await, 1);

        let invited = server.post(&format!("/v1/waitlist_entries/{}/invite", id(&joined)), json!({})).await.ok();
        assert_eq!((&invited["status"], &invited["invitation"]["status"]), (&json!("invited"), &json!("pending")));
        assert_eq!(mails(&world, "It is your turn%").await, 1);
        let url = invited["invitation"]["url"].as_str().unwrap();
        let ticket = url.split_once("ticket=").unwrap().1;
        let done = browser.post("/v1/client/sign_ups", &[("strategy", "ticket"), ("ticket", ticket), ("password", PASSWORD)]).await.response();
        assert_eq!(done["status"], "complete");
        let page = server.get("/v1/waitlist_entries?status=completed").await.ok();
        assert_eq!((&page["data"][0]["id"], &page["data"][0]["invitation"]["status"]), (&joined["id"], &json!("accepted")));
    }

    async fn joining_again_is_the_same_entry_and_one_mail(world: World) {
        waitlisted(&world).await;
        let browser = world.browser();
        let first = browser.post("/v1/waitlist", &[("email_address", "ada@example.com")]).await.ok();
        let again = world.unchanged(world.browser().post("/v1/waitlist", &[("email_address", "ADA@example.com")])).await.ok();
        assert_eq!(first["id"], again["id"]);
        assert_eq!(world.count("messages").await, 1);
        let by_server = world.unchanged(world.server().post("/v1/waitlist_entries", json!({ "email_address": "ada@example.com" }))).await.ok();
        assert_eq!(by_server["id"], first["id"]);
    }

    async fn joining_does_not_tell_who_has_an_account(world: World) {
        let _ = world.user_without_password("ada@example.com").await;
        waitlisted(&world).await;
        let known = world.browser().post("/v1/waitlist", &[("email_address", "ada@example.com")]).await.ok();
        let unknown = world.browser().post("/v1/waitlist", &[("email_address", "bob@example.com")]).await.ok();
        assert_eq!(known.as_object().unwrap().len(), unknown.as_object().unwrap().len());
        // Inviting a user is refused as every invitation is, and leaves the entry as it is.
        let path = format!("/v1/waitlist_entries/{}/invite", id(&known));
        world.unchanged(world.server().post(&path, json!({}))).await.refused(422, "form_identifier_exists email_address");
        world.server().post(&path, json!({ "ignore_existing": true })).await.ok();
    }

    async fn two_at_once_are_one_entry(world: World) {
        waitlisted(&world).await;
        let all = (0..16).map(|_| {
            let browser = world.browser();
            async move { browser.post("/v1/waitlist", &[("email_address", "ada@example.com")]).await.ok()["id"].clone() }
        });
        let mut set: tokio::task::JoinSet<Value> = tokio::task::JoinSet::new();
        for one in all {
            set.spawn(one);
        }
        let ids = set.join_all().await;
        assert!(ids.windows(2).all(|two| two[0] == two[1]), "{ids:?}");
        assert_eq!((world.count("waitlist_entries").await, world.count("messages").await), (1, 1));
    }

    async fn what_may_not_join_is_refused(world: World) {
        let form = [("email_address", "ada@example.com")];
        world.unchanged(world.browser().post("/v1/waitlist", &form)).await.refused(403, "waitlist_not_accepting_entries");
        waitlisted(&world).await;
        world.unchanged(world.browser().post("/v1/waitlist", &[])).await.refused(422, "form_param_missing email_address");
        world.unchanged(world.browser().post("/v1/waitlist", &[("email_address", "ada")])).await.refused(422, "form_param_format_invalid email_address");
        world.settings(|s| s.restrictions.blocklist = true).await;
        world.server().post("/v1/blocklist_identifiers", json!({ "identifier": "*@example.com" })).await.ok();
        world.unchanged(world.browser().post("/v1/waitlist", &form)).await.refused(403, "not_allowed_access");
    }

    async fn an_entry_is_decided_on_once(world: World) {
        waitlisted(&world).await;
        let server = world.server();
        let add = async |address: &str| server.post("/v1/waitlist_entries", json!({ "email_address": address, "notify": false })).await.ok();
        let (ada, bob) = (add("ada@example.com").await, add("bob@example.com").await);
        assert_eq!(world.count("messages").await, 0);
        let path = |entry: &Value, what: &str| format!("/v1/waitlist_entries/{}{what}", id(entry));
        assert_eq!(server.post(&path(&ada, "/reject"), json!({})).await.ok()["status"], "rejected");
        world.unchanged(server.post(&path(&ada, "/reject"), json!({}))).await.refused(409, "waitlist_entry_already_rejected");
        world.unchanged(server.delete(&path(&ada, ""))).await.refused(409, "waitlist_entry_already_rejected");
        // Who was turned down may be let in after all.
        server.post(&path(&ada, "/invite"), json!({})).await.ok();
        for request in [server.post(&path(&ada, "/invite"), json!({})).await, server.post(&path(&ada, "/reject"), json!({})).await, server.delete(&path(&ada, "")).await] {
            request.refused(409, "waitlist_entry_already_invited");
        }
        assert_eq!(server.delete(&path(&bob, "")).await.ok(), json!({ "object": "waitlist_entry", "id": id(&bob), "deleted": true }));
        for request in [server.post(&path(&bob, "/invite"), json!({})).await, server.post(&path(&bob, "/reject"), json!({})).await, server.delete(&path(&bob, "")).await] {
            request.refused(404, "resource_not_found");
        }
    }
}
