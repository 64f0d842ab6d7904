//! Time: instants as Unix milliseconds, and the one place that asks the system for them.
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// An instant, in Unix milliseconds (the wire's unit; JWT claims use [`Timestamp::secs`]).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Unix seconds, rounded down.
    #[must_use]
    pub fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// This instant moved by `ms` milliseconds; saturates instead of overflowing.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
    /// This instant moved by `secs` seconds; saturates instead of overflowing.
    #[must_use]
    pub fn plus_secs(self, secs: i64) -> Self {
        self.plus_ms(secs.saturating_mul(1000))
    }
    /// Milliseconds from `earlier` to this instant (negative when `earlier` is later).
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
    /// This instant in UTC, to the second, as RFC 3339 writes it: `2024-02-29T12:00:00Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let (days, of_day) = (
            self.secs().div_euclid(86_400),
            self.secs().rem_euclid(86_400),
        );
        // The inverse of Howard Hinnant's civil calendar formula below.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
    /// Parses an RFC 3339 instant such as `2024-02-29T12:00:00.5+01:00`; `None` when it is not one.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        if !text.is_ascii()
            || b.len() < 20
            || b[4] != b'-'
            || b[7] != b'-'
            || !matches!(b[10], b'T' | b't' | b' ')
        {
            return None;
        }
        if b[13] != b':' || b[16] != b':' {
            return None;
        }
        let num = |from: usize, to: usize| -> Option<i64> {
            let part = text.get(from..to)?;
            part.bytes()
                .all(|c| c.is_ascii_digit())
                .then(|| part.parse().ok())?
        };
        let (year, month, day) = (num(0, 4)?, num(5, 7)?, num(8, 10)?);
        let (hour, minute, second) = (num(11, 13)?, num(14, 16)?, num(17, 19)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last_day = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        if day < 1 || day > last_day || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut at = 19;
        let mut millis = 0;
        if b[at] == b'.' {
            let digits = b[at + 1..]
                .iter()
                .take_while(|c| c.is_ascii_digit())
                .count();
            if digits == 0 {
                return None;
            }
            let shown = digits.min(3);
            millis = num(at + 1, at + 1 + shown)? * [0, 100, 10, 1][shown];
            at += 1 + digits;
        }
        let offset_minutes = match b.get(at)? {
            b'Z' | b'z' if b.len() == at + 1 => 0,
            sign @ (b'+' | b'-') if b.len() == at + 6 && b[at + 3] == b':' => {
                let (oh, om) = (num(at + 1, at + 3)?, num(at + 4, at + 6)?);
                if oh > 23 || om > 59 {
                    return None;
                }
                (oh * 60 + om) * if *sign == b'-' { -1 } else { 1 }
            }
            _ => return None,
        };
        // Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's civil calendar formula).
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let yoe = y - era * 400;
        let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468;
        Some(Self(
            ((days * 24 + hour) * 60 + minute - offset_minutes) * 60_000 + second * 1000 + millis,
        ))
    }
}

/// Where the present comes from. Tests own a manual clock; everything else reads the system's.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The operating system's clock.
    System,
    /// A clock that only moves when told to.
    Manual(Arc<AtomicI64>),
}

/// The latest reading of the system's clock.
static LATEST: AtomicI64 = AtomicI64::new(0);
/// How far a clock may be set back and is only waited for, in milliseconds.
const STEP_MS: i64 = 5_000;

/// The present by a clock that may be set back. The small steps of time synchronisation are waited out, so that the instants
/// of a process do not go back; a large one corrects a wrong clock, and is believed.
fn steady(latest: &AtomicI64, read: i64) -> i64 {
    let before = latest.fetch_max(read, Ordering::SeqCst);
    if before <= read {
        return read;
    }
    if before - read <= STEP_MS {
        return before;
    }
    latest.store(read, Ordering::SeqCst);
    read
}

impl Clock {
    /// A clock that stands at `at` until [`Clock::advance_ms`] moves it.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.0)))
    }
    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place that reads the system's clock"
            )]
            Self::System => Timestamp(steady(
                &LATEST,
                std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
            )),
            Self::Manual(at) => Timestamp(at.load(Ordering::SeqCst)),
        }
    }
    /// Moves a manual clock forward; does nothing to the system's.
    pub fn advance_ms(&self, ms: i64) {
        if let Self::Manual(at) = self {
            at.fetch_add(ms, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AtomicI64, STEP_MS, Timestamp, steady};

    #[test]
    fn small_steps_back_are_waited_out_and_large_ones_are_believed() {
        let latest = AtomicI64::new(0);
        for (read, present) in [
            (1_000_000, 1_000_000),
            (1_000_000 - STEP_MS, 1_000_000),
            (999_999, 1_000_000),
            (1_000_001, 1_000_001),
            (1_000_000 - STEP_MS, 1_000_000 - STEP_MS),
            (999_000, 999_000),
            (9_000_000, 9_000_000),
            (1_000_000, 1_000_000),
        ] {
            assert_eq!(steady(&latest, read), present);
        }
    }

    #[test]
    fn an_instant_is_written_as_it_is_read() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59Z",
            "1999-12-31T00:00:01Z",
            "2100-03-01T12:30:00Z",
        ] {
            assert_eq!(
                Timestamp::from_rfc3339(text)
                    .map(Timestamp::to_rfc3339)
                    .as_deref(),
                Some(text)
            );
        }
        assert_eq!(Timestamp(-1).to_rfc3339(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn rfc3339_is_read_and_nonsense_is_not() {
        let at = |s| Timestamp::from_rfc3339(s).map(|t| t.0);
        assert_eq!(at("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(at("2024-02-29T12:00:00.5+01:00"), Some(1_709_204_400_500));
        assert_eq!(at("2000-03-01T00:00:00-00:30"), Some(951_870_600_000));
        for bad in [
            "",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00Zx",
            "２024-01-01T00:00:00Z",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
