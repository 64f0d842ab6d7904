//! The wire's external account, and what a trip looks like while it lasts (contract fapi §8.4).
use super::accounts::Shown;
use super::model::{ExternalAccountRow, FlowRow, Trip};
use super::native;
use super::ops::open_trip;
use crate::cx::Cx;
use crate::identifiers::resource::{LinkResource, VerificationResource};
use crate::strategies::Strategy;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use usher_types::id::UserId;

/// An account at a provider.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExternalAccount")]
pub struct ExternalAccountResource {
    /// `external_account`.
    pub object: &'static str,
    /// `eac_…`.
    pub id: String,
    /// `oauth_google`.
    pub provider: String,
    /// `idn_…`.
    pub identification_id: String,
    /// Its id there; empty before the first trip succeeded.
    pub provider_user_id: String,
    /// Separated by spaces.
    pub approved_scopes: String,
    /// The address there; empty where none is told.
    pub email_address: String,
    /// What the provider says of the address; null where it says nothing.
    pub email_address_verified: Option<bool>,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The same as `image_url`.
    pub avatar_url: String,
    /// A picture, as the provider names it.
    pub image_url: Option<String>,
    /// The name that is unique there.
    pub username: Option<String>,
    /// None is read.
    pub phone_number: Option<String>,
    /// Empty.
    pub public_metadata: Map<String, Value>,
    /// None is given.
    pub label: Option<String>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
    /// How the last trip for it stands.
    pub verification: Option<VerificationResource>,
}

impl ExternalAccountResource {
    /// From its row and its last trip, where that is still known.
    #[must_use]
    pub fn new(cx: &Cx, row: &ExternalAccountRow, flow: Option<&FlowRow>) -> Self {
        // A trip that failed says nothing of an account that was verified before, but is shown: its UI tries again.
        let verification = match flow {
            Some(flow) => Some(verification(cx, flow)),
            None => row.is_verified().then(|| VerificationResource {
                expire_at: Some(row.created_at.0),
                ..VerificationResource::of("verification_oauth", "verified", row.strategy())
            }),
        };
        Self {
            object: "external_account",
            id: row.id.as_str().to_owned(),
            provider: row.strategy(),
            identification_id: row.identification_id.as_str().to_owned(),
            provider_user_id: row.provider_user_id.clone().unwrap_or_default(),
            approved_scopes: row.approved_scopes.clone(),
            email_address: row.email_address.clone().unwrap_or_default(),
            email_address_verified: row.email_verified,
            first_name: row.first_name.clone().unwrap_or_default(),
            last_name: row.last_name.clone().unwrap_or_default(),
            avatar_url: row.image_url.clone().unwrap_or_default(),
            image_url: row.image_url.clone(),
            username: row.username.clone(),
            phone_number: None,
            public_metadata: Map::new(),
            label: None,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            verification,
        }
    }
}

/// The accounts of a user.
#[must_use]
pub fn of_user(cx: &Cx, accounts: &[Shown], user: &UserId) -> Vec<ExternalAccountResource> {
    accounts
        .iter()
        .filter(|a| a.row.user_id == *user)
        .map(|a| ExternalAccountResource::new(cx, &a.row, a.flow.as_ref()))
        .collect()
}

/// A trip, as a verification: where the browser is to go while it is open, and what went wrong once something did.
#[must_use]
pub fn verification(cx: &Cx, flow: &FlowRow) -> VerificationResource {
    let status = flow.status_at(cx.now);
    if flow.strategy == native::ONE_TAP {
        return VerificationResource {
            expire_at: Some(flow.expire_at.0),
            ..VerificationResource::of("verification_google_one_tap", status, flow.strategy.clone())
        };
    }
    let open = status == "unverified" && flow.used_at.is_none();
    let redirect = open
        .then(|| open_trip(cx, flow).ok())
        .flatten()
        .map(|trip: Trip| trip.authorize_url);
    VerificationResource {
        expire_at: Some(flow.expire_at.0),
        external_verification_redirect_url: redirect,
        error: flow
            .error
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok()),
        ..VerificationResource::of(
            Strategy::Oauth("").verification_object(),
            status,
            flow.strategy.clone(),
        )
    }
}

/// The accounts that an address came with.
#[must_use]
pub fn links(accounts: &[ExternalAccountResource], address: &str) -> Vec<LinkResource> {
    let same = |a: &&ExternalAccountResource| {
        !a.provider_user_id.is_empty() && a.email_address.eq_ignore_ascii_case(address)
    };
    accounts
        .iter()
        .filter(same)
        .map(|a| LinkResource {
            kind: a.provider.clone(),
            id: a.identification_id.clone(),
        })
        .collect()
}
