//! Making, sending and attempting one-time codes.
use super::links::{self, Link};
use super::model::{CODE_LIFE_MS, CODE_TRIES, Kept, RESEND_AFTER_MS, VerificationRow};
use super::store;
use crate::cx::Cx;
use crate::identifiers::contact::{Channel, Contact};
use crate::identifiers::phones::reach;
use crate::messages;
use crate::strategies::Strategy;
use crate::templates::Slug;
use usher_crypto::digest;
use usher_crypto::webauthn::CHALLENGE_LIFE_SECS;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, VerificationId};
use usher_types::{ApiError, Result};

/// The code of every test identity on development instances (contract fapi §9.4).
pub const TEST_CODE: &str = "424242";

fn code_hash(cx: &Cx, id: &VerificationId, code: &str) -> String {
    digest::b64url(&digest::hmac_sha256(
        &cx.instance.code_key,
        format!("{id}:{code}").as_bytes(),
    ))
}

/// Whether the code goes to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery<'a> {
    /// It is sent, in the language that the user or the attempt has, where one is known.
    Send(Option<&'a str>),
    /// Nothing is sent: there is nobody, and the caller must not learn that (enumeration protection).
    Pretend,
}

/// A code that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// What it is to prove.
    pub strategy: Strategy,
    /// Where it goes.
    pub to: &'a Contact,
    /// How it gets to a telephone.
    pub channel: Channel,
    /// The verification that it replaces.
    pub previous: Option<&'a VerificationId>,
    /// A link in the place of the code.
    pub link: Option<&'a Link>,
    /// Whether it goes out.
    pub delivery: Delivery<'a>,
}

/// Starts a code: a new verification, and the message that carries the code, in one transaction. A second code in the place of
/// another within 30 seconds is refused, an open older one dies. An address or a number gets so many codes at most, whoever
/// asks.
///
/// # Errors
/// 429 `verification_code_too_many_requests`; 403 `unsupported_country_code`; 422 for a channel that is not offered.
pub async fn start_code(cx: &Cx, tx: &mut Tx, wanted: &Code<'_>) -> Result<VerificationRow> {
    let (to, strategy) = (wanted.to, wanted.strategy.word());
    let test = cx.instance.test_mode() && to.is_test();
    if let Contact::Phone(number) = to {
        // Before anything is told apart: the verdict is on the number alone.
        reach::check(cx, number, wanted.channel)?;
    }
    if let Some(id) = wanted.previous
        && let Some(old) = store::find(tx, id).await?
    {
        let waited = cx.now.since(old.created_at);
        // Test identities are exempt: nothing is sent to them.
        // A code of the future was made by a clock that was wrong; nobody waits for it.
        if (0..RESEND_AFTER_MS).contains(&waited)
            && old.target.as_deref() == Some(to.as_str())
            && old.strategy == strategy
            && !test
        {
            let wait = u32::try_from((RESEND_AFTER_MS - waited + 999) / 1000).unwrap_or(30);
            return Err(refuse::verification_code_too_many_requests()
                .retry_after(wait)
                .into());
        }
        store::fail(tx, id).await?;
    }
    if !test {
        check_sends(cx, tx, to).await?;
    }
    let id = VerificationId::compose(cx.now, &cx.fresh());
    let code = if test {
        TEST_CODE.to_owned()
    } else {
        cx.app.rng.digits(6)
    };
    let send = wanted.delivery != Delivery::Pretend;
    let row = VerificationRow {
        instance_id: cx.instance.row.id.clone(),
        strategy: strategy.to_owned(),
        status: "unverified".to_owned(),
        target: Some(to.as_str().to_owned()),
        mailbox: Some(to.mailbox()),
        // A pretended code matches nothing.
        code_hash: (send && wanted.link.is_none()).then(|| code_hash(cx, &id, &code)),
        attempts: 0,
        verified_at_client: None,
        challenge: wanted.link.map(serde_json::to_string).transpose()?,
        channel: match to {
            Contact::Email(_) => None,
            Contact::Phone(_) => Some(wanted.channel.word().to_owned()),
        },
        expire_at: cx.now.plus_ms(CODE_LIFE_MS),
        created_at: cx.now,
        id,
    };
    store::insert(tx, &row).await?;
    let Delivery::Send(locale) = wanted.delivery else {
        return Ok(row);
    };
    match (wanted.link, to) {
        // Of a test identity, too: nothing leaves for it, and whoever tests reads the link.
        (Some(link), Contact::Email(address)) => {
            let url = links::url(cx, &row.id);
            messages::ops::link(cx, tx, address, link.purpose, locale, &url).await?;
        }
        _ if test => {}
        (_, to) => {
            let slug = if wanted.strategy.resets_password() {
                Slug::ResetPasswordCode
            } else {
                Slug::VerificationCode
            };
            messages::ops::code(cx, tx, to, wanted.channel, slug, locale, &code).await?;
        }
    }
    Ok(row)
}

