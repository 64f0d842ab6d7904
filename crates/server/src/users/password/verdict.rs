//! The verdict on a new password: length, the operator's rules, the user's own words, what is guessed first, breaches.
use super::{blocklist, breaches, pooled, strength};
use crate::cx::Cx;
use crate::instances::Instance;
use crate::instances::settings::PasswordPolicy;
use unicode_normalization::UnicodeNormalization;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

/// The special characters that satisfy `require_special_char`.
pub const SPECIAL: &str = "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~";
/// Bytes that a new password may have: 128 characters of four bytes each.
pub const MAX_NEW_BYTES: usize = 512;

/// The one verdict on a new password. `own` are the user's identifiers, which may not be the password.
///
/// The outer result is what went wrong here; the inner one is the verdict, a 422 with every rule that is broken, each naming
/// `param`. The lists are asked only about a password that no rule refuses.
///
/// # Errors
/// 429 when the hashing queue is full; 503 where the operator wants no password unchecked and the breach service does not
/// answer.
pub async fn verdict(
    cx: &Cx,
    param: &'static str,
    password: &str,
    own: &[&str],
) -> Result<Result<(), ApiError>> {
    let policy = &cx.instance.settings.password;
    let normal: String = password.nfc().collect();
    let broken = rules(policy, &normal, own);
    if let Some(refusal) = ApiError::join(broken.into_iter().map(|e| e.at(param)).collect()) {
        return Ok(Err(refusal));
    }
    let mut words = context(&cx.instance);
    words.extend(
        own.iter()
            .filter_map(|o| o.split_once('@'))
            .map(|(_, domain)| domain.to_owned()),
    );
    let own: Vec<String> = own.iter().map(|&o| o.to_owned()).collect();
    let (text, least) = (normal.clone(), policy.min_zxcvbn_strength);
    let weakness = pooled(cx, move || guessed(&text, &words, &own, least)).await?;
    if let Some(refusal) = weakness {
        return Ok(Err(refusal.at(param)));
    }
    if breaches::is_known(cx, &normal).await? {
        return Ok(Err(refuse::form_password_pwned().at(param)));
    }
    Ok(Ok(()))
}

/// The rules that need no list.
fn rules(policy: &PasswordPolicy, normal: &str, own: &[&str]) -> Vec<ApiError> {
    if normal.len() > MAX_NEW_BYTES {
        return vec![refuse::form_password_size_in_bytes_exceeded(
            &MAX_NEW_BYTES.to_string(),
        )];
    }
    // A code point is a character, however many bytes or UTF-16 units it has.
    let count = i64::try_from(normal.chars().count()).unwrap_or(i64::MAX);
    let mut broken = Vec::new();
    if count < policy.floor() {
        broken.push(refuse::form_password_length_too_short(
            &policy.floor().to_string(),
        ));
    }
    if count > policy.max_length {
        broken.push(refuse::form_password_length_too_long(
            &policy.max_length.to_string(),
        ));
    }
    if policy.require_uppercase && !normal.chars().any(char::is_uppercase) {
        broken.push(refuse::form_password_no_uppercase());
    }
    if policy.require_lowercase && !normal.chars().any(char::is_lowercase) {
        broken.push(refuse::form_password_no_lowercase());
    }
    if policy.require_numbers && !normal.chars().any(char::is_numeric) {
        broken.push(refuse::form_password_no_number());
    }
    if policy.require_special_char && !normal.chars().any(|c| SPECIAL.contains(c)) {
        broken.push(refuse::form_password_no_special_char());
    }
    let is_own = |o: &&str| {
        blocklist::is_same(normal, o)
            || o.split_once('@')
                .is_some_and(|(local, _)| blocklist::is_same(normal, local))
    };
    if own.iter().any(is_own) {
        broken.push(refuse::form_password_matches_identifier());
    }
    broken
}

/// What everybody who attacks this application would try: its name and where it is.
fn context(instance: &Instance) -> Vec<String> {
    let host = instance.row.host.split(':').next().unwrap_or_default();
    let mut words = vec![instance.settings.application_name.clone(), host.to_owned()];
    if let Some(root) = &instance.root_domain {
        words.push(root.clone());
        words.extend(root.split('.').next().map(str::to_owned));
    }
    words
}

/// The refusal of a password that is guessed first. Slow: some milliseconds for long ones.
fn guessed(normal: &str, words: &[String], own: &[String], least: u8) -> Option<ApiError> {
    if words.iter().any(|word| blocklist::is_same(normal, word)) {
        return Some(strength::refusal(
            "it is the name of this service",
            &[strength::Suggestion::AddAnotherWordOrTwo],
        ));
    }
    if blocklist::is_common(normal) {
        return Some(refuse::form_password_pwned());
    }
    if least == 0 {
        return None;
    }
    let inputs: Vec<&str> = words.iter().chain(own).map(String::as_str).collect();
    strength::weakness(normal, &inputs, least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instances::settings::Profile;

    fn broken(policy: &PasswordPolicy, password: &str, own: &[&str]) -> Vec<&'static str> {
        rules(policy, password, own)
            .iter()
            .map(|e| e.code)
            .collect()
    }

    #[test]
    fn lengths_are_of_characters_and_of_bytes() {
        let clerk = PasswordPolicy::default();
        let nist = PasswordPolicy {
            profile: Profile::Nist63b4,
            ..clerk.clone()
        };
        let short = ["form_password_length_too_short"];
        let none: [&str; 0] = [];
        for letter in ["a", "\u{e9}", "\u{1f642}"] {
            assert_eq!(broken(&clerk, &letter.repeat(7), &[]), short);
            assert_eq!(broken(&clerk, &letter.repeat(8), &[]), none);
            assert_eq!(broken(&nist, &letter.repeat(14), &[]), short);
            assert_eq!(broken(&nist, &letter.repeat(15), &[]), none);
            assert_eq!(broken(&clerk, &letter.repeat(128), &[]), none);
        }
        assert_eq!(
            broken(&clerk, &"a".repeat(129), &[]),
            ["form_password_length_too_long"]
        );
        assert_eq!(
            broken(&clerk, &"a".repeat(513), &[]),
            ["form_password_size_in_bytes_exceeded"]
        );
        let higher = PasswordPolicy {
            min_length: 20,
            ..nist
        };
        assert_eq!(broken(&higher, &"a".repeat(19), &[]), short);
    }

    #[test]
    fn own_identifiers_are_refused_whole_and_not_as_parts() {
        let own = ["Ada.Lovelace@example.com", "ada_lovelace"];
        let policy = PasswordPolicy::default();
        for same in [
            "ada.lovelace@example.com",
            "ADA.LOVELACE@EXAMPLE.COM",
            "adalovelace",
            "Ada-Lovelace",
            "ada.lovelace",
        ] {
            assert_eq!(
                broken(&policy, same, &own),
                ["form_password_matches_identifier"],
                "{same}"
            );
        }
        for other in ["ada.lovelace@example.com1", "xada_lovelace", "lovelace.ada"] {
            assert!(broken(&policy, other, &own).is_empty(), "{other}");
        }
    }
}
