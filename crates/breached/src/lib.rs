//! Passwords that are known from breaches: a set on this machine, and a service that is asked without being told.
//!
//! [`filter`] reads a file that [`build`] made of a dump or of lists: a binary fuse filter over SHA-1 digests, looked up in
//! microseconds. [`range`] asks a range service (k-anonymity: five hexadecimal digits leave this machine).
//! Invariants: no password and no whole digest leaves this machine, is stored or is logged; every password of the set is
//! found, and one in 65,536 others is taken for one.
//! Not here: what is refused and when (`users::password` of the server).
mod build;
mod filter;
mod fuse;
mod range;

pub use build::{Built, Input, Plan, build};
pub use filter::{Filter, FilterError};
pub use range::{Range, Unavailable};

use std::sync::Arc;
use unicode_normalization::UnicodeNormalization;
use usher_types::Timestamp;

/// The SHA-1 digest of a password, as breach sets have it: of its UTF-8 bytes in NFC.
#[must_use]
pub fn digest(password: &str) -> [u8; 20] {
    let normal: String = password.nfc().collect();
    usher_crypto::digest::sha1(normal.as_bytes())
}

/// What a process has to check passwords with. Clones share it; the default has nothing.
#[derive(Clone, Debug, Default)]
pub struct Breached {
    /// The set on this machine.
    pub filter: Option<Arc<Filter>>,
    /// The service.
    pub range: Option<Arc<Range>>,
}

impl Breached {
    /// Whether the set on this machine has the digest; false where there is none. Three reads of two bytes: microseconds
    /// from the page cache.
    ///
    /// # Errors
    /// A file that cannot be read any more.
    pub fn is_in_filter(&self, digest: &[u8; 20]) -> std::io::Result<bool> {
        self.filter
            .as_ref()
            .map_or(Ok(false), |f| f.contains(digest))
    }

    /// Whether the service knows the digest; `None` where nobody is to be asked.
    ///
    /// # Errors
    /// No usable answer within the time that is allowed (a second at most).
    pub async fn is_in_range(
        &self,
        digest: &[u8; 20],
        now: Timestamp,
    ) -> Option<Result<bool, Unavailable>> {
        match &self.range {
            Some(range) => Some(range.contains(digest, now).await),
            None => None,
        }
    }
}
