//! Bodies: forms and JSON into raw fields; everything else is refused with the right code.
use super::Incoming;
use serde_json::Value;
use usher_http::form::{Raw, group};
use usher_http::percent;
use usher_types::Result;
use usher_types::error::codes as refuse;

/// Fields at most, in a query or a body: far above what any operation takes. Grouping them costs their square.
pub const FIELDS_LIMIT: usize = 1000;

/// The pairs of a query or a form; `None` when they do not decode or are too many.
pub fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    if text.bytes().filter(|b| *b == b'&').count() >= FIELDS_LIMIT {
        return None;
    }
    percent::pairs(text)
}

/// Decodes the body. An empty one is an empty form, whatever its content type says (contract bapi §1.3).
///
/// # Errors
/// 413 over the limit, 415 for other content types, 400 for bodies that do not decode.
pub fn decode(request: &Incoming, json_default: bool) -> Result<Raw> {
    let Some(body) = &request.body else {
        return Err(refuse::request_body_too_large().into());
    };
    if body.is_empty() {
        return Ok(Raw::new());
    }
    let declared = request.header("content-type").unwrap_or(if json_default {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    });
    let kind = declared
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let text = std::str::from_utf8(body).map_err(|_| refuse::request_body_invalid())?;
    match kind.as_str() {
        "application/json" => match usher_types::json::parse(text.as_bytes()) {
            Ok(Value::Object(fields)) if fields.len() <= FIELDS_LIMIT => {
                Ok(fields.into_iter().collect())
            }
            Ok(Value::Null) => Ok(Raw::new()),
            _ => Err(refuse::request_body_invalid().into()),
        },
        "application/x-www-form-urlencoded" => {
            Ok(group(pairs(text).ok_or_else(refuse::request_body_invalid)?))
        }
        _ => Err(refuse::unsupported_content_type().into()),
    }
}

/// A list of objects, as JSON: the raw fields of each.
///
/// # Errors
/// 413, 415 and 400 as for other bodies; 400 `bulk_size_exceeded` for more than `most`.
pub fn items(request: &Incoming, most: usize) -> Result<Vec<Raw>> {
    let Some(body) = &request.body else {
        return Err(refuse::request_body_too_large().into());
    };
    let kind = content_kind(request).unwrap_or_else(|| "application/json".to_owned());
    if kind != "application/json" && !body.is_empty() {
        return Err(refuse::unsupported_content_type().into());
    }
    let Ok(Value::Array(items)) = usher_types::json::parse(body) else {
        return Err(refuse::request_body_invalid().into());
    };
    if items.len() > most {
        return Err(refuse::bulk_size_exceeded(&most.to_string()).into());
    }
    let read = |item| match item {
        Value::Object(fields) if fields.len() <= FIELDS_LIMIT => Some(fields.into_iter().collect()),
        _ => None,
    };
    let all: Option<Vec<Raw>> = items.into_iter().map(read).collect();
    Ok(all
        .filter(|all| !all.is_empty())
        .ok_or_else(refuse::request_body_invalid)?)
}

fn content_kind(request: &Incoming) -> Option<String> {
    let declared = request.header("content-type")?;
    let kind = declared.split(';').next().unwrap_or_default();
    Some(kind.trim().to_ascii_lowercase())
}
