//! Keys that an operator brings along to sign tokens for other services: HMAC, RSA and ECDSA (RFC 7518 §3).
//!
//! Invariants: a key fits its algorithm or is refused when it is read; HMAC secrets have the length of their hash at least
//! (RFC 7518 §3.2); RSA keys have 2048 bits at least; a key is never printed.
//! Not here: keeping the key (it is sealed, see [`crate::seal`]), and the claims.
use crate::jwt::Category;
use crate::signing::KeyError;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding,
};
use aws_lc_rs::{hmac, signature};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use std::fmt;

/// Names of the algorithms, as the header's `alg` writes them.
pub const ALGORITHMS: &[&str] = &[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512",
];

/// A key, ready to sign.
pub struct CustomKey {
    algorithm: &'static str,
    key: Key,
}

enum Key {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
}

impl fmt::Debug for CustomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomKey({})", self.algorithm)
    }
}

impl CustomKey {
    /// Reads a key: the text itself is the secret of `HS…`; `RS…` and `ES…` take a PEM block of an unencrypted private key
    /// (PKCS#8, PKCS#1, SEC 1).
    ///
    /// # Errors
    /// [`KeyError::Rejected`] for unknown algorithms and for keys that do not fit theirs.
    pub fn parse(algorithm: &str, text: &str) -> Result<Self, KeyError> {
        let algorithm = ALGORITHMS
            .iter()
            .find(|name| **name == algorithm)
            .ok_or(KeyError::Rejected)?;
        let key = match *algorithm {
            "HS256" => hmac_key(hmac::HMAC_SHA256, text, 32),
            "HS384" => hmac_key(hmac::HMAC_SHA384, text, 48),
            "HS512" => hmac_key(hmac::HMAC_SHA512, text, 64),
            "RS256" => rsa_key(text, &RSA_PKCS1_SHA256),
            "RS384" => rsa_key(text, &RSA_PKCS1_SHA384),
            "RS512" => rsa_key(text, &RSA_PKCS1_SHA512),
            "ES256" => ecdsa_key(text, &ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ecdsa_key(text, &ECDSA_P384_SHA384_FIXED_SIGNING),
            _ => ecdsa_key(text, &ECDSA_P521_SHA512_FIXED_SIGNING),
        }?;
        Ok(Self { algorithm, key })
    }

    /// A token with the header `{"alg":…,"cat":…,"kid":…,"typ":"JWT"}`.
    ///
    /// # Errors
    /// [`KeyError::Signing`] when AWS-LC makes no signature.
    pub fn sign(
        &self,
        category: Category,
        kid: &str,
        claims_json: &str,
    ) -> Result<String, KeyError> {
        let header = format!(
            r#"{{"alg":"{}","cat":"{}","kid":{},"typ":"JWT"}}"#,
            self.algorithm,
            category.as_str(),
            Value::from(kid)
        );
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims_json, &mut token);
        let signed = self.signature(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signed, &mut token);
        Ok(token)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let rng = SystemRandom::new();
        match &self.key {
            Key::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Key::Rsa(pair, encoding) => {
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &rng, message, &mut signed)
                    .map_err(|_| KeyError::Signing)?;
                Ok(signed)
            }
            Key::Ecdsa(pair) => {
                let signed: signature::Signature =
                    pair.sign(&rng, message).map_err(|_| KeyError::Signing)?;
                Ok(signed.as_ref().to_vec())
            }
        }
    }
}

fn hmac_key(algorithm: hmac::Algorithm, text: &str, least: usize) -> Result<Key, KeyError> {
    if text.len() < least {
        return Err(KeyError::Rejected);
    }
    let key = hmac::Key::new(algorithm, text.as_bytes());
    Ok(Key::Hmac(Box::new(key)))
}

fn rsa_key(text: &str, encoding: &'static dyn RsaEncoding) -> Result<Key, KeyError> {
    let (label, der) = pem(text).ok_or(KeyError::Rejected)?;
    let pair = match label {
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
        _ => return Err(KeyError::Rejected),
    };
    let pair = pair.map_err(|_| KeyError::Rejected)?;
    if pair.public_modulus_len() < 256 {
        return Err(KeyError::Rejected);
    }
    Ok(Key::Rsa(pair, encoding))
}

fn ecdsa_key(text: &str, curve: &'static EcdsaSigningAlgorithm) -> Result<Key, KeyError> {
    let (label, der) = pem(text).ok_or(KeyError::Rejected)?;
    let pair = match label {
        "PRIVATE KEY" => EcdsaKeyPair::from_pkcs8(curve, &der),
        "EC PRIVATE KEY" => EcdsaKeyPair::from_private_key_der(curve, &der),
        _ => return Err(KeyError::Rejected),
    };
    Ok(Key::Ecdsa(pair.map_err(|_| KeyError::Rejected)?))
}

