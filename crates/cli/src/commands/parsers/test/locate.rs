//! Finds the place of a value in a JSON text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A place in a text; both numbers start at 1, and columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Returns the place of the value at a path such as `outcome[0].map`, or of the innermost value around it that exists.
pub(super) fn locate(text: &str, path: &str) -> Position {
    let found = serde_json::from_str(text).map_or(text, |value: &RawValue| find(value, path));
    // The value is a part of the text.
    let offset = (found.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

/// Returns the text of the value at a path. A name in the path may itself contain dots and brackets, so the longest
/// field name that fits is used.
fn find<'t>(value: &'t RawValue, path: &str) -> &'t str {
    let text = value.get();
    if path.is_empty() {
        return text;
    }
    if let Some((nth, rest)) = path.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
        let element = nth.parse().ok().and_then(|nth: usize| elements.get(nth).copied());
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        // A single value counts as an array of one.
        return element.map_or_else(|| find(value, rest), |element| find(element, rest));
    }
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    let fitting = members.into_iter().filter_map(|(name, member)| {
        let rest = path.strip_prefix(&*name)?;
        (rest.is_empty() || rest.starts_with(['.', '['])).then(|| (name.len(), member, rest.len()))
    });
    match fitting.max_by_key(|(length, ..)| *length) {
        Some((_, member, rest)) => find(member, path[path.len() - rest..].trim_start_matches('.')),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_values_by_their_paths() {
        let text = "{\n  \"when\": {\"a.b\": {\"is\": [\"ä\", 7]}},\n  \"outcome\": \"=fine\"\n}";
        for (path, line, column) in [
            ("", 1, 1),
            ("when", 2, 11),
            ("when.a.b.is", 2, 26),
            ("when.a.b.is[1]", 2, 32),
            ("outcome[0]", 3, 14),
            ("actor", 1, 1),
            ("when.a.b.else", 2, 19),
        ] {
            assert_eq!(locate(text, path), Position { line, column }, "{path}");
        }
    }

    #[test]
    fn invalid_text_has_a_place() {
        assert_eq!(locate("", "x"), Position { line: 1, column: 1 });
        assert_eq!(locate("[", "[0]"), Position { line: 1, column: 1 });
    }
}
