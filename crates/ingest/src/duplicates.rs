//! Merges repeated names in an object. JSON parsers treat them differently: they return the first value, the
//! last, or an error.

use std::borrow::Cow;
use std::collections::BTreeMap;

use countersign::canonical::write_string;
use countersign_query::value::{Document, Kind, Value};

type Fields<'a> = BTreeMap<Cow<'a, str>, Vec<Value<'a>>>;

/// Returns JSON in which each object has each name once: the values of a repeated name become an array, in
/// their order. Names are compared after unescaping. Returns the input unchanged if no name is repeated, or
/// if it is invalid JSON, nests more than 64 levels deep, or is larger than 256 KiB.
pub fn keep_all(json: &[u8]) -> Cow<'_, [u8]> {
    let Some(document) = core::str::from_utf8(json).ok().and_then(Document::parse) else {
        return Cow::Borrowed(json);
    };
    let mut out = Vec::with_capacity(json.len());
    if write(document.root(), &mut out) { Cow::Owned(out) } else { Cow::Borrowed(json) }
}

fn fields(object: Value<'_>) -> Fields<'_> {
    let mut fields = Fields::new();
    for (name, value) in object.members() {
        fields.entry(name.text()).or_default().push(value);
    }
    fields
}

/// Writes a value. Returns true if it contained a repeated name.
fn write(value: Value<'_>, out: &mut Vec<u8>) -> bool {
    match value.kind() {
        Kind::Object => {
            let mut is_repeated = false;
            out.push(b'{');
            for (nth, (name, values)) in fields(value).iter().enumerate() {
                if nth > 0 {
                    out.push(b',');
                }
                write_string(name, out);
                out.push(b':');
                is_repeated |= match values[..] {
                    [value] => write(value, out),
                    _ => write_all(values.iter().copied(), out) | true,
                };
            }
            out.push(b'}');
            is_repeated
        }
        Kind::Array => write_all(value.elements(), out),
        Kind::Text => {
            write_string(&value.text().unwrap_or_default(), out);
            false
        }
        Kind::Number | Kind::Bool | Kind::Null => {
            out.extend_from_slice(value.text().unwrap_or_default().as_bytes());
            false
        }
    }
}

fn write_all<'a>(values: impl Iterator<Item = Value<'a>>, out: &mut Vec<u8>) -> bool {
    let mut is_repeated = false;
    out.push(b'[');
    for (nth, value) in values.enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        is_repeated |= write(value, out);
    }
    out.push(b']');
    is_repeated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_all_values_of_a_name_as_an_array() {
        for (json, wanted) in [
            (r#"{"s":400,"s":200}"#, r#"{"s":[400,200]}"#),
            (
                r#"{"b":{"x":1,"y":"z","x":"1"},"a":[{"x":null,"x":null}]}"#,
                r#"{"a":[{"x":[null,null]}],"b":{"x":[1,"1"],"y":"z"}}"#,
            ),
            // A value that is an array stays one value.
            (r#"{"x":[1],"x":2,"x":[]}"#, r#"{"x":[[1],2,[]]}"#),
            (r#"{"x":{"y":1,"y":2},"x":{"y":3}}"#, r#"{"x":[{"y":[1,2]},{"y":3}]}"#),
            (
                r#"{"a\n":1,"a\u000a":true,"\u0061":"\u0061\"","a":-1.50e3}"#,
                r#"{"a":["a\"",-1.50e3],"a\n":[1,true]}"#,
            ),
            (r#"{"":1,"":9007199254740993}"#, r#"{"":[1,9007199254740993]}"#),
        ] {
            assert_eq!(String::from_utf8_lossy(&keep_all(json.as_bytes())), wanted);
            assert!(matches!(keep_all(wanted.as_bytes()), Cow::Borrowed(_)), "{wanted}");
        }
    }

    #[test]
    fn leaves_everything_else_unchanged() {
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        for json in [
            r#"{ "Host":"a", "host":"b", "x":{"Host":1}, "y":[{"x":1},{"x":2}] }"#,
            r#"{"a":1,"a":2"#,
            "",
            "7",
            &deep,
        ] {
            assert!(
                matches!(keep_all(json.as_bytes()), Cow::Borrowed(same) if same == json.as_bytes()),
                "{json}"
            );
        }
        assert!(matches!(keep_all(b"{\"a\":1,\"a\":\"\xff\"}"), Cow::Borrowed(_)));
    }
}
