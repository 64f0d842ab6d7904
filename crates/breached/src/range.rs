//! The range service of Have I Been Pwned, or one that speaks like it: five hexadecimal digits of a SHA-1 go out, the
//! other 35 of every known password with these come back, padded so that the length of the answer tells nothing.
//!
//! Invariants: what goes out is five hexadecimal digits and nothing of the user or the operator; an answer is had within
//! a second or not at all; a service that fails is left alone for a while.
//! Reference: the service's API documentation, version 3 ("Searching by range", "Padding").
use http::header::{HeaderName, HeaderValue};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as Turn;
use tokio::time::timeout;
use usher_outbound::{Client, Limits, OutboundError, Request};
use usher_types::Timestamp;

/// In all, however it goes wrong; some of the second is left for the rest of the request.
const TOTAL: Duration = Duration::from_millis(900);
const CONNECT: Duration = Duration::from_millis(400);
/// An answer has 60 KB or so.
const BODY: usize = 1 << 20;
/// Milliseconds that an answer is kept for.
const KEEP_MS: i64 = 24 * 3600 * 1000;
/// Answers that are kept: some 30 KB each.
const KEEP: usize = 256;
/// Failures in a row after which nobody is asked.
const FAILURES: u32 = 5;
/// Milliseconds for which nobody is asked then.
const PAUSE_MS: i64 = 60_000;
/// Requests that are under way at most, those for the same prefix one after the other.
const TURNS: usize = 16;

/// The digits after the prefix, two to a byte, the first one by itself.
type Suffix = [u8; 18];

/// Why the service gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// No HTTP answer.
    Request(OutboundError),
    /// An answer of another status than 200.
    Status(u16),
    /// An answer that is not a list of suffixes.
    Garbage,
    /// It failed several times in a row and is left alone for a minute.
    Paused,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(e) => e.fmt(f),
            Self::Status(status) => write!(f, "it answered {status}"),
            Self::Garbage => f.write_str("its answer is not a list of suffixes"),
            Self::Paused => f.write_str("it failed several times and is not asked for a minute"),
        }
    }
}

impl std::error::Error for Unavailable {}

/// A range service.
pub struct Range {
    client: Client,
    base: String,
    state: Mutex<State>,
    turns: [Turn<()>; TURNS],
}

#[derive(Default)]
struct State {
    answers: HashMap<u32, Kept>,
    failures: u32,
    paused_until: Option<Timestamp>,
}

struct Kept {
    suffixes: Arc<[Suffix]>,
    at: Timestamp,
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Range")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Range {
    /// A service at a base URL, which ends before the five digits: `https://api.pwnedpasswords.com/range/`.
    ///
    /// # Errors
    /// One line: a base that does not end with `/`.
    pub fn new(client: Client, base: &str) -> Result<Self, String> {
        if !base.ends_with('/') {
            return Err(format!("{base:?} must end with /"));
        }
        Ok(Self {
            client,
            base: base.to_owned(),
            state: Mutex::default(),
            turns: std::array::from_fn(|_| Turn::new(())),
        })
    }

    /// Whether the service knows the digest. An answer of the last 24 hours is used again.
    ///
    /// # Errors
    /// See [`Unavailable`]; within a second.
    pub async fn contains(&self, digest: &[u8; 20], now: Timestamp) -> Result<bool, Unavailable> {
        let (prefix, suffix) = split(digest);
        let late = Err(Unavailable::Request(OutboundError::Timeout));
        let answer = timeout(TOTAL, self.answer(prefix, now))
            .await
            .unwrap_or(late);
        // Being paused is no new failure, or the pause would never end.
        if answer != Err(Unavailable::Paused) {
            self.note(answer.is_ok(), now);
        }
        Ok(answer?.binary_search(&suffix).is_ok())
    }

    async fn answer(&self, prefix: u32, now: Timestamp) -> Result<Arc<[Suffix]>, Unavailable> {
        // One at a time for a prefix, so that the second finds the answer of the first.
        let _turn = self.turns[prefix as usize % TURNS].lock().await;
        {
            let state = self.state();
            if let Some(kept) = state.answers.get(&prefix).filter(|k| is_fresh(k, now)) {
                return Ok(Arc::clone(&kept.suffixes));
            }
            if state.paused_until.is_some_and(|until| now < until) {
                return Err(Unavailable::Paused);
            }
        }
        let url = format!("{}{prefix:05X}", self.base);
        let answer = self.client.send(Request {
            method: http::Method::GET,
            url: &url,
            headers: vec![(
                HeaderName::from_static("add-padding"),
                HeaderValue::from_static("true"),
            )],
            body: Vec::new().into(),
            limits: Limits {
                total: TOTAL,
                connect: CONNECT,
                body: BODY,
            },
        });
        let answer = answer.await.map_err(Unavailable::Request)?;
        if answer.status != 200 {
            return Err(Unavailable::Status(answer.status));
        }
        let suffixes: Arc<[Suffix]> = read(&answer.body).ok_or(Unavailable::Garbage)?.into();
        let mut state = self.state();
        if state.answers.len() >= KEEP {
            state.answers.retain(|_, kept| is_fresh(kept, now));
        }
        if state.answers.len() >= KEEP {
            let oldest = state.answers.iter().min_by_key(|(_, kept)| kept.at);
            if let Some(oldest) = oldest.map(|(prefix, _)| *prefix) {
                state.answers.remove(&oldest);
            }
        }
        let kept = Kept {
            suffixes: Arc::clone(&suffixes),
            at: now,
        };
        state.answers.insert(prefix, kept);
        Ok(suffixes)
    }

