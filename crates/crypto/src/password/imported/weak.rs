//! Digests too fast to be at rest: their raw bytes are wrapped in bcrypt, their salts are kept.
//!
//! Reference: RFC 8018 §5.2 with SHA-1, Openwall's phpass 0.3 (portable hashes), RFC 2307 §5.3 and
//! OpenLDAP's `{SSHA}`, Symfony's `MessageDigestPasswordHasher`; contract bapi §3.3, whose guesses
//! for `md5_phpass`, `ldap_ssha` and the salted digests are followed.

use std::{fmt, num::NonZeroU32};

use aws_lc_rs::{
    digest::{SHA512, digest},
    pbkdf2,
};
use md5::{Digest as _, Md5};

use super::{
    encoding::{base64, hex, number, parts, sized},
    strong::{DIGEST_LEN, MAX_ITERATIONS},
};
use crate::{
    digest::{self, b64url, b64url_decode, sha1, sha256},
    password::bcrypt::Verifier,
};

const ITOA64: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 2^20 rounds of MD5 take about 0.2 s; WordPress had 2^13.
const PHPASS_LOG2: std::ops::RangeInclusive<u32> = 7..=20;
const SALT_LEN: std::ops::RangeInclusive<usize> = 1..=1024;

/// The bytes of a weak digest.
pub(super) type Raw = Vec<u8>;

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Pbkdf2Sha1,
    Phpass,
    Md5Phpass,
    LdapSsha,
    Md5,
    Md5Salted,
    Sha256,
    Sha256Salted,
    Sha512Symfony,
}

/// A parsed digest without its raw bytes.
pub(super) struct Weak {
    kind: Kind,
    /// Iterations, or their binary logarithm for phpass; 1 where there is no such parameter.
    iterations: u32,
    len: usize,
    salt: Vec<u8>,
}

impl fmt::Display for Weak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.iterations, self.len, b64url(&self.salt))
    }
}

impl Weak {
    /// The parameters and the raw digest of an imported text; `None` for another format.
    pub(super) fn parse(kind: Kind, text: &str) -> Option<(Self, Raw)> {
        let (iterations, salt, raw) = match kind {
            Kind::Pbkdf2Sha1 => pbkdf2_sha1(text)?,
            Kind::Phpass | Kind::Md5Phpass => phpass(text)?,
            Kind::LdapSsha => ldap_ssha(text)?,
            Kind::Md5 => (1, Vec::new(), sized(hex(text)?, 16..=16)?),
            Kind::Md5Salted => salted(text, 16)?,
            Kind::Sha256 => (1, Vec::new(), sized(hex(text)?, 32..=32)?),
            Kind::Sha256Salted => salted(text, 32)?,
            Kind::Sha512Symfony => sha512_symfony(text)?,
        };
        let len = raw.len();
        let weak = Self {
            kind,
            iterations,
            len,
            salt,
        };
        Some((weak, raw))
    }

    /// The parameters and the wrapping of a stored text; `None` for a malformed one.
    pub(super) fn parse_stored(kind: Kind, text: &str) -> Option<(Self, Verifier)> {
        let mut parts = text.splitn(4, '.');
        let weak = Self {
            kind,
            iterations: number(parts.next()?, 1..=MAX_ITERATIONS)?,
            len: number(parts.next()?, DIGEST_LEN)?,
            salt: b64url_decode(parts.next()?)?,
        };
        Some((weak, Verifier::parse(parts.next()?)?))
    }

    /// The raw digests that a password may have: two where the order of the salt is unknown.
    pub(super) fn compute(&self, password: &[u8]) -> Vec<Raw> {
        let salt = &*self.salt;
        let orders = || [[salt, password].concat(), [password, salt].concat()];
        match self.kind {
            Kind::Pbkdf2Sha1 => vec![self.derive_pbkdf2(password)],
            Kind::Phpass => vec![self.iterate_phpass(password)],
            Kind::Md5Phpass => vec![self.iterate_phpass(digest::hex(&md5(password)).as_bytes())],
            Kind::LdapSsha => vec![sha1(&[password, salt].concat()).to_vec()],
            Kind::Md5 => vec![md5(password)],
            Kind::Sha256 => vec![sha256(password).to_vec()],
            Kind::Md5Salted => orders().iter().map(|both| md5(both)).collect(),
            Kind::Sha256Salted => orders().iter().map(|both| sha256(both).to_vec()).collect(),
            Kind::Sha512Symfony => vec![self.iterate_symfony(password)],
        }
    }

