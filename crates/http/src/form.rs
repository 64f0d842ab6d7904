//! The fields of an operation: declared once, decoded and checked before the handler runs, listed in the OpenAPI
//! document from the same declaration. Forms and JSON give the same [`Form`].
use serde_json::{Map, Value};
use usher_types::ApiError;
use usher_types::error::codes as refuse;

/// Where a field travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the body.
    Body,
    /// In the query string.
    Query,
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Text of at most this many characters.
    Text(usize),
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// An integer in this range.
    Int(i64, i64),
    /// A JSON object (as a string in forms) of at most this many bytes.
    Object(usize),
    /// A list of at most this many texts of at most this many characters; one text alone is a list of one.
    Texts(usize, usize),
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Where it travels.
    pub place: Place,
    /// It must come, and not be empty.
    pub required: bool,
    /// A secret: white space is kept and it is never echoed.
    pub secret: bool,
    /// What it is for, in the OpenAPI document.
    pub about: &'static str,
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        place: Place::Body,
        required: false,
        secret: false,
        about: "",
    }
}
/// Text of at most `max` characters.
#[must_use]
pub const fn text(name: &'static str, max: usize) -> Field {
    field(name, Kind::Text(max))
}
/// Text whose white space counts and that is never echoed.
#[must_use]
pub const fn secret(name: &'static str, max: usize) -> Field {
    Field {
        secret: true,
        ..field(name, Kind::Text(max))
    }
}
/// One of `words`.
#[must_use]
pub const fn word(name: &'static str, words: &'static [&'static str]) -> Field {
    field(name, Kind::Word(words))
}
/// `true` or `false`.
#[must_use]
pub const fn flag(name: &'static str) -> Field {
    field(name, Kind::Flag)
}
/// An integer.
#[must_use]
pub const fn int(name: &'static str, min: i64, max: i64) -> Field {
    field(name, Kind::Int(min, max))
}
/// A JSON object of at most `max` bytes.
#[must_use]
pub const fn object(name: &'static str, max: usize) -> Field {
    field(name, Kind::Object(max))
}
/// A list of texts.
#[must_use]
pub const fn texts(name: &'static str, items: usize, max: usize) -> Field {
    field(name, Kind::Texts(items, max))
}

impl Field {
    /// It must come.
    #[must_use]
    pub const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }
    /// It travels in the query.
    #[must_use]
    pub const fn query(self) -> Self {
        Self {
            place: Place::Query,
            ..self
        }
    }
    /// What it is for.
    #[must_use]
    pub const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }
}

/// A field of an update: left out, cleared, or set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch<T> {
    /// Not sent: unchanged.
    Absent,
    /// Sent as null or empty: cleared.
    Null,
    /// Sent with a value.
    Set(T),
}

