//! What becomes of an account that came home from a provider: one pure, total function. It is the whole of the trust between
//! a provider's word about an address and an account here (decision 28).

/// What is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The account is a user's already.
    pub owned: bool,
    /// The provider tells an address, and has verified it.
    pub provider_verified: bool,
    /// The address is kept for a user here: verified, or reserved by the operator.
    pub claimed: bool,
    /// That user has proved it.
    pub locally_verified: bool,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is its owner's.
    Owner,
    /// It becomes the account of the user with the same address: both sides have verified it.
    Link,
    /// The address is kept for a user who never proved it: nobody gets in by the provider's word alone.
    Unproved,
    /// It is nobody's. `with_address` says whether its address may be taken along as verified.
    Nobody {
        /// The provider has verified it and nobody here has it.
        with_address: bool,
    },
}

/// See the module.
#[must_use]
pub fn judge(facts: Facts) -> Verdict {
    if facts.owned {
        return Verdict::Owner;
    }
    match (facts.provider_verified, facts.claimed) {
        (true, true) if facts.locally_verified => Verdict::Link,
        (true, true) => Verdict::Unproved,
        (true, false) => Verdict::Nobody { with_address: true },
        (false, _) => Verdict::Nobody {
            with_address: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_two_verified_sides_links_two_accounts() {
        for bits in 0_u8..16 {
            let bit = |n: u8| bits & (1 << n) != 0;
            let facts = Facts {
                owned: bit(0),
                provider_verified: bit(1),
                claimed: bit(2),
                locally_verified: bit(3),
            };
            let verdict = judge(facts);
            assert_eq!(
                verdict == Verdict::Link,
                !facts.owned && facts.provider_verified && facts.claimed && facts.locally_verified,
                "{facts:?}"
            );
            assert_eq!(verdict == Verdict::Owner, facts.owned, "{facts:?}");
            if verdict == (Verdict::Nobody { with_address: true }) {
                assert!(facts.provider_verified && !facts.claimed, "{facts:?}");
            }
        }
    }
}
