//! Who somebody is at a provider, and reading it out of what providers say.
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Characters of a name or an address that are taken over.
const LONGEST: usize = 256;

/// Who somebody is at a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The account's id there: the one thing that never changes, and that an account is found by.
    pub subject: String,
    /// An address.
    pub email_address: Option<String>,
    /// The provider has proved that the address is theirs; `None` where it does not say.
    pub email_verified: Option<bool>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// The name that is unique there.
    pub username: Option<String>,
    /// A picture.
    pub image_url: Option<String>,
}

/// Text at a path (`data.user.id`); numbers are ids too.
#[must_use]
pub fn text(value: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(value, |at, part| match at {
        Value::Array(items) => part.parse::<usize>().ok().and_then(|i| items.get(i)),
        other => other.get(part),
    })?;
    let text = match found {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && !text.contains('\0')).then(|| text.chars().take(LONGEST).collect())
}

/// A JSON `true`, and nothing that only looks like it: `"false"` is text, and true to careless readers.
#[must_use]
pub fn truth(value: &Value, name: &str) -> Option<bool> {
    value.get(name).and_then(Value::as_bool)
}

impl Profile {
    /// A profile of an account.
    #[must_use]
    pub fn of(subject: String) -> Self {
        Self {
            subject,
            ..Self::default()
        }
    }

    /// The standard claims (OpenID Connect Core §5.1).
    #[must_use]
    pub fn claims(value: &Value) -> Option<Self> {
        let (first, last) = match (text(value, "given_name"), text(value, "family_name")) {
            (None, None) => split_name(text(value, "name")),
            names => names,
        };
        Some(Self {
            subject: text(value, "sub")?,
            email_address: text(value, "email"),
            email_verified: truth(value, "email_verified"),
            first_name: first,
            last_name: last,
            username: text(value, "preferred_username"),
            image_url: picture(value, "picture"),
        })
    }

    /// First and last name of a full one.
    #[must_use]
    pub fn named(mut self, name: Option<String>) -> Self {
        (self.first_name, self.last_name) = split_name(name);
        self
    }
}

/// An address of a picture, over https only.
#[must_use]
pub fn picture(value: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(value, |at, part| match at {
        Value::Array(items) => part.parse::<usize>().ok().and_then(|i| items.get(i)),
        other => other.get(part),
    })?;
    let url = found.as_str()?;
    (url.starts_with("https://") && url.len() <= 2048).then(|| url.to_owned())
}

/// The last word is the last name.
#[must_use]
pub fn split_name(name: Option<String>) -> (Option<String>, Option<String>) {
    let Some(name) = name else {
        return (None, None);
    };
    match name.trim().rsplit_once(' ') {
        Some((first, last)) => (Some(first.trim().to_owned()), Some(last.to_owned())),
        None => (Some(name.trim().to_owned()), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_json_true_verifies_an_address() {
        for (said, verified) in [
            (json!(true), Some(true)),
            (json!(false), Some(false)),
            (json!("true"), None),
            (json!("false"), None),
            (json!(1), None),
            (json!(null), None),
        ] {
            let claims = json!({ "sub": "a", "email": "a@b.cd", "email_verified": said });
            assert_eq!(
                Profile::claims(&claims).and_then(|p| p.email_verified),
                verified,
                "{said}"
            );
        }
        assert_eq!(Profile::claims(&json!({ "sub": "" })), None);
        assert_eq!(Profile::claims(&json!({ "sub": {} })), None);
        assert_eq!(
            Profile::claims(&json!({ "sub": 7 }))
                .map(|p| p.subject)
                .as_deref(),
            Some("7")
        );
    }

    #[test]
    fn names_are_split_at_the_last_space() {
        let split = |name: &str| split_name(Some(name.to_owned()));
        assert_eq!(
            split("Ada King Lovelace"),
            (Some("Ada King".into()), Some("Lovelace".into()))
        );
        assert_eq!(split("Ada"), (Some("Ada".into()), None));
        assert_eq!(split_name(None), (None, None));
    }

    #[test]
    fn a_picture_is_https_or_none() {
        for url in [
            "http://a.b/c",
            "javascript:alert(1)",
            "data:image/png;base64,",
            "",
        ] {
            assert_eq!(
                picture(&json!({ "picture": url }), "picture"),
                None,
                "{url}"
            );
        }
    }
}
