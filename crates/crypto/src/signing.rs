//! RSA keys of 2048 bits and RS256 signatures, with their JWK and PEM forms.
//!
//! Invariants: a key is parsed once and shared by its clones; no key below 2048 bits verifies.
//! Not here: keeping keys (they are sealed, see [`crate::seal`]) and choosing the current one.
//! Reference: RFC 8017 §8.2 (RSASSA-PKCS1-v1_5), RFC 7518 §3.3 and §6.3, RFC 5208, RFC 5280.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, PublicKeyComponents},
    signature::{
        KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
        RsaPublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::digest::{b64url, b64url_decode};

/// A private RSA key; clones share it, and it is never printed.
#[derive(Clone)]
pub struct SigningKey(Arc<Private>);

struct Private {
    pair: KeyPair,
    public: PublicKey,
}

/// A public RSA key; clones share it.
#[derive(Clone)]
pub struct PublicKey(Arc<Public>);

struct Public {
    parsed: ParsedPublicKey,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    spki: Vec<u8>,
}

/// Why a key is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The encoding is not that of a valid RSA key of 2048 to 8192 bits.
    Rejected,
    /// A key could not be generated.
    Generation,
    /// A signature could not be made.
    Signing,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected => "not a valid RSA key of 2048 to 8192 bits",
            Self::Generation => "the RSA key could not be generated",
            Self::Signing => "the RSA signature could not be made",
        })
    }
}

impl std::error::Error for KeyError {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.modulus_b64url())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", b64url(&self.0.modulus))
    }
}

impl SigningKey {
    /// A new RSA-2048 key and its PKCS#8 v1 DER form, which is secret.
    ///
    /// Takes from tens of milliseconds to a second.
    ///
    /// # Errors
    /// [`KeyError::Generation`] when AWS-LC makes none.
    pub fn generate() -> Result<(Self, Vec<u8>), KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generation)?;
        let pkcs8: Pkcs8V1Der<'static> = pair.as_der().map_err(|_| KeyError::Generation)?;
        let pkcs8 = pkcs8.as_ref().to_vec();
        Ok((Self::new(pair)?, pkcs8))
    }

    /// The key in an unencrypted PKCS#8 DER document (RFC 5208).
    ///
    /// # Errors
    /// [`KeyError::Rejected`] for anything but a valid RSA key of 2048 to 8192 bits.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        Self::new(KeyPair::from_pkcs8(der).map_err(|_| KeyError::Rejected)?)
    }

    /// The RS256 signature of a message: 256 bytes for a 2048-bit key (RFC 7518 §3.3).
    ///
    /// # Errors
    /// [`KeyError::Signing`] when AWS-LC makes none.
    pub fn sign_rs256(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.0.pair.public_modulus_len()];
        let rng = SystemRandom::new();
        self.0
            .pair
            .sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature)
            .map_err(|_| KeyError::Signing)?;
        Ok(signature)
    }

    /// The modulus as base64url, the `n` of a JWK.
    #[must_use]
    pub fn modulus_b64url(&self) -> String {
        self.0.public.modulus_b64url()
    }

    /// The public exponent as base64url, the `e` of a JWK.
    #[must_use]
    pub fn exponent_b64url(&self) -> String {
        self.0.public.exponent_b64url()
    }

    /// The public key as a JWK with `use`, `alg` and `kid` (RFC 7517 §4, RFC 7518 §6.3.1).
    #[must_use]
    pub fn jwk(&self, kid: &str) -> Value {
        self.0.public.jwk(kid)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.0.public.clone()
    }

    /// The public half as a PEM `PUBLIC KEY` block; see [`PublicKey::public_pem`].
    #[must_use]
    pub fn public_pem(&self) -> String {
        self.0.public.public_pem()
    }

    fn new(pair: KeyPair) -> Result<Self, KeyError> {
        let public = PublicKey::new(PublicKeyComponents::from(pair.public_key()))?;
        Ok(Self(Arc::new(Private { pair, public })))
    }
}

impl PublicKey {
    /// The key of a JWK's `n` and `e` (RFC 7518 §6.3.1).
    ///
    /// # Errors
    /// [`KeyError::Rejected`] for bad base64url, leading zeros, or a size outside 2048 to 8192 bits.
    pub fn from_components(n: &str, e: &str) -> Result<Self, KeyError> {
        let n = b64url_decode(n).ok_or(KeyError::Rejected)?;
        let e = b64url_decode(e).ok_or(KeyError::Rejected)?;
        Self::new(RsaPublicKeyComponents { n, e })
    }

    /// Whether `signature` is the RS256 signature of `message` by this key.
    #[must_use]
    pub fn verify_rs256(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.parsed.verify_sig(message, signature).is_ok()
    }

    /// The modulus as base64url, the `n` of a JWK.
    #[must_use]
    pub fn modulus_b64url(&self) -> String {
        b64url(&self.0.modulus)
    }

    /// The public exponent as base64url, the `e` of a JWK.
    #[must_use]
    pub fn exponent_b64url(&self) -> String {
        b64url(&self.0.exponent)
    }

