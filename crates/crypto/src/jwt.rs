//! JWTs: compact RS256 tokens, assembled by hand and verified strictly.
//!
//! Invariants: a token is verified with RS256 and nothing else, whatever its header says; there is
//! one accepted text for each token; times are checked only by [`Verified::check_times`].
//! Not here: what the claims mean, and `azp`, `iss` and `aud`.
//! Reference: RFC 7515, RFC 7519, RFC 8725; contract fapi §4 (`cat`, `oiat`).

mod provider;
mod verify;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

pub use self::provider::{named_key, verify_by_set};
pub use self::verify::{JwtError, MAX_LEN, Verified, verify, verify_typed};
use crate::signing::{KeyError, SigningKey};

/// What a token is for: the `cat` of its header, by which Clerk's SDKs keep tokens apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// A session token or a handshake.
    Session,
    /// A token made from a JWT template.
    Template,
    /// A machine-to-machine token.
    M2m,
}

impl Category {
    /// The value on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "cl_B7d4PD111AAA",
            Self::Template => "cl_B7d4PD222AAA",
            Self::M2m => "cl_B7d4PD333AAA",
        }
    }
}

/// A signing key and its `kid`: signs any number of tokens.
#[derive(Clone, Debug)]
pub struct Signer {
    key: SigningKey,
    /// The `kid` as a JSON text, quotes included.
    kid: String,
}

impl Signer {
    /// A signer whose tokens name their key `kid`.
    #[must_use]
    pub fn new(key: SigningKey, kid: &str) -> Self {
        let kid = Value::from(kid).to_string();
        Self { key, kid }
    }

    /// The key that signs.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// A token with the header `{"alg":"RS256","cat":…,"kid":…,"oiat":…,"typ":"JWT"}`.
    ///
    /// `oiat` (original issued at) is in Unix seconds; `claims_json` is a JSON object, which is
    /// signed as it is, without a look.
    ///
    /// # Errors
    /// [`KeyError::Signing`] when AWS-LC makes no signature.
    pub fn sign(
        &self,
        category: Category,
        oiat: i64,
        claims_json: &str,
    ) -> Result<String, KeyError> {
        let (cat, kid) = (category.as_str(), &self.kid);
        self.assemble(
            &format!(r#"{{"alg":"RS256","cat":"{cat}","kid":{kid},"oiat":{oiat},"typ":"JWT"}}"#),
            claims_json,
        )
    }

    /// A token with the header `{"alg":"RS256","kid":…,"typ":"JWT"}`, as for handshakes.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub fn sign_plain(&self, claims_json: &str) -> Result<String, KeyError> {
        self.sign_typed("JWT", claims_json)
    }

    /// A token with the header `{"alg":"RS256","kid":…,"typ":…}`, such as `at+jwt` (RFC 9068).
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub fn sign_typed(&self, typ: &str, claims_json: &str) -> Result<String, KeyError> {
        let (kid, typ) = (&self.kid, Value::from(typ));
        self.assemble(
            &format!(r#"{{"alg":"RS256","kid":{kid},"typ":{typ}}}"#),
            claims_json,
        )
    }

    fn assemble(&self, header: &str, claims: &str) -> Result<String, KeyError> {
        // Two parts at 4/3 of their bytes, two dots, and up to an 8192-bit signature.
        let mut token = String::with_capacity((header.len() + claims.len()) * 4 / 3 + 352);
        URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.key.sign_rs256(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{digest::b64url_decode, signing::tests::KEY};

    fn header(token: &str) -> String {
        let part = token.split('.').next().unwrap();
        String::from_utf8(b64url_decode(part).unwrap()).unwrap()
    }

    #[test]
    fn headers_are_those_of_clerk() {
        let signer = Signer::new(KEY.clone(), "ins_1");
        let token = signer.sign(Category::Session, 1_700_000_000, "{}").unwrap();
        assert_eq!(
            header(&token),
            r#"{"alg":"RS256","cat":"cl_B7d4PD111AAA","kid":"ins_1","oiat":1700000000,"typ":"JWT"}"#
        );
        let template = signer.sign(Category::Template, 1, "{}").unwrap();
        assert!(header(&template).contains("cl_B7d4PD222AAA"));
        let m2m = signer.sign(Category::M2m, 1, "{}").unwrap();
        assert!(header(&m2m).contains("cl_B7d4PD333AAA"));
        assert_eq!(
            header(&signer.sign_plain("{}").unwrap()),
            r#"{"alg":"RS256","kid":"ins_1","typ":"JWT"}"#
        );
    }

    #[test]
    fn a_kid_and_a_type_cannot_break_out_of_the_header() {
        let signer = Signer::new(KEY.clone(), r#"a","alg":"none"#);
        let token = signer.sign_typed(r#"J","x":"W"#, "{}").unwrap();
        let value: Value = serde_json::from_str(&header(&token)).unwrap();
        assert_eq!(value["alg"], "RS256");
        assert_eq!(value["kid"], r#"a","alg":"none"#);
        assert_eq!(value["typ"], r#"J","x":"W"#);
    }

    #[test]
    fn claims_are_signed_as_they_are() {
        let signer = Signer::new(KEY.clone(), "ins_1");
        let claims = r#"{ "sub": "user_1", "é": 1.50 }"#;
        let token = signer.sign(Category::Session, 1, claims).unwrap();
        let part = token.split('.').nth(1).unwrap();
        assert_eq!(b64url_decode(part).unwrap(), claims.as_bytes());
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = b64url_decode(signature).unwrap();
        assert!(KEY.public().verify_rs256(message.as_bytes(), &signature));
    }
}
