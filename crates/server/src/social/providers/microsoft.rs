//! Microsoft. `email` is whatever a tenant's administrator wrote there: it counts only where Microsoft says that the domain's
//! owner was proved (`xms_edov`, an optional claim of the app registration).
use crate::social::profile::Profile;
use crate::social::provider::{OPENID, Oidc, Provider};
use serde_json::Value;

/// See the module.
pub(super) const MICROSOFT: Provider = Provider {
    key: "microsoft",
    name: "Microsoft",
    authorize: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
    token: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    oidc: Some(Oidc {
        issuer: "https://login.microsoftonline.com/{tenantid}/v2.0",
        jwks: "https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys",
        nonce: true,
    }),
    scopes: &["openid", "email", "profile", "offline_access"],
    read,
    ..OPENID
};

fn read(claims: &Value, _: &Value) -> Option<Profile> {
    let proved = match &claims["xms_edov"] {
        Value::Bool(proved) => *proved,
        Value::Number(n) => n.as_i64() == Some(1),
        Value::String(text) => text == "1" || text == "true",
        _ => false,
    };
    Some(Profile {
        email_verified: Some(proved),
        ..Profile::claims(claims)?
    })
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::{Value, json};

    #[test]
    fn a_tenants_word_alone_verifies_no_address() {
        let verified = |claims: Value| read(&claims, &Value::Null).and_then(|p| p.email_verified);
        assert_eq!(
            verified(json!({ "sub": "1", "email": "a@b.cd", "email_verified": true })),
            Some(false)
        );
        assert_eq!(
            verified(json!({ "sub": "1", "email": "a@b.cd", "xms_edov": true })),
            Some(true)
        );
    }
}
