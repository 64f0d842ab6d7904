//! Which ways are open to prove again who one is.
use crate::cx::Cx;
use crate::identifiers::email::EmailRow;
use crate::instances::settings::Profile;
use crate::sign_ins::factors::Factor;
use crate::strategies::Strategy;
use crate::users::model::UserRow;

/// The first factors of a user who is signed in: nothing about them is hidden from the user. A code to a verified address is
/// one where codes sign in, and where the user would have nothing else; never where mail is no factor.
#[must_use]
pub fn first(cx: &Cx, user: &UserRow, emails: &[EmailRow]) -> Vec<Factor> {
    let settings = &cx.instance.settings;
    let a = &settings.attributes;
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
    let mail = settings.password.profile == Profile::Clerk && a.email_address.enabled();
    if settings.email_signs_in() || (mail && out.is_empty()) {
        let primary = user.primary_email_address_id.as_ref();
        out.extend(
            emails
                .iter()
                .filter(|e| e.is_verified())
                .map(|email| Factor::Code {
                    id: email.id.as_str().to_owned(),
                    safe: email.email_address.clone(),
                    primary: primary == Some(&email.id),
                    strategy: Strategy::EmailCode,
                }),
        );
    }
    out
}
