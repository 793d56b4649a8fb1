//! Exports as JSON (OTLP's JSON encoding: lowerCamelCase names, IDs in hex). Unknown fields are skipped.

use std::fmt;

use countersign::base64;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::decoder::{Branch, Decoder, Fault};
use crate::record::LogRecord;
use crate::value::Value;

pub(super) struct Json;

/// The number of levels that `serde_json` refuses.
const MAX_JSON_LEVELS: usize = 128;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Export<'a> {
    #[serde(borrow, default)]
    resource_logs: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceLogs<'a> {
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    scope_logs: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeLogs<'a> {
    #[serde(borrow, default)]
    scope: Option<&'a RawValue>,
    #[serde(borrow, default)]
    log_records: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    attributes: Vec<Member>,
}

#[derive(Deserialize)]
struct Scope {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Record {
    time_unix_nano: Unsigned,
    observed_time_unix_nano: Unsigned,
    severity_number: Unsigned,
    severity_text: String,
    event_name: String,
    body: Option<AnyValue>,
    attributes: Vec<Member>,
    dropped_attributes_count: Unsigned,
    trace_id: Hex,
    span_id: Hex,
}

#[derive(Deserialize)]
struct Member {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: Option<AnyValue>,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default = "Vec::new")]
    values: Vec<T>,
}

impl Member {
    fn into_pair(self) -> (String, Value) {
        (self.key, self.value.map_or(Value::Empty, |value| value.0))
    }
}

/// A number, or a string with one: JSON has no 64-bit numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(serde_json::Number),
    Text(String),
}

impl NumberOrText {
    fn parse<T: std::str::FromStr, E: de::Error>(self) -> Result<T, E> {
        let text = match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        };
        text.parse().map_err(|_| E::custom("not a number of this type"))
    }
}

#[derive(Default)]
struct Unsigned(u64);

impl<'de> Deserialize<'de> for Unsigned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NumberOrText::deserialize(deserializer)?.parse().map(Self)
    }
}

/// Bytes in hex, which OTLP uses for IDs.
#[derive(Default)]
struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pairs = text.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
        let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bytes = is_hex.then(|| pairs.map(byte).collect::<Option<_>>()).flatten();
        bytes.map(Self).ok_or_else(|| D::Error::custom("not hex"))
    }
}

struct AnyValue(Value);

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = AnyValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyValue, A::Error> {
                let mut found = Value::Empty;
                while let Some(name) = map.next_key::<String>()? {
                    found = match name.as_str() {
                        "stringValue" => Value::String(map.next_value()?),
                        "boolValue" => Value::Bool(map.next_value()?),
                        "intValue" => Value::Int(map.next_value::<NumberOrText>()?.parse()?),
                        "doubleValue" => Value::Double(map.next_value::<NumberOrText>()?.parse()?),
                        "bytesValue" => Value::Bytes(bytes(&map.next_value::<String>()?)?),
                        "arrayValue" => {
                            let values = map.next_value::<List<AnyValue>>()?.values;
                            Value::Array(values.into_iter().map(|value| value.0).collect())
                        }
                        "kvlistValue" => {
                            let members = map.next_value::<List<Member>>()?.values;
                            Value::Map(members.into_iter().map(Member::into_pair).collect())
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            found
                        }
                    };
                }
                Ok(AnyValue(found))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Decodes base64, of which Protobuf's JSON accepts both alphabets, with and without padding.
fn bytes<E: de::Error>(text: &str) -> Result<Vec<u8>, E> {
    let mut standard = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    while !standard.len().is_multiple_of(4) {
        standard.push('=');
    }
    base64::decode(standard).ok_or_else(|| E::custom("not base64"))
}

fn parse<'a, T: Deserialize<'a>>(part: &'a RawValue) -> Result<T, Fault> {
    object(part.get())
}

/// Parses an object. An array is not accepted in place of one.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    let is_object = text.trim_ascii_start().starts_with('{');
    let parsed = is_object.then(|| serde_json::from_str(text).ok());
    parsed.flatten().ok_or(Fault::Malformed)
}

/// True if valid JSON nests deeper than `serde_json` parses, which reports this as any other fault.
fn is_deep(json: &str) -> bool {
    let (mut levels, mut in_string) = (0_usize, false);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => _ = bytes.next(),
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => levels += 1,
            b'}' | b']' if !in_string => levels -= 1,
            _ => {}
        }
        if levels >= MAX_JSON_LEVELS {
            return true;
        }
    }
    false
}

impl<'a> Decoder<'a> for Json {
    type Part = &'a RawValue;

    fn resources(&self, body: &'a [u8]) -> Result<Vec<&'a RawValue>, Fault> {
        let export: Export<'a> = object(str::from_utf8(body).map_err(|_| Fault::Malformed)?)?;
        Ok(export.resource_logs)
    }

    fn scopes(&self, resource: &'a RawValue) -> Result<Branch<&'a RawValue>, Fault> {
        let ResourceLogs { resource, scope_logs } = parse(resource)?;
        Ok(Branch { head: resource, list: scope_logs })
    }

    fn records(&self, scope: &'a RawValue) -> Result<Branch<&'a RawValue>, Fault> {
        let ScopeLogs { scope, log_records } = parse(scope)?;
        Ok(Branch { head: scope, list: log_records })
    }

    fn resource(&self, part: &'a RawValue) -> Result<Vec<(String, Value)>, Fault> {
        let resource: Resource = parse(part)?;
        Ok(resource.attributes.into_iter().map(Member::into_pair).collect())
    }

    fn scope(&self, part: &'a RawValue) -> Result<String, Fault> {
        parse::<Scope>(part).map(|scope| scope.name)
    }

    fn record(&self, part: &'a RawValue) -> Result<LogRecord<'static>, Fault> {
        let deep = |fault| if is_deep(part.get()) { Fault::Deep } else { fault };
        let record: Record = parse(part).map_err(deep)?;
        Ok(LogRecord {
            source: <&crate::record::Source>::default(),
            time_unix_nano: record.time_unix_nano.0,
            observed_time_unix_nano: record.observed_time_unix_nano.0,
            severity_number: record.severity_number.0,
            severity_text: record.severity_text,
            event_name: record.event_name,
            body: record.body.map(|body| body.0),
            attributes: record.attributes.into_iter().map(Member::into_pair).collect(),
            dropped_attributes_count: record.dropped_attributes_count.0,
            trace_id: record.trace_id.0,
            span_id: record.span_id.0,
        })
    }

    fn bytes(&self, part: &'a RawValue) -> usize {
        part.get().len()
    }
}
