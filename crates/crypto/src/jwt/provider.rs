//! Tokens of others: ID tokens of OpenID providers, verified by the provider's key set.
//!
//! Invariants: the algorithm is one of a short list, and each fits one kind of key: a public key is never a secret (HS256),
//! and nothing is unsigned (`none`); a key that says what it is for is used for nothing else.
//! Not here: fetching key sets, and what the claims mean.
//! Reference: RFC 7515 §5.2, RFC 7517 §4, RFC 8725 §3; OpenID Connect Core §3.1.3.7.

use serde_json::Value;

use super::verify::{JwtError, MAX_LEN, Verified, object};
use crate::{digest::b64url_decode, ec::EcPublic, signing::PublicKey};

/// Keys of a set that are looked at.
const MOST_KEYS: usize = 32;

/// The algorithms that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Es256,
}

impl Algorithm {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// The key may verify tokens of this algorithm.
    fn fits(self, key: &Value) -> bool {
        let says = |name: &str, word: &str| key.get(name).is_none_or(|found| found == word);
        let kind = match self {
            Self::Rs256 => "RSA",
            Self::Es256 => "EC",
        };
        key["kty"] == kind && says("use", "sig") && says("alg", self.word())
    }

    fn verifies(self, key: &Value, message: &[u8], signature: &[u8]) -> bool {
        let part = |name: &str| key[name].as_str().unwrap_or_default();
        match self {
            Self::Rs256 => PublicKey::from_components(part("n"), part("e"))
                .is_ok_and(|key| key.verify_rs256(message, signature)),
            Self::Es256 => {
                key["crv"] == "P-256"
                    && EcPublic::from_coordinates(part("x"), part("y"))
                        .is_ok_and(|key| key.verify_es256(message, signature))
            }
        }
    }
}

/// The `kid` of a token's header, unverified: says whether a key set has to be fetched anew.
#[must_use]
pub fn named_key(token: &str) -> Option<String> {
    let (header, _) = token.split_once('.')?;
    if header.len() > MAX_LEN {
        return None;
    }
    let header = object(&b64url_decode(header)?).ok()?;
    header.get("kid")?.as_str().map(str::to_owned)
}

/// The content of a token that a key of `keys` (JWKs) signed. A token without `kid` may be any fitting key's.
///
/// Times are not checked: see [`Verified::check_times`].
///
/// # Errors
/// As [`super::verify`].
pub fn verify_by_set(token: &str, keys: &[Value]) -> Result<Verified, JwtError> {
    if token.len() > MAX_LEN {
        return Err(JwtError::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(JwtError::Malformed)?;
    let signature = b64url_decode(signature).ok_or(JwtError::Malformed)?;
    let claims = b64url_decode(claims).ok_or(JwtError::Malformed)?;
    let header = object(&b64url_decode(header).ok_or(JwtError::Malformed)?)?;
    let algorithm = header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(Algorithm::parse)
        .ok_or(JwtError::Algorithm)?;
    if header.contains_key("crit") {
        return Err(JwtError::Critical);
    }
    let kid = header.get("kid");
    let mut fitting = keys
        .iter()
        .take(MOST_KEYS)
        .filter(|key| algorithm.fits(key))
        .filter(|key| kid.is_none_or(|kid| key.get("kid") == Some(kid)))
        .peekable();
    if fitting.peek().is_none() {
        return Err(JwtError::UnknownKey);
    }
    if !fitting.any(|key| algorithm.verifies(key, message.as_bytes(), &signature)) {
        return Err(JwtError::Signature);
    }
    Ok(Verified {
        claims: Value::Object(object(&claims)?),
        header: Value::Object(header),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        digest::{b64url, hmac_sha256},
        ec::EcKey,
        jwt::Signer,
        signing::tests::KEY,
    };
    use serde_json::json;

    fn unsigned(header: &Value) -> String {
        format!(
            "{}.{}",
            b64url(header.to_string().as_bytes()),
            b64url(b"{\"sub\":\"a\"}")
        )
    }

    #[test]
    fn a_key_of_the_set_verifies_and_nothing_else_does() {
        let elliptic = EcKey::generate().unwrap();
        let rsa = Signer::new(KEY.clone(), "r")
            .sign_plain("{\"sub\":\"a\"}")
            .unwrap();
        let ec = elliptic.sign_jwt("e", &json!({ "sub": "a" })).unwrap();
        let set = [KEY.jwk("r"), elliptic.public().jwk("e")];
        for token in [&rsa, &ec] {
            assert_eq!(verify_by_set(token, &set).unwrap().claims["sub"], "a");
            assert_eq!(verify_by_set(token, &[]), Err(JwtError::UnknownKey));
        }
        assert_eq!(named_key(&ec).as_deref(), Some("e"));
        // Under the same name, another key; and the right key for another purpose.
        let other = EcKey::generate().unwrap().public().jwk("e");
        assert_eq!(verify_by_set(&ec, &[other]), Err(JwtError::Signature));
        let mut wrapped = elliptic.public().jwk("e");
        wrapped["use"] = json!("enc");
        assert_eq!(verify_by_set(&ec, &[wrapped]), Err(JwtError::UnknownKey));
        let mut pinned = KEY.jwk("r");
        pinned["alg"] = json!("PS256");
        assert_eq!(verify_by_set(&rsa, &[pinned]), Err(JwtError::UnknownKey));
    }

    #[test]
    fn a_public_key_is_no_secret_and_an_unsigned_token_is_none() {
        let set = [KEY.jwk("r")];
        let message = unsigned(&json!({ "alg": "HS256", "kid": "r", "typ": "JWT" }));
        let modulus = KEY.modulus_b64url();
        let forged = format!(
            "{message}.{}",
            b64url(&hmac_sha256(modulus.as_bytes(), message.as_bytes()))
        );
        assert_eq!(verify_by_set(&forged, &set), Err(JwtError::Algorithm));
        for alg in ["none", "None", "RS512", ""] {
            let token = format!("{}.", unsigned(&json!({ "alg": alg, "kid": "r" })));
            assert_eq!(
                verify_by_set(&token, &set),
                Err(JwtError::Algorithm),
                "{alg}"
            );
        }
        let critical = unsigned(&json!({ "alg": "RS256", "kid": "r", "crit": ["b64"] }));
        assert_eq!(
            verify_by_set(&format!("{critical}.AA"), &set),
            Err(JwtError::Critical)
        );
        for token in ["", ".", "..", "a.b.c.d"] {
            assert_eq!(
                verify_by_set(token, &set),
                Err(JwtError::Malformed),
                "{token}"
            );
        }
    }
}
