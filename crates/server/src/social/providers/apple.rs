//! Apple. The name comes once, in the form that the browser posts; the client secret is a JWT that we sign.
use crate::social::profile::{Profile, text, truth};
use crate::social::provider::{ClientAuth, OPENID, Oidc, Provider};
use serde_json::{Value, json};
use usher_crypto::ec::EcKey;
use usher_crypto::signing::KeyError;

/// See the module.
pub const APPLE: Provider = Provider {
    key: "apple",
    name: "Apple",
    authorize: "https://appleid.apple.com/auth/authorize",
    token: "https://appleid.apple.com/auth/token",
    oidc: Some(Oidc {
        issuer: "https://appleid.apple.com",
        jwks: "https://appleid.apple.com/auth/keys",
        nonce: true,
    }),
    scopes: &["name", "email"],
    pkce: false,
    auth: ClientAuth::SignedSecret,
    params: &[("response_mode", "form_post")],
    read,
    ..OPENID
};

/// Seconds that a client secret is good for; Apple takes half a year at most.
const SECRET_LIFE_SECS: i64 = 300;

fn read(claims: &Value, _: &Value) -> Option<Profile> {
    // Apple writes the flag as a boolean or as text.
    let verified = truth(claims, "email_verified").or(match claims["email_verified"].as_str() {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    });
    Some(Profile {
        email_verified: verified,
        ..Profile::claims(claims)?
    })
}

/// The name in `user`, which Apple sends with the first authorization only. It is the browser's word, and no more than a name.
#[must_use]
pub fn with_name(mut profile: Profile, user: Option<&str>) -> Profile {
    let user: Value = user
        .and_then(|user| serde_json::from_str(user).ok())
        .unwrap_or_default();
    profile.first_name = profile.first_name.or_else(|| text(&user, "name.firstName"));
    profile.last_name = profile.last_name.or_else(|| text(&user, "name.lastName"));
    profile
}

/// What Apple takes for a client secret: a JWT under the operator's key.
///
/// # Errors
/// A key that is none.
pub fn client_secret(
    pem: &str,
    team: &str,
    key: &str,
    client: &str,
    now_secs: i64,
) -> Result<String, KeyError> {
    let claims = json!({
        "iss": team, "iat": now_secs, "exp": now_secs + SECRET_LIFE_SECS,
        "aud": "https://appleid.apple.com", "sub": client,
    });
    EcKey::from_pem(pem)?.sign_jwt(key, &claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_crypto::jwt::verify_by_set;

    #[test]
    fn the_client_secret_is_signed_for_apple_alone() {
        let key = EcKey::generate().expect("a key");
        let pem = key.to_pem().expect("a file");
        let secret = client_secret(&pem, "TEAM", "KEY", "com.example", 1_000).expect("a secret");
        let verified = verify_by_set(&secret, &[key.public().jwk("KEY")]).expect("signed");
        assert_eq!(verified.claims["aud"], "https://appleid.apple.com");
        assert_eq!(
            (&verified.claims["iss"], &verified.claims["sub"]),
            (&json!("TEAM"), &json!("com.example"))
        );
        assert!(verified.check_times(1_299, 0).is_ok());
        assert!(verified.check_times(1_301, 0).is_err());
        assert!(client_secret("no key", "T", "K", "c", 0).is_err());
    }

    #[test]
    fn the_flag_is_read_as_text_too_and_the_name_from_the_form() {
        let profile = read(
            &json!({ "sub": "1", "email": "a@b.cd", "email_verified": "true" }),
            &Value::Null,
        );
        assert_eq!(profile.as_ref().and_then(|p| p.email_verified), Some(true));
        let named = with_name(
            profile.expect("one"),
            Some(r#"{"name":{"firstName":"Ada","lastName":"L"}}"#),
        );
        assert_eq!(
            (named.first_name.as_deref(), named.last_name.as_deref()),
            (Some("Ada"), Some("L"))
        );
        assert_eq!(
            with_name(Profile::of("1".into()), Some("[")).first_name,
            None
        );
    }
}
