//! Tickets.
use super::{Ledger, text};
use serde_json::json;

pub(super) async fn tickets(log: &mut Ledger, user: &str) {
    let server = log.world.server();
    let actor = json!({ "user_id": user, "actor": { "sub": "support" } });
    let to = json!({ "email_address": "invited@example.com", "notify": false });
    for (create, revoke, path, body) in [
        (
            "CreateSignInToken",
            "RevokeSignInToken",
            "/v1/sign_in_tokens",
            json!({ "user_id": user }),
        ),
        (
            "CreateActorToken",
            "RevokeActorToken",
            "/v1/actor_tokens",
            actor,
        ),
        (
            "CreateInvitation",
            "RevokeInvitation",
            "/v1/invitations",
            to,
        ),
    ] {
        let made = log.told(create, server.post(path, body)).await;
        let path = format!("{path}/{}/revoke", text(&made["id"]));
        log.told(revoke, server.post(&path, json!({}))).await;
    }
}
