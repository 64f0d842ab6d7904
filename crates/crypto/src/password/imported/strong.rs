//! Digests made to be slow, kept as they come.
//!
//! Reference: RFC 9106 (Argon2), RFC 8018 §5.2 (PBKDF2), RFC 7914 (scrypt), Django's
//! `hashers.py`, Werkzeug's `security.py`, Firebase's `scrypt` repository, the PHC string format.

use std::num::NonZeroU32;

use argon2::{Algorithm, Argon2, Version};
use aws_lc_rs::{
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
    pbkdf2,
};
use zeroize::Zeroizing;

use super::encoding::{base64, hex, number, parts, sized};
use crate::{
    digest::{self, equal, sha256},
    password::bcrypt::Verifier,
};

const MAX_BCRYPT_COST: u32 = 16;
const MAX_KIB: u32 = 256 * 1024;
pub(super) const MAX_ITERATIONS: u32 = 2_000_000;

/// Below 16 bytes a digest can be matched by work alone; above 128 nobody makes any.
pub(super) const DIGEST_LEN: std::ops::RangeInclusive<usize> = 16..=128;
const SALT_LEN: std::ops::RangeInclusive<usize> = 1..=1024;

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Bcrypt,
    BcryptSha256Django,
    BcryptPeppered,
    Argon2i,
    Argon2id,
    Pbkdf2Sha256,
    Pbkdf2Sha256Django,
    Pbkdf2Sha512,
    Pbkdf2Sha512Hex,
    ScryptFirebase,
    ScryptWerkzeug,
}

/// A parsed digest.
pub(super) enum Strong {
    Bcrypt(Verifier, Before),
    Derived(Function, Vec<u8>),
}

/// What becomes of the password before bcrypt.
pub(super) enum Before {
    Nothing,
    HexSha256,
    Append(String),
}

pub(super) enum Function {
    Argon2(Box<Argon2<'static>>, Vec<u8>),
    Pbkdf2(pbkdf2::Algorithm, NonZeroU32, Vec<u8>),
    Scrypt(scrypt::Params, Vec<u8>),
    Firebase {
        params: scrypt::Params,
        salt: Vec<u8>,
        signer_key: Vec<u8>,
    },
}

impl Strong {
    /// `None` for another format and for parameters out of bounds.
    pub(super) fn parse(kind: Kind, text: &str) -> Option<Self> {
        let sha256 = pbkdf2::PBKDF2_HMAC_SHA256;
        let sha512 = pbkdf2::PBKDF2_HMAC_SHA512;
        match kind {
            Kind::Bcrypt => bcrypt(text, Before::Nothing),
            Kind::BcryptSha256Django => {
                bcrypt(text.strip_prefix("bcrypt_sha256$")?, Before::HexSha256)
            }
            Kind::BcryptPeppered => {
                let (text, pepper) = text.split_at_checked(60)?;
                let pepper = pepper.strip_prefix('$').filter(|it| !it.is_empty())?;
                bcrypt(text, Before::Append(pepper.to_owned()))
            }
            Kind::Argon2i => argon2(text, "argon2i", Algorithm::Argon2i),
            Kind::Argon2id => argon2(text, "argon2id", Algorithm::Argon2id),
            Kind::Pbkdf2Sha256 => pbkdf2(text, "pbkdf2_sha256", sha256, base64, base64),
            Kind::Pbkdf2Sha256Django => pbkdf2(text, "pbkdf2_sha256", sha256, raw, base64),
            Kind::Pbkdf2Sha512 => pbkdf2(text, "pbkdf2_sha512", sha512, raw, hex),
            Kind::Pbkdf2Sha512Hex => pbkdf2(text, "pbkdf2_sha512_hex", sha512, hex, hex),
            Kind::ScryptFirebase => scrypt_firebase(text),
            Kind::ScryptWerkzeug => scrypt_werkzeug(text),
        }
    }

    /// Whether this is the digest of `password`.
    pub(super) fn admits(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt(verifier, before) => verifier.admits(&before.apply(password)),
            Self::Derived(function, expected) => function
                .derive(password, expected.len())
                .is_some_and(|found| equal(&found, expected)),
        }
    }
}

impl Before {
    fn apply(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Nothing => password.to_vec(),
            Self::HexSha256 => digest::hex(&sha256(password)).into_bytes(),
            Self::Append(pepper) => [password, pepper.as_bytes()].concat(),
        })
    }
}

impl Function {
    fn derive(&self, password: &[u8], len: usize) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(vec![0; len]);
        match self {
            Self::Argon2(argon2, salt) => {
                argon2.hash_password_into(password, salt, &mut out).ok()?;
            }
            Self::Pbkdf2(algorithm, iterations, salt) => {
                pbkdf2::derive(*algorithm, *iterations, salt, password, &mut out);
            }
            Self::Scrypt(params, salt) => {
                scrypt::scrypt(password, salt, params, &mut out).ok()?;
            }
            Self::Firebase {
                params,
                salt,
                signer_key,
            } => {
                let mut key = Zeroizing::new([0; 32]);
                scrypt::scrypt(password, salt, params, &mut *key).ok()?;
                out.copy_from_slice(signer_key);
                encrypt_ctr(&key, &mut out)?;
            }
        }
        Some(out)
    }
}

