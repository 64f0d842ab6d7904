//! Invitations to organizations (contract bapi §2.7, fapi §8.9): by servers and by admins, taken once, by the owner of the address.
use crate::browser::PASSWORD;
use crate::organizations::{create, member, on};
use crate::tickets::redeem;
use crate::world::World;
use serde_json::{Value, json};

fn ticket(invitation: &Value) -> String {
    let url = invitation["url"].as_str().unwrap();
    url.split_once("ticket=").unwrap().1.to_owned()
}

async fn invite(world: &World, organization: &str, address: &str, more: Value) -> Value {
    let mut body = json!({ "email_address": address, "role": "org:member" });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let path = format!("/v1/organizations/{organization}/invitations");
    let made = world.server().post(&path, body).await.ok();
    world.advance_secs(1);
    made
}

async fn mails(world: &World, to: &str) -> Value {
    let target = format!("/inbox/messages?to={}", usher_http::percent::encode(to));
    world.browser().get(&target).await.ok()
}

both! {
    async fn an_invited_person_without_an_account_signs_up_into_the_organization(world: World) {
        on(&world).await;
        world.settings(|s| s.sign_up_mode = usher_server::instances::settings::SignUpMode::Restricted).await;
        let (ada, admin, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        let metadata = json!({ "inviter_user_id": admin.id, "role": "org:admin", "public_metadata": { "desk": 7 }, "private_metadata": { "pay": 1 } });
        let made = invite(&world, &id, "Bob@Example.com", metadata).await;
        assert_eq!((&made["object"], &made["status"], &made["role"], &made["email_address"], &made["organization_id"], &made["inviter_id"], &made["public_inviter_data"]["identifier"]),
            (&json!("organization_invitation"), &json!("pending"), &json!("org:admin"), &json!("bob@example.com"), &json!(id), &json!(admin.id), &json!("ada@example.com")));
        assert!(made["id"].as_str().unwrap().starts_with("orginv_"));
        let inbox = mails(&world, "bob@example.com").await;
        assert_eq!(inbox["total_count"], 1);
        assert!(inbox.to_string().contains(made["url"].as_str().unwrap()) && inbox.to_string().contains("Acme"), "{inbox}");
        let ticket = ticket(&made);
        assert!(!format!("{:?}", world.snapshot().await.0["organization_invitations"]).contains(&ticket));
        let browser = world.browser();
        let followed = browser.get(&format!("/v1/tickets/accept?ticket={ticket}")).await;
        assert!(followed.header("location").unwrap().contains("__clerk_status=sign_up"), "{followed:?}");
        let form = [("strategy", "ticket"), ("ticket", ticket.as_str()), ("password", PASSWORD)];
        let done = browser.post("/v1/client/sign_ups", &form).await.response();
        assert_eq!(done["status"], "complete");
        let user = world.server().get(&format!("/v1/users/{}", done["created_user_id"].as_str().unwrap())).await.ok();
        assert_eq!(user["public_metadata"], json!({}), "it is the membership's");
        let list = world.server().get(&format!("/v1/organizations/{id}/memberships?role=org%3Aadmin&email_address=bob%40example.com")).await.ok();
        let membership = &list["data"][0];
        assert_eq!((&membership["role"], &membership["public_metadata"], &membership["private_metadata"]), (&json!("org:admin"), &json!({ "desk": 7 }), &json!({ "pay": 1 })));
        assert_eq!(browser.client().await["sessions"][0]["user"]["organization_memberships"][0]["organization"]["id"], json!(id));
        let shown = world.server().get(&format!("/v1/organizations/{id}/invitations/{}", made["id"].as_str().unwrap())).await.ok();
        assert_eq!((&shown["status"], &shown["url"]), (&json!("accepted"), &json!(null)));
        world.unchanged(redeem(&world.browser(), &ticket)).await.refused(400, "organization_invitation_already_accepted");
    }

    async fn somebody_with_an_account_signs_in_by_it_or_accepts(world: World) {
        on(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        world.user_without_password("bob@example.com").await;
        let made = invite(&world, &id, "bob@example.com", json!({})).await;
        let browser = world.browser();
        let form = [("strategy", "ticket"), ("ticket", &ticket(&made)), ("password", PASSWORD)];
        world.unchanged(browser.post("/v1/client/sign_ups", &form)).await.refused(400, "invitation_account_exists");
        assert_eq!(redeem(&browser, &ticket(&made)).await.response()["status"], "complete");
        assert_eq!(browser.get("/v1/me/organization_memberships?paginated=true").await.response()["data"][0]["role"], "org:member");
        // The other way: in the list of the own ones.
        let (cat, _, _) = world.signed_in("cat@example.com").await;
        let made = invite(&world, &id, "cat@example.com", json!({})).await;
        let list = cat.get("/v1/me/organization_invitations?status=pending").await.response();
        assert_eq!((&list["total_count"], &list["data"][0]["id"], &list["data"][0]["public_organization_data"]["name"], &list["data"][0]["url"]), (&json!(1), &made["id"], &json!("Acme"), &json!(null)));
        assert!(list["data"][0].get("private_metadata").is_none() && list["data"][0].get("inviter_id").is_none());
        let path = format!("/v1/me/organization_invitations/{}/accept", made["id"].as_str().unwrap());
        // Whose address it is not: as if there were none.
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        world.unchanged(eve.post(&path, &[])).await.refused(404, "organization_invitation_not_found");
        assert_eq!(eve.get("/v1/me/organization_invitations").await.response()["total_count"], 0);
        world.unchanged(eve.post("/v1/me/organization_invitations/orginv_x/accept", &[])).await.refused(404, "organization_invitation_not_found");
        let taken = cat.post(&path, &[]).await.response();
        assert_eq!((&taken["status"], &taken["public_organization_data"]["id"]), (&json!("accepted"), &json!(id)));
        world.unchanged(cat.post(&path, &[])).await.refused(400, "organization_invitation_already_accepted");
        assert_eq!(cat.get("/v1/me/organization_invitations?status=pending").await.response()["total_count"], 0);
        let shown = world.server().get(&format!("/v1/organizations/{id}?include_members_count=true")).await.ok();
        assert_eq!(shown["members_count"], 3);
    }

    async fn an_address_that_was_not_proved_opens_no_invitation(world: World) {
        on(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        let (eve, _, _) = world.signed_in("eve@example.com").await;
        eve.post("/v1/me/email_addresses", &[("email_address", "bob@example.com")]).await.ok();
        let made = invite(&world, &id, "bob@example.com", json!({})).await;
        assert_eq!(eve.get("/v1/me/organization_invitations").await.response()["total_count"], 0);
        let path = format!("/v1/me/organization_invitations/{}/accept", made["id"].as_str().unwrap());
        world.unchanged(eve.post(&path, &[])).await.refused(404, "organization_invitation_not_found");
    }

    async fn admins_invite_and_revoke_and_members_do_not(world: World) {
        on(&world).await;
        let (ada, admin, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        let (bob, plain, _) = member(&world, &id, "bob@example.com", "org:member").await;
        let path = format!("/v1/organizations/{id}/invitations");
        let form = [("email_address", "cat@example.com"), ("role", "org:member")];
        let missing = "missing_organization_permission";
        world.unchanged(bob.post(&path, &form)).await.refused(403, missing);
        world.unchanged(bob.get(&path)).await.refused(403, missing);
        world.unchanged(bob.get(&format!("{path}/pending"))).await.refused(403, missing);
        let made = ada.post(&path, &form).await.response();
        assert_eq!((&made["status"], &made["url"], &made["role_name"]), (&json!("pending"), &json!(null), &json!("Member")));
        assert!(made.get("inviter_id").is_none(), "an admin does not see the link, nor what is the server's");
        world.unchanged(ada.post(&path, &form)).await.refused(400, "organization_invitation_not_unique email_address");
        world.unchanged(ada.post(&path, &[("email_address", "bob@example.com"), ("role", "org:member")])).await.refused(400, "already_a_member_in_organization email_address");
        world.unchanged(ada.post(&path, &[("email_address", "x"), ("role", "org:member")])).await.refused(422, "form_param_format_invalid email_address");
        world.unchanged(ada.post(&path, &[("email_address", "dan@example.com"), ("role", "org:x")])).await.refused(404, "resource_not_found role");
        // All of them or nobody.
        let many = [("email_address", "dan@example.com"), ("email_address", "cat@example.com"), ("role", "org:member")];
        world.unchanged(ada.post(&format!("{path}/bulk"), &many)).await.refused(400, "organization_invitation_not_unique email_address");
        let many = [("email_address", "dan@example.com"), ("email_address", "fay@example.com"), ("role", "org:member")];
        assert_eq!(ada.post(&format!("{path}/bulk"), &many).await.response().as_array().unwrap().len(), 2);
        // Who is invited has a place: two members and three invitations are five.
        world.unchanged(ada.post(&path, &[("email_address", "gus@example.com"), ("role", "org:member")])).await.refused(403, "organization_membership_quota_exceeded");
        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        world.unchanged(bob.post(&format!("{one}/revoke"), &[])).await.refused(403, missing);
        assert_eq!(ada.post(&format!("{one}/revoke"), &[]).await.response()["status"], "revoked");
        world.unchanged(ada.post(&format!("{one}/revoke"), &[])).await.refused(404, "organization_invitation_not_pending");
        world.unchanged(ada.post(&format!("{path}/orginv_x/revoke"), &[])).await.refused(404, "resource_not_found");
        assert_eq!(ada.get(&format!("{path}?paginated=true&status=pending")).await.response()["total_count"], 2);
        assert_eq!(ada.get(&format!("{path}/pending?paginated=true")).await.response()["total_count"], 2);
        assert_eq!(ada.get(&format!("{path}?paginated=true&status=revoked")).await.response()["data"][0]["id"], made["id"]);
        // Servers.
        let server = world.server();
        for (inviter, code) in [(plain.id.as_str(), missing), ("user_x", "not_a_member_in_organization"), ("x", "not_a_member_in_organization inviter_user_id")] {
            world.unchanged(server.post(&path, json!({ "email_address": "gus@example.com", "role": "org:member", "inviter_user_id": inviter }))).await.refused(403, code);
        }
        world.unchanged(server.post(&path, json!({ "email_address": "gus@example.com", "role": "org:member", "redirect_url": "https://evil.example/" }))).await.refused(422, "redirect_url_not_associated_with_instance redirect_url");
        let many = json!([{ "email_address": "gus@example.com", "role": "org:member", "inviter_user_id": admin.id, "notify": false }]);
        let made = server.post(&format!("{path}/bulk"), many).await.ok();
        assert_eq!((&made["total_count"], &made["data"][0]["status"]), (&json!(1), &json!("pending")));
        assert_eq!(mails(&world, "gus@example.com").await["total_count"], 0);
        assert_eq!(server.get(&format!("{path}?status=pending&email_address=gus%40example.com")).await.ok()["total_count"], 1);
        assert_eq!(server.get(&format!("{path}/pending")).await.ok()["total_count"], 3);
        server.get(&format!("{path}?status=x")).await.refused(422, "form_param_value_invalid status");
        let all = server.get("/v1/organization_invitations?query=gus").await.ok();
        assert_eq!((&all["total_count"], &all["data"][0]["public_organization_data"]["id"]), (&json!(1), &json!(id)));
        let gus = world.user_without_password("gus@example.com").await;
        assert_eq!(server.get(&format!("/v1/users/{}/organization_invitations?status=pending", gus.id)).await.ok()["data"][0]["id"], made["data"][0]["id"]);
        let one = format!("{path}/{}", made["data"][0]["id"].as_str().unwrap());
        world.unchanged(server.post(&format!("{one}/revoke"), json!({ "requesting_user_id": plain.id }))).await.refused(403, missing);
        assert_eq!(server.post(&format!("{one}/revoke"), json!({ "requesting_user_id": admin.id })).await.ok()["status"], "revoked");
    }

    async fn an_invitation_ends_with_time_with_its_revocation_and_with_its_organization(world: World) {
        on(&world).await;
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let id = create(&ada, "Acme").await;
        let other = create(&ada, "Other").await;
        let (cat, _, _) = world.signed_in("cat@example.com").await;
        let late = invite(&world, &id, "cat@example.com", json!({ "expires_in_days": 1 })).await;
        let accept = |made: &Value| format!("/v1/me/organization_invitations/{}/accept", made["id"].as_str().unwrap());
        // Of one organization it is not another's.
        let elsewhere = format!("/v1/organizations/{other}/invitations/{}", late["id"].as_str().unwrap());
        world.server().get(&elsewhere).await.refused(404, "resource_not_found");
        world.unchanged(world.server().post(&format!("{elsewhere}/revoke"), json!({}))).await.refused(404, "resource_not_found");
        world.advance_days(1);
        world.unchanged(cat.post(&accept(&late), &[])).await.refused(400, "ticket_expired_code");
        assert_eq!(world.server().get(&format!("/v1/organizations/{id}/invitations?status=expired")).await.ok()["total_count"], 1);
        let revoked = invite(&world, &id, "cat@example.com", json!({})).await;
        let path = format!("/v1/organizations/{id}/invitations/{}/revoke", revoked["id"].as_str().unwrap());
        world.server().post(&path, json!({})).await.ok();
        world.unchanged(cat.post(&accept(&revoked), &[])).await.refused(400, "organization_invitation_revoked_code");
        world.unchanged(redeem(&world.browser(), &ticket(&revoked))).await.refused(400, "organization_invitation_revoked_code");
        let gone = invite(&world, &id, "cat@example.com", json!({})).await;
        world.server().delete(&format!("/v1/organizations/{id}")).await.ok();
        world.unchanged(cat.post(&accept(&gone), &[])).await.refused(404, "organization_invitation_not_found");
        world.unchanged(redeem(&world.browser(), &ticket(&gone))).await.refused(400, "ticket_invalid_code");
        assert_eq!((world.count("organization_invitations").await, world.count("tickets").await), (0, 0));
    }
}
