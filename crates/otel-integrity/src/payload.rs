//! The payload of a log record, over which its integrity value is computed (SPEC section 19.2).

use countersign::base64;
use countersign::canonical::rfc8785;
use serde_json::{Number, Value, json};

use crate::export::Object;
use crate::{ALGORITHM, CERTIFICATE, IntegrityError, PREFIX, VALUE};

/// The fields of a log record whose values may be anything: a payload does not contain them.
const UNCOVERED: [&str; 4] = ["severityNumber", "severityText", "flags", "droppedAttributesCount"];

/// The fields of a log record that are strings in OTLP's JSON and in a payload, with their names there.
const STRINGS: [(&str, &str); 5] = [
    ("eventName", "event_name"),
    ("timeUnixNano", "timestamp"),
    ("observedTimeUnixNano", "observed_timestamp"),
    ("traceId", "trace_id"),
    ("spanId", "span_id"),
];

/// Returns the canonical JSON of a payload.
pub(crate) fn canonical(payload: &Object) -> Result<Vec<u8>, IntegrityError> {
    let text = Value::Object(payload.clone()).to_string();
    rfc8785(text.as_bytes()).map_err(|error| IntegrityError::Malformed(error.to_string()))
}

/// Replaces the covered fields of a record by those of its payload: what was verified, in one form.
pub(crate) fn rebuild(record: &mut Object, payload: &Object) {
    for (field, name) in STRINGS {
        match payload.get(name) {
            Some(value) => record.insert(field.into(), value.clone()),
            None => record.remove(field),
        };
    }
    match payload.get("body") {
        Some(body) => record.insert("body".into(), json!({ "stringValue": body })),
        None => record.remove("body"),
    };
    let covered = payload.get("attributes");
    for attribute in record.get_mut("attributes").and_then(Value::as_array_mut).into_iter().flatten() {
        let key = attribute["key"].as_str().unwrap_or_default();
        if let Some(value) = covered.and_then(|covered| covered.get(key)) {
            *attribute = json!({ "key": key, "value": otlp_value(value) });
        }
    }
}

