//! Who an identifier is, and which ways are open to prove it. Where enumeration protection is on, both look the same for
//! everybody.
use super::resource::FactorResource;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::contact::Contact;
use crate::identifiers::email::{EmailAddress, EmailRow, redacted};
use crate::identifiers::phones::model::PhoneRow;
use crate::identifiers::phones::number::PhoneNumber;
use crate::instances::settings::Settings;
use crate::strategies::Strategy;
use crate::users;
use crate::users::model::{UserRow, normal_username};
use crate::users::ops::list::{self, Found};
use usher_crypto::digest;
use usher_db::Tx;
use usher_types::Result;
use usher_types::id::IdentificationId;

/// A way that is open to prove the first factor.
#[derive(Clone, Debug)]
pub enum Factor {
    /// The password.
    Password,
    /// A passkey.
    Passkey,
    /// An account at a provider.
    Social(&'static str),
    /// A code to an address or a number.
    Code {
        /// The id of the address or number; made up where there is none.
        id: String,
        /// The address or number as it may be shown.
        safe: String,
        /// It is the primary one.
        primary: bool,
        /// What it proves.
        strategy: Strategy,
    },
    /// A wallet's signature.
    Wallet {
        /// The wallet's id; made up where nobody has it.
        id: String,
        /// It is the primary one.
        primary: bool,
        /// One of its chain's.
        strategy: Strategy,
    },
}

impl Factor {
    /// On the wire.
    #[must_use]
    pub fn resource(&self) -> FactorResource {
        match self {
            Self::Password => FactorResource::plain(Strategy::Password),
            Self::Passkey => FactorResource::plain(Strategy::Passkey),
            Self::Social(word) => FactorResource::plain(Strategy::Oauth(word)),
            Self::Code {
                id,
                safe,
                primary,
                strategy,
            } => FactorResource::code(*strategy, id, safe, *primary),
            Self::Wallet {
                id,
                primary,
                strategy,
            } => FactorResource {
                web3_wallet_id: Some(id.clone()),
                primary: Some(*primary),
                ..FactorResource::plain(*strategy)
            },
        }
    }
}

/// Who an identifier is.
pub(super) struct Named {
    pub(super) identifier: String,
    pub(super) contact: Option<Contact>,
    pub(super) found: Option<Found>,
}

/// What is known of an identifier's user.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) identifier: &'a str,
    pub(super) found: Option<&'a Found>,
}

impl Named {
    pub(super) fn user(&self) -> Option<&UserRow> {
        self.found.as_ref().map(|f| &f.user)
    }
    pub(super) fn emails(&self) -> &[EmailRow] {
        self.found.as_ref().map_or(&[], |f| &f.emails)
    }
    pub(super) fn phones(&self) -> &[PhoneRow] {
        self.found.as_ref().map_or(&[], |f| &f.phones)
    }
    pub(super) fn known(&self) -> Known<'_> {
        Known {
            identifier: &self.identifier,
            found: self.found.as_ref(),
        }
    }
    /// A code to this very identifier signs in.
    pub(super) fn proves_by_code(&self, settings: &Settings) -> bool {
        match &self.contact {
            Some(Contact::Email(_)) => settings.email_signs_in(),
            Some(Contact::Phone(_)) => settings.phone_signs_in(),
            None => false,
        }
    }
}

/// Finds the user of an identifier: a verified or reserved address or number, or a username. Also reads what is needed to
/// go on.
pub(super) async fn name(cx: &Cx, tx: &mut Tx, identifier: &str) -> Result<Named> {
    let settings = &cx.instance.settings;
    let a = &settings.attributes;
    let address = EmailAddress::parse(identifier).filter(|_| a.email_address.enabled());
    // A username is none that a number can be read from, where there are numbers.
    let number = PhoneNumber::parse(identifier, &settings.sms.default_country)
        .filter(|_| a.phone_number.enabled());
    let contact = address.map(Contact::Email).or(number.map(Contact::Phone));
    let mut user = None;
    match &contact {
        Some(Contact::Email(address)) => {
            if let Some(email) =
                identifiers::store::claimed::<EmailRow>(tx, address.as_str()).await?
            {
                user = users::store::find(tx, &email.user_id).await?;
            }
        }
        Some(Contact::Phone(number)) => {
            if let Some(phone) =
                identifiers::store::claimed::<PhoneRow>(tx, number.as_str()).await?
            {
                user = users::store::find(tx, &phone.user_id).await?;
            }
        }
        None if a.username.enabled() => {
            user = users::store::by_username(tx, &normal_username(identifier)).await?;
        }
        None => {}
    }
    let found = match user {
        Some(user) => Some(list::load(tx, user).await?),
        None => None,
    };
    let identifier = contact
        .as_ref()
        .map_or_else(|| identifier.trim().to_owned(), |c| c.as_str().to_owned());
    Ok(Named {
        identifier,
        contact,
        found,
    })
}

/// An id for an identifier that is nobody's: always the same for the same text, and shaped like a real one.
pub(super) fn pretended_id(cx: &Cx, identifier: &str) -> String {
    let mac = digest::hmac_sha256(
        &cx.instance.code_key,
        format!("pretend:{identifier}").as_bytes(),
    );
    let body: String = digest::b64url(&mac)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(21)
        .collect();
    IdentificationId::compose(cx.instance.row.created_at, &format!("{body:0<21}")).into()
}

