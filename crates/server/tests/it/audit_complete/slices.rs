//! What some slices record, each by its own walk.
use super::{Ledger, text};
use crate::authenticator::Authenticator;
use crate::browser::Browser;
use crate::images::{FORM, form, picture};
use crate::passkeys::{ask, by_the_book};
use image::ImageFormat;
use serde_json::json;
use usher_server::instances::settings::SignUpMode;

pub(super) async fn passkeys(log: &mut Ledger, bob: &Browser) {
    let created = log
        .told("postPasskey", bob.post("/v1/me/passkeys", &[]))
        .await;
    let made = &created["response"];
    let path = format!("/v1/me/passkeys/{}", text(&made["id"]));
    let options = serde_json::from_str(&text(&made["verification"]["nonce"])).unwrap();
    let credential = Authenticator::new(b"of bob").create(&options, &by_the_book(bob));
    let form = [
        ("strategy", "passkey"),
        ("public_key_credential", credential.as_str()),
    ];
    log.told(
        "attemptPasskeyVerification",
        bob.post(&format!("{path}/attempt_verification"), &form),
    )
    .await;
    log.told("patchPasskey", bob.patch(&path, &[("name", "Key")]))
        .await;
    log.told("deletePasskey", bob.delete(&path)).await;
    let (id, options) = ask(bob).await;
    let credential = Authenticator::new(b"another").create(&options, &by_the_book(bob));
    let form = [
        ("strategy", "passkey"),
        ("public_key_credential", credential.as_str()),
    ];
    bob.post(&format!("/v1/me/passkeys/{id}/attempt_verification"), &form)
        .await
        .ok();
    let user = bob.client().await["sessions"][0]["user"]["id"].clone();
    let server = log.world.server();
    log.told(
        "UserPasskeyDelete",
        server.delete(&format!("/v1/users/{}/passkeys/{id}", text(&user))),
    )
    .await;
}

pub(super) async fn waitlist(log: &mut Ledger) {
    log.world
        .settings(|s| s.sign_up_mode = SignUpMode::Waitlist)
        .await;
    let visitor = log.world.browser();
    let form = [("email_address", "waiting@example.com")];
    log.told("joinWaitlist", visitor.post("/v1/waitlist", &form))
        .await;
    let server = log.world.server();
    let path = "/v1/waitlist_entries";
    let entry = json!({ "email_address": "other@example.com" });
    let made = log
        .told("CreateWaitlistEntry", server.post(path, entry))
        .await;
    let one = format!("{path}/{}", text(&made["id"]));
    let (reject, invite) = (format!("{one}/reject"), format!("{one}/invite"));
    log.told("RejectWaitlistEntry", server.post(&reject, json!({})))
        .await;
    log.told("InviteWaitlistEntry", server.post(&invite, json!({})))
        .await;
    let waiting = server.get(&format!("{path}?status=pending")).await.ok();
    let one = format!("{path}/{}", text(&waiting["data"][0]["id"]));
    log.told("DeleteWaitlistEntry", server.delete(&one)).await;
    log.world
        .settings(|s| s.sign_up_mode = SignUpMode::Public)
        .await;
}

pub(super) async fn images(log: &mut Ledger, user: &str) {
    let server = log.world.server();
    let path = format!("/v1/users/{user}/profile_image");
    let body = form("file", "a.png", &picture(ImageFormat::Png, 1));
    let sent = server.send("POST", &path, Some(FORM), body.clone());
    log.told("SetUserProfileImage", sent).await;
    log.told("DeleteUserProfileImage", server.delete(&path))
        .await;
    let (browser, _, _) = log.world.signed_in("pictured@example.com").await;
    let mine = "/v1/me/profile_image";
    let sent = browser.request("POST", mine).body(FORM, body).send();
    log.told("updateProfileImage", sent).await;
    log.told("deleteProfileImage", browser.delete(mine)).await;
}

pub(super) async fn templates(log: &mut Ledger) {
    let server = log.world.server();
    let path = "/v1/templates/email/invitation";
    log.told(
        "UpsertTemplate",
        server.put(path, json!({ "name": "Ours" })),
    )
    .await;
    let revert = format!("{path}/revert");
    log.told("RevertTemplate", server.post(&revert, json!({})))
        .await;
    let toggle = format!("{path}/toggle_delivery");
    let off = json!({ "delivered_by_clerk": false });
    log.told("ToggleTemplateDelivery", server.post(&toggle, off))
        .await;
    let invited = json!([{ "email_address": "many@example.com" }]);
    log.told(
        "CreateBulkInvitations",
        server.post("/v1/invitations/bulk", invited.clone()),
    )
    .await;
    log.told(
        "CreateBulkWaitlistEntries",
        server.post("/v1/waitlist_entries/bulk", invited),
    )
    .await;
}

