//! Access to the attributes of the records of an export.

use countersign_ingest::RESERVED_ATTRIBUTES;
use serde_json::{Map, Value, json};

use crate::IntegrityError;

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// Returns the object in this field; creates it if the field is missing.
pub(crate) fn object_in<'v>(parent: &'v mut Object, name: &str) -> Result<&'v mut Object, IntegrityError> {
    let value = parent.entry(name).or_insert_with(|| json!({}));
    value.as_object_mut().ok_or_else(|| IntegrityError::Malformed(name.to_owned()))
}

/// Returns the attributes of a record or resource; creates an empty list if there is none.
pub(crate) fn attributes(parent: &mut Object) -> Result<&mut Vec<Value>, IntegrityError> {
    let value = parent.entry("attributes").or_insert_with(|| json!([]));
    value.as_array_mut().ok_or_else(|| IntegrityError::Malformed("attributes".into()))
}

/// Returns the string of the attribute with this key.
pub(crate) fn string_of<'v>(
    attributes: &'v [Value],
    key: &'static str,
) -> Result<Option<&'v str>, IntegrityError> {
    let mut found = attributes.iter().filter(|attribute| attribute["key"] == key);
    let Some(attribute) = found.next() else { return Ok(None) };
    // Two attributes with one key: readers disagree about which one counts.
    let text = attribute["value"]["stringValue"].as_str().filter(|_| found.next().is_none());
    text.map(Some).ok_or_else(|| IntegrityError::Malformed(key.to_owned()))
}

/// Sets an attribute to a string.
pub(crate) fn set(attributes: &mut Vec<Value>, key: &str, value: &str) {
    attributes.retain(|attribute| attribute["key"] != key);
    attributes.push(json!({ "key": key, "value": { "stringValue": value } }));
}

/// Returns the elements of a list of objects.
pub(crate) fn elements<'v>(
    parent: &'v mut Object,
    name: &'static str,
) -> Result<impl Iterator<Item = Result<&'v mut Object, IntegrityError>>, IntegrityError> {
    let malformed = move || IntegrityError::Malformed(name.to_owned());
    let list = parent.get_mut(name).and_then(Value::as_array_mut).ok_or(IntegrityError::NotARecord)?;
    Ok(list.iter_mut().map(move |one| one.as_object_mut().ok_or_else(malformed)))
}

/// True if only a verifier may add this attribute.
pub(crate) fn is_reserved(attribute: &Value) -> bool {
    attribute["key"].as_str().is_some_and(|key| key.starts_with(RESERVED_ATTRIBUTES))
}
