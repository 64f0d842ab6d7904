//! Email addresses: their row, and parsing what a person typed.
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{IdentificationId, InstanceId, UserId, VerificationId};

row! {
    /// An email address of a user.
    pub struct EmailRow {
        pub instance_id: InstanceId,
        pub id: IdentificationId,
        pub user_id: UserId,
        pub email_address: String,
        pub email_normal: String,
        pub reserved: bool,
        pub claimed: bool,
        pub verification_status: String,
        pub verification_strategy: Option<String>,
        pub verification_id: Option<VerificationId>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

impl EmailRow {
    /// Proved to be the user's.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verification_status == "verified"
    }
}

/// An address that can be one (RFC 5321 §4.1.2 and §4.5.3.1, dot-atoms only: quoted local parts are refused, as mail
/// providers do). Kept and compared in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Reads what a person typed. One form comes out, so that `A@x.org` and `a@X.org` cannot be two users. The domain must
    /// be ASCII (a name in its `xn--` form): look-alike letters are not let in here.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 254 {
            return None;
        }
        let (local, domain) = text.rsplit_once('@')?;
        let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        let local_ok = !local.is_empty()
            && local.len() <= 64
            && local.chars().all(atom)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        let label_ok = |l: &str| {
            !l.is_empty()
                && l.len() <= 63
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        let labels: Vec<&str> = domain.split('.').collect();
        let domain_ok = labels.len() >= 2
            && labels.iter().all(|l| label_ok(l))
            && labels
                .last()
                .is_some_and(|l| !l.bytes().all(|b| b.is_ascii_digit()));
        (local_ok && domain_ok).then(|| Self(text.to_ascii_lowercase()))
    }
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The mailbox that the address reaches, in one form: without its subaddress, and for providers that ignore them
    /// without the dots of the local part (contract bapi §6.6). Two addresses of one mailbox are one person's. Never shown,
    /// never written to: providers that we do not know may tell the addresses apart.
    #[must_use]
    pub fn mailbox(&self) -> String {
        let Some((local, domain)) = self.0.rsplit_once('@') else {
            return self.0.clone();
        };
        let domain = if domain == "googlemail.com" {
            "gmail.com"
        } else {
            domain
        };
        let yahoo = domain == "ymail.com"
            || domain == "rocketmail.com"
            || domain.strip_prefix("yahoo.").is_some();
        let separator = |c: char| matches!(c, '+' | '=' | '#') || yahoo && c == '-';
        // What begins with a separator has no name in front of it: it is whole.
        let name = match local.find(separator) {
            Some(at) if at > 0 => &local[..at],
            _ => local,
        };
        if domain == "gmail.com" {
            format!("{}@{domain}", name.replace('.', ""))
        } else {
            format!("{name}@{domain}")
        }
    }
    /// It carries a subaddress (`name+tag@…`, RFC 5233; also `=` and `#`).
    #[must_use]
    pub fn is_subaddress(&self) -> bool {
        let local = self.0.rsplit_once('@').map_or("", |(local, _)| local);
        local.find(['+', '=', '#']).is_some_and(|at| at > 0)
    }
    /// The domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
    /// A test identity (contract fapi §9.4): its local part carries `+clerk_test`.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.0.rsplit_once('@').is_some_and(|(local, _)| {
            local
                .split('+')
                .skip(1)
                .any(|tag| tag == "clerk_test" || tag.starts_with("clerk_test"))
        })
    }
}

/// An address as shown to somebody who has not proved to be its owner: `a***@example.com`.
#[must_use]
pub fn redacted(address: &str) -> String {
    address.split_once('@').map_or_else(
        || "***".to_owned(),
        |(local, domain)| format!("{}***@{domain}", local.chars().take(1).collect::<String>()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form_and_nonsense_has_none() {
        assert_eq!(
            EmailAddress::parse(" Ada.L+x@Example.COM ")
                .map(|e| e.0)
                .as_deref(),
            Some("ada.l+x@example.com")
        );
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b",
            "a@b.",
            "a@.b.c",
            "a..b@c.de",
            ".a@c.de",
            "a@b@c.de\u{0}",
            "a b@c.de",
            "a@c_d.de",
            "a@1.2.3.4",
            "a@\u{430}.de",
            "\"a\"@c.de",
            "a@c.de,b@c.de",
            "a\r\n@c.de",
        ] {
            assert_eq!(EmailAddress::parse(bad), None, "{bad}");
        }
        for (text, mailbox) in [
            ("a.b+x@c.de", "a.b@c.de"),
            ("a=x@c.de", "a@c.de"),
            ("A.B.c+x@GoogleMail.com", "abc@gmail.com"),
            ("a-x@yahoo.co.uk", "a@yahoo.co.uk"),
            ("a-x@c.de", "a-x@c.de"),
            ("+a@c.de", "+a@c.de"),
        ] {
            assert_eq!(
                EmailAddress::parse(text).map(|e| e.mailbox()).as_deref(),
                Some(mailbox)
            );
        }
        assert!(EmailAddress::parse("a+clerk_test@c.de").is_some_and(|e| e.is_test()));
        assert!(EmailAddress::parse("clerk_test@c.de").is_some_and(|e| !e.is_test()));
    }
}
