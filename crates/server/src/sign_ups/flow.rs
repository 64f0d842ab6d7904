//! What a sign-up still needs: pure functions of the row and the instance's settings.
use super::model::SignUpRow;
use crate::instances::settings::{Attributes, Presence, Settings};
use usher_types::Timestamp;

/// The status on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Something is missing or unverified.
    MissingRequirements,
    /// Done: there is a user.
    Complete,
    /// Too old.
    Abandoned,
}

impl Status {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::MissingRequirements => "missing_requirements",
            Self::Complete => "complete",
            Self::Abandoned => "abandoned",
        }
    }
}

fn presences(a: &Attributes) -> [(&'static str, Presence); 6] {
    [
        ("email_address", a.email_address),
        ("username", a.username),
        ("web3_wallet", a.wallets()),
        ("password", a.password),
        ("first_name", a.first_name),
        ("last_name", a.last_name),
    ]
}

/// The fields that are demanded.
#[must_use]
pub fn required(settings: &Settings) -> Vec<&'static str> {
    presences(&settings.attributes)
        .into_iter()
        .filter(|(_, p)| p.required())
        .map(|(n, _)| n)
        .collect()
}

/// The fields that are offered.
#[must_use]
pub fn optional(settings: &Settings) -> Vec<&'static str> {
    presences(&settings.attributes)
        .into_iter()
        .filter(|(_, p)| *p == Presence::On)
        .map(|(n, _)| n)
        .collect()
}

/// The demanded fields that were not given. Without any demanded identifier, one of those offered is.
#[must_use]
pub fn missing(row: &SignUpRow, settings: &Settings) -> Vec<&'static str> {
    let given = |name: &str| match name {
        "email_address" => row.email_address.is_some(),
        "username" => row.username.is_some(),
        "web3_wallet" => row.web3_wallet.is_some(),
        // Whoever comes with an account elsewhere signs in by that.
        "password" => row.password_stored.is_some() || row.external_verified,
        "first_name" => row.first_name.is_some(),
        "last_name" => row.last_name.is_some(),
        _ => true,
    };
    let mut out: Vec<&'static str> = required(settings)
        .into_iter()
        .filter(|name| !given(name))
        .collect();
    let identified =
        row.email_address.is_some() || row.username.is_some() || row.web3_wallet.is_some();
    let a = &settings.attributes;
    if !identified && !a.email_address.required() && !a.username.required() {
        out.push(if a.email_address.enabled() {
            "email_address"
        } else if a.username.enabled() {
            "username"
        } else {
            "web3_wallet"
        });
    }
    // A username alone signs in by password only.
    if row.email_address.is_none()
        && row.web3_wallet.is_none()
        && identified
        && row.password_stored.is_none()
        && !row.external_verified
        && !out.contains(&"password")
    {
        out.push("password");
    }
    out
}

/// The given fields that are not proved.
#[must_use]
pub fn unverified(row: &SignUpRow) -> Vec<&'static str> {
    let mut out = Vec::new();
    if row.email_address.is_some() && !row.email_verified {
        out.push("email_address");
    }
    if row.web3_wallet.is_some() && row.web3_verified_by.is_none() {
        out.push("web3_wallet");
    }
    out
}

/// Where the attempt stands.
#[must_use]
pub fn status(row: &SignUpRow, now: Timestamp) -> Status {
    if row.created_user_id.is_some() {
        Status::Complete
    } else if row.abandon_at <= now {
        Status::Abandoned
    } else {
        Status::MissingRequirements
    }
}

/// Nothing is missing and nothing is unverified: a user can be made.
#[must_use]
pub fn is_ready(row: &SignUpRow, settings: &Settings) -> bool {
    missing(row, settings).is_empty() && unverified(row).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategies::Strategy;
    use usher_types::id::{ClientId, InstanceId, SignUpId};

    fn row() -> SignUpRow {
        let random = "000000000000000000000";
        let now = Timestamp(0);
        SignUpRow {
            instance_id: InstanceId::compose(now, random),
            id: SignUpId::compose(now, random),
            client_id: ClientId::compose(now, random),
            email_address: None,
            username: None,
            first_name: None,
            last_name: None,
            password_stored: None,
            unsafe_metadata: "{}".into(),
            external_id: None,
            custom_action: false,
            ticket_id: None,
            public_metadata: "{}".into(),
            locale: None,
            legal_accepted_at: None,
            email_verification_id: None,
            email_verified: false,
            created_user_id: None,
            created_session_id: None,
            external_flow_id: None,
            external_verified: false,
            email_proof: None,
            abandon_at: Timestamp(1),
            created_at: now,
            updated_at: now,
            web3_wallet: None,
            web3_verification_id: None,
            web3_verified_by: None,
        }
    }

    #[test]
    fn no_settings_and_no_fields_make_a_user_without_an_identifier_and_a_way_to_sign_in() {
        let all = [Presence::Off, Presence::On, Presence::Required];
        let mut cases = 0;
        for email in all {
            for username in all {
                for (password, wallets) in all.into_iter().flat_map(|p| [(p, false), (p, true)]) {
                    let mut settings = Settings::default();
                    settings.attributes.email_address = email;
                    settings.attributes.username = username;
                    settings.attributes.password = password;
                    if wallets {
                        settings.attributes.web3_wallet = vec![Strategy::Web3Solana];
                    }
                    if settings.check().is_err() {
                        continue;
                    }
                    for bits in 0_u8..128 {
                        let bit = |n: u8| bits & (1 << n) != 0;
                        let mut row = row();
                        row.email_address = bit(0).then(|| "a@b.cd".into());
                        row.email_verified = bit(1);
                        row.username = bit(2).then(|| "ada".into());
                        row.password_stored = bit(3).then(|| "hash".into());
                        row.web3_wallet = bit(4).then(|| "a wallet".into());
                        row.web3_verified_by = bit(5).then(|| "web3_solana_signature".into());
                        row.external_verified = bit(6);
                        if !is_ready(&row, &settings) {
                            continue;
                        }
                        cases += 1;
                        let by_email = bit(0) && bit(1);
                        let by_wallet = bit(4) && bit(5);
                        assert!(
                            by_email || (!bit(0) && (by_wallet || (bit(2) && (bit(3) || bit(6))))),
                            "{settings:?} {bits:07b}"
                        );
                        assert!(by_wallet || !bit(4));
                        assert!(!email.required() || by_email);
                        assert!(!password.required() || bit(3) || bit(6));
                        assert!(!username.required() || bit(2));
                    }
                }
            }
        }
        assert!(cases > 20, "{cases}");
    }
}