pub(super) async fn organizations(log: &mut Ledger, user: &str) {
    let server = log.world.server();
    let on = json!({ "enabled": true });
    let settings = "/v1/instance/organization_settings";
    log.told(
        "UpdateInstanceOrganizationSettings",
        server.patch(settings, on),
    )
    .await;
    let new = json!({ "name": "Acme", "created_by": user });
    let path = "/v1/organizations";
    let made = log.told("CreateOrganization", server.post(path, new)).await;
    let one = format!("{path}/{}", text(&made["id"]));
    let change = json!({ "name": "Acme & Co." });
    log.told("UpdateOrganization", server.patch(&one, change))
        .await;
    let metadata = format!("{one}/metadata");
    for (id, put) in [
        ("MergeOrganizationMetadata", false),
        ("ReplaceOrganizationMetadata", true),
    ] {
        let body = json!({ "public_metadata": { "a": put } });
        let method = if put { "PUT" } else { "PATCH" };
        log.told(id, server.json(method, &metadata, body)).await;
    }
    let (browser, member, _) = log.world.signed_in("member@example.com").await;
    let members = format!("{one}/memberships");
    let new = json!({ "user_id": member.id, "role": "org:member" });
    log.told("CreateOrganizationMembership", server.post(&members, new))
        .await;
    let its = format!("{members}/{}", member.id);
    let role = json!({ "role": "org:admin" });
    log.told("UpdateOrganizationMembership", server.patch(&its, role))
        .await;
    let body = json!({ "private_metadata": { "a": 1 } });
    let metadata = format!("{its}/metadata");
    log.told(
        "UpdateOrganizationMembershipMetadata",
        server.patch(&metadata, body),
    )
    .await;
    let theirs = format!("{members}/{user}");
    let role = [("role", "org:member")];
    log.told(
        "UpdateOrganizationMembership",
        browser.patch(&theirs, &role),
    )
    .await;
    log.told("removeOrganizationMember", browser.delete(&theirs))
        .await;
    let form = [("user_id", user), ("role", "org:admin")];
    log.told(
        "CreateOrganizationMembership",
        browser.post(&members, &form),
    )
    .await;
    invitations(log, &one, &browser).await;
    log.told(
        "updateOrganization",
        browser.patch(&one, &[("name", "Ours")]),
    )
    .await;
    let mine = format!(
        "/v1/me/organization_memberships/{}",
        one.rsplit('/').next().unwrap()
    );
    log.told("deleteOrganizationMemberships", browser.delete(&mine))
        .await;
    server
        .post(
            &members,
            json!({ "user_id": member.id, "role": "org:admin" }),
        )
        .await
        .ok();
    log.told("DeleteOrganizationMembership", server.delete(&theirs))
        .await;
    log.told("deleteOrganization", browser.delete(&one)).await;
    let form = [("name", "Another")];
    let made = log
        .told("createOrganization", browser.post(path, &form))
        .await;
    let one = format!("{path}/{}", text(&made["response"]["id"]));
    log.told("DeleteOrganization", server.delete(&one)).await;
    log.world
        .settings(|s| s.organizations.enabled = false)
        .await;
}

/// Somebody is invited in every way, and takes one of them.
async fn invitations(log: &mut Ledger, organization: &str, admin: &Browser) {
    let server = log.world.server();
    let raised = json!({ "max_allowed_memberships": 0 });
    server.patch(organization, raised).await.ok();
    let path = format!("{organization}/invitations");
    let to = |name: &str| json!({ "email_address": format!("{name}@example.com"), "role": "org:member" });
    let made = log
        .told(
            "CreateOrganizationInvitation",
            server.post(&path, to("place1")),
        )
        .await;
    let revoke = format!("{path}/{}/revoke", text(&made["id"]));
    log.told(
        "RevokeOrganizationInvitation",
        server.post(&revoke, json!({})),
    )
    .await;
    let bulk = format!("{path}/bulk");
    log.told(
        "CreateOrganizationInvitationBulk",
        server.post(&bulk, json!([to("place2")])),
    )
    .await;
    let form = [
        ("email_address", "place3@example.com"),
        ("role", "org:member"),
    ];
    let made = log
        .told("createOrganizationInvitations", admin.post(&path, &form))
        .await;
    let revoke = format!("{path}/{}/revoke", text(&made["response"]["id"]));
    log.told(
        "revokePendingOrganizationInvitation",
        admin.post(&revoke, &[]),
    )
    .await;
    let (invited, _, _) = log.world.signed_in("place4@example.com").await;
    let form = [
        ("email_address", "place4@example.com"),
        ("role", "org:member"),
    ];
    let made = log
        .told(
            "bulkCreateOrganizationInvitations",
            admin.post(&bulk, &form),
        )
        .await;
    let accept = format!(
        "/v1/me/organization_invitations/{}/accept",
        text(&made["response"][0]["id"])
    );
    log.told("acceptOrganizationInvitation", invited.post(&accept, &[]))
        .await;
}
