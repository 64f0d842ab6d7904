//! The wire's reverification (contract fapi §8.7).
use super::flow::status;
use super::model::ReverificationRow;
use crate::cx::Cx;
use crate::identifiers::resource::VerificationResource;
use crate::sessions::resource::SessionResource;
use crate::sign_ins::factors::Factor;
use crate::sign_ins::factors::second_factors;
use crate::sign_ins::resource::FactorResource;
use crate::strategies::Strategy;
use crate::users::ops::list::Found;
use crate::verifications::model::VerificationRow;
use schemars::JsonSchema;
use serde::Serialize;
use usher_types::Timestamp;

/// A reverification of a session.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SessionReverification")]
pub struct ReverificationResource {
    /// `session_reverification`.
    pub object: &'static str,
    /// What is demanded: `first_factor`, `second_factor`, `multi_factor`.
    pub level: String,
    /// `needs_first_factor`, `needs_second_factor`, `complete`.
    pub status: &'static str,
    /// The ways that are open.
    pub supported_first_factors: Option<Vec<FactorResource>>,
    /// The second factors that can be proved; null where the user has none.
    pub supported_second_factors: Option<Vec<FactorResource>>,
    /// The first factor under way; null before it is prepared.
    pub first_factor_verification: Option<VerificationResource>,
    /// The second factor under way; null before it is prepared.
    pub second_factor_verification: Option<VerificationResource>,
    /// The session, with the ages of its factors.
    pub session: SessionResource,
}

/// A factor's verification: what was sent, or that it is proved.
fn verification(
    strategy: Option<&str>,
    sent: Option<&VerificationRow>,
    at: Option<Timestamp>,
    now: Timestamp,
) -> Option<VerificationResource> {
    let strategy = strategy.and_then(Strategy::parse)?;
    match sent {
        Some(row) => Some(VerificationResource::otp(row, now)),
        None => at.map(|_| VerificationResource::proved(strategy)),
    }
}

impl ReverificationResource {
    /// From a row and what belongs to it: the verifications of its two factors.
    #[must_use]
    pub fn new(
        cx: &Cx,
        row: &ReverificationRow,
        found: &Found,
        factors: &[Factor],
        sent: (Option<&VerificationRow>, Option<&VerificationRow>),
        session: SessionResource,
    ) -> Self {
        Self {
            object: "session_reverification",
            level: row.level.clone(),
            status: status(row.facts()).word(),
            supported_first_factors: Some(factors.iter().map(Factor::resource).collect()),
            supported_second_factors: found
                .user
                .two_factor_enabled()
                .then(|| second_factors(found)),
            first_factor_verification: verification(
                row.first_factor_strategy.as_deref(),
                sent.0,
                row.first_factor_at,
                cx.now,
            ),
            second_factor_verification: verification(
                row.second_factor_strategy.as_deref(),
                sent.1,
                row.second_factor_at,
                cx.now,
            ),
            session,
        }
    }
}
