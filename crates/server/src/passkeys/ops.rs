//! Use cases of passkeys: making, renaming, removing; asking for a proof and checking it.
use super::model::{MAX, PasskeyRow};
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::messages;
use crate::templates::Slug;
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::list;
use crate::users::ops::ways;
use crate::verifications::model::VerificationRow;
use crate::verifications::{ops as verifications, store as verification_store};
use serde_json::json;
use usher_crypto::webauthn::{Challenge, Claimed, Party, Refusal};
use usher_db::Tx;
use usher_http::agent;
use usher_http::origin::{Url, split_host};
use usher_types::error::codes as refuse;
use usher_types::id::{IdentificationId, UserId, VerificationId};
use usher_types::{ApiError, Error, Fault, Result};

/// What a refusal is on the wire while a passkey is made.
fn not_registered(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Malformed => {
            refuse::passkey_invalid_public_key_credential().at("public_key_credential")
        }
        Refusal::Failed(step) => {
            tracing::info!("A passkey was not registered: {step}");
            refuse::passkey_registration_failure()
        }
    }
}

/// The relying party for the page that asks: credentials are bound to the root domain that the page shares with the
/// instance, so that they work on all of its hosts, else to the page's own host.
fn party(cx: &Cx) -> Option<Party> {
    let origin = Url::parse(&cx.request.azp)?;
    let text = origin.origin();
    let (host, _) = split_host(text.split_once("://")?.1)?;
    let shared = cx
        .instance
        .root_domain
        .as_deref()
        .filter(|root| host == *root || host.ends_with(&format!(".{root}")));
    // An address is no host that credentials can be bound to (WebAuthn §5.1.2: a valid domain).
    if shared.is_none() && host.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    Party::new(
        &cx.instance.settings.application_name,
        shared.unwrap_or(&host),
        &text,
    )
}

fn enabled(cx: &Cx) -> Result<()> {
    if cx.instance.settings.attributes.passkey {
        Ok(())
    } else {
        Err(refuse::verification_strategy_invalid()
            .at("strategy")
            .into())
    }
}

/// What a new passkey is called until its owner says otherwise.
fn default_name(cx: &Cx) -> String {
    let seen = agent::read(&cx.request.user_agent);
    match (seen.browser_name, seen.device_type) {
        (Some(browser), Some(device)) => format!("{browser} on {device}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "Passkey".to_owned(),
    }
}

/// The finished passkeys of a user. Who has none costs no look.
///
/// # Errors
/// The database's.
pub async fn of_user(tx: &mut Tx, user: &UserRow) -> Result<Vec<PasskeyRow>> {
    if user.passkeys == 0 {
        return Ok(Vec::new());
    }
    Ok(store::of_user(tx, &user.id).await?)
}

/// A passkey of a user, by id, finished or not.
///
/// # Errors
/// 404 for others'.
pub async fn own(cx: &Cx, user: &UserId, id: &str) -> Result<PasskeyRow> {
    let missing = || refuse::resource_not_found("passkey");
    let id = IdentificationId::parse(id).ok_or_else(missing)?;
    Ok(store::find(&mut cx.read().await?, &id)
        .await?
        .filter(|row| row.user_id == *user)
        .ok_or_else(missing)?)
}

/// The challenge that an unfinished passkey waits for.
///
/// # Errors
/// The database's.
pub async fn under_way(cx: &Cx, row: &PasskeyRow) -> Result<Option<VerificationRow>> {
    match &row.verification_id {
        Some(id) if row.credential.is_none() => {
            Ok(verification_store::find(&mut cx.read().await?, id).await?)
        }
        _ => Ok(None),
    }
}

/// Begins a passkey: the browser is asked to make a credential. It replaces an unfinished one.
///
/// # Errors
/// 403 `passkey_quota_exceeded`; 400 where passkeys are off or the page has no host of a name.
pub async fn create(cx: &Cx, user: &UserRow) -> Result<(PasskeyRow, VerificationRow)> {
    enabled(cx)?;
    let known = of_user(&mut cx.read().await?, user).await?;
    let ids: Vec<String> = known
        .iter()
        .filter_map(|p| p.credential_id.clone())
        .collect();
    let shown = user
        .identifier()
        .unwrap_or(&cx.instance.settings.application_name);
    let party = party(cx).ok_or_else(refuse::passkey_registration_failure)?;
    let challenge = party
        .ask_new(user.id.as_str(), shown, &ids)
        .map_err(|e| Fault::new(format!("a challenge: {e}")))?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let found = list::hold(&mut tx, &user.id).await?;
        if usize::try_from(found.user.passkeys).unwrap_or(MAX) >= MAX {
            return Err(refuse::passkey_quota_exceeded().into());
        }
        store::drop_unfinished(&mut tx, &user.id).await?;
        let verification = verifications::start_challenge(cx, &mut tx, "passkey", &challenge.options, &challenge.state).await?;
        let row = PasskeyRow {
            instance_id: cx.instance.row.id.clone(),
            id: IdentificationId::compose(cx.now, &cx.fresh()),
            user_id: user.id.clone(),
            name: default_name(cx),
            credential_id: None,
            credential: None,
            verification_id: Some(verification.id.clone()),
            last_used_at: None,
            created_at: cx.now,
            updated_at: cx.now,
        };
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, Event::new("user.passkey.created").user(&user.id).about(row.id.as_str()));
        Ok::<_, Error>((row, verification))
    })
}

