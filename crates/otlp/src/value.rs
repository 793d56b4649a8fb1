//! Values of attributes and bodies.

use countersign::{base64, canonical, integer};
use serde_json::{Map, Number};

/// The greatest number that events contain: 2^53 - 1.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// A value of an attribute or a body (OTLP's `AnyValue`).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Empty,
    /// A string.
    String(String),
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number, including infinities and NaN.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    Array(Vec<Self>),
    /// Names with values, in the order of the record.
    Map(Vec<(String, Self)>),
}

impl Value {
    /// Returns the number of levels, counting this value as the first.
    pub(crate) fn depth(&self) -> usize {
        1 + match self {
            Self::Array(values) => values.iter().map(Self::depth).max().unwrap_or_default(),
            Self::Map(members) => members.iter().map(|(_, value)| value.depth()).max().unwrap_or_default(),
            _ => 0,
        }
    }

    /// Returns the text of a string or number that fits a field of an event. Empty strings don't.
    pub(crate) fn mappable(&self) -> Option<String> {
        match self {
            Self::String(text) if !text.is_empty() => Some(text.clone()),
            Self::Int(value) => Some(value.to_string()),
            Self::Double(value) => Some(number(*value)),
            _ => None,
        }
    }

    /// Converts to JSON. Values without a JSON form become strings.
    pub(crate) fn into_json(self) -> serde_json::Value {
        match self {
            Self::Empty => serde_json::Value::Null,
            Self::String(text) => text.into(),
            Self::Bool(value) => value.into(),
            Self::Int(value) if value.unsigned_abs() <= integer::MAX => value.into(),
            Self::Int(value) => value.to_string().into(),
            Self::Double(value) => {
                let json = (value.abs() <= MAX_EXACT).then(|| Number::from_f64(value)).flatten();
                json.map_or_else(|| number(value).into(), serde_json::Value::Number)
            }
            Self::Bytes(bytes) => base64::encode(bytes).into(),
            Self::Array(values) => values.into_iter().map(Self::into_json).collect(),
            Self::Map(members) => object(members).into(),
        }
    }
}

/// Converts named values to a JSON object. Of several values with one name, the last one counts.
pub(crate) fn object(members: Vec<(String, Value)>) -> Map<String, serde_json::Value> {
    members.into_iter().map(|(name, value)| (name, value.into_json())).collect()
}

/// Returns a number as JavaScript writes it.
fn number(value: f64) -> String {
    canonical::number(value).unwrap_or_else(|| {
        let text = if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        text.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_without_a_json_form_become_strings() {
        let list = vec![
            Value::Bytes(vec![1, 2, 255]),
            Value::Double(f64::NAN),
            Value::Double(f64::NEG_INFINITY),
            Value::Double(1e300),
            Value::Double(0.5),
            Value::Int(i64::MAX),
            Value::Int(-7),
            Value::Empty,
        ];
        let expected = json!(["AQL/", "NaN", "-Infinity", "1e+300", 0.5, "9223372036854775807", -7, null]);
        assert_eq!(Value::Array(list).into_json(), expected);
    }

    #[test]
    fn levels_are_counted() {
        let nested = Value::Map(vec![("a".into(), Value::Array(vec![Value::Empty, Value::Int(1)]))]);
        assert_eq!((nested.depth(), Value::Empty.depth()), (3, 1));
    }
}
