//! A phone number: reading what a person typed, in one form (E.164).
use phonelib::PhoneNumberType;

/// A number that can be one, in the form of E.164: `+` and digits (decision 27).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneNumber(String);

/// Characters that people write numbers with. Letters are none: a keypad word is not a number that somebody typed.
fn is_written_so(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')')
}

impl PhoneNumber {
    /// Reads what a person typed. Without a country code it is a number of `country` (ISO 3166-1 alpha-2). One form comes
    /// out, so that `+1 (202) 555-0173` and `+12025550173` cannot be two users. Numbers that cost their owner money to be
    /// called, pagers, and those of no country are none.
    #[must_use]
    pub fn parse(text: &str, country: &str) -> Option<Self> {
        let text = text.trim();
        // A country code is said once, in front.
        if text.len() > 40
            || !text.chars().all(is_written_so)
            || text.rfind('+').is_some_and(|at| at > 0)
        {
            return None;
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if text.starts_with('+') && is_fictional(&digits) {
            return Some(Self(format!("+{digits}")));
        }
        let read = phonelib::PhoneNumber::parse_with_country(text, country)?;
        let wanted = read.extension().is_none()
            && read.country().code != "001"
            && !matches!(
                read.phone_type(),
                PhoneNumberType::PremiumRate | PhoneNumberType::SharedCost | PhoneNumberType::Pager
            );
        // Reading its own form again must be the same number, or two spellings could be two users.
        let stable = phonelib::normalize_phone_number(read.e164()).as_deref() == Some(read.e164());
        (wanted && stable).then(|| Self(read.e164().to_owned()))
    }
    /// A number that was stored: `+` and digits.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits = (4..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(text.to_owned()))
    }
    /// The number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// A test identity (contract fapi §9.4): of the numbers that North America keeps for films, `+1 XXX 555 01XX`.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.0.strip_prefix('+').is_some_and(is_fictional)
    }
    /// Its country (ISO 3166-1 alpha-2) and the code that is dialled for it.
    #[must_use]
    pub fn country(&self) -> (&'static str, String) {
        match phonelib::extract_country(&self.0) {
            // North America is one country code with an area code behind it.
            Some(c) if self.0.starts_with("+1") => (c.code, "1".to_owned()),
            Some(c) => (c.code, c.prefix.to_string()),
            None => ("US", "1".to_owned()),
        }
    }
    /// As shown to somebody who has not proved to be its owner: the last two digits alone.
    #[must_use]
    pub fn redacted(&self) -> String {
        let digits = self.0.len().saturating_sub(3);
        let last: String = self.0.chars().skip(1 + digits).collect();
        format!("+{}{last}", "*".repeat(digits))
    }
}

/// `1`, an area code, and one of the hundred numbers behind `555 01`.
fn is_fictional(digits: &str) -> bool {
    digits.len() == 11 && digits.starts_with('1') && digits.get(4..9) == Some("55501")
}

/// A country that numbers can be of.
#[must_use]
pub fn is_country(code: &str) -> bool {
    let upper = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    upper && phonelib::country_by_code(code).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form_and_nonsense_has_none() {
        let parse = |text| PhoneNumber::parse(text, "US").map(|n| n.0);
        for text in [
            "+12025550173",
            " +1 (202) 555-0173 ",
            "(202) 555-0173",
            "202.555.0173",
            "+1\u{a0}202 555 0173",
        ] {
            assert_eq!(parse(text).as_deref(), Some("+12025550173"), "{text}");
        }
        assert_eq!(parse("+49 (0)30 901820").as_deref(), Some("+4930901820"));
        assert_eq!(
            PhoneNumber::parse("030 901820", "DE")
                .map(|n| n.0)
                .as_deref(),
            Some("+4930901820")
        );
        for bad in [
            "",
            "+",
            "1",
            "ada",
            "12",
            "+1 202 555",
            "+1 900 555 1234",
            "+999 1234567",
            "+1 202 FLOWERS",
            "+1 202 555 0173 ext. 4",
            "+1 202 555 0173;ext=4",
            "+1202555017\u{663}",
            "++12025550173",
            "+12025550173+",
            "+800 1234 5678",
            "+1 202 555 0173\u{0}",
            "<+12025550173>",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_of_films_are_test_identities_and_no_others_are() {
        for text in ["+12015550100", "+15555550199"] {
            assert!(
                PhoneNumber::parse(text, "US").is_some_and(|n| n.is_test()),
                "{text}"
            );
        }
        for text in ["+12025550200", "+12025560100", "+4915155501234"] {
            assert!(
                PhoneNumber::parse(text, "US").is_none_or(|n| !n.is_test()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_number_says_its_country_and_hides_its_digits() {
        let number = |text| PhoneNumber::parse(text, "US").expect("a number");
        assert_eq!(number("+12025550173").country(), ("US", "1".to_owned()));
        assert_eq!(number("+14165550198").country(), ("CA", "1".to_owned()));
        assert_eq!(number("+4930901820").country(), ("DE", "49".to_owned()));
        assert_eq!(number("+12025550173").redacted(), "+*********73");
        assert!(is_country("DE") && !is_country("XX") && !is_country("001") && !is_country("de"));
    }
}
