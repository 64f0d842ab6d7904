//! Asking for a signature, and checking it: the same for a sign-in, a sign-up and a wallet of a signed-in user.
use super::model::{Asked, Purpose, Wallet};
use crate::cx::Cx;
use crate::strategies::Strategy;
use crate::verifications::model::{CODE_TRIES, VerificationRow};
use crate::verifications::{ops as verifications, store};
use serde::{Deserialize, Serialize};
use usher_crypto::web3::Refusal;
use usher_crypto::webauthn::CHALLENGE_LIFE_SECS;
use usher_db::Tx;
use usher_http::origin::Url;
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, VerificationId};
use usher_types::{ApiError, Result};

/// Characters of a nonce: 130 bits (EIP-4361 asks for 8 characters).
const NONCE: usize = 22;

/// What a message is bound to besides the attempt that asked for it.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Bound {
    client: String,
    wallet: String,
}

/// Starts a verification whose message the wallet is to sign, for the page and the client that ask.
///
/// # Errors
/// 400 where the request is of no page; the database's.
pub async fn ask(
    cx: &Cx,
    tx: &mut Tx,
    client: &ClientId,
    wallet: &Wallet,
    strategy: Strategy,
    purpose: Purpose,
) -> Result<VerificationRow> {
    let origin = Url::parse(&cx.request.azp)
        .map(|url| url.origin())
        .ok_or_else(refuse::origin_invalid)?;
    let message = wallet.message(&Asked {
        purpose,
        origin: &origin,
        nonce: &cx.app.rng.base62(NONCE),
        from: cx.now,
        until: cx.now.plus_secs(CHALLENGE_LIFE_SECS),
    });
    let bound = serde_json::to_string(&Bound {
        client: client.as_str().to_owned(),
        wallet: wallet.normal(),
    })?;
    verifications::start_challenge(cx, tx, strategy.word(), &message, &bound).await
}

/// A signature that was checked, and what it answers. Nothing is spent yet.
pub struct Checked {
    id: VerificationId,
    /// The strategy that it was asked for by.
    pub strategy: Strategy,
    answer: Result<(), ApiError>,
}

impl Checked {
    /// It answers this verification.
    #[must_use]
    pub fn answers(&self, id: Option<&VerificationId>) -> bool {
        id == Some(&self.id)
    }
}

/// Checks a signature over the message of a verification. `strategy` is the one that the caller names, where it names one.
///
/// # Errors
/// 400 `verification_missing` where nothing was asked for by this client, of this wallet, by this strategy.
pub async fn check(
    cx: &Cx,
    tx: &mut Tx,
    id: Option<&VerificationId>,
    wallet: &Wallet,
    strategy: Option<Strategy>,
    signature: &str,
) -> Result<Checked> {
    let row = match id {
        Some(id) => store::find(tx, id).await?,
        None => None,
    };
    let row = row.ok_or_else(refuse::verification_missing)?;
    let asked = Strategy::parse(&row.strategy).filter(|s| s.chain() == Some(wallet.chain()));
    let asked = asked
        .filter(|asked| strategy.is_none_or(|named| named == *asked))
        .ok_or_else(refuse::verification_missing)?;
    let (Some(message), Some(bound)) = (row.nonce(), row.state()) else {
        return Err(refuse::verification_missing().into());
    };
    let bound: Bound = serde_json::from_str(&bound)?;
    let client = cx.client_id();
    if client.is_none_or(|id| id.as_str() != bound.client) || bound.wallet != wallet.normal() {
        return Err(refuse::verification_missing().into());
    }
    let refused = match row.status_at(cx.now) {
        "verified" => Some(refuse::verification_already_verified()),
        "failed" => Some(refuse::verification_failed()),
        "expired" => Some(refuse::verification_expired()),
        _ => None,
    };
    if let Some(refused) = refused {
        return Err(refused.into());
    }
    let answer = wallet
        .verify(&message, signature)
        .map_err(|refusal| match refusal {
            Refusal::Malformed | Refusal::Wrong => refuse::form_incorrect_signature(),
            Refusal::SmartWallet => refuse::smart_wallet_signature(),
        })
        .map_err(|e| e.at("signature"));
    Ok(Checked {
        id: row.id,
        strategy: asked,
        answer,
    })
}

/// Spends the verification on a signature: a try for a wrong one, the whole of it for a right one, once. A refusal is the value,
/// so that the try it cost is committed.
///
/// Wrong signatures do not count towards a lock of the account: nobody guesses one, and addresses are public, so that counting
/// would let anybody lock anybody out (decision 30).
///
/// # Errors
/// The database's.
pub async fn spend(cx: &Cx, tx: &mut Tx, checked: &Checked) -> Result<Result<(), ApiError>> {
    if !store::take_try(tx, &checked.id, CODE_TRIES, cx.now).await? {
        store::fail(tx, &checked.id).await?;
        return Ok(Err(refuse::verification_failed()));
    }
    if let Err(refused) = &checked.answer {
        return Ok(Err(refused.clone()));
    }
    if store::succeed(tx, &checked.id, cx.client_id().as_ref()).await? {
        Ok(Ok(()))
    } else {
        Ok(Err(refuse::verification_already_verified()))
    }
}