    fn derive_pbkdf2(&self, password: &[u8]) -> Raw {
        let iterations = NonZeroU32::new(self.iterations).unwrap_or(NonZeroU32::MIN);
        let mut out = vec![0; self.len];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA1;
        pbkdf2::derive(algorithm, iterations, &self.salt, password, &mut out);
        out
    }

    fn iterate_phpass(&self, password: &[u8]) -> Raw {
        let mut hash = md5(&[&self.salt, password].concat());
        for _ in 0..1_u32 << self.iterations.min(*PHPASS_LOG2.end()) {
            hash = md5(&[&hash, password].concat());
        }
        hash
    }

    /// SHA-512 of `password{salt}`, then again and again of the last digest and the same.
    fn iterate_symfony(&self, password: &[u8]) -> Raw {
        let salted = match &*self.salt {
            [] => password.to_vec(),
            salt => [password, b"{", salt, b"}"].concat(),
        };
        let mut hash = digest(&SHA512, &salted);
        for _ in 1..self.iterations {
            hash = digest(&SHA512, &[hash.as_ref(), &salted].concat());
        }
        hash.as_ref().to_vec()
    }
}

type Parsed = (u32, Vec<u8>, Raw);

/// `pbkdf2_sha1$<iterations>$<salt>$<hex digest>[$<digest length>]`; a salt that can be read as
/// hexadecimal is.
fn pbkdf2_sha1(text: &str) -> Option<Parsed> {
    let (text, len) = match parts::<5>(text, '$') {
        Some([.., len]) => {
            let len_at = text.rfind('$')?;
            (&text[..len_at], Some(number(len, DIGEST_LEN)?))
        }
        None => (text, None),
    };
    let ["pbkdf2_sha1", iterations, salt, digest] = parts(text, '$')? else {
        return None;
    };
    let iterations = number(iterations, 1..=MAX_ITERATIONS)?;
    let salt = hex(salt).unwrap_or_else(|| salt.as_bytes().to_vec());
    let raw = sized(hex(digest)?, DIGEST_LEN)?;
    if len.is_some_and(|len| len != raw.len()) {
        return None;
    }
    Some((iterations, sized(salt, SALT_LEN)?, raw))
}

/// `$P$<1 letter of log2 rounds><8 of salt><22 of digest>`, or `$H$` as phpBB has it.
fn phpass(text: &str) -> Option<Parsed> {
    let rest = text
        .strip_prefix("$P$")
        .or_else(|| text.strip_prefix("$H$"))?;
    let (log2, rest) = rest.split_at_checked(1)?;
    let (salt, digest) = rest.split_at_checked(8)?;
    let log2 = itoa64(log2.as_bytes()[0]).filter(|log2| PHPASS_LOG2.contains(log2))?;
    if digest.len() != 22 {
        return None;
    }
    let mut raw = Vec::with_capacity(18);
    for four in digest.as_bytes().chunks(4) {
        let mut bits = 0;
        for (at, letter) in four.iter().enumerate() {
            bits |= itoa64(*letter)? << (6 * at);
        }
        raw.extend_from_slice(&bits.to_le_bytes()[..3]);
    }
    // The last two letters hold one byte and four zero bits.
    if raw.split_off(16) != [0, 0] {
        return None;
    }
    Some((log2, salt.as_bytes().to_vec(), raw))
}

fn itoa64(letter: u8) -> Option<u32> {
    let at = ITOA64.iter().position(|it| *it == letter)?;
    u32::try_from(at).ok()
}

/// `{SSHA}<base64 of SHA-1 digest ‖ salt>`
fn ldap_ssha(text: &str) -> Option<Parsed> {
    let (scheme, rest) = text.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case("{SSHA}") {
        return None;
    }
    let mut raw = base64(rest)?;
    if raw.len() <= 20 {
        return None;
    }
    let salt = raw.split_off(20);
    Some((1, salt, raw))
}

/// `<salt>$<hex digest>`; the salt may contain `$`.
fn salted(text: &str, len: usize) -> Option<Parsed> {
    let (salt, digest) = text.rsplit_once('$')?;
    let raw = sized(hex(digest)?, len..=len)?;
    Some((1, sized(salt.as_bytes().to_vec(), SALT_LEN)?, raw))
}

/// `sha512_symfony$<iterations>$<salt>$<base64 digest>`
fn sha512_symfony(text: &str) -> Option<Parsed> {
    let ["sha512_symfony", iterations, salt, digest] = parts(text, '$')? else {
        return None;
    };
    let iterations = number(iterations, 1..=MAX_ITERATIONS)?;
    let raw = sized(base64(digest)?, 64..=64)?;
    Some((iterations, salt.as_bytes().to_vec(), raw))
}

fn md5(data: &[u8]) -> Raw {
    Md5::digest(data).to_vec()
}
