//! Development browsers: the client's token in the URL and in scripts' hands, for instances with test keys only
//! (contract fapi §5.2; decision 32).
//!
//! A token that no client was made for is kept nowhere: it says "nobody" and until when by itself, under a MAC. The first
//! request that makes a client answers with a random token in its place, so that nobody can choose another's. Such a token
//! is stored as a hash of its own kind: it opens nothing as a cookie, and a cookie's token opens nothing here.
use super::store;
use crate::cx::{Cx, DevBrowser};
use usher_crypto::digest;
use usher_types::error::codes as refuse;
use usher_types::{Result, Secret};

/// Seconds that a token of nobody is good.
const NOBODY_LIFE_SECS: i64 = 30 * 24 * 3600;
/// What it starts with.
const NOBODY: &str = "dvb_";

/// A fresh token of nobody.
#[must_use]
pub fn nobody(cx: &Cx) -> String {
    let until = cx.now.secs() + NOBODY_LIFE_SECS;
    sealed(cx, &format!("{NOBODY}{until}.{}", cx.app.rng.base62(22)))
}

fn sealed(cx: &Cx, said: &str) -> String {
    let mac = digest::hmac_sha256(
        &cx.instance.code_key,
        format!("dev_browser:{said}").as_bytes(),
    );
    format!("{said}.{}", digest::b64url(&mac))
}

fn is_nobody(cx: &Cx, token: &str) -> bool {
    let Some((said, _)) = token.rsplit_once('.') else {
        return false;
    };
    let until = said
        .strip_prefix(NOBODY)
        .and_then(|rest| rest.split_once('.'))
        .and_then(|(until, _)| until.parse::<i64>().ok());
    until.is_some_and(|until| until > cx.now.secs())
        && digest::equal(sealed(cx, said).as_bytes(), token.as_bytes())
}

/// What the token of a client is found by, as the request's browser carries it.
#[must_use]
pub fn token_hash(cx: &Cx, token: &str) -> String {
    match cx.dev_browser {
        Some(_) => hash(token),
        None => digest::sha256_hex(token),
    }
}

fn hash(token: &str) -> String {
    digest::sha256_hex(&format!("dev_browser:{token}"))
}

/// Finds the client by a development browser's token. Other instances do not look at it.
///
/// # Errors
/// The database's.
pub async fn find(cx: &mut Cx, token: &str) -> Result<()> {
    if !cx.instance.has_dev_browsers() || token.is_empty() {
        return Ok(());
    }
    let known = || DevBrowser::Known(Secret::new(token.to_owned()));
    cx.dev_browser = Some(DevBrowser::Unknown);
    if is_nobody(cx, token) {
        cx.dev_browser = Some(known());
    } else if (20..=128).contains(&token.len()) {
        let found = store::by_token(&mut cx.read().await?, &hash(token)).await?;
        if let Some(client) = found.filter(|client| client.expire_at > cx.now) {
            cx.dev_browser = Some(known());
            cx.set_client(client);
        }
    }
    Ok(())
}

/// Refuses a token that is none: the browser drops it and asks for another one.
///
/// # Errors
/// 401 `dev_browser_unauthenticated`.
pub fn check(cx: &Cx) -> Result<()> {
    match cx.dev_browser {
        Some(DevBrowser::Unknown) => Err(refuse::dev_browser_unauthenticated().into()),
        Some(DevBrowser::Known(_)) | None => Ok(()),
    }
}

/// Refuses instances without development browsers.
///
/// # Errors
/// 400 `url_based_session_syncing_disabled`.
pub fn check_instance(cx: &Cx) -> Result<()> {
    if cx.instance.has_dev_browsers() {
        return Ok(());
    }
    Err(refuse::url_based_session_syncing_disabled().into())
}

/// The token that the application's host is to have: the one that came, or one of nobody, which server SDKs insist on.
#[must_use]
pub fn for_application(cx: &Cx) -> String {
    match &cx.dev_browser {
        Some(DevBrowser::Known(token)) => token.expose().clone(),
        Some(DevBrowser::Unknown) | None => nobody(cx),
    }
}