/// Refuses a code to a mailbox or a number that got its share in 10 minutes, an hour or a day: under any of its addresses,
/// over all attempts of everybody and on every node. Neither messages nor guesses can be had without limit, and a new code
/// does not reset the count (NIST SP 800-63B §3.1.3.2, §3.2.2).
async fn check_sends(cx: &Cx, tx: &mut Tx, to: &Contact) -> Result<()> {
    let limits = &cx.instance.settings.limits;
    let mailbox = to.mailbox();
    for (secs, most) in [
        (600, limits.codes_per_10_minutes),
        (3600, limits.codes_per_hour),
        (24 * 3600, limits.codes_per_day),
    ] {
        let since = cx.now.plus_secs(-secs);
        let (made, oldest) = store::made_since(tx, &mailbox, since).await?;
        if made >= most {
            let wait = (oldest.plus_secs(secs).since(cx.now) + 999) / 1000;
            return Err(refuse::verification_code_too_many_requests()
                .retry_after(u32::try_from(wait).unwrap_or(1))
                .into());
        }
    }
    Ok(())
}

/// Starts a challenge that a credential of the browser is to sign.
///
/// # Errors
/// The database's.
pub async fn start_challenge(
    cx: &Cx,
    tx: &mut Tx,
    strategy: &'static str,
    nonce: &str,
    state: &str,
) -> Result<VerificationRow> {
    let id = VerificationId::compose(cx.now, &cx.fresh());
    start_challenge_as(cx, tx, id, strategy, nonce, state).await
}

/// The same under an id that the challenge itself names.
///
/// # Errors
/// The database's.
pub async fn start_challenge_as(
    cx: &Cx,
    tx: &mut Tx,
    id: VerificationId,
    strategy: &'static str,
    nonce: &str,
    state: &str,
) -> Result<VerificationRow> {
    let kept = Kept {
        nonce: nonce.to_owned(),
        state: state.to_owned(),
    };
    let row = VerificationRow {
        instance_id: cx.instance.row.id.clone(),
        id,
        strategy: strategy.to_owned(),
        status: "unverified".to_owned(),
        target: None,
        mailbox: None,
        code_hash: None,
        attempts: 0,
        verified_at_client: None,
        challenge: Some(serde_json::to_string(&kept)?),
        channel: None,
        expire_at: cx.now.plus_secs(CHALLENGE_LIFE_SECS),
        created_at: cx.now,
    };
    store::insert(tx, &row).await?;
    Ok(row)
}

/// Spends a challenge on an answer that was checked before: a try for a refused one, the whole of it for a right one, once.
///
/// # Errors
/// The database's; a refusal is the value, so that the try it cost is committed.
pub async fn spend<T>(
    cx: &Cx,
    tx: &mut Tx,
    id: &VerificationId,
    answer: Result<T, ApiError>,
) -> Result<Result<T, ApiError>> {
    if !store::take_try(tx, id, CODE_TRIES, cx.now).await? {
        return Ok(Err(refuse::passkey_invalid_verification()));
    }
    if answer.is_ok() && !store::succeed(tx, id, None).await? {
        return Ok(Err(refuse::passkey_invalid_verification()));
    }
    Ok(answer)
}

/// The outcome of a try. A refusal is a value, so that the try it cost is committed.
#[derive(Debug)]
pub enum Outcome {
    /// The code was right and is used up now.
    Verified,
    /// It was not.
    Refused(ApiError),
}

/// Tries a code. Costs a try first, compares in constant time, and is accepted once.
///
/// # Errors
/// The database's.
pub async fn attempt(
    cx: &Cx,
    tx: &mut Tx,
    id: &VerificationId,
    code: &str,
    client: Option<&ClientId>,
) -> Result<Outcome> {
    let Some(row) = store::find(tx, id).await? else {
        return Ok(Outcome::Refused(refuse::verification_missing()));
    };
    let refused = match row.status_at(cx.now) {
        "verified" | "transferable" => Some(refuse::verification_already_verified()),
        "failed" => Some(refuse::verification_failed()),
        "expired" => Some(refuse::verification_expired()),
        _ => None,
    };
    if let Some(refused) = refused {
        return Ok(Outcome::Refused(refused));
    }
    if !store::take_try(tx, id, CODE_TRIES, cx.now).await? {
        store::fail(tx, id).await?;
        return Ok(Outcome::Refused(refuse::verification_failed()));
    }
    let given = code_hash(cx, id, code.trim());
    let right = row
        .code_hash
        .as_ref()
        .is_some_and(|kept| digest::equal(kept.as_bytes(), given.as_bytes()));
    if !right {
        if row.attempts + 1 >= CODE_TRIES {
            store::fail(tx, id).await?;
        }
        return Ok(Outcome::Refused(
            refuse::form_code_incorrect("code").at("code"),
        ));
    }
    if !store::succeed(tx, id, client).await? {
        return Ok(Outcome::Refused(refuse::verification_already_verified()));
    }
    Ok(Outcome::Verified)
}
