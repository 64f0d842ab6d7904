//! A template's row, and what may stand in one.
use serde_json::{Map, Value};
use usher_crypto::custom::{ALGORITHMS, CustomKey};
use usher_db::row;
use usher_types::Timestamp;
use usher_types::error::codes as refuse;
use usher_types::id::InstanceId;
use usher_types::{ApiError, Result};

row! {
    /// A template. `claims` is its JSON, `signing_key_sealed` the operator's own key, where there is one.
    pub struct TemplateRow {
        pub instance_id: InstanceId,
        pub id: String,
        pub name: String,
        pub claims: String,
        pub lifetime: i64,
        pub allowed_clock_skew: i64,
        pub signing_algorithm: String,
        pub signing_key_sealed: Option<String>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

/// Bytes of JSON that the claims of a template may have.
pub const CLAIMS_BYTES: usize = 16 * 1024;

/// Claims that only this server writes. `sid` is one although templates have none: it is what makes a session token.
const RESERVED: &[&str] = &["azp", "exp", "iat", "iss", "jti", "nbf", "sid", "sub"];

/// Letters, digits, dash and underscore: the name is a part of a path.
///
/// # Errors
/// 422 `form_param_format_invalid`.
pub fn name(text: &str) -> Result<String, ApiError> {
    let fits = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !fits {
        return Err(refuse::form_param_format_invalid("name").at("name"));
    }
    Ok(text.to_owned())
}

/// Claims that a template may have.
///
/// # Errors
/// 400 `jwt_template_reserved_claim`.
pub fn claims(claims: &Map<String, Value>) -> Result<String, ApiError> {
    if let Some(claim) = RESERVED.iter().find(|claim| claims.contains_key(**claim)) {
        return Err(refuse::jwt_template_reserved_claim(claim).at("claims"));
    }
    Ok(Value::Object(claims.clone()).to_string())
}

/// Holds a key against its algorithm.
///
/// # Errors
/// 422 that names the algorithm or the key.
pub fn check_key(algorithm: &str, key: &str) -> Result<(), ApiError> {
    if !ALGORITHMS.contains(&algorithm) {
        return Err(refuse::form_param_value_invalid("signing_algorithm").at("signing_algorithm"));
    }
    CustomKey::parse(algorithm, key)
        .map(drop)
        .map_err(|_| refuse::form_param_format_invalid("signing key").at("signing_key"))
}
