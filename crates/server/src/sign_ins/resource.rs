//! The wire's sign-in (contract fapi §8.5).
use super::factors::{Factor, second_factors};
use super::flow::{Facts, status};
use super::model::SignInRow;
use super::wallet;
use crate::cx::Cx;
use crate::identifiers::resource::VerificationResource;
use crate::strategies::{Medium, Proves, Strategy};
use crate::users::ops::list::Found;
use crate::users::resource::image_url;
use crate::verifications::model::VerificationRow;
use schemars::JsonSchema;
use serde::Serialize;

/// A way that is open.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignInFactor")]
pub struct FactorResource {
    /// `password`, `email_code`, `phone_code`, …
    pub strategy: &'static str,
    /// The address or number, as it may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safe_identifier: Option<String>,
    /// The address's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_address_id: Option<String>,
    /// The number's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<String>,
    /// The wallet's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web3_wallet_id: Option<String>,
    /// The user's primary address, number or wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
    /// Of the numbers that are a second factor, the one to offer first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
}

/// What may be shown of the user before a proof.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignInUserData")]
pub struct UserData {
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// A picture.
    pub image_url: String,
    /// The user uploaded it.
    pub has_image: bool,
}

/// A sign-in.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignIn")]
pub struct SignInResource {
    /// `sign_in_attempt`.
    pub object: &'static str,
    /// `sia_…`.
    pub id: String,
    /// See `flow::Status`.
    pub status: &'static str,
    /// Kinds of identifiers that can be given.
    pub supported_identifiers: Vec<&'static str>,
    /// The ways that are open; null before an identifier.
    pub supported_first_factors: Option<Vec<FactorResource>>,
    /// The second factors that can be proved; null before one is due.
    pub supported_second_factors: Option<Vec<FactorResource>>,
    /// The first factor under way; null before it is prepared.
    pub first_factor_verification: Option<VerificationResource>,
    /// The second factor: the code that was sent, or what proved it.
    pub second_factor_verification: Option<VerificationResource>,
    /// What was given.
    pub identifier: Option<String>,
    /// Whose it is, where that may be told.
    pub user_data: Option<UserData>,
    /// The session, once complete.
    pub created_session_id: Option<String>,
    /// Unix ms.
    pub abandon_at: i64,
    /// Where browsers have to be known: `pending` before an identifier, then `new` or `known`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_trust_state: Option<&'static str>,
}

impl FactorResource {
    /// A way that needs no address.
    #[must_use]
    pub fn plain(strategy: Strategy) -> Self {
        Self {
            strategy: strategy.word(),
            safe_identifier: None,
            email_address_id: None,
            web3_wallet_id: None,
            phone_number_id: None,
            primary: None,
            default: None,
        }
    }
    /// The id of its address or number.
    #[must_use]
    pub(super) fn id(&self) -> Option<&str> {
        let id = self
            .email_address_id
            .as_ref()
            .or(self.phone_number_id.as_ref());
        id.map(String::as_str)
    }
    /// A code to an address or a number with this id.
    #[must_use]
    pub fn code(strategy: Strategy, id: &str, safe: &str, primary: bool) -> Self {
        let mut way = Self {
            safe_identifier: Some(safe.to_owned()),
            primary: Some(primary),
            ..Self::plain(strategy)
        };
        if strategy.medium() == Some(Medium::Telephone) {
            way.phone_number_id = Some(id.to_owned());
            way.default = Some(false);
        } else {
            way.email_address_id = Some(id.to_owned());
        }
        way
    }
}

/// The verifications of an attempt that are under way or done.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// Of the first factor.
    pub first: Option<VerificationRow>,
    /// Of the second factor.
    pub second: Option<VerificationRow>,
}

impl SignInResource {
    /// From a row and what belongs to it.
    #[must_use]
    pub fn new(
        cx: &Cx,
        row: &SignInRow,
        found: Option<&Found>,
        factors: &[Factor],
        proofs: &Proofs,
    ) -> Self {
        let (user, verification) = (found.map(|f| &f.user), proofs.first.as_ref());
        let a = &cx.instance.settings.attributes;
        let mut supported_identifiers = Vec::new();
        if a.email_address.enabled() {
            supported_identifiers.push("email_address");
        }
        if a.phone_number.enabled() {
            supported_identifiers.push("phone_number");
        }
        if a.username.enabled() {
            supported_identifiers.push("username");
        }
        if a.passkey {
            supported_identifiers.push("passkey");
        }
        if a.wallets().enabled() {
            supported_identifiers.push("web3_wallet");
        }
        let first_factor_verification = verification
            .map(|v| VerificationResource::otp(v, cx.now))
            .or_else(|| {
                (row.first_factor_strategy.as_deref() == Some("ticket"))
                    .then(VerificationResource::ticket)
            })
            .or_else(|| {
                (row.first_factor_strategy.as_deref() == Some("password")
                    && row.first_factor_at.is_some())
                .then(|| VerificationResource::proved(Strategy::Password))
            });
        // What the user has is told after the first proof.
        let supported_second_factors = found
            .filter(|_| row.second_factor_required && row.first_factor_at.is_some())
            .map(second_factors);
        let by = row
            .second_factor_strategy
            .as_deref()
            .and_then(Strategy::parse);
        let second_factor_verification = match by {
            // A passkey that was both is shown as the first one only (contract fapi §8.5).
            Some(by) if row.second_factor_at.is_some() && by.proves() == Proves::Second => {
                Some(VerificationResource::proved(by))
            }
            _ => proofs
                .second
                .as_ref()
                .map(|v| VerificationResource::otp(v, cx.now)),
        };
        // An address of a wallet is public; whose it is, is not.
        let by_wallet = wallet::named(cx, row.identifier.as_deref()).is_some();
        let shown = user.filter(|_| {
            !cx.instance.settings.enumeration_protection && !by_wallet
                || row.created_session_id.is_some()
        });
        Self {
            object: "sign_in_attempt",
            id: row.id.as_str().to_owned(),
            status: status(Facts::of(row, cx.now)).word(),
            supported_identifiers,
            supported_first_factors: row
                .identifier
                .as_ref()
                .map(|_| factors.iter().map(Factor::resource).collect()),
            supported_second_factors,
            first_factor_verification,
            second_factor_verification,
            identifier: row.identifier.clone(),
            user_data: shown.map(|u| UserData {
                first_name: u.first_name.clone(),
                last_name: u.last_name.clone(),
                image_url: image_url(&cx.instance, u),
                has_image: u.image_id.is_some(),
            }),
            created_session_id: row
                .created_session_id
                .as_ref()
                .map(|id| id.as_str().to_owned()),
            abandon_at: row.abandon_at.0,
            client_trust_state: None,
        }
    }
}