/// Converts a value of a payload back to an `AnyValue`.
fn otlp_value(value: &Value) -> Value {
    match value {
        Value::Array(values) => {
            json!({ "arrayValue": { "values": values.iter().map(otlp_value).collect::<Vec<_>>() } })
        }
        // The only field of a scalar is a string, a number, or a boolean. Those of a map are objects, arrays, or null.
        Value::Object(fields) if !fields.values().any(is_scalar) => {
            let pair = |(key, value)| json!({ "key": key, "value": otlp_value(value) });
            json!({ "kvlistValue": { "values": fields.iter().map(pair).collect::<Vec<_>>() } })
        }
        Value::Null => json!({}),
        scalar => scalar.clone(),
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

/// Returns the covered fields of a log record.
pub(crate) fn payload(record: &Object) -> Result<Object, IntegrityError> {
    let mut payload = Object::new();
    for (name, value) in record {
        let malformed = || IntegrityError::Malformed(name.clone());
        match name.as_str() {
            "eventName" => {
                let text = value.as_str().ok_or_else(malformed)?;
                insert_some(&mut payload, "event_name", text);
            }
            "body" => match value.get("stringValue") {
                Some(Value::String(body)) if is_single(value) => {
                    payload.insert("body".into(), body.as_str().into());
                }
                None if value.as_object().is_some_and(Object::is_empty) => {}
                _ => return Err(IntegrityError::Uncovered("body, which is not a string".into())),
            },
            "timeUnixNano" => insert_time(&mut payload, "timestamp", value).ok_or_else(malformed)?,
            "observedTimeUnixNano" => {
                insert_time(&mut payload, "observed_timestamp", value).ok_or_else(malformed)?;
            }
            "traceId" => insert_id(&mut payload, "trace_id", value, 32).ok_or_else(malformed)?,
            "spanId" => insert_id(&mut payload, "span_id", value, 16).ok_or_else(malformed)?,
            "attributes" => {
                let mut attributes = members(value, name)?;
                attributes.retain(|key, _| ![VALUE, ALGORITHM, CERTIFICATE].contains(&key.as_str()));
                // A reader would take them for a part of the proof.
                if let Some(key) = attributes.keys().find(|key| key.starts_with(PREFIX)) {
                    return Err(IntegrityError::Uncovered(format!("{name}.{key}")));
                }
                if !attributes.is_empty() {
                    payload.insert("attributes".into(), attributes.into());
                }
            }
            name if UNCOVERED.contains(&name) => {}
            name => return Err(IntegrityError::Uncovered(name.to_owned())),
        }
    }
    Ok(payload)
}

fn insert_some(payload: &mut Object, name: &str, text: &str) {
    if !text.is_empty() {
        payload.insert(name.into(), text.into());
    }
}

/// Inserts a time in nanoseconds as a decimal string. Zero is a missing time.
fn insert_time(payload: &mut Object, name: &str, value: &Value) -> Option<()> {
    let nanos = integer(value).filter(|nanos| *nanos >= 0)?;
    if nanos > 0 {
        payload.insert(name.into(), nanos.to_string().into());
    }
    Some(())
}

/// Inserts an ID in lower-case hex. Zeros are a missing ID.
fn insert_id(payload: &mut Object, name: &str, value: &Value, length: usize) -> Option<()> {
    let id = value.as_str()?.to_ascii_lowercase();
    if id.is_empty() {
        return Some(());
    }
    (id.len() == length && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(())?;
    if id.bytes().any(|byte| byte != b'0') {
        payload.insert(name.into(), id.into());
    }
    Some(())
}

/// Returns a list of keys and values as an object.
fn members(list: &Value, place: &str) -> Result<Object, IntegrityError> {
    let malformed = || IntegrityError::Malformed(place.to_owned());
    let mut object = Object::new();
    for pair in list.as_array().ok_or_else(malformed)? {
        let pair = pair.as_object().ok_or_else(malformed)?;
        let key = pair.get("key").and_then(Value::as_str).ok_or_else(malformed)?;
        if let Some(other) = pair.keys().find(|name| !matches!(name.as_str(), "key" | "value")) {
            return Err(IntegrityError::Uncovered(format!("{place}.{other}")));
        }
        let value = pair.get("value").map_or(Ok(Value::Null), |value| any_value(value, key))?;
        // Two values for one key: readers disagree about which one counts.
        if object.insert(key.to_owned(), value).is_some() {
            return Err(IntegrityError::Malformed(format!("{place}.{key}, which is there twice")));
        }
    }
    Ok(object)
}

fn is_single(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.len() == 1)
}

/// Converts an `AnyValue`: a scalar to an object that names its type, a list to an array, a map to an object.
fn any_value(value: &Value, key: &str) -> Result<Value, IntegrityError> {
    let malformed = || IntegrityError::Malformed(key.to_owned());
    let object = value.as_object().filter(|object| object.len() <= 1).ok_or_else(malformed)?;
    let Some((kind, value)) = object.iter().next() else { return Ok(Value::Null) };
    let scalar = match kind.as_str() {
        "stringValue" => value.as_str().map(Value::from),
        "boolValue" => value.as_bool().map(Value::from),
        "intValue" => integer(value).map(|value| value.to_string().into()),
        "doubleValue" => double(value).map(Value::Number),
        "bytesValue" => value.as_str().and_then(|text| Some(base64::encode(base64::decode(text)?).into())),
        "arrayValue" => {
            let values = values(value, key)?.map(|values| values.as_array().ok_or_else(malformed));
            let values = values.transpose()?.into_iter().flatten();
            return values.map(|value| any_value(value, key)).collect::<Result<Vec<_>, _>>().map(Value::from);
        }
        "kvlistValue" => {
            let values = values(value, key)?;
            return values.map_or(Ok(json!({})), |values| Ok(members(values, key)?.into()));
        }
        _ => None,
    };
    scalar.map(|scalar| json!({ kind: scalar })).ok_or_else(malformed)
}

/// Returns the only field of a list or map, which is absent if it is empty.
fn values<'v>(list: &'v Value, key: &str) -> Result<Option<&'v Value>, IntegrityError> {
    let list = list.as_object().ok_or_else(|| IntegrityError::Malformed(key.to_owned()))?;
    match list.keys().find(|name| *name != "values") {
        Some(other) => Err(IntegrityError::Uncovered(format!("{key}.{other}"))),
        None => Ok(list.get("values")),
    }
}

