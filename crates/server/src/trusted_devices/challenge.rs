//! Challenges: a text that says what it is for, which the device signs as it stands.
use super::model::NewDevice;
use crate::cx::Cx;
use crate::verifications::model::{CODE_TRIES, VerificationRow};
use crate::verifications::{ops as verifications, store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use usher_crypto::es256::PublicKey;
use usher_crypto::webauthn::CHALLENGE_LIFE_SECS;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, TrustedDeviceId, UserId, VerificationId};
use usher_types::{ApiError, Result};

const STRATEGY: &str = "trusted_device";

/// A challenge as the native library gets it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TrustedDeviceChallenge")]
pub struct ChallengeResource {
    /// `trusted_device_challenge`.
    pub object: String,
    /// Unguessable.
    pub challenge: String,
    /// `ver_…`; also in `client_data`.
    pub challenge_id: String,
    /// The device that is to sign; absent while one is enrolled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_device_id: Option<String>,
    /// What is to be signed, byte by byte.
    pub client_data: String,
    /// Unix ms.
    pub expires_at: i64,
    /// `ES256`.
    pub algorithm: String,
}

/// Whom and what a challenge is for. The answer to one says nothing to another.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Bound {
    purpose: String,
    client: String,
    user: Option<String>,
    device: Option<String>,
    platform: String,
    app_identifier: String,
    thumbprint: String,
}

impl Bound {
    /// To enrol a device of a user.
    #[must_use]
    pub fn enrolment(client: &ClientId, user: &UserId, new: &NewDevice) -> Self {
        Self {
            purpose: "enroll".to_owned(),
            client: client.as_str().to_owned(),
            user: Some(user.as_str().to_owned()),
            device: None,
            platform: new.platform.clone(),
            app_identifier: new.app_identifier.clone(),
            thumbprint: new.key.thumbprint(),
        }
    }
    /// To sign in by a device. Whose it is, the text does not say: nobody has proved anything yet.
    #[must_use]
    pub fn sign_in(client: &ClientId, device: &super::model::DeviceRow) -> Self {
        Self {
            purpose: "sign_in".to_owned(),
            client: client.as_str().to_owned(),
            user: None,
            device: Some(device.id.as_str().to_owned()),
            platform: device.platform.clone(),
            app_identifier: device.app_identifier.clone(),
            thumbprint: device.thumbprint.clone(),
        }
    }
    /// The device that is to sign in.
    #[must_use]
    pub fn device(&self) -> Option<TrustedDeviceId> {
        TrustedDeviceId::parse(self.device.as_deref()?)
    }
    fn client_data(&self, id: &str, challenge: &str, origin: &str, expires_at: i64) -> Value {
        let mut data = json!({
            "algorithm": "ES256", "app_identifier": self.app_identifier, "challenge": challenge, "challenge_id": id, "client_id": self.client,
            "expires_at": expires_at, "key": self.thumbprint, "origin": origin, "platform": self.platform, "purpose": self.purpose,
        });
        for (name, value) in [("trusted_device_id", &self.device), ("user_id", &self.user)] {
            if let Some(value) = value {
                data[name] = json!(value);
            }
        }
        data
    }
}

/// Starts a challenge.
///
/// # Errors
/// The database's.
pub async fn ask(
    cx: &Cx,
    tx: &mut Tx,
    bound: &Bound,
) -> Result<(VerificationRow, ChallengeResource)> {
    let challenge = cx.app.rng.token();
    let id = VerificationId::compose(cx.now, &cx.fresh());
    let expires_at = cx.now.plus_secs(CHALLENGE_LIFE_SECS).0;
    let origin = cx.instance.issuer.as_str();
    let data = bound.client_data(id.as_str(), &challenge, origin, expires_at);
    let resource = ChallengeResource {
        object: "trusted_device_challenge".to_owned(),
        challenge,
        challenge_id: id.as_str().to_owned(),
        trusted_device_id: bound.device.clone(),
        client_data: data.to_string(),
        expires_at,
        algorithm: "ES256".to_owned(),
    };
    let text = serde_json::to_string(&resource)?;
    let state = serde_json::to_string(bound)?;
    let row = verifications::start_challenge_as(cx, tx, id, STRATEGY, &text, &state).await?;
    Ok((row, resource))
}

/// An answer that was checked against the challenge that it names, and is not spent.
pub struct Checked {
    id: VerificationId,
    /// What the challenge was for.
    pub bound: Bound,
    client_data: String,
}

/// Finds the challenge that `client_data` names and checks that it is what was handed out, to this client.
///
/// # Errors
/// 422 `trusted_device_invalid_client_data`; 400 `trusted_device_challenge_not_found`, `trusted_device_challenge_expired`.
pub async fn check(cx: &Cx, tx: &mut Tx, client_data: &str) -> Result<Checked> {
    let invalid = || refuse::trusted_device_invalid_client_data().at("client_data");
    let missing = refuse::trusted_device_challenge_not_found;
    let named: Value = serde_json::from_str(client_data).map_err(|_| invalid())?;
    let id = named
        .get("challenge_id")
        .and_then(Value::as_str)
        .ok_or_else(invalid)?;
    let id = VerificationId::parse(id).ok_or_else(missing)?;
    let row = store::find(tx, &id).await?.ok_or_else(missing)?;
    let (Some(text), Some(state)) = (row.nonce(), row.state()) else {
        return Err(missing().into());
    };
    if row.strategy != STRATEGY {
        return Err(missing().into());
    }
    let bound: Bound = serde_json::from_str(&state)?;
    if cx.client_id().is_none_or(|c| c.as_str() != bound.client) {
        return Err(missing().into());
    }
    match row.status_at(cx.now) {
        "unverified" => {}
        "expired" => return Err(refuse::trusted_device_challenge_expired().into()),
        _ => return Err(missing().into()),
    }
    let kept: ChallengeResource = serde_json::from_str(&text)?;
    if kept.client_data != client_data {
        return Err(invalid().into());
    }
    Ok(Checked {
        id,
        bound,
        client_data: kept.client_data,
    })
}

impl Checked {
    /// It answers this challenge.
    #[must_use]
    pub fn answers(&self, id: Option<&VerificationId>) -> bool {
        id == Some(&self.id)
    }
    /// Spends the challenge on a signature: a try for a wrong one, the whole of it for a right one, once. A refusal is the value,
    /// so that the try it cost is committed.
    ///
    /// # Errors
    /// The database's.
    pub async fn spend(
        &self,
        cx: &Cx,
        tx: &mut Tx,
        key: &PublicKey,
        signature: &str,
    ) -> Result<Result<(), ApiError>> {
        if !store::take_try(tx, &self.id, CODE_TRIES, cx.now).await? {
            return Ok(Err(refuse::trusted_device_challenge_not_found()));
        }
        if !key.verifies(self.client_data.as_bytes(), signature) {
            return Ok(Err(refuse::trusted_device_signature_verification_failed()));
        }
        if store::succeed(tx, &self.id, cx.client_id().as_ref()).await? {
            Ok(Ok(()))
        } else {
            Ok(Err(refuse::trusted_device_challenge_not_found()))
        }
    }
}
