//! Randomness: keys, codes and identifiers, from the operating system or, in tests, from a seed.
//!
//! Invariants: every method is unbiased; a seeded generator repeats itself and is for tests only.
//! Reference: NIST SP 800-90A (system generator), RFC 4086.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand;

use crate::digest::{b64url, hmac_sha256};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DECIMAL: &[u8; 10] = b"0123456789";

/// A source of random values; clones of a seeded one share its stream.
#[derive(Clone, Debug)]
pub struct Rng(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<Stream>>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Seeded(_) => "Seeded",
        })
    }
}

impl Rng {
    /// The cryptographic generator of AWS-LC, seeded by the operating system.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A generator that repeats the same values for the same seed. For tests only.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(Stream {
            seed,
            counter: 0,
            block: [0; 32],
            used: 32,
        }))))
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// As [`Rng::fill`].
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// Fills `out` with random bytes.
    ///
    /// # Panics
    /// When the system's generator fails: going on without randomness would give out keys and
    /// codes that can be guessed.
    pub fn fill(&self, out: &mut [u8]) {
        match &self.0 {
            #[expect(
                clippy::expect_used,
                reason = "no request may be served without randomness"
            )]
            Source::System => rand::fill(out).expect("the system's random generator failed"),
            Source::Seeded(stream) => stream
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill(out),
        }
    }

    /// A number in `0..n`, each equally likely; 0 when `n` is 0.
    #[must_use]
    pub fn below(&self, n: u32) -> u32 {
        if n < 2 {
            return 0;
        }
        // Refuse the incomplete last run of `n` values, which would favour the small ones.
        let complete = u32::MAX - u32::MAX % n;
        loop {
            let drawn = u32::from_le_bytes(self.bytes());
            if drawn < complete {
                return drawn % n;
            }
        }
    }

    /// A code of `n` decimal digits, leading zeros included, as for one-time codes.
    #[must_use]
    pub fn digits(&self, n: usize) -> String {
        self.letters(n, DECIMAL)
    }

    /// `len` characters of `0-9A-Za-z`: 5.95 bits of entropy each.
    #[must_use]
    pub fn base62(&self, len: usize) -> String {
        self.letters(len, BASE62)
    }

    /// A bearer secret: 32 random bytes as 43 characters of base64url without padding.
    #[must_use]
    pub fn token(&self) -> String {
        b64url(&self.bytes::<32>())
    }

    fn letters(&self, len: usize, alphabet: &[u8]) -> String {
        let complete = 256 - 256 % alphabet.len();
        let mut out = String::with_capacity(len);
        while out.len() < len {
            let drawn = self.bytes::<32>();
            out.extend(
                drawn
                    .into_iter()
                    .map(usize::from)
                    .filter(|byte| *byte < complete)
                    .map(|byte| char::from(alphabet[byte % alphabet.len()]))
                    .take(len - out.len()),
            );
        }
        out
    }
}

/// HMAC-SHA-256 in counter mode, keyed by the seed.
struct Stream {
    seed: u64,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Stream {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == self.block.len() {
                self.block = hmac_sha256(&self.seed.to_be_bytes(), &self.counter.to_be_bytes());
                self.counter += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_values_and_another_does_not() {
        let first = Rng::seeded(7).bytes::<100>();
        assert_eq!(first, Rng::seeded(7).bytes::<100>());
        assert_ne!(first, Rng::seeded(8).bytes::<100>());
    }

    #[test]
    fn clones_of_a_seeded_generator_share_its_stream() {
        let rng = Rng::seeded(1);
        let clone = rng.clone();
        let apart = [rng.bytes::<5>(), clone.bytes::<5>()].concat();
        assert_eq!(apart, Rng::seeded(1).bytes::<10>());
    }

    #[test]
    fn the_system_generator_does_not_repeat_itself() {
        let rng = Rng::system();
        assert_ne!(rng.token(), rng.token());
        assert_eq!(rng.token().len(), 43);
    }

    #[test]
    fn numbers_below_cover_their_range_evenly() {
        let rng = Rng::seeded(3);
        let mut counts = [0_u32; 6];
        for _ in 0..12_000 {
            counts[rng.below(6) as usize] += 1;
        }
        assert!(counts.iter().all(|n| (1_800..2_200).contains(n)));
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
        assert!(rng.below(u32::MAX) < u32::MAX);
    }

    #[test]
    fn letters_are_of_their_alphabet_and_evenly_spread() {
        let rng = Rng::seeded(4);
        let text = rng.base62(62_000);
        assert_eq!(text.len(), 62_000);
        for letter in BASE62 {
            let count = text.bytes().filter(|byte| byte == letter).count();
            assert!((850..1_150).contains(&count), "{letter}: {count}");
        }
        let code = rng.digits(6);
        assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(rng.digits(0), "");
    }
}
