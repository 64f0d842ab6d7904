//! Templates: from claims with shortcodes to claims. Pure: what a shortcode stands for is read out of one JSON value.
//!
//! `{{user.id}}` alone in a text keeps its JSON type; within a longer text it becomes text (`null` where there is nothing).
//! `{{a || b || 'word'}}` is the first that is there. Only the template is read for shortcodes, not what they stand for.
use serde_json::{Map, Value};

/// The claims of a template, with every shortcode replaced by what it stands for in `data`. `None` where they would be more
/// than `budget` bytes of JSON.
#[must_use]
pub fn render(
    claims: &Map<String, Value>,
    data: &Value,
    budget: usize,
) -> Option<Map<String, Value>> {
    let mut left = budget;
    let rendered = object(claims, data, &mut left)?;
    // What was counted while it grew is a lower bound; this is the size.
    let size = serde_json::to_string(&rendered).ok()?.len();
    (size <= budget).then_some(rendered)
}

fn object(
    claims: &Map<String, Value>,
    data: &Value,
    left: &mut usize,
) -> Option<Map<String, Value>> {
    let mut out = Map::new();
    for (name, value) in claims {
        spend(left, name.len())?;
        out.insert(name.clone(), one(value, data, left)?);
    }
    Some(out)
}

fn one(value: &Value, data: &Value, left: &mut usize) -> Option<Value> {
    Some(match value {
        Value::String(text) => replace(text, data, left)?,
        Value::Array(items) => {
            let items: Option<Vec<Value>> = items.iter().map(|v| one(v, data, left)).collect();
            Value::Array(items?)
        }
        Value::Object(claims) => Value::Object(object(claims, data, left)?),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

fn spend(left: &mut usize, bytes: usize) -> Option<()> {
    *left = left.checked_sub(bytes)?;
    Some(())
}

/// What stands between `{{` and `}}`, and what follows: quotes may hold braces.
fn shortcode(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut braces = 0;
    for (at, c) in text.char_indices() {
        if c == '\'' {
            quoted = !quoted;
        }
        if c == '}' && !quoted {
            braces += 1;
            if braces == 2 {
                return Some((&text[..at - 1], &text[at + 1..]));
            }
        } else {
            braces = 0;
        }
    }
    None
}

fn replace(text: &str, data: &Value, left: &mut usize) -> Option<Value> {
    if let Some(("", after)) = text.split_once("{{")
        && let Some((expression, "")) = shortcode(after)
    {
        let value = evaluate(expression, data);
        let size = match &value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 4,
            Value::String(text) => text.len(),
            Value::Array(_) | Value::Object(_) => value.to_string().len(),
        };
        spend(left, size)?;
        return Some(value);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((expression, after)) = shortcode(after) else {
            break;
        };
        let said = match evaluate(expression, data) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        spend(left, before.len() + said.len())?;
        out.push_str(before);
        out.push_str(&said);
        rest = after;
    }
    spend(left, rest.len())?;
    out.push_str(rest);
    Some(Value::String(out))
}

/// The first operand that is there.
fn evaluate(expression: &str, data: &Value) -> Value {
    operands(expression)
        .map(|operand| term(operand.trim(), data))
        .find(|value| !value.is_null())
        .unwrap_or(Value::Null)
}

/// What stands between `||`, outside of quotes.
fn operands(expression: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(expression);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        for (at, c) in text.char_indices() {
            if c == '\'' {
                quoted = !quoted;
            }
            if !quoted && text[at..].starts_with("||") {
                rest = Some(&text[at + 2..]);
                return Some(&text[..at]);
            }
        }
        rest = None;
        Some(text)
    })
}

