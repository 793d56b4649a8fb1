//! The fields of example events, by path.

use std::borrow::Cow;

use countersign_query::value::{Kind, Value};

use super::type_name;

/// The maximum depth at which fields are found.
const MAX_DEPTH: usize = 5;
/// The maximum number of fields.
const MAX_FIELDS: usize = 500;

/// A field with a value in at least one event.
pub(super) struct Field<'v> {
    /// The path as a parser file has it.
    pub(super) path: String,
    /// The names on the path, in lower case and without separators.
    names: Vec<String>,
    /// The values, one for each event that has one.
    pub(super) values: Vec<Value<'v>>,
}

impl Field<'_> {
    /// True if the field's name, or the last names of its path together, are this word.
    pub(super) fn is_called(&self, word: &str) -> bool {
        let mut joined = String::new();
        self.names.iter().rev().any(|name| {
            joined.insert_str(0, name);
            joined == word
        })
    }

    /// Returns the rest of the field's name after a word, or its name if the object around it has the word as its name:
    /// `id` for `userId` and for `user.id`.
    pub(super) fn rest_after(&self, word: &str) -> Option<String> {
        let (last, before) = self.names.split_last()?;
        let is_word = |name: &String| name == word || name.strip_suffix('s') == Some(word);
        if before.last().is_some_and(is_word) {
            return Some(last.clone());
        }
        last.strip_prefix(word).map(str::to_owned)
    }

    pub(super) fn is_text(&self) -> bool {
        self.values.iter().all(|value| value.kind() == Kind::Text)
    }

    pub(super) fn is_scalar(&self) -> bool {
        self.values.iter().all(|value| matches!(value.kind(), Kind::Text | Kind::Number))
    }

    /// Returns the type of all values as a parser file has it, if it is the same.
    pub(super) fn type_name(&self) -> Option<&'static str> {
        let first = self.values.first()?.kind();
        self.values.iter().all(|value| value.kind() == first).then(|| type_name(first))?
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.values.iter().filter_map(|value| value.text())
    }

    /// Returns the text of all values, if it is the same.
    pub(super) fn single_text(&self) -> Option<Cow<'_, str>> {
        let first = self.texts().next()?;
        self.texts().all(|text| text == first).then_some(first)
    }
}

/// Returns the fields of events, in the order of the first event that has them.
pub(super) fn fields<'v>(events: &[Value<'v>]) -> Vec<Field<'v>> {
    let mut fields = Vec::new();
    for event in events {
        add(*event, "", &[], &mut fields);
    }
    fields
}

fn add<'v>(object: Value<'v>, path: &str, names: &[String], fields: &mut Vec<Field<'v>>) {
    if names.len() == MAX_DEPTH {
        return;
    }
    for (name, value) in object.members() {
        let name = name.text();
        let Some(quoted) = quoted(&name) else { continue };
        let path = if path.is_empty() { quoted } else { format!("{path}.{quoted}") };
        let names: Vec<String> = names.iter().cloned().chain([normalized(&name)]).collect();
        match value.kind() {
            Kind::Object => add(value, &path, &names, fields),
            Kind::Array => {
                // Only the first element, which is the one that a path finds first.
                let path = format!("{path}[]");
                match value.elements().next() {
                    Some(first) if first.kind() == Kind::Object => add(first, &path, &names, fields),
                    Some(first) => add_value(first, path, names, fields),
                    None => {}
                }
            }
            _ => add_value(value, path, names, fields),
        }
    }
}

fn add_value<'v>(value: Value<'v>, path: String, names: Vec<String>, fields: &mut Vec<Field<'v>>) {
    if value.non_empty_text().is_none() {
        return;
    }
    if let Some(field) = fields.iter_mut().find(|field| field.path == path) {
        field.values.push(value);
    } else if fields.len() < MAX_FIELDS {
        fields.push(Field { path, names, values: vec![value] });
    }
}

/// Returns a name as a path has it. `None` for one that a path can't contain.
fn quoted(name: &str) -> Option<String> {
    if name.is_empty() || name.contains('\'') {
        return None;
    }
    let is_plain = !name.starts_with('$') && !name.contains(['.', '[', ']', '=', '*', '{', '}', ' ']);
    Some(if is_plain { name.to_owned() } else { format!("'{name}'") })
}

/// Returns a name in lower case, without separators.
fn normalized(name: &str) -> String {
    name.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