/// Finishes a passkey with the credential that the browser made.
///
/// # Errors
/// 400 where the challenge is spent or the credential does not verify; 422 where it is none.
pub async fn register(cx: &Cx, row: &PasskeyRow, given: &str) -> Result<PasskeyRow> {
    enabled(cx)?;
    let id = row
        .verification_id
        .clone()
        .ok_or_else(refuse::passkey_invalid_verification)?;
    let mut view = cx.read().await?;
    let verification = verification_store::find(&mut view, &id)
        .await?
        .filter(|_| row.credential.is_none())
        .ok_or_else(refuse::passkey_invalid_verification)?;
    drop(view);
    let state = verification
        .state()
        .ok_or_else(refuse::passkey_invalid_verification)?;
    let party = party(cx).ok_or_else(refuse::passkey_registration_failure)?;
    let made = party.registered(&state, given).map_err(not_registered);
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut found = list::hold(&mut tx, &row.user_id).await?;
        let made = match verifications::spend(cx, &mut tx, &id, made.clone()).await? {
            Ok(made) => made,
            Err(refused) => return Ok(Err(refused)),
        };
        if found.user.passkeys >= 10 {
            return Err(refuse::passkey_quota_exceeded().into());
        }
        if store::by_credential(&mut tx, &made.credential_id).await?.is_some() {
            return Err(refuse::passkey_registration_failure().into());
        }
        if !store::register(&mut tx, &row.id, &made.credential_id, &made.stored, cx.now).await? {
            return Err(refuse::passkey_invalid_verification().into());
        }
        found.user.passkeys += 1;
        users::store::set_passkeys(&mut tx, &row.user_id, found.user.passkeys, cx.now).await?;
        audit::record(cx, &mut tx, Event::new("user.passkey.verified").user(&row.user_id).about(row.id.as_str()));
        let vars = json!({ "passkey": { "name": row.name } });
        messages::ops::notice(cx, &mut tx, &found.user, Slug::PasskeyAdded, vars).await?;
        Ok::<_, Error>(Ok(()))
    })?;
    outcome?;
    own(cx, &row.user_id, row.id.as_str()).await
}

/// Renames a passkey.
///
/// # Errors
/// The database's.
pub async fn rename(cx: &Cx, row: &PasskeyRow, name: &str) -> Result<PasskeyRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        store::rename(&mut tx, &row.id, name, cx.now).await?;
        audit::record(cx, &mut tx, Event::new("user.passkey.updated").user(&row.user_id).about(row.id.as_str()).changed(["name"]));
        Ok::<_, Error>(())
    })?;
    own(cx, &row.user_id, row.id.as_str()).await
}

/// Removes a passkey.
///
/// # Errors
/// 404; 400 where nothing else is left to sign in with.
pub async fn remove(cx: &Cx, user: &UserId, id: &IdentificationId) -> Result<()> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let found = list::hold(&mut tx, user).await?;
        let missing = || refuse::resource_not_found("passkey");
        let row = store::find(&mut tx, id).await?.filter(|row| row.user_id == *user).ok_or_else(missing)?;
        if row.credential.is_some() {
            let codes = cx.instance.settings.email_signs_in() && found.emails.iter().any(|e| e.is_verified());
            let other_way = codes || ways::by_wallet(&cx.instance.settings, &found);
            if found.user.passkeys == 1 && found.user.password_stored.is_none() && !other_way {
                return Err(refuse::last_required_identification_deletion_failed().into());
            }
            users::store::set_passkeys(&mut tx, user, found.user.passkeys - 1, cx.now).await?;
            let vars = json!({ "passkey": { "name": row.name } });
            messages::ops::notice(cx, &mut tx, &found.user, Slug::PasskeyRemoved, vars).await?;
        }
        store::delete(&mut tx, id).await?;
        audit::record(cx, &mut tx, Event::new("user.passkey.deleted").user(user).about(id.as_str()));
        Ok::<_, Error>(())
    })
}

