//! Satellites.
use super::{Ledger, text};
use serde_json::json;
use usher_db::Value;

pub(super) async fn domains(log: &mut Ledger) {
    // Satellites are production's.
    let world = log.world.clone();
    let id = world.instance().row.id.clone();
    let environment = async |word: &str| {
        let set =
            "UPDATE instances SET environment_type = ?, generation = generation + 1 WHERE id = ?";
        let mut tx = world.app.db.write("").await.unwrap();
        let values = [
            Value::Text(word.to_owned()),
            Value::Text(id.as_str().to_owned()),
        ];
        tx.run(set, &values).await.unwrap();
        tx.commit().await.unwrap();
        world.app.reload().await.unwrap();
    };
    environment("production").await;
    let server = log.world.server();
    let domain = json!({ "name": "satellite.org", "is_satellite": true });
    let made = log
        .told("AddDomain", server.post("/v1/domains", domain))
        .await;
    let path = format!("/v1/domains/{}", text(&made["id"]));
    let other = json!({ "name": "another.org" });
    log.told("UpdateDomain", server.patch(&path, other)).await;
    log.told("DeleteDomain", server.delete(&path)).await;
    environment("development").await;
    let path = "/v1/beta_features/instance_settings";
    let on = server.patch(
        path,
        json!({ "test_mode": true, "restricted_to_allowlist": false }),
    );
    log.told("UpdateInstanceAuthConfig", on).await;
}