impl<T> Patch<T> {
    /// The new value of a nullable column that holds `old`.
    pub fn over(self, old: Option<T>) -> Option<T> {
        match self {
            Self::Absent => old,
            Self::Null => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// The raw fields of a request, before they are held against a declaration.
pub type Raw = Vec<(String, Value)>;

/// Groups decoded pairs by name: one value is a text, several are a list (`name[]` is `name`).
#[must_use]
pub fn group(pairs: Vec<(String, String)>) -> Raw {
    let mut out: Raw = Vec::new();
    for (name, value) in pairs {
        let name = name.strip_suffix("[]").map(str::to_owned).unwrap_or(name);
        match out.iter_mut().find(|(n, _)| *n == name) {
            Some((_, Value::Array(items))) => items.push(Value::String(value)),
            Some((_, single)) => {
                let first = std::mem::take(single);
                *single = Value::Array(vec![first, Value::String(value)]);
            }
            None => out.push((name, Value::String(value))),
        }
    }
    out
}

/// Checked fields.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(&'static str, Value)>);

impl Form {
    /// Holds raw fields against their declaration. `strict` refuses unknown ones (a body of BAPI); every refusal of the
    /// form is told at once.
    ///
    /// # Errors
    /// 422 with the code and `param_name` of each field that is at fault.
    pub fn check(fields: &[Field], query: Raw, body: Raw, strict: bool) -> Result<Self, ApiError> {
        let mut faults = Vec::new();
        let mut form = Vec::new();
        for field in fields {
            let source = match field.place {
                Place::Body => &body,
                Place::Query => &query,
            };
            let sent = source
                .iter()
                .find(|(name, _)| name == field.name)
                .map(|(_, value)| value);
            match sent {
                None if field.required => {
                    faults.push(refuse::form_param_missing(field.name).at(field.name))
                }
                None => {}
                Some(value) => match check_one(field, value) {
                    Ok(Value::Null) if field.required => faults
                        .push(refuse::form_param_nil(&field.name.replace('_', " ")).at(field.name)),
                    Ok(value) => form.push((field.name, value)),
                    Err(e) => faults.push(*e),
                },
            }
        }
        if strict {
            for (name, _) in &body {
                if !fields
                    .iter()
                    .any(|f| f.place == Place::Body && f.name == name)
                {
                    let shown: String = name
                        .chars()
                        .filter(|c| c.is_ascii_graphic())
                        .take(64)
                        .collect();
                    faults.push(refuse::form_param_unknown(&shown).at(&shown));
                }
            }
        }
        ApiError::join(faults).map_or(Ok(Self(form)), Err)
    }
    /// Holds each item of a list against the declaration; the refusals of all of them are told at once.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_all(
        fields: &[Field],
        items: Vec<Raw>,
        strict: bool,
    ) -> Result<Vec<Self>, ApiError> {
        let mut faults = Vec::new();
        let mut forms = Vec::with_capacity(items.len());
        for item in items {
            match Self::check(fields, Raw::new(), item, strict) {
                Ok(form) => forms.push(form),
                Err(e) => faults.push(e),
            }
        }
        ApiError::join(faults).map_or(Ok(forms), Err)
    }
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }
    /// The field was sent (even as null).
    #[must_use]
    pub fn sent(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
    /// The names of the fields that came.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().map(|(name, _)| *name)
    }
    /// A text that is there and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }
    /// A text of an update.
    #[must_use]
    pub fn patch(&self, name: &str) -> Patch<String> {
        match self.get(name) {
            None => Patch::Absent,
            Some(Value::String(text)) => Patch::Set(text.clone()),
            Some(_) => Patch::Null,
        }
    }
    /// A flag.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }
    /// An integer.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_i64)
    }
    /// An object.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.get(name).and_then(Value::as_object)
    }
    /// A list of texts; empty when it was not sent.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<&str> {
        self.get(name)
            .and_then(Value::as_array)
            .map(|items| items.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default()
    }
}

