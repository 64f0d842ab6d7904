//! The rules, as one table by operation (contract bapi §1.8).
use crate::instances::settings::Limits;
use crate::route::{Api, Op};

/// Whose bucket a request takes from; always within one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody's.
    Instance,
    /// The network that it comes from.
    Address,
    /// The network, and the identifier that it names.
    AddressAndIdentifier,
    /// The network, and a parameter of the path.
    AddressAndParam(&'static str),
    /// A parameter of the path.
    Param(&'static str),
}

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Rules of one name share buckets.
    pub name: &'static str,
    /// Whose bucket.
    pub who: Who,
    /// How many, by the settings and whether it is a development instance.
    pub count: fn(&Limits, bool) -> i64,
    /// In how many seconds.
    pub per_secs: i64,
}

/// Everything of the Backend API but the public keys.
const BACKEND: Rule = Rule {
    name: "backend",
    who: Who::Instance,
    count: |limits, development| match (limits.backend_per_10_secs, development) {
        (0, true) => 100,
        (0, false) => 1000,
        (count, _) => count,
    },
    per_secs: 10,
};

/// What anybody can do without having signed in, and that writes: all of it together, from one network.
const ANONYMOUS: Rule = Rule {
    name: "anonymous",
    who: Who::Address,
    count: |limits, _| limits.address_per_10_secs,
    per_secs: 10,
};

/// Invitations of an instance, and lists of them: mail to people who did not ask for it.
const INVITATIONS: Rule = Rule {
    name: "invitation",
    who: Who::Instance,
    count: |_, _| 100,
    per_secs: 3600,
};
const BULK_INVITATIONS: Rule = Rule {
    name: "invitations",
    who: Who::Instance,
    count: |_, _| 25,
    per_secs: 3600,
};

/// The same to organizations, by whom ever: members invite by the Frontend API.
const TO_ORGANIZATIONS: Rule = Rule {
    name: "organization_invitation",
    who: Who::Instance,
    count: |_, _| 250,
    per_secs: 3600,
};
const BULK_TO_ORGANIZATIONS: Rule = Rule {
    name: "organization_invitations",
    who: Who::Instance,
    count: |_, _| 50,
    per_secs: 3600,
};

const fn created(name: &'static str) -> Rule {
    Rule {
        name,
        who: Who::AddressAndIdentifier,
        count: |limits, _| limits.creations_per_10_secs,
        per_secs: 10,
    }
}

const fn attempted(name: &'static str, param: &'static str) -> Rule {
    Rule {
        name,
        who: Who::AddressAndParam(param),
        count: |limits, _| limits.attempts_per_10_secs,
        per_secs: 10,
    }
}

const fn changed(name: &'static str, param: &'static str) -> Rule {
    Rule {
        name,
        who: Who::Param(param),
        count: |limits, _| limits.changes_per_10_secs,
        per_secs: 10,
    }
}

/// The rules of an operation.
#[must_use]
pub fn of(op: &Op) -> &'static [Rule] {
    match op.api {
        Api::Fapi => frontend(op.id),
        Api::Bapi => backend(op.id),
    }
}

fn frontend(id: &str) -> &'static [Rule] {
    match id {
        "createOrganizationInvitations" => const { &[TO_ORGANIZATIONS] },
        "bulkCreateOrganizationInvitations" => const { &[BULK_TO_ORGANIZATIONS] },
        "createSignIn" => const { &[ANONYMOUS, created("sign_in")] },
        "createSignUps" => const { &[ANONYMOUS, created("sign_up")] },
        "joinWaitlist" => const { &[ANONYMOUS, created("waitlist")] },
        "attemptSignInFactorOne" => const { &[ANONYMOUS, attempted("first_factor", "sign_in_id")] },
        "attemptSignInFactorTwo" => {
            const { &[ANONYMOUS, attempted("second_factor", "sign_in_id")] }
        }
        "attemptSignUpsVerification" => {
            const { &[ANONYMOUS, attempted("sign_up_verification", "sign_up_id")] }
        }
        "attemptSessionReverificationFirstFactor" => {
            const { &[attempted("reverification_first", "session_id")] }
        }
        "attemptSessionReverificationSecondFactor" => {
            const { &[attempted("reverification_second", "session_id")] }
        }
        "attemptWeb3WalletVerification" => {
            const { &[attempted("wallet_verification", "web3_wallet_id")] }
        }
        "verifyPhoneNumber" => const { &[attempted("number_verification", "phone_number_id")] },
        "verifyEmailAddress" => const { &[attempted("address_verification", "email_id")] },
        "getOauthCallback"
        | "postClient"
        | "verify"
        | "verifyClient"
        | "putClient"
        | "updateSignUps"
        | "prepareSignInFactorOne"
        | "prepareSignInFactorTwo"
        | "validateTrustedDevice"
        | "prepareSignUpsVerification"
        | "resetPassword" => const { &[ANONYMOUS] },
        _ => &[],
    }
}

fn backend(id: &str) -> &'static [Rule] {
    match id {
        "GetJWKS" => &[],
        "CreateInvitation" => const { &[BACKEND, INVITATIONS] },
        "CreateBulkInvitations" => const { &[BACKEND, BULK_INVITATIONS] },
        "CreateOrganizationInvitation" => const { &[BACKEND, TO_ORGANIZATIONS] },
        "CreateOrganizationInvitationBulk" => const { &[BACKEND, BULK_TO_ORGANIZATIONS] },
        "UpdateOrganization" => const { &[BACKEND, changed("organization", "organization_id")] },
        "MergeOrganizationMetadata" | "ReplaceOrganizationMetadata" => {
            const { &[BACKEND, changed("organization_metadata", "organization_id")] }
        }
        "UpdateUser" => const { &[BACKEND, changed("user", "user_id")] },
        "UpdateUserMetadata" | "ReplaceUserMetadata" => {
            const { &[BACKEND, changed("user_metadata", "user_id")] }
        }
        _ => const { &[BACKEND] },
    }
}

#[cfg(test)]
mod tests {
    use super::{Who, of};

    #[test]
    fn every_rule_finds_its_operation_and_every_parameter_its_path() {
        let mut limited = 0;
        for op in crate::operations() {
            for rule in of(op) {
                match rule.who {
                    Who::AddressAndParam(param) | Who::Param(param) => {
                        assert!(op.path.contains(&format!("{{{param}}}")), "{}", op.id);
                        limited += 1;
                    }
                    Who::AddressAndIdentifier => {
                        assert!(
                            op.fields
                                .iter()
                                .any(|f| ["identifier", "email_address"].contains(&f.name)),
                            "{}",
                            op.id
                        );
                        limited += 1;
                    }
                    Who::Address | Who::Instance => {}
                }
            }
        }
        assert_eq!(limited, 17);
    }
}
