//! Builds nested JSON objects from fields with paths.

use serde_json::{Map, Value};

use crate::mapping::Fields;

/// Builds an object of all fields. The path `a.b` is a nested field, and `a[].b` a field of the only element of an
/// array.
pub(crate) fn build(fields: Fields<'_>) -> Value {
    let mut root = Value::Object(Map::new());
    for (to, value) in fields {
        put(&mut root, to, value);
    }
    root
}

/// Sets the value at a path.
pub(crate) fn put(root: &mut Value, path: &str, value: Value) {
    let mut at = root;
    for name in path.split('.') {
        let (name, is_list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[name];
        if is_list {
            if !at.is_array() {
                *at = Value::Array(vec![Value::Null]);
            }
            at = &mut at[0];
        }
    }
    *at = value;
}
