//! JSON with one reading: an object that names a member twice is refused. What a parser makes of such an object is its
//! own choice (RFC 8259 §4), and two parsers that choose differently are a way around the checks of the first.
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Reads one JSON text: nested at most 128 deep, numbers within a double's range, every member named once.
///
/// # Errors
/// The place and kind of the first fault.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Once>(text).map(|once| once.0)
}

/// A value whose objects name every member once.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON whose objects name every member once")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            out.push(item);
        }
        Ok(Value::Array(out))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some((name, Once(value))) = members.next_entry::<String, Once>()? {
            if out.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is named twice"));
            }
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_read_as_it_stands() {
        let text = r#" {"b":[1,-2,1.5,true,null,"x"],"a":{"b":{}},"":0} "#;
        let value = parse(text.as_bytes()).ok();
        assert_eq!(
            value,
            Some(json!({"b":[1,-2,1.5,true,null,"x"],"a":{"b":{}},"":0}))
        );
        assert_eq!(parse(b"18446744073709551615").ok(), Some(json!(u64::MAX)));
    }

    #[test]
    fn a_member_that_is_named_twice_is_refused_at_every_depth() {
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"\u0061":3}"#,
            r#"[{"x":{"a":null,"a":null}}]"#,
        ] {
            assert!(parse(twice.as_bytes()).is_err(), "{twice}");
        }
        assert!(parse(br#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#).is_ok());
    }

    #[test]
    fn nonsense_depth_and_numbers_beyond_all_measure_are_refused() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for bad in ["", "{", "{}x", "1e999", "\u{feff}{}", "\"\\ud800\"", &deep] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:.20}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }
}
