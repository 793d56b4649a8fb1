//! Fields that differ between `before` and `after`.

use countersign_query::value::{Kind, Value};

/// Limits: changed fields per event, nesting depth, and fields per object.
const MAX_CHANGES: usize = 64;
const MAX_DEPTH: usize = 8;
const MAX_FIELDS: usize = 256;

/// Completeness of the reported changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completeness {
    All,
    More,
}

/// Encodes a path as an unambiguous string.
pub(crate) fn key<N: AsRef<str>>(names: &[N]) -> String {
    let mut key = String::new();
    for name in names {
        extend(&mut key, name.as_ref());
    }
    key
}

fn extend(key: &mut String, name: &str) {
    key.push_str(&name.len().to_string());
    key.push(':');
    key.push_str(name);
}

/// Calls `accept` with the key of each field that differs. Follows only objects, as `changed:` does.
pub(crate) fn each(event: Value<'_>, accept: &mut dyn FnMut(&str)) -> Completeness {
    let (before, after) = (event.get("before"), event.get("after"));
    let mut walk = Walk { accept, left: MAX_CHANGES, key: String::new(), completeness: Completeness::All };
    walk.sides(before, after, 0);
    walk.completeness
}

struct Walk<'t> {
    accept: &'t mut dyn FnMut(&str),
    left: usize,
    key: String,
    completeness: Completeness,
}

impl Walk<'_> {
    fn sides(&mut self, before: Option<Value<'_>>, after: Option<Value<'_>>, depth: usize) {
        let is_object = |side: Option<Value<'_>>| side.is_some_and(|side| side.kind() == Kind::Object);
        if !is_object(before) && !is_object(after) {
            return;
        }
        let members =
            |side: Option<Value<'_>>| side.map_or(0, |side| side.members().take(MAX_FIELDS + 1).count());
        if depth == MAX_DEPTH || members(before).max(members(after)) > MAX_FIELDS {
            self.completeness = Completeness::More;
            return;
        }
        for (name, value) in before.iter().flat_map(|side| side.members()) {
            let name = name.text();
            self.member(&name, Some(value), after.and_then(|after| after.get(&name)), depth);
        }
        for (name, value) in after.iter().flat_map(|side| side.members()) {
            let name = name.text();
            if before.is_none_or(|before| before.get(&name).is_none()) {
                self.member(&name, None, Some(value), depth);
            }
        }
    }

    fn member(&mut self, name: &str, before: Option<Value<'_>>, after: Option<Value<'_>>, depth: usize) {
        if let (Some(before), Some(after)) = (before, after)
            && before.same(after)
        {
            return;
        }
        if self.left == 0 {
            self.completeness = Completeness::More;
            return;
        }
        self.left -= 1;
        let length = self.key.len();
        extend(&mut self.key, name);
        if self.key.len() <= crate::values::MAX_STORED_BYTES {
            (self.accept)(&self.key);
            self.sides(before, after, depth + 1);
        } else {
            self.completeness = Completeness::More;
        }
        self.key.truncate(length);
    }
}
