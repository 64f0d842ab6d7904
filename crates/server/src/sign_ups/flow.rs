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

fn presences(a: &Attributes) -> [(&'static str, Presence); 7] {
    [
        ("email_address", a.email_address),
        ("phone_number", a.phone_number),
        ("username", a.username),
        ("web3_wallet", a.wallets()),
        ("password", a.password),
        ("first_name", a.first_name),
        ("last_name", a.last_name),
    ]
}

/// The consent to terms and privacy policy.
const LEGAL: &str = "legal_accepted";

/// The fields that are demanded.
#[must_use]
pub fn required(settings: &Settings) -> Vec<&'static str> {
    presences(&settings.attributes)
        .into_iter()
        .filter(|(_, p)| p.required())
        .map(|(n, _)| n)
        .chain(settings.legal_consent_enabled.then_some(LEGAL))
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
        "phone_number" => row.phone_number.is_some(),
        "username" => row.username.is_some(),
        "web3_wallet" => row.web3_wallet.is_some(),
        // Whoever comes with an account elsewhere signs in by that.
        "password" => row.password_stored.is_some() || row.external_verified,
        "first_name" => row.first_name.is_some(),
        "last_name" => row.last_name.is_some(),
        LEGAL => row.legal_accepted_at.is_some(),
        _ => true,
    };
    let mut out: Vec<&'static str> = required(settings)
        .into_iter()
        .filter(|name| !given(name))
        .collect();
    let a = &settings.attributes;
    let identifiers = [
        ("email_address", a.email_address),
        ("phone_number", a.phone_number),
        ("username", a.username),
        ("web3_wallet", a.wallets()),
    ];
    let identified = identifiers.iter().any(|(name, _)| given(name));
    if !identified && !identifiers.iter().any(|(_, p)| p.required()) {
        let first = identifiers.iter().find(|(_, p)| p.enabled());
        out.extend(first.map(|(name, _)| *name));
    }
    if identified && !opens(row, settings) && out.iter().all(|name| !signs_in(name, settings)) {
        // Something has to open the account, and a password does so with every identifier.
        let ways = ["password", "email_address", "phone_number", "web3_wallet"];
        out.extend(ways.into_iter().find(|name| signs_in(name, settings)));
    }
    out
}

/// What the field gives opens the account, by itself or beside an identifier.
fn signs_in(name: &str, settings: &Settings) -> bool {
    match name {
        "password" => settings.attributes.password.enabled(),
        "email_address" => settings.email_signs_in(),
        "phone_number" => settings.phone_signs_in(),
        "web3_wallet" => settings.attributes.wallets().enabled(),
        _ => false,
    }
}

/// There is a way to sign in with what was given. An address or a number that no code signs in with resets a password at
/// least.
fn opens(row: &SignUpRow, settings: &Settings) -> bool {
    let passwords = settings.attributes.password.enabled();
    row.password_stored.is_some()
        || row.email_address.is_some() && (settings.email_signs_in() || passwords)
        || row.phone_number.is_some() && (settings.phone_signs_in() || passwords)
        || row.web3_wallet.is_some()
        // Whoever comes with an account elsewhere signs in by that.
        || row.external_verified
}

/// The given fields that are not proved.
#[must_use]
pub fn unverified(row: &SignUpRow) -> Vec<&'static str> {
    let fields = [
        (
            "email_address",
            row.email_address.is_some() && !row.email_verified,
        ),
        (
            "phone_number",
            row.phone_number.is_some() && !row.phone_verified,
        ),
        (
            "web3_wallet",
            row.web3_wallet.is_some() && row.web3_verified_by.is_none(),
        ),
    ];
    fields
        .into_iter()
        .filter(|(_, open)| *open)
        .map(|(name, _)| name)
        .collect()
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
            phone_number: None,
            phone_verification_id: None,
            phone_verified: false,
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
        for index in 0_usize..324 {
            let one = |n: usize| all[index / n % 3];
            let (email, phone, username, password) = (one(1), one(3), one(9), one(27));
            let mut settings = Settings::default();
            settings.attributes.email_address = email;
            settings.attributes.phone_number = phone;
            settings.attributes.username = username;
            settings.attributes.password = password;
            settings.attributes.email_code = index / 81 % 2 == 0;
            settings.attributes.phone_code = index / 162 % 2 == 0;
            let wallets = index % 5 == 0;
            if wallets {
                settings.attributes.web3_wallet = vec![Strategy::Web3Solana];
            }
            if settings.check().is_err() {
                continue;
            }
            for bits in 0_u8..=255 {
                let bit = |n: u8| bits & (1 << n) != 0;
                let mut row = row();
                row.email_address = bit(0).then(|| "a@b.cd".into());
                row.email_verified = bit(1);
                row.username = bit(2).then(|| "ada".into());
                row.password_stored = bit(3).then(|| "hash".into());
                row.phone_number = bit(4).then(|| "+12015550100".into());
                row.phone_verified = bit(5);
                row.web3_wallet = bit(6).then(|| "a wallet".into());
                row.web3_verified_by = bit(7).then(|| "web3_solana_signature".into());
                // A field that is off is refused before it gets here.
                let offered = |given: bool, presence: Presence| !given || presence.enabled();
                if !(offered(bit(0), email)
                    && (!bit(6) || wallets)
                    && offered(bit(4), phone)
                    && offered(bit(2), username)
                    && offered(bit(3), password))
                {
                    continue;
                }
                if !is_ready(&row, &settings) {
                    assert!(!missing(&row, &settings).is_empty() || !unverified(&row).is_empty());
                    continue;
                }
                cases += 1;
                assert!(!bit(0) || bit(1), "{settings:?} {bits:06b}");
                assert!(!bit(4) || bit(5), "{settings:?} {bits:06b}");
                let by_email = bit(0) && (settings.email_signs_in() || password.enabled());
                let by_phone = bit(4) && (settings.phone_signs_in() || password.enabled());
                let by_username = bit(2) && bit(3);
                let by_wallet = bit(6) && bit(7);
                assert!(by_wallet || !bit(6), "{settings:?} {bits:06b}");
                assert!(
                    by_email || by_phone || by_username || by_wallet,
                    "{settings:?} {bits:06b}"
                );
                assert!(!email.required() || bit(0));
                assert!(!phone.required() || bit(4));
                assert!(!password.required() || bit(3));
                assert!(!username.required() || bit(2));
            }
        }
        assert!(cases > 100, "{cases}");
    }

    #[test]
    fn whatever_is_missing_is_offered() {
        for (email, phone, username, password) in [
            (Presence::On, Presence::Off, Presence::On, Presence::Off),
            (Presence::Off, Presence::On, Presence::On, Presence::Off),
            (Presence::On, Presence::On, Presence::On, Presence::On),
        ] {
            let mut settings = Settings::default();
            settings.attributes.email_address = email;
            settings.attributes.phone_number = phone;
            settings.attributes.username = username;
            settings.attributes.password = password;
            settings.check().expect("settings that hold");
            let mut row = row();
            row.username = Some("ada".into());
            let offered = presences(&settings.attributes);
            for name in missing(&row, &settings) {
                assert!(
                    offered.iter().any(|(n, p)| *n == name && p.enabled()),
                    "{name}"
                );
            }
            assert!(!missing(&row, &settings).is_empty());
        }
    }
}
