//! OTLP log records in JSON.

use serde_json::{Map, Value, json};

use crate::mapping::Fields;
use crate::tree;

/// Returns a complete request with one record.
pub(crate) fn line(fields: Fields<'_>) -> String {
    let (mut record, mut resource, mut attributes) = (Value::Object(Map::new()), Vec::new(), Vec::new());
    for (to, value) in fields {
        if let Some(key) = to.strip_prefix("attributes:") {
            attributes.push(attribute(key, &value));
        } else if let Some(key) = to.strip_prefix("resource:") {
            resource.push(attribute(key, &value));
        } else {
            tree::put(&mut record, to, value);
        }
    }
    record["attributes"] = Value::Array(attributes);
    let scope = json!({ "name": "countersign", "version": env!("CARGO_PKG_VERSION") });
    json!({
        "resourceLogs": [{
            "resource": { "attributes": resource },
            "scopeLogs": [{ "scope": scope, "logRecords": [record] }],
        }],
    })
    .to_string()
}

fn attribute(key: &str, value: &Value) -> Value {
    json!({ "key": key, "value": any_value(value) })
}

/// Converts a value to OTLP's `AnyValue`. Integers become strings, because JSON numbers are exact only to 53 bits.
fn any_value(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(yes) => json!({ "boolValue": yes }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Array(values) => {
            json!({ "arrayValue": { "values": values.iter().map(any_value).collect::<Vec<_>>() } })
        }
        Value::Null | Value::Object(_) => json!({ "stringValue": value.to_string() }),
    }
}

/// Combines the records of several requests, which must have the same resource, into one request.
pub fn request<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut records = String::new();
    let mut frame: Option<(&str, &str)> = None;
    for line in lines {
        const BEGIN: &str = "\"logRecords\":[";
        const END: &str = "]}]}]}";
        let Some((before, rest)) = line.split_once(BEGIN) else { continue };
        let Some(record) = rest.strip_suffix(END) else { continue };
        frame.get_or_insert((before, END));
        if !records.is_empty() {
            records.push(',');
        }
        records.push_str(record);
    }
    let Some((before, end)) = frame else { return "{\"resourceLogs\":[]}".into() };
    format!("{before}\"logRecords\":[{records}{end}")
}
