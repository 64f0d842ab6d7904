//! Sealing: authenticated encryption of the secrets at rest. The master key of an installation seals the data key of each
//! instance; the data key seals what is the instance's, and other keys derive from it.
//!
//! Invariants: every purpose has a key of its own (HKDF-SHA-256, RFC 5869) and is authenticated, so
//! that what is sealed for one purpose never opens for another; a sealed text names its key.
//! Format: `s1.<key id, 8 hex digits>.<base64url of 12-byte nonce ‖ ciphertext ‖ 16-byte tag>`.
//! Not here: where the master key is kept, and what is sealed again when it changes.
//! Reference: NIST SP 800-38D (AES-256-GCM; at most 2^32 seals for each purpose with random nonces).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::{
    digest::{b64url, b64url_decode, fixed, hex, hex_decode, hmac_sha256},
    rng::Rng,
};

const SALT: &[u8] = b"usher/master/1";

/// A 256-bit key from which others are derived: the master key of an installation, or the data key of an instance.
///
/// Its bytes are wiped from memory when it is dropped, and never printed.
#[derive(Clone)]
pub struct Master {
    key: Zeroizing<[u8; 32]>,
    /// The one before, which still opens what it sealed.
    previous: Option<Box<Master>>,
}

/// Why a key or a sealed text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// The text was sealed under another master key: its key id differs.
    WrongKey,
    /// The text is not a sealed one, was altered, or was sealed for another purpose.
    Damaged,
    /// The master key is not 64 hexadecimal digits.
    BadKey,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongKey => "the text was sealed under another master key",
            Self::Damaged => "the sealed text is damaged or was sealed for another purpose",
            Self::BadKey => "the master key is not 64 hexadecimal digits",
        })
    }
}

impl std::error::Error for SealError {}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Master({})", self.key_id())
    }
}

