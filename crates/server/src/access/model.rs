//! Entries of the lists, and which of them an address meets.
use crate::identifiers::email::EmailAddress;
use crate::identifiers::phones::number::PhoneNumber;
use crate::identifiers::wallets::model::Wallet;
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::InstanceId;

row! {
    /// An entry of a list.
    pub struct ListedRow {
        pub instance_id: InstanceId,
        pub id: String,
        pub list: String,
        pub identifier: String,
        pub identifier_normal: String,
        pub identifier_type: String,
        pub invitation_id: Option<String>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Only these may sign up.
    Allow,
    /// These may not.
    Block,
}

impl List {
    /// As it is stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
        }
    }
    /// `object` of its entries.
    #[must_use]
    pub fn object(self) -> &'static str {
        match self {
            Self::Allow => "allowlist_identifier",
            Self::Block => "blocklist_identifier",
        }
    }
    /// What the log calls a new entry.
    #[must_use]
    pub fn created(self) -> &'static str {
        match self {
            Self::Allow => "allowlist_identifier.created",
            Self::Block => "blocklist_identifier.created",
        }
    }
    /// What the log calls an entry that went.
    #[must_use]
    pub fn deleted(self) -> &'static str {
        match self {
            Self::Allow => "allowlist_identifier.deleted",
            Self::Block => "blocklist_identifier.deleted",
        }
    }
    /// What ids of its entries begin with (contract bapi §1.10).
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Allow => "alid_",
            Self::Block => "blid_",
        }
    }
}

/// An identifier that can be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// As it is shown.
    pub identifier: String,
    /// As it is compared.
    pub normal: String,
    /// `email_address`, `phone_number` or `web3_wallet`.
    pub kind: &'static str,
}

impl Listed {
    /// Reads an email address, `*@domain`, `*@*.domain` (its subdomains at any depth), a phone number (E.164) or a wallet
    /// (`0x` and 40 hexadecimal digits, or Solana's base58). A blocked address stands for its whole mailbox; an allowed one for itself alone.
    #[must_use]
    pub fn parse(list: List, text: &str) -> Option<Self> {
        let written = text.trim();
        let text = written.to_lowercase();
        let made = |identifier: &str, normal: String, kind| {
            Some(Self {
                identifier: identifier.to_owned(),
                normal,
                kind,
            })
        };
        if let Some(domain) = text.strip_prefix("*@") {
            let bare = domain.strip_prefix("*.").unwrap_or(domain);
            EmailAddress::parse(&format!("x@{bare}"))?;
            return made(&text, text.clone(), "email_address");
        }
        if let Some(address) = EmailAddress::parse(&text) {
            return made(address.as_str(), normal(list, &address), "email_address");
        }
        if let Some(digits) = text.strip_prefix("0x") {
            let fits = digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            return fits.then(|| made(&text, text.clone(), "web3_wallet"))?;
        }
        // Base58 tells cases apart.
        if let Some(wallet) = Wallet::parse(written) {
            return made(wallet.as_str(), wallet.normal(), "web3_wallet");
        }
        if let Some(number) = PhoneNumber::parse(&text, "US").filter(|_| text.starts_with('+')) {
            let number = number.as_str().to_owned();
            return made(&number, number.clone(), "phone_number");
        }
        // Numbers that were never given out can be listed too.
        let number: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '(' | ')'))
            .collect();
        let digits = number.strip_prefix('+')?;
        let fits = (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        fits.then(|| made(&number, number.clone(), "phone_number"))?
    }
}

fn normal(list: List, address: &EmailAddress) -> String {
    match list {
        List::Allow => address.as_str().to_owned(),
        List::Block => address.mailbox(),
    }
}

/// Every entry that would cover an address: itself, its domain, and what its domain is a subdomain of.
#[must_use]
pub fn candidates(list: List, address: &EmailAddress) -> Vec<String> {
    let domain = address.domain();
    let mut all = vec![normal(list, address), format!("*@{domain}")];
    let mut rest = domain;
    while let Some((_, parent)) = rest.split_once('.') {
        all.push(format!("*@*.{parent}"));
        rest = parent;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{List, Listed, candidates};
    use crate::identifiers::email::EmailAddress;

    #[test]
    fn entries_have_one_form_and_nonsense_has_none() {
        let parse =
            |text| Listed::parse(List::Block, text).map(|l| (l.identifier, l.normal, l.kind));
        let is = |a: &str, b: &str, kind| Some((a.to_owned(), b.to_owned(), kind));
        assert_eq!(
            parse(" A.da+x@Gmail.com "),
            is("a.da+x@gmail.com", "ada@gmail.com", "email_address")
        );
        assert_eq!(
            parse("*@Example.COM"),
            is("*@example.com", "*@example.com", "email_address")
        );
        assert_eq!(
            parse("*@*.example.com"),
            is("*@*.example.com", "*@*.example.com", "email_address")
        );
        // A star that is not a whole part means itself.
        assert_eq!(
            parse("john*@example.com"),
            is("john*@example.com", "john*@example.com", "email_address")
        );
        assert_eq!(
            parse("+1 (555) 010-0199"),
            is("+15550100199", "+15550100199", "phone_number")
        );
        assert_eq!(
            parse("+44 (0)20 7946 0958"),
            is("+442079460958", "+442079460958", "phone_number")
        );
        let wallet = "0x52908400098527886E0F7030069857D2E4169EE7";
        let lower = wallet.to_lowercase();
        assert_eq!(parse(wallet), is(&lower, &lower, "web3_wallet"));
        for bad in [
            "",
            "*",
            "*@",
            "*@*",
            "*@*.",
            "*@com",
            "*@*.*.example.com",
            "*@a*.example.com",
            "example.com",
            "@example.com",
            "5550100199",
            "+12",
            "+0123456789",
            "0x12",
            "ada",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(
            Listed::parse(List::Allow, "A.da+x@gmail.com").map(|l| l.normal),
            Some("a.da+x@gmail.com".to_owned())
        );
    }

    #[test]
    fn an_address_meets_itself_its_domain_and_the_domains_above() {
        let address = EmailAddress::parse("ada+x@a.b.example.com").expect("an address");
        assert_eq!(
            candidates(List::Block, &address),
            [
                "ada@a.b.example.com",
                "*@a.b.example.com",
                "*@*.b.example.com",
                "*@*.example.com",
                "*@*.com"
            ]
        );
        assert_eq!(
            candidates(List::Allow, &address)[0],
            "ada+x@a.b.example.com"
        );
    }
}