/// Label and bytes of the private key's block in a PEM text (RFC 7468); parameters of a curve may stand before it.
fn pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once("-----BEGIN ")?;
        let (label, after) = after.split_once("-----")?;
        let (body, after) = after.split_once("-----END ")?;
        if label.ends_with("PRIVATE KEY") {
            let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            return Some((label, STANDARD.decode(body).ok()?));
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::b64url_decode;
    use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der, Pkcs8V1Der};
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, KeyPair as _,
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
        UnparsedPublicKey, VerificationAlgorithm,
    };

    fn block(label: &str, der: &[u8]) -> String {
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            STANDARD.encode(der)
        )
    }

    fn parts(token: &str) -> (String, Vec<u8>, String) {
        let (message, signature) = token.rsplit_once('.').unwrap();
        let header = message.split('.').next().unwrap();
        (
            message.to_owned(),
            b64url_decode(signature).unwrap(),
            String::from_utf8(b64url_decode(header).unwrap()).unwrap(),
        )
    }

    fn verifies(algorithm: &'static dyn VerificationAlgorithm, public: &[u8], token: &str) {
        let (message, signature, _) = parts(token);
        let key = UnparsedPublicKey::new(algorithm, public);
        assert!(key.verify(message.as_bytes(), &signature).is_ok());
        assert!(key.verify(b"else", &signature).is_err());
    }

    #[test]
    fn every_algorithm_signs_what_its_public_half_verifies() {
        let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'static> = rsa.as_der().unwrap();
        let text = block("PRIVATE KEY", der.as_ref());
        for (name, algorithm) in [
            ("RS256", &RSA_PKCS1_2048_8192_SHA256),
            ("RS384", &RSA_PKCS1_2048_8192_SHA384),
            ("RS512", &RSA_PKCS1_2048_8192_SHA512),
        ] {
            let key = CustomKey::parse(name, &text).unwrap();
            let token = key.sign(Category::Template, "jtmp_1", "{}").unwrap();
            verifies(algorithm, rsa.public_key().as_ref(), &token);
            assert_eq!(
                parts(&token).2,
                format!(r#"{{"alg":"{name}","cat":"cl_B7d4PD222AAA","kid":"jtmp_1","typ":"JWT"}}"#)
            );
            assert_eq!(format!("{key:?}"), format!("CustomKey({name})"));
        }
        let curves: [(
            &str,
            &'static EcdsaSigningAlgorithm,
            &'static dyn VerificationAlgorithm,
        ); 3] = [
            (
                "ES256",
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &ECDSA_P256_SHA256_FIXED,
            ),
            (
                "ES384",
                &ECDSA_P384_SHA384_FIXED_SIGNING,
                &ECDSA_P384_SHA384_FIXED,
            ),
            (
                "ES512",
                &ECDSA_P521_SHA512_FIXED_SIGNING,
                &ECDSA_P521_SHA512_FIXED,
            ),
        ];
        for (name, curve, algorithm) in curves {
            let pair = EcdsaKeyPair::generate(curve).unwrap();
            let pkcs8 = pair.to_pkcs8v1().unwrap();
            let key = CustomKey::parse(name, &block("PRIVATE KEY", pkcs8.as_ref())).unwrap();
            let token = key.sign(Category::Template, "k", "{\"a\":1}").unwrap();
            verifies(algorithm, pair.public_key().as_ref(), &token);
            let sec1: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
            let parameters = block("EC PARAMETERS", &[6, 0]);
            let text = parameters + &block("EC PRIVATE KEY", sec1.as_ref());
            let key = CustomKey::parse(name, &text).unwrap();
            verifies(
                algorithm,
                pair.public_key().as_ref(),
                &key.sign(Category::Template, "k", "{}").unwrap(),
            );
            for (other, _, _) in curves.iter().filter(|(other, _, _)| *other != name) {
                let text = block("PRIVATE KEY", pkcs8.as_ref());
                assert!(CustomKey::parse(other, &text).is_err(), "{name} {other}");
            }
        }
        for (name, length, algorithm) in [
            ("HS256", 32, hmac::HMAC_SHA256),
            ("HS384", 48, hmac::HMAC_SHA384),
            ("HS512", 64, hmac::HMAC_SHA512),
        ] {
            let secret = "s".repeat(length);
            let key = CustomKey::parse(name, &secret).unwrap();
            let token = key.sign(Category::Template, "k", "{}").unwrap();
            let (message, signature, _) = parts(&token);
            let key = hmac::Key::new(algorithm, secret.as_bytes());
            assert!(hmac::verify(&key, message.as_bytes(), &signature).is_ok());
            assert!(CustomKey::parse(name, &secret[1..]).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_no_key_of_the_algorithm_is_refused() {
        let secret = "s".repeat(64);
        for name in ALGORITHMS.iter().filter(|name| !name.starts_with('H')) {
            for text in [
                secret.as_str(),
                "",
                "-----BEGIN PRIVATE KEY-----",
                "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
            ] {
                assert!(CustomKey::parse(name, text).is_err(), "{name} {text}");
            }
        }
        for name in ["none", "", "hs256", "PS256", "EdDSA"] {
            assert!(CustomKey::parse(name, &secret).is_err(), "{name}");
        }
    }
}
