//! Keys on the curve P-256 and ES256 signatures.
//!
//! Invariants: a signature is the 64 bytes of JWS (RFC 7518 §3.4), never DER; a private key is never printed.
//! Reference: FIPS 186-5; RFC 7518 §3.4 and §6.2; RFC 5208.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        UnparsedPublicKey,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    digest::{b64url, b64url_decode},
    signing::KeyError,
};

/// The bytes of a coordinate.
const COORDINATE: usize = 32;

/// A private key; clones share it.
#[derive(Clone)]
pub struct EcKey(Arc<EcdsaKeyPair>);

/// A public key: the uncompressed point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcPublic(Vec<u8>);

impl fmt::Debug for EcKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EcKey(…)")
    }
}

impl EcKey {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError::Generation`] when AWS-LC makes none.
    pub fn generate() -> Result<Self, KeyError> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map(|pair| Self(Arc::new(pair)))
            .map_err(|_| KeyError::Generation)
    }

    /// The key in a PEM `PRIVATE KEY` block: the file that Apple hands out.
    ///
    /// # Errors
    /// [`KeyError::Rejected`] for anything else.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let body = text
            .trim()
            .strip_prefix("-----BEGIN PRIVATE KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PRIVATE KEY-----"))
            .ok_or(KeyError::Rejected)?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| KeyError::Rejected)?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
            .map(|pair| Self(Arc::new(pair)))
            .map_err(|_| KeyError::Rejected)
    }

    /// The key as a PEM `PRIVATE KEY` block, which is secret.
    ///
    /// # Errors
    /// [`KeyError::Generation`] when AWS-LC cannot encode it.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let der = self.0.to_pkcs8v1().map_err(|_| KeyError::Generation)?;
        Ok(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        ))
    }

    /// The ES256 signature of a message.
    ///
    /// # Errors
    /// [`KeyError::Signing`] when AWS-LC makes none.
    pub fn sign_es256(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| KeyError::Signing)?.as_ref().to_vec())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> EcPublic {
        EcPublic(self.0.public_key().as_ref().to_vec())
    }

    /// A compact JWT with the header `{"alg":"ES256","kid":…,"typ":"JWT"}` over `claims`.
    ///
    /// # Errors
    /// As [`EcKey::sign_es256`].
    pub fn sign_jwt(&self, kid: &str, claims: &Value) -> Result<String, KeyError> {
        let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" }).to_string();
        let message = format!(
            "{}.{}",
            b64url(header.as_bytes()),
            b64url(claims.to_string().as_bytes())
        );
        let signature = self.sign_es256(message.as_bytes())?;
        Ok(format!("{message}.{}", b64url(&signature)))
    }
}

impl EcPublic {
    /// The key of a JWK's `x` and `y` (RFC 7518 §6.2.1).
    ///
    /// # Errors
    /// [`KeyError::Rejected`] for coordinates that are not 32 bytes. That the point is on the curve is seen when it verifies.
    pub fn from_coordinates(x: &str, y: &str) -> Result<Self, KeyError> {
        let mut point = vec![4];
        for text in [x, y] {
            let coordinate = b64url_decode(text).ok_or(KeyError::Rejected)?;
            if coordinate.len() != COORDINATE {
                return Err(KeyError::Rejected);
            }
            point.extend(coordinate);
        }
        Ok(Self(point))
    }

    /// Whether `signature` is the ES256 signature of `message` by this key.
    #[must_use]
    pub fn verify_es256(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0)
            .verify(message, signature)
            .is_ok()
    }

    /// The key as a JWK with `use`, `alg` and `kid`.
    #[must_use]
    pub fn jwk(&self, kid: &str) -> Value {
        let (x, y) = self.0[1..].split_at(COORDINATE);
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": b64url(x), "y": b64url(y) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_signs_only_its_own_public_half_verifies() {
        let key = EcKey::generate().unwrap();
        let other = EcKey::generate().unwrap();
        let signature = key.sign_es256(b"message").unwrap();
        assert_eq!(signature.len(), 64);
        assert!(key.public().verify_es256(b"message", &signature));
        assert!(!key.public().verify_es256(b"Message", &signature));
        assert!(!other.public().verify_es256(b"message", &signature));
        let read = EcKey::from_pem(&key.to_pem().unwrap()).unwrap();
        assert_eq!(read.public(), key.public());
        let jwk = key.public().jwk("a");
        let text = |name: &str| jwk[name].as_str().unwrap().to_owned();
        assert_eq!(
            EcPublic::from_coordinates(&text("x"), &text("y")).unwrap(),
            key.public()
        );
    }

    #[test]
    fn nonsense_is_no_key() {
        for text in [
            "",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----",
        ] {
            assert_eq!(
                EcKey::from_pem(text).err(),
                Some(KeyError::Rejected),
                "{text}"
            );
        }
        assert!(EcPublic::from_coordinates("AA", "AA").is_err());
        // A point that is on no curve verifies nothing.
        let zero = b64url(&[0; 32]);
        let off = EcPublic::from_coordinates(&zero, &zero).unwrap();
        assert!(!off.verify_es256(b"m", &[0; 64]));
    }
}