    /// The key as a JWK with `use`, `alg` and `kid` (RFC 7517 §4, RFC 7518 §6.3.1).
    #[must_use]
    pub fn jwk(&self, kid: &str) -> Value {
        json!({
            "use": "sig",
            "kty": "RSA",
            "kid": kid,
            "alg": "RS256",
            "n": self.modulus_b64url(),
            "e": self.exponent_b64url(),
        })
    }

    /// The key as a PEM `PUBLIC KEY` block of 64-character lines, ending in a line feed
    /// (SubjectPublicKeyInfo; RFC 5280 §4.1, RFC 7468 §13).
    #[must_use]
    pub fn public_pem(&self) -> String {
        let encoded = STANDARD.encode(&self.0.spki);
        let mut pem = String::with_capacity(encoded.len() + encoded.len() / 64 + 64);
        pem.push_str("-----BEGIN PUBLIC KEY-----\n");
        for (at, letter) in encoded.char_indices() {
            if at > 0 && at % 64 == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.push_str("\n-----END PUBLIC KEY-----\n");
        pem
    }

    fn new(components: PublicKeyComponents<Vec<u8>>) -> Result<Self, KeyError> {
        // AWS-LC checks the size only when verifying; a key that never verifies is refused now.
        if !(256..=1024).contains(&components.n.len()) || components.n[0] & 0x80 == 0 {
            return Err(KeyError::Rejected);
        }
        let parsed = components
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| KeyError::Rejected)?;
        let spki: PublicKeyX509Der<'static> =
            components.as_der().map_err(|_| KeyError::Rejected)?;
        let spki = spki.as_ref().to_vec();
        let PublicKeyComponents {
            n: modulus,
            e: exponent,
        } = components;
        Ok(Self(Arc::new(Public {
            parsed,
            modulus,
            exponent,
            spki,
        })))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use super::*;

    /// One key for all tests: making one takes long without optimisation.
    pub(crate) static KEY: LazyLock<SigningKey> =
        LazyLock::new(|| SigningKey::generate().unwrap().0);

    #[test]
    fn a_signature_verifies_with_its_message_only() {
        let signature = KEY.sign_rs256(b"message").unwrap();
        let public = KEY.public();
        assert_eq!(signature.len(), 256);
        assert!(public.verify_rs256(b"message", &signature));
        assert!(!public.verify_rs256(b"another", &signature));
        assert!(!public.verify_rs256(b"message", &signature[1..]));
        assert!(!public.verify_rs256(b"message", b""));
    }

    #[test]
    fn the_pkcs8_form_is_the_same_key() {
        let (key, pkcs8) = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(&pkcs8).unwrap();
        assert_eq!(again.modulus_b64url(), key.modulus_b64url());
        let signature = again.sign_rs256(b"x").unwrap();
        assert!(key.public().verify_rs256(b"x", &signature));
        assert!(!KEY.public().verify_rs256(b"x", &signature));
    }

    #[test]
    fn other_documents_are_rejected() {
        for der in [&b""[..], b"garbage", &[0x30, 0x80, 0, 0]] {
            assert_eq!(SigningKey::from_pkcs8(der).unwrap_err(), KeyError::Rejected);
        }
    }

    #[test]
    fn the_jwk_gives_the_public_key_back() {
        let jwk = KEY.jwk("ins_1");
        assert_eq!(jwk["kty"], "RSA");
        assert_eq!(jwk["use"], "sig");
        assert_eq!(jwk["alg"], "RS256");
        assert_eq!(jwk["kid"], "ins_1");
        assert_eq!(jwk["e"], "AQAB");
        let n = jwk["n"].as_str().unwrap();
        let public = PublicKey::from_components(n, "AQAB").unwrap();
        let signature = KEY.sign_rs256(b"x").unwrap();
        assert!(public.verify_rs256(b"x", &signature));
        assert_eq!(public.public_pem(), KEY.public_pem());
    }

    #[test]
    fn short_and_malformed_public_keys_are_rejected() {
        let short = b64url(&[0xff; 128]);
        let zero_led = b64url(&[&[0][..], &[0xff; 256]].concat());
        let good = KEY.modulus_b64url();
        for (n, e) in [
            (&*short, "AQAB"),
            (&zero_led, "AQAB"),
            ("", "AQAB"),
            (&good, ""),
            (&good, "AQAB="),
        ] {
            assert!(PublicKey::from_components(n, e).is_err(), "{n} {e}");
        }
    }

    #[test]
    fn the_pem_is_a_subject_public_key_info() {
        let pem = KEY.public_pem();
        let lines: Vec<&str> = pem.lines().collect();
        assert_eq!(lines[0], "-----BEGIN PUBLIC KEY-----");
        assert_eq!(lines[lines.len() - 1], "-----END PUBLIC KEY-----");
        assert!(lines.iter().all(|line| line.len() <= 64));
        assert!(pem.ends_with("-----\n"));
        let spki = STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
        let key = aws_lc_rs::rsa::PublicKey::from_der(&spki).unwrap();
        assert_eq!(
            b64url(key.modulus().big_endian_without_leading_zero()),
            KEY.modulus_b64url()
        );
    }
}
