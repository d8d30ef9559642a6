//! Canonical JSON: one value, one text.
//!
//! Keys are sorted, nothing is indented, and numbers are integers (RFC 8785 without its floating
//! point rules, which we have no use for). Sorting is done here rather than by the map type of
//! `serde_json`, whose order depends on a feature that any dependency may switch on.
//!
//! A signature is checked over the text as it came, before it is parsed; this form matters where a
//! second program must arrive at the same text by itself.

use serde::Serialize;
use serde_json::Value;

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum NotCanonical {
    /// The value does not serialise.
    #[error("the value does not serialise: {0}")]
    Serialise(#[from] serde_json::Error),
    /// A number with a fraction or an exponent.
    #[error("`{0}` is not an integer")]
    Number(String),
}

/// The canonical text of `value`.
///
/// # Errors
/// When the value does not serialise or holds a number that is no integer.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, NotCanonical> {
    let mut text = String::new();
    write_value(&serde_json::to_value(value)?, &mut text)?;
    Ok(text)
}

fn write_value(value: &Value, out: &mut String) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) if number.is_f64() => {
            return Err(NotCanonical::Number(number.to_string()));
        }
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => out.push_str(&serde_json::to_string(text)?),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out)?;
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(key)?);
                out.push(':');
                write_value(item, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value = json!({"b": [{"z": 1, "a": null}], "a": "x\n\u{1F600}"});
        assert_eq!(
            to_string(&value).unwrap(),
            "{\"a\":\"x\\n\u{1F600}\",\"b\":[{\"a\":null,\"z\":1}]}"
        );
    }

    #[test]
    fn fractions_have_no_canonical_form() {
        assert!(matches!(
            to_string(&json!([1.5])),
            Err(NotCanonical::Number(_))
        ));
    }
}
