//! Where in an event something stands: `userIdentity.arn`, `target[type=User].id`, `entity.*.name`.

use super::definition::Unusable;
use crate::value::Value;

/// The most steps of a path.
const MOST: usize = 16;

/// A path, as it was written and in its steps.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// Whether it begins at the whole event, even where what is read is within it.
    from_root: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    /// The member of this name.
    Member(String),
    /// Each member.
    Members,
    /// The element at this place.
    Nth(usize),
    /// Each element.
    Elements,
    /// Each element whose member says this.
    Where(String, String),
}

impl Path {
    /// The whole of what is read.
    pub(super) fn here() -> Self {
        Self { from_root: false, steps: Vec::new() }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        let fault = |problem: &str| {
            Unusable::new(
                "",
                format!("{text:?} is no path: {problem}"),
                "a path is names parted by dots, such as actor.id or target[type=User].id; \
                 a name with other characters stands in '…'",
            )
        };
        let mut path = Self::here();
        let mut rest = text;
        if let Some(after) = text.strip_prefix('$') {
            path.from_root = true;
            rest = match after.strip_prefix('.') {
                Some(names) => names,
                None if after.is_empty() => return Ok(path),
                None => return Err(fault("after $ comes a dot")),
            };
        }
        loop {
            if let Some(after) = rest.strip_prefix('*') {
                path.steps.push(Step::Members);
                rest = after;
            } else {
                let (name, after) = name(rest).ok_or_else(|| fault("a name is missing, or has no end"))?;
                path.steps.push(Step::Member(name));
                rest = after;
            }
            while let Some(inner) = rest.strip_prefix('[') {
                let (step, after) = element(inner)
                    .ok_or_else(|| fault("in brackets stands nothing, a place, or a name = a value"))?;
                path.steps.push(step);
                rest = after;
            }
            if path.steps.len() > MOST {
                return Err(fault("it has more than 16 steps"));
            }
            match rest.strip_prefix('.') {
                Some(more) => rest = more,
                None if rest.is_empty() => return Ok(path),
                None => return Err(fault("names are parted by dots")),
            }
        }
    }

    /// The member of the whole event that must be there for anything to be found.
    pub(super) fn root(&self) -> Option<&str> {
        match self.steps.first() {
            Some(Step::Member(name)) => Some(name),
            _ => None,
        }
    }

    /// Hands out what stands there, in its order, until `each` says that it is enough; whether it did.
    pub(super) fn find<'v>(
        &self,
        root: Value<'v>,
        here: Value<'v>,
        each: &mut dyn FnMut(Value<'v>) -> bool,
    ) -> bool {
        walk(&self.steps, if self.from_root { root } else { here }, each)
    }

    /// The first that stands there.
    pub(super) fn first<'v>(&self, root: Value<'v>, here: Value<'v>) -> Option<Value<'v>> {
        let mut first = None;
        self.find(root, here, &mut |value| {
            first = Some(value);
            true
        });
        first
    }
}

/// A name, and what comes after it.
fn name(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let (name, rest) = quoted.split_once('\'')?;
        return (!name.is_empty()).then(|| (name.to_owned(), rest));
    }
    let end = text.find(['.', '[', ']', '=', '*', '\'', '{', '}', ' ']).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// What stands in brackets, and what comes after them.
fn element(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix(']') {
        return Some((Step::Elements, rest));
    }
    let (first, rest) = name(text)?;
    if let Some(rest) = rest.strip_prefix(']') {
        return Some((Step::Nth(first.parse().ok()?), rest));
    }
    let (value, rest) = name(rest.strip_prefix('=')?)?;
    Some((Step::Where(first, value), rest.strip_prefix(']')?))
}

// Each step goes to values within the one before it, which no two of them share: a path costs no more than the event
// has values, once for each of its steps.
fn walk<'v>(steps: &[Step], value: Value<'v>, each: &mut dyn FnMut(Value<'v>) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else { return each(value) };
    match step {
        Step::Member(name) => value.get(name).is_some_and(|value| walk(rest, value, each)),
        Step::Members => value.members().any(|(_, value)| walk(rest, value, each)),
        Step::Nth(place) => value.elements().nth(*place).is_some_and(|value| walk(rest, value, each)),
        Step::Elements => value.elements().any(|value| walk(rest, value, each)),
        Step::Where(name, wanted) => value.elements().any(|element| {
            element.get(name).and_then(Value::text).is_some_and(|says| says == *wanted)
                && walk(rest, element, each)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Document;

    fn found(path: &str) -> Vec<String> {
        let text = r#"{"a":{"b":[{"k":"x","v":1},{"k":"y.z","v":2},{"k":"x","v":3}],"c.d":"e"},"o":{"t":"s","s":{"i":4}}}"#;
        let document = Document::parse(text).unwrap();
        let mut found = Vec::new();
        let path = Path::parse(path).unwrap();
        path.find(document.root(), document.root().get("a").unwrap(), &mut |value| {
            found.extend(value.text().map(std::borrow::Cow::into_owned));
            false
        });
        found
    }

    #[test]
    fn goes_where_it_says() {
        for (path, values) in [
            ("b[0].v", &["1"][..]),
            ("b[].v", &["1", "2", "3"]),
            ("b[k=x].v", &["1", "3"]),
            ("b[k='y.z'].v", &["2"]),
            ("b[7].v", &[]),
            ("b.v", &[]),
            ("'c.d'", &["e"]),
            ("$.a.'c.d'", &["e"]),
            ("$.o.*.i", &["4"]),
            ("$.o.*", &["s"]),
            ("o", &[]),
        ] {
            assert_eq!(found(path), values, "{path}");
        }
    }

    #[test]
    fn tells_what_is_no_path() {
        let long = vec!["a"; 17].join(".");
        for path in [
            "", ".", "a.", ".a", "a..b", "a[", "a[0", "a[x]", "a[k=]", "a[=v]", "'a", "''", "a b", "$a",
            &long,
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }
}
