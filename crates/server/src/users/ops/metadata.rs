//! Metadata: three objects of a user, 8 KB together. Merged as RFC 7396 says, or replaced.
use super::list::{self, Found};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::users::model::UserRow;
use crate::users::store;
use serde_json::{Map, Value};
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error, Result};

/// Bytes that the three objects may have together, as JSON.
pub const MAX_BYTES: usize = 8192;

/// What was sent of the three; `None` is unchanged.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// Read by browsers, written by servers.
    pub public: Option<Map<String, Value>>,
    /// Servers only.
    pub private: Option<Map<String, Value>>,
    /// Read and written by both.
    pub open: Option<Map<String, Value>>,
}

/// How what was sent meets what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Objects are merged at every depth, null deletes, everything else replaces.
    Merge,
    /// Each object that was sent replaces the old one.
    Replace,
}

/// Changes a user's metadata.
///
/// # Errors
/// 404; 422 `form_param_exceeds_allowed_size`.
pub async fn update(cx: &Cx, id: &str, new: &Metadata, how: How) -> Result<Found> {
    let id = list::parse_id(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut found = list::hold(&mut tx, &id).await?;
        let before = found.user.clone();
        apply(&mut found.user, new, how)?;
        found.user.updated_at = cx.now;
        store::update(&mut tx, &found.user).await?;
        let event = Event::new("user.metadata.updated").user(&id);
        audit::record(cx, &mut tx, event.changed(found.user.differs_from(&before)));
        Ok::<_, Error>(found)
    })
}

/// Changes a row's metadata.
///
/// # Errors
/// 422 `form_param_exceeds_allowed_size`, naming the first object that was sent.
pub fn apply(user: &mut UserRow, new: &Metadata, how: How) -> Result<(), ApiError> {
    let mut named = None;
    let fields = [
        ("public_metadata", &new.public, &mut user.public_metadata),
        ("private_metadata", &new.private, &mut user.private_metadata),
        ("unsafe_metadata", &new.open, &mut user.unsafe_metadata),
    ];
    for (param, sent, kept) in fields {
        let Some(sent) = sent else {
            continue;
        };
        named = named.or(Some(param));
        let result = match how {
            How::Replace => sent.clone(),
            How::Merge => {
                let mut target = serde_json::from_str(kept).unwrap_or_default();
                merge(&mut target, sent);
                target
            }
        };
        *kept = Value::Object(result).to_string();
    }
    let total =
        user.public_metadata.len() + user.private_metadata.len() + user.unsafe_metadata.len();
    match named {
        Some(param) if total > MAX_BYTES => {
            Err(refuse::form_param_exceeds_allowed_size(param).at(param))
        }
        _ => Ok(()),
    }
}

/// Merges a patch into an object (RFC 7396 §2). What is new goes through the same rules, so that no null is stored below a merged object.
pub fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.shift_remove(key);
            }
            Value::Object(inner) => {
                let mut below = match target.get_mut(key).map(Value::take) {
                    Some(Value::Object(below)) => below,
                    _ => Map::new(),
                };
                merge(&mut below, inner);
                target.insert(key.clone(), Value::Object(below));
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(target: Value, patch: Value) -> Value {
        let (Value::Object(mut target), Value::Object(patch)) = (target, patch) else {
            return Value::Null;
        };
        merge(&mut target, &patch);
        Value::Object(target)
    }

    #[test]
    fn the_examples_of_rfc_7396_hold() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ];
        for (target, patch, expected) in cases {
            assert_eq!(merged(target, patch), expected);
        }
    }
}
