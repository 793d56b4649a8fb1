//! Objects of JSON, of members by their paths.

use serde_json::{Map, Value};

use crate::mapping::Said;

/// One object of all that is said: `a.b` is a member within a member, `a[].b` one of the only element of an array.
pub(crate) fn of(said: Said<'_>) -> Value {
    let mut root = Value::Object(Map::new());
    for (to, value) in said {
        put(&mut root, to, value);
    }
    root
}

/// Puts a value where its path says.
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
