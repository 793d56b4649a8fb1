//! The shape of an event: its fields and their types, without values.

use std::collections::BTreeMap;

use countersign_query::value::{Kind, Value};

/// The maximum number of fields in a shape; others are ignored.
const MAX_FIELDS: usize = 64;
/// The maximum number of characters of a field name, above which it is probably data.
const MAX_NAME_CHARS: usize = 40;

/// The paths of an event's fields, sorted, each with its type. Empty values are left out, like absent fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    pub(super) fields: BTreeMap<String, &'static str>,
}

impl Shape {
    /// Returns the shape of an event, with fields of at most `depth` levels.
    pub(super) fn new(event: Value<'_>, depth: usize) -> Self {
        let mut shape = Self::default();
        shape.add(event, "", depth);
        shape
    }

    fn add(&mut self, object: Value<'_>, path: &str, depth: usize) {
        for (name, value) in object.members() {
            if self.fields.len() >= MAX_FIELDS {
                return;
            }
            if is_empty(value) {
                continue;
            }
            let name = without_data(&name.text());
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            if value.kind() == Kind::Object && depth > 1 {
                self.add(value, &path, depth - 1);
            } else {
                self.fields.insert(path, type_name(value.kind()));
            }
        }
    }

    /// Returns the number of bytes in memory, approximately.
    pub(super) fn bytes(&self) -> usize {
        self.fields.keys().map(|path| path.len() + 64).sum()
    }
}

fn is_empty(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Null => true,
        Kind::Object => value.members().next().is_none(),
        Kind::Array => value.elements().next().is_none(),
        Kind::Text => value.string().is_none_or(|text| text.is_empty()),
        Kind::Number | Kind::Bool => false,
    }
}

/// Replaces a name that is probably data, such as an address or an identifier, so that it neither splits shapes nor is
/// shown.
fn without_data(name: &str) -> String {
    let digits = name.chars().filter(char::is_ascii_digit).count();
    let is_data = name.is_empty()
        || name.chars().count() > MAX_NAME_CHARS
        || name.contains(['@', '/'])
        || digits * 2 >= name.chars().count()
        || digits > 0
            && name.chars().count() >= 16
            && name.chars().all(|char| char.is_ascii_hexdigit() || char == '-');
    if is_data { "*".to_owned() } else { name.to_owned() }
}

pub(super) const fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Object => "object",
        Kind::Array => "array",
        Kind::Text => "string",
        Kind::Number => "number",
        Kind::Bool => "boolean",
        Kind::Null => "null",
    }
}

#[cfg(test)]
mod tests {
    use countersign_query::value::Document;

    use super::*;

    fn fields(event: &str, depth: usize) -> Vec<String> {
        let document = Document::parse(event).unwrap();
        let shape = Shape::new(document.root(), depth);
        shape.fields.iter().map(|(path, kind)| format!("{path} {kind}")).collect()
    }

    #[test]
    fn shapes_have_paths_and_types_but_no_values() {
        let event = r#"{"b":{"c":{"d":1},"e":"secret"},"a":[1],"n":null,"s":"","t":true}"#;
        assert_eq!(fields(event, 2), ["a array", "b.c object", "b.e string", "t boolean"]);
        assert_eq!(fields(event, 1), ["a array", "b object", "t boolean"]);
    }

    #[test]
    fn names_that_are_data_are_replaced() {
        let event = r#"{"by":{"ada@example.com":1,"5f2b7c9e-1111-4aaa-8bbb-0123456789ab":2,"10.0.0.1":3}}"#;
        assert_eq!(fields(event, 2), ["by.* number"]);
        assert_eq!(fields(r#"{"oauth2":"x","ipv4Address":"x","sha256":"y"}"#, 2).len(), 3);
    }
}
