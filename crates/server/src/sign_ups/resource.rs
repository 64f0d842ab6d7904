//! The wire's sign-up (contract fapi §8.6).
use super::flow;
use super::model::SignUpRow;
use crate::cx::Cx;
use crate::identifiers::resource::VerificationResource;
use crate::identifiers::wallets::model::Wallet;
use crate::instances::settings::Settings;
use crate::strategies::Strategy;
use crate::users::resource::metadata;
use crate::verifications::model::VerificationRow;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A verification of a sign-up's field.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignUpVerification")]
pub struct FieldVerification {
    /// The verification.
    #[serde(flatten)]
    pub verification: VerificationResource,
    /// `needs_attempt`, or empty once verified.
    pub next_action: &'static str,
    /// What can verify the field.
    pub supported_strategies: Vec<&'static str>,
}

/// The verifications of a sign-up.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignUpVerifications")]
pub struct Verifications {
    /// Null before a code was asked for.
    pub email_address: Option<FieldVerification>,
    /// Null before a code was asked for.
    pub phone_number: Option<FieldVerification>,
    /// Null before a signature was asked for.
    pub web3_wallet: Option<FieldVerification>,
    /// Null before a trip to a provider.
    pub external_account: Option<VerificationResource>,
}

/// A sign-up.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignUp")]
pub struct SignUpResource {
    /// `sign_up_attempt`.
    pub object: &'static str,
    /// `sua_…`.
    pub id: String,
    /// `missing_requirements`, `complete` or `abandoned`.
    pub status: &'static str,
    /// Fields that are demanded.
    pub required_fields: Vec<&'static str>,
    /// Fields that are offered.
    pub optional_fields: Vec<&'static str>,
    /// Demanded fields that were not given.
    pub missing_fields: Vec<&'static str>,
    /// Given fields that are not proved.
    pub unverified_fields: Vec<&'static str>,
    /// What is under way.
    pub verifications: Verifications,
    /// Given username.
    pub username: Option<String>,
    /// Given address.
    pub email_address: Option<String>,
    /// Given number.
    pub phone_number: Option<String>,
    /// Given wallet.
    pub web3_wallet: Option<String>,
    /// A password was given.
    pub password_enabled: bool,
    /// The same, as clerk-js reads it.
    pub has_password: bool,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Becomes the user's.
    pub unsafe_metadata: Value,
    /// From an invitation; becomes the user's.
    pub public_metadata: Value,
    /// The operator asked for a custom step.
    pub custom_action: bool,
    /// The operator's own id; becomes the user's.
    pub external_id: Option<String>,
    /// The session, once complete.
    pub created_session_id: Option<String>,
    /// The user, once complete.
    pub created_user_id: Option<String>,
    /// Unix ms.
    pub abandon_at: i64,
    /// Unix ms.
    pub legal_accepted_at: Option<i64>,
    /// BCP 47.
    pub locale: Option<String>,
}

/// The ways that the attempt's wallet can be proved by.
#[must_use]
pub fn wallet_strategies(cx: &Cx, row: &SignUpRow) -> Vec<&'static str> {
    let attributes = &cx.instance.settings.attributes;
    let wallet = row.web3_wallet.as_deref().and_then(Wallet::parse);
    let ways = wallet.map(|w| attributes.wallet_strategies(w.chain()).map(Strategy::word));
    ways.map_or_else(Vec::new, Iterator::collect)
}

/// The verifications of an attempt's fields that are under way or done.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// Of the address.
    pub email: Option<VerificationRow>,
    /// Of the number.
    pub phone: Option<VerificationRow>,
    /// Of the wallet.
    pub wallet: Option<VerificationRow>,
}

/// What can verify an address.
#[must_use]
pub fn by_mail(settings: &Settings) -> Vec<&'static str> {
    let mut ways = vec![Strategy::EmailCode.word()];
    if settings.attributes.email_link {
        ways.push(Strategy::EmailLink.word());
    }
    ways
}

impl SignUpResource {
    /// From a row and its verifications.
    #[must_use]
    pub fn new(cx: &Cx, row: &SignUpRow, proofs: &Proofs) -> Self {
        let settings = &cx.instance.settings;
        let status = flow::status(row, cx.now);
        let done = status == flow::Status::Complete;
        let field = |row: &VerificationRow, verified: bool, by: Strategy| FieldVerification {
            verification: VerificationResource::otp(row, cx.now),
            next_action: if verified { "" } else { "needs_attempt" },
            supported_strategies: if by == Strategy::EmailCode {
                by_mail(settings)
            } else {
                vec![by.word()]
            },
        };
        let email_address = proofs
            .email
            .as_ref()
            .map(|v| field(v, row.email_verified, Strategy::EmailCode));
        let phone_number = proofs
            .phone
            .as_ref()
            .map(|v| field(v, row.phone_verified, Strategy::PhoneCode));
        let web3_wallet = proofs.wallet.as_ref().map(|v| FieldVerification {
            supported_strategies: wallet_strategies(cx, row),
            ..field(v, row.web3_verified_by.is_some(), Strategy::Web3Metamask)
        });
        Self {
            object: "sign_up_attempt",
            id: row.id.as_str().to_owned(),
            status: status.word(),
            required_fields: flow::required(settings),
            optional_fields: flow::optional(settings),
            missing_fields: if done {
                Vec::new()
            } else {
                flow::missing(row, settings)
            },
            unverified_fields: flow::unverified(row),
            verifications: Verifications {
                email_address,
                phone_number,
                web3_wallet,
                external_account: None,
            },
            username: row.username.clone(),
            email_address: row.email_address.clone(),
            phone_number: row.phone_number.clone(),
            web3_wallet: row.web3_wallet.clone(),
            password_enabled: row.password_stored.is_some(),
            has_password: row.password_stored.is_some(),
            first_name: row.first_name.clone(),
            last_name: row.last_name.clone(),
            unsafe_metadata: metadata(&row.unsafe_metadata),
            public_metadata: metadata(&row.public_metadata),
            custom_action: row.custom_action,
            external_id: row.external_id.clone(),
            created_session_id: row
                .created_session_id
                .as_ref()
                .map(|i| i.as_str().to_owned()),
            created_user_id: row.created_user_id.as_ref().map(|i| i.as_str().to_owned()),
            abandon_at: row.abandon_at.0,
            legal_accepted_at: row.legal_accepted_at.map(|t| t.0),
            locale: row.locale.clone(),
        }
    }
}