/// Returns a 64-bit integer, which OTLP's JSON writes as a decimal string or a number. Programs disagree about the value of
/// any other text, such as `+1`.
fn integer(value: &Value) -> Option<i64> {
    let text = number_text(value)?;
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

/// Returns a finite double, which OTLP's JSON writes as a number or a string.
fn double(value: &Value) -> Option<Number> {
    let text = number_text(value)?;
    // JSON's grammar, without the white space that it allows around a number.
    serde_json::from_str::<Number>(&text).ok().filter(|_| text.trim() == text)?;
    text.parse().ok().and_then(Number::from_f64)
}

fn number_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(record: Value) -> Result<String, IntegrityError> {
        let Value::Object(record) = record else { panic!("{record} is not an object") };
        payload(&record).and_then(|payload| canonical(&payload)).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn every_covered_field_is_in_its_form() {
        let record = json!({
            "timeUnixNano": "1714041600000000001", "observedTimeUnixNano": 7,
            "severityNumber": 9, "severityText": "INFO", "flags": 1, "droppedAttributesCount": 0,
            "eventName": "job.delete", "body": { "stringValue": "é\n" },
            "traceId": "0AF7651916CD43DD8448EB211C80319C", "spanId": "0000000000000000",
            "attributes": [
                { "key": "z", "value": { "intValue": "9223372036854775807" } },
                { "key": "i", "value": { "intValue": -5 } },
                { "key": "d", "value": { "doubleValue": 1e21 } },
                { "key": "one", "value": { "doubleValue": 1.0 } },
                { "key": "b", "value": { "boolValue": false } },
                { "key": "y", "value": { "bytesValue": "3q0=" } },
                { "key": "s", "value": { "arrayValue": { "values": [{ "stringValue": "x" }, {}] } } },
                { "key": "m", "value": { "kvlistValue": { "values": [{ "key": "k", "value": { "intValue": "1" } }] } } },
                { "key": "audit.integrity.value", "value": { "stringValue": "AAAA" } },
            ],
        });
        assert_eq!(
            text_of(record).unwrap(),
            concat!(
                r#"{"attributes":{"b":{"boolValue":false},"d":{"doubleValue":1e+21},"i":{"intValue":"-5"},"#,
                r#""m":{"k":{"intValue":"1"}},"one":{"doubleValue":1},"s":[{"stringValue":"x"},null],"#,
                r#""y":{"bytesValue":"3q0="},"z":{"intValue":"9223372036854775807"}},"body":"é\n","#,
                r#""event_name":"job.delete","observed_timestamp":"7","timestamp":"1714041600000000001","#,
                r#""trace_id":"0af7651916cd43dd8448eb211c80319c"}"#,
            )
        );
        let empty = json!([
            { "key": "a", "value": { "arrayValue": {} } }, { "key": "m", "value": { "kvlistValue": {} } }
        ]);
        assert_eq!(text_of(json!({ "attributes": empty })).unwrap(), r#"{"attributes":{"a":[],"m":{}}}"#);
        assert_eq!(text_of(json!({ "timeUnixNano": "0", "attributes": [], "body": {} })).unwrap(), "{}");
    }

    #[test]
    fn what_is_not_covered_or_ambiguous_is_rejected() {
        let attribute = |value: Value| json!({ "attributes": [{ "key": "k", "value": value }] });
        for record in [
            json!({ "body": { "kvlistValue": { "values": [] } } }),
            json!({ "body": { "stringValue": "a", "intValue": "1" } }),
            json!({ "event_name": "job.delete" }),
            json!({ "attributes": [{ "key": "k", "value": {}, "other": 1 }] }),
            json!({ "attributes": [{ "key": "k", "value": {} }, { "key": "k", "value": {} }] }),
            attribute(json!({ "stringValue": "a", "intValue": "1" })),
            attribute(json!({ "intValue": "1.5" })),
            attribute(json!({ "intValue": "+401" })),
            attribute(json!({ "intValue": "000401" })),
            attribute(json!({ "intValue": "-0" })),
            attribute(json!({ "intValue": " 1" })),
            attribute(json!({ "doubleValue": "+1.5" })),
            attribute(json!({ "doubleValue": "01.5" })),
            attribute(json!({ "doubleValue": ".5" })),
            attribute(json!({ "doubleValue": "1.5 " })),
            attribute(json!({ "doubleValue": "inf" })),
            json!({ "timeUnixNano": "+1714041600000000001" }),
            json!({ "timeUnixNano": "01714041600000000001" }),
            attribute(json!({ "doubleValue": "NaN" })),
            attribute(json!({ "bytesValue": "3q0" })),
            attribute(json!({ "otherValue": "1" })),
            attribute(json!({ "arrayValue": { "values": [], "other": 1 } })),
            attribute(json!({ "kvlistValue": { "other": [] } })),
            attribute(json!({ "arrayValue": [] })),
            attribute(json!({ "kvlistValue": "a" })),
            json!({ "timeUnixNano": "-1" }),
            json!({ "timeUnixNano": "18446744073709551615" }),
            json!({ "traceId": "0af7" }),
            json!({ "attributes": [{ "key": "audit.integrity.approved_by", "value": { "stringValue": "ada" } }] }),
        ] {
            assert!(text_of(record.clone()).is_err(), "{record}");
        }
    }

    /// Records of one payload, however their texts differ, are rebuilt as one record.
    #[test]
    fn a_record_is_rebuilt_from_its_payload_alone() {
        let record = |number: Value, id: &str, bytes: &str, time: Value| {
            json!({
                "timeUnixNano": time, "traceId": id, "eventName": "a", "severityNumber": 9, "body": { "stringValue": "b" },
                "attributes": [
                    { "key": "i", "value": { "intValue": number } },
                    { "key": "m", "value": { "kvlistValue": { "values": [
                        { "key": "stringValue", "value": { "bytesValue": bytes } }, { "key": "none", "value": {} },
                    ] } } },
                    { "key": "l", "value": { "arrayValue": { "values": [{ "doubleValue": 1.5 }, {}] } } },
                    { "key": "audit.integrity.value", "value": { "stringValue": "AAAA" } },
                ],
            })
        };
        let id = "0AF7651916CD43DD8448EB211C80319C";
        let rebuilt = [
            record(json!("401"), &id.to_lowercase(), "3q0=", json!("7")),
            record(json!(401), id, "3q0=", json!(7)),
        ]
        .map(|record| {
            let Value::Object(mut record) = record else { panic!("not an object") };
            let covered = payload(&record).unwrap();
            rebuild(&mut record, &covered);
            assert_eq!(payload(&record).unwrap(), covered);
            Value::Object(record)
        });
        assert_eq!(rebuilt[0], rebuilt[1]);
        assert_eq!(rebuilt[0], record(json!("401"), &id.to_lowercase(), "3q0=", json!("7")));
    }
}