/// Asks for a proof by one of these passkeys; by any discoverable one where there are none.
///
/// # Errors
/// 400 where passkeys are off or the page has no host of a name.
pub fn ask(cx: &Cx, passkeys: &[PasskeyRow]) -> Result<Challenge> {
    enabled(cx)?;
    let stored: Vec<String> = passkeys
        .iter()
        .filter_map(|p| p.credential.clone())
        .collect();
    let party = party(cx).ok_or_else(refuse::passkey_authentication_failure)?;
    Ok(party
        .ask_proof(&stored)
        .map_err(|e| Fault::new(format!("a challenge: {e}")))?)
}

/// A proof that was verified and not yet spent.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Whose it is.
    pub owner: UserId,
    /// The authenticator verified its user: two factors in one.
    pub user_verified: bool,
    passkey: IdentificationId,
    before: String,
    after: String,
}

/// Checks an assertion against the challenge of a verification; `known` is who the sign-in named before. Says whose it
/// is; changes nothing.
///
/// # Errors
/// The database's; a refusal of the credential is the value.
pub async fn check(
    cx: &Cx,
    tx: &mut Tx,
    verification: &VerificationRow,
    given: &str,
    known: Option<&UserId>,
) -> Result<Result<Proof, ApiError>> {
    enabled(cx)?;
    let claimed: Claimed = match usher_crypto::webauthn::read_assertion(given) {
        Ok(claimed) => claimed,
        Err(_) => {
            return Ok(Err(
                refuse::passkey_invalid_public_key_credential().at("public_key_credential")
            ));
        }
    };
    let Some(state) = verification.state() else {
        return Ok(Err(refuse::passkey_invalid_verification()));
    };
    let found = store::by_credential(tx, &claimed.credential_id).await?;
    let Some((row, before)) = found.and_then(|row| {
        let credential = row.credential.clone()?;
        Some((row, credential))
    }) else {
        return Ok(Err(refuse::passkey_not_registered()));
    };
    let failed = |why: &str| {
        tracing::info!("A passkey did not verify: {why}");
        Ok(Err(refuse::passkey_authentication_failure()))
    };
    // Whoever was named before must be the owner; where nobody was, the authenticator says who it is (WebAuthn §7.2 step 6).
    if known.is_some_and(|user| *user != row.user_id) {
        return Ok(Err(refuse::passkey_not_registered()));
    }
    match claimed.user_handle.as_deref() {
        Some(handle) if handle != row.user_id.as_str().as_bytes() => {
            return failed("another user's handle");
        }
        None if known.is_none() => return failed("no user handle"),
        Some(_) | None => {}
    }
    let Some(party) = party(cx) else {
        return failed("no relying party");
    };
    Ok(match party.proved(&state, &claimed, &before) {
        Ok(proved) => Ok(Proof {
            owner: row.user_id,
            user_verified: proved.user_verified,
            passkey: row.id,
            before,
            after: proved.stored,
        }),
        Err(why) => return failed(&why.to_string()),
    })
}

/// Spends a challenge on a proof: once. Moves the credential's counter with it.
///
/// # Errors
/// The database's; a refusal that has been counted is the value.
pub async fn spend(
    cx: &Cx,
    tx: &mut Tx,
    verification: &VerificationId,
    proof: Result<Proof, ApiError>,
) -> Result<Result<Proof, ApiError>> {
    let proof = match verifications::spend(cx, tx, verification, proof).await? {
        Ok(proof) => proof,
        Err(refused) => return Ok(Err(refused)),
    };
    let moved = store::used(tx, &proof.passkey, &proof.before, &proof.after, cx.now).await?;
    Ok(if moved {
        Ok(proof)
    } else {
        Err(refuse::passkey_authentication_failure())
    })
}
