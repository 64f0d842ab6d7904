//! Accounts elsewhere.
use super::{Ledger, text};
use crate::idp::{ACME, BACK, Idp, leads};

pub(super) async fn social(log: &mut Ledger) {
    let (idp, world) = Idp::start(&log.world).await;
    log.world = world;
    let (eve, user, _) = log.world.signed_in("eve@example.com").await;
    let server = log.world.server();
    let form = [("strategy", ACME), ("redirect_url", BACK)];
    let path = "/v1/me/external_accounts";
    for deleted in ["deleteExternalAccount", "DeleteExternalAccount"] {
        let made = log.told("postOAuthAccounts", eve.post(path, &form)).await;
        let one = format!("{path}/{}", text(&made["response"]["id"]));
        eve.come_back(&idp.allow(&leads(&made["response"]["verification"])))
            .await;
        let again = format!("{one}/reauthorize");
        log.told("reauthorizeExternalAccount", eve.patch(&again, &form))
            .await;
        let tokens = format!("{one}/tokens");
        log.told("revokeExternalAccountTokens", eve.delete(&tokens))
            .await;
        if deleted == "deleteExternalAccount" {
            log.told(deleted, eve.delete(&one)).await;
        } else {
            let one = one.replace("/v1/me", &format!("/v1/users/{}", user.id));
            log.told(deleted, server.delete(&one)).await;
        }
    }
}
