//! Links that prove an address: what a link is, and what is kept of it. A link is followed by a GET, which mail scanners send too:
//! it proves something in the browser that asked for it and in no other one.
use super::model::VerificationRow;
use super::store;
use crate::cx::Cx;
use serde::{Deserialize, Serialize};
use usher_crypto::digest;
use usher_db::Tx;
use usher_types::Result;
use usher_types::error::codes as refuse;
use usher_types::id::VerificationId;

/// What a link proves when it is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The first factor of a sign-in.
    SignIn,
    /// The address of a sign-up.
    SignUp,
    /// A further address of a user.
    Address,
}

/// What is kept of a link until it is followed. Not the link: that is computed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// What it proves.
    pub purpose: Purpose,
    /// The attempt's id, or the address's.
    pub of: String,
    /// The browser that asked for it.
    pub client: String,
    /// The page that says how it went; an allowed one when the link was asked for.
    pub redirect_url: String,
}

impl VerificationRow {
    /// What this link is for; `None` for other verifications.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        serde_json::from_str(self.challenge.as_deref()?).ok()
    }
}

/// How following a link went, for the page that it leads to (contract fapi §8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The address is proved.
    Verified,
    /// Too late.
    Expired,
    /// Replaced by a newer one, or not to be had any more.
    Failed,
    /// Opened in another browser than the one that asked for it.
    ClientMismatch,
    /// Proved, and the proof can be taken over by an attempt of the other kind.
    Transferable,
}

impl Status {
    /// On the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::ClientMismatch => "client_mismatch",
            Self::Transferable => "transferable",
        }
    }
}

fn mac(cx: &Cx, id: &str) -> String {
    digest::b64url(&digest::hmac_sha256(
        &cx.instance.code_key,
        format!("link:{id}").as_bytes(),
    ))
}

/// The link itself, for the mail: whoever has it, in the browser that asked for it, owns the address.
#[must_use]
pub fn url(cx: &Cx, id: &VerificationId) -> String {
    // Where the browser's cookies are: at the app's proxy, where one proved itself; in development on the host that people open.
    let base = match &cx.request.proxy_url {
        Some(proxy) => proxy.trim_end_matches('/'),
        None if cx.app.options.development => &cx.instance.portal_origin,
        None => &cx.instance.issuer,
    };
    format!("{base}/v1/verify?token={id}.{}", mac(cx, id.as_str()))
}

/// The verification whose link `text` is, whatever its status. Its MAC is checked before the database is asked.
///
/// # Errors
/// 400 `verification_link_token_invalid` for what this instance did not make.
pub async fn find(cx: &Cx, tx: &mut Tx, text: &str) -> Result<(VerificationRow, Link)> {
    let invalid = || refuse::verification_link_token_invalid().at("token");
    let (id, given) = text.split_once('.').ok_or_else(invalid)?;
    if !digest::equal(mac(cx, id).as_bytes(), given.as_bytes()) {
        return Err(invalid().into());
    }
    let id = VerificationId::parse(id).ok_or_else(invalid)?;
    let row = store::find(tx, &id).await?.ok_or_else(invalid)?;
    let link = row.link().ok_or_else(invalid)?;
    Ok((row, link))
}