impl Master {
    /// The key written as 64 hexadecimal digits of either case.
    ///
    /// # Errors
    /// [`SealError::BadKey`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(hex_decode(text).ok_or(SealError::BadKey)?);
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| SealError::BadKey)?;
        Ok(Self::new(key))
    }

    /// A new random key.
    #[must_use]
    pub fn generate(rng: &Rng) -> Self {
        Self::new(rng.bytes())
    }

    fn new(key: [u8; 32]) -> Self {
        Self {
            key: Zeroizing::new(key),
            previous: None,
        }
    }

    /// The same key, which also opens what `previous` sealed. It never seals or derives with it.
    #[must_use]
    pub fn with_previous(mut self, previous: Master) -> Self {
        self.previous = Some(Box::new(previous));
        self
    }

    /// The key before this one, while there is one.
    #[must_use]
    pub fn previous(&self) -> Option<&Master> {
        self.previous.as_deref()
    }

    /// Seals another key under this one.
    #[must_use]
    pub fn wrap(&self, rng: &Rng, purpose: &str, inner: &Master) -> String {
        self.seal(rng, purpose, &*inner.key)
    }

    /// The key that [`Master::wrap`] sealed.
    ///
    /// # Errors
    /// As [`Master::open`].
    pub fn unwrap_key(&self, purpose: &str, wrapped: &str) -> Result<Master, SealError> {
        let plain = Zeroizing::new(self.open(purpose, wrapped)?);
        let key = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| SealError::Damaged)?;
        Ok(Self::new(key))
    }

    /// True when a sealed text names this very key, not the one before.
    #[must_use]
    pub fn sealed(&self, text: &str) -> bool {
        text.strip_prefix("s1.")
            .and_then(|rest| rest.split_once('.'))
            .is_some_and(|(id, _)| id == self.key_id())
    }

    /// A key that only the holder of `token` has, for what is kept under the token's hash: the database alone opens
    /// nothing. The token must have 128 random bits at least.
    #[must_use]
    pub fn of_token(token: &str) -> Self {
        Self::new(hmac_sha256(b"usher/token/1", token.as_bytes()))
    }

    /// The key as 64 lower-case hexadecimal digits: the secret itself, for the operator only.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&*self.key)
    }

    /// The public name of the key: 8 hexadecimal digits that say nothing about it.
    #[must_use]
    pub fn key_id(&self) -> String {
        hex(&fixed::<4>(&self.expand("id", "")))
    }

    /// The 256-bit key of one purpose, such as a pepper or the key of a MAC.
    ///
    /// Never a key that [`Master::seal`] uses, even for an equal purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.expand("derive", purpose)
    }

    /// Encrypts and authenticates `plain` for one purpose, such as `totp_secret`.
    ///
    /// # Panics
    /// When `plain` is longer than the 64 GiB that AES-GCM admits.
    #[must_use]
    pub fn seal(&self, rng: &Rng, purpose: &str, plain: &[u8]) -> String {
        let nonce: [u8; NONCE_LEN] = rng.bytes();
        let mut body = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        body.extend_from_slice(&nonce);
        body.extend_from_slice(plain);
        #[expect(
            clippy::expect_used,
            reason = "fails only above the length limit of AES-GCM"
        )]
        let tag = self
            .sealing_key(purpose)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose.as_bytes()),
                &mut body[NONCE_LEN..],
            )
            .expect("less than 64 GiB are sealed");
        body.extend_from_slice(tag.as_ref());
        format!("s1.{}.{}", self.key_id(), b64url(&body))
    }

    /// The bytes sealed for the same purpose under this key, or under the one before.
    ///
    /// # Errors
    /// [`SealError::WrongKey`] when the text names neither this key nor the one before, else [`SealError::Damaged`].
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>, SealError> {
        let (key_id, body) = sealed
            .strip_prefix("s1.")
            .and_then(|rest| rest.split_once('.'))
            .filter(|(key_id, _)| is_key_id(key_id))
            .ok_or(SealError::Damaged)?;
        if key_id != self.key_id() {
            return match &self.previous {
                Some(previous) => previous.open(purpose, sealed),
                None => Err(SealError::WrongKey),
            };
        }
        let mut body = b64url_decode(body).ok_or(SealError::Damaged)?;
        let (nonce, secret) = body
            .split_first_chunk_mut::<NONCE_LEN>()
            .ok_or(SealError::Damaged)?;
        let plain = self
            .sealing_key(purpose)
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(purpose.as_bytes()),
                secret,
            )
            .map_err(|_| SealError::Damaged)?;
        Ok(plain.to_vec())
    }

    fn sealing_key(&self, purpose: &str) -> LessSafeKey {
        let key = Zeroizing::new(self.expand("seal", purpose));
        #[expect(clippy::expect_used, reason = "the key is a [u8; 32]")]
        let key = UnboundKey::new(&AES_256_GCM, &*key).expect("AES-256 keys have 32 bytes");
        LessSafeKey::new(key)
    }

    /// HKDF-SHA-256 (RFC 5869) of one block, its `info` being `kind ‖ 0 ‖ purpose`.
    fn expand(&self, kind: &str, purpose: &str) -> [u8; 32] {
        let extracted = Zeroizing::new(hmac_sha256(SALT, &*self.key));
        let info = [kind.as_bytes(), &[0], purpose.as_bytes(), &[1]].concat();
        hmac_sha256(&*extracted, &info)
    }
}