fn bcrypt(text: &str, before: Before) -> Option<Strong> {
    let verifier = Verifier::parse(text).filter(|it| it.cost <= MAX_BCRYPT_COST)?;
    Some(Strong::Bcrypt(verifier, before))
}

/// `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<digest>`
fn argon2(text: &str, tag: &str, algorithm: Algorithm) -> Option<Strong> {
    let ["", found, "v=19", params, salt, digest] = parts(text, '$')? else {
        return None;
    };
    if found != tag {
        return None;
    }
    let [m, t, p] = parts(params, ',')?;
    let m = number(m.strip_prefix("m=")?, 8..=MAX_KIB)?;
    let t = number(t.strip_prefix("t=")?, 1..=16)?;
    let p = number(p.strip_prefix("p=")?, 1..=16)?;
    let salt = sized(base64(salt)?, 8..=1024)?;
    let digest = sized(base64(digest)?, DIGEST_LEN)?;
    let params = argon2::Params::new(m, t, p, Some(digest.len())).ok()?;
    let argon2 = Box::new(Argon2::new(algorithm, Version::V0x13, params));
    Some(Strong::Derived(Function::Argon2(argon2, salt), digest))
}

/// `<tag>$<iterations>$<salt>$<digest>`
fn pbkdf2(
    text: &str,
    tag: &str,
    algorithm: pbkdf2::Algorithm,
    read_salt: fn(&str) -> Option<Vec<u8>>,
    read_digest: fn(&str) -> Option<Vec<u8>>,
) -> Option<Strong> {
    let [found, iterations, salt, digest] = parts(text, '$')?;
    if found != tag {
        return None;
    }
    let iterations = NonZeroU32::new(number(iterations, 1..=MAX_ITERATIONS)?)?;
    let salt = sized(read_salt(salt)?, SALT_LEN)?;
    let digest = sized(read_digest(digest)?, DIGEST_LEN)?;
    let function = Function::Pbkdf2(algorithm, iterations, salt);
    Some(Strong::Derived(function, digest))
}

/// `<digest>$<salt>$<signer key>$<salt separator>$<rounds>$<mem cost>`: the digest is the signer
/// key encrypted with AES-256-CTR, under scrypt of the password, from a zero counter.
fn scrypt_firebase(text: &str) -> Option<Strong> {
    let [digest, salt, signer_key, separator, rounds, mem_cost] = parts(text, '$')?;
    let digest = sized(base64(digest)?, DIGEST_LEN)?;
    let signer_key = sized(base64(signer_key)?, digest.len()..=digest.len())?;
    let salt = sized([base64(salt)?, base64(separator)?].concat(), SALT_LEN)?;
    let params = scrypt_params(number(mem_cost, 1..=20)?, number(rounds, 1..=32)?, 1)?;
    let function = Function::Firebase {
        params,
        salt,
        signer_key,
    };
    Some(Strong::Derived(function, digest))
}

/// `scrypt:<N>:<r>:<p>$<salt>$<digest>`, with or without a `$` before it, hexadecimal or base64.
fn scrypt_werkzeug(text: &str) -> Option<Strong> {
    let [args, salt, digest] = parts(text.strip_prefix('$').unwrap_or(text), '$')?;
    let ["scrypt", n, r, p] = parts(args, ':')? else {
        return None;
    };
    let n = number(n, 2..=1_u32 << 20).filter(|n| n.is_power_of_two())?;
    let log_n = u8::try_from(n.trailing_zeros()).ok()?;
    let params = scrypt_params(log_n, number(r, 1..=32)?, number(p, 1..=16)?)?;
    let salt = sized(raw(salt)?, SALT_LEN)?;
    let digest = sized(hex(digest).or_else(|| base64(digest))?, DIGEST_LEN)?;
    Some(Strong::Derived(Function::Scrypt(params, salt), digest))
}

fn scrypt_params(log_n: u8, r: u32, p: u32) -> Option<scrypt::Params> {
    // scrypt takes 128 · N · r bytes.
    let kib = (u64::from(r) << log_n) / 8;
    if kib > u64::from(MAX_KIB) {
        return None;
    }
    scrypt::Params::new(log_n, r, p).ok()
}

fn encrypt_ctr(key: &[u8; 32], in_out: &mut [u8]) -> Option<()> {
    let key = UnboundCipherKey::new(&AES_256, key).ok()?;
    let start = EncryptionContext::Iv128(FixedLength::from([0; 16]));
    EncryptingKey::ctr(key)
        .ok()?
        .less_safe_encrypt(in_out, start)
        .ok()?;
    Some(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "stands beside the decoders, which may fail"
)]
fn raw(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}