/// A word in quotes, or a path into the data; null for everything else.
fn term(text: &str, data: &Value) -> Value {
    let word = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    if let Some(word) = word {
        return if word.contains('\'') {
            Value::Null
        } else {
            Value::from(word)
        };
    }
    text.split('.')
        .try_fold(data, |at, name| at.as_object()?.get(name))
        .cloned()
        .unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn data() -> Value {
        json!({
            "user": {
                "id": "user_1", "first_name": "Ada", "last_name": null, "two_factor_enabled": false,
                "public_metadata": { "roles": ["a", "b"], "deep": { "er": 7 }, "no": false },
                "unsafe_metadata": { "evil": "{{user.id}}", "half": "{{user", "quote": "' || 'x" },
            },
            "session": { "actor": null },
        })
    }

    #[track_caller]
    fn says(template: Value, expected: Value) {
        let claims = json!({ "c": template });
        let rendered = render(claims.as_object().unwrap(), &data(), 4096).unwrap();
        assert_eq!(rendered["c"], expected);
    }

    #[test]
    fn a_shortcode_alone_keeps_its_type() {
        says(json!("{{user.id}}"), json!("user_1"));
        says(json!("{{ user.id }}"), json!("user_1"));
        says(json!("{{user.two_factor_enabled}}"), json!(false));
        says(json!("{{user.public_metadata.roles}}"), json!(["a", "b"]));
        says(json!("{{user.public_metadata.deep}}"), json!({ "er": 7 }));
        says(json!("{{user.public_metadata.deep.er}}"), json!(7));
        says(
            json!(["{{user.id}}", { "x": "{{user.id}}" }]),
            json!(["user_1", { "x": "user_1" }]),
        );
    }

    #[test]
    fn what_is_not_there_is_null_and_within_a_text_the_word_null() {
        for nothing in [
            "{{user.last_name}}",
            "{{user.nothing}}",
            "{{nothing}}",
            "{{}}",
            "{{ }}",
            "{{.}}",
            "{{user..id}}",
            "{{user.id.x}}",
            "{{user.public_metadata.roles.0}}",
            "{{session.actor}}",
            "{{session.actor.sub}}",
            "{{user.id | x}}",
        ] {
            says(json!(nothing), json!(null));
        }
        says(json!("Hello {{user.last_name}}!"), json!("Hello null!"));
    }

    #[test]
    fn texts_are_put_together() {
        says(
            json!("{{user.first_name}} {{user.id}}"),
            json!("Ada user_1"),
        );
        says(
            json!("a{{user.public_metadata.deep}}b"),
            json!("a{\"er\":7}b"),
        );
        says(json!("{{user.two_factor_enabled}}."), json!("false."));
        says(json!("plain"), json!("plain"));
        says(json!("{{user.id"), json!("{{user.id"));
        says(json!("user.id}}"), json!("user.id}}"));
        says(json!("{ {user.id} }"), json!("{ {user.id} }"));
        says(json!("{{'a'b'}}"), json!("{{'a'b'}}"));
        says(json!("{{'a'b''}}"), json!(null));
        says(json!(1.5), json!(1.5));
    }

    #[test]
    fn the_first_operand_that_is_there_counts() {
        says(json!("{{user.last_name || user.first_name}}"), json!("Ada"));
        says(
            json!("{{user.last_name || user.nothing || 'nobody'}}"),
            json!("nobody"),
        );
        says(json!("{{user.first_name||'nobody'}}"), json!("Ada"));
        says(json!("{{user.nothing || 'a || b'}}"), json!("a || b"));
        says(json!("{{user.nothing || '}}'}}"), json!("}}"));
        says(json!("{{user.nothing || ''}}"), json!(""));
        says(json!("{{user.public_metadata.no || 'x'}}"), json!(false));
        says(
            json!("Dear {{user.last_name || 'friend'}},"),
            json!("Dear friend,"),
        );
    }

    #[test]
    fn what_a_user_wrote_is_no_template() {
        says(json!("{{user.unsafe_metadata.evil}}"), json!("{{user.id}}"));
        says(
            json!("x {{user.unsafe_metadata.evil}}"),
            json!("x {{user.id}}"),
        );
        says(
            json!("{{user.unsafe_metadata.half}}.id}}"),
            json!("{{user.id}}"),
        );
        says(
            json!("{{user.unsafe_metadata.quote || 'y'}}"),
            json!("' || 'x"),
        );
        let named = json!({ "{{user.id}}": 1 });
        let rendered = render(named.as_object().unwrap(), &data(), 4096).unwrap();
        assert_eq!(
            Value::Object(rendered),
            named,
            "names of claims are no templates"
        );
    }

    #[test]
    fn what_grows_over_the_budget_is_nothing() {
        let claims = json!({ "a": "{{user.public_metadata.deep}}".repeat(100) });
        assert!(render(claims.as_object().unwrap(), &data(), 200).is_none());
        assert!(render(claims.as_object().unwrap(), &data(), 2000).is_some());
        let claims = json!({ "a": [1, 2, 3] });
        assert!(render(claims.as_object().unwrap(), &data(), 12).is_none());
        assert!(render(claims.as_object().unwrap(), &data(), 13).is_some());
    }
}