fn is_key_id(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_under_a_token_needs_the_token() {
        let rng = Rng::seeded(9);
        let token = rng.token();
        let sealed = Master::of_token(&token).seal(&rng, "p", b"secret");
        assert_eq!(
            Master::of_token(&token).open("p", &sealed).as_deref(),
            Ok(&b"secret"[..])
        );
        assert_eq!(
            Master::of_token(&rng.token()).open("p", &sealed),
            Err(SealError::WrongKey)
        );
    }

    fn master() -> Master {
        Master::generate(&Rng::seeded(1))
    }

    #[test]
    fn a_sealed_secret_opens_again() {
        let rng = Rng::seeded(2);
        for plain in [&b""[..], b"x", &[0; 1000]] {
            let sealed = master().seal(&rng, "totp_secret", plain);
            assert_eq!(master().open("totp_secret", &sealed).unwrap(), plain);
        }
        assert_ne!(
            master().seal(&rng, "p", b"same"),
            master().seal(&rng, "p", b"same")
        );
    }

    #[test]
    fn another_purpose_does_not_open_it() {
        let sealed = master().seal(&Rng::seeded(2), "totp_secret", b"x");
        assert_eq!(master().open("client", &sealed), Err(SealError::Damaged));
    }

    #[test]
    fn another_key_is_told_from_damage() {
        let sealed = master().seal(&Rng::seeded(2), "p", b"x");
        let other = Master::generate(&Rng::seeded(9));
        assert_eq!(other.open("p", &sealed), Err(SealError::WrongKey));
    }

    #[test]
    fn the_key_before_opens_and_does_not_seal() {
        let (old, rng) = (master(), Rng::seeded(3));
        let new = Master::generate(&Rng::seeded(9)).with_previous(old.clone());
        let sealed = old.seal(&rng, "p", b"x");
        assert_eq!(new.open("p", &sealed).unwrap(), b"x");
        assert!(old.sealed(&sealed) && !new.sealed(&sealed));
        let again = new.seal(&rng, "p", b"x");
        assert_eq!(old.open("p", &again), Err(SealError::WrongKey));
        assert!(new.sealed(&again));
        assert_ne!(new.derive("x"), old.derive("x"));
    }

    #[test]
    fn a_wrapped_key_comes_back_under_its_purpose_only() {
        let (rng, inner) = (Rng::seeded(3), Master::generate(&Rng::seeded(4)));
        let wrapped = master().wrap(&rng, "data:a", &inner);
        let back = master().unwrap_key("data:a", &wrapped).unwrap();
        assert_eq!(back.derive("x"), inner.derive("x"));
        assert!(master().unwrap_key("data:b", &wrapped).is_err());
        let short = master().seal(&rng, "data:a", b"short");
        assert_eq!(
            master().unwrap_key("data:a", &short).unwrap_err(),
            SealError::Damaged
        );
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let sealed = master().seal(&Rng::seeded(2), "p", b"secret");
        for at in 0..sealed.len() {
            let mut altered = sealed.clone().into_bytes();
            altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(master().open("p", &altered).is_err(), "{altered}");
        }
        for end in 0..sealed.len() {
            assert!(master().open("p", &sealed[..end]).is_err());
        }
    }

    #[test]
    fn malformed_texts_are_damaged() {
        let id = master().key_id();
        for text in [
            String::new(),
            "s1.".to_owned(),
            "s2.00000000.AAAA".to_owned(),
            "s1.0000000.AAAA".to_owned(),
            format!("s1.{id}."),
            format!("s1.{id}.AAAA"),
            format!("s1.{id}.AAAA.AAAA"),
        ] {
            assert_eq!(master().open("p", &text), Err(SealError::Damaged), "{text}");
        }
    }

    #[test]
    fn the_key_survives_its_hexadecimal_form() {
        let again = Master::from_hex(&master().to_hex().to_uppercase()).unwrap();
        assert_eq!(again.derive("x"), master().derive("x"));
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66)] {
            assert_eq!(Master::from_hex(text).unwrap_err(), SealError::BadKey);
        }
    }

    #[test]
    fn derivation_is_hkdf_and_separates_kinds() {
        use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
        let info = [&b"derive\0pepper"[..]];
        let prk = Salt::new(HKDF_SHA256, SALT).extract(&*master().key);
        let mut expected = [0; 32];
        prk.expand(&info, HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut expected))
            .unwrap();
        assert_eq!(master().derive("pepper"), expected);
        assert_ne!(master().expand("seal", "pepper"), expected);
    }

    #[test]
    fn debug_output_hides_the_key() {
        let shown = format!("{:?}", master());
        assert_eq!(shown, format!("Master({})", master().key_id()));
    }
}
