//! Which ways to sign in a user has left: whoever takes one away asks here first.
use super::list::Found;
use crate::identifiers::phones::model::PhoneRow;
use crate::instances::settings::Settings;
use crate::social::registry::DEVELOPMENT;

/// A user could still sign in: there is an identifier, and a way to prove to be whom it names.
#[must_use]
pub fn any(settings: &Settings, found: &Found) -> bool {
    let a = &settings.attributes;
    let address = a.email_address.enabled() && found.emails.iter().any(|e| e.claimed);
    let number = a.phone_number.enabled() && found.phones.iter().any(|p| p.claimed);
    let username = a.username.enabled() && found.user.username.is_some();
    let password = a.password.enabled() && found.user.password_stored.is_some();
    (password && (address || number || username)) || without_password(settings, found)
}

/// The same, without the password: by a code to a proved address or number, a passkey, or a wallet.
#[must_use]
pub fn without_password(settings: &Settings, found: &Found) -> bool {
    let mails = settings.email_signs_in() && found.emails.iter().any(|e| e.is_verified());
    let texts = settings.phone_signs_in() && found.phones.iter().any(PhoneRow::is_first_factor);
    let passkey = settings.attributes.passkey && found.user.passkeys > 0;
    mails || texts || passkey || by_wallet(settings, found) || by_account(settings, found)
}

/// An account elsewhere that is offered signs the user in.
#[must_use]
pub fn by_account(settings: &Settings, found: &Found) -> bool {
    let offered = |provider: &str| match settings.social.get(provider) {
        Some(connection) => connection.enabled && connection.sign_in,
        None => provider == DEVELOPMENT && settings.development_provider,
    };
    let mut accounts = found.accounts.iter();
    accounts.any(|a| a.row.is_verified() && offered(&a.row.provider))
}

/// A proved wallet signs the user in.
#[must_use]
pub fn by_wallet(settings: &Settings, found: &Found) -> bool {
    let mut wallets = found.wallets.iter();
    wallets.any(|w| w.signs_in(&settings.attributes))
}

/// Something names the user: an address, a number, a username, or a wallet that signs in.
#[must_use]
pub fn is_identified(settings: &Settings, found: &Found) -> bool {
    !found.emails.is_empty()
        || !found.phones.is_empty()
        || found.user.username.is_some()
        || by_wallet(settings, found)
}
