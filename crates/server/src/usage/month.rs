//! Calendar months in UTC.
use usher_types::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// The month of an instant, as `2026-11`.
#[must_use]
pub fn of(at: Timestamp) -> String {
    // The civil calendar from days (Howard Hinnant), in years that begin in March.
    let days = at.0.div_euclid(DAY_MS) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}")
}

/// Whether two instants lie in one month. Cheaper than naming both where they lie in one day, as they mostly do.
#[must_use]
pub fn same(a: Timestamp, b: Timestamp) -> bool {
    a.0.div_euclid(DAY_MS) == b.0.div_euclid(DAY_MS) || of(a) == of(b)
}

/// Reads `2026-11`; `None` for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<String> {
    let (year, month) = text.split_once('-')?;
    let digits =
        |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    let fits = digits(year, 4) && digits(month, 2) && ("01"..="12").contains(&month);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_and_end_where_the_calendar_says() {
        for (text, month) in [
            ("1970-01-01T00:00:00Z", "1970-01"),
            ("2024-02-29T23:59:59.999Z", "2024-02"),
            ("2024-03-01T00:00:00Z", "2024-03"),
            ("2025-12-31T23:59:59.999Z", "2025-12"),
            ("2026-01-01T00:00:00Z", "2026-01"),
            ("2100-02-28T23:59:59Z", "2100-02"),
            ("2100-03-01T00:00:00Z", "2100-03"),
        ] {
            assert_eq!(of(Timestamp::from_rfc3339(text).unwrap()), month, "{text}");
        }
        let end = Timestamp::from_rfc3339("2026-01-31T23:59:59.999Z").unwrap();
        assert!(!same(end, end.plus_ms(1)));
        assert!(same(end, end.plus_ms(-1)));
        assert!(same(end, end.plus_secs(-20 * 24 * 3600)));
    }

    #[test]
    fn only_months_are_months() {
        assert_eq!(parse("2026-11").as_deref(), Some("2026-11"));
        for text in [
            "",
            "2026",
            "2026-00",
            "2026-13",
            "2026-1",
            "26-11",
            "2026-11-01",
            "2026-1a",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
