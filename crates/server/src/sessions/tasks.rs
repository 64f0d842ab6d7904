//! Tasks: what a user has to do before a session is active. Until then the session is `pending`: its tokens say so, SDKs take
//! its user for signed out, and here it may do what its task needs and nothing else.
//! Reference: contract fapi §8.2, bapi §5.2.
use super::model::SessionRow;
use crate::instances::settings::Settings;
use crate::users::model::UserRow;

/// A task. The organization to act in (`choose-organization`) will be the first of them once it is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The password is known to others: a new one is to be set.
    ResetPassword,
    /// The instance demands a second factor, and the user has none.
    SetupMfa,
}

impl Task {
    /// Every one, in the order in which they are done.
    pub const ALL: &'static [Self] = &[Self::ResetPassword, Self::SetupMfa];
    /// The key on the wire.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset-password",
            Self::SetupMfa => "setup-mfa",
        }
    }
    /// The one policy: the operations on the own account that a session may use while this task is its next one, by the
    /// operation's id. Everything else is refused.
    #[must_use]
    pub fn opens(self, operation: &str) -> bool {
        let needed: &[&str] = match self {
            Self::ResetPassword => &["changePassword"],
            Self::SetupMfa => &["postTOTP", "verifyTOTP"],
        };
        operation == "getUser" || needed.contains(&operation)
    }
}

/// Whether a session that starts was proved by one factor, or by one that is two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By a first factor, and by a second one where the user has one.
    Ordinary,
    /// By a passkey whose authenticator verified its user: a second factor is not missed.
    Both,
}

/// Notes the tasks of a session that starts.
pub fn assign(session: &mut SessionRow, settings: &Settings, user: &UserRow, proof: Proof) {
    session.needs_reset_password = user.password_stored.is_some() && user.password_compromised;
    session.needs_setup_mfa =
        settings.second_factor_required && !user.two_factor_enabled() && proof == Proof::Ordinary;
}

/// What is left to do in a session, next one first. A demand that the operator has dropped is none any more.
#[must_use]
pub fn left(session: &SessionRow, settings: &Settings) -> Vec<Task> {
    let due = |task: &Task| match task {
        Task::ResetPassword => session.needs_reset_password,
        Task::SetupMfa => session.needs_setup_mfa && settings.second_factor_required,
    };
    Task::ALL.iter().copied().filter(due).collect()
}

/// The session may use an operation on the own account.
#[must_use]
pub fn may(session: &SessionRow, settings: &Settings, operation: &str) -> bool {
    left(session, settings)
        .first()
        .is_none_or(|task| task.opens(operation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_types::Timestamp;
    use usher_types::id::{InstanceId, UserId};

    #[test]
    fn a_session_without_a_task_may_do_everything_and_one_with_a_task_what_it_needs() {
        let now = Timestamp(1_800_000_000_000);
        let mut allowed = 0;
        for bits in 0_u8..8 {
            let bit = |n: u8| bits & (1 << n) != 0;
            let settings = Settings {
                second_factor_required: bit(0),
                ..Settings::default()
            };
            let session = SessionRow {
                needs_reset_password: bit(1),
                needs_setup_mfa: bit(2),
                ..SessionRow::for_tests(now)
            };
            let tasks = left(&session, &settings);
            assert_eq!(tasks.is_empty(), !(bit(1) || bit(2) && bit(0)));
            assert_eq!(session.is_active(now, &settings), tasks.is_empty());
            assert!(session.is_live(now, &settings));
            for op in crate::operations() {
                let may = may(&session, &settings, op.id);
                assert!(may || !tasks.is_empty());
                allowed += usize::from(may && !tasks.is_empty() && op.method != "GET");
            }
        }
        // Three of the combinations are led by a reset (one operation), one of them by an app (two).
        assert_eq!(allowed, 4 + 2);
    }

    #[test]
    fn tasks_follow_from_user_and_settings_and_proof() {
        let now = Timestamp(1_800_000_000_000);
        let blank = UserRow::blank(
            InstanceId::trusted("ins_x".into()),
            UserId::trusted("user_x".into()),
            now,
        );
        for bits in 0_u8..32 {
            let bit = |n: u8| bits & (1 << n) != 0;
            let settings = Settings {
                second_factor_required: bit(0),
                ..Settings::default()
            };
            let user = UserRow {
                totp_enabled: bit(1),
                password_stored: bit(2).then(|| "x".to_owned()),
                password_compromised: bit(3),
                ..blank.clone()
            };
            let proof = if bit(4) { Proof::Both } else { Proof::Ordinary };
            let mut session = SessionRow::for_tests(now);
            assign(&mut session, &settings, &user, proof);
            assert_eq!(session.needs_reset_password, bit(2) && bit(3));
            assert_eq!(session.needs_setup_mfa, bit(0) && !bit(1) && !bit(4));
        }
    }
}
