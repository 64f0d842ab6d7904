//! Who an identifier is, and which ways are open to prove it. Where enumeration protection is on, both look the same for
//! everybody.
use super::resource::FactorResource;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::email::{EmailAddress, EmailRow, redacted};
use crate::strategies::Strategy;
use crate::users;
use crate::users::model::{UserRow, normal_username};
use usher_crypto::digest;
use usher_db::Tx;
use usher_types::Result;
use usher_types::id::IdentificationId;

/// A way that is open to prove the first factor.
#[derive(Clone, Debug)]
pub enum Factor {
    /// The password.
    Password,
    /// A passkey.
    Passkey,
    /// An account at a provider.
    Social(&'static str),
    /// A code to an address.
    EmailCode {
        /// The address's id; made up where there is no such address.
        id: String,
        /// The address as it may be shown.
        safe: String,
        /// It is the primary one.
        primary: bool,
        /// `EmailCode`, or `ResetPasswordEmailCode`.
        strategy: Strategy,
    },
    /// A wallet's signature.
    Wallet {
        /// The wallet's id; made up where nobody has it.
        id: String,
        /// It is the primary one.
        primary: bool,
        /// One of its chain's.
        strategy: Strategy,
    },
}

impl Factor {
    /// On the wire.
    #[must_use]
    pub fn resource(&self) -> FactorResource {
        match self {
            Self::Password => FactorResource::plain(Strategy::Password),
            Self::Passkey => FactorResource::plain(Strategy::Passkey),
            Self::Social(word) => FactorResource::plain(Strategy::Oauth(word)),
            Self::EmailCode {
                id,
                safe,
                primary,
                strategy,
            } => FactorResource {
                strategy: strategy.word(),
                safe_identifier: Some(safe.clone()),
                email_address_id: Some(id.clone()),
                web3_wallet_id: None,
                primary: Some(*primary),
            },
            Self::Wallet {
                id,
                primary,
                strategy,
            } => FactorResource {
                web3_wallet_id: Some(id.clone()),
                primary: Some(*primary),
                ..FactorResource::plain(*strategy)
            },
        }
    }
}

/// Who an identifier is.
pub(super) struct Named {
    pub(super) identifier: String,
    pub(super) address: Option<EmailAddress>,
    pub(super) user: Option<UserRow>,
    pub(super) emails: Vec<EmailRow>,
}

/// Finds the user of an identifier: a verified or reserved address, or a username. Also reads what is needed to go on.
pub(super) async fn name(cx: &Cx, tx: &mut Tx, identifier: &str) -> Result<Named> {
    let a = &cx.instance.settings.attributes;
    let address = if a.email_address.enabled() {
        EmailAddress::parse(identifier)
    } else {
        None
    };
    let mut user = None;
    if let Some(address) = &address {
        if let Some(email) = identifiers::store::claimed(tx, address.as_str()).await? {
            user = users::store::find(tx, &email.user_id).await?;
        }
    } else if a.username.enabled() {
        user = users::store::by_username(tx, &normal_username(identifier)).await?;
    }
    let emails = match &user {
        Some(u) => identifiers::store::of_user(tx, &u.id).await?,
        None => Vec::new(),
    };
    let identifier = address
        .as_ref()
        .map_or_else(|| identifier.trim().to_owned(), |a| a.as_str().to_owned());
    Ok(Named {
        identifier,
        address,
        user,
        emails,
    })
}

/// An id for an identifier that is nobody's: always the same for the same text, and shaped like a real one.
pub(super) fn pretended_id(cx: &Cx, identifier: &str) -> String {
    let mac = digest::hmac_sha256(
        &cx.instance.code_key,
        format!("pretend:{identifier}").as_bytes(),
    );
    let body: String = digest::b64url(&mac)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(21)
        .collect();
    IdentificationId::compose(cx.instance.row.created_at, &format!("{body:0<21}")).into()
}

/// The ways that are open. Where enumeration protection is on they are the same for everybody.
pub(super) fn factors(
    cx: &Cx,
    identifier: &str,
    user: Option<&UserRow>,
    emails: &[EmailRow],
) -> Vec<Factor> {
    let settings = &cx.instance.settings;
    let a = &settings.attributes;
    let mut out = Vec::new();
    let alike = settings.enumeration_protection;
    if a.password.enabled() && (alike || user.is_some_and(|u| u.password_stored.is_some())) {
        out.push(Factor::Password);
    }
    if a.passkey && (alike || user.is_some_and(|u| u.passkeys > 0)) {
        out.push(Factor::Passkey);
    }
    if !a.email_address.enabled() {
        return out;
    }
    let mut codes = Vec::new();
    if settings.email_signs_in() {
        codes.push(Strategy::EmailCode);
    }
    if a.password.enabled() && (alike || user.is_some_and(|u| u.password_stored.is_some())) {
        codes.push(Strategy::ResetPasswordEmailCode);
    }
    if alike || user.is_none() {
        if let Some(address) = EmailAddress::parse(identifier) {
            let real = emails
                .iter()
                .find(|e| e.claimed && e.email_normal == address.as_str());
            let id = real.map_or_else(
                || pretended_id(cx, address.as_str()),
                |e| e.id.as_str().to_owned(),
            );
            out.extend(codes.iter().map(|&strategy| Factor::EmailCode {
                id: id.clone(),
                safe: address.as_str().to_owned(),
                primary: true,
                strategy,
            }));
        }
        return out;
    }
    let primary = user.and_then(|u| u.primary_email_address_id.clone());
    for email in emails.iter().filter(|e| e.is_verified()) {
        // Somebody who only knows a username is not told the address.
        let safe = if email.email_normal == identifier {
            email.email_address.clone()
        } else {
            redacted(&email.email_address)
        };
        let primary = primary.as_ref() == Some(&email.id);
        out.extend(codes.iter().map(|&strategy| Factor::EmailCode {
            id: email.id.as_str().to_owned(),
            safe: safe.clone(),
            primary,
            strategy,
        }));
    }
    out
}
