//! ES256 keys that devices hold: reading a public JWK, naming it, and verifying what its private half signed.
//!
//! Reference: RFC 7518 §3.4 (ES256: `r` and `s`, 32 bytes each) and §6.2.1 (EC keys), RFC 7638 (thumbprints).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use serde_json::Value;

use crate::digest::{b64url, b64url_decode, sha256};

/// A public key on P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    x: String,
    y: String,
}

impl PublicKey {
    /// Reads a JWK: `kty` EC, `crv` P-256, and a point of the curve. A private key is refused: whoever sends one has given it
    /// away. Other members say nothing here.
    #[must_use]
    pub fn from_jwk(text: &str) -> Option<Self> {
        let jwk: Value = serde_json::from_str(text).ok()?;
        let jwk = jwk.as_object()?;
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        let alg = member("alg").is_none_or(|alg| alg == "ES256");
        if member("kty") != Some("EC")
            || member("crv") != Some("P-256")
            || jwk.contains_key("d")
            || !alg
        {
            return None;
        }
        let key = Self {
            x: member("x")?.to_owned(),
            y: member("y")?.to_owned(),
        };
        key.parsed()?;
        Some(key)
    }
    /// The JWK's required members in order, as RFC 7638 hashes them.
    #[must_use]
    pub fn jwk(&self) -> String {
        format!(
            r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
            self.x, self.y
        )
    }
    /// The key's name (RFC 7638, SHA-256, base64url).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        b64url(&sha256(self.jwk().as_bytes()))
    }
    /// Whether `signature`, base64url of 64 bytes, was made over `data` by this key's private half.
    #[must_use]
    pub fn verifies(&self, data: &[u8], signature: &str) -> bool {
        let (Some(key), Some(signature)) = (self.parsed(), b64url_decode(signature)) else {
            return false;
        };
        key.verify_sig(data, &signature).is_ok()
    }
    fn parsed(&self) -> Option<ParsedPublicKey> {
        let (x, y) = (b64url_decode(&self.x)?, b64url_decode(&self.y)?);
        if x.len() != 32 || y.len() != 32 {
            return None;
        }
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::PublicKey;
    use crate::digest::b64url;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

    // RFC 7515 appendix A.3.
    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    const SIGNED: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SIGNATURE: &str =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    fn jwk(x: &str, y: &str) -> String {
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#)
    }

    #[test]
    fn the_example_of_rfc_7515_verifies_and_nothing_near_it_does() {
        let key = PublicKey::from_jwk(&jwk(X, Y)).expect("a key");
        assert!(key.verifies(SIGNED.as_bytes(), SIGNATURE));
        assert!(!key.verifies(b"another text", SIGNATURE));
        assert!(!key.verifies(SIGNED.as_bytes(), &SIGNATURE[4..]));
        assert!(!key.verifies(SIGNED.as_bytes(), ""));
        assert!(!key.verifies(SIGNED.as_bytes(), &format!("{SIGNATURE}AAAA")));
        assert!(!key.verifies(SIGNED.as_bytes(), &"A".repeat(86)));
    }

    #[test]
    fn only_public_points_of_the_curve_are_keys() {
        assert!(PublicKey::from_jwk(&jwk(X, Y)).is_some());
        let off = format!("{}A", &X[..42]);
        for bad in [
            String::new(),
            "[]".to_owned(),
            "{}".to_owned(),
            jwk(Y, X),
            jwk(&off, Y),
            jwk("", ""),
            jwk(&"A".repeat(43), &"A".repeat(43)),
            jwk(X, Y).replace("P-256", "P-384"),
            jwk(X, Y).replace("\"EC\"", "\"RSA\""),
            jwk(X, Y).replace("{\"kty", "{\"d\":\"AA\",\"kty"),
            jwk(X, Y).replace("{\"kty", "{\"alg\":\"ES384\",\"kty"),
            jwk(X, &format!("{Y}=")),
        ] {
            assert_eq!(PublicKey::from_jwk(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_has_one_name_whatever_its_jwk_says_besides() {
        let plain = PublicKey::from_jwk(&jwk(X, Y)).expect("a key");
        let more = jwk(X, Y).replace("{\"kty", "{\"alg\":\"ES256\",\"use\":\"sig\",\"kty");
        let more = PublicKey::from_jwk(&more).expect("a key");
        assert_eq!(plain.thumbprint(), more.thumbprint());
        assert_eq!(PublicKey::from_jwk(&plain.jwk()), Some(plain.clone()));
        assert_eq!(plain.thumbprint().len(), 43);
        let rng = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref())
            .expect("a key");
        let point = pair.public_key().as_ref();
        let fresh = jwk(&b64url(&point[1..33]), &b64url(&point[33..]));
        let fresh = PublicKey::from_jwk(&fresh).expect("a key");
        assert_ne!(fresh.thumbprint(), plain.thumbprint());
        let signature = pair.sign(&rng, b"data").expect("a signature");
        assert!(fresh.verifies(b"data", &b64url(signature.as_ref())));
        assert!(!plain.verifies(b"data", &b64url(signature.as_ref())));
    }
}