/// One value against its field. Null and the empty text are both `Null`: "clear it" on updates, "not given" elsewhere.
fn check_one(field: &Field, value: &Value) -> Result<Value, Box<ApiError>> {
    let name = field.name;
    let wrong_type = || Box::new(refuse::form_param_type_invalid(name).at(name));
    let listed = matches!(field.kind, Kind::Texts(..));
    if value.is_null() || (value.as_str() == Some("") && !listed) {
        return Ok(Value::Null);
    }
    // A scalar that came twice in a form: clerk-js splits values at commas, so they are joined again.
    let joined;
    let value = match value {
        Value::Array(items)
            if !listed
                && items.iter().all(Value::is_string)
                && matches!(field.kind, Kind::Text(_))
                && field.place == Place::Query =>
        {
            joined = Value::String(
                items
                    .iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(","),
            );
            &joined
        }
        Value::Array(items) if !listed && items.iter().all(Value::is_string) => {
            return Err(if items.is_empty() {
                wrong_type()
            } else {
                Box::new(refuse::form_param_duplicate(name).at(name))
            });
        }
        other => other,
    };
    let text_ok = |text: &str, max: usize| -> Result<String, Box<ApiError>> {
        if text.contains('\0') {
            return Err(Box::new(
                refuse::form_param_format_invalid(&name.replace('_', " ")).at(name),
            ));
        }
        let text = if field.secret { text } else { text.trim() };
        // Counting characters of a huge text is bounded by the body limit.
        if text.chars().count() > max {
            return Err(Box::new(refuse::too_long(name, max)));
        }
        Ok(text.to_owned())
    };
    match field.kind {
        Kind::Text(max) => {
            let text = text_ok(value.as_str().ok_or_else(wrong_type)?, max)?;
            Ok(if text.is_empty() {
                Value::Null
            } else {
                Value::String(text)
            })
        }
        Kind::Word(words) => {
            let text = value.as_str().ok_or_else(wrong_type)?;
            if words.contains(&text) {
                Ok(Value::String(text.to_owned()))
            } else {
                Err(Box::new(refuse::form_param_value_invalid(name).at(name)))
            }
        }
        Kind::Flag => match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::String(s) if s == "true" || s == "1" => Ok(Value::Bool(true)),
            Value::String(s) if s == "false" || s == "0" => Ok(Value::Bool(false)),
            _ => Err(wrong_type()),
        },
        Kind::Int(min, max) => {
            let number = match value {
                Value::Number(n) => n.as_i64(),
                Value::String(s) => s.trim().parse().ok(),
                _ => None,
            }
            .ok_or_else(wrong_type)?;
            if (min..=max).contains(&number) {
                Ok(Value::from(number))
            } else {
                Err(Box::new(refuse::form_param_value_invalid(name).at(name)))
            }
        }
        Kind::Object(max) => {
            let parsed = match value {
                Value::Object(_) => value.clone(),
                Value::String(s) if s.len() <= max * 2 => {
                    usher_types::json::parse(s.as_bytes()).map_err(|_| wrong_type())?
                }
                Value::String(_) => {
                    return Err(Box::new(
                        refuse::form_param_exceeds_allowed_size(name).at(name),
                    ));
                }
                _ => return Err(wrong_type()),
            };
            if parsed.is_null() {
                return Ok(Value::Null);
            }
            if !parsed.is_object() {
                return Err(wrong_type());
            }
            let text = parsed.to_string();
            if text.len() > max {
                return Err(Box::new(
                    refuse::form_param_exceeds_allowed_size(name).at(name),
                ));
            }
            if text.contains("\\u0000") || depth(&parsed) > 32 {
                return Err(Box::new(refuse::form_param_format_invalid(name).at(name)));
            }
            Ok(parsed)
        }
        Kind::Texts(items, max) => {
            let single;
            let list = match value {
                Value::Array(list) => list,
                Value::String(text) if text.is_empty() => return Ok(Value::Array(Vec::new())),
                Value::String(_) => {
                    single = vec![value.clone()];
                    &single
                }
                _ => return Err(wrong_type()),
            };
            if list.len() > items {
                return Err(Box::new(
                    refuse::form_param_array_size_exceeded(name).at(name),
                ));
            }
            list.iter()
                .map(|item| text_ok(item.as_str().ok_or_else(wrong_type)?, max).map(Value::String))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::Array)
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(items) => 1 + items.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FIELDS: &[Field] = &[
        text("name", 5).required(),
        flag("on"),
        int("limit", 1, 500).query(),
        word("mode", &["a", "b"]),
        object("meta", 40),
        texts("ids", 2, 4),
    ];

    fn body(value: Value) -> Raw {
        value
            .as_object()
            .map(|o| o.clone().into_iter().collect())
            .unwrap_or_default()
    }
    fn codes(value: Value) -> Vec<String> {
        let e = Form::check(FIELDS, Vec::new(), body(value), true).expect_err("refused");
        std::iter::once(&e)
            .chain(&e.more)
            .map(|e| {
                format!(
                    "{} {}",
                    e.code,
                    e.meta["param_name"].as_str().unwrap_or_default()
                )
            })
            .collect()
    }

    #[test]
    fn every_kind_of_fault_has_its_code_and_names_its_field() {
        assert_eq!(codes(json!({})), ["form_param_missing name"]);
        assert_eq!(codes(json!({"name": ""})), ["form_param_nil name"]);
        assert_eq!(
            codes(json!({"name": "sixsix"})),
            ["form_param_max_length_exceeded name"]
        );
        assert_eq!(codes(json!({"name": 3})), ["form_param_type_invalid name"]);
        assert_eq!(
            codes(json!({"name": "a\u{0}"})),
            ["form_param_format_invalid name"]
        );
        assert_eq!(
            codes(json!({"name": "a", "on": "maybe", "mode": "c", "x": 1})),
            [
                "form_param_type_invalid on",
                "form_param_value_invalid mode",
                "form_param_unknown x"
            ]
        );
        assert_eq!(
            codes(json!({"name": "a", "meta": [1]})),
            ["form_param_type_invalid meta"]
        );
        assert_eq!(
            codes(json!({"name": "a", "meta": {"k": "x".repeat(40)}})),
            ["form_param_exceeds_allowed_size meta"]
        );
        assert_eq!(
            codes(json!({"name": "a", "ids": ["1", "2", "3"]})),
            ["form_param_array_size_exceeded ids"]
        );
        assert_eq!(
            codes(json!({"name": ["a", "b"]})),
            ["form_param_duplicate name"]
        );
    }

    #[test]
    fn forms_and_json_give_the_same_fields() {
        let raw = group(vec![
            ("name".into(), " a ".into()),
            ("on".into(), "true".into()),
            ("meta".into(), "{\"k\":1}".into()),
            ("ids[]".into(), "x".into()),
            ("ids".into(), "y".into()),
        ]);
        let form = Form::check(FIELDS, group(vec![("limit".into(), "7".into())]), raw, true)
            .expect("a form");
        assert_eq!(
            (
                form.text("name"),
                form.flag("on"),
                form.int("limit"),
                form.texts("ids")
            ),
            (Some("a"), Some(true), Some(7), vec!["x", "y"])
        );
        assert_eq!(
            form.object("meta").and_then(|m| m.get("k")),
            Some(&json!(1))
        );
        assert_eq!(form.patch("mode"), Patch::Absent);
    }
}
