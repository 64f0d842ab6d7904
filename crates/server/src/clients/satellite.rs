//! How a browser's client gets to a satellite (contract fapi §5.5; decision 34).
//!
//! The satellite's host begins: it notes a random word in a cookie of its own and sends the browser to the primary. The
//! primary, if somebody is signed in there, makes a link token for that satellite, that word and the client's present token,
//! and sends the browser back. The satellite uses it up, once and within a minute, and only in the browser that has the word:
//! nobody can make another's browser act for their client. What the browser gets there is a token of its own, good on that
//! satellite only, which dies with the primary's token.
use super::model::SatelliteLinkRow;
use super::{handshake, ops, store};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::domains::model::DomainRow;
use crate::route::{Call, Reply};
use usher_crypto::digest;
use usher_http::cookie::{self, SetCookie};
use usher_http::origin::Url;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// Seconds that a link lives, and the word that begins it.
const LINK_LIFE_SECS: i64 = 60;
/// The cookie with the word. Browsers take one of this prefix from the host itself only.
const WORD: &str = "__Host-usher_link";

/// The page that the browser goes back to: the satellite's.
fn target(cx: &Cx, call: &Call, satellite: &DomainRow) -> Result<Url> {
    let text = call.form.text("redirect_url").unwrap_or_default();
    let url = handshake::page_target(cx, text)?;
    if satellite.has_page(&url) {
        return Ok(url);
    }
    let refusal = refuse::redirect_url_not_associated_with_instance();
    Err(refusal.at("redirect_url").into())
}

fn begin(satellite: &DomainRow, page: &Url) -> String {
    let href = usher_http::percent::encode(&page.href());
    format!(
        "https://{}/v1/client/sync?redirect_url={href}",
        satellite.host()
    )
}

/// `GET /v1/client/sync`, on both hosts.
///
/// # Errors
/// 422 for redirects that do not lead to the satellite; 404 for domains that are none of the instance's.
pub async fn sync(cx: &Cx, call: &Call) -> Result<Reply> {
    if let Some(satellite) = &cx.satellite {
        let page = target(cx, call, satellite)?;
        return Ok(to_primary(cx, satellite, &page));
    }
    let named = call.form.text("link_domain").unwrap_or_default();
    let satellite = cx
        .instance
        .satellites
        .iter()
        .find(|s| s.name == named)
        .ok_or_else(|| refuse::resource_not_found("domain").at("link_domain"))?;
    let page = target(cx, call, satellite)?;
    let Some(word) = call.form.text("link_nonce") else {
        // It begins on the satellite, or the browser has no word.
        return Ok(Reply::redirect(307, &begin(satellite, &page)));
    };
    let Some(client) = &cx.client else {
        return Ok(back(&page));
    };
    let live = ops::live_sessions(cx, &mut cx.read().await?, &client.id).await?;
    if live.is_empty() {
        return Ok(back(&page));
    }
    let token = cx.app.rng.token();
    let link = SatelliteLinkRow {
        instance_id: cx.instance.row.id.clone(),
        token_hash: digest::sha256_hex(&token),
        client_id: client.id.clone(),
        client_token_hash: client.token_hash.clone(),
        browser_hash: word.to_owned(),
        domain_id: satellite.id.clone(),
        expire_at: cx.now.plus_secs(LINK_LIFE_SECS),
    };
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        store::add_satellite_link(&mut tx, &link).await?;
        Ok::<_, Error>(())
    })?;
    let href = usher_http::percent::encode(&page.href());
    let to = format!(
        "https://{}/v1/client/link?__clerk_token={token}&redirect_url={href}",
        satellite.host()
    );
    Ok(Reply::redirect(307, &to))
}

/// From the satellite to the primary, with a word that this browser keeps.
pub(super) fn to_primary(cx: &Cx, satellite: &DomainRow, page: &Url) -> Reply {
    let word = cx.app.rng.token();
    let to = format!(
        "{}/v1/client/sync?link_domain={}&link_nonce={}&redirect_url={}",
        cx.instance.own_origin(),
        satellite.name,
        digest::sha256_hex(&word),
        usher_http::percent::encode(&page.href())
    );
    let mut reply = Reply::redirect(307, &to);
    reply.cookies.push(word_cookie(cx, Some(&word)));
    reply
}

fn word_cookie(cx: &Cx, value: Option<&str>) -> String {
    SetCookie {
        name: WORD,
        value,
        domain: None,
        http_only: true,
        secure: cx.request.https,
        max_age_secs: LINK_LIFE_SECS,
    }
    .render()
}

/// Back to the application, which is told not to ask again.
fn back(page: &Url) -> Reply {
    Reply::redirect(307, &page.with_query("__clerk_synced", "true"))
}

/// `GET /v1/client/link`, on a satellite's host.
///
/// # Errors
/// 403 `sync_nonce_already_consumed` for links that are used up, too old, another satellite's, another browser's, or of a
/// client whose token changed; 403 on the primary.
pub async fn link(cx: &Cx, call: &Call) -> Result<Reply> {
    let Some(satellite) = &cx.satellite else {
        return Err(refuse::operation_not_allowed_on_primary_domain().into());
    };
    let page = target(cx, call, satellite)?;
    let token = call.form.text("__clerk_token").unwrap_or_default();
    let hash = digest::sha256_hex(token);
    let words: Vec<String> = cookie::all(&cx.request.cookies, WORD)
        .map(digest::sha256_hex)
        .collect();
    let own = cx.app.rng.token();
    let own_hash = digest::sha256_hex(&own);
    let stamp = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let gone = || Error::from(refuse::sync_nonce_already_consumed());
        let found = store::satellite_link(&mut tx, &hash, cx.now).await?;
        let link = found.filter(|l| l.domain_id == satellite.id && words.contains(&l.browser_hash)).ok_or_else(gone)?;
        if !store::use_satellite_link(&mut tx, &hash).await? {
            return Err(gone());
        }
        let client = store::lock(&mut tx, &link.client_id, &link.client_token_hash).await?.ok_or_else(gone)?;
        let live = ops::live_sessions(cx, &mut tx, &client.id).await?;
        store::replace_satellite_token(&mut tx, &client, &satellite.id, &own_hash).await?;
        audit::record(cx, &mut tx, Event::new("client.linked").about(client.id.as_str()));
        Ok::<_, Error>(ops::uat_now(cx, &client, live.len()))
    })?;
    cx.outgoing(|o| {
        o.client_token = Some(own);
        o.client_uat = Some(stamp);
    });
    let mut reply = back(&page);
    reply.cookies.push(word_cookie(cx, None));
    Ok(reply)
}
