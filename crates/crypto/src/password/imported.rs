//! Imported digests: password verifiers made by other systems, as Clerk's API takes them.
//!
//! Stored texts, after `i1$<hasher>$$`: strong digests as they came; weak ones as
//! `<iterations>.<digest length>.<base64url salt>.<bcrypt>`, bcrypt over the peppered raw digest,
//! which is itself not at rest.
//! Invariants: parameters are bounded, so that no digest occupies a core for minutes; passwords
//! are hashed as typed, without normalisation, since that is what the other system did.
//! Not here: `awscognito`, which has no digest.
//! Reference: contract bapi §3.3.

mod encoding;
mod strong;
mod weak;

use std::fmt;

use self::{
    strong::Strong,
    weak::{Raw, Weak},
};
use super::{bcrypt::Verifier, peppered};
use crate::rng::Rng;

pub(super) const IMPORTED: &str = "i1$";
const MAX_DIGEST_LEN: usize = 2048;
/// Iterated digests read the whole password each time: a long one would be a cheap way to stall us.
const MAX_PASSWORD_LEN: usize = 4096;

/// Why a digest is not imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// No hasher has this name: `form_param_value_invalid`.
    UnknownHasher,
    /// Not the hasher's format, or parameters out of bounds: `form_password_digest_invalid_code`.
    BadDigest,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownHasher => "unknown password hasher",
            Self::BadDigest => "the digest is not of the hasher's format or too costly",
        })
    }
}

impl std::error::Error for ImportError {}

/// The text to store for a digest of another system, named and written as in contract bapi §3.3.
///
/// A weak digest is wrapped in bcrypt at `cost` under the pepper, which occupies a core as long as
/// [`super::hash`] does. Bounds: bcrypt cost 16; Argon2 256 MiB, 16 passes and 16 lanes; PBKDF2
/// and Symfony 2 000 000 iterations; phpass 2^20 rounds; scrypt N 2^20, r 32, p 16 and 256 MiB;
/// digests of 2048 characters.
///
/// # Errors
/// [`ImportError::UnknownHasher`], or [`ImportError::BadDigest`] for a malformed or too costly one.
pub fn import(
    hasher: &str,
    digest: &str,
    cost: u32,
    pepper: &[u8],
    rng: &Rng,
) -> Result<String, ImportError> {
    let hasher = Hasher::find(hasher).ok_or(ImportError::UnknownHasher)?;
    if digest.len() > MAX_DIGEST_LEN {
        return Err(ImportError::BadDigest);
    }
    let content = match hasher.kind {
        Kind::Strong(kind) => Strong::parse(kind, digest).map(|_| digest.to_owned()),
        Kind::Weak(kind) => Weak::parse(kind, digest).map(|(weak, raw)| {
            let secret = wrapped(pepper, hasher.name, &raw);
            let verifier = Verifier::compute(cost, rng.bytes(), secret.as_bytes());
            format!("{weak}.{verifier}")
        }),
    };
    let content = content.ok_or(ImportError::BadDigest)?;
    Ok(format!("{IMPORTED}{}$${content}", hasher.name))
}

/// Whether `password` is that of a stored text without its [`IMPORTED`]; false if malformed.
pub(super) fn verify(stored: &str, password: &str, pepper: &[u8]) -> bool {
    if password.len() > MAX_PASSWORD_LEN {
        return false;
    }
    let Some((name, content)) = stored.split_once("$$") else {
        return false;
    };
    let Some(hasher) = Hasher::find(name) else {
        return false;
    };
    match hasher.kind {
        Kind::Strong(kind) => {
            Strong::parse(kind, content).is_some_and(|strong| strong.admits(password.as_bytes()))
        }
        Kind::Weak(kind) => Weak::parse_stored(kind, content).is_some_and(|(weak, verifier)| {
            weak.compute(password.as_bytes()).iter().any(|raw| {
                let secret = wrapped(pepper, hasher.name, raw);
                verifier.admits(secret.as_bytes())
            })
        }),
    }
}

/// The secret under bcrypt for a weak digest; the prefix keeps it apart from those of passwords.
fn wrapped(pepper: &[u8], hasher: &str, raw: &Raw) -> zeroize::Zeroizing<String> {
    let prefixed = [b"usher/imported\0", hasher.as_bytes(), &[0], raw].concat();
    peppered(pepper, &prefixed)
}

struct Hasher {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Strong(strong::Kind),
    Weak(weak::Kind),
}

impl Hasher {
    fn find(name: &str) -> Option<&'static Self> {
        HASHERS.iter().find(|hasher| hasher.name == name)
    }

    const fn strong(name: &'static str, kind: strong::Kind) -> Self {
        let kind = Kind::Strong(kind);
        Self { name, kind }
    }

    const fn weak(name: &'static str, kind: weak::Kind) -> Self {
        let kind = Kind::Weak(kind);
        Self { name, kind }
    }
}

const HASHERS: &[Hasher] = &[
    Hasher::strong("bcrypt", strong::Kind::Bcrypt),
    Hasher::strong("bcrypt_sha256_django", strong::Kind::BcryptSha256Django),
    Hasher::strong("bcrypt_peppered", strong::Kind::BcryptPeppered),
    Hasher::strong("argon2i", strong::Kind::Argon2i),
    Hasher::strong("argon2id", strong::Kind::Argon2id),
    Hasher::strong("pbkdf2_sha256", strong::Kind::Pbkdf2Sha256),
    Hasher::strong("pbkdf2_sha256_django", strong::Kind::Pbkdf2Sha256Django),
    Hasher::strong("pbkdf2_sha512", strong::Kind::Pbkdf2Sha512),
    Hasher::strong("pbkdf2_sha512_hex", strong::Kind::Pbkdf2Sha512Hex),
    Hasher::strong("scrypt_firebase", strong::Kind::ScryptFirebase),
    Hasher::strong("scrypt_werkzeug", strong::Kind::ScryptWerkzeug),
    Hasher::weak("pbkdf2_sha1", weak::Kind::Pbkdf2Sha1),
    Hasher::weak("phpass", weak::Kind::Phpass),
    Hasher::weak("md5_phpass", weak::Kind::Md5Phpass),
    Hasher::weak("ldap_ssha", weak::Kind::LdapSsha),
    Hasher::weak("md5", weak::Kind::Md5),
    Hasher::weak("md5_salted", weak::Kind::Md5Salted),
    Hasher::weak("sha256", weak::Kind::Sha256),
    Hasher::weak("sha256_salted", weak::Kind::Sha256Salted),
    Hasher::weak("sha512_symfony", weak::Kind::Sha512Symfony),
];

#[cfg(test)]
#[path = "imported/tests.rs"]
mod tests;