    fn note(&self, well: bool, now: Timestamp) {
        let mut state = self.state();
        if well {
            state.failures = 0;
            state.paused_until = None;
            return;
        }
        state.failures += 1;
        if state.failures >= FAILURES {
            state.failures = 0;
            state.paused_until = Some(now.plus_ms(PAUSE_MS));
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(kept: &Kept, now: Timestamp) -> bool {
    (0..KEEP_MS).contains(&now.since(kept.at))
}

/// The first 20 bits, and the other 140.
fn split(digest: &[u8; 20]) -> (u32, Suffix) {
    let prefix = u32::from(digest[0]) << 12 | u32::from(digest[1]) << 4 | u32::from(digest[2] >> 4);
    let mut suffix = [0; 18];
    suffix.copy_from_slice(&digest[2..]);
    suffix[0] &= 0x0f;
    (prefix, suffix)
}

/// The suffixes of an answer, in order, without those of padding (count 0). `None` where more than a tenth of the lines is
/// something else, or where there is none.
fn read(body: &[u8]) -> Option<Vec<Suffix>> {
    let (mut lines, mut bad) = (0, 0);
    let mut suffixes = Vec::new();
    for line in body
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
    {
        lines += 1;
        match row(line) {
            Some((suffix, true)) => suffixes.push(suffix),
            Some((_, false)) => {}
            None => bad += 1,
        }
    }
    if lines == 0 || bad * 10 > lines {
        return None;
    }
    suffixes.sort_unstable();
    Some(suffixes)
}

/// 35 hexadecimal digits, a colon, a count of 1 to 10 digits; whether that is above 0.
fn row(line: &[u8]) -> Option<(Suffix, bool)> {
    let (hex, rest) = line.split_at_checked(35)?;
    let count = rest.strip_prefix(b":")?;
    if !(1..=10).contains(&count.len()) || !count.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut suffix = [0; 18];
    for (at, digit) in hex.iter().enumerate() {
        let nibble = u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
        // The first digit is the low half of the first byte.
        let (byte, high) = (at.div_ceil(2), at % 2 == 1);
        suffix[byte] |= if high { nibble << 4 } else { nibble };
    }
    Some((suffix, count.iter().any(|digit| *digit != b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;

    fn line(password: &str, count: &str) -> String {
        let hex: String = digest(password)
            .iter()
            .map(|b| format!("{b:02X}"))
            .collect();
        format!("{}:{count}\r\n", &hex[5..])
    }

    #[test]
    fn a_digest_is_split_after_five_digits() {
        // SHA-1 of "password": 5BAA6 1E4C9B93F3F0682250B6CF8331B7EE68FD8.
        let (prefix, suffix) = split(&digest("password"));
        assert_eq!(prefix, 0x5BAA6);
        let read = row(b"1E4C9B93F3F0682250B6CF8331B7EE68FD8:10434004");
        assert_eq!(read, Some((suffix, true)));
        assert_eq!(row(b"1e4c9b93f3f0682250b6cf8331b7ee68fd8:1"), read);
    }

    #[test]
    fn rows_of_padding_do_not_count_and_garbage_is_told_from_answers() {
        let known = split(&digest("known")).1;
        let has = |body: String| read(body.as_bytes()).map(|all| all.binary_search(&known).is_ok());
        let others: String = (0..20).map(|i| line(&format!("{i}"), "3")).collect();
        assert_eq!(has(others.clone() + &line("known", "1")), Some(true));
        assert_eq!(has(others.clone() + &line("known", "0")), Some(false));
        assert_eq!(
            has(others.clone() + &line("known", "0000000000")),
            Some(false)
        );
        assert_eq!(
            has(line("known", "1").replace("\r\n", "\n").to_lowercase()),
            Some(true)
        );
        assert_eq!(has(line("known", "1").trim_end().to_owned()), Some(true));
        assert_eq!(
            has(others.clone() + "odd\r\n" + &line("known", "1")),
            Some(true)
        );
        assert_eq!(has(String::new()), None);
        assert_eq!(has("<html>busy</html>".to_owned()), None);
        assert_eq!(has(line("known", "1") + "odd\r\n"), None);
        for bad in [
            "1".repeat(35),
            "1".repeat(35) + ":",
            "1".repeat(35) + ":-1",
            "1".repeat(35) + ":12345678901",
            "1".repeat(36) + ":1",
            "g".repeat(35) + ":1",
        ] {
            assert!(row(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
