//! Passkeys: the relying party's side of WebAuthn (W3C Web Authentication Level 3, §7.1 registration, §7.2 assertion),
//! by `webauthn-rs-core`. Here stands what the library leaves to its user: which credential, whose, how long an id may be.
//!
//! Texts in and out are JSON as browsers' libraries exchange it, binary values in base64url without padding.
//! Not here: who may register, where challenges are kept and that each is used once (the server's `passkeys`).

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::proto::{
    AuthenticationState, COSEAlgorithm, Credential, PublicKeyCredential,
    RegisterPublicKeyCredential, RegistrationState, UserVerificationPolicy,
};

use crate::digest::b64url;

/// How long a browser may wait for its user: 5 minutes, as long as a challenge lives (NIST SP 800-63B §3.2.7 asks for
/// a challenge that is unique; its life is ours to choose).
pub const CHALLENGE_LIFE_SECS: i64 = 300;

/// The longest credential id (WebAuthn §7.1 step 25), in bytes.
const MAX_ID: usize = 1023;

/// Why a credential is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not the JSON of a public-key credential.
    Malformed,
    /// A step of the verification failed; which one, for the log.
    Failed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a public-key credential"),
            Self::Failed(step) => f.write_str(step),
        }
    }
}

impl std::error::Error for Refusal {}

fn failed(step: impl fmt::Display) -> Refusal {
    Refusal::Failed(step.to_string())
}

/// The relying party as one page sees it: the id that credentials are bound to, and the page's origin.
pub struct Party(WebauthnCore);

/// A challenge: what the browser gets, and what is kept until it answers.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// `PublicKeyCredentialCreationOptions` or `PublicKeyCredentialRequestOptions`, as JSON.
    pub options: String,
    /// To be kept by the server, as JSON.
    pub state: String,
}

/// A credential that was just made.
#[derive(Clone, Debug)]
pub struct Registered {
    /// Its id, base64url.
    pub credential_id: String,
    /// Public key, counter and flags, as JSON to be kept.
    pub stored: String,
}

/// A credential that proved itself.
#[derive(Clone, Debug)]
pub struct Proved {
    /// What is to be kept from now on (counter and flags moved), as JSON.
    pub stored: String,
    /// The authenticator verified its user (PIN, finger, face): two factors in one.
    pub user_verified: bool,
}

/// What an assertion says of itself, before anything is verified.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The credential's id, base64url.
    pub credential_id: String,
    /// The user handle given at registration.
    pub user_handle: Option<Vec<u8>>,
    parsed: PublicKeyCredential,
}

/// Reads an assertion.
///
/// # Errors
/// [`Refusal::Malformed`].
pub fn read_assertion(credential: &str) -> Result<Claimed, Refusal> {
    let parsed: PublicKeyCredential =
        serde_json::from_str(credential).map_err(|_| Refusal::Malformed)?;
    consistent(&parsed.type_, &parsed.id, &parsed.raw_id)?;
    Ok(Claimed {
        credential_id: b64url(&parsed.raw_id),
        user_handle: parsed.response.user_handle.clone(),
        parsed,
    })
}

/// The outer fields, which the library does not look at.
fn consistent(kind: &str, id: &str, raw: &[u8]) -> Result<(), Refusal> {
    if kind != "public-key" || raw.is_empty() || raw.len() > MAX_ID || b64url(raw) != id {
        return Err(Refusal::Malformed);
    }
    Ok(())
}

impl Party {
    /// `id` is a registrable suffix of the host of `origin`, which is `scheme://host[:port]`. `None` where the origin is none.
    #[must_use]
    pub fn new(name: &str, id: &str, origin: &str) -> Option<Self> {
        let origin = url::Url::parse(origin).ok()?;
        let timeout = Duration::from_secs(CHALLENGE_LIFE_SECS.unsigned_abs());
        Some(Self(WebauthnCore::new_unsafe_experts_only(
            name,
            id,
            vec![origin],
            timeout,
            Some(false),
            Some(false),
        )))
    }

