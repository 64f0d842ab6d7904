//! ID tokens: what must hold of one before a word of it is believed (OpenID Connect Core §3.1.3.7).
use super::exchange::published;
use super::registry::{Connection, Endpoints};
use crate::cx::Cx;
use serde_json::Value;
use usher_crypto::{digest, jwt};

/// Seconds by which a provider's clock may differ from ours.
const LEEWAY_SECS: i64 = 60;

/// The claims of an ID token of this provider, to us, of this trip.
///
/// # Errors
/// What is wrong with it, for the log.
pub(super) async fn verify(
    cx: &Cx,
    connection: &Connection,
    endpoints: &Endpoints,
    token: &str,
    nonce: Option<&str>,
) -> Result<Value, String> {
    let claims = genuine(cx, endpoints, token).await?;
    let own = [connection.settings.client_id.as_str()];
    check(connection, endpoints, &claims, &own, nonce)?;
    Ok(claims)
}

/// The claims of an ID token of this provider that an app of ours got by itself.
///
/// # Errors
/// As [`verify`].
pub(super) async fn verify_native(
    cx: &Cx,
    connection: &Connection,
    endpoints: &Endpoints,
    token: &str,
) -> Result<Value, String> {
    let claims = genuine(cx, endpoints, token).await?;
    let settings = &connection.settings;
    let own: Vec<&str> = std::iter::once(&settings.client_id)
        .chain(&settings.native_client_ids)
        .map(String::as_str)
        .collect();
    check(connection, endpoints, &claims, &own, None)?;
    Ok(claims)
}

/// The claims of a token that a key of the provider's set has signed, in its time.
async fn genuine(cx: &Cx, endpoints: &Endpoints, token: &str) -> Result<Value, String> {
    let kid = jwt::named_key(token);
    let mut set = published(cx, &endpoints.jwks, false).await?;
    let has = |set: &Value| {
        let keys = set["keys"].as_array();
        keys.is_some_and(|keys| {
            kid.is_none() || keys.iter().any(|k| k["kid"].as_str() == kid.as_deref())
        })
    };
    if !has(&set) {
        set = published(cx, &endpoints.jwks, true).await?;
    }
    let keys = set["keys"].as_array().ok_or("the key set is none")?;
    let verified = jwt::verify_by_set(token, keys).map_err(|e| e.to_string())?;
    let claims = verified.claims.clone();
    if claims["exp"].as_f64().is_none() {
        return Err("the ID token does not end".to_owned());
    }
    verified
        .check_times(cx.now.secs(), LEEWAY_SECS)
        .map_err(|e| e.to_string())?;
    Ok(claims)
}

/// Issuer, audience and nonce.
fn check(
    connection: &Connection,
    endpoints: &Endpoints,
    claims: &Value,
    clients: &[&str],
    nonce: Option<&str>,
) -> Result<(), &'static str> {
    let word = |name: &str| claims[name].as_str().unwrap_or_default();
    if !is_issuer(connection, &endpoints.issuer, word("iss"), word("tid")) {
        return Err("the ID token is of another issuer");
    }
    let audience: Vec<&str> = match &claims["aud"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let azp = claims.get("azp");
    let ours = |word: &str| clients.contains(&word);
    if !audience.iter().any(|word| ours(word))
        || azp.is_some_and(|azp| !azp.as_str().is_some_and(ours))
        || (audience.len() > 1 && azp.is_none())
    {
        return Err("the ID token is for somebody else");
    }
    let fits = |nonce: &str| digest::equal(nonce.as_bytes(), word("nonce").as_bytes());
    if nonce.is_some_and(|nonce| !fits(nonce)) {
        return Err("the ID token is of another trip");
    }
    Ok(())
}

/// `{tenantid}` is the token's own tenant, which has to be the one that the operator named, where one is.
fn is_issuer(connection: &Connection, expected: &str, said: &str, tenant: &str) -> bool {
    if said.is_empty() {
        return false;
    }
    if expected.contains("{tenantid}") {
        let named = connection.settings.tenant.as_str();
        let any = ["common", "organizations", "consumers"].contains(&named);
        let own = !tenant.is_empty()
            && tenant.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
            && (any || named == tenant);
        return own && said == expected.replace("{tenantid}", tenant);
    }
    // Google writes it in both ways, and says so.
    said == expected
        || (connection.key == "google" && expected.strip_prefix("https://") == Some(said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::social::registry::Connections;
    use crate::social::settings::{ConnectionSettings, Social};
    use serde_json::json;
    use usher_crypto::rng::Rng;
    use usher_crypto::seal::Master;

    fn connection(key: &str, tenant: &str) -> Connection {
        let settings = ConnectionSettings {
            client_id: "us".to_owned(),
            tenant: tenant.to_owned(),
            ..ConnectionSettings::default()
        };
        let social = Social::from([(key.to_owned(), settings)]);
        let data = Master::generate(&Rng::seeded(1));
        let all = Connections::load(&social, &data, None);
        Connection::clone(all.by_key(key).expect("it"))
    }

    #[test]
    fn a_token_counts_with_our_issuer_audience_and_nonce_only() {
        let google = connection("google", "common");
        let good = json!({ "iss": "https://accounts.google.com", "aud": "us", "nonce": "n" });
        let check = |change: &dyn Fn(&mut Value)| {
            let mut claims = good.clone();
            change(&mut claims);
            super::check(&google, &google.endpoints, &claims, &["us"], Some("n"))
        };
        assert_eq!(check(&|_| {}), Ok(()));
        assert_eq!(check(&|c| c["iss"] = json!("accounts.google.com")), Ok(()));
        assert_eq!(check(&|c| c["aud"] = json!(["us"])), Ok(()));
        assert_eq!(
            check(&|c| (c["aud"], c["azp"]) = (json!(["us", "them"]), json!("us"))),
            Ok(())
        );
        for (name, value) in [
            ("iss", json!("https://accounts.google.com.evil.example")),
            ("iss", json!("https://evil.example")),
            ("iss", Value::Null),
            ("aud", json!("them")),
            ("aud", json!(["us", "them"])),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("azp", json!("them")),
            ("nonce", json!("m")),
            ("nonce", Value::Null),
        ] {
            assert!(
                check(&|c| c[name] = value.clone()).is_err(),
                "{name} {value}"
            );
        }
    }

    #[test]
    fn a_tenant_answers_for_itself() {
        let tenant = "11111111-2222-3333-4444-555555555555";
        let other = "99999999-2222-3333-4444-555555555555";
        let own = connection("microsoft", tenant);
        let any = connection("microsoft", "common");
        let issuer = |tid: &str| format!("https://login.microsoftonline.com/{tid}/v2.0");
        let fits =
            |c: &Connection, said: &str, tid: &str| is_issuer(c, &c.endpoints.issuer, said, tid);
        assert!(fits(&own, &issuer(tenant), tenant));
        assert!(!fits(&own, &issuer(other), other));
        assert!(fits(&any, &issuer(other), other));
        assert!(!fits(&any, &issuer(other), tenant));
        assert!(!fits(&any, &issuer("../evil"), "../evil"));
    }
}
