//! Which ways are open to prove again who one is.
use crate::cx::Cx;
use crate::identifiers::contact::Contact;
use crate::instances::settings::Profile;
use crate::sign_ins::factors::Factor;
use crate::strategies::Strategy;
use crate::users::ops::list::Found;

/// The first factors of a user who is signed in: nothing about them is hidden from the user. A code to a verified address or
/// number is one where codes sign in, and where the user would have nothing else; never by mail where mail is no factor, never
/// to a number that is a second factor.
#[must_use]
pub fn first(cx: &Cx, found: &Found) -> Vec<Factor> {
    let settings = &cx.instance.settings;
    let (a, user) = (&settings.attributes, &found.user);
    let mut out = Vec::new();
    if a.password.enabled()
        && user.password_stored.is_some()
        && !user.password_compromised
        && !user.password_is_off()
    {
        out.push(Factor::Password);
    }
    if a.passkey && user.passkeys > 0 {
        out.push(Factor::Passkey);
    }
    let alone = out.is_empty();
    let mail = settings.password.profile == Profile::Clerk && a.email_address.enabled();
    if settings.email_signs_in() || (mail && alone) {
        let primary = user.primary_email_address_id.as_ref();
        let emails = found.emails.iter().filter(|e| e.is_verified());
        out.extend(emails.map(|email| Factor::Code {
            id: email.id.as_str().to_owned(),
            safe: email.email_address.clone(),
            primary: primary == Some(&email.id),
            strategy: Strategy::EmailCode,
        }));
    }
    if settings.phone_signs_in() || (a.phone_number.enabled() && alone) {
        let primary = user.primary_phone_number_id.as_ref();
        let phones = found.phones.iter().filter(|p| p.is_first_factor());
        out.extend(phones.map(|phone| Factor::Code {
            id: phone.id.as_str().to_owned(),
            safe: phone.phone_number.clone(),
            primary: primary == Some(&phone.id),
            strategy: Strategy::PhoneCode,
        }));
    }
    out
}

/// The addresses or numbers that a code by this strategy can go to now, with their ids.
#[must_use]
pub fn contacts(cx: &Cx, found: &Found, by: Strategy) -> Vec<(String, Contact)> {
    let open = first(cx, found).into_iter();
    open.filter_map(|factor| match factor {
        Factor::Code {
            id, safe, strategy, ..
        } if strategy == by => Some((id, Contact::stored(&safe)?)),
        Factor::Code { .. }
        | Factor::Password
        | Factor::Passkey
        | Factor::Social(_)
        | Factor::Wallet { .. } => None,
    })
    .collect()
}