    /// Asks for a new discoverable credential of a user. `handle` comes back with every later assertion; it must say
    /// nothing about the person. Credentials in `known` (ids, base64url) are not made twice.
    ///
    /// # Errors
    /// [`Refusal::Failed`] for an empty name.
    pub fn ask_new(
        &self,
        handle: &str,
        name: &str,
        known: &[String],
    ) -> Result<Challenge, Refusal> {
        let known: Vec<_> = known
            .iter()
            .filter_map(|id| crate::digest::b64url_decode(id))
            .collect();
        let builder = self
            .0
            .new_challenge_register_builder(handle.as_bytes(), name, name)
            .map_err(|e| failed(format!("{e:?}")))?
            .require_resident_key(true)
            .user_verification_policy(UserVerificationPolicy::Preferred)
            .credential_algorithms(vec![COSEAlgorithm::ES256, COSEAlgorithm::RS256])
            .exclude_credentials(Some(known));
        let (challenge, state) = self
            .0
            .generate_challenge_register(builder)
            .map_err(|e| failed(format!("{e:?}")))?;
        challenge_of(&challenge.public_key, &state)
    }

    /// Verifies a new credential. Attestation is neither asked for nor needed: who makes a key does not matter here.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn registered(&self, state: &str, credential: &str) -> Result<Registered, Refusal> {
        let state: RegistrationState = serde_json::from_str(state).map_err(failed)?;
        let given: RegisterPublicKeyCredential =
            serde_json::from_str(credential).map_err(|_| Refusal::Malformed)?;
        consistent(&given.type_, &given.id, &given.raw_id)?;
        let made = self
            .0
            .register_credential(&given, &state, None)
            .map_err(|e| failed(format!("{e:?}")))?;
        if made.cred_id.len() > MAX_ID || made.cred_id.as_slice() != given.raw_id.as_slice() {
            return Err(failed("the id of the credential"));
        }
        Ok(Registered {
            credential_id: b64url(&made.cred_id),
            stored: serde_json::to_string(&made).map_err(failed)?,
        })
    }

    /// Asks for a proof. `stored` are the credentials that may give it; none means any discoverable one.
    ///
    /// # Errors
    /// [`Refusal::Failed`] for stored credentials that are none.
    pub fn ask_proof(&self, stored: &[String]) -> Result<Challenge, Refusal> {
        let known: Vec<Credential> = stored
            .iter()
            .map(|text| serde_json::from_str(text))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let builder = self
            .0
            .new_challenge_authenticate_builder(known, Some(UserVerificationPolicy::Preferred))
            .map_err(|e| failed(format!("{e:?}")))?
            .allow_backup_eligible_upgrade(true);
        let (challenge, mut state) = self
            .0
            .generate_challenge_authenticate(builder)
            .map_err(|e| failed(format!("{e:?}")))?;
        // Which credentials there are is looked up again when one answers.
        state.set_allowed_credentials(Vec::new());
        challenge_of(&challenge.public_key, &state)
    }

    /// Verifies a proof against the stored credential that the claim names. The caller has checked whose it is.
    ///
    /// # Errors
    /// [`Refusal::Failed`], also for a counter that went back: the key may have been copied.
    pub fn proved(&self, state: &str, claimed: &Claimed, stored: &str) -> Result<Proved, Refusal> {
        let state: AuthenticationState = serde_json::from_str(state).map_err(failed)?;
        let mut credential: Credential = serde_json::from_str(stored).map_err(failed)?;
        same_origin(&claimed.parsed.response.client_data_json)?;
        let outcome = self
            .0
            .authenticate_single_credential(&claimed.parsed, &state, &credential)
            .map_err(|e| failed(format!("{e:?}")))?;
        credential.counter = outcome.counter();
        credential.backup_state = outcome.backup_state();
        credential.backup_eligible = outcome.backup_eligible();
        Ok(Proved {
            stored: serde_json::to_string(&credential).map_err(failed)?,
            user_verified: outcome.user_verified(),
        })
    }
}

/// No frame of another site may ask for a proof here (§7.2 step 13).
fn same_origin(client_data: &[u8]) -> Result<(), Refusal> {
    let data: Value = serde_json::from_slice(client_data).map_err(|_| Refusal::Malformed)?;
    if data
        .get("crossOrigin")
        .is_some_and(|v| v != &Value::Bool(false))
        || data.get("topOrigin").is_some()
    {
        return Err(failed("CrossOrigin"));
    }
    Ok(())
}

fn challenge_of(
    options: &impl serde::Serialize,
    state: &impl serde::Serialize,
) -> Result<Challenge, Refusal> {
    Ok(Challenge {
        options: serde_json::to_string(options).map_err(failed)?,
        state: serde_json::to_string(state).map_err(failed)?,
    })
}
