//! What a sign-in needs next: one pure, total function. Strategies add facts; nobody else decides.
use super::model::SignInRow;
use usher_types::Timestamp;

/// The status on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nobody is named yet.
    NeedsIdentifier,
    /// The first factor is to be proved.
    NeedsFirstFactor,
    /// A new password is to be set.
    NeedsNewPassword,
    /// The second factor is to be proved.
    NeedsSecondFactor,
    /// The browser is unknown: an address of the user's is to be proved.
    NeedsClientTrust,
    /// Done: there is a session.
    Complete,
    /// Too old.
    Abandoned,
}

impl Status {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NeedsIdentifier => "needs_identifier",
            Self::NeedsFirstFactor => "needs_first_factor",
            Self::NeedsNewPassword => "needs_new_password",
            Self::NeedsSecondFactor => "needs_second_factor",
            Self::NeedsClientTrust => "needs_client_trust",
            Self::Complete => "complete",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What is known of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// An identifier was given.
    pub identified: bool,
    /// The identifier is a user's.
    pub user: bool,
    /// The first factor was proved.
    pub first_factor: bool,
    /// The password may not be used any more.
    pub needs_new_password: bool,
    /// The user has a second factor, and the first one was not both.
    pub second_factor_required: bool,
    /// The second factor was proved.
    pub second_factor: bool,
    /// The browser is one that the user was never signed in on, and that matters.
    pub client_trust_required: bool,
    /// An address of the user's was proved on this browser.
    pub client_trust: bool,
    /// A session was made.
    pub session: bool,
    /// The attempt is too old.
    pub over: bool,
}

impl Facts {
    /// The facts of a row.
    #[must_use]
    pub fn of(row: &SignInRow, now: Timestamp) -> Self {
        Self {
            identified: row.identifier.is_some(),
            user: row.user_id.is_some(),
            first_factor: row.first_factor_at.is_some(),
            needs_new_password: row.needs_new_password,
            second_factor_required: row.second_factor_required,
            second_factor: row.second_factor_at.is_some(),
            client_trust_required: row.client_trust_required,
            client_trust: row.client_trust_at.is_some(),
            session: row.created_session_id.is_some(),
            over: row.abandon_at <= now,
        }
    }
}

/// What comes next.
#[must_use]
pub fn status(facts: Facts) -> Status {
    if facts.session {
        return Status::Complete;
    }
    if facts.over {
        return Status::Abandoned;
    }
    if !facts.identified {
        return Status::NeedsIdentifier;
    }
    if !facts.first_factor || !facts.user {
        return Status::NeedsFirstFactor;
    }
    if facts.needs_new_password {
        return Status::NeedsNewPassword;
    }
    // Last: official components go on to the second factor from the new password, and from there nowhere else.
    if facts.second_factor_required && !facts.second_factor {
        return Status::NeedsSecondFactor;
    }
    if facts.client_trust_required && !facts.client_trust {
        return Status::NeedsClientTrust;
    }
    Status::Complete
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_combination_of_facts_completes_without_an_identifier_a_user_and_every_proof() {
        for bits in 0_u16..1024 {
            let bit = |n: u16| bits & (1 << n) != 0;
            let facts = Facts {
                identified: bit(0),
                user: bit(1),
                first_factor: bit(2),
                needs_new_password: bit(3),
                session: bit(4),
                over: bit(5),
                second_factor_required: bit(6),
                second_factor: bit(7),
                client_trust_required: bit(8),
                client_trust: bit(9),
            };
            let proved = facts.identified
                && facts.user
                && facts.first_factor
                && !facts.needs_new_password
                && (facts.second_factor || !facts.second_factor_required)
                && (facts.client_trust || !facts.client_trust_required)
                && !facts.over;
            assert_eq!(
                status(facts) == Status::Complete,
                proved || facts.session,
                "{facts:?}"
            );
            if facts.over && !facts.session {
                assert_eq!(status(facts), Status::Abandoned);
            }
            if status(facts) == Status::NeedsSecondFactor {
                assert!(facts.first_factor && facts.user && !facts.needs_new_password);
            }
            // A code to an unknown browser is the last thing, and never in the place of a second factor.
            if status(facts) == Status::NeedsClientTrust {
                assert!(facts.first_factor && facts.user && !facts.needs_new_password);
                assert!(facts.second_factor || !facts.second_factor_required);
            }
        }
    }
}
