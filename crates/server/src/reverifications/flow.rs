//! What a reverification needs next, and whether a session was proved recently enough: pure, total functions.
use crate::sessions::model::{NEVER_PROVED, SessionRow};
use usher_types::Timestamp;

/// What is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The first factor.
    FirstFactor,
    /// The second factor; the first where the user has no second one.
    SecondFactor,
    /// Both; the first where the user has no second one.
    MultiFactor,
}

impl Level {
    /// The name on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FirstFactor => "first_factor",
            Self::SecondFactor => "second_factor",
            Self::MultiFactor => "multi_factor",
        }
    }
    /// By name.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "first_factor" => Some(Self::FirstFactor),
            "second_factor" => Some(Self::SecondFactor),
            "multi_factor" => Some(Self::MultiFactor),
            _ => None,
        }
    }
    /// What is demanded of a user who has a second factor, or none.
    #[must_use]
    pub fn of_user(self, has_second_factor: bool) -> Self {
        if has_second_factor {
            self
        } else {
            Self::FirstFactor
        }
    }
}

/// The status on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The first factor is to be proved.
    NeedsFirstFactor,
    /// The second factor is to be proved.
    NeedsSecondFactor,
    /// Everything is proved.
    Complete,
}

impl Status {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NeedsFirstFactor => "needs_first_factor",
            Self::NeedsSecondFactor => "needs_second_factor",
            Self::Complete => "complete",
        }
    }
}

/// What is known of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// What is demanded.
    pub level: Level,
    /// The first factor was proved.
    pub first_factor: bool,
    /// The second factor was proved.
    pub second_factor: bool,
}

/// What comes next.
#[must_use]
pub fn status(facts: Facts) -> Status {
    let (first, second) = match facts.level {
        Level::FirstFactor => (true, false),
        Level::SecondFactor => (false, true),
        Level::MultiFactor => (true, true),
    };
    if first && !facts.first_factor {
        return Status::NeedsFirstFactor;
    }
    if second && !facts.second_factor {
        return Status::NeedsSecondFactor;
    }
    Status::Complete
}

/// The session proved what `level` demands of its user less than `max_age_secs` ago. SDKs decide the same of a token's `fva`
/// (contract fapi §6.2).
#[must_use]
pub fn reverified(
    session: &SessionRow,
    has_second_factor: bool,
    level: Level,
    max_age_secs: i64,
    now: Timestamp,
) -> bool {
    let fresh = |at: Option<Timestamp>| {
        at.is_some_and(|at| at > NEVER_PROVED && now.since(at) < max_age_secs * 1000)
    };
    let (first, second) = (
        fresh(session.first_factor_at),
        fresh(session.second_factor_at),
    );
    match level.of_user(has_second_factor) {
        Level::FirstFactor => first,
        Level::SecondFactor => second,
        Level::MultiFactor => first && second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Level; 3] = [Level::FirstFactor, Level::SecondFactor, Level::MultiFactor];

    #[test]
    fn nothing_completes_without_what_its_level_demands() {
        for level in LEVELS {
            assert_eq!(Level::parse(level.word()), Some(level));
            for (first_factor, second_factor) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let proved = match level {
                    Level::FirstFactor => first_factor,
                    Level::SecondFactor => second_factor,
                    Level::MultiFactor => first_factor && second_factor,
                };
                let facts = Facts {
                    level,
                    first_factor,
                    second_factor,
                };
                assert_eq!(status(facts) == Status::Complete, proved, "{facts:?}");
                if status(facts) == Status::NeedsSecondFactor {
                    assert_ne!(level, Level::FirstFactor, "{facts:?}");
                }
            }
        }
        assert_eq!(Level::parse("MULTI_FACTOR"), None);
    }

    #[test]
    fn only_a_factor_that_the_user_has_and_that_was_proved_in_time_counts() {
        let now = Timestamp(1_800_000_000_000);
        let ago = |ms: i64| Some(Timestamp(now.0 - ms));
        let times = [
            (None, false),
            (Some(NEVER_PROVED), false),
            (ago(0), true),
            (ago(599_999), true),
            (ago(600_000), false),
            (ago(86_400_000), false),
        ];
        for (first_factor_at, first) in times {
            for (second_factor_at, second) in times {
                let session = SessionRow {
                    first_factor_at,
                    second_factor_at,
                    ..SessionRow::for_tests(now)
                };
                for level in LEVELS {
                    let of = |has| reverified(&session, has, level, 600, now);
                    assert_eq!(of(false), first, "{session:?}");
                    let demanded = match level {
                        Level::FirstFactor => first,
                        Level::SecondFactor => second,
                        Level::MultiFactor => first && second,
                    };
                    assert_eq!(of(true), demanded, "{level:?} {session:?}");
                }
            }
        }
    }
}