/// The ways that are open. Where enumeration protection is on they are the same for everybody.
pub(super) fn factors(cx: &Cx, known: &Known<'_>) -> Vec<Factor> {
    let settings = &cx.instance.settings;
    let a = &settings.attributes;
    let user = known.found.map(|f| &f.user);
    let mut out = Vec::new();
    let alike = settings.enumeration_protection;
    let by_password =
        a.password.enabled() && (alike || user.is_some_and(|u| u.password_stored.is_some()));
    if by_password {
        out.push(Factor::Password);
    }
    if a.passkey && (alike || user.is_some_and(|u| u.passkeys > 0)) {
        out.push(Factor::Passkey);
    }
    let one_of = |signs_in: bool, code: Strategy, reset: Strategy| {
        let all = [(signs_in, code), (by_password, reset)];
        all.into_iter()
            .filter_map(|(on, strategy)| on.then_some(strategy))
            .collect::<Vec<_>>()
    };
    let mut mails = one_of(
        settings.email_code_signs_in(),
        Strategy::EmailCode,
        Strategy::ResetPasswordEmailCode,
    );
    if settings.email_link_signs_in() {
        mails.insert(0, Strategy::EmailLink);
    }
    let texts = one_of(
        settings.phone_signs_in(),
        Strategy::PhoneCode,
        Strategy::ResetPasswordPhoneCode,
    );
    match known.found {
        Some(found) if !alike => {
            if a.email_address.enabled() {
                by_mail(found, known.identifier, &mails, &mut out);
            }
            if a.phone_number.enabled() {
                by_text(found, known.identifier, &texts, &mut out);
            }
        }
        _ => by_identifier(cx, known, &mails, &texts, &mut out),
    }
    // Who names a number gets codes there: forms take the first way of a kind.
    out.sort_by_key(|f| matches!(f, Factor::Code { safe, .. } if safe != known.identifier));
    out
}

/// Codes to the very identifier, whether it is somebody's or not.
fn by_identifier(
    cx: &Cx,
    known: &Known<'_>,
    mails: &[Strategy],
    texts: &[Strategy],
    out: &mut Vec<Factor>,
) {
    let a = &cx.instance.settings.attributes;
    let Some(contact) = Contact::stored(known.identifier) else {
        return;
    };
    let claimed = |f: &Found| match &contact {
        Contact::Email(address) => f
            .emails
            .iter()
            .find(|e| e.claimed && e.email_normal == address.as_str())
            .map(|e| e.id.clone()),
        Contact::Phone(number) => f
            .phones
            .iter()
            .find(|p| p.claimed && p.phone_number == number.as_str())
            .map(|p| p.id.clone()),
    };
    let id = known.found.and_then(claimed).map_or_else(
        || pretended_id(cx, contact.as_str()),
        |id| id.as_str().to_owned(),
    );
    let strategies: &[Strategy] = match &contact {
        Contact::Email(_) if a.email_address.enabled() => mails,
        Contact::Phone(_) if a.phone_number.enabled() => texts,
        Contact::Email(_) | Contact::Phone(_) => &[],
    };
    out.extend(strategies.iter().map(|&strategy| Factor::Code {
        id: id.clone(),
        safe: contact.as_str().to_owned(),
        primary: true,
        strategy,
    }));
}

fn by_mail(found: &Found, identifier: &str, strategies: &[Strategy], out: &mut Vec<Factor>) {
    let primary = &found.user.primary_email_address_id;
    for email in found.emails.iter().filter(|e| e.is_verified()) {
        // Somebody who only knows a username is not told the address.
        let safe = if email.email_normal == identifier {
            email.email_address.clone()
        } else {
            redacted(&email.email_address)
        };
        out.extend(strategies.iter().map(|&strategy| Factor::Code {
            id: email.id.as_str().to_owned(),
            safe: safe.clone(),
            primary: primary.as_ref() == Some(&email.id),
            strategy,
        }));
    }
}

fn by_text(found: &Found, identifier: &str, strategies: &[Strategy], out: &mut Vec<Factor>) {
    let primary = &found.user.primary_phone_number_id;
    for phone in found.phones.iter().filter(|p| p.is_first_factor()) {
        let safe = if phone.phone_number == identifier {
            phone.phone_number.clone()
        } else {
            safe_number(phone)
        };
        out.extend(strategies.iter().map(|&strategy| Factor::Code {
            id: phone.id.as_str().to_owned(),
            safe: safe.clone(),
            primary: primary.as_ref() == Some(&phone.id),
            strategy,
        }));
    }
}

/// A number as shown to somebody who has not proved to be its owner.
pub(super) fn safe_number(phone: &PhoneRow) -> String {
    PhoneNumber::stored(&phone.phone_number).map_or_else(String::new, |n| n.redacted())
}

/// The second factors that the user can prove, the default number first among numbers.
#[must_use]
pub fn second_factors(found: &Found) -> Vec<FactorResource> {
    let user = &found.user;
    let mut ways = Vec::new();
    if user.totp_enabled {
        ways.push(FactorResource::plain(Strategy::Totp));
    }
    let mut phones: Vec<&PhoneRow> = found
        .phones
        .iter()
        .filter(|p| p.is_second_factor())
        .collect();
    phones.sort_by_key(|p| !p.default_second_factor);
    for phone in phones {
        let primary = user.primary_phone_number_id.as_ref() == Some(&phone.id);
        let mut way = FactorResource::code(
            Strategy::PhoneCode,
            phone.id.as_str(),
            &safe_number(phone),
            primary,
        );
        way.default = Some(phone.default_second_factor);
        ways.push(way);
    }
    if user.two_factor_enabled() && user.backup_code_enabled {
        ways.push(FactorResource::plain(Strategy::BackupCode));
    }
    ways
}
